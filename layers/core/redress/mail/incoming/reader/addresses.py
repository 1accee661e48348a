"""Parse the addresses in a header, in the forms that people and programs write.

`email.utils.getaddresses` is not used, because it raises RecursionError for a thousand brackets. It
also reads `Wang, Li <li@example.com>` and `[EXT] Li <li@example.com>` differently from every mail
program. For well-formed headers, this module returns the same as the library (a test checks this).
"""

from __future__ import annotations

import re

from redress.base.texts import is_empty
from redress.mail.incoming.reader.charset import Hints
from redress.mail.incoming.reader.headers import decode_words
from redress.mail.incoming.reader.limits import ADDRESSES, Code, Defects
from redress.mail.incoming.reader.mail import Address

_WIDE_BRACKETS = "（）［］【】〔〕《》〈〉「」『』"
_BARE = re.compile(
    rf"[^\s<>,;:\"()\[\]\\@{_WIDE_BRACKETS}]{{1,250}}@[^\s<>,;:\"()\\@{_WIDE_BRACKETS}]{{1,250}}"
)
_QUOTED_LOCAL = re.compile(r"\"(?:[^\"\\]|\\.){1,100}\"@[^\s<>,;:\"()\\@]{1,250}")
_ANGLE = re.compile(r"<([^<>]*)>?[^<>]*\Z")
_AROUND_AT = re.compile(r"\s{0,9}(@)\s{0,9}")
_AROUND_DOTS = re.compile(r"\s{0,9}([@.])\s{0,9}")
_ROUTE = re.compile(r"\A@[^:]*:")
_MAILTO = re.compile(r"\Amailto:", re.IGNORECASE)
_SCHEME = re.compile(r"(?:\A|[^a-z])(?:mailto|smtp)\s*\Z", re.IGNORECASE)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_AROUND_NAME = f" \t'\"-–—|/:：,;<>()[]{_WIDE_BRACKETS}"
"""What people write between a name and an address without angle brackets."""
_MARKS = "‘’‚‛“”„‟«»‹›`´＇＂"
"""Quote marks that programs leave around an address. The plain ' is also part of some addresses."""
_WIDE = str.maketrans("＠＜＞", "@<>")
_INVISIBLE = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")
_SEPARATED = re.compile(r"[,;:()\"\\，；、]")
"""Matches what separates addresses, names and comments. A header without it has one address."""
_UNLIKE_COMMAS = re.compile(r"[;:()\"\\，；、]")
"""Matches other separators, quote marks and comments. Without them, commas separate addresses."""
_TOKEN = re.compile(r"[^<>,;:()\"\\，；、]+|.", re.DOTALL)
_FAR = -1_000
"""The position of the last @ of a piece that has none. No character is near to it."""
_SEPARATORS = "，；、"
"""Commas and semicolons of Chinese keyboards. They separate addresses, but occur in names, too."""


def addresses_of(value: str, defects: Defects, hints: Hints | None = None) -> tuple[Address, ...]:
    """Return the addresses in a header's value.

    Encoded words in `value` must not be decoded yet, because a decoded comma would separate
    addresses. `hints` say what is known about their charsets.
    """
    if "&lt;" in value:
        value = value.replace("&lt;", "<").replace("&gt;", ">")
    if not value.isascii():
        value = value.translate(_WIDE)
    found: list[Address] = []
    before = ""
    for piece, comment in _pieces(value):
        one = _address(f"{before}{piece}", comment, defects, hints)
        if one is None:
            # In `Wang, Li <li@example.com>`, `Wang` is the first half of a name.
            before = f"{before}{piece.strip()}, " if piece.strip() and "@" not in piece else ""
            if len(before) > 500:
                before = ""
            continue
        before = ""
        if len(found) == ADDRESSES:
            defects.add(Code.TOO_MANY_ADDRESSES)
            break
        found.append(one)
    if not found and "=?" in value and "@" in (decoded := decode_words(value, defects, hints)):
        # Some programs encode the address, too, so that no address is outside of encoded words.
        return addresses_of(decoded.replace("=?", ""), defects)
    if not found and value.strip(" ;,<>") and not value.rstrip().endswith(";"):
        defects.add(Code.BAD_ADDRESS, value)
    return tuple(found)


