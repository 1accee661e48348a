"""Catch up what the version before has left out in tickets and members of staff that it wrote.

The version before did not list closed tickets by month and agent, and did not match tickets with
profiles of customers. A job walks the partitions `OPENED#<month>#<shard>` once, from the month of
the first version on, and mends each ticket. It stores its progress after each page, so it resumes
where a killed run stopped. Everything it does may be repeated. When it is done, a process reads one
item to learn that, and nothing after that.

Another job does the same for members of staff, once. The version before did not put who is online
into the list of the sweep (`staff/cases/absence.py`), and did not copy skills to the availability.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import replace
from datetime import UTC, datetime, timedelta

from redress.base.errors import RedressError
from redress.clocks.rules.periods import period_bounds, period_of
from redress.customers.cases.matching import MatchingCase
from redress.db.keys import SHARDS
from redress.plans.store.plans import Plans
from redress.staff.duty.store import DutyStore
from redress.staff.store import StaffStore
from redress.tickets.rules.ticket import State, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.workflow.store import (
    CatchUp,
    CatchUpStore,
    MembersCatchUp,
    MembersCatchUpStore,
    ProgressStore,
)

FIRST_MONTH = "2026-11"
"""The month of the first version. No ticket is older."""

PAGE = 100
"""How many tickets or members are read before the progress is stored."""

RUN_S = 60.0
"""The seconds of a sweep that the job may take. The sweep comes every five minutes."""

SETTLED_AFTER = timedelta(hours=1)
"""The job begins this long after its first sweep, and mends tickets that were opened before. By
then no function of the version before runs any more."""


class _Job[Progress: (CatchUp, MembersCatchUp)](ABC):
    """A job that mends page after page, and stores its progress after each."""

    def __init__(self, store: ProgressStore[Progress], now: Callable[[], datetime]) -> None:
        self._store: ProgressStore[Progress] = store
        self._now = now
        self._is_done = False

    def run(self, seconds_left: Callable[[], float]) -> Progress | None:
        """Continue the job while seconds are left. Return its progress; None if it was done before.

        If another run continues it at the same time, this one stops. Raises the error of a service.
        """
        if self._is_done:
            return None
        progress = self._store.progress()
        if progress is None:
            return self._store.save(self._first(self._now() + SETTLED_AFTER))
        if progress.ended_at is not None:
            self._is_done = True
            return None
        while (
            self._now() >= self._begins(progress)
            and progress.ended_at is None
            and seconds_left() > 0
        ):
            saved = self._store.save(self._page(progress))
            if saved is None:
                break
            progress = saved
        return progress

    @abstractmethod
    def _first(self, begin: datetime) -> Progress:
        """Return the progress of a job that may begin at `begin`."""

    @abstractmethod
    def _begins(self, progress: Progress) -> datetime:
        """Return when the job may begin."""

    @abstractmethod
    def _page(self, progress: Progress) -> Progress:
        """Mend one page. Return the progress after it."""


class CatchUpCase(_Job[CatchUp]):
    """The job for tickets."""

    def __init__(
        self,
        store: CatchUpStore,
        tickets: TicketStore,
        lists: TicketLists,
        plans: Plans,
        matching: MatchingCase,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(store, now)
        self._tickets, self._lists = tickets, lists
        self._plans, self._matching = plans, matching

    def _first(self, begin: datetime) -> CatchUp:
        return CatchUp(until=begin, month=FIRST_MONTH)

    def _begins(self, progress: CatchUp) -> datetime:
        return progress.until

    def _page(self, progress: CatchUp) -> CatchUp:
        start, end = period_bounds(progress.month, "UTC")
        page = self._lists.opened_page(
            start, min(end, progress.until), progress.shard, PAGE, progress.cursor
        )
        after = replace(progress, cursor=page.cursor, tickets=progress.tickets + len(page.numbers))
        for ticket in self._tickets.get_readable(page.numbers):
            try:
                after = self._mended(after, ticket)
            except RedressError:
                # It cannot be read (which was reported), or others change it all the time.
                after = replace(after, left=after.left + 1)
        return after if page.cursor is not None else self._next_partition(after)

    def _mended(self, progress: CatchUp, ticket: Ticket) -> CatchUp:
        if ticket.state is State.CLOSED:
            plan = self._plans.get(ticket.plan_version)
            listed = self._tickets.list_closed(ticket, plan)
            progress = replace(progress, listed=progress.listed + listed)
        if ticket.customer is None:
            matched = self._matching.match(ticket.number)
            progress = replace(progress, matched=progress.matched + matched)
        return progress

    def _next_partition(self, progress: CatchUp) -> CatchUp:
        if progress.shard + 1 < SHARDS:
            return replace(progress, shard=progress.shard + 1, cursor=None)
        if progress.month >= period_of(progress.until, "UTC"):
            return replace(progress, cursor=None, ended_at=self._now())
        _, end = period_bounds(progress.month, "UTC")
        following = f"{end.astimezone(UTC):%Y-%m}"
        return replace(progress, month=following, shard=0, cursor=None)


class MembersCatchUpCase(_Job[MembersCatchUp]):
    """The job for members of staff whom the version before stored."""

    def __init__(
        self,
        store: MembersCatchUpStore,
        staff: StaffStore,
        duty: DutyStore,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(store, now)
        self._staff, self._duty = staff, duty

    def _first(self, begin: datetime) -> MembersCatchUp:
        return MembersCatchUp(begin=begin)

    def _begins(self, progress: MembersCatchUp) -> datetime:
        return progress.begin

    def _page(self, progress: MembersCatchUp) -> MembersCatchUp:
        now = self._now()
        found, after = self._staff.page(None, PAGE, progress.after)
        readable = self._staff.named(found)
        mended = self._duty.catch_up(readable.values(), now)
        return replace(
            progress,
            after=after,
            members=progress.members + len(found),
            mended=progress.mended + mended,
            left=progress.left + len(found) - len(readable),
            ended_at=now if after is None else None,
        )
