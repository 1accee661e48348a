"""Open signed and compressed S/MIME messages (RFC 8551) without a key.

Such a message is one object of ASN.1 in BER: ContentInfo of CMS (RFC 5652), with the signed mail in
an OCTET STRING. Programs that are no mail programs write it as PEM: as base64 between two lines
(RFC 7468). Programs that stream a mail write it with indefinite lengths and cut the string into
thousands of pieces. This module reads the object once, from its beginning to the end of the string.
It verifies no signature, and it cannot open encrypted messages.

The library asn1crypto reads the same format, but it joins the pieces of a string one by one: 20 MB
in pieces of 1,000 bytes took 17 s (docs/decisions/015-inbound-mail.md).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from redress.mail.incoming.reader.limits import SMIME_PIECES, Code, Defects

_OID = b"\x2a\x86\x48\x86\xf7\x0d\x01"
_SIGNED = _OID + b"\x07\x02"  # 1.2.840.113549.1.7.2
_COMPRESSED = _OID + b"\x09\x10\x01\x09"  # 1.2.840.113549.1.9.16.1.9, RFC 3274
_ENCRYPTED = (
    _OID + b"\x07\x03",  # enveloped data
    _OID + b"\x09\x10\x01\x17",  # authenticated enveloped data, RFC 5083
)

_OBJECT_ID, _OCTETS, _PIECES, _SEQUENCE, _SET, _TAGGED = 0x06, 0x04, 0x24, 0x30, 0x31, 0xA0
"""The tags of ASN.1 that are read. `_PIECES` is an OCTET STRING that consists of several strings.
`_TAGGED` is `[0] EXPLICIT`."""
_CONSTRUCTED = 0x20
_INDEFINITE = -1
_DEPTH = 16
"""Levels of nested values with indefinite lengths, and of nested strings. Real ones have three."""


class Kind(StrEnum):
    SIGNED = "signed"
    COMPRESSED = "compressed"
    ENCRYPTED = "encrypted"
    OTHER = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """The content of an S/MIME message; None if it cannot be opened or has no content."""

    kind: Kind
    content: bytes | None = None


ARMOUR = b"-----BEGIN "
_ARMOUR = re.compile(
    rb"^-----BEGIN (PKCS7|PKCS #7 SIGNED DATA|CMS)-----[ \t]*\r*\n"
    rb"([A-Za-z0-9+/=\s]*+)(?:-----END \1-----[ \t]*\r*(?:\n|\Z)|\Z)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Armoured:
    """A message as PEM: its base64, and the range of the data with the two lines around it."""

    content: bytes
    start: int
    end: int


def armoured(data: bytes) -> Armoured | None:
    """Return the first S/MIME message in PEM format (RFC 7468); None if there is none.

    Its end may be missing.
    """
    if ARMOUR not in data or (found := _ARMOUR.search(data)) is None:
        return None
    return Armoured(found.group(2), found.start(), found.end())


class _Unreadable(Exception):
    """The data is not the expected object of ASN.1."""


def read(data: bytes, limit: int, defects: Defects) -> Opened:
    """Open an S/MIME message, unless its content has more than `limit` bytes."""
    kind = Kind.OTHER
    try:
        reader = _Reader(data)
        reader.enter(_SEQUENCE)
        name = reader.value(_OBJECT_ID)
        kind = {_SIGNED: Kind.SIGNED, _COMPRESSED: Kind.COMPRESSED}.get(name, Kind.OTHER)
        if name in _ENCRYPTED:
            return Opened(Kind.ENCRYPTED)
        if kind is Kind.OTHER:
            return Opened(kind)
        reader.enter(_TAGGED)
        reader.enter(_SEQUENCE)
        reader.skip()  # the version
        reader.skip()  # the digest algorithms, or the compression algorithm
        reader.enter(_SEQUENCE)
        reader.skip()  # the type of the content, usually "data"
        if not reader.is_at(_TAGGED):
            # A message of certificates only, or a detached signature.
            return Opened(kind)
        reader.enter(_TAGGED)
        content = b"".join(reader.octets())
    except _Unreadable as error:
        defects.add(Code.BAD_SMIME, str(error))
        return Opened(kind)
    if reader.is_cut:
        defects.add(Code.BAD_SMIME, "cut")
    if kind is Kind.COMPRESSED:
        try:
            content = zlib.decompressobj().decompress(content, limit + 1)
        except zlib.error:
            defects.add(Code.BAD_SMIME, "compression")
            return Opened(kind)
    if len(content) > limit:
        defects.add(Code.BAD_SMIME, "too large")
        return Opened(kind)
    return Opened(kind, content)


class _Reader:
    """Reads values of BER from the beginning to the end of the data.

    `is_cut`: a value is longer than the data, as in a mail that was cut on its way.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._values = 0
        self.is_cut = False

    def is_at(self, tag: int) -> bool:
        return self._data[self._position : self._position + 1] == bytes((tag,))

    def enter(self, tag: int) -> None:
        """Move into the next value, which must have this tag: to the first value inside of it."""
        self._head(tag)

    def value(self, tag: int) -> bytes:
        """Return the bytes of a value with a definite length, and move past it."""
        _, length = self._head(tag)
        if length == _INDEFINITE:
            raise _Unreadable("indefinite length of a simple value")
        return self._take(length)

    def skip(self) -> None:
        """Move past the next value."""
        open_values = 0
        while True:
            tag, length = self._head()
            if length == _INDEFINITE:
                open_values += 1
                if open_values > _DEPTH:
                    raise _Unreadable("too deep")
            elif tag == 0 and length == 0 and open_values:
                open_values -= 1  # the end of a value with an indefinite length
            else:
                self._take(length)
            if not open_values:
                return

    def octets(self) -> Iterator[bytes]:
        """Yield the pieces of an OCTET STRING."""
        tag, length = self._head()
        if tag == _OCTETS and length != _INDEFINITE:
            yield self._take(length)
            return
        if tag != _PIECES:
            raise _Unreadable(f"tag {tag:#x} instead of an octet string")
        # Strings can be nested. Only simple strings have content. `ends` has the position at which
        # each open string ends, or _INDEFINITE if an end mark ends it.
        ends = [self._end(length)]
        while ends:
            if 0 <= ends[-1] <= self._position:
                ends.pop()
                continue
            if self._position + 2 > len(self._data):
                self.is_cut = True
                return
            tag, length = self._head()
            if tag == 0 and length == 0 and ends[-1] == _INDEFINITE:
                ends.pop()
            elif tag == _OCTETS and length != _INDEFINITE:
                yield self._take(length)
            elif tag == _PIECES and len(ends) < _DEPTH:
                ends.append(self._end(length))
            else:
                raise _Unreadable(f"tag {tag:#x} within an octet string")

    def _end(self, length: int) -> int:
        return _INDEFINITE if length == _INDEFINITE else self._position + length

    def _take(self, length: int) -> bytes:
        begin, self._position = self._position, self._position + length
        self.is_cut = self.is_cut or self._position > len(self._data)
        return self._data[begin : self._position]

    def _head(self, expected: int | None = None) -> tuple[int, int]:
        """Read the tag and the length of a value. The length is -1 if it is indefinite."""
        self._values += 1
        if self._values > SMIME_PIECES:
            raise _Unreadable("too many values")
        head = self._data[self._position : self._position + 2]
        if len(head) < 2:
            raise _Unreadable("it ends too early")
        tag, length = head
        if expected is not None and tag != expected:
            raise _Unreadable(f"tag {tag:#x} instead of {expected:#x}")
        self._position += 2
        if length == 0x80:
            if not tag & _CONSTRUCTED:
                raise _Unreadable("indefinite length of a simple value")
            return tag, _INDEFINITE
        if length > 0x80:
            count = length & 0x7F
            if count > 8:
                raise _Unreadable("a length of more than 8 bytes")
            length = int.from_bytes(self._take(count), "big")
        return tag, length
