"""What a woken workflow does: act on what is due, then say how long to sleep."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.steps import by_timer
from redress.tickets.rules.ticket import Phase
from redress.tickets.store.timers import Timer, TimerStore

LONGEST_SLEEP = timedelta(days=90)
"""After so long a workflow looks again, with a promise further away or with none at all. Step
Functions fails a wait of more than 99,999,999 s (3.17 years), and an execution after a year."""

SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Sleep:
    """The input of a wait in `ticket.asl.json`: ids and times only, never personal data.

    `seq` is what the wait is armed for; `wait` is a whole number of seconds, at least 1.
    """

    ticket: str
    gen: int
    seq: int
    phase: str
    wait: int


def sleep_of(timer: Timer, now: datetime) -> Sleep:
    """How long the workflow of this timer may sleep: rounded up, so that it never wakes before
    its time, but for one that is further away than LONGEST_SLEEP: it then sleeps again."""
    left = min(timer.next_wake - now, LONGEST_SLEEP) if timer.next_wake else LONGEST_SLEEP
    return Sleep(
        ticket=timer.number,
        gen=timer.gen,
        seq=timer.seq,
        phase=timer.phase.value,
        wait=max(1, math.ceil(left.total_seconds())),
    )


class TimerCase:
    def __init__(
        self, timers: TimerStore, changes: TicketChanges, now: Callable[[], datetime]
    ) -> None:
        self._timers, self._changes, self._now = timers, changes, now

    def act_on_due_clocks(self, number: str, gen: int) -> Sleep:
        """Fire what is due, exactly once, and say how long to sleep.

        The rungs are events of the ticket, written under its version: a second call finds them
        fired. A generation that was followed by another does nothing and is told so.
        """
        timer = self._timers.get(number)
        if timer.gen != gen:
            return Sleep(number, gen, timer.seq, SUPERSEDED, 1)
        if timer.phase is not Phase.CLOSED:
            self._changes.change(number, by_timer.act_on_due_rungs)
            timer = self._timers.get(number)
        if timer.gen != gen:
            return Sleep(number, gen, timer.seq, SUPERSEDED, 1)
        if timer.phase is Phase.CLOSED:
            self._timers.clear_awake(number, timer.gen, timer.seq)
        return sleep_of(timer, self._now())
