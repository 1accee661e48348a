"""What a board says of a day: how fast customers got their first answer, who still waits, and how
long a shift has lasted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from redress.clocks.rules.clocks import ClockName
from redress.tickets.rules.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Responses:
    """The first responses of a day to tickets that customers opened on it.

    `answered` of them got one: half of these within `median_s` seconds, and nine of ten within
    `ninety_s`. Both are None if nobody got one. Seconds are those of the promise's calendar, so a
    night does not count where only office hours do. `waiting` have none yet, the first of them
    since `waiting_since`. `complete` says whether all tickets of the day were read.
    """

    answered: int
    median_s: int | None
    ninety_s: int | None
    waiting: int
    waiting_since: datetime | None
    complete: bool


def responses(found: Iterable[Ticket], *, complete: bool) -> Responses:
    """The first responses to these tickets. One that promises none, or was closed without, is not
    counted.
    """
    seconds, waiting = list[int](), list[datetime]()
    for ticket in found:
        clock = ticket.clocks.get(ClockName.FIRST_RESPONSE)
        if clock is None:
            continue
        if clock.stopped_at is not None:
            seconds.append(math.floor(clock.consumed_s))
        elif not clock.over:
            waiting.append(ticket.created_at)
    seconds.sort()
    return Responses(
        answered=len(seconds),
        median_s=rank(seconds, 0.5),
        ninety_s=rank(seconds, 0.9),
        waiting=len(waiting),
        waiting_since=min(waiting, default=None),
        complete=complete,
    )


def seconds_of_shift(
    working: Iterable[tuple[str, str]] | None, begin: datetime, end: datetime
) -> int | None:
    """The seconds of these intervals of work between two instants; None if there is no shift plan.

    `working` is `Availability.working`.
    """
    if working is None:
        return None
    spans = ((datetime.fromisoformat(one), datetime.fromisoformat(other)) for one, other in working)
    cut = ((max(one, begin), min(other, end)) for one, other in spans)
    return math.floor(sum((other - one).total_seconds() for one, other in cut if one < other))


def rank(ordered: Sequence[int], share: float) -> int | None:
    """The value that this share of the ordered values does not exceed (nearest rank), or None."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
