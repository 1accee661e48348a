"""Amazon's rules of read and write units for a call of the table, as pure functions.

Sources: Developer Guide, "DynamoDB item sizes and formats", "Read and write operations" and
"Managing write capacity of global secondary indexes". Items are in DynamoDB's own notation
({"pk": {"S": "a"}}).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from typing import Any

type Item = Mapping[str, Any]

WRITE_BYTES = 1024
READ_BYTES = 4096


def item_bytes(item: Item | None) -> int:
    """The size of an item: of its names and its values. 0 for None."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in (item or {}).items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return _number_bytes(held)
        case "B":
            return len(base64.b64decode(held))
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(1 + len(k.encode()) + _value_bytes(v) for k, v in held.items())
        case "L":
            return 3 + sum(1 + _value_bytes(one) for one in held)
        case "SS":
            return sum(len(one.encode()) for one in held)
        case "NS":
            return sum(_number_bytes(one) for one in held)
        case _:
            raise ValueError(f"items of Redress hold no {kind}")


def _number_bytes(text: str) -> int:
    """One byte for every two significant digits, plus one; plus one for a negative number."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + text.startswith("-")


def write_units(
    before: Item | None,
    after: Item | None,
    indexes: Iterable[Mapping[str, Any]],
    *,
    transaction: bool,
) -> int:
    """Units of writing one item, its index entries included.

    The larger of before and after counts, at least 1 KB, and twice in a transaction. An index is
    updated after the write, so it never counts twice. An entry whose key changes is deleted and
    put again.
    """
    kilobytes = _writes(max(item_bytes(before), item_bytes(after)))
    return kilobytes * (2 if transaction else 1) + sum(
        _index_units(entry(before, index), entry(after, index)) for index in indexes
    )


def failed_write_units(before: Item | None, *, transaction: bool) -> int:
    """Units of a write whose condition failed: the existing item counts."""
    return _writes(item_bytes(before)) * (2 if transaction else 1)


def entry(item: Item | None, index: Mapping[str, Any]) -> Item | None:
    """An index's entry for an item: its keys and the table's keys. None if it has no entry."""
    if index["Projection"]["ProjectionType"] != "KEYS_ONLY":
        raise ValueError("the table's indexes project keys only")
    names = [key["AttributeName"] for key in index["KeySchema"]]
    if item is None or any(name not in item for name in names):
        return None
    return {name: item[name] for name in ("pk", "sk", *names)}


def _index_units(before: Item | None, after: Item | None) -> int:
    if before == after:
        return 0
    return sum(_writes(item_bytes(one)) for one in (before, after) if one is not None)


def read_units(items: Iterable[Item | None], *, consistent: bool, together: bool) -> float:
    """Units of a read; half if it may be slightly old. A missing item counts as 4 KB.

    With `together` (a query) the sizes are added up; otherwise each item is rounded up separately.
    """
    sizes = [item_bytes(item) for item in items]
    blocks = _reads(sum(sizes)) if together else sum(_reads(size) for size in sizes)
    return blocks * (1.0 if consistent else 0.5)


def _writes(size: int) -> int:
    return max(1, math.ceil(size / WRITE_BYTES))


def _reads(size: int) -> int:
    return max(1, math.ceil(size / READ_BYTES))
