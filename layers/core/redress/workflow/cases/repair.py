"""Keep the workflow of every open ticket running.

Repair replaces executions that failed and starts executions that should have started.

Every few minutes the sweep checks the tickets in the sparse index `awake`. A sleeping ticket is not
in that index, because the write that arms a wait removes the awake marker. If a ticket seems to
sleep but its execution no longer exists, the sweep cannot find it. The daily reconciliation can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from redress.base import observe
from redress.base.errors import NotFound, Unreadable
from redress.db import keys, retry
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.ticket import Phase
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.timers import TimerStore
from redress.workflow.cases.relay import RelayCase, execution_name, ticket_of_execution
from redress.workflow.executions import DEAD, MISSING, Executions

PATIENCE = timedelta(minutes=2)
"""How long a ticket may be awake before the sweep checks it. A workflow normally handles a signal
within two seconds."""


class RepairCase:
    def __init__(
        self,
        timers: TimerStore,
        changes: TicketChanges,
        lists: TicketLists,
        relay: RelayCase,
        drain: Callable[[Iterable[str]], None],
        executions: Executions,
        staff: StaffStore,
        now: Callable[[], datetime],
    ) -> None:
        self._timers, self._changes, self._lists = timers, changes, lists
        self._relay, self._drain, self._executions = relay, drain, executions
        self._staff, self._now = staff, now

    def follow_dead(self, execution: str, status: str) -> bool:
        """Start the next generation after an execution of the ticket state machine failed.

        `execution` is the name of the execution, `status` its final status. Returns False if
        nothing needs to be done: the execution succeeded, the ticket is closed, a newer generation
        has begun, or the execution belongs to no ticket. If the TIMER is missing or damaged, it is
        rebuilt, with the next generation.
        """
        if status not in DEAD:
            return False
        try:
            number, gen = ticket_of_execution(execution)
        except ValueError:
            return False  # somebody started this execution by hand, and it belongs to no ticket
        try:
            if self._timers.get(number).gen != gen:
                return False
        except (NotFound, Unreadable):
            return self._rebuild(number) == "rebuilt"
        return self._timers.next_generation(number, gen, self._now())

    def sweep(self, patience: timedelta = PATIENCE) -> dict[str, int]:
        """Repair every ticket that has been awake for longer than `patience`.

        Returns how often each result of `_repair` occurred. If a service refuses a request because
        of a value in a TIMER, this TIMER is reported like an item that cannot be read, and the
        ticket counts as `refused`.
        """
        done: Counter[str] = Counter()
        for number in self._timers.awake_since_before(self._now() - patience):
            try:
                done[self._repair(number)] += 1
            except Exception as error:
                if not retry.is_wrong_request(error):
                    raise
                observe.unreadable(keys.ticket_pk(number), keys.TIMER, error)
                done["refused"] += 1
        return dict(done)

    def drain_queues(self) -> int:
        """Drain the queue of every team in which a ticket waits. Returns how many were drained.

        Without it a ticket could stay queued if it was not yet in the index when an agent became
        available.
        """
        teams = sorted({member.team for member in self._staff.listed()})
        waiting = [team for team in teams if self._lists.queued(team, 1)]
        self._drain(waiting)
        return len(waiting)

    def _repair(self, number: str) -> str:
        """Repair the workflow of a ticket. Returns one word for the result; the sweep counts it."""
        try:
            timer = self._timers.get(number)
        except (NotFound, Unreadable):
            return self._rebuild(number)
        if timer.awake_since is None or timer.asleep:
            return "asleep"  # the index lagged behind
        status = self._executions.status(execution_name(number, timer.gen))
        if timer.phase is Phase.CLOSED and status != "RUNNING":
            self._timers.clear_awake(number, timer.gen, timer.seq)
            return "rested"
        # If the missing execution armed no wait, it never started. If it armed one, it did exist,
        # and Step Functions has deleted its record. The next generation then takes over.
        if status == MISSING and timer.armed is None:
            self._relay.signal(number)
            return "started"
        if status == "RUNNING":
            self._relay.signal(number)
            return "signalled"
        self._timers.next_generation(number, timer.gen, self._now())
        return "followed"

    def _rebuild(self, number: str) -> str:
        """Rebuild a TIMER that is missing or damaged. The stream then starts the new generation.

        The result is `raced` if somebody else changed the ticket or rebuilt its TIMER meanwhile.
        """
        try:
            rebuilt = self._changes.rebuild_timer(number)
        except NotFound:
            return "gone"
        except Unreadable:
            return "unreadable"
        return "rebuilt" if rebuilt else "raced"
