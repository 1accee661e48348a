"""The loop that makes every change: read the ticket, decide, and write.

If somebody else changes the ticket before the write, the write fails (a lost race). Then the loop
begins again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import Unavailable, VersionConflict
from redress.base.service_clock import APART
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.submission_store import NumberTaken
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import TimerLost
from redress.tickets.store.transaction import Cause, Raced

ATTEMPTS = 8

Decide = Callable[[Ticket, Plan, datetime], Change | None]
"""Returns the change of a ticket, given the current ticket, its plan and the time; None if there is
nothing to do."""


@dataclass(frozen=True, slots=True)
class Decided[T]:
    """What one attempt decided: the change to write, its time, and its cause if there is one.

    `result` is what the caller gets after the change was written. `change` and `at` are None if
    there is nothing to write. `also` are changes of other tickets with their times, which are
    written in the same transaction.
    """

    result: T
    change: Change | None = None
    at: datetime | None = None
    cause: Cause | None = None
    also: tuple[tuple[Change, datetime], ...] = ()


class RacedTooOften(Unavailable):
    """Another writer was faster in each of ATTEMPTS attempts. Nothing was written."""


class TicketChanges:
    """Applies decisions to tickets."""

    def __init__(self, tickets: TicketStore, plans: Plans, now: Callable[[], datetime]) -> None:
        self._tickets, self._plans, self._now = tickets, plans, now

    def change(
        self,
        number: str,
        decide: Decide,
        known: Ticket | None = None,
        cause: Callable[[Change, datetime], Cause | None] | None = None,
        read: Callable[[str], Ticket] | None = None,
        also: Callable[[], tuple[tuple[Change, datetime], ...]] = tuple,
    ) -> Ticket:
        """Change a ticket as `decide` says, and return the ticket after the change.

        `decide` is called with the current ticket, and again after every lost race. A caller that
        has read the ticket can pass it as `known`, so the first attempt need not read it. If the
        cause of a change must be recorded in the same transaction, `cause` returns it. If `decide`
        needs more than the ticket, `read` reads the ticket and the rest in one call. `also` returns
        the changes of other tickets that `decide` has decided with it, with their times; they are
        written in the same transaction.

        Raises whatever `decide` raises, AgentNotFree if the change assigns an agent who is away or
        has no room, DoneAlready if the cause was recorded before, and VersionConflict after
        ATTEMPTS lost races.
        """
        get = read or self._tickets.get
        given = [known] if known is not None else []

        def attempt() -> Decided[Ticket]:
            ticket = given.pop() if given else get(number)
            at, plan = self.moment(ticket), self._plans.get(ticket.plan_version)
            change = decide(ticket, plan, at)
            if change is None:
                return Decided(ticket)
            found = cause(change, at) if cause else None
            return Decided(change.after, change, at, found, also())

        try:
            return self.write(attempt)
        except RacedTooOften as error:
            raise VersionConflict(self._tickets.get(number).version) from error

    def write[T](self, attempt: Callable[[], Decided[T]]) -> T:
        """Run `attempt`, write what it decided, and return its result.

        After a lost race `attempt` runs again, also if `attempt` itself raises Raced. It also runs
        again after a missing or damaged TIMER was rebuilt. Each time it must read everything that
        its decision depends on. Raises whatever else `attempt` raises, RacedTooOften after ATTEMPTS
        lost races, and the other errors of `TicketStore.commit` and `TicketStore.open`.
        """
        for _ in range(ATTEMPTS):
            try:
                decided = attempt()
                if decided.change is None:
                    return decided.result
                assert decided.at is not None, "a change has a time"
                for change, at in ((decided.change, decided.at), *decided.also):
                    before = change.before
                    assert before is None or _may_follow(at, before), "history runs backwards"
                store = self._tickets.commit if decided.change.before else self._tickets.open
                store(decided.change, decided.at, decided.cause, decided.also)
            except (Raced, NumberTaken):
                continue
            except TimerLost as lost:
                self.rebuild_timer(lost.number)
                continue
            return decided.result
        raise RacedTooOften("others change this at every attempt")

    def rebuild_timer(self, number: str) -> bool:
        """Rebuild a missing or damaged TIMER from the ticket's snapshot (`TimerStore.rebuild`).

        Returns False if nothing was written. Raises NotFound if there is no such ticket, and
        Unreadable if its snapshot or its plan cannot be read.
        """
        ticket = self._tickets.get(number)
        wake = tickets.next_wake(ticket, self._plans.get(ticket.plan_version))
        return self._tickets.rebuild_timer(ticket, wake, self._now())

    def now(self) -> datetime:
        """The time now, for what depends on no ticket."""
        return self._now()

    def plan_of(self, ticket: Ticket) -> Plan:
        """The plan of a ticket. Raises NotFound or Unreadable."""
        return self._plans.get(ticket.plan_version)

    def moment(self, ticket: Ticket) -> datetime:
        """The time of the next change: now, or the time of the last event if that is a bit later.

        The times of two functions differ by up to APART. Without this rule an event could have an
        earlier time than the event before it.

        If the last event lies further ahead, its time is wrong: an earlier version wrote it, which
        believed the clock of its machine. Then the time of the change is now, and the wrong time
        does not spread to later events. The order of events is always that of their numbers.
        """
        now = self._now()
        return now if _may_follow(now, ticket) else ticket.changed_at


def _may_follow(at: datetime, ticket: Ticket) -> bool:
    """Whether the next event of a ticket may have this time, as `TicketChanges.moment` says."""
    return at >= ticket.changed_at or ticket.changed_at - at > APART
