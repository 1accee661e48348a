"""The table's stream as the relay gets it: moto's records through the template's filters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from local.template import template


class Stream:
    """Reads what was written to a table in moto, from the beginning, each record once.

    `filtered=False` leaves the filters out: everything that the table wrote.
    """

    def __init__(self, table: str, region: str, *, filtered: bool = True) -> None:
        self._table, self._region = table, region
        self._read = 0
        self._patterns = relay_patterns() if filtered else [{}]

    def records(self) -> list[dict[str, Any]]:
        """New records that pass the filters, in the shape of a Lambda event's `Records`."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][self._region].tables[self._table]
        assert table.stream_shard is not None, "the table has a stream"
        written = table.stream_shard.items[self._read :]
        self._read += len(written)
        records = [json.loads(json.dumps(item.record, default=str)) for item in written]
        return [
            record
            for record in records
            if any(passes(record, pattern) for pattern in self._patterns)
        ]


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
