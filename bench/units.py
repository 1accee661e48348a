"""What a call of the table is billed by: Amazon's rules of read and write units, as pure functions.

Developer Guide, "DynamoDB item sizes and formats", "Read and write operations" and "Managing write
capacity of global secondary indexes". Items are in DynamoDB's own notation ({"pk": {"S": "a"}}).
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
    """The size of an item: of its names and its values. None has none."""
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
            raise ValueError(f"no item of ours holds a {kind}")


def _number_bytes(text: str) -> int:
    """One byte for each two significant digits, and one; one more below zero."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + text.startswith("-")


def write_units(
    before: Item | None,
    after: Item | None,
    indexes: Iterable[Mapping[str, Any]],
    *,
    transaction: bool,
) -> int:
    """Units of one item's write, its entries in the indexes included.

    The larger of before and after counts, at least 1 KB, twice in a transaction. An index is
    written after it, so never twice; an entry whose key changes is removed and put.
    """
    kilobytes = _writes(max(item_bytes(before), item_bytes(after)))
    return kilobytes * (2 if transaction else 1) + sum(
        _index_units(entry(before, index), entry(after, index)) for index in indexes
    )


def failed_write_units(before: Item | None, *, transaction: bool) -> int:
    """Units of a write whose condition failed: of the item as it is."""
    return _writes(item_bytes(before)) * (2 if transaction else 1)


def entry(item: Item | None, index: Mapping[str, Any]) -> Item | None:
    """What an index keeps of an item: its keys and the table's. None for one that is not in it."""
    if index["Projection"]["ProjectionType"] != "KEYS_ONLY":
        raise ValueError("our indexes keep keys only")
    names = [key["AttributeName"] for key in index["KeySchema"]]
    if item is None or any(name not in item for name in names):
        return None
    return {name: item[name] for name in ("pk", "sk", *names)}


def _index_units(before: Item | None, after: Item | None) -> int:
    if before == after:
        return 0
    return sum(_writes(item_bytes(one)) for one in (before, after) if one is not None)


def read_units(items: Iterable[Item | None], *, consistent: bool, together: bool) -> float:
    """Units of a read; half of it where it may be a moment old. What is not there costs as 4 KB.

    `together`: a query adds up what it met; each item of another read is rounded up by itself.
    """
    sizes = [item_bytes(item) for item in items]
    blocks = _reads(sum(sizes)) if together else sum(_reads(size) for size in sizes)
    return blocks * (1.0 if consistent else 0.5)


def _writes(size: int) -> int:
    return max(1, math.ceil(size / WRITE_BYTES))


def _reads(size: int) -> int:
    return max(1, math.ceil(size / READ_BYTES))
