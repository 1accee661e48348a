"""Calendars: which seconds count for a promise, and how to walk along them.

Calendar time counts every second, business time those in which the house is open. Both answer the
same three questions, so that a clock need not know which of them it runs on.

One definition carries business time: an instant is open when the clock on the wall of the
calendar's zone shows an open time of its date. All that is said of daylight saving follows from it
and needs no case of its own: an interval that begins in an hour that is skipped begins at the
change, one that ends there ends at the change, an hour that comes twice counts twice, and a date
that a zone left out has no hours. An interval with a bound in an hour that comes twice opens when
the clock first shows its start and closes for good when it shows its end for the last time; when
the clock goes back behind its start, the house is closed until the start is shown again. (One
sitting from the first start to the last end would let two intervals of one morning overlap.)

Inside, instants are whole microseconds since 1970 and days are those of UTC: each is a short list
of open spans, in order, none of them beyond it. So sums are exact, whatever the zone does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

from msgspec import Struct

MINUTES = 24 * 60
"""Of a day on the wall: 24:00 is the end of it."""
PATIENCE_DAYS = 3 * 366
"""So many days in a row without an open second mean that a calendar will not open again."""
KEPT_DAYS = 2048
"""Days that a calendar remembers: more than five years, in about a megabyte."""

_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 86_400 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DATE = _EPOCH.date().toordinal()
# Two days from the ends of what a date can be: no zone is further from UTC than that.
_FIRST_DAY = date.min.toordinal() + 2 - _EPOCH_DATE
_LAST_DAY = date.max.toordinal() - 2 - _EPOCH_DATE

_Span = tuple[int, int]
"""Microseconds since 1970: from the first until before the second."""
_OpenDay = tuple[tuple[_Span, ...], int]
"""A day of UTC: its open spans in order, and how long they are together."""


class Calendar(Protocol):
    """What a promise is counted in. Instants are aware; `seconds` are seconds of the calendar."""

    def add(self, start: datetime, seconds: float) -> datetime:
        """The instant at which `seconds` of this calendar's time have passed since `start`."""

    def elapsed(self, start: datetime, end: datetime) -> float:
        """Seconds of this calendar's time between the two instants (0 when end < start)."""

    def next_open(self, at: datetime) -> datetime:
        """The first instant from `at` on that counts."""


class AllDay:
    """Calendar time: every second counts. Instants are of UTC: Python reckons by the wall within
    any other zone."""

    def add(self, start: datetime, seconds: float) -> datetime:
        return start + timedelta(seconds=seconds)

    def elapsed(self, start: datetime, end: datetime) -> float:
        return max(0.0, (end - start).total_seconds())

    def next_open(self, at: datetime) -> datetime:
        return at


ALL_DAY = AllDay()


