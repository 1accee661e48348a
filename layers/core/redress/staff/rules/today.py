"""What a board says of a day: how fast customers got their first answer, who still waits, how long
agents talked in calls, and how long a shift has lasted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from redress.clocks.rules.clocks import ClockName
from redress.staff.rules.shifts import Work, within
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


@dataclass(frozen=True, slots=True)
class Talks:
    """The talks in calls of tickets that customers opened on a day.

    There were so many `calls` in which an agent talked, half of them for at most `median_s` seconds
    (None if there were none). `over_target` of them were longer than the plan's target.
    """

    calls: int
    median_s: int | None
    over_target: int


def talks(found: Iterable[Ticket]) -> Talks:
    """The talks in the calls of these tickets."""
    every = [talk for ticket in found for talk in ticket.talks]
    seconds = sorted(math.floor(talk.seconds) for talk in every)
    return Talks(len(every), rank(seconds, 0.5), sum(talk.is_over for talk in every))


def seconds_of_shift(work: Work | None, begin: datetime, end: datetime) -> int | None:
    """The seconds of a member's shifts between two instants; None if they have no shift plan then.

    In a month without a plan they have one only as long as a shift of another month reaches.
    """
    if work is None or (not work.shifts and any(one <= end < other for one, other in work.free)):
        return None
    passed = within(work.shifts, begin, end)
    return math.floor(sum((other - one).total_seconds() for one, other in passed))


def rank(ordered: Sequence[int], share: float) -> int | None:
    """The value that this share of the ordered values does not exceed (nearest rank), or None."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
