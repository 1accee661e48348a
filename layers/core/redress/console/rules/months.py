"""The months of a bill. Amazon's months begin at midnight UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec import Struct


class Month(Struct, frozen=True):
    """A month in UTC, from `begin` until before `end`."""

    begin: datetime
    end: datetime

    @property
    def name(self) -> str:
        """`2026-11`"""
        return f"{self.begin:%Y-%m}"

    def share(self, now: datetime) -> float:
        """The share of this month that is over at `now`, 0 to 1."""
        past = (now - self.begin) / (self.end - self.begin)
        return min(1.0, max(0.0, past))


def month_of(moment: datetime) -> Month:
    """The month that contains this moment."""
    day = moment.astimezone(UTC)
    begin = datetime(day.year, day.month, 1, tzinfo=UTC)
    following = begin + timedelta(days=32)
    return Month(begin, datetime(following.year, following.month, 1, tzinfo=UTC))


def before(month: Month) -> Month:
    """The month before."""
    return month_of(month.begin - timedelta(days=1))
