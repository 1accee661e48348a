"""The state of the product now: what waits, which promises are at risk, whether timers are late.

Each read is bounded, however many tickets are open: counts come from entries of the index, and only
the tickets that are due next are read themselves. The result says where a bound was reached. No
name, address or text of a person is in it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from redress.base.errors import Unreadable
from redress.db import keys
from redress.plans.store.plans import Plans
from redress.staff.cases.board import near_limit
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.timers import Timer, TimerStore
from redress.workflow.cases.relay import execution_name
from redress.workflow.cases.teams import teams_of_plans_and_reports
from redress.workflow.store import ReconciliationReport, ReportStore

MOST_COUNTED = 30_000
"""How many entries of the index are counted for each team and shard. With four shards that is
enough for 100,000 open tickets of one team. Each thousand entries takes some 15 read units."""
MOST_EXAMINED = 100
"""How many tickets of each team are read, those that are due next."""
MOST_NAMED = 10
"""How many promises and late timers are named."""
LATE = timedelta(minutes=1)
"""A timer is late if it has not acted this long after its time. On a healthy stack it acts within
seconds (docs/architecture.md)."""
MOST_AWAKE = 250
"""How many awake tickets of each shard are counted."""
RESERVE_S = 10.0
"""Seconds that are kept for one team with as many tickets as are counted, and for the answer. Teams
for which less time is left are named as left out."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number, and whether there are more than were counted."""

    number: int
    more: bool = False

    def __add__(self, other: Count) -> Count:
        return Count(self.number + other.number, self.more or other.more)

    def __str__(self) -> str:
        return f"{self.number:,}{' or more' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class Named:
    """A promise at risk or broken, or a late timer: its ticket, what it is, and since when."""

    number: str
    team: str
    what: str
    at: datetime
    execution: str
    """The name of the execution of the ticket's workflow; empty if its TIMER cannot be read."""


@dataclass(frozen=True, slots=True)
class TeamState:
    """One team. `at_risk` and `broken` count promises of the examined tickets by clock."""

    team: str
    open: Count
    queued: Count
    overdue: Count
    """Open tickets of which a promise is due and not kept."""
    examined: int
    at_risk: dict[str, int]
    broken: dict[str, int]

    @property
    def part(self) -> bool:
        """Whether the promises are those of a part of the team's tickets only."""
        return self.open.more or self.examined < self.open.number


@dataclass(frozen=True, slots=True)
class State:
    at: datetime
    teams: list[TeamState]
    left_out: list[str]
    """Teams for which no time was left."""
    waiting_since: datetime | None
    """The oldest message of a customer that nobody has answered, among the examined tickets."""
    promises: list[Named]
    """Promises that are broken or at risk, the oldest due time first."""
    late: list[Named]
    """Timers that should have acted, the latest first."""
    awake: Count
    """Tickets whose workflow has been awake for longer than LATE."""
    report: ReconciliationReport | None
    """The last reconciliation."""


@dataclass(slots=True)
class _Found:
    """What was found in the tickets of all teams."""

    promises: list[Named] = field(default_factory=list)
    late: list[Named] = field(default_factory=list)
    unanswered: list[datetime] = field(default_factory=list)


class StateCase:
    def __init__(
        self,
        lists: TicketLists,
        timers: TimerStore,
        plans: Plans,
        reports: ReportStore,
        now: Callable[[], datetime],
    ) -> None:
        self._lists, self._timers, self._plans = lists, timers, plans
        self._reports, self._now = reports, now

    def state(self, seconds_left: Callable[[], float]) -> State:
        """The state of all teams. Raises errors of the table.

        The profiles of staff are not read, because they contain names and addresses. So a team is
        known if it is in a plan or if the last reconciliation knew it.
        """
        teams = sorted(teams_of_plans_and_reports(self._plans, self._reports))
        reports = self._reports.latest()
        now = self._now()
        found, done = _Found(), []
        while teams and seconds_left() > RESERVE_S:
            done.append(self._team(teams.pop(0), now, found))
        return State(
            at=now,
            teams=done,
            left_out=teams,
            waiting_since=min(found.unanswered, default=None),
            promises=sorted(found.promises, key=lambda one: one.at)[:MOST_NAMED],
            late=sorted(found.late, key=lambda one: one.at)[:MOST_NAMED],
            awake=self._awake(now),
            report=reports[0] if reports else None,
        )

    def _team(self, team: str, now: datetime, found: _Found) -> TeamState:
        numbers = self._lists.open_in_team(team, MOST_EXAMINED)
        at_risk: Counter[str] = Counter()
        broken: Counter[str] = Counter()
        examined = 0
        for ticket, timer in self._timers.side_by_side(numbers):
            if ticket is None:
                continue
            examined += 1
            if ticket.unanswered_since is not None:
                found.unanswered.append(ticket.unanswered_since)
            execution = execution_name(ticket.number, timer.gen) if timer else ""
            for due, clock in self._near(ticket, now):
                (broken if now > due else at_risk)[clock] += 1
                found.promises.append(Named(ticket.number, team, clock, due, execution))
            if timer and (since := _late_since(timer, now)):
                found.late.append(Named(ticket.number, team, timer.phase.value, since, execution))
        return TeamState(
            team,
            open=self._sum(
                self._lists.count_open_up_to(MOST_COUNTED, team, s) for s in range(keys.SHARDS)
            ),
            queued=self._sum(
                self._lists.count_queued_up_to(MOST_COUNTED, team, s) for s in range(keys.SHARDS)
            ),
            overdue=self._sum(
                self._lists.count_open_up_to(MOST_COUNTED, team, s, now) for s in range(keys.SHARDS)
            ),
            examined=examined,
            at_risk=dict(at_risk),
            broken=dict(broken),
        )

    def _near(self, ticket: Ticket, now: datetime) -> list[tuple[datetime, str]]:
        try:
            return near_limit(ticket, self._plans.get(ticket.plan_version), now)
        except Unreadable:
            return []

    def _awake(self, now: datetime) -> Count:
        most = keys.SHARDS * MOST_AWAKE
        awake = self._timers.awake_since_before(now - LATE, MOST_AWAKE)
        number = len(list(itertools.islice(awake, most)))
        return Count(number, number >= MOST_AWAKE)

    @staticmethod
    def _sum(counts: Iterable[int]) -> Count:
        return sum((Count(n, n >= MOST_COUNTED) for n in counts), Count(0))


def _late_since(timer: Timer, now: datetime) -> datetime | None:
    """Since when a timer is late; None if it is not."""
    due = timer.next_wake if timer.asleep else timer.awake_since
    return due if due is not None and now - due > LATE else None
