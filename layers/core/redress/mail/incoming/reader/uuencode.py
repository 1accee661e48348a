"""Find uuencoded files in a text (POSIX, uuencode), without taking words for code.

Mails of this kind are damaged often: the last lines are missing, or an encoder writes lines that
are too long or too short. The words around a file matter more than the file, so a line counts as
code only if its form or the lines after it prove it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from redress.mail.incoming.reader.headers import base64
from redress.mail.incoming.reader.limits import Code, Defects

_BEGIN = re.compile(rb"^begin(-base64)? [0-7]{3,4}(?:[ \t]([^\r\n]{0,255}))?\r*$", re.MULTILINE)
_LINE = re.compile(rb"([^\n]*)(\n|\Z)")
_END_AFTER_LAST = re.compile(rb"\n(?:[ \t]*\r*\n){0,3}end[ \t\r]*(?=\n|\Z)")
_CHARACTERS = bytes(range(0x20, 0x61))
_NO_LENGTH = (1, 0)
_LENGTHS = [
    (1 + (n * 4 + 2) // 3, 2 + (n + 2) // 3 * 4) if 0 < n <= 45 else _NO_LENGTH
    for n in (first - 0x20 for first in range(256))
]
"""For each first character of a uuencoded line, the fewest and the most characters of the line. The
first character states how many bytes the line holds. The last group of four characters may be
complete, and some encoders add a checksum."""
_MOST_WAITING = 1_000
"""The most lines that wait for a later line to decide whether they are code."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_FULL_LINE = 40
"""The fewest characters of a base64 line that cannot be a word. Encoders write 60 or 76."""
_LAST_LINE = 16
"""The fewest characters of a shorter last line of base64, directly after a line of code."""


class _Line(Enum):
    """What a line of a file can be. MAYBE has the form of code with a wrong length."""

    CODE = "code"
    MAYBE = "maybe"
    BLANK = "blank"
    ZERO = "zero"
    END = "end"
    BEGIN = "begin"
    WORDS = "words"


@dataclass(slots=True)
class _File:
    """The lines of code of one file and the words between them.

    `stop` is the position after the file. `has_end` is true if a line marks the end of the file.
    """

    stop: int
    code: list[bytes] = field(default_factory=list)
    words: list[bytes] = field(default_factory=list)
    has_end: bool = False


def files_in(data: bytes, defects: Defects) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the uuencoded files (name, content) in a text, and the text without them.

    A file starts after a `begin` or `begin-base64` line. It ends with a line of length zero, with
    an `end` or `====` line, or before lines that are no code. A single line of words between lines
    of code is returned as text. A block without code stays in the text, and so does a file that has
    neither a name nor an end.
    """
    files: list[tuple[bytes, bytes]] = []
    rest: list[bytes] = []
    position = 0
    while (begin := _BEGIN.search(data, position)) is not None:
        found = _base64_file(data, begin.end() + 1) if begin[1] else _uu_file(data, begin.end() + 1)
        name = (begin[2] or b"").strip()
        if not found.code or not (name or found.has_end):
            rest.append(data[position : found.stop])
            position = found.stop
            continue
        if not found.has_end:
            defects.add(Code.BAD_UUENCODE, "no end")
        if found.words:
            defects.add(Code.BAD_UUENCODE, "line")
        rest += [data[position : begin.start()], *found.words]
        content = base64(b"".join(found.code), defects) if begin[1] else _uu(found.code, defects)
        files.append((name, content))
        position = found.stop
    return files, b"".join([*rest, data[position:]])


def _uu_file(data: bytes, first: int) -> _File:
    return _file(data, first, _uu_line)


def _base64_file(data: bytes, first: int) -> _File:
    """Read a file in base64. Its last line is shorter than the others, and may look like a word."""
    match = _LINE.match(data, first)
    width = len(match[1].rstrip()) if match is not None else 0
    found = _file(data, first, lambda line: _base64_line(line, width))
    match = _LINE.match(data, found.stop)
    if found.code and not found.has_end and match is not None:
        last = match[1].rstrip()
        if len(last) >= _LAST_LINE and len(last) % 4 == 0 and _BASE64.fullmatch(last):
            found.code.append(last)
            found.stop = match.end()
    return found


def _file(data: bytes, first: int, kind_of: Callable[[bytes], _Line]) -> _File:
    """Read the lines of one file. If a line may or may not be code, a later line decides."""
    found = _File(min(first, len(data)))
    waiting: list[tuple[_Line, bytes]] = []
    words, position = 0, first
    while position < len(data):
        end = data.find(b"\n", position)
        end = end if end >= 0 else len(data)
        line = data[position:end].rstrip(b"\r")
        kind = kind_of(line)
        if kind is not _Line.CODE or waiting:
            words += kind is _Line.WORDS
            if kind is _Line.BEGIN or words > 1 or (kind is _Line.END and words):
                break
            if kind in (_Line.MAYBE, _Line.BLANK, _Line.WORDS):
                waiting.append((kind, line))
                if len(waiting) > _MOST_WAITING:
                    break
                position = end + 1
                continue
            found.code += [one for waited, one in waiting if waited is _Line.MAYBE]
            found.words += [one + b"\n" for waited, one in waiting if waited is _Line.WORDS]
            waiting.clear()
            words = 0
        if kind is not _Line.CODE:
            after = _END_AFTER_LAST.match(data, end) if kind is _Line.ZERO else None
            found.stop, found.has_end = after.end() if after else end, True
            break
        found.code.append(line)
        found.stop = position = min(end + 1, len(data))
    return found


def _uu_line(line: bytes) -> _Line:
    shortest, longest = _LENGTHS[line[0]] if line else _NO_LENGTH
    if shortest <= len(line) <= longest and not line.translate(None, _CHARACTERS):
        return _Line.CODE
    if not line.strip():
        return _Line.BLANK
    if line.rstrip() == b"end":
        return _Line.END
    if not line.rstrip(b" `"):
        return _Line.ZERO
    if _LENGTHS[line[0]] == _NO_LENGTH or line.translate(None, _CHARACTERS):
        return _Line.BEGIN if _BEGIN.match(line) else _Line.WORDS
    return _Line.MAYBE


def _base64_line(line: bytes, width: int) -> _Line:
    line = line.rstrip()
    if not line:
        return _Line.BLANK
    if line == b"====":
        return _Line.END
    if _BASE64.fullmatch(line) is None:
        return _Line.BEGIN if _BEGIN.match(line) else _Line.WORDS
    is_full = _FULL_LINE <= len(line) == width
    is_padded = line.endswith(b"=") and len(line) % 4 == 0
    return _Line.CODE if is_full or is_padded else _Line.MAYBE


def _uu(lines: list[bytes], defects: Defects) -> bytes:
    found: list[bytes] = []
    for line in lines:
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            try:
                # Some encoders write too many characters. Cut the line to the length that its
                # first character states.
                found.append(binascii.a2b_uu(line[: _LENGTHS[line[0]][0]]))
            except binascii.Error:
                defects.add(Code.BAD_UUENCODE, "line")
    return b"".join(found)
