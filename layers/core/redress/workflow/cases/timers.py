"""What a workflow does when it wakes: it fires the due rungs, then computes how long to sleep."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from redress.base.errors import NotFound, Unreadable
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.steps import by_timer
from redress.tickets.rules.ticket import Phase
from redress.tickets.store.timers import Timer, TimerStore
from redress.workflow.messages import Sleep

LONGEST_SLEEP = timedelta(days=90)
"""The longest wait. A workflow that has no next wake, or a later one, wakes after this time and
sleeps again. Step Functions does not accept a wait of more than 99,999,999 s (3.17 years). It ends
an execution after a year."""

SUPERSEDED = "superseded"
"""The `phase` of a Sleep for an execution whose ticket has a newer generation."""


def sleep_of(timer: Timer, now: datetime) -> Sleep:
    """How long the workflow of this TIMER sleeps: until its next wake, but at most LONGEST_SLEEP.

    The time is rounded up to whole seconds, so the workflow does not wake before the rung is due.
    """
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
        """Fire the due rungs, each exactly once, and return how long to sleep.

        Each fired rung is recorded as an event of the ticket. The event is written only if the
        version of the ticket has not changed. So a repeated call finds the event and does not fire
        the rung again. If a newer generation has taken over, nothing is fired, and the phase in the
        answer is SUPERSEDED. A TIMER that is missing or damaged is rebuilt, with a newer
        generation. Raises NotFound, and Unreadable if the ticket itself cannot be read.
        """
        timer = self._timer(number)
        if timer.gen != gen:
            return Sleep(number, gen, timer.seq, SUPERSEDED, 1)
        if timer.phase is not Phase.CLOSED:
            self._changes.change(number, by_timer.act_on_due_rungs)
            timer = self._timer(number)
        if timer.gen != gen:
            return Sleep(number, gen, timer.seq, SUPERSEDED, 1)
        if timer.phase is Phase.CLOSED:
            self._timers.clear_awake(number, timer.gen, timer.seq)
        return sleep_of(timer, self._now())

    def _timer(self, number: str) -> Timer:
        try:
            return self._timers.get(number)
        except (NotFound, Unreadable):
            self._changes.rebuild_timer(number)
            return self._timers.get(number)
