"""Which teams exist. Each has its own partitions in the index of open tickets."""

from __future__ import annotations

from collections.abc import Iterable

from redress.base.errors import Unreadable
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.workflow.store import ReportStore


def known_teams(plans: Plans, staff: StaffStore, reports: ReportStore) -> set[str]:
    """All teams of every published plan, of every member of staff, and of the last report.

    A team of no plan and no member may still have tickets, because its last member moved to
    another team. The reports of reconciliations remember such teams. They also remember the teams
    of a version of the plan that cannot be read any more.
    """
    return teams_of_plans_and_reports(plans, reports) | {member.team for member in staff.members()}


def teams_of_plans_and_reports(plans: Plans, reports: ReportStore) -> set[str]:
    """All teams of every published plan, and of the last report."""
    versions = range(1, plans.latest().version + 1)
    teams = {team for version in versions for team in _teams_of(plans, version)}
    return teams | {team for report in reports.latest() for team in report.teams}


def _teams_of(plans: Plans, version: int) -> Iterable[str]:
    try:
        return plans.get(version).teams
    except Unreadable:
        return ()
