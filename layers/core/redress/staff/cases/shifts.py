"""Shift plans: leaders import them, everybody reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from redress.base.errors import Fault, Forbidden, InvalidInput, NotFound, Unavailable
from redress.base.people import Member, Role, is_team
from redress.plans.store.plans import Plans
from redress.staff.cases.signing_in import ATTEMPTS
from redress.staff.duty.store import DutyStore
from redress.staff.rules import shifts as rules
from redress.staff.rules.shifts import Month, Shift
from redress.staff.store import StaffStore

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import planned: the members, by id, and how many days of theirs."""

    agents: list[str]
    days: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One shift of a member, on the day on which it begins."""

    agent: str
    day: date
    shift: Shift


@dataclass(frozen=True, slots=True)
class PlannedPage:
    shifts: list[Planned]
    next: str | None


class ShiftCases:
    def __init__(
        self, staff: StaffStore, duty: DutyStore, plans: Plans, now: Callable[[], datetime]
    ) -> None:
        self._staff, self._duty, self._plans, self._now = staff, duty, plans, now

    def plan(self, leader: Member, content: Callable[[], str]) -> Imported:
        """Import a table of shifts, whole or not at all. Repeating it changes nothing.

        It replaces the days that it names, of the members that it names. Then the coming shifts are
        copied to the availabilities of these members. If that fails, the error says so, and the
        table can be imported again. Raises InvalidInput with every fault of the table.
        """
        text = content()
        table = rules.read(text, self._staff.members(), leader, self._now().date())
        changed = table.months()
        agents = sorted(table.days)
        for _ in range(ATTEMPTS):
            before = self._duty.months(agents, table.months_around())
            if faults := table.overlaps({key: plan.days for key, plan in before.items()}):
                raise InvalidInput(faults)
            new: dict[tuple[str, str], Month] = {}
            for key, days in changed.items():
                old = before[key].days if key in before else {}
                new[key] = dict(sorted((old | days).items()))
            if self._duty.write_months(before, new):
                break
        else:
            raise Unavailable("these shifts are being changed by others")
        now = self._now()
        near = self._duty.near(agents, now, self._plans.current().time_zone)
        for agent, working in near.items():
            self._duty.set_near(agent, working)
        return Imported(agents, sum(map(len, table.days.values())))

    def of_week(
        self,
        reader: Member,
        team: str | None,
        first: date,
        page: Callable[[], tuple[int, str | None]],
    ) -> PlannedPage:
        """The shifts of a team that begin in the seven days from `first`, of some members a page.

        An agent reads their own. Raises Forbidden for another team, unless the reader is a manager.
        Raises InvalidInput for what is no name of a team, and NotFound for a week that is further
        from today than shifts can be planned.
        """
        team = team or reader.team
        if not reader.sees_every_team and team != reader.team:
            raise Forbidden("this is another team")
        if not is_team(team):
            raise InvalidInput([Fault("/team", "unknown_team", "there is no such team")])
        if abs(first - self._now().date()) > rules.LATEST:
            raise NotFound("shifts are planned and kept for 400 days")
        limit, after = page()
        ids, following = [reader.id], None
        if reader.role is not Role.AGENT:
            ids, following = self._staff.page(team, limit, after)
        days = [first + timedelta(days=number) for number in range(WEEK.days)]
        months = dict.fromkeys(day.isoformat()[:7] for day in days)
        found = self._duty.months(ids, months)
        return PlannedPage(
            [
                Planned(agent, day, shift)
                for agent in ids
                for day in days
                if (plan := found.get((agent, day.isoformat()[:7]))) is not None
                for shift in plan.days.get(day.isoformat(), ())
            ],
            following,
        )
