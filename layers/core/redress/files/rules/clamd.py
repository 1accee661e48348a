"""The protocol of clamd for a scan: what is sent, and what its answer means.

The source is clamd's manual page, sections "INSTREAM" and "COMMANDS". A command with the prefix `z`
ends with a null character, and so does its answer. The content follows in chunks. Each begins with
its length as four bytes, most significant first. A chunk of length zero ends the content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

COMMAND = b"zINSTREAM\0"
END = b"\0\0\0\0"
"""The chunk of length zero."""
MOST_ANSWER = 4096
"""The most bytes of an answer that are read. The name of a signature is much shorter."""

TOO_LARGE = "larger than the scanner takes"
ENCRYPTED = "encrypted, so that no scanner can read it"
BEYOND_LIMITS = "an archive beyond the limits of the scanner"


class ScannerUnavailable(Exception):
    """The scanner gave no answer that says anything about the file. A later attempt may succeed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scanner says about a content.

    found      the name of what it found; "" if it found nothing
    unscanned  why it did not scan the content; "" if it did
    """

    found: str = ""
    unscanned: str = ""

    @property
    def clean(self) -> bool:
        """Whether the scanner has read everything and found nothing."""
        return not self.found and not self.unscanned


_FOUND = re.compile(r"stream: (\S.*) FOUND")
_HEURISTICS = (
    ("Heuristics.Encrypted.", ENCRYPTED),
    ("Heuristics.Limits.Exceeded", BEYOND_LIMITS),
)
"""What clamd "finds" if it was told to report what it cannot scan (`AlertEncrypted` and
`AlertExceedsMax` in clamd.conf)."""


def chunk(content: bytes) -> bytes:
    """Return one chunk of the content as it is sent. Raises ValueError if it is empty."""
    if not content:
        raise ValueError("an empty chunk would end the content")
    return len(content).to_bytes(4) + content


def answer_of(line: bytes, *, complete: bool) -> Answer:
    """Return what an answer of clamd means. `line` includes the null character at its end.

    `complete` says whether the whole content and END were sent. Only then "OK" is about the file.
    Raises ScannerUnavailable if the answer says nothing about the content.
    """
    if not line.endswith(b"\0"):
        raise ScannerUnavailable("the answer of the scanner has no end")
    text = line[:-1].decode("utf-8", "replace").strip()
    if text == "stream: OK":
        if not complete:
            raise ScannerUnavailable("the scanner answered before it had the whole content")
        return Answer()
    if found := _FOUND.fullmatch(text):
        name = found[1]
        for beginning, why in _HEURISTICS:
            if name.startswith(beginning):
                return Answer(unscanned=why)
        return Answer(found=name)
    if text.startswith("INSTREAM size limit exceeded"):
        return Answer(unscanned=TOO_LARGE)
    if text.endswith("ERROR"):
        raise ScannerUnavailable("the scanner answered with an error")
    raise ScannerUnavailable("the answer of the scanner is not one of clamd")
