"""Presence of members of staff: they become available, go away, or leave for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.errors import Forbidden, NotFound, Unreadable
from redress.base.people import Member
from redress.plans.rules.plan import Plan
from redress.staff.rules.availability import Availability, Presence
from redress.staff.rules.leading import may_lead
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists

PAGE = 25
"""How many tickets of a member who left are listed at a time."""


class PresenceCases:
    def __init__(
        self,
        staff: StaffStore,
        lists: TicketLists,
        changes: TicketChanges,
        now: Callable[[], datetime],
    ) -> None:
        self._staff, self._lists = staff, lists
        self._changes, self._now = changes, now

    def set_presence(self, member: Member, presence: Presence) -> Availability:
        """Record the presence of a member, and store the member's data from their sign-in."""
        return self._staff.record(member, presence, self._now())

    def depart(self, member: Member, agent: str) -> list[str]:
        """Record that `agent` has left, and return their open tickets to the queue.

        From now on `agent` gets no work and no mail. Returns the numbers of the queued tickets. The
        call can be repeated. A ticket that cannot be read stays with the agent, until the call is
        repeated after its repair. Somebody must also disable the sign-in of `agent` in the user
        pool. Raises NotFound for an unknown `agent`, and Forbidden unless `member` leads them
        (`leading.may_lead`).
        """
        leaver = self._staff.member(agent)
        if not may_lead(member, leaver):
            raise Forbidden("only a manager records this departure, and nobody their own")
        self._staff.depart(leaver, self._now())
        actor = member.actor

        def hand_back(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            if ticket.assignee != agent or not ticket.needs_agent:
                return None  # somebody else changed it in the meantime
            return by_staff.reassign(ticket, plan, actor, None, None, "the agent left", at)

        numbers: list[str] = []
        cursor: str | None = None
        while True:
            page = self._lists.owned_by(agent, PAGE, cursor)
            for number in page.numbers:
                try:
                    after = self._changes.change(number, hand_back)
                except (NotFound, Unreadable):
                    continue
                numbers += [number] if after.assignee is None else []
            cursor = page.cursor
            if cursor is None:
                return numbers
