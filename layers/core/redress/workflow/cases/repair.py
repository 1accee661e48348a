"""Keep every open ticket's workflow alive: follow a dead execution, find a start that was lost.

Only tickets in the sparse awake index are looked at here, every few minutes: whoever sleeps is
right by construction (the write of the token removes the marker). What construction cannot see, a
sleeper whose execution is gone, is found once a day (`reconciling`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from redress.base.errors import NotFound
from redress.staff.store import StaffStore
from redress.tickets.rules.ticket import Phase
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.timers import TimerStore
from redress.workflow.cases.relay import RelayCase, execution_name, ticket_of_execution
from redress.workflow.executions import DEAD, MISSING, Executions

PATIENCE = timedelta(minutes=2)
"""How long a ticket may be awake before the sweep asks why: a signal takes a second or two."""


class RepairCase:
    def __init__(
        self,
        timers: TimerStore,
        lists: TicketLists,
        relay: RelayCase,
        executions: Executions,
        staff: StaffStore,
        now: Callable[[], datetime],
    ) -> None:
        self._timers, self._lists, self._relay, self._executions = timers, lists, relay, executions
        self._staff, self._now = staff, now

    def follow_dead(self, execution: str, status: str) -> bool:
        """An execution of the ticket machine ended badly: let the next generation go on.

        `execution` is its name. False when there is nothing to follow: it succeeded, the ticket is
        closed, or a newer generation runs already.
        """
        if status not in DEAD:
            return False
        try:
            number, gen = ticket_of_execution(execution)
            return self._timers.next_generation(number, gen, self._now())
        except (ValueError, NotFound):
            return False  # an execution that somebody started by hand, for no ticket of ours

    def sweep(self, patience: timedelta = PATIENCE) -> dict[str, int]:
        """Bring every ticket that has been awake for too long back in step; what was done, counted.

        Also drains the queue of every team: an agent who came while the index was a moment behind
        must not leave a ticket waiting.
        """
        done: Counter[str] = Counter()
        for number in self._timers.awake_since_before(self._now() - patience):
            done[self._mend(number)] += 1
        teams = sorted({member.team for member in self._staff.members()})
        waiting = [team for team in teams if self._lists.queued(team, 1)]
        self._relay.drain(waiting)
        done["drained"] = len(waiting)
        return dict(done)

    def _mend(self, number: str) -> str:
        try:
            timer = self._timers.get(number)
        except NotFound:
            return "gone"
        if timer.awake_since is None or timer.asleep:
            return "asleep"  # the index was a moment behind
        status = self._executions.status(execution_name(number, timer.gen))
        if timer.phase is Phase.CLOSED and status != "RUNNING":
            self._timers.clear_awake(number, timer.gen, timer.seq)
            return "rested"
        if status == MISSING and timer.armed is None:  # one that armed a wait did exist
            self._relay.signal(number)
            return "started"
        if status == "RUNNING":
            self._relay.signal(number)
            return "signalled"
        self._timers.next_generation(number, timer.gen, self._now())
        return "followed"
