"""Which teams there are: whose partitions hold the open tickets."""

from __future__ import annotations

from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.workflow.store import ReportStore


def known_teams(plans: Plans, staff: StaffStore, reports: ReportStore) -> set[str]:
    """Of every plan that was ever published, and of everybody who ever was on the staff.

    A team of neither may still have tickets (its last member moved): the reports of
    reconciliations remember it.
    """
    versions = range(1, plans.latest().version + 1)
    teams = {team for version in versions for team in plans.get(version).teams}
    remembered = {team for report in reports.latest() for team in report.teams}
    return teams | remembered | {member.team for member in staff.members()}
