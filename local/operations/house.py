"""Check the settings of the operator's house before a deployment: name, colours and logo.

The template bounds the form of name and colours. It cannot compute a contrast or read a file, so
`make deploy` does that here. docs/deploy.md ("Your name, logo and colours") says what is accepted.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.process import ROOT
from redress.base import house

LOGO = ROOT / "functions" / "customer" / "assets" / "logo.png"
MOST_BYTES = 20_000
"""The most bytes of a logo. Every new visitor loads it with the first page."""
MOST_PIXELS = 1_000
"""The greatest width and height. Pages show a logo at most 40 pixels high and 160 wide."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST_FILE = 50_000_000
"""A file of this size or more is not read: it is no logo, and its other faults do not matter."""


def faults(parameters: Mapping[str, str], logo: Path = LOGO) -> list[str]:
    """Return every fault of the house's settings among the parameters of a deployment."""
    given = (parameters.get(name, "") for name in ("HouseName", "HouseColour", "HouseColourDark"))
    found = [f"{parameter}: {detail}" for parameter, detail in house.faults_of(*given)]
    if parameters.get("HouseLogo") == "on":
        found += [f"HouseLogo: {detail}" for detail in _faults_of_logo(logo)]
    return found


def _faults_of_logo(file: Path) -> Iterator[str]:
    if not file.is_file():
        yield f"there is no file {file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}"
        return
    size = file.stat().st_size
    if size > MOST_BYTES:
        yield f"{file.name} has {size} bytes; at most {MOST_BYTES}"
    if size >= _LARGEST_FILE:
        return
    header = _header(file.read_bytes())
    if header is None:
        yield f"{file.name} is no complete PNG picture"
        return
    width, height = (int.from_bytes(header[at : at + 4]) for at in (0, 4))
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        yield f"{file.name} has {width} x {height} pixels; at most {MOST_PIXELS} x {MOST_PIXELS}"


def _header(content: bytes) -> bytes | None:
    """Return the header (IHDR) of a PNG whose parts are all there and undamaged; None otherwise.

    A part is its length, its type, its data and a checksum of type and data (PNG, 5.3).
    """
    if not content.startswith(_SIGNATURE):
        return None
    header, position, has_data = b"", len(_SIGNATURE), False
    while position + 12 <= len(content):
        length = int.from_bytes(content[position : position + 4])
        end = position + 8 + length
        kind, data = content[position + 4 : position + 8], content[position + 8 : end]
        if zlib.crc32(kind + data) != int.from_bytes(content[end : end + 4]):
            return None
        if not header:
            if kind != b"IHDR" or length != 13:
                return None
            header = data
        has_data = has_data or kind == b"IDAT"
        if kind == b"IEND":
            return header if has_data else None
        position = end + 4
    return None
