"""The board of a team: available agents, counts of tickets, and promises near their limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import Fault, Forbidden, InvalidInput, Unreadable
from redress.base.people import Member, Role, is_team
from redress.clocks.rules.clocks import ClockName, ClockState, elapsed
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.rules.availability import Availability, without_load_of
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import WorkItem, work_item
from redress.tickets.rules.access import may_see
from redress.tickets.rules.ticket import STAFF_CLOCKS, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

BOARD_LIMIT = 25
"""The most open tickets that a board checks. It checks those that are due next."""
QUEUE_LIMIT = 100
"""The most queued tickets that a board counts."""
NEAR_SHARE = 0.5
"""A promise is near its limit when it has consumed this share of its target. In plan 1 the first
reminder of the ladder `promise` is at this share."""


@dataclass(frozen=True, slots=True)
class NearLimit:
    """A ticket with a promise that is near its limit, or overdue."""

    item: WorkItem
    clock: str
    due_at: datetime
    overdue: bool


@dataclass(frozen=True, slots=True)
class Board:
    """The board of one team.

    `queued` and `open` are numbers of tickets. Even if there are more tickets, `queued` is at most
    QUEUE_LIMIT and `open` is at most BOARD_LIMIT. Tickets about its reader, `hidden`, are in no
    list and no number.
    """

    team: str
    present: list[tuple[Member, Availability]]
    queued: int
    open: int
    near: list[NearLimit]
    hidden: frozenset[str]


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
        """The board of a team.

        A manager may see the board of every team. Raises Forbidden if anybody else asks for the
        board of another team than their own, and InvalidInput if `team` cannot be a team's name.
        """
        if member.role is not Role.MANAGER and team != member.team:
            raise Forbidden("this is the board of another team")
        if not is_team(team):
            raise InvalidInput([Fault("/team", "unknown_team", "there is no such team")])
        members = {known.id: known for known in self._staff.members()}
        now, hidden = self._now(), frozenset(self._staff.tickets_about(member.id))
        unseen = self._tickets.get_readable(sorted(hidden)) if hidden else []
        present = [
            (members[availability.agent], without_load_of(unseen, availability))
            for availability in self._staff.present(team)
            if availability.agent in members
        ]
        # So many more are read that a limit is reached as if the hidden tickets did not exist.
        numbers = self._lists.open_in_team(team, BOARD_LIMIT + len(hidden))
        queue = self._lists.queued(team, QUEUE_LIMIT + len(hidden))
        shown = [one for one in numbers if one not in hidden][:BOARD_LIMIT]
        opened = [one for one in self._tickets.get_readable(shown) if may_see(member, one)]
        near = [found for ticket in opened if (found := self._near(ticket, member, now))]
        return Board(
            team=team,
            present=present,
            queued=len([one for one in queue if one not in hidden][:QUEUE_LIMIT]),
            open=len(opened),
            near=sorted(near, key=lambda line: line.due_at),
            hidden=hidden,
        )

    def _near(self, ticket: Ticket, member: Member, now: datetime) -> NearLimit | None:
        """The promise of a ticket that is near its limit and due first. None if none is near, or if
        the ticket's plan cannot be read.

        `member` reads the board.
        """
        try:
            plan = self._plans.get(ticket.plan_version)
        except Unreadable:
            return None
        near = near_limit(ticket, plan, now)
        if not near:
            return None
        due, name = min(near)
        return NearLimit(work_item(ticket, member), name, due, now > due)


def near_limit(ticket: Ticket, plan: Plan, now: datetime) -> list[tuple[datetime, str]]:
    """The promises of staff that are near their limit or overdue: due time and name of each.

    The share is measured in seconds of the promise's calendar. So a promise that counts office
    hours does not get nearer to its limit at night.
    """
    names = STAFF_CLOCKS if ticket.callback_by_mail else (*STAFF_CLOCKS, ClockName.CALLBACK)
    return [
        (clock.due_at, name.value)
        for name, clock in ticket.clocks.items()
        if name in names
        and clock.state is ClockState.RUNNING
        and elapsed(clock, now, plan.calendar(clock.calendar)) >= NEAR_SHARE * clock.target_s
    ]
