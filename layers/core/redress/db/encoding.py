"""The encoding of values in items of the table, which all stores use.

An item has the few attributes that keys, indexes and conditions need. Its attribute `doc` is the
complete value as compact JSON. msgspec checks every type when it decodes `doc`.
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
"""Raised for a `doc` that cannot be decoded: it is not JSON, or its value has another type."""


def encode(value: Any) -> str:
    """A value as compact JSON, for `doc`."""
    return _ENCODER.encode(value).decode()


def milliseconds(at: datetime) -> int:
    """An instant in milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def key_digest(key: str) -> str:
    """The SHA-256 of an Idempotency-Key, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(body: Mapping[str, Any]) -> str:
    """Return a digest of a request body. It does not depend on the order of the fields.

    A repeated request therefore has the same digest.
    """
    canonical = msgspec.json.encode(body, order="deterministic")
    return hashlib.sha256(canonical).hexdigest()


def to_dynamodb(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's JSON. Raises TypeError unless it is a `bool`, a `str` or an `int`."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case _:
            raise TypeError(f"no item holds a {type(value).__name__}")


def item_to_dynamodb(item: Item) -> dict[str, dict[str, Any]]:
    """An item in DynamoDB's JSON."""
    return {name: to_dynamodb(value) for name, value in item.items()}
