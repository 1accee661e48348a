"""How large what is deployed is, against the bounds that a test holds it to as well."""

from __future__ import annotations

from pathlib import Path

from bench.report import Figure, at_most

BOUNDS = {
    "CoreLayer": 20_700_000,
    "CustomerFunction": 1_770_000,
    "InboundFunction": 18_000_000,  # readers of HTML and of charsets
    "StaffFunction": 135_000,
}
"""Most bytes of an artifact, unzipped: up to five percent more than it has now on the processor for
which it is larger. Lambda takes 250 MB; each megabyte more is time at every cold start."""
BOUND = 20_000
"""Of every other function: its own code alone. A library in one of them is more than that."""


def size_of(folder: Path) -> int:
    """Bytes of everything in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def figures(built: Path) -> list[Figure]:
    """The artifacts in what `sam build` made, in kilobytes."""
    names = sorted(path.name for path in built.iterdir() if path.is_dir())
    return [
        at_most(f"{name}: size", size_of(built / name) / 1000, "KB", BOUNDS.get(name, BOUND) / 1000)
        for name in names
    ]
