"""Which changes of the table start relay and follower: the stream filters of `template.yaml`.

Supports the part of Lambda's event filter grammar that the template uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from functools import cache
from typing import Any

from local.template import template, with_default

READERS = ("relay", "follower")
"""The functions that read the table's stream. DynamoDB allows no third reader."""


FEED = "FeedsChanges"
"""The condition of the template for the filters of the feed of changes."""


def reaches(reader: str, record: dict[str, Any], conditions: Set[str] = frozenset()) -> bool:
    """Whether a stream record, in the shape of a Lambda event's `Records`, passes a filter."""
    return any(passes(record, pattern) for pattern in patterns(reader, frozenset(conditions)))


@cache
def patterns(reader: str, conditions: Set[str] = frozenset()) -> list[dict[str, Any]]:
    """The filters of a reader of the stream, as the template deploys them (`mapping`)."""
    filters = mapping(reader, conditions)["FilterCriteria"]["Filters"]
    return [json.loads(entry["Pattern"]) for entry in filters]


def mapping(reader: str, conditions: Set[str] = frozenset()) -> dict[str, Any]:
    """The settings of a reader's event source, as the template deploys them by default.

    `conditions` are those of the template that are true. All others are false.
    """
    function = template()["Resources"][f"{reader.capitalize()}Function"]
    settings: dict[str, Any] = function["Properties"]["Events"]["Changes"]["Properties"]
    found = {name: with_default(value) for name, value in settings.items()}
    filters = [_chosen(one, conditions) for one in found["FilterCriteria"]["Filters"]]
    return found | {"FilterCriteria": {"Filters": [one for one in filters if one is not None]}}


def _chosen(entry: Any, conditions: Set[str]) -> Any:
    """A filter, or what `!If [CONDITION, filter, nothing]` is under these conditions."""
    if not isinstance(entry, list):
        return entry
    condition, given, _ = entry
    return given if condition in conditions else None


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
