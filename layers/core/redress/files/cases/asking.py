"""What became of a file that waits long for its verdict: the answer to the sweep's question."""

from __future__ import annotations

from collections.abc import Callable

from redress.base.errors import NotFound
from redress.files.cases.arriving import ArrivingCase
from redress.files.cases.verdicts import VerdictCase
from redress.files.messages import Held, Judged, Verdict
from redress.files.store.bucket import file_key
from redress.files.store.scans import ScannedFiles
from redress.tickets.store.attached import AttachedStore


class AskingCase:
    def __init__(
        self,
        scanned: ScannedFiles,
        files: AttachedStore,
        arriving: ArrivingCase,
        verdicts: VerdictCase,
        copy_mail: Callable[[str, int, str], object],
    ) -> None:
        """`copy_mail` copies a file of a mail again, given its ticket, event and id."""
        self._scanned, self._files, self._arriving = scanned, files, arriving
        self._verdicts, self._copy_mail = verdicts, copy_mail

    def ask(self, asked: Held) -> bool:
        """Record the verdict that stands on the copy of a file, and return whether there is one.

        If there is none, or no copy, the file is copied again, and so scanned again. If its upload
        is not kept any more, nobody can scan it, and the ticket says so.
        """
        number, file = asked.number, asked.file
        try:
            verdict = self._scanned.verdict(file_key(number, file))
        except NotFound:
            verdict = None
        if verdict is None:
            known = self._files.find(number, file)
            if known is not None and known.of_mail and known.event is not None:
                self._copy_mail(number, known.event, file)
            elif self._arriving.refer(number, [file]):
                gone = "the file was not scanned in time"
                self._verdicts.judged(Judged(number, file, Verdict.UNSCANNED, gone))
            return False
        self._verdicts.judged(Judged(number, file, *verdict))
        return True
