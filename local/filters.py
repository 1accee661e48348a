"""Which changes of the table start the relay: applies the stream filters of `template.yaml`.

Supports the part of Lambda's event filter grammar that the template uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from local.template import template


def reaches_relay(record: dict[str, Any]) -> bool:
    """Whether a stream record, in the shape of a Lambda event's `Records`, passes a filter."""
    return any(passes(record, pattern) for pattern in relay_patterns())


@cache
def relay_patterns() -> list[dict[str, Any]]:
    """The filters of the relay, the stream's only reader, as the template deploys them."""
    changes = template()["Resources"]["RelayFunction"]["Properties"]["Events"]["Changes"]
    filters = changes["Properties"]["FilterCriteria"]["Filters"]
    return [json.loads(entry["Pattern"]) for entry in filters]


def passes(value: Any, pattern: Any) -> bool:
    """Whether a record matches an event filter.

    An object requires that every name matches. A list requires that one of its entries matches: a
    plain value, {"prefix": ...} or {"exists": true|false}. Any other rule raises TypeError, so an
    unknown rule is never ignored.
    """
    if isinstance(pattern, dict):
        return all(
            passes(value.get(name) if isinstance(value, dict) else None, wanted)
            for name, wanted in pattern.items()
        )
    return any(_rule_holds(value, rule) for rule in _rules(pattern))


def _rules(pattern: Any) -> Iterator[Any]:
    if not isinstance(pattern, list):
        raise TypeError(f"a filter's leaf must be a list: {pattern!r}")
    yield from pattern


def _rule_holds(value: Any, rule: Any) -> bool:
    match rule:
        case {"prefix": str(prefix), **rest} if not rest:
            return isinstance(value, str) and value.startswith(prefix)
        case {"exists": bool(wanted), **rest} if not rest:
            return (value is not None) is wanted
        case str() | int() | None:
            return bool(value == rule)
    raise TypeError(f"unsupported filter rule: {rule!r}")
