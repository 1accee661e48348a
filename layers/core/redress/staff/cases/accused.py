"""Keep complaints about a member of staff from the supervisors of the team to which they move."""

from __future__ import annotations

from datetime import datetime

from redress.base.errors import NotFound, Unreadable
from redress.base.people import Member
from redress.plans.rules.plan import Plan
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Ticket


class AccusedCase:
    def __init__(self, staff: StaffStore, changes: TicketChanges) -> None:
        self._staff, self._changes = staff, changes

    def keep_from_leaders(self, member: Member) -> None:
        """Keep complaints about a member from the supervisors of their team, if the plan does so.

        `member` has the role and the team that they get. It is done before this change is stored,
        so that no supervisor sees a complaint in between, and again afterwards: somebody may have
        named the member meanwhile.
        """

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            return by_system.follow_accused(ticket, plan, member, at)

        for number in self._staff.about(member.id):
            try:
                self._changes.change(number, decide)
            except (NotFound, Unreadable):
                continue  # nobody sees such a ticket
