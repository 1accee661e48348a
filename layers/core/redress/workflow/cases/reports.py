"""Reading the reports of the daily reconciliations. Only managers may: they see all teams."""

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
        """The last runs, newest first. `limit` is 1 to 25; read older runs by their day.

        Raises Forbidden or InvalidInput.
        """
        _managers_only(member)
        return self._reports.latest(limit)

    def of_day(self, member: Member, day: date) -> ReconciliationReport:
        """The last run that began on this day in the plan's time zone.

        Raises Forbidden, or NotFound if none did.
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
