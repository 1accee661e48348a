"""The texts of the documents: YAML files by subject, which only `local.openapi` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.plans import load

FOLDER = Path(__file__).parent


def texts(*path: str, **values: object) -> dict[str, Any]:
    """The texts in a file of this package. `{name}` in a text is replaced by the value `name`."""
    found: dict[str, Any] = _filled(load(FOLDER.joinpath(*path)), values)
    return found


def _filled(part: Any, values: Mapping[str, object]) -> Any:
    match part:
        case str():
            for name, value in values.items():
                part = part.replace(f"{{{name}}}", str(value))
            return part
        case dict():
            return {key: _filled(value, values) for key, value in part.items()}
        case list():
            return [_filled(value, values) for value in part]
    return part
