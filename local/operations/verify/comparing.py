"""Compares what a template wants with what AWS has, value by value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.operations.verify.expected import Unknown

LONG = 160
"""The most characters of a value that are shown."""


@dataclass(frozen=True)
class Difference:
    """A value that is not as the template wants it. `path` is such as `Environment.Variables.X`."""

    path: str
    wanted: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.path} is {_shown(self.found)}, not {_shown(self.wanted)}"


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[Difference]:
    """Return every value of `wanted` that `found` does not have.

    AWS adds its defaults, so a name that only `found` has is no difference. The order of a list has
    no meaning in the properties that are compared, but its length has. A number may be a text, as
    in parameters, and JSON may be a text.
    """
    if isinstance(wanted, Unknown):
        return
    if isinstance(wanted, dict):
        found = _parsed(found)
        if not isinstance(found, dict):
            yield Difference(path, wanted, found)
            return
        for name, value in wanted.items():
            yield from differences(value, found.get(name), f"{path}.{name}" if path else name)
    elif isinstance(wanted, list):
        other = found if isinstance(found, list) else [] if found is None else [found]
        if not _same_items(wanted, other):
            yield Difference(path, wanted, found)
    elif not _same(wanted, found):
        yield Difference(path, wanted, found)


def _same_items(wanted: list[Any], found: list[Any]) -> bool:
    """Whether each wanted item has its own found item, and no found item is left over."""
    left = list(found)
    for item in wanted:
        match = next((one for one in left if not list(differences(item, one))), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool):
        return str(wanted).lower() == str(found).lower()
    if isinstance(found, list) and len(found) == 1:
        return _same(wanted, found[0])
    if isinstance(wanted, str) and wanted.lstrip().startswith(("{", "[")):
        return bool(_parsed(wanted) == _parsed(found))
    try:
        return float(wanted) == float(found)
    except (TypeError, ValueError):
        return bool(wanted == found)


def _parsed(value: Any) -> Any:
    """A value, read from JSON if it is a text with JSON."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONG else f"{text[:LONG]}…"
