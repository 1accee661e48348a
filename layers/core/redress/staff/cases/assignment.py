"""Give queued tickets to agents: after creation, never inside it, and never beyond a capacity."""

from __future__ import annotations

from datetime import datetime

from redress.base.errors import AgentNotFree, NotFound, VersionConflict
from redress.plans.rules.plan import Plan
from redress.staff.rules import candidates
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists

DRAIN_LIMIT = 100
"""Tickets that one drain offers. The next drain goes on with the rest."""


class AssignmentCase:
    def __init__(self, changes: TicketChanges, lists: TicketLists, staff: StaffStore) -> None:
        self._changes, self._lists, self._staff = changes, lists, staff

    def assign(self, number: str) -> str | None:
        """Assign one ticket if it waits for an agent and one fits; the agent, or None.

        That the agent is available and has room are conditions of the transaction that assigns the
        ticket, so two assignments at once never overfill an agent. The loser asks the next one.
        """
        refused: set[str] = set()
        asked: list[str] = []

        def offer(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            asked.clear()
            if ticket.assignee is not None or not ticket.needs_agent:
                return None
            fitting = candidates(ticket, self._staff.present(ticket.team))
            agent = next((one.agent for one in fitting if one.agent not in refused), None)
            if agent is None:
                return None
            asked.append(agent)
            why = "knew the ticket" if agent == ticket.preferred else "longest without"
            return by_system.assign(ticket, plan, agent, why, at)

        while True:
            try:
                self._changes.change(number, offer)
            except AgentNotFree:
                refused.update(asked)
                continue
            except VersionConflict:
                return None  # others change the ticket at every attempt; the next drain offers it
            return asked[0] if asked else None

    def drain(self, team: str) -> list[str]:
        """Offer the queue of a team, what is due first coming first; the numbers assigned.

        A ticket that nobody fits does not hold up the others: another language may be free.
        """
        assigned = []
        for number in self._lists.queued(team, DRAIN_LIMIT):
            try:
                if self.assign(number) is not None:
                    assigned.append(number)
            except NotFound:
                continue  # the index is a moment behind the table
        return assigned
