"""Which teams exist. Each has its own partitions in the index of open tickets."""

from __future__ import annotations

from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.workflow.store import ReportStore


def known_teams(plans: Plans, staff: StaffStore, reports: ReportStore) -> set[str]:
    """All teams of every published plan, of every member of staff, and of the last report.

    A team of no plan and no member may still have tickets, because its last member moved to
    another team. The reports of reconciliations remember such teams.
    """
    versions = range(1, plans.latest().version + 1)
    teams = {team for version in versions for team in plans.get(version).teams}
    remembered = {team for report in reports.latest() for team in report.teams}
    return teams | remembered | {member.team for member in staff.members()}
