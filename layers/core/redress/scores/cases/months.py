"""Finds the month that a request or a scoring run names, in the time zone of the current plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.errors import Fault, InvalidInput
from redress.clocks.rules import periods
from redress.plans.store.plans import Plans

PREVIOUS = "previous"
"""The name that requests use for the last month that is over, in the plan's time zone."""


class Months:
    def __init__(self, plans: Plans, now: Callable[[], datetime]) -> None:
        self._plans, self._now = plans, now

    @property
    def zone(self) -> str:
        return self._plans.current().time_zone

    def resolve(self, period: str) -> str:
        """The month that `period` names.

        `period` is a month such as "2026-11", or PREVIOUS for the last month that is over. Raises
        InvalidInput if `period` is not a month, or if the month has not begun.
        """
        if period == PREVIOUS:
            zone = self.zone
            period = periods.previous_period(self._now(), zone)
        self.require_begun(period)
        return period

    def require_begun(self, period: str) -> None:
        """Raise InvalidInput if `period` is not a month, or if the month has not begun."""
        if faults := self.faults(period):
            raise InvalidInput(faults)

    def is_over(self, period: str) -> bool:
        """Whether a month has ended in the zone of the plan."""
        return period < periods.period_of(self._now(), self.zone)

    def faults(self, period: str) -> list[Fault]:
        try:
            start, _ = periods.period_bounds(period, self.zone)
        except ValueError:
            return [Fault("/period", "period_expected", "a month such as 2026-11 is expected")]
        if start > self._now():
            return [Fault("/period", "not_begun", "this month has not begun yet")]
        return []
