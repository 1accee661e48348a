"""Assign queued tickets to agents, without ever exceeding an agent's capacity.

A ticket is opened without an assignee. It is assigned afterwards, so routing never delays intake.
The same change matches the ticket with the profile of its customer, classifies it by the rules of
its plan, and finds out whom a complaint is about (`AboutSearch`). Only then are the tasks opened
that the plan asks for on such a ticket, also if an agent has it already. If no agent can take the
ticket, what was found is a change of its own, once. The same change then records that nobody could
take it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.base.errors import AgentNotFree, NotFound, Unreadable, VersionConflict
from redress.base.people import Actor
from redress.customers.cases.matching import Match, MatchingCase
from redress.plans.rules.plan import Plan
from redress.staff.cases.about_search import AboutSearch
from redress.staff.cases.classifying import Classifying
from redress.staff.cases.draining import ROUNDS, Calls, Draining
from redress.staff.rules.availability import Availability
from redress.staff.rules.eligibility import Need, may_yet, need_of, reasons
from redress.staff.rules.presence import ONLINE
from redress.staff.rules.routing import Decision, Page, decide, start_of
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.steps import by_staff, by_system
from redress.tickets.rules.ticket import Event, Ticket, classification_of
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Cause

TURNS = 6
"""How often a ticket is offered again because the agent whose turn it was has got another one.

Each time, somebody else's ticket was assigned. After that, agents only need room."""
MEMBERS_READ = 100
"""How many members of a team are read at a time."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An agent's request for a ticket. `key` is a digest of the request's key, "" without one.

    `is_called` says that they are reserve staff, and are called.
    """

    by: Actor
    availability: Availability
    key: str
    is_called: bool = False


@dataclass(slots=True)
class Missed:
    """Why a ticket that nobody got may find somebody if it is offered again at once.

    `full` are those who have no room for any ticket, if not all agents were read. `has_called` says
    that reserve staff were called because of this ticket.
    """

    full: Sequence[Availability] = ()
    has_called: bool = False


