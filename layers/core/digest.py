"""`python digest.py ARCHITECTURE`: prints a digest of everything that the layer is made from.

Every function's artifact contains it. SAM publishes a version of a function only if its own
artifact or configuration changed, so without it a new layer would move no alias.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = (HERE, HERE.parent / "architectures")


def digest(architecture: str) -> str:
    """Return a digest of the files that the layer is made from, and of the architecture."""
    found = hashlib.sha256(architecture.encode())
    for part in PARTS:
        for file in sorted(part.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                name = file.relative_to(HERE.parent).as_posix()
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                found.update(f"\n{name} {content}".encode())
    return found.hexdigest()


if __name__ == "__main__":
    print(digest(sys.argv[1]))
