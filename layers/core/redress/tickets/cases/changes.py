"""The one loop of every change: read, decide, write, and decide again if somebody was faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import Unavailable, VersionConflict
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.submission_store import NumberTaken
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Cause, Raced

ATTEMPTS = 8

Decide = Callable[[Ticket, Plan, datetime], Change | None]
"""A rule applied to the ticket as it is, under its plan, at this time. None: nothing is to be
done."""


@dataclass(frozen=True, slots=True)
class Decided[T]:
    """What one attempt decided: a change to write at this time, and the result once it is written.

    `change` None: there is nothing to write.
    """

    result: T
    change: Change | None = None
    at: datetime | None = None
    cause: Cause | None = None


class RacedTooOften(Unavailable):
    """Others changed what was to be written, at each of ATTEMPTS attempts. Nothing was written."""


class TicketChanges:
    """Applies decisions to tickets."""

    def __init__(self, tickets: TicketStore, plans: Plans, now: Callable[[], datetime]) -> None:
        self._tickets, self._plans, self._now = tickets, plans, now

    def change(
        self,
        number: str,
        decide: Decide,
        known: Ticket | None = None,
        cause: Callable[[Change, datetime], Cause] | None = None,
    ) -> Ticket:
        """Apply `decide` to the ticket as it is and store what it decides; the ticket after it.

        It decides again after every lost race, so a rule always sees the current ticket. `known` is
        the ticket as the caller has read it: with it the first attempt reads nothing. `cause` says
        what made the change, where that is recorded as well.

        Raises whatever `decide` raises, AgentNotFree when the change assigns an agent who has no
        room, DoneAlready when the cause was recorded before, and VersionConflict after ATTEMPTS
        lost races.
        """
        read = [known] if known is not None else []

        def attempt() -> Decided[Ticket]:
            ticket = read.pop() if read else self._tickets.get(number)
            at, plan = self.moment(ticket), self._plans.get(ticket.plan_version)
            change = decide(ticket, plan, at)
            if change is None:
                return Decided(ticket)
            return Decided(change.after, change, at, cause(change, at) if cause else None)

        try:
            return self.write(attempt)
        except RacedTooOften as error:
            raise VersionConflict(self._tickets.get(number).version) from error

    def write[T](self, attempt: Callable[[], Decided[T]]) -> T:
        """Run `attempt` and write what it decided, until no race is lost; its result.

        `attempt` reads all that its decision depends on each time it runs. Raises what it raises,
        RacedTooOften after ATTEMPTS lost races, and what `TicketStore.commit` and `open` raise
        otherwise.
        """
        for _ in range(ATTEMPTS):
            decided = attempt()
            if decided.change is None:
                return decided.result
            assert decided.at is not None, "a change has a time"
            store = self._tickets.commit if decided.change.before else self._tickets.open
            try:
                store(decided.change, decided.at, decided.cause)
            except (Raced, NumberTaken):
                continue
            return decided.result
        raise RacedTooOften("others change this at every attempt")

    def moment(self, ticket: Ticket) -> datetime:
        """The time of the next change: now, but never before the last one.

        The clocks of two functions differ by some milliseconds. A history never runs backwards.
        """
        return max(self._now(), ticket.changed_at)
