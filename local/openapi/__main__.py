"""`python -m local.openapi [--check]`."""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from local.openapi import template
from local.openapi.public.document import document as public_document
from local.openapi.staff.document import document as staff_document
from local.openapi.staff.document import machines as machines_document
from local.process import ROOT

WIDTH = 90
DATA = ROOT / "layers" / "core" / "redress" / "data"


@cache
def made() -> dict[Path, str]:
    """The generated files with their texts."""
    documents = {
        DATA / "openapi-staff.json": staff_document(),
        DATA / "openapi-machines.json": machines_document(),
        DATA / "openapi-public.json": public_document(),
    }
    files = {path: pretty(document) + "\n" for path, document in documents.items()}
    return files | {template.TEMPLATE: template.written()}


def pretty(value: Any, indent: str = "") -> str:
    """JSON for people: a value that fits on one line is written on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= WIDTH or not isinstance(value, dict | list):
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {pretty(part, inner)}" for name, part in value.items()]
        first, last = "{", "}"
    else:
        parts = [pretty(part, inner) for part in value]
        first, last = "[", "]"
    return f"{first}\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}{last}"


def main() -> int:
    """Write the files. With `--check`, write nothing and return 1 if a file differs."""
    parser = argparse.ArgumentParser(prog="python -m local.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check = parser.parse_args().check
    differing = [path for path, text in made().items() if path.read_text("utf-8") != text]
    for path in differing:
        print(f"{path.relative_to(ROOT)} {'is not as declared' if check else 'is written'}")
    if check:
        return int(bool(differing))
    for path, text in made().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
