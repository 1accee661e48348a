"""How large what is deployed is, against the bounds that a test holds it to as well."""

from __future__ import annotations

from pathlib import Path

from bench.report import Figure, at_most

BOUNDS = {
    "CoreLayer": 20_700_000,
    "CustomerFunction": 3_000_000,
    "InboundFunction": 19_000_000,  # readers of HTML and of charsets
}
"""Most bytes of an artifact, unzipped. Lambda takes 250 MB; each megabyte more is time at every
cold start."""
BOUND = 200_000
"""Of every other function: its own code alone."""


def size_of(folder: Path) -> int:
    """Bytes of everything in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def figures(built: Path) -> list[Figure]:
    """The artifacts in what `sam build` made, in megabytes."""
    names = sorted(path.name for path in built.iterdir() if path.is_dir())
    return [
        at_most(f"{name}: size", size_of(built / name) / 1e6, "MB", BOUNDS.get(name, BOUND) / 1e6)
        for name in names
    ]
