"""Plain text of a part: what flows is joined (RFC 3676), what only points to HTML is recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUOTE = re.compile(r">*")
_STUB = re.compile(
    r"html|web version|in (?:your|a) browser|网页版|浏览器|瀏覽器|網頁版", re.IGNORECASE
)
_STUB_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Piece:
    """The same words as plain text and as HTML; either may be empty."""

    plain: str
    html: str


def is_stub(plain: str, shown: str) -> bool:
    """Whether the plain text says nothing, or only that the mail is to be read as HTML."""
    if not plain.strip():
        return True
    short = len(plain) < _STUB_LENGTH and len(shown.strip()) > len(plain)
    return short and _STUB.search(plain) is not None and _STUB.search(shown[:200]) is None


def flowed(text: str, *, delete: bool) -> str:
    """format=flowed as it was written: lines that end in a blank go on in the next one of the same
    depth of quotes. `delete`: that blank is not part of the text (DelSp=yes)."""
    found: list[str] = []
    parts: list[str] = []
    depth_before = 0
    for line in text.split("\n"):
        depth = _QUOTE.match(line).end()  # type: ignore[union-attr] # matches always
        rest = line[depth:].removeprefix(" ")
        goes_on = rest.endswith(" ") and rest != "-- "
        if parts and (depth != depth_before or rest == "-- "):
            found.append(_joined(depth_before, parts))
            parts = []
        parts.append(rest[:-1] if goes_on and delete else rest)
        depth_before = depth
        if not goes_on:
            found.append(_joined(depth, parts))
            parts = []
    if parts:
        found.append(_joined(depth_before, parts))
    return "\n".join(found)


def _joined(depth: int, parts: list[str]) -> str:
    text = "".join(parts)
    return f"{'>' * depth} {text}" if depth else text
