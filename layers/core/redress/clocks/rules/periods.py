"""Months in the time zone of the plan: the periods of scores, and of lists of closed tickets."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

PERIOD = "[1-9][0-9]{3}-(0[1-9]|1[0-2])"
"""The form of a month, as a pattern. The years from 1000 on begin in every time zone."""


def parse_period(text: str) -> tuple[int, int]:
    """Parse a month such as "2026-11" to year and month. Raises ValueError for anything else."""
    if re.fullmatch(PERIOD, text) is None:
        raise ValueError(f"{text!r} is not a month such as 2026-11")
    return int(text[:4]), int(text[5:])


def period_of(at: datetime, zone: str) -> str:
    """The month to which an instant belongs in the time zone `zone`, such as "2026-11".

    Raises ValueError for an instant without a time zone.
    """
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone belongs to no month")
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.year:04d}-{local.month:02d}"


def period_bounds(period: str, zone: str) -> tuple[datetime, datetime]:
    """The first instant of a month and the first instant of the next month, in UTC.

    The month is one of the time zone `zone`. Raises ValueError if `period` is not a month.
    """
    year, month = parse_period(period)
    following = (year + month // 12, month % 12 + 1)
    start, end = (
        datetime(y, m, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for y, m in ((year, month), following)
    )
    return start, end


def previous_period(now: datetime, zone: str) -> str:
    """The month before the month of `now`, in the time zone `zone`."""
    start, _ = period_bounds(period_of(now, zone), zone)
    return period_of(start - timedelta(seconds=1), zone)
