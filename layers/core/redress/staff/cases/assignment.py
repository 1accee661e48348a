"""Assign queued tickets to agents, without ever exceeding an agent's capacity.

A ticket is opened without an assignee. It is assigned afterwards, so routing never delays intake.
The same change matches the ticket with the profile of its customer, classifies it by the rules of
its plan, and searches the text of a complaint for names of members of staff, whom it is then about.
If no agent can take the ticket, what was found is a change of its own, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import AgentNotFree, NotFound, Unreadable, VersionConflict
from redress.base.people import Actor
from redress.customers.cases.matching import Match, MatchingCase
from redress.plans.rules.plan import Plan
from redress.staff.cases.classifying import Classifying
from redress.staff.cases.names import StaffNames
from redress.staff.rules.availability import Availability
from redress.staff.rules.routing import candidates
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.steps import by_staff, by_system
from redress.tickets.rules.steps.opening import NAMED
from redress.tickets.rules.ticket import Event, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Cause

DRAIN_LIMIT = 100
"""The most tickets that one drain offers. The next drain offers the rest."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An agent's request for a ticket. `key` is a digest of the request's key, "" without one."""

    by: Actor
    availability: Availability
    key: str


class AssignmentCase:
    def __init__(
        self,
        changes: TicketChanges,
        lists: TicketLists,
        staff: StaffStore,
        matching: MatchingCase,
        tickets: TicketStore,
        names: StaffNames,
        classifying: Classifying,
    ) -> None:
        self._changes, self._lists, self._staff = changes, lists, staff
        self._matching, self._tickets, self._names = matching, tickets, names
        self._classifying = classifying

    def assign(self, number: str) -> str | None:
        """Assign a ticket if it waits for an agent. Return the agent, or None if nobody got it.

        Raises NotFound or Unreadable.
        """
        given = self._offer(number, None)
        return given.assignee if given is not None else None

    def claim(self, number: str, claim: Claim) -> Ticket | None:
        """Assign a ticket to the agent who asks for one. Return it, or None if they did not get it.

        It takes the same way as every assignment, so the same agents may get it. Raises
        AgentNotFree if the agent is away, has no room, or has claimed with this key before, and
        NotFound or Unreadable.
        """
        return self._offer(number, claim)

    def _offer(self, number: str, claim: Claim | None) -> Ticket | None:
        """Assign a ticket to one of the agents who may take it. Return it if somebody got it.

        Only the agent of a `claim` is asked, if there is one. The transaction that assigns the
        ticket is written only if the agent is available and has room. So two simultaneous
        assignments never exceed an agent's capacity. If the agent is no longer available or has no
        more room, the ticket is offered to the next candidate.
        """
        refused: set[str] = set()
        asked: list[str] = []
        matched: list[Match] = []
        opened: list[Event] = []

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
            found = self._matching.found(ticket, plan, at)
            matched[:] = [found] if found is not None else []
            change = found.change if found is not None else None
            # The kind decides whether a text is searched for names, and the team who is asked.
            for further in (classify, search_for_names, offer):
                change = joined(change, further(change.after if change else ticket, plan, at))
            return change

        def classify(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            return self._classifying.found(ticket, opened[0], plan, at) if opened else None

        def search_for_names(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            if not opened or ticket.about_decided or ticket.kind != "complaint":
                return None
            text = opened[0].data["description"]
            named = self._names.named_in(ticket.subject, text)
            return by_system.set_about(ticket, plan, named, NAMED, at) if named else None

        def offer(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            asked.clear()
            if ticket.assignee is not None or not ticket.needs_agent:
                return None
            if claim is not None:
                if not candidates(ticket, [claim.availability]):
                    return None
                asked.append(claim.by.id)
                return by_staff.claim(ticket, plan, claim.by, claim.key, at)
            fitting = candidates(ticket, self._staff.present(ticket.team))
            agent = next((one.agent for one in fitting if one.agent not in refused), None)
            if agent is None:
                return None
            asked.append(agent)
            why = "knew the ticket" if agent == ticket.preferred else "longest without"
            return by_system.assign(ticket, plan, agent, why, at)

        def cause(change: Change, at: datetime) -> Cause | None:
            return matched[0].cause if matched else None

        while True:
            try:
                after = self._changes.change(number, decide, cause=cause, read=read)
            except AgentNotFree:
                if claim is not None:
                    raise
                refused.update(asked)
                continue
            except VersionConflict:
                # The ticket was changed during each attempt. The next drain offers it again.
                return None
            return after if asked else None

    def drain(self, team: str) -> list[str]:
        """Offer the queued tickets of a team, next due first. Return the numbers of those assigned.

        If nobody can take a ticket, the tickets behind it are still offered. They may be in another
        language, for which an agent is free. A ticket that cannot be read stays in the queue.
        """
        assigned = []
        for number in self._lists.queued(team, DRAIN_LIMIT):
            try:
                if self.assign(number) is not None:
                    assigned.append(number)
            except (NotFound, Unreadable):
                continue  # the index may be a moment older than the table
        return assigned
