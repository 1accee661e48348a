"""What an opening transaction's lost conditions mean, for both clients that write one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redress.rules.errors import RedressError
from redress.store import outcome

OPENING_CONDITIONS = ("key", "number", "timer")
"""Names of the first items of an opening transaction, in their order (`codec.opening_items`)."""


class KeyTaken(RedressError):
    """The Idempotency-Key has made a ticket already; read it and answer the same."""


class NumberTaken(RedressError):
    """The random number exists; draw another."""


def opened(run: Callable[[], Any]) -> None:
    """Run an opening transaction; raises KeyTaken or NumberTaken, and nothing is written then."""
    try:
        run()
    except outcome.ConditionFailed as lost:
        if "key" in lost.names:
            raise KeyTaken("this submission was taken already") from lost
        raise NumberTaken("this number exists already") from lost
