"""The messages between the ticket machine and its functions.

Executions keep the definition with which they began for up to a year, so the fields of both types
stay readable: a field that came later has a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Sleep(msgspec.Struct, frozen=True):
    """The input of a wait in `ticket.asl.json`: ids and times only, never personal data.

    seq   the sequence number for which the wait is armed
    wait  seconds to wait, a whole number of at least 1
    """

    ticket: str
    gen: int
    seq: int
    phase: str
    wait: int


class Woken(msgspec.Struct, frozen=True):
    """What the machine sends after a wait.

    woken    the error that ended the wait; "" in a definition that does not send it
    attempt  how often this state was tried before; None in a definition that does not send it
    """

    ticket: str
    gen: int
    woken: str = ""
    attempt: int | None = None


def encode(sleep: Sleep) -> str:
    return msgspec.json.encode(sleep).decode()


def woken_of(event: Mapping[str, Any]) -> Woken:
    """The message in an event; raises msgspec.ValidationError for anything else."""
    return msgspec.convert(event, Woken)
