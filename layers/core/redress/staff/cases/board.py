"""The board of a team: who is present and has what, the queue, and promises near their limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from redress.base.errors import Fault, Forbidden, InvalidInput, Unreadable
from redress.base.people import Member, Role, is_team
from redress.clocks.rules.clocks import ClockName, ClockState, elapsed
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.duty.store import DutyStore
from redress.staff.rules.availability import Availability, Presence, without_load_of
from redress.staff.rules.presence import seconds_online
from redress.staff.rules.today import Responses, Talks, responses, seconds_of_shift, talks
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import WorkItem, work_item
from redress.tickets.rules.access import may_see
from redress.tickets.rules.ticket import STAFF_CLOCKS, Ticket, post_mortem_due
from redress.tickets.store import ranges
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.ranges import TicketRanges
from redress.tickets.store.tickets import TicketStore

BOARD_LIMIT = 25
"""The most open tickets that a board checks. It checks those that are due next."""
QUEUE_LIMIT = 100
"""The most queued tickets that a board counts."""
MEMBER_LIMIT = 100
"""The most agents of a team that a board shows."""
TODAY_LIMIT = 200
"""The most tickets of the day that a board reads, over all teams, the last opened first."""
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
class OnTeam:
    """One agent of the team. `availability` is None if they never set a presence.

    `unaccepted` is how many of the open tickets that the board checks they have not accepted.
    `online_s` is how many seconds of today they were available or busy, and `shift_s` how many of
    today's shifts have passed; None if they have no shift plan. Today began at midnight in the
    plan's time zone.
    """

    member: Member
    availability: Availability | None
    unaccepted: int
    online_s: int
    shift_s: int | None


@dataclass(frozen=True, slots=True)
class Board:
    """The board of one team.

    `members` are the agents of the team who may work, sorted by name, and `present` those of them
    who are available; if there are more than MEMBER_LIMIT, `more_members`. `queued` and `open` are
    numbers of tickets. Even if there are more tickets, `queued` is at most QUEUE_LIMIT and `open`
    is at most BOARD_LIMIT. `queued_since` is when the oldest of the queued tickets was opened.
    `unaccepted` are the open tickets that their agents have not accepted. `post_mortems` are at
    most BOARD_LIMIT closed tickets whose post-mortem is not written, with when it is due. Tickets
    about its reader, `hidden`, are in no list and no number.
    """

    team: str
    present: list[tuple[Member, Availability]]
    members: list[OnTeam]
    more_members: bool
    queued: int
    queued_since: datetime | None
    open: int
    near: list[NearLimit]
    unaccepted: list[tuple[WorkItem, datetime]]
    post_mortems: list[tuple[WorkItem, datetime]]
    today: Responses
    talks: Talks
    hidden: frozenset[str]


class BoardCase:
    def __init__(
        self,
        tickets: TicketStore,
        lists: TicketLists,
        staff: StaffStore,
        duty: DutyStore,
        found: TicketRanges,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._lists, self._staff, self._duty = tickets, lists, staff, duty
        self._ranges, self._plans, self._now = found, plans, now

    def board(self, member: Member, team: str) -> Board:
        """The board of a team.

        A manager may see the board of every team. Raises Forbidden if anybody else asks for the
        board of another team than their own, and InvalidInput if `team` cannot be a team's name.
        """
        if member.role is not Role.MANAGER and team != member.team:
            raise Forbidden("this is the board of another team")
        if not is_team(team):
            raise InvalidInput([Fault("/team", "unknown_team", "there is no such team")])
        now, hidden = self._now(), frozenset(self._staff.kept_from(member))
        zone = ZoneInfo(self._plans.current().time_zone)
        unseen = self._tickets.get_readable(sorted(hidden)) if hidden else []
        # So many more are read that a limit is reached as if the hidden tickets did not exist.
        numbers = self._lists.open_in_team(team, BOARD_LIMIT + len(hidden))
        queue = self._lists.queued(team, QUEUE_LIMIT + len(hidden))
        shown = [one for one in numbers if one not in hidden][:BOARD_LIMIT]
        opened = [one for one in self._tickets.get_readable(shown) if may_see(member, one)]
        near = [found for ticket in opened if (found := self._near(ticket, member, now))]
        waiting = [one for one in queue if one not in hidden][:QUEUE_LIMIT]
        unaccepted = [
            (work_item(ticket, member), ticket.unaccepted_since)
            for ticket in opened
            if ticket.unaccepted_since is not None
        ]
        owners = Counter(item.assignee for item, _ in unaccepted)
        day = datetime.combine(now.astimezone(zone).date(), time(), zone)
        present, members, more = self._people(team, unseen, owners, day, now)
        today, complete = self._today(member, team, hidden, day, now)
        return Board(
            team=team,
            present=present,
            members=members,
            more_members=more,
            queued=len(waiting),
            queued_since=self._oldest(member, waiting),
            open=len(opened),
            near=sorted(near, key=lambda line: line.due_at),
            unaccepted=sorted(unaccepted, key=lambda line: line[1]),
            post_mortems=self._post_mortems(member, team, hidden),
            today=responses(today, complete=complete),
            talks=talks(today),
            hidden=hidden,
        )

    def _people(
        self,
        team: str,
        unseen: list[Ticket],
        owners: Counter[str | None],
        day: datetime,
        now: datetime,
    ) -> tuple[list[tuple[Member, Availability]], list[OnTeam], bool]:
        """The available agents of a team, all its agents, and whether there are more.

        `owners` counts the tickets that each has not accepted. The load of the `unseen` tickets is
        not in anybody's load. The day began at `day`, in the plan's zone.
        """
        # Whom an earlier version stored is on the list of the team some minutes after an update.
        # Who is full may have been withdrawn from the ring. So both are read.
        ring = self._staff.present(team, MEMBER_LIMIT)
        ids, further = self._staff.page(team, MEMBER_LIMIT, None)
        read = self._staff.availabilities(ids) | {one.agent: one for one in ring}
        seen = {agent: without_load_of(unseen, one) for agent, one in read.items()}
        known = self._staff.named([*ids, *seen])
        # By name: the order of assignments would tell of a ticket that the reader may not see.
        agents = sorted(known.values(), key=lambda member: (member.name, member.id))
        shown = [
            one for one in agents if one.is_active and one.role is Role.AGENT and one.team == team
        ]
        more = further is not None or len(shown) > MEMBER_LIMIT
        shown = shown[:MEMBER_LIMIT]
        present = [
            (one, seen[one.id])
            for one in shown
            if one.id in seen and seen[one.id].presence is Presence.AVAILABLE
        ]
        online = self._staff.online((one.id for one in shown), day, now)
        # Not the copies that routing reads: they begin and end with the last change of a presence,
        # and so have nothing of the shift of who does not come.
        zone = str(day.tzinfo)
        shifts = self._duty.work((one.id for one in shown), day, now, zone, consistent=False)
        lines = [
            OnTeam(
                one,
                seen.get(one.id),
                owners[one.id],
                math.floor(seconds_online(online[one.id], now)),
                seconds_of_shift(shifts[one.id], day, now),
            )
            for one in shown
        ]
        return present, lines, more

    def _oldest(self, member: Member, waiting: list[str]) -> datetime | None:
        """When the oldest of the queued tickets that the reader may see was opened."""
        found = self._tickets.get_readable(waiting)
        return min((one.created_at for one in found if may_see(member, one)), default=None)

    def _today(
        self, member: Member, team: str, hidden: frozenset[str], day: datetime, now: datetime
    ) -> tuple[list[Ticket], bool]:
        """The team's tickets that were opened in the day that began at `day`, and whether these
        are all."""
        of = ranges.opened_between(day, now, newest_first=True)
        entries, more = self._ranges.entries(of, None, TODAY_LIMIT + len(hidden))
        read = [one for one in entries if one.number not in hidden]
        found = [one.ticket() for one in self._ranges.snapshots(read[:TODAY_LIMIT])]
        seen = [t for t in found if t is not None and t.team == team and may_see(member, t)]
        return seen, not more and len(read) <= TODAY_LIMIT

    def _post_mortems(
        self, member: Member, team: str, hidden: frozenset[str]
    ) -> list[tuple[WorkItem, datetime]]:
        """The closed tickets whose post-mortem is not written, next due first."""
        of = ranges.post_mortems(team)
        entries, _ = self._ranges.entries(of, None, BOARD_LIMIT + len(hidden))
        shown = [one for one in entries if one.number not in hidden][:BOARD_LIMIT]
        found = [one.ticket() for one in self._ranges.snapshots(shown)]
        return [
            (work_item(ticket, member), due)
            for ticket in found
            if ticket is not None
            and may_see(member, ticket)
            and (due := post_mortem_due(ticket)) is not None
        ]

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