class Interval(Struct, frozen=True):
    """An open part of a day: minutes of the wall clock from `start` until before `end`.

    Raises ValueError unless 0 <= start < end <= 1440. An interval does not go past midnight: a
    night is 22:00-24:00 on one day and 00:00-06:00 on the next, each with its own exceptions.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= MINUTES:
            raise ValueError(
                f"{self} ends before it has begun or lies outside of its day; "
                "a night is written as two intervals, until 24:00 and from 00:00"
            )

    def __str__(self) -> str:
        return f"{_written(self.start)}-{_written(self.end)}"


WHOLE_DAY = (Interval(0, MINUTES),)


def interval_of(text: str) -> Interval:
    """The interval that is written `09:00-12:00`; `24:00` may end one.

    Raises ValueError that says what is wrong.
    """
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is no interval: one is written 09:00-12:00")
    return Interval(_minutes(start), _minutes(end))


def intervals_of(texts: Iterable[str]) -> tuple[Interval, ...]:
    """The intervals of one day, in order; those that touch become one, as no second separates them.

    Raises ValueError for one that is none, and for two that overlap or stand in the wrong order:
    that is a slip of who wrote them, and to mend it silently would hide another reading.
    """
    return _in_order([interval_of(text) for text in texts])


def _written(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _minutes(text: str) -> int:
    """Minutes of the day of `HH:MM`, 00:00 to 24:00."""
    hours, colon, minutes = text.partition(":")
    digits = hours + minutes
    if not (
        colon and len(hours) == 2 and len(minutes) == 2 and digits.isascii() and digits.isdigit()
    ):
        raise ValueError(f"{text!r} is no time of day: one is written 09:00")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > MINUTES:
        raise ValueError(f"{text!r} is no time of day: they go from 00:00 to 24:00")
    return total


def _in_order(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    found: list[Interval] = []
    for interval in intervals:
        if found and interval.start < found[-1].end:
            wrong = "overlap" if interval.end > found[-1].start else "stand in the wrong order"
            raise ValueError(f"{found[-1]} and {interval} {wrong}")
        if found and interval.start == found[-1].end:
            found[-1] = Interval(found[-1].start, interval.end)
        else:
            found.append(interval)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class WeeklyCalendar:
    """Business time: open intervals by weekday (Monday is 0), and by date where a day is special.

    `zone` is a name of the IANA database. A weekday that `week` does not name is closed. `days`
    wins over the week: () is closed (a holiday), anything else is open just so (a make-up working
    day, a short day). Dates and times are those of the wall in `zone`; results are in UTC.

    Raises ValueError for a weekday that is none and for intervals that overlap. Whatever asks a
    calendar raises ValueError for an unknown zone, for an instant without a zone, and when the
    calendar opens nowhere within PATIENCE_DAYS; OverflowError where the years of dates end.
    """

    zone: str
    week: Mapping[int, tuple[Interval, ...]]
    days: Mapping[date, tuple[Interval, ...]] = field(default_factory=dict)
    _known: dict[int, _OpenDay] = field(default_factory=dict, init=False, repr=False, compare=False)
    """By day of UTC since 1970: a promise is asked for many times over the same few weeks."""

    def __post_init__(self) -> None:
        wrong = [weekday for weekday in self.week if weekday not in range(7)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no weekday: Monday is 0 and Sunday is 6")
        for name in ("week", "days"):
            given = getattr(self, name)
            own = {key: _in_order(intervals) for key, intervals in given.items()}
            object.__setattr__(self, name, own)

    def add(self, start: datetime, seconds: float) -> datetime:
        """The instant at which `seconds` of open time have passed since `start`, in UTC.

        The earliest such instant: what is used up at closing time is due at closing time, not on
        the next morning, though both are as far away in open time. 0 is `start` itself, open or
        not. Negative seconds walk back, to the latest instant from which `-seconds` pass until
        `start`: `elapsed(add(start, -s), start) == s`.
        """
        at, left = _instant(start), timedelta(seconds=seconds) // _MICROSECOND
        # Business time never runs faster than the calendar: past its end there is no need to look.
        far = _moment(at + left)
        if not left:
            return far
        spans = self._open(at, 1 if left > 0 else -1)
        opens, closes = next(spans)
        while abs(left) > closes - opens:
            left += opens - closes if left > 0 else closes - opens
            opens, closes = next(spans)
        return _moment(opens + left if left > 0 else closes + left)

    def elapsed(self, start: datetime, end: datetime) -> float:
        """Open seconds between the two instants, to the microsecond (0 when end < start)."""
        first, last = _instant(start), _instant(end)
        if last <= first:
            return 0.0
        total = 0
        for day in range(first // _DAY, (last - 1) // _DAY + 1):
            spans, whole = self._day(day)
            if first <= day * _DAY and (day + 1) * _DAY <= last:
                total += whole
            else:
                total += sum(
                    max(0, min(closes, last) - max(opens, first)) for opens, closes in spans
                )
        return total / _SECOND

    def next_open(self, at: datetime) -> datetime:
        """The first open instant from `at` on, in UTC: `at` itself when it is open."""
        opens, _ = next(self._open(_instant(at), 1))
        return _moment(opens)

    def _open(self, at: int, step: int) -> Iterator[_Span]:
        """The open spans from `at` on (step 1) or back from it (step -1); endless, or it raises."""
        day, closed = (at if step > 0 else at - 1) // _DAY, 0
        while closed <= PATIENCE_DAYS:
            spans, whole = self._day(day)
            for opens, closes in spans[::step]:
                if step > 0 and at < closes:
                    yield max(opens, at), closes
                elif step < 0 and opens < at:
                    yield opens, min(closes, at)
            day, closed = day + step, 0 if whole else closed + 1
        raise ValueError(
            f"the calendar in {self.zone} opens nowhere within {PATIENCE_DAYS} days "
            f"{'after' if step > 0 else 'before'} {_date(day - step * closed)}"
        )

    def _day(self, day: int) -> _OpenDay:
        found = self._known.get(day)
        if found is None:
            if not _FIRST_DAY <= day <= _LAST_DAY:
                raise OverflowError("business time ends where the years 1 and 9999 do")
            spans = tuple(self._spans(day))
            found = spans, sum(closes - opens for opens, closes in spans)
            if len(self._known) >= KEPT_DAYS:
                self._known.clear()
            self._known[day] = found
        return found

    def _spans(self, day: int) -> Iterator[_Span]:
        """The open spans of a day of UTC; those that touch are one."""
        opens = closes = day * _DAY
        for start, end, offset in _stretches(_zone(self.zone), day * _DAY, (day + 1) * _DAY):
            for local in range((start + offset) // _DAY, (end + offset - 1) // _DAY + 1):
                midnight = local * _DAY - offset
                for interval in self._intervals(_date(local)):
                    begins = max(start, midnight + interval.start * _MINUTE)
                    ends = min(end, midnight + interval.end * _MINUTE)
                    if begins >= ends:
                        continue
                    if begins > closes:
                        if opens < closes:
                            yield opens, closes
                        opens = begins
                    closes = ends
        if opens < closes:
            yield opens, closes

    def _intervals(self, day: date) -> tuple[Interval, ...]:
        found = self.days.get(day)
        return self.week.get(day.weekday(), ()) if found is None else found


def _zone(name: str) -> tzinfo:
    """Imported late: the import costs a cold start some milliseconds, and AllDay needs no zone."""
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone of the IANA database") from None


def _stretches(zone: tzinfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The span cut where the zone changes its offset: (start, end, offset), in microseconds.

    A day of UTC whose first and last offset are the same has no change: no zone of the IANA
    database ever went and came back within one.
    """
    while (offset := _offset(zone, start)) != _offset(zone, end - 1):
        before, after = start // _SECOND, end // _SECOND
        while after - before > 1:
            middle = (before + after) // 2
            if _offset(zone, middle * _SECOND) == offset:
                before = middle
            else:
                after = middle
        yield start, after * _SECOND, offset
        start = after * _SECOND
    yield start, end, offset


def _offset(zone: tzinfo, at: int) -> int:
    """Microseconds by which the wall is ahead of UTC at an instant."""
    offset = _moment(at).astimezone(zone).utcoffset()
    assert offset is not None, "an aware instant has one"
    return offset // _MICROSECOND


def _instant(at: datetime) -> int:
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} names no zone: an aware instant is expected")
    return (at - _EPOCH) // _MICROSECOND


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH_DATE + day)
