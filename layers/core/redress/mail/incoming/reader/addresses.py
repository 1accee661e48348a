"""Addresses of a header, as people and programs write them.

`email.utils.getaddresses` raises RecursionError for a thousand brackets, and takes `Wang, Li
<li@example.com>` and `[EXT] Li <li@example.com>` for something else than what every mail program
shows; hence this reader. It agrees with the library on what is well-formed (a test).
"""

from __future__ import annotations

import re

from redress.mail.incoming.reader.headers import decode_words
from redress.mail.incoming.reader.limits import ADDRESSES, Code, Defects
from redress.mail.incoming.reader.mail import Address

_BARE = re.compile(r"[^\s<>,;:\"()\[\]\\@]{1,250}@[^\s<>,;:\"()\\@]{1,250}")
_QUOTED_LOCAL = re.compile(r"\"(?:[^\"\\]|\\.){1,100}\"@[^\s<>,;:\"()\\@]{1,250}")
_ANGLE = re.compile(r"<([^<>]*)>?[^<>]*\Z")
_ROUTE = re.compile(r"\A@[^:]*:")
_MAILTO = re.compile(r"\Amailto:", re.IGNORECASE)


def addresses_of(value: str, defects: Defects) -> tuple[Address, ...]:
    """`value` is raw text, encoded words still in it: a comma inside of one separates nothing."""
    found: list[Address] = []
    before = ""
    for piece, comment in _pieces(value):
        one = _address(f"{before}{piece}", comment, defects)
        if one is None:
            # `Wang, Li <li@example.com>`: the first half of a name, not an address of its own.
            before = f"{before}{piece.strip()}, " if piece.strip() and "@" not in piece else ""
            if len(before) > 500:
                before = ""
            continue
        before = ""
        if len(found) == ADDRESSES:
            defects.add(Code.TOO_MANY_ADDRESSES)
            break
        found.append(one)
    if not found and value.strip(" ;,<>") and not value.rstrip().endswith(";"):
        defects.add(Code.BAD_ADDRESS, value)
    return tuple(found)


def _pieces(value: str) -> list[tuple[str, str]]:
    """Split at commas and semicolons that stand outside of quotes, comments and angles: each piece
    with its comment. The names of groups (`staff: a@b, c@d;`) are dropped."""
    pieces: list[tuple[str, str]] = []
    piece: list[str] = []
    said: list[str] = []
    quoted = angled = False
    comment = 0
    escaped = False
    for c in value if value.count('"') % 2 == 0 else value.replace('"', ""):
        if escaped:
            escaped = False
        elif c == "\\" and (quoted or comment):
            escaped = True
        elif comment:
            comment += {"(": 1, ")": -1}.get(c, 0)
            said.append(c if comment else "")
            continue
        elif c == '"':
            quoted = not quoted
        elif quoted:
            pass
        elif c == "(":
            comment += 1
            continue
        elif c in "<>":
            angled = c == "<"
        elif c == ":" and not angled and "@" not in "".join(piece[-250:]) and _is_group(piece):
            piece.clear()
            continue
        elif c in ",;" and not angled:
            pieces.append(("".join(piece), "".join(said)))
            piece.clear()
            said.clear()
            continue
        if not comment:
            piece.append(c)
    return [*pieces, ("".join(piece), "".join(said))]


def _is_group(piece: list[str]) -> bool:
    return "".join(piece[-10:]).strip().lower() not in ("mailto", "smtp")


def _address(piece: str, comment: str, defects: Defects) -> Address | None:
    if len(piece) > 5_000 or "@" not in piece:
        return None
    angle = _ANGLE.search(piece)
    spec = angle.group(1) if angle else piece
    spec = _MAILTO.sub("", _ROUTE.sub("", spec.strip()))
    # Blanks around the @ are forgiven: `li @ example.com`.
    match = _QUOTED_LOCAL.search(spec) or _BARE.search(re.sub(r"\s*@\s*", "@", spec))
    if match is None:
        match = angle and _BARE.search(piece[: angle.start()])
        if not match:
            return None
    local, _, domain = match.group().rpartition("@")
    domain = domain.rstrip(".>]").lower() if not domain.startswith("[") else domain.lower()
    if not domain:
        return None
    # `li@example.com (Li Na)` is how names were written before there were angles.
    name = (piece[: angle.start()] if angle else "").strip() or comment
    return Address(_name(name, defects), f"{local}@{domain}")


def _name(name: str, defects: Defects) -> str:
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    name = decode_words(name.replace('"', "") if "=?" in name else name, defects)
    return " ".join(name.split()).strip("'\" ")[:300]
