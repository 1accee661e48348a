"""Read the reports of the daily reconciliations.

Only managers may read them, because a report covers all teams.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from redress.base.errors import Forbidden, NotFound
from redress.base.people import Member, Role
from redress.db import keys
from redress.plans.store.plans import Plans
from redress.workflow.store import ReconciliationReport, ReportStore

MOST_REPORTS = 25


class ReportCases:
    def __init__(self, reports: ReportStore, plans: Plans) -> None:
        self._reports, self._plans = reports, plans

    def latest(self, member: Member, limit: int) -> list[ReconciliationReport]:
        """Return the reports of the last runs, newest first.

        The caller makes sure that `limit` is 1 to MOST_REPORTS. Older reports are read with
        `of_day`. Raises Forbidden.
        """
        _managers_only(member)
        return self._reports.latest(limit)

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
        return found[0]


def _managers_only(member: Member) -> None:
    if member.role is not Role.MANAGER:
        raise Forbidden("only managers read reconciliations")
