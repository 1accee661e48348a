"""Find out whether the month that is over has its scores, if no run did so or failed at it.

A run that fails is started again and told (`repeats`). A run that was never started tells nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from redress.clocks.rules import periods
from redress.plans.store.plans import Plans
from redress.scores.cases.runs import ScoringJobs

FROM_DAY = 3
"""The month before must be scored by this day of the month. Runs start on the 1st and the 2nd."""


class MonthWatch:
    """`ran_before` says whether the stack existed before a time."""

    def __init__(
        self,
        jobs: ScoringJobs,
        plans: Plans,
        ran_before: Callable[[datetime], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._jobs, self._plans = jobs, plans
        self._ran_before, self._now = ran_before, now

    def unscored(self) -> str | None:
        """Return the month before if it should have complete scores by now and has none.

        A stack that was deployed after that month has no scores to make.
        """
        zone, now = self._plans.current().time_zone, self._now()
        if now.astimezone(ZoneInfo(zone)).day < FROM_DAY:
            return None
        period = periods.previous_period(now, zone)
        _, end = periods.period_bounds(period, zone)
        if not self._ran_before(end) or self._jobs.is_complete(period):
            return None
        return period