def _pieces(value: str) -> list[tuple[str, str]]:
    """Split a header's value at commas and semicolons outside quotes, comments and angle brackets.

    Returns each piece with its comment. The names of groups (`staff: a@b, c@d;`) are dropped. A
    quote mark or a bracket without its counterpart separates nothing.
    """
    if not _SEPARATED.search(value):
        return [(value, "")]
    if not _UNLIKE_COMMAS.search(value):
        listed = value.split(",")
        if all(one.rfind("<") <= one.rfind(">") for one in listed[:-1]):
            return [(one, "") for one in listed]
    if _ESCAPED.sub("", value).count('"') % 2:
        value = re.sub(r'\\?"', "", value)
    pieces: list[tuple[str, str]] = []
    piece: list[str] = []
    comments: list[str] = []
    quoted = angled = False
    comment = 0
    escaped = False
    # The length of the piece, and the position of its last @.
    length, at = 0, _FAR
    # Each token is one separator, or all characters between two separators.
    for c in _TOKEN.findall(value):
        if escaped:
            escaped = False
            if comment:
                comments.append(c[1:])
        elif c == "\\" and (quoted or comment):
            escaped = True
        elif comment:
            comment += {"(": 1, ")": -1}.get(c, 0)
            comments.append(c if comment else "")
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
        elif c == ":" and not angled and at < length - 250 and _is_group(piece):
            piece.clear()
            length, at = 0, _FAR
            continue
        elif not angled and (c in ",;" or (c in _SEPARATORS and at >= length - 250)):
            pieces.append(("".join(piece), "".join(comments)))
            piece.clear()
            comments.clear()
            length, at = 0, _FAR
            continue
        if not comment:
            piece.append(c)
            if "@" in c:
                at = length + c.rindex("@")
            length += len(c)
    if comment:
        return _pieces(value.replace("(", " "))
    return [*pieces, ("".join(piece), "".join(comments))]


def _is_group(piece: list[str]) -> bool:
    return not _SCHEME.search("".join(piece[-10:])[-10:])


def _address(piece: str, comment: str, defects: Defects, hints: Hints | None) -> Address | None:
    if len(piece) > 5_000 or "@" not in piece:
        return None
    while "<<" in piece or ">>" in piece:
        piece = piece.replace("<<", "<").replace(">>", ">")
    angle = _ANGLE.search(piece)
    spec = _INVISIBLE.sub("", angle.group(1) if angle else piece)
    spec = _MAILTO.sub("", _ROUTE.sub("", spec.strip()))
    # Blanks around the @ are allowed: `li @ example.com`. So are those around the dots (RFC 5322,
    # 4.4), but outside of angle brackets a dot can end a sentence.
    around = _AROUND_DOTS if angle else _AROUND_AT
    match = _QUOTED_LOCAL.search(spec) or _BARE.search(around.sub(r"\1", spec))
    if match is None:
        match = angle and _BARE.search(piece[: angle.start()])
        if not match:
            return None
    local, _, domain = match.group().rpartition("@")
    domain = domain.lower() if domain.startswith("[") else _bare_domain(domain).lower()
    if not local.startswith('"'):
        local = _bare_local(local, match.group())
    if not domain or not local:
        return None
    # In the old form `li@example.com (Li Na)`, the comment is the name.
    name = (piece[: angle.start()] if angle else "").strip() or comment
    return Address(
        _name(name or _beside(piece, match.group()), defects, hints), f"{local}@{domain}"
    )


def _beside(piece: str, address: str) -> str:
    """Return the name beside an address: `Li Na li@x`, `Li [li@x]`, `li@x Li`."""
    before, _, after = piece.partition(address)
    before = _SCHEME.sub("", before.strip().removesuffix(":"))
    return next(
        (one for one in (_unquoted(before), _unquoted(after)) if one and "@" not in one), ""
    )


def _unquoted(name: str) -> str:
    name = re.sub(r"\\(.)", r"\1", name).strip(_AROUND_NAME)
    return "" if is_empty(name) else name


def _bare_domain(domain: str) -> str:
    """Return a domain without the quote marks and full stops that people write after an address."""
    return domain.rstrip(f"{_MARKS}'.>]。").lstrip(_MARKS)


def _bare_local(local: str, address: str) -> str:
    """Return a local part without the quote mark before it: `'li@example.com'`.

    It stays if the local part also contains the closing quote mark.
    """
    local = local.lstrip(_MARKS)
    if local.startswith("'") and (address.endswith("'") or "'" not in local[1:]):
        local = local.lstrip("'")
    return local


def _name(name: str, defects: Defects, hints: Hints | None) -> str:
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    name = decode_words(name.replace('"', "") if "=?" in name else name, defects, hints)
    return " ".join(name.split()).strip(f"'\" {_MARKS}<")[:300]
