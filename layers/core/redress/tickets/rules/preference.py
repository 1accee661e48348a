"""How and when a customer wants to be called back, and what that means for the due time of a call.

The hours are those of every day, in the time zone of the plan. A call is due at an instant `due`
with `begin < due <= end` for the hours of some day, so that a call before `due` can be inside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct, convert

from redress.clocks.rules.calendars import (
    MINUTES_PER_DAY,
    Interval,
    WeeklyCalendar,
    minutes_of,
    time_text,
)

EMAIL, PHONE = "email", "phone"
WAYS = (EMAIL, PHONE)
"""The ways in which a customer can want to be called back."""

SHORTEST = timedelta(seconds=1)
"""The shortest promise, as in a plan."""
_INSTANT = timedelta(microseconds=1)
_KEPT_CALENDARS = 256
"""How many customers' hours a function keeps as calendars. A calendar is small until it is used."""


class Preference(Struct, frozen=True, omit_defaults=True):
    """What the customer's profile said when the ticket was resolved. None means no preference.

    `channel` is one of WAYS. `hours` are as in `CallHours`: `18:00-20:00`. `phone` is a number of
    the profile, if the ticket itself has none.
    """

    channel: str | None = None
    hours: str | None = None
    phone: str | None = None

    @property
    def call_hours(self) -> CallHours | None:
        return None if self.hours is None else call_hours_of(self.hours)


def preference_in(resolved: Mapping[str, Any]) -> Preference | None:
    """Return the preference in the data of an event RESOLVED; None if the customer had none.

    Events of earlier versions contain none.
    """
    found = resolved.get("preference")
    return None if found is None else convert(found, Preference)


class CallHours(Struct, frozen=True):
    """The hours of a day in which a customer wants to be called, in minutes of local time.

    `end` is not part of them. Hours with `end` < `begin` go over midnight: 22:00-02:00. Raises
    ValueError if they are empty or outside of a day.
    """

    begin: int
    end: int

    def __post_init__(self) -> None:
        if self.begin == self.end:
            raise ValueError("these hours are empty; the whole day is written 00:00-24:00")
        if not (0 <= self.begin < MINUTES_PER_DAY and 0 < self.end <= MINUTES_PER_DAY):
            raise ValueError("hours begin from 00:00 to 23:59 and end from 00:01 to 24:00")

    def __str__(self) -> str:
        return f"{self.begins_at}-{self.ends_at}"

    @property
    def begins_at(self) -> str:
        return time_text(self.begin)

    @property
    def ends_at(self) -> str:
        return time_text(self.end)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The hours of one date, in order. Hours over midnight have a part at each of its ends."""
        if self.begin < self.end:
            return (Interval(self.begin, self.end),)
        return (Interval(0, self.end), Interval(self.begin, MINUTES_PER_DAY))

    @property
    def others(self) -> tuple[Interval, ...]:
        """The rest of one date, in order."""
        edges = [0, *(edge for one in self.intervals for edge in (one.start, one.end))]
        edges.append(MINUTES_PER_DAY)
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return tuple(Interval(start, end) for start, end in pairs if start < end)


def call_hours_of(text: str) -> CallHours:
    """Parse hours such as `18:00-20:00` or `22:00-02:00`. Midnight as the end is 24:00 or 00:00.

    Raises ValueError with a message that says what is wrong.
    """
    begin, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} are no hours: they are written 18:00-20:00")
    first, last = minutes_of(begin), minutes_of(end)
    return CallHours(first, last if last or not first else MINUTES_PER_DAY)


def due_within(hours: CallHours, zone: str, start: datetime, due: datetime) -> datetime:
    """Return when a call is due that was promised at `start` for `due`, in UTC.

    It is the last instant inside the hours that is not after `due`. If that is less than SHORTEST
    after `start`, it is the end of the first hours after `due`. So the promise becomes longer only
    if the customer does not want to be called while it lasts.
    """
    inside, outside = _calendars(hours, zone)
    last = inside.add(due, -_INSTANT.total_seconds()) + _INSTANT
    if last - start >= SHORTEST:
        return last
    return outside.next_open(inside.next_open(due))


@lru_cache(maxsize=_KEPT_CALENDARS)
def _calendars(hours: CallHours, zone: str) -> tuple[WeeklyCalendar, WeeklyCalendar]:
    """The hours as a calendar, and all other time as one. Every instant is in exactly one of them.

    Both follow the definition of business time, so they are right on the days on which daylight
    saving time begins or ends.
    """
    inside, others = (dict.fromkeys(range(7), one) for one in (hours.intervals, hours.others))
    return WeeklyCalendar(zone, inside), WeeklyCalendar(zone, others)
