"""What became of a file that waits long for its verdict: the answer to the sweep's question."""

from __future__ import annotations

from redress.base.errors import NotFound
from redress.files.cases.arriving import ArrivingCase
from redress.files.cases.verdicts import VerdictCase
from redress.files.messages import Held, Judged
from redress.files.store.bucket import file_key
from redress.files.store.scans import ScannedFiles


class AskingCase:
    def __init__(
        self, scanned: ScannedFiles, arriving: ArrivingCase, verdicts: VerdictCase
    ) -> None:
        self._scanned, self._arriving, self._verdicts = scanned, arriving, verdicts

    def ask(self, asked: Held) -> bool:
        """Record the verdict that stands on the copy of a file, and return whether there is one.

        If there is none, or no copy, the file is copied again, and so scanned again.
        """
        number, file = asked.number, asked.file
        try:
            verdict = self._scanned.verdict(file_key(number, file))
        except NotFound:
            verdict = None
        if verdict is None:
            self._arriving.refer(number, [file])
            return False
        self._verdicts.judged(Judged(number, file, *verdict))
        return True
