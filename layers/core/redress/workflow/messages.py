"""The messages between the ticket state machine and its functions.

An execution keeps the definition with which it began, for up to a year. So the messages of older
definitions must stay readable: in both types, a field that was added later has a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Sleep(msgspec.Struct, frozen=True):
    """The input of a wait in `ticket.asl.json`. It contains no personal data, only ids and times.

    seq   the TIMER's sequence for which the wait is armed
    wait  seconds to wait, a whole number of at least 1
    """

    ticket: str
    gen: int
    seq: int
    phase: str
    wait: int


class Woken(msgspec.Struct, frozen=True):
    """What the state machine sends after a wait.

    woken    the error that ended the wait; "" if the execution's definition does not send it
    attempt  how often this state was tried before; None if the definition does not send it
    """

    ticket: str
    gen: int
    woken: str = ""
    attempt: int | None = None


def encode(sleep: Sleep) -> str:
    return msgspec.json.encode(sleep).decode()


def woken_of(event: Mapping[str, Any]) -> Woken:
    """The message in an event. Raises msgspec.ValidationError if the event is no such message."""
    return msgspec.convert(event, Woken)
