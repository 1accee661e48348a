"""The sizes of what is deployed, and their bounds, which a test enforces too."""

from __future__ import annotations

from pathlib import Path

from bench.report import Figure, at_most

BOUNDS = {
    "CoreLayer": 27_000_000,
    "AssignerFunction": 12_700_000,  # comparison of texts
    "CheckerFunction": 410_000,  # signatures of file types
    "ConsoleFunction": 66_000,  # drawing of the dashboard's widgets
    "CustomerFunction": 3_520_000,  # page templates, phone numbers
    "IndexerFunction": 3_370_000,  # SQLite, forms of Chinese characters
    "HotlineFunction": 1_640_000,  # phone numbers
    "InboundFunction": 18_000_000,  # parsers of HTML, detection of charsets
    "IntakeFunction": 1_760_000,  # phone numbers
    "MailerFunction": 26_200,  # the outcomes of a mail and of the reports about it
    "RepairFunction": 30_500,  # the tasks of a sweep, and their outcomes
    "StaffFunction": 5_730_000,  # SQLite, phone numbers, forms of Chinese characters
}
"""Largest size of an artifact in bytes, unzipped: at most five percent above its current size on
the architecture on which it is larger. Lambda's limit is 250 MB. Every megabyte makes cold starts
slower."""
BOUND = 20_000
"""The bound of every other function, whose own code fits easily; a library would exceed it."""


def size_of(folder: Path) -> int:
    """Bytes of all files in the folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def figures(built: Path) -> list[Figure]:
    """The sizes of the artifacts that `sam build` made, in kilobytes."""
    names = sorted(path.name for path in built.iterdir() if path.is_dir())
    return [
        at_most(f"{name}: size", size_of(built / name) / 1000, "KB", BOUNDS.get(name, BOUND) / 1000)
        for name in names
    ]
