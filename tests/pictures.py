"""Small PNG pictures, made without a library."""

from __future__ import annotations

import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def part(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG: its length, its type, its data and a checksum."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def png(
    width: int, height: int, colour: tuple[int, int, int, int] = (0,) * 4, extra: bytes = b""
) -> bytes:
    """A picture of one colour with red, green, blue and opacity. `extra` makes the file longer."""
    header = width.to_bytes(4) + height.to_bytes(4) + bytes((8, 6, 0, 0, 0))
    pixels = (b"\0" + bytes(colour) * width) * height
    parts = [part(b"IHDR", header), part(b"IDAT", zlib.compress(pixels))]
    parts += [part(b"teXt", extra)] if extra else []
    return _SIGNATURE + b"".join(parts) + part(b"IEND", b"")
