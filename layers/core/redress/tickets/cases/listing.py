"""Lists of tickets for staff, and the numbers of tickets beside them.

A list and its number read the same range of an index (`tickets/store/ranges.py`), and both obey
`access.may_see`.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from redress.base.errors import Fault, Forbidden, InvalidInput
from redress.base.people import Member, Role, is_team
from redress.clocks.rules.periods import period_of
from redress.plans.store.plans import Plans
from redress.tickets.cases.staff import WorkItem, work_item
from redress.tickets.rules import access
from redress.tickets.rules.listing import MOST_READ, Place, View, Wanted
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items, ranges
from redress.tickets.store.ranges import Entry, Range, Snapshot, TicketRanges

COUNT_LIMIT = 200
"""No number is counted further than this."""
SOON = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list: the ticket, and what its reader may do with it."""

    item: WorkItem
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page. `next` is the cursor of the page after it, None on the last one."""

    lines: list[Line]
    next: str | None


@dataclass(frozen=True, slots=True)
class Number:
    """How many tickets a range has; `more` if there are more than COUNT_LIMIT."""

    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a team at one moment: `mine`, and those of `numbers_of`."""

    team: str
    at: datetime
    month: str
    found: dict[str, Number]


def numbers_of(team: str, at: datetime, month: str) -> dict[str, Range]:
    """Each number of a team, with the range whose entries it counts.

    The list that shows these tickets reads the same range.
    """
    return {
        "queue": ranges.queue(team),
        "open": ranges.opened(team),
        "overdue": ranges.opened(team, due_before=at),
        "due_soon": ranges.opened(team, due_from=at, due_before=at + SOON),
        "on_hold": ranges.on_hold(team),
        "post_mortem_due": ranges.post_mortems(team),
        "closed": ranges.closed(team, month),
    }


class ListCases:
    def __init__(
        self,
        found: TicketRanges,
        plans: Plans,
        kept_from: Callable[[Member], list[str]],
        profiles_of: Callable[[str], Sequence[str]],
        now: Callable[[], datetime],
    ) -> None:
        """`kept_from` gives the numbers of the tickets that a member of staff may not see because
        of a conflict of interest.

        `profiles_of` gives the ids of all profiles of a customer, given one of them. Merged
        profiles are of one customer.
        """
        self._ranges, self._plans, self._now = found, plans, now
        self._kept_from, self._profiles_of = kept_from, profiles_of
        self._beside = ThreadPoolExecutor(1)

    def page(self, member: Member, wanted: Wanted, limit: int, place: Place | None) -> ListPage:
        """One page of a list, from behind `place`; None gives the first page.

        At most MOST_READ tickets are read. If few of them pass the filters, the page has fewer
        lines than `limit`, and still a `next`. Raises Forbidden if the member may not read this
        list.
        """
        must_list(member, wanted.team, wanted.agent)
        zone = self._plans.current().time_zone
        month = wanted.month
        if month is None and wanted.view is View.CLOSED and wanted.team is not None:
            month = place.month if place else None
            month = month or period_of(self._now(), zone)
        profiles = self._profiles_of(wanted.customer) if wanted.customer is not None else None
        if profiles is not None and not profiles:
            return ListPage([], None)
        of = _range(wanted, month, zone) if profiles is None else ranges.of_customer(profiles)
        lines: list[tuple[str, Line]] = []
        unlisted: list[Snapshot] = []
        after, left, more = place.key if place else None, MOST_READ, True
        # One line more tells whether there is a next page. An entry does not: the reader may not
        # learn that there is a ticket which they may not see.
        # Nobody knows how many tickets pass the filters. One read of all is faster than several.
        most = MOST_READ if wanted.filters.any else limit + 1
        while more and len(lines) <= limit and left > 0:
            entries, more = self._ranges.entries(of, after, min(most, left))
            for snapshot in self._ranges.snapshots(entries):
                after = snapshot.entry.key
                unlisted.append(snapshot)
                ticket = snapshot.ticket(wanted.filters)
                if (
                    ticket is not None
                    and _listed(member, profiles, of, ticket)
                    and not _is_over(wanted, ticket)
                ):
                    lines.append((after, Line(work_item(ticket, member), ticket)))
                    unlisted.clear()
            left -= len(entries)
            most *= 4
        following = None
        if len(lines) > limit:
            following = lines[limit - 1][0]
        elif more:
            following = _last_seen(member, unlisted) or after
        kept = month if wanted.month is None else None
        cursor = wanted.cursor(Place(following, kept)) if following is not None else None
        return ListPage([line for _, line in lines[:limit]], cursor)

    def numbers(self, member: Member, team: str) -> Numbers:
        """How many tickets a team has, and how many the member has.

        Tickets that the member may not see are not counted. Raises Forbidden if the member may not
        read the lists of this team, and InvalidInput if `team` cannot be a team's name.
        """
        must_list(member, team, None)
        if not is_team(team):
            raise InvalidInput([Fault("/team", "unknown_team", "there is no such team")])
        at, zone = self._now(), self._plans.current().time_zone
        month = period_of(at, zone)
        # The other thread reads the tickets and decodes none. msgspec crashes if two threads decode
        # a type for the first time.
        of = ranges.work(member.id)
        work = self._beside.submit(contextvars.copy_context().run, self._work, of)
        hidden = self._hidden_from(member)
        wanted = numbers_of(team, at, month)
        out = [sum(self._has(of, ticket) for ticket in hidden) for of in wanted.values()]
        limits = [COUNT_LIMIT + 1 + hides for hides in out]
        counts = self._ranges.counts(list(zip(wanted.values(), limits, strict=True)))
        found = {
            name: Number(max(0, min(count - hides, COUNT_LIMIT)), count - hides > COUNT_LIMIT)
            for name, count, hides in zip(wanted, counts, out, strict=True)
        }
        return Numbers(team, at, month, {"mine": _mine(member, of, *work.result()), **found})

    def _work(self, of: Range) -> tuple[list[Snapshot], bool]:
        """The first tickets of an agent's work, and whether there are more.

        Entries are not enough: after a change of team, the agent still has phone callbacks that
        they may not see any more. So the tickets are read, which are about as many as the capacity.
        """
        entries, more = self._ranges.entries(of, None, COUNT_LIMIT + 1)
        return self._ranges.snapshots(entries), more

    def _hidden_from(self, member: Member) -> list[Ticket]:
        """The tickets that the member may not see because of a conflict of interest."""
        entries = [Entry("", number) for number in self._kept_from(member)]
        found = [snapshot.ticket() for snapshot in self._ranges.snapshots(entries)]
        return [t for t in found if t is not None and not access.may_see(member, t)]

    def _has(self, of: Range, ticket: Ticket) -> bool:
        """Whether a ticket has an entry in a range, as it is now."""
        if of.moves or ticket.closed_at is None:
            return of.moves and of.has(ticket)
        plan = self._plans.get(ticket.plan_version)
        found = items.closed_keys(ticket, ticket.closed_at, plan)
        return of.covers(found["open_pk"], found["open_sk"])


