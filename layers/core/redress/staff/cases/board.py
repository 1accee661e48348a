"""The live board of a team: who is available, and what is near its limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import Forbidden
from redress.base.people import Member, Role
from redress.clocks.rules.clocks import ClockName, ClockState, elapsed
from redress.plans.store.plans import Plans
from redress.staff.rules import Availability
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import WorkItem, work_item
from redress.tickets.rules.ticket import STAFF_CLOCKS, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

BOARD_LIMIT = 25
"""Open tickets that a board looks at, those due first."""
QUEUE_LIMIT = 100
"""Queued tickets are counted up to this number."""
NEAR_SHARE = 0.5
"""A promise is near its limit once half of its time is gone: where plan 1 reminds first."""


@dataclass(frozen=True, slots=True)
class NearLimit:
    item: WorkItem
    clock: str
    due_at: datetime
    overdue: bool


@dataclass(frozen=True, slots=True)
class Board:
    """Who is present and what is near its limit, for one team."""

    team: str
    present: list[tuple[Member, Availability]]
    queued: int
    open: int
    near: list[NearLimit]


class BoardCase:
    def __init__(
        self,
        tickets: TicketStore,
        lists: TicketLists,
        staff: StaffStore,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._lists, self._staff = tickets, lists, staff
        self._plans, self._now = plans, now

    def board(self, member: Member, team: str) -> Board:
        """The live board of a team: a supervisor's own, a manager's any."""
        if member.role is not Role.MANAGER and team != member.team:
            raise Forbidden("this is the board of another team")
        members = {known.id: known for known in self._staff.members()}
        present = [
            (members[availability.agent], availability)
            for availability in self._staff.present(team)
            if availability.agent in members
        ]
        now = self._now()
        opened = self._tickets.get_many(self._lists.open_in_team(team, BOARD_LIMIT))
        near = [found for ticket in opened if (found := self._near(ticket, now))]
        return Board(
            team=team,
            present=present,
            queued=len(self._lists.queued(team, QUEUE_LIMIT)),
            open=len(opened),
            near=sorted(near, key=lambda line: line.due_at),
        )

    def _near(self, ticket: Ticket, now: datetime) -> NearLimit | None:
        """The promise of a ticket that is due first among those near their limit.

        Its share counts in the seconds of its own calendar: a night brings no promise of office
        hours nearer to its limit.
        """
        plan = self._plans.get(ticket.plan_version)
        names = STAFF_CLOCKS if ticket.by_mail else (*STAFF_CLOCKS, ClockName.CALLBACK)
        near = [
            (clock.due_at, name.value)
            for name, clock in ticket.clocks.items()
            if name in names
            and clock.state is ClockState.RUNNING
            and elapsed(clock, now, plan.calendar(clock.calendar)) >= NEAR_SHARE * clock.target_s
        ]
        if not near:
            return None
        due, name = min(near)
        return NearLimit(work_item(ticket), name, due, now > due)
