"""Split header blocks into fields, and decode the values as far as possible.

The standard library's `email` is not suitable. With its default policy it raises errors on odd
mails. With the policy compat32 it returns lone surrogates. Neither policy limits how much work a
mail can cause (docs/decisions/015-inbound-mail.md). This module implements RFC 5322 unfolding, RFC
2047 words and RFC 2231 parameters. It is as tolerant as common mail programs.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from redress.base.texts import without_hidden
from redress.mail.incoming.reader import charset, labels
from redress.mail.incoming.reader.charset import Hints
from redress.mail.incoming.reader.limits import FIELDS, PARAMETERS, REFERENCES, VALUE, Code, Defects

_LINE = re.compile(rb"([^\r\n]*)(\r*\n|\r|\Z)")
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_BLANK_LINE = re.compile(rb"(?:\r*\n|\r)[ \t]*(?:\r*\n|\r(?!\n))")
_KNOWN = re.compile(
    rb"(?:from|sender|reply-to|to|cc|bcc|subject|date|message-id|in-reply-to|references|received|"
    rb"return-path|delivered-to|importance|priority|sensitivity|precedence|organization|user-agent|"
    rb"mime-version|comments|keywords|status|"
    rb"(?:content|x|list|resent|dkim|arc|authentication|auto|thread|disposition|received|errors|"
    rb"feedback|original|delivery|envelope|msip|accept|domainkey|ironport|return|mail|mailing|"
    rb"require)-[!-9;-~]{1,100}|spamdiagnostic[!-9;-~]{0,40})\Z",
    re.IGNORECASE,
)
"""Matches the names of headers that programs write. Other names may be words of the sender."""
_MORE_PARAMETERS = re.compile(
    rb"(?:;[ \t]*)?(?:boundary|charset|name|filename|format|delsp|type|start|protocol|micalg|"
    rb"report-type|smime-type)\*?(?:\d\*?)?=",
    re.IGNORECASE,
)
_MORE_OF_A_TRACE = re.compile(
    rb"(?:by|for|with|via|id|from) [^\r\n]|\([^()\r\n]{1,200}\)[ \t]*;?\Z|[a-z]{1,4}=[^\r\n]|"
    rb"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d"
)
"""Matches a continuation line of a Received or signature header: a keyword or a tag begins it."""
_LOOK_AHEAD = 30
"""The most lines that are searched for the next header after a line that is no header."""
_MORE_LINES = 10
"""The most lines that continue a subject although they look like headers."""
_OF_A_MAIL = frozenset(("from", "to", "received", "return-path", "date", "subject"))
"""Headers of a mail, which a MIME part does not have."""
_CITED = frozenset(("from", "to", "cc", "date", "subject", "reply-to"))
"""Headers that people cite above a mail that they quote."""
_ONE_WORD = re.compile(rb"[^-]{1,40}\Z")
_LONG = 60
"""A line of at least this many bytes may have been wrapped by a program."""
_MAY_BE_WORDS = frozenset((b"status", b"keywords", b"comments"))
"""Known headers that are also words. Programs write them with a capital."""
_PROGRAMS = frozenset(
    b"approved archive author autoforwarded autosubmitted bounces bytes campaign charset control "
    b"conversion distribution encoding encrypted expires expiry face form hide language lines "
    b"location mailer newsgroups obsoletes originator path payload posted replyto source summary "
    b"supersedes sversion topic type url uid version via xref xpriority".split()
)
"""Further names of one word that programs write. Most come from news (RFC 5536) and X.400."""
_IDS = re.compile(rb"[ \t]*(?:<[^<>\s]{1,600}>[ \t,;]*)+\Z")
_HAS_IDS = frozenset(("references", "in-reply-to", "message-id"))
_HAS_ADDRESSES = frozenset(("from", "sender", "reply-to", "to", "cc", "bcc"))
_IS_ADDRESS = re.compile(
    rb"(?:[^\r\n@<>,]{0,100}<[^\s@<>]{1,250}@[^\s@<>]{1,250}>|"
    rb"[^\s@<>]{1,250}@[^\s@<>]{1,250})(?:,|\Z)"
)
_ONE_LINE = frozenset(("date", "message-id", "mime-version"))

Field = tuple[str, bytes]
"""A header field: its name in lower case, and its value, unfolded but not decoded."""
_Lines = list[tuple[str, list[bytes]]]
"""Header fields while they are read: each name in lower case, and the lines of the value."""


@dataclass(frozen=True, slots=True)
class Block:
    """A header block: its fields, and the position at which the body begins."""

    fields: tuple[Field, ...]
    body: int

    def first(self, name: str) -> bytes:
        return next((value for found, value in self.fields if found == name), b"")


def read_block(raw: bytes, start: int, end: int, limit: int, defects: Defects) -> Block:
    """Read the header block at `start`.

    A line that only has blanks belongs to the block if more lines of the block follow it. Some
    programs forget to indent the continuation of a field: lines that are not header fields are
    such continuations if a known header field follows them. Otherwise the body begins with them.
    Lines directly before them that only look like a field, such as `Order: 4711`, then belong to
    the body, too.
    """
    fields: _Lines = []
    odd: tuple[int, int] | None = None
    position, stop = start, min(end, start + limit)
    while position < stop:
        match = _LINE.match(raw, position, stop)
        if match is None:
            break
        line, following = match.group(1), match.end()
        if following == stop < end and not match.group(2):
            return _cut(raw, stop, end, fields, defects)
        if not line.strip():
            if (
                line
                and fields
                and (more := _after_blanks(raw, following, stop, fields)) is not None
            ):
                position = more
                continue
            return Block(_joined(fields), following)
        if fields and (line[:1] in b" \t" or _continues_ids(fields[-1][0], line)):
            fields[-1][1].append(line.strip())
        elif _continues_subject(raw, position, stop, fields):
            defects.add(Code.BAD_HEADER_LINE, line[:60].decode("latin-1"))
            fields[-1][1].append(line.strip())
        elif (name := _FIELD.match(line)) is not None:
            if len(fields) >= FIELDS:
                defects.add(Code.TOO_MANY_FIELDS)
                return _cut(raw, position, end, fields, defects)
            if not _may_be_words(name.group(1).lower()):
                odd = None
            elif odd is None:
                odd = (position, len(fields))
            fields.append((name.group(1).decode("ascii").lower(), [line[name.end() :].strip()]))
        elif fields and _continues(fields[-1][0], line):
            defects.add(Code.BAD_HEADER_LINE, line[:60].decode("latin-1"))
            fields[-1][1].append(line.strip())
        elif (more := _after_unindented(raw, position, stop, fields)) is not None:
            defects.add(Code.BAD_HEADER_LINE, line[:60].decode("latin-1"))
            for one in raw[position:more].splitlines():
                _append(fields, one.strip())
            following = more
        else:
            defects.add(Code.NO_BLANK_LINE)
            body, known = odd or (position, len(fields))
            return Block(_joined(fields[:known]), body)
        position = following
    if stop < end:
        return _cut(raw, stop, end, fields, defects)
    return Block(_joined(fields), end)


def _may_be_words(name: bytes) -> bool:
    """Whether the name before a colon is one word that programs do not write as a header."""
    return not _KNOWN.match(name) and name not in _PROGRAMS and bool(_ONE_WORD.match(name))


def begins_with_header(raw: bytes, position: int) -> bool:
    """Whether a header that programs write begins at this position."""
    return _KNOWN.match(_name_at(raw, position, len(raw))) is not None


def _name_at(raw: bytes, position: int, stop: int) -> bytes:
    """Return the name of the header field that begins at this position; b"" if none does."""
    match = _FIELD.match(raw, position, stop)
    return match.group(1).lower() if match else b""


def _is_header(name: bytes, fields: _Lines) -> bool:
    """Whether a field at an odd place, such as after a line of blanks, is a header of this block.

    A name that programs do not write, such as `Order`, is a word of the sender. A second `From` or
    `Subject` is no header, because the sender cites a mail there. In a MIME part, only names with
    `Content-` are headers.
    """
    if not _KNOWN.match(name):
        return False
    known = {found for found, _ in fields}
    if name.startswith(b"content-"):
        return name.decode("ascii") not in known
    is_part = any(one.startswith("content-") for one in known) and not known & _OF_A_MAIL
    return not is_part and not (name.decode("ascii") in _CITED and name.decode("ascii") in known)


def _after_blanks(raw: bytes, position: int, stop: int, fields: _Lines) -> int | None:
    """Return where the block continues after a line of blanks only; None if it ends there.

    A field may be folded with such a line (RFC 5322, 4.2, obs-FWS). The block continues if a known
    header follows, with or without indented lines before it. If only indented lines follow, they
    continue a subject. They continue another field only if they have its form: ids, addresses or
    parameters. Otherwise they are read as text, so that no word is lost.
    """
    begin: int | None = None
    for _ in range(_LOOK_AHEAD):
        match = _LINE.match(raw, position, stop)
        if match is None or position >= stop or not match.group(1):
            return begin if fields[-1][0] == "subject" else None
        line = match.group(1)
        if line.strip():
            if begin is None and _fits(fields[-1], line):
                return position
            begin = position if begin is None else begin
            if line[:1] not in b" \t":
                return begin if _is_header(_name_at(raw, position, stop), fields) else None
        position = match.end()
    return None


def _after_unindented(raw: bytes, position: int, stop: int, fields: _Lines) -> int | None:
    """Return where the next known header begins; None if these lines begin the body.

    Lines that are no header are skipped: before the first header only one, later several.
    """
    for _ in range(_LOOK_AHEAD if fields else 2):
        match = _LINE.match(raw, position, stop)
        if match is None or position >= stop or not match.group(1).strip():
            return None
        name = _name_at(raw, position, stop)
        if _is_header(name, fields):
            return position
        if name.decode("ascii") in _CITED:
            return None
        position = match.end()
    return None


def _continues_subject(raw: bytes, position: int, stop: int, fields: _Lines) -> bool:
    """Whether a line with a colon, such as `number: 4711 is broken`, continues a subject.

    Some programs forget to indent the continuation. The line continues the subject if its name is
    one word that no program writes. If the line before it is so long that a program may have
    wrapped it, any unknown name counts. In both cases the block must continue or end after it.
    """
    if not fields or fields[-1][0] != "subject" or len(fields[-1][1]) > _MORE_LINES:
        return False
    if any(name == "subject" for name, _ in fields[:-1]):
        return False
    name = _name_at(raw, position, stop)
    if not name or name in _PROGRAMS:
        return False
    if _KNOWN.match(name):
        if name not in _MAY_BE_WORDS or not raw[position : position + 1].islower():
            return False
    elif not _may_be_words(name) and len(fields[-1][1][-1]) < _LONG:
        return False
    match = _LINE.match(raw, position, stop)
    return match is not None and _goes_on(raw, match.end(), stop, fields)


def _goes_on(raw: bytes, position: int, stop: int, fields: _Lines) -> bool:
    """Whether another header, or the blank line at the end of the block, follows.

    If words follow without a blank line, the body has begun.
    """
    for _ in range(_MORE_LINES):
        match = _LINE.match(raw, position, stop)
        if match is None or position >= stop:
            return False
        line = match.group(1)
        if not line:
            return True
        name = _name_at(raw, position, stop)
        if _is_header(name, fields):
            return True
        if not name and line[:1] not in b" \t":
            return False
        position = match.end()
    return False


def _continues_ids(name: str, line: bytes) -> bool:
    return line[:1] == b"<" and name in _HAS_IDS and _IDS.match(line) is not None


def _fits(field: tuple[str, list[bytes]], line: bytes) -> bool:
    """Whether a line after a line of blanks has the form of the field before it, and no words."""
    name, lines = field
    if name in _HAS_IDS:
        return _IDS.match(line) is not None
    if line[:1] not in b" \t":
        return False
    line = line.strip()
    if name in _HAS_ADDRESSES:
        is_open = not any(lines) or lines[-1].endswith(b",")
        return is_open and _IS_ADDRESS.match(line) is not None
    return _continues(name, line)


def _continues(name: str, line: bytes) -> bool:
    """Whether a line without indent, such as `boundary="x"`, must belong to the field before it."""
    if name.startswith("content-"):
        return _MORE_PARAMETERS.match(line) is not None
    trace = name in ("received", "x-received") or name.endswith("-signature")
    return trace and _MORE_OF_A_TRACE.match(line) is not None


def _append(fields: _Lines, line: bytes) -> None:
    """Add a line without indent to the field before it, unless that field is complete."""
    if not fields or not line:
        return
    name, lines = fields[-1]
    if name in ("from", "sender", "reply-to"):
        complete = any(b"@" in one for one in lines)
    else:
        complete = (name in _ONE_LINE or name.startswith("content-")) and any(lines)
    if not complete:
        lines.append(line)


def _cut(raw: bytes, position: int, end: int, fields: _Lines, defects: Defects) -> Block:
    """Return a block that exceeds a limit, with the fields that were read up to the limit.

    The body begins after the next blank line, or there is no body.
    """
    defects.add(Code.HEAD_CUT)
    blank = _BLANK_LINE.search(raw, max(position - 1, 0), end)
    return Block(_joined(fields), blank.end() if blank else end)


def _joined(fields: _Lines) -> tuple[Field, ...]:
    return tuple((name, b" ".join(lines)) for name, lines in fields)


# ------------------------------------------------------------------------------ values

_WORD = re.compile(r"=\?([\w.:+-]{1,40}(?:\*[\w-]{0,20})?)\?([bBqQ])\?(.*?)(?:\?=|\Z)", re.DOTALL)


def text_of(value: bytes, hints: Hints | None, defects: Defects) -> str:
    """Return a header's value in readable form, on one line.

    `hints` say what is known about the charsets of the mail. They count for raw bytes, and for
    encoded words that are short or have a wrong label.
    """
    return decode_words(raw_text(value, hints, defects), defects, hints)


def raw_text(value: bytes, hints: Hints | None, defects: Defects) -> str:
    """Return a header's value as text, with its encoded words not yet decoded."""
    value = value[:VALUE]
    if value.isascii() and b"\x1b" not in value:
        text = charset.clean(value.decode("ascii"))
    else:
        defects.add(Code.RAW_8BIT_HEADER)
        text = charset.decode(value, None, defects, hints).text
    return text.replace("\n", " ")


