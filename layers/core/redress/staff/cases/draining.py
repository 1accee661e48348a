"""Drain the queue of a team: offer waiting tickets to agents who may take them.

The agents are read once. Only a ticket that one of them may take is offered, so many tickets that
nobody can take hide none behind them, and a drain does not cost more the longer the queue is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import replace
from datetime import datetime, timedelta

from redress.base.errors import NotFound, Unreadable
from redress.plans.rules.plan import Plan
from redress.staff.rules.availability import Availability, Call
from redress.staff.rules.eligibility import has_room, need_of, reasons
from redress.staff.rules.routing import PAGE, place_of
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

MOST_READ = 2_000
"""The most tickets of a queue that one drain reads. It reads those that are due next."""
ROUNDS = 5
"""How often full agents of a large team are withdrawn, so that those after them are read."""
RENEWED_AFTER = timedelta(hours=1)
"""A call of reserve staff that is older is renewed if it is still needed."""

Assign = Callable[[str, Sequence[str], bool], str | None]
"""Assigns a ticket by its number. Takes agents who may have it, and whether reserve staff are
called. Returns who got it."""


class Calls:
    """Calls of reserve staff: whether one is on, which ends when few tickets wait."""

    def __init__(self, lists: TicketLists, staff: StaffStore) -> None:
        self._lists, self._staff = lists, staff

    def left(self, team: str, at: datetime, most: int = 1) -> tuple[Call | None, int]:
        """The call that is on, and how many more tickets wait than end it, at most `most`.

        A call that is not needed any more is ended. One that is old is renewed.
        """
        call = self._staff.call(team, at)
        if call is None:
            return None, 0
        left = self._lists.count_queued(team, call.until + most) - call.until
        if left <= 0:
            self._staff.end_call(call)
            return None, 0
        if at - call.since > RENEWED_AFTER:
            call = self._staff.renew_call(call, at)
        return call, left

    def is_on(self, team: str, at: datetime) -> bool:
        return self.left(team, at)[0] is not None


class Draining:
    def __init__(
        self,
        lists: TicketLists,
        staff: StaffStore,
        tickets: TicketStore,
        changes: TicketChanges,
        assign: Assign,
    ) -> None:
        self._lists, self._staff, self._tickets = lists, staff, tickets
        self._changes, self._assign = changes, assign
        self._calls = Calls(lists, staff)

    def drain(self, team: str, freed: str = "") -> list[str]:
        """Offer the queued tickets of a team, next due first. Return the numbers of those assigned.

        `freed` is the agent who came or got room, and who is read first. The drain then stops as
        soon as nobody has room. Without one, it goes on for tickets that were never offered, and
        for those whose customers must be told that nobody is there. A ticket that cannot be read
        stays in the queue.
        """
        now = self._changes.now()
        come = self._come(team, freed)
        call, left = self._calls.left(team, now, MOST_READ)
        agents: dict[str, Availability] | None = None
        assigned: list[str] = []
        for ticket in self._queued(team):
            if agents is None:
                agents = self._agents(team, come, now)
            if freed and not any(map(has_room, agents.values())):
                break
            try:
                plan = self._changes.plan_of(ticket)
            except (NotFound, Unreadable):
                continue
            fitting = _fitting(ticket, plan, agents.values(), now, called=call is not None)
            if not fitting and not _is_due(ticket, plan, now):
                continue
            try:
                given = self._assign(ticket.number, fitting[:PAGE], call is not None)
            except (NotFound, Unreadable):
                continue  # the index may be a moment older than the table
            read_again = fitting[:PAGE] if given is None else [given]
            agents |= {one.agent: one for one in self._staff.current(read_again)}
            if given is not None:
                assigned.append(ticket.number)
                left -= 1
            if call is not None and left <= 0:
                self._staff.end_call(call)
                call = None
            elif call is None and ticket.placing is None:  # its first offer may call them
                call, left = self._calls.left(team, now, MOST_READ)
        return assigned

    def _come(self, team: str, freed: str) -> list[Availability]:
        """The agent who came or got room. Whoever was withdrawn is in the ring again."""
        if not freed:
            return []
        found = self._staff.current([freed])
        for one in found:
            if one.withdrawn:
                self._staff.put_back(team, freed)
        return found

    def _agents(
        self, team: str, come: Sequence[Availability], at: datetime
    ) -> dict[str, Availability]:
        """Agents of the ring of a team by their ids, those of `come` first.

        They are at most 100. The place where they are read changes with the time.
        """
        found: dict[str, Availability] = {}
        for _ in range(ROUNDS):
            start = place_of(f"{team}#{at.isoformat()}")
            pages = list(self._staff.ring(team, start))
            found = {one.agent: one for one in come}
            found |= {one.agent: one for page in pages for one in page.agents}
            if not pages or not pages[-1].more or any(map(has_room, found.values())):
                break
            full = [one for one in found.values() if one.load >= one.capacity]
            if not [one for one in full if self._staff.withdraw(one)]:
                break
        return found

    def _queued(self, team: str) -> Iterator[Ticket]:
        """The tickets of a team that wait for an agent, next due first, at most MOST_READ.

        A complaint of which a person must decide whom it is about waits for that person. One that
        nobody has searched for that yet waits for the search, which its first offer makes.
        """
        read = 0
        for numbers in self._lists.queue_pages(team):
            for ticket in self._tickets.get_readable(numbers):
                is_decided = ticket.about_unclear is None or ticket.about_unsearched
                if ticket.assignee is None and ticket.needs_agent and is_decided:
                    yield ticket
            read += len(numbers)
            if read >= MOST_READ:
                return


def _fitting(
    ticket: Ticket, plan: Plan, agents: Iterable[Availability], at: datetime, *, called: bool
) -> list[str]:
    """The ids of the agents who may take a ticket. `called` says that reserve staff are called."""
    need = need_of(ticket, plan, at)
    need = replace(need, reserve=need.reserve or called)
    return [one.agent for one in agents if not reasons(ticket, need, one, at)]


def _is_due(ticket: Ticket, plan: Plan, at: datetime) -> bool:
    """Whether a ticket must be offered although nobody who was read may take it.

    It was never offered, or its customer must be told if nobody is there.
    """
    if ticket.placing is None:
        return True
    return by_system.tell_nobody_is_there(ticket, plan, at) is not None
