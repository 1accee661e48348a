"""Names of files: how they travel with an upload, and how they are shown.

A name is only text. No key, no path and no type is made from it. A double ending such as
`bill.pdf.exe` stays, because readers must see it; every file is a download, whatever its ending.
"""

from __future__ import annotations

import re
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header
from urllib.parse import quote, unquote

from redress.base import texts
from redress.files.rules import kinds

NAME_LIMIT = 120
"""The most characters of a name. So it fits into the metadata of an object (2,048 bytes), even if
each character is written as `%F0%9F%93%B7`."""

ENDING_LIMIT = 20
"""The most characters after the last dot that a shortened name keeps."""

_UNSHOWN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\ufffd\ud800-\udfff]')
"""What no name needs: control characters, and what a file system refuses."""

_MARKS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
"""Marks that set or change the direction of text. In a name they only hide its ending."""


def shown(original: str, media_type: str) -> str:
    """Return the name that readers see. A name that nobody can see becomes `image.jpg`.

    It has no path, no control character, no mark of direction, and at most NAME_LIMIT characters.
    A longer name keeps its beginning and its ending.
    """
    last = re.split(r"[/\\]", original)[-1]
    plain = texts.cleaned_line(_UNSHOWN.sub("", _MARKS.sub("", last)))
    name = " ".join(plain.split()).strip(". ")
    if not name or name == "${filename}":
        return f"{kinds.kind_of(media_type)}.{kinds.ending_of(media_type)}"
    if len(name) <= NAME_LIMIT:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > ENDING_LIMIT:
        return f"{name[: NAME_LIMIT - 1]}…"
    return f"{stem[: NAME_LIMIT - len(ending) - 2]}….{ending}"


def carried(original: str) -> str:
    """Return a name as the metadata of an object carry it: percent-encoded UTF-8."""
    last = re.split(r"[/\\]", original)[-1]
    plain = _UNSHOWN.sub("", last)
    if len(plain) > NAME_LIMIT:
        stem, dot, ending = plain.rpartition(".")
        kept = f".{ending}" if dot and len(ending) <= ENDING_LIMIT else ""
        plain = (stem if kept else plain)[: NAME_LIMIT - len(kept)] + kept
    return quote(plain, safe="")


def original_in(metadata: str) -> str:
    """Return the name in the metadata of an object.

    A form without script sends the name as the browser has it. S3 returns one that is not ASCII as
    an encoded word of RFC 2047 (S3 User Guide, "Working with object metadata"). A browser sends
    UTF-8; a name whose bytes were taken for Latin-1 on the way is repaired.
    """
    if metadata.startswith("=?"):
        try:
            parts = decode_header(metadata)
            metadata = "".join(
                part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
                for part, charset in parts
            )
        except (HeaderParseError, LookupError, ValueError):
            return ""
    with suppress(UnicodeError):
        metadata = metadata.encode("latin-1").decode("utf-8")
    return unquote(metadata, errors="replace")
