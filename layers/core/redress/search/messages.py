"""The messages in the search queue."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from redress.tickets.rules.numbers import normalised


class NotAMessage(ValueError):
    """The message is of no known kind. No retry can change that."""


class IndexTicket(msgspec.Struct, frozen=True):
    """Index the texts that a ticket has now: `{"number": "R-7K3M9-QW0X2"}`."""

    number: str


class IndexMonth(msgspec.Struct, frozen=True):
    """Index all tickets that were opened in a month or after it: `{"month": "2026-01"}`.

    The indexer sends a message for each ticket of one page, and this message with the next place:

    shard   the shard of the index of that month
    cursor  the last ticket that was read there; "" at the beginning
    """

    month: str
    shard: int = 0
    cursor: str = ""


SearchMessage = IndexTicket | IndexMonth


def encode(message: SearchMessage) -> str:
    return msgspec.json.encode(message).decode()


def decode(body: str) -> SearchMessage:
    """Decode the body of a queue message. Raises NotAMessage."""
    try:
        content: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        if "month" in content:
            month = msgspec.convert(content, IndexMonth)
            if re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month.month) and month.shard >= 0:
                return month
            raise NotAMessage("not a month")
        asked = msgspec.convert(content, IndexTicket)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotAMessage("not the JSON of a message") from error
    if normalised(asked.number) != asked.number:
        raise NotAMessage("not a ticket")
    return asked
