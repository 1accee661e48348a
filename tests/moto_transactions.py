"""Let moto roll a failed transaction back without a copy of the whole table.

moto copies every table of a transaction before it writes, and puts the copies back if a condition
fails. The copies take half of the time of the tests that write. Here only the items that the
transaction names are copied, and the length of the stream.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any

from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

Transact = Callable[[DynamoDBBackend, list[dict[str, Any]]], None]


def install() -> None:
    """Replace moto's backup of tables in this process. A second call changes nothing."""
    transact: Any = DynamoDBBackend.transact_write_items
    if not hasattr(transact, "__wrapped__"):
        models.copy = SimpleNamespace(deepcopy=_copied)  # type: ignore[assignment, attr-defined]
        DynamoDBBackend.transact_write_items = _undone(transact)  # type: ignore[assignment, method-assign]


def _copied(value: Any) -> Any:
    """Copy a value, unless it is a table: `_undone` restores that one."""
    return value if isinstance(value, Table) else copy.deepcopy(value)


def _undone(transact: Transact) -> Transact:
    @wraps(transact)
    def transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        undo = [_restorer(self, item) for item in transact_items]
        try:
            transact(self, transact_items)
        except Exception:
            for restore in undo:
                restore()
            raise

    return transact_write_items


def _restorer(backend: DynamoDBBackend, item: dict[str, Any]) -> Callable[[], None]:
    """Return a function that puts the item of one operation back as it is now."""
    operation = next(iter(item.values()))
    table = backend.tables.get(operation.get("TableName"))
    if table is None:
        return lambda: None
    given = operation.get("Key") or operation.get("Item") or {}
    names = (table.hash_key_attr, table.range_key_attr)
    if not all(name in given for name in names):
        return lambda: None
    hash_key, range_key = (DynamoType(given[name]) for name in names)
    rows: Any = table.items
    before = copy.deepcopy(rows[hash_key].get(range_key)) if hash_key in rows else None
    shard = table.stream_shard
    records = list(shard.items) if shard is not None else []

    def restore() -> None:
        if before is not None:
            rows[hash_key][range_key] = before
        elif hash_key in rows:
            rows[hash_key].pop(range_key, None)
        if shard is not None:
            shard.items = list(records)

    return restore
