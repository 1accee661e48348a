"""What an opening transaction's lost conditions mean, for both clients that write one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from redress.rules.errors import RedressError
from redress.store import outcome

OPENING_CONDITIONS = ("key", "number", "timer")
"""Names of the first items of an opening transaction, in their order (`codec.opening_items`)."""
TOLD = "ALL_OLD"
"""`ReturnValuesOnConditionCheckFailure` of the key: a transaction that is refused brings along what
the key has made, so a repeated submission is one call like a first."""


class Made(Struct, frozen=True):
    """What a key has made: with the body it is all that the first answer was made of."""

    fingerprint: str
    number: str
    created_at: datetime
    plan_version: int


class KeyTaken(RedressError):
    """The Idempotency-Key has made a ticket already; answer the same."""

    def __init__(self, made: Made) -> None:
        super().__init__("this submission was taken already")
        self.made = made


class NumberTaken(RedressError):
    """The random number exists; draw another."""


def opened(run: Callable[[], Any]) -> None:
    """Run an opening transaction; raises KeyTaken or NumberTaken, and nothing is written then."""
    try:
        run()
    except outcome.ConditionFailed as lost:
        if "key" in lost.names:
            raise KeyTaken(_made(lost.items["key"])) from lost
        raise NumberTaken("this number exists already") from lost


def _made(item: Mapping[str, Any]) -> Made:
    """Of an idempotency record in DynamoDB's own notation."""
    return Made(
        item["fingerprint"]["S"],
        item["number"]["S"],
        datetime.fromisoformat(item["created_at"]["S"]),
        int(item["plan_version"]["N"]),
    )
