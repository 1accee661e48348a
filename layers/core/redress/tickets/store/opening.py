"""What the lost conditions of an opening transaction mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redress.base.errors import RedressError
from redress.db import retry

OPENING_CONDITIONS = ("key", "number", "timer")
"""Names of the first items of an opening transaction, in their order (`codec.opening_items`)."""
TOLD = "ALL_OLD"
"""`ReturnValuesOnConditionCheckFailure` of the key: a transaction that is refused brings along what
the key has made, so a repeated submission is one call like a first."""


class KeyTaken(RedressError):
    """The Idempotency-Key has made a ticket already: of which body, and what that was answered."""

    def __init__(self, fingerprint: str, answer: str) -> None:
        super().__init__("this submission was taken already")
        self.fingerprint, self.answer = fingerprint, answer


class KeyUnreadable(Exception):
    """The key's record says no answer: it is of a table that this version does not take over."""


class NumberTaken(RedressError):
    """The random number exists; draw another."""


def opened(run: Callable[[], Any]) -> None:
    """Run an opening transaction; raises KeyTaken or NumberTaken, and nothing is written then.

    KeyUnreadable where the key was taken, and what it was answered is not known.
    """
    try:
        run()
    except retry.ConditionFailed as lost:
        if "key" in lost.names:
            made = lost.items["key"]
            if "answer" not in made:
                raise KeyUnreadable("a key's record without an answer") from lost
            raise KeyTaken(made["fingerprint"]["S"], made["answer"]["S"]) from lost
        raise NumberTaken("this number exists already") from lost