def decode_words(text: str, defects: Defects, hints: Hints | None = None) -> str:
    """Decode the encoded words (RFC 2047) in a text.

    Adjacent words in the same charset are joined before they are decoded, because many programs
    split them in the middle of a character. A word without an end marker extends to the end of the
    text.
    """
    if "=?" not in text:
        return text
    found: list[str] = []
    label, pending, position = "", b"", 0
    for match in _WORD.finditer(text):
        between = text[position : match.start()]
        adjacent = bool(pending) and not between.strip(" \t")
        name = match.group(1).partition("*")[0]
        if not adjacent or not labels.are_same(name, label):
            found.append(charset.decode(pending, label, defects, hints).text)
            pending = b""
        if not adjacent:
            found.append(between)
        pending += _word(match.group(2), match.group(3), defects)
        label, position = name, match.end()
    found += [charset.decode(pending, label, defects, hints).text, text[position:]]
    return " ".join("".join(found).split("\n"))[:VALUE]


def _word(encoding: str, text: str, defects: Defects) -> bytes:
    data = text.encode("utf-8")
    if encoding in "qQ":
        return binascii.a2b_qp(data, header=True)
    return base64(data, defects)


def base64(data: bytes, defects: Defects) -> bytes:
    """Decode base64 as far as possible, despite stray characters or missing padding."""
    for text in (data, data + b"==", data[: len(data) // 4 * 4]):
        try:
            return binascii.a2b_base64(text)
        except binascii.Error:
            continue
    known = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    defects.add(Code.BAD_ENCODING, "base64")
    return binascii.a2b_base64(known[: len(known) // 4 * 4])


_PARAMETER = re.compile(r";[;\s]*([^\s=;]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"?|([^;]*))", re.DOTALL)
_SECTION = re.compile(r"(.+?)\*(?:(\d{1,4})\*?)?")


def parameters(value: bytes, hints: Hints | None, defects: Defects) -> tuple[str, dict[str, str]]:
    """Parse `text/plain; charset="utf-8"` into ("text/plain", {"charset": "utf-8"}).

    Handles RFC 2231 (sections and charsets), raw bytes, and encoded words inside quotes, which are
    forbidden (RFC 2047) but common. If a name is repeated, its first value counts.
    """
    text = raw_text(value[:PARAMETERS], hints, defects)
    main, found = text.partition(";")[0].strip().lower(), {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for match in _PARAMETER.finditer(text):
        name, quoted, plain = match.group(1).lower(), match.group(2), match.group(3)
        # A backslash escapes a punctuation mark. Before a letter, it is part of a Windows path.
        content = re.sub(r"\\(\W)", r"\1", quoted) if quoted is not None else plain.strip()
        if (section := _SECTION.fullmatch(name)) is not None:
            number = int(section.group(2) or 0)
            parts = sections.setdefault(section.group(1), {})
            parts.setdefault(number, (content, name.endswith("*")))
        elif name not in found:
            found[name] = decode_words(content, defects, hints).strip()
    for name, parts in sections.items():
        found[name] = _sections(parts, defects, hints)
    return main, found


def _sections(parts: dict[int, tuple[str, bool]], defects: Defects, hints: Hints | None) -> str:
    """Join the numbered sections of a parameter and decode the result (RFC 2231).

    Each section may be percent-encoded. If the first one is, it begins with charset'language'.
    """
    label, data = "utf-8", b""
    for index, number in enumerate(sorted(parts)):
        content, encoded = parts[number]
        if encoded and index == 0 and content.count("'") >= 2:
            label, _, content = content.split("'", 2)
        data += unquote_to_bytes(content) if encoded else content.encode("utf-8")
    text = charset.decode(data, label or "utf-8", defects, hints).text
    return decode_words(text, defects, hints).strip()


# ------------------------------------------------------------------------------ dates, ids

_ID = re.compile(r"<([^<>]{1,600})>")
_BARE_ID = re.compile(r"[^<>\s,;\"]{1,250}@[^<>\s,;\"]{1,250}")
_BLANKS = re.compile(r"\s+")


def date_of(value: str, defects: Defects) -> datetime | None:
    """Return the time of a Date header in UTC.

    Returns None if it is empty, cannot be parsed, or is not from the years 1980 to 2200.
    """
    value = value[:200].strip()
    if not value:
        return None
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(value)
            # A date without a zone counts as UTC. The parser returns no zone for -0000, which means
            # UTC from an unknown local zone (RFC 5322).
            aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
            if 1980 <= aware.year <= 2200:
                return aware
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    defects.add(Code.BAD_DATE, value)
    return None


def ids_of(value: str, defects: Defects) -> tuple[str, ...]:
    """Return the Message-IDs without <>, each once, in order.

    Blanks inside of <> come from folding in the middle of an id. They are removed, and so are
    hidden characters. Several words in <> without an @ are no id. If there are more ids than
    REFERENCES, the first one and the last ones are kept. Encoded words in `value` must be decoded
    already, because some programs encode ids, too.
    """
    value = without_hidden(value.replace("&lt;", "<").replace("&gt;", ">"))
    angled = [_BLANKS.sub("", one) for one in _ID.findall(value) if "@" in one or " " not in one]
    found = list(dict.fromkeys([one for one in angled if one] or _BARE_ID.findall(value)))
    if len(found) > REFERENCES:
        defects.add(Code.TOO_MANY_REFERENCES, str(len(found)))
        found = [found[0], *found[1 - REFERENCES :]]
    return tuple(found)
