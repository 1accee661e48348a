"""Read the reports of the daily reconciliations.

Only managers may read them, because a report covers all teams.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from redress.base.errors import Forbidden, NotFound
from redress.base.people import Member, Role
from redress.db import keys
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.workflow.store import ReconciliationReport, ReportStore

MOST_REPORTS = 25


class ReportCases:
    """Reads reports. Tickets kept from the reader are counted, but they are no examples."""

    def __init__(self, reports: ReportStore, plans: Plans, staff: StaffStore) -> None:
        self._reports, self._plans, self._staff = reports, plans, staff

    def latest(self, member: Member, limit: int) -> list[ReconciliationReport]:
        """Return the reports of the last runs, newest first.

        The caller makes sure that `limit` is 1 to MOST_REPORTS. Older reports are read with
        `of_day`. Raises Forbidden.
        """
        _managers_only(member)
        hidden = self._staff.kept_from(member)
        return [_without(hidden, report) for report in self._reports.latest(limit)]

    def of_day(self, member: Member, day: date) -> ReconciliationReport:
        """Return the report of the last run that began on this day in the plan's time zone.

        Raises Forbidden, or NotFound if no run began on this day.
        """
        _managers_only(member)
        zone = ZoneInfo(self._plans.current().time_zone)
        try:
            begin, end = (
                datetime.combine(one, time(), zone).astimezone(UTC)
                for one in (day, day + timedelta(days=1))
            )
        except OverflowError:
            raise NotFound("there was no reconciliation on this day") from None
        found = self._reports.latest(1, keys.run_sk(end))
        if not found or found[0].began_at < begin:
            raise NotFound("there was no reconciliation on this day")
        return _without(self._staff.kept_from(member), found[0])


def _without(hidden: Collection[str], report: ReconciliationReport) -> ReconciliationReport:
    """The report; none of its examples names one of these tickets, also as part of a name."""
    examples = {
        finding: [name for name in names if not any(number in name for number in hidden)]
        for finding, names in report.examples.items()
    }
    return replace(report, examples=examples)


def _managers_only(member: Member) -> None:
    if member.role is not Role.MANAGER:
        raise Forbidden("only managers read reconciliations")