class AssignmentCase:
    def __init__(
        self,
        changes: TicketChanges,
        lists: TicketLists,
        staff: StaffStore,
        matching: MatchingCase,
        tickets: TicketStore,
        about: AboutSearch,
        classifying: Classifying,
    ) -> None:
        self._changes, self._lists, self._staff = changes, lists, staff
        self._matching, self._tickets, self._about = matching, tickets, about
        self._classifying = classifying
        self._calls = Calls(lists, staff)
        self._draining = Draining(lists, staff, tickets, changes, self.assign)

    def assign(
        self, number: str, known: Sequence[str] = (), called: bool | None = None
    ) -> str | None:
        """Assign a ticket if it waits for an agent. Return the agent, or None if nobody got it.

        `known` are agents who may take it. They are read with the first page of the ring. `called`
        says whether reserve staff are called, if the caller has looked. Raises NotFound or
        Unreadable.
        """
        for _ in range(ROUNDS):
            missed = Missed()
            given = self._offer(number, None, missed, known, called)
            if given is not None:
                return given.assignee
            # The agents after those who were read may have room. Who is full makes room for them.
            withdrawn = [one for one in missed.full if self._staff.withdraw(one)]
            if not withdrawn and not missed.has_called:
                return None
            called = None if missed.has_called else called
        return None

    def claim(self, number: str, claim: Claim) -> Ticket | None:
        """Assign a ticket to the agent who asks for one. Return it, or None if they did not get it.

        It takes the same way as every assignment, so the same agents may get it. Raises
        AgentNotFree if the agent is away, has no room, or has claimed with this key before, and
        NotFound or Unreadable.
        """
        return self._offer(number, claim, Missed())

    def _offer(
        self,
        number: str,
        claim: Claim | None,
        missed: Missed,
        known: Sequence[str] = (),
        called: bool | None = None,
    ) -> Ticket | None:
        """Assign a ticket to one of the agents who may take it. Return it if somebody got it.

        Only the agent of a `claim` is asked, if there is one. The transaction that assigns the
        ticket is written only if the agent is available and has room, and if it is still their
        turn. So two simultaneous assignments never exceed an agent's capacity, and agents get
        tickets in turn. If the agent has changed, all are read again. `missed` gets
        what another offer may change.
        """
        refused: set[str] = set()
        asked: list[str] = []
        matched: list[Match] = []
        opened: list[Event] = []
        notes: dict[str, Any] = {}
        lost = 0

        def read(number: str) -> Ticket:
            opened.clear()
            try:
                ticket, event = self._tickets.with_event(number, 1)
            except (NotFound, Unreadable):
                # A ticket whose first event cannot be read is still assigned, because it has
                # promises to keep. If its snapshot is missing or damaged, this raises the error.
                return self._tickets.get(number)
            opened.append(event)
            return ticket

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            notes.clear()
            found = self._matching.found(ticket, plan, at)
            matched[:] = [found] if found is not None else []
            change = found.change if found is not None else None
            # The kind decides whether it can be about somebody, and the team who is asked.
            for further in (classify, search_for_accused, offer):
                change = joined(change, further(change.after if change else ticket, plan, at))
            return change

        def classify(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            if not opened:
                return None
            match = matched[0] if matched else None
            change = self._classifying.found(ticket, opened[0], plan, at, match)
            # The event of the assignment says so, because an event of its own would cost more.
            if change is None and self._classifying.looks_at(ticket, plan):
                notes["unclassified"] = True
            return change

        def search_for_accused(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            return self._about.found(ticket, opened[0] if opened else None, plan, at)

        def offer(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            asked.clear()
            missed.full, missed.has_called = (), False
            if ticket.assignee is not None and claim is None:
                return by_system.open_planned_tasks(ticket, plan, at)
            if ticket.assignee is not None or not ticket.needs_agent:
                return None
            if ticket.about_unclear is not None:
                return None  # a person decides first whom the complaint is about
            if claim is not None:
                change = self._claimed(ticket, plan, claim, at, notes)
                asked.extend([claim.by.id] if change is not None else [])
                return change
            decision = self._decided(ticket, plan, at, refused, known, called)
            if decision.agent is None:
                left = self._left(ticket, plan, decision, at, notes)
                missed.full = decision.full if decision.others else ()
                # Tasks of the plan may follow in the same change.
                missed.has_called = left is not None and any(
                    "called" in one.data for one in left.events
                )
                return left
            asked.append(decision.agent)
            data = decision.data(in_turn=lost < TURNS) | notes
            team = decision.need.team
            return by_system.assign(ticket, plan, decision.agent, decision.why, at, team, data)

        def cause(change: Change, at: datetime) -> Cause | None:
            return matched[0].cause if matched else None

        while True:
            try:
                after = self._changes.change(number, decide, cause=cause, read=read)
            except AgentNotFree:
                if claim is not None:
                    raise
                lost += 1
                if lost > TURNS:
                    refused.update(asked)
                continue
            except VersionConflict:
                # The ticket was changed during each attempt. The next drain offers it again.
                return None
            return after if asked else None

    def _decided(
        self,
        ticket: Ticket,
        plan: Plan,
        at: datetime,
        refused: Collection[str],
        known: Sequence[str],
        called: bool | None,
    ) -> Decision:
        """Read agents of the team, and decide who gets the ticket."""
        need, preferred = need_of(ticket, plan, at), None
        if ticket.preferred is not None:
            with suppress(NotFound, Unreadable):
                preferred = self._staff.availability(ticket.preferred)

        def decided(need: Need) -> Decision:
            pages = self._pages(need.team, start_of(ticket, at), known)
            return decide(ticket, need, preferred, pages, at, refused)

        if called:
            need = replace(need, reserve=True)
        decision = decided(need)
        asks = decision.agent is None and decision.reserves and called is None
        if asks and self._calls.is_on(need.team, at):
            return decided(replace(need, reserve=True))
        return decision

    def _pages(self, team: str, start: str, known: Sequence[str]) -> Iterator[Page]:
        """The pages of the ring. The first one also has the agents who are `known`."""
        pages = self._staff.ring(team, start)
        first = next(pages, Page(()))
        seen = {one.agent for one in first.agents}
        missing = self._staff.current([one for one in known if one not in seen])
        yield replace(first, agents=[*missing, *first.agents])
        yield from pages

    def _left(
        self,
        ticket: Ticket,
        plan: Plan,
        decision: Decision,
        at: datetime,
        notes: dict[str, Any],
    ) -> Change | None:
        """The change that records that nobody could take the ticket, or tells the customer so.

        None if both are on record, or if it is not time to tell the customer.
        """
        team = decision.need.team
        if ticket.placing is not None:
            told = by_system.tell_nobody_is_there(ticket, plan, at)
            if told is None or self._is_there(decision, ticket, plan, at):
                return None
            return told
        ladder = plan.placing(classification_of(ticket))
        called = self._to_call(team, plan, at)
        data = decision.data() | notes
        return by_system.leave_unplaced(ticket, plan, data, ladder, at, team, called)

    def _is_there(self, decision: Decision, ticket: Ticket, plan: Plan, at: datetime) -> bool:
        """Whether somebody of a team is at work who may get the ticket now or later.

        Agents who are full or busy are at work. It is asked only if the customer would be told, so
        all members are read, also of a large team. Whom an earlier version stored is on the list of
        the team some minutes after an update, but in its ring.
        """

        def are_there(ids: list[str]) -> bool:
            found = self._staff.availabilities(ids).values()
            return any(one.presence in ONLINE and may_yet(ticket, plan, one, at) for one in found)

        if are_there([agent for agent, _ in decision.why_not]):
            return True
        after: str | None = None
        while True:
            ids, after = self._staff.page(decision.need.team, MEMBERS_READ, after)
            if are_there(ids):
                return True
            if after is None:
                return False

    def _to_call(self, team: str, plan: Plan, at: datetime) -> int:
        """How many tickets wait, if so many call reserve staff who are not called yet; else 0."""
        if not plan.reserve_over:
            return 0
        waiting = self._lists.count_queued(team, plan.reserve_over + 1)
        if waiting <= plan.reserve_over or self._staff.call(team, at) is not None:
            return 0
        return waiting

    def _claimed(
        self, ticket: Ticket, plan: Plan, claim: Claim, at: datetime, notes: dict[str, Any]
    ) -> Change | None:
        """The change that gives the ticket to who asks for it; None if they may not get it."""
        need = need_of(ticket, plan, at)
        need = replace(need, reserve=need.reserve or claim.is_called)
        if reasons(ticket, need, claim.availability, at):
            return None
        data = Decision(need, claim.by.id, read=1).data() | notes
        return by_staff.claim(ticket, plan, claim.by, claim.key, at, data)

    def is_called(self, found: Availability, at: datetime) -> bool:
        """Whether an agent is reserve staff and called."""
        return found.reserve and self._calls.is_on(found.team, at)

    def drain(self, team: str, freed: str = "") -> list[str]:
        """Offer the queued tickets of a team (`Draining.drain`)."""
        return self._draining.drain(team, freed)
