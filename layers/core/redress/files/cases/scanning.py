"""Scan one file: read it, ask the scanner, write the verdict on the object, and tell it.

The order matters. Nobody can read the file before the tag is written. Nobody gets a link to it
before the ticket has the verdict. A scanner that dies in between leaves a file that is held. The
sweep finds it (`files/cases/watching.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from redress.base.errors import NotFound
from redress.files.messages import Judged, Verdict, file_in
from redress.files.rules import eicar
from redress.files.rules.clamd import Answer
from redress.files.store.bucket import FILES
from redress.files.store.scans import ScannedFiles

Scanner = Callable[[Iterable[bytes]], Answer]
"""Reads a content and says what it found. Raises ScannerUnavailable."""


def only_eicar(pieces: Iterable[bytes]) -> Answer:
    """Find the test file of EICAR and nothing else. This protects nobody."""
    search = eicar.Search()
    for piece in pieces:
        search.add(piece)
    return Answer(found=eicar.NAME) if search.found else Answer()


class ScanCase:
    """Scans files of the bucket."""

    def __init__(self, files: ScannedFiles, scan: Scanner) -> None:
        self._files, self._scan = files, scan

    def judge(self, key: str, version: str | None) -> Judged | None:
        """Return the verdict about a file, which S3 and the ticket are told.

        Returns None if the key is not one of a file, or if the file was withdrawn meanwhile.
        Raises ScannerUnavailable if there is no verdict yet. Nothing was written then.
        """
        place = file_in(key)
        if place is None or f"{place[0]}/" != FILES:
            return None
        try:
            opened = self._files.open(key, version)
            verdict, reason = _verdict(self._scan(opened.pieces()))
            self._files.tag(key, opened.version, verdict, reason)
        except NotFound:
            return None
        return Judged(place[1], place[2], verdict, reason)


def _verdict(answer: Answer) -> tuple[Verdict, str]:
    if answer.found:
        return Verdict.FOUND, answer.found
    if answer.unscanned:
        return Verdict.UNSCANNED, answer.unscanned
    return Verdict.CLEAN, ""
