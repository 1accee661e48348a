"""Give queued tickets to agents: after creation, never inside it, and never beyond a capacity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.errors import AgentNotFree, NotFound
from redress.plans.store import Plans
from redress.staff.rules import candidates
from redress.staff.store import StaffStore
from redress.tickets.cases.changing import ATTEMPTS
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.tickets import Raced, TicketStore

DRAIN_LIMIT = 100
"""Tickets looked at per drain; each assignment that frees nothing leaves the rest for the next."""


class AssignmentCase:
    def __init__(
        self,
        tickets: TicketStore,
        staff: StaffStore,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._staff, self._plans, self._now = tickets, staff, plans, now

    def assign(self, number: str) -> str | None:
        """Assign one ticket if it waits and somebody fits; who got it, or None.

        The agent's presence and room are conditions of the same transaction that assigns the
        ticket: two assignments at once never overfill an agent; the loser asks the next one.
        """
        for _ in range(ATTEMPTS):
            ticket = self._tickets.get(number)
            if ticket.assignee is not None or not ticket.needs_agent:
                return None
            try:
                return self._offer(ticket)
            except Raced:
                continue
        return None

    def _offer(self, ticket: Ticket) -> str | None:
        for availability in candidates(ticket, self._staff.present(ticket.team)):
            moment = self._now()
            why = "knew the ticket" if availability.agent == ticket.preferred else "longest without"
            plan = self._plans.get(ticket.plan_version)
            try:
                self._tickets.commit(
                    by_system.assign(ticket, plan, availability.agent, why, moment), moment
                )
            except AgentNotFree:
                continue
            return availability.agent
        return None

    def drain(self, team: str) -> list[str]:
        """Offer the queue of a team, what is due first coming first; the numbers assigned.

        A ticket that nobody fits does not hold up the others: another language may be free.
        """
        assigned = []
        for number in self._tickets.queued(team, DRAIN_LIMIT):
            try:
                if self.assign(number) is not None:
                    assigned.append(number)
            except NotFound:
                continue  # the index is a moment behind the table
        return assigned