def _mine(member: Member, of: Range, found: Sequence[Snapshot], more: bool) -> Number:
    """How many of these tickets the member must work on. `more` if there are more of them."""
    tickets = [snapshot.ticket() for snapshot in found]
    count = sum(t is not None and _listed(member, None, of, t) for t in tickets)
    return Number(min(count, COUNT_LIMIT), more or count > COUNT_LIMIT)


def must_list(member: Member, team: str | None, agent: str | None) -> None:
    """Raise Forbidden if the member may not read lists of this team or this agent.

    A manager reads all, a supervisor those of the own team and of every agent, an agent those of
    the own team and their own. Each line is checked in addition (`access.may_see`).
    """
    if not member.sees_every_team and team not in (None, member.team):
        raise Forbidden("these are the tickets of another team")
    if member.role is Role.AGENT and agent not in (None, member.id):
        raise Forbidden("these are the tickets of another agent")


def _range(wanted: Wanted, month: str | None, zone: str) -> Range:
    """The range of a list of a team or of an agent."""
    due = (wanted.due_from, wanted.due_before)
    if wanted.agent is not None:
        if wanted.view is View.CLOSED:
            return ranges.closed_by(wanted.agent, month, zone)
        return ranges.work(wanted.agent, *due)
    assert wanted.team is not None, "the list of a customer has another range"
    if wanted.view is View.CLOSED:
        assert month is not None, "closed tickets of a team are listed by month"
        return ranges.closed(wanted.team, month)
    of_team = {
        View.QUEUE: ranges.queue,
        View.ON_HOLD: ranges.on_hold,
        View.OPEN: ranges.opened,
        View.POST_MORTEM_DUE: ranges.post_mortems,
    }
    return of_team[wanted.view](wanted.team, *due)


def _last_seen(member: Member, found: Sequence[Snapshot]) -> str | None:
    """The key of the last of these entries whose ticket the member may see, or None.

    A cursor has the number and a time of the ticket after which the next page begins. Whoever
    decodes it must not learn of a complaint about themselves.
    """
    for snapshot in reversed(found):
        ticket = snapshot.ticket()
        if ticket is not None and access.may_see(member, ticket):
            return snapshot.entry.key
    return None


def _is_over(wanted: Wanted, ticket: Ticket) -> bool:
    """Whether a list of open tickets leaves the ticket out, because nothing is owed on it.

    The range of a customer has all of their tickets. That of a team or an agent has only open ones.
    """
    is_of_open = wanted.view is View.OPEN and wanted.customer is not None
    return is_of_open and ticket.closed_at is not None and not ticket.goes_on_closed


def _listed(member: Member, profiles: Sequence[str] | None, of: Range, ticket: Ticket) -> bool:
    """Whether a ticket is a line of a list. `profiles` are those of the customer whose list it is.

    An entry of an index can be older than its ticket, which may be closed or in another queue
    since, or have got another customer.
    """
    of_customer = profiles is None or ticket.customer in profiles
    return access.may_see(member, ticket) and of_customer and (not of.moves or of.has(ticket))
