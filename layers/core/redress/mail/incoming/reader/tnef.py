"""Read the files named winmail.dat.

Outlook packs a mail into such a file if it assumes that the recipient uses Outlook, too. The format
is [MS-OXTNEF]. The library tnefparse reads it well, but a hostile file can keep it busy. It repeats
a loop as often as a number in the file says, up to four billion times. It also copies the rest of
the file for every object. This module reads only the parts that a mail needs (body and
attachments), and limits how much it reads.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from redress.mail.incoming.reader import charset
from redress.mail.incoming.reader.charset import Hints
from redress.mail.incoming.reader.limits import (
    ATTACHMENTS,
    TNEF_OBJECTS,
    TNEF_VALUES,
    Code,
    Defects,
)

SIGNATURE = b"\x78\x9f\x3e\x22"

_ATTACHMENT_BEGINS, _ATTACHMENT_TITLE = 0x9002, 0x8010
_ATTACHMENT_DATA, _ATTACHMENT_PROPERTIES = 0x800F, 0x9005
_BODY, _MESSAGE_PROPERTIES, _CODEPAGE = 0x800C, 0x9003, 0x9007

_PLAIN_BODY, _HTML_BODY, _INTERNET_CODEPAGE = 0x1000, 0x1013, 0x3FDE
_LONG_NAME, _SHORT_NAME, _MIME_TAG, _CONTENT_ID, _DATA = 0x3707, 0x3704, 0x370E, 0x3712, 0x3701

_WIDTHS = {0x02: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 4}
_WIDTHS |= {0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}
"""Maps a type of fixed size to the size of its values in bytes, including padding."""
_STRING8, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
_COUNTED = (_STRING8, _UNICODE, _OBJECT, _BINARY)
_GUID_OF_INTERFACE = 16
"""The data of an object begins with an interface id of this many bytes."""


@dataclass(slots=True)
class File:
    name: str = ""
    kind: str = ""
    content_id: str = ""
    content: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Wrapped:
    """The content of a winmail.dat. `html` is not sanitised yet."""

    text: str = ""
    html: str = ""
    files: list[File] = field(default_factory=list)


def read(data: bytes, defects: Defects, hints: Hints | None = None) -> Wrapped | None:
    """Read a winmail.dat. Returns None if the data is not in the format TNEF.

    Damaged content is left out and listed as a defect.
    """
    if not data.startswith(SIGNATURE):
        return None
    wrapped, texts, values = Wrapped(), _Texts(defects, hints), _Budget()
    try:
        for name, content in _objects(data):
            if name == _CODEPAGE and len(content) >= 4:
                texts.codepage = f"cp{struct.unpack_from('<I', content)[0]}"
            elif name == _BODY:
                wrapped.text = texts.decoded(content)
            elif name == _MESSAGE_PROPERTIES:
                _message(wrapped, dict(_properties(content, values)), texts)
            elif name == _ATTACHMENT_BEGINS and len(wrapped.files) < ATTACHMENTS:
                wrapped.files.append(File())
            elif wrapped.files:
                _attachment(wrapped.files[-1], name, content, values, texts)
    except (struct.error, ValueError) as error:
        defects.add(Code.BAD_TNEF, str(error))
    wrapped.files = [one for one in wrapped.files if one.content]
    return wrapped


class _Texts:
    """Decodes the texts of one file. `codepage` is the code page that the file declares."""

    def __init__(self, defects: Defects, hints: Hints | None, codepage: str = "cp1252") -> None:
        self.codepage = codepage
        self._defects, self._hints = defects, hints

    def labelled(self, codepage: str) -> _Texts:
        return _Texts(self._defects, self._hints, codepage)

    def decoded(self, data: bytes) -> str:
        return charset.decode(data.rstrip(b"\0"), self.codepage, self._defects, self._hints).text

    def of(self, value: tuple[int, bytes] | None) -> str:
        """Return the text of a property; "" if there is no such property."""
        if value is None:
            return ""
        kind, data = value
        if kind == _UNICODE:
            return charset.clean(data.decode("utf-16-le", "replace")).rstrip("\0")
        return self.decoded(data)


class _Budget:
    """Limits how many values are read from one file, counted over all its properties."""

    def __init__(self) -> None:
        self.left = TNEF_VALUES

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many values")


def _objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield name and content of each object.

    An object is: level (1 byte), name (2), type (2), length (4), content, checksum (2).
    """
    position = 6
    for _ in range(TNEF_OBJECTS):
        if position + 11 > len(data):
            return
        name, _, length = struct.unpack_from("<HHI", data, position + 1)
        begin = position + 9
        if begin + length > len(data):
            raise ValueError("an object is cut")
        yield name, data[begin : begin + length]
        position = begin + length + 2
    raise ValueError("too many objects")


def _properties(data: bytes, budget: _Budget) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """Yield the id, type and first value of each MAPI property in a list.

    [MS-OXTNEF] 2.1.3.4 defines the list.
    """
    (count,) = struct.unpack_from("<I", data)
    position = 4
    while count > 0 and position < len(data):
        count -= 1
        budget.take()
        kind, name = struct.unpack_from("<HH", data, position)
        position += 4
        if name >= 0x8000:
            position = _after_name(data, position)
        several, kind = bool(kind & 0x1000), kind & 0xEFFF
        values = 1
        if several or kind in _COUNTED:
            (values,) = struct.unpack_from("<I", data, position)
            position += 4
        first: bytes | None = None
        for _ in range(values):
            budget.take()
            length = _WIDTHS.get(kind, 0)
            if kind in _COUNTED:
                (length,) = struct.unpack_from("<I", data, position)
                position += 4
            elif not length:
                raise ValueError(f"a property of type {kind:#x}")
            if position + length > len(data):
                raise ValueError("a property is cut")
            if first is None:
                first = data[position : position + length]
            position += length + -length % 4
        if first is not None:
            yield name, (kind, first)


def _after_name(data: bytes, position: int) -> int:
    """Return the position after the name of a named property.

    The name is a GUID followed by a number or a text.
    """
    (kind,) = struct.unpack_from("<I", data, position + 16)
    (length,) = struct.unpack_from("<I", data, position + 20)
    return position + 24 + (length + -length % 4 if kind else 0)


def _message(wrapped: Wrapped, found: dict[int, tuple[int, bytes]], texts: _Texts) -> None:
    if _INTERNET_CODEPAGE in found:
        number = int.from_bytes(found[_INTERNET_CODEPAGE][1], "little")
        texts = texts.labelled(f"cp{number}")
    wrapped.text = texts.of(found.get(_PLAIN_BODY)) or wrapped.text
    wrapped.html = texts.of(found.get(_HTML_BODY)) or wrapped.html


def _attachment(one: File, name: int, content: bytes, values: _Budget, texts: _Texts) -> None:
    if name == _ATTACHMENT_TITLE:
        one.name = one.name or texts.decoded(content)
    elif name == _ATTACHMENT_DATA:
        one.content = content
    elif name == _ATTACHMENT_PROPERTIES:
        found = dict(_properties(content, values))
        one.name = texts.of(found.get(_LONG_NAME)) or one.name or texts.of(found.get(_SHORT_NAME))
        one.kind = texts.of(found.get(_MIME_TAG)).lower()
        one.content_id = texts.of(found.get(_CONTENT_ID)).strip("<>")
        if _DATA in found and not one.content:
            kind, data = found[_DATA]
            one.content = data[_GUID_OF_INTERFACE:] if kind == _OBJECT else data
