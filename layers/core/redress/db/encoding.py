"""How values become items of the table, and back: one encoding, used by every store.

An item carries the few attributes that keys, indexes and conditions need, and `doc`: the complete
value as compact JSON. msgspec checks every type when it decodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

Item = dict[str, Any]


_ENCODER = msgspec.json.Encoder()


Unreadable = msgspec.DecodeError
"""A `doc` that is not what its decoder reads: no JSON, or a value of another shape."""


def encode(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def key_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(body: Mapping[str, Any]) -> str:
    """What a body says, whatever its order of fields: tells a repeat from another submission."""
    canonical = msgspec.json.encode(body, order="deterministic")
    return hashlib.sha256(canonical).hexdigest()


def to_dynamodb(value: Any) -> dict[str, Any]:
    """One plain value in DynamoDB's own notation (the types that items here use)."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case _:
            raise TypeError(f"no item of ours holds a {type(value).__name__}")


def item_to_dynamodb(item: Item) -> dict[str, dict[str, Any]]:
    return {name: to_dynamodb(value) for name, value in item.items()}
