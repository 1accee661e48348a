"""The encoding of values in items of the table, which all stores use.

An item has the few attributes that keys, indexes and conditions need. Its attribute `doc` is the
complete value as compact JSON. msgspec checks every type when it decodes `doc`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from redress.base import observe
from redress.base.errors import InvalidInput, Unreadable

Item = dict[str, Any]


_ENCODER = msgspec.json.Encoder()


_DAMAGE = (
    InvalidInput,
    msgspec.MsgspecError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    zlib.error,
)
"""What decoding an item can raise: an attribute is missing or has another type, or its value is not
one that this version of the product knows."""


@contextmanager
def reading(pk: str, sk: str) -> Iterator[None]:
    """Around the code that decodes the item with these keys: report damage, raise Unreadable."""
    try:
        yield
    except _DAMAGE as error:
        observe.unreadable(pk, sk, error)
        raise Unreadable(pk, sk) from error


def decoded[T](row: Any, decode: Callable[[Any], T]) -> T:
    """Decode a row of `redress.db.rows`. If it is damaged, report it and raise Unreadable.

    Every store decodes its items here, so that all damage is reported and has one error.
    """
    with reading(row.pk, row.sk):
        if row.damage is not None:
            raise row.damage
        return decode(row)


def readable[T](rows: Iterable[Any], decode: Callable[[Any], T]) -> Iterator[T]:
    """Decode the rows of a list. A row that cannot be read is reported and left out."""
    for row in rows:
        try:
            found = decoded(row, decode)
        except Unreadable:
            continue
        yield found


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
