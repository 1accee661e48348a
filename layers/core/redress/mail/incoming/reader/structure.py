"""Read the tree of a mail's parts.

A part refers to a range of the raw bytes, so no bytes are copied. A multipart is split at its own
boundary before its parts are parsed. So a broken part cannot absorb the parts next to it. The work
for one mail is limited: on each level of the tree every byte is searched once for a boundary, at
most limits.DEPTH levels are searched, and there are at most limits.PARTS parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from redress.mail.incoming.reader import headers, smime
from redress.mail.incoming.reader.charset import Hints
from redress.mail.incoming.reader.content import decoded
from redress.mail.incoming.reader.limits import (
    BOUNDARY,
    DEPTH,
    HEAD,
    PART_HEAD,
    PARTS,
    SMIME,
    VALUE,
    Code,
    Defects,
)

_LABEL = re.compile(rb"=\?([\w.:+-]{1,40})\?[bBqQ]\?")
_FIRST_DASHES = re.compile(rb"(?:\A|[\r\n])--([^\s]{1,200})[ \t]*[\r\n]")
_TYPE = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}")
MESSAGES = ("message/rfc822", "message/global", "message/news")
"""The types of embedded messages."""
_ENCODED = ("base64", "quoted-printable")
NAMES_OF_MESSAGES = ("", "smime.p7m", "smime.p7z")
"""The file names of S/MIME messages. Signed documents have other names."""
PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_BASE64_OF_DASHES = b"LS0tLS1CRUdJTi"
"""The beginning of a text in base64, if the text begins with `-----BEGIN`."""


@dataclass(slots=True)
class MimePart:
    """One part of a mail.

    `type` is in lower case, such as "text/plain". `body` returns the bytes in their transfer
    encoding. The children of a multipart are its parts. An embedded message has one child: the
    message with its headers. An S/MIME message that was opened has one child, too: its content. If
    a text contains an S/MIME message that was opened, its children are the text before the message,
    the content of the message, and the text after it. `kind_of_smime` is the kind of the S/MIME
    message, even if it was not opened.
    """

    fields: tuple[headers.Field, ...]
    type: str
    parameters: dict[str, str]
    disposition: str
    disposition_parameters: dict[str, str]
    encoding: str
    source: bytes = field(repr=False)
    start: int
    end: int
    children: list[MimePart] = field(default_factory=list)
    kind_of_smime: smime.Kind = smime.Kind.OTHER

    @property
    def body(self) -> bytes:
        return self.source[self.start : self.end]

    def first(self, name: str) -> bytes:
        return next((value for found, value in self.fields if found == name), b"")

    def walk(self) -> Iterator[MimePart]:
        """Yield this part and all parts below it, including those of embedded messages."""
        yield self
        for child in self.children:
            yield from child.walk()


class StructureReader:
    """Reads the structure of one mail. Counts its parts and collects its defects."""

    def __init__(self, defects: Defects, hints: Hints) -> None:
        self.defects = defects
        self.hints = hints
        self.parts = 0
        self.smime_left = SMIME

    def message(self, raw: bytes, start: int, end: int, depth: int = 0) -> MimePart:
        limit = PART_HEAD if depth else HEAD
        return self._entity(raw, start, end, limit, "text/plain", depth)

    def _entity(
        self, raw: bytes, start: int, end: int, limit: int, default: str, depth: int
    ) -> MimePart:
        self.parts += 1
        block = headers.read_block(raw, start, end, limit, self.defects)
        part = self._described(block, raw, end, default)
        if part.type.startswith("multipart/") or part.type in MESSAGES:
            if depth >= DEPTH:
                self.defects.add(Code.TOO_DEEP)
            elif part.type in MESSAGES:
                self._embedded(part, depth)
            else:
                self._multipart(part, depth)
        elif part.type in PKCS7 or _is_named_p7m(part):
            self._smime(part, depth)
        elif part.type == "text/plain":
            self._smime_in_text(part, depth)
        return part

    def _described(self, block: headers.Block, raw: bytes, end: int, default: str) -> MimePart:
        self._note_charsets(block)
        kind, found = headers.parameters(block.first("content-type"), self.hints, self.defects)
        self.hints.note_label(found.get("charset", ""))
        if not _TYPE.fullmatch(kind):
            if kind:
                self.defects.add(Code.BAD_TYPE, kind)
            # RFC 2045, 5.2: a part with an invalid type is plain text. The type `text` without a
            # subtype is common.
            kind = {"text": "text/plain", "html": "text/html"}.get(kind, default)
        disposition, more = headers.parameters(
            block.first("content-disposition"), self.hints, self.defects
        )
        encoding = block.first("content-transfer-encoding").decode("latin-1")
        # Some programs write `7bit (comment)`, `"base64"` or `base64;`.
        encoding = re.split(r"[\s;(]", encoding.strip("\"' \t"), maxsplit=1)[0].lower()[:40]
        return MimePart(
            block.fields, kind, found, disposition, more, encoding, raw, block.body, end
        )

    def _note_charsets(self, block: headers.Block) -> None:
        """Note what the encoded words of a header say about the charsets of the mail."""
        for name, value in block.fields:
            if name in ("subject", "from") and b"=?" in value:
                headers.text_of(value, self.hints, Defects())
                for label in _LABEL.findall(value[:VALUE]):
                    self.hints.note_label(label.decode("ascii"))

    def _decoded(self, part: MimePart) -> None:
        """Decode a multipart or message that was encoded, although no standard allows that."""
        if part.encoding in _ENCODED:
            part.source = decoded(part.body, part.encoding, self.defects)
            part.start, part.end, part.encoding = 0, len(part.source), ""

    def _embedded(self, part: MimePart, depth: int) -> None:
        if self.parts >= PARTS:
            self.defects.add(Code.TOO_MANY_PARTS)
            return
        self._decoded(part)
        start = part.start
        while part.source[start : start + 1] in (b"\r", b"\n"):
            start += 1
        part.children = [self.message(part.source, start, part.end, depth + 1)]

    def _smime(self, part: MimePart, depth: int) -> None:
        """Open a signed or compressed message. It stays a file if it contains no mail.

        Documents are signed in the same format, such as `contract.pdf.p7m`.
        """
        data = decoded(part.body, part.encoding, self.defects)
        if (armour := smime.armoured(data)) is not None:
            data = decoded(armour.content, "base64", self.defects)
        elif part.encoding not in _ENCODED and data[:100].lstrip().startswith(b"MI"):
            data = decoded(data, "base64", self.defects)  # the header for the encoding is missing
        is_file = depth > 0 or name_of(part).lower() not in NAMES_OF_MESSAGES
        if (child := self._opened(part, data, depth, is_file=is_file)) is not None:
            part.children = [child]

    def _smime_in_text(self, part: MimePart, depth: int) -> None:
        """Open the first S/MIME message in PEM format (RFC 7468) that a text contains."""
        if part.disposition == "attachment" or name_of(part):
            return
        if part.encoding == "base64":
            if (
                not part.source[part.start : part.start + 100]
                .lstrip()
                .startswith(_BASE64_OF_DASHES)
            ):
                return
        elif part.source.find(smime.ARMOUR, part.start, part.end) < 0:
            return
        text = decoded(part.body, part.encoding, self.defects)
        if (armour := smime.armoured(text)) is None:
            return
        data = decoded(armour.content, "base64", self.defects)
        if (child := self._opened(part, data, depth, is_file=False)) is None:
            return
        around = [
            replace(part, encoding="", source=text, start=start, end=end, children=[])
            for start, end in ((0, armour.start), (armour.end, len(text)))
        ]
        part.children = [around[0], child, around[1]]

    def _opened(self, part: MimePart, data: bytes, depth: int, *, is_file: bool) -> MimePart | None:
        """Return the content of an S/MIME message; None if it cannot be opened or is no mail.

        If `is_file` is true, the content is a mail only if it begins with a header.
        """
        found = smime.read(data, self.smime_left, self.defects)
        part.kind_of_smime = found.kind
        if found.content is None:
            return None
        if depth >= DEPTH or self.parts >= PARTS:
            self.defects.add(Code.TOO_DEEP if depth >= DEPTH else Code.TOO_MANY_PARTS)
            return None
        start = len(found.content) - len(found.content.lstrip(b"\r\n"))
        if headers.begins_with_header(found.content, start):
            child = self._entity(
                found.content, start, len(found.content), PART_HEAD, "text/plain", depth + 1
            )
        elif not is_file:
            # Some programs sign a text without the headers that S/MIME requires.
            self.parts += 1
            child = MimePart(
                (), "text/plain", {}, "", {}, "", found.content, start, len(found.content)
            )
        else:
            return None
        self.smime_left -= len(found.content)
        if found.kind is smime.Kind.SIGNED:
            self.defects.add(Code.SIGNATURE_NOT_VERIFIED)
        return child

    def _multipart(self, part: MimePart, depth: int) -> None:
        boundary = self._boundary(part)
        places = self._places(part, boundary) if boundary else None
        if places is None and part.encoding in _ENCODED:
            self._decoded(part)
            places = self._places(part, boundary) if boundary else None
        if places is None:
            self.defects.add(Code.NO_PARTS, part.type)
            return
        default = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
        for start, end in places:
            if self.parts >= PARTS:
                self.defects.add(Code.TOO_MANY_PARTS)
                break
            child = self._entity(part.source, start, end, PART_HEAD, default, depth + 1)
            part.children.append(child)

    def _boundary(self, part: MimePart) -> bytes:
        declared = part.parameters.get("boundary", "").encode("utf-8", "replace")[:BOUNDARY]
        if declared:
            return declared
        self.defects.add(Code.NO_BOUNDARY, part.type)
        begin = max(part.start - 1, 0)
        guess = _FIRST_DASHES.search(part.source, begin, min(part.end, begin + 20_000))
        if guess is None:
            return b""
        self.defects.add(Code.BOUNDARY_GUESSED)
        return guess.group(1)

    def _places(self, part: MimePart, boundary: bytes) -> list[tuple[int, int]] | None:
        """Return where each part begins and ends; None if the boundary never occurs."""
        raw, end = part.source, part.end
        line = rb"--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r*\n|\r|\Z)"
        # One call of the regex engine finds the next boundary. A loop over lines in Python would be
        # too slow, because a hostile mail can have millions of lines that are almost boundaries.
        search = re.compile(rb"[\r\n]" + line).search
        places: list[tuple[int, int]] = []
        begun: int | None = None
        found = re.compile(line).match(raw, part.start, end) or search(raw, part.start, end)
        while found is not None:
            if begun is not None:
                places.append((begun, self._before_line_end(raw, begun, found.start() + 1)))
            if found.group(1):
                return places
            if len(places) > PARTS:
                self.defects.add(Code.TOO_MANY_PARTS)
                return places
            begun = found.end()
            # The line end after this boundary can also be the line end before the next boundary.
            found = search(raw, max(begun - 1, part.start), end)
        if begun is None:
            return None
        self.defects.add(Code.UNCLOSED, part.type)
        return [*places, (begun, end)]

    @staticmethod
    def _before_line_end(raw: bytes, begun: int, found: int) -> int:
        """Return where a part ends: before the line end that belongs to the next boundary.

        RFC 2046, 5.1.1, counts the line end before a boundary as part of the boundary.
        """
        end = found
        if end > begun and raw[end - 1] == 0x0A:
            end -= 1
        if end > begun and raw[end - 1] == 0x0D:
            end -= 1
        return end


def _is_named_p7m(part: MimePart) -> bool:
    return part.type.startswith("application/") and name_of(part).lower().endswith((".p7m", ".p7z"))


def name_of(part: MimePart) -> str:
    """Return the file name in the headers of this part; "" if they contain none."""
    return part.disposition_parameters.get("filename") or part.parameters.get("name", "")
