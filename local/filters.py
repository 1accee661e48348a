"""Which of the table's changes start the relay: the template's filter of its stream, read here.

The template has its own words for it; this is their grammar, as far as they use it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from local.template import template


def reaches_relay(record: dict[str, Any]) -> bool:
    """Whether a record of the stream, in the shape of a Lambda event's `Records`, passes."""
    return any(passes(record, pattern) for pattern in relay_patterns())


@cache
def relay_patterns() -> list[dict[str, Any]]:
    """The filters of the stream's only reader, as the template deploys them."""
    changes = template()["Resources"]["RelayFunction"]["Properties"]["Events"]["Changes"]
    filters = changes["Properties"]["FilterCriteria"]["Filters"]
    return [json.loads(entry["Pattern"]) for entry in filters]


def passes(value: Any, pattern: Any) -> bool:
    """Whether a record matches an event filter: the part of its grammar that the template uses.

    An object asks that every name matches; a list, that one of its entries does: a plain value,
    {"prefix": ...} or {"exists": true|false}. Any other rule raises, so that none is passed over.
    """
    if isinstance(pattern, dict):
        return all(
            passes(value.get(name) if isinstance(value, dict) else None, wanted)
            for name, wanted in pattern.items()
        )
    return any(_rule_holds(value, rule) for rule in _rules(pattern))


def _rules(pattern: Any) -> Iterator[Any]:
    if not isinstance(pattern, list):
        raise TypeError(f"a filter's leaf is a list: {pattern!r}")
    yield from pattern


def _rule_holds(value: Any, rule: Any) -> bool:
    match rule:
        case {"prefix": str(prefix), **rest} if not rest:
            return isinstance(value, str) and value.startswith(prefix)
        case {"exists": bool(wanted), **rest} if not rest:
            return (value is not None) is wanted
        case str() | int() | None:
            return bool(value == rule)
    raise TypeError(f"a rule that this reading of filters does not know: {rule!r}")
