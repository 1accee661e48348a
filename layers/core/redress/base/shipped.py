"""Reads the files that ship with the product, in `redress/data`."""

from __future__ import annotations

from pathlib import Path

_DATA = Path(__file__).parents[1] / "data"


def read(*parts: str) -> bytes:
    """Return the content of the file with this path in `redress/data`.

    `importlib.resources` would do the same, but its import takes 3 ms of a cold start.
    """
    return _DATA.joinpath(*parts).read_bytes()
