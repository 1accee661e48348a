"""Calendars: which seconds count for a promise, and arithmetic with them.

Calendar time counts every second. Business time counts seconds within opening hours. Both implement
the protocol `Calendar`, so a clock need not know which one it uses.

Business time has one definition: an instant is open if local time in the calendar's zone lies
within the opening hours of its date. All behaviour at a change to or from daylight saving time
follows from this definition, without special cases:

- An interval that begins or ends in a skipped hour begins or ends at the change.
- An hour that occurs twice counts twice.
- A date that a zone skipped has no hours.
- An interval with a bound in an hour that occurs twice opens when local time first reaches its
  start, and closes finally when local time reaches its end for the last time. If local time is set
  back to before its start, it is closed until the start is reached again. (Keeping it open from the
  first start to the last end would make two adjacent intervals overlap.)

Internally, instants are integers: microseconds since 1970. Days are UTC days, each with a short
ordered list of its open spans, which are cut at its bounds. Sums are therefore exact in every zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

from msgspec import Struct

MINUTES = 24 * 60
"""Minutes of a day in local time; 24:00 is the end of the day."""
PATIENCE_DAYS = 3 * 366
"""After this many closed days in a row, a calendar is considered to never open again."""
KEPT_DAYS = 2048
"""Days in the cache of a calendar: more than five years, about a megabyte."""

_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 86_400 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DATE = _EPOCH.date().toordinal()
# Two days inside the range of `date`, so that conversion to a local date cannot leave the range:
# no zone differs from UTC by more.
_FIRST_DAY = date.min.toordinal() + 2 - _EPOCH_DATE
_LAST_DAY = date.max.toordinal() - 2 - _EPOCH_DATE

_Span = tuple[int, int]
"""Microseconds since 1970: the first belongs to the span, the second does not."""
_OpenDay = tuple[tuple[_Span, ...], int]
"""A UTC day: its open spans in order, and the sum of their lengths in microseconds."""


class Calendar(Protocol):
    """The time in which a promise is counted. Instants are aware datetimes. `seconds` are seconds
    that count in this calendar."""

    def add(self, start: datetime, seconds: float) -> datetime:
        """The instant at which `seconds` of this calendar's time have passed since `start`."""

    def elapsed(self, start: datetime, end: datetime) -> float:
        """Seconds of this calendar's time between the two instants (0 when end < start)."""

    def next_open(self, at: datetime) -> datetime:
        """The first instant at or after `at` that counts."""


class AllDay:
    """Calendar time: every second counts.

    Instants must be in UTC. In any other zone Python adds a duration to the local time, which is
    wrong across a change of daylight saving time.
    """

    def add(self, start: datetime, seconds: float) -> datetime:
        return start + timedelta(seconds=seconds)

    def elapsed(self, start: datetime, end: datetime) -> float:
        return max(0.0, (end - start).total_seconds())

    def next_open(self, at: datetime) -> datetime:
        return at


ALL_DAY = AllDay()


class Interval(Struct, frozen=True):
    """Opening hours within one day: minutes of local time from `start` until before `end`.

    Raises ValueError unless 0 <= start < end <= 1440. An interval cannot cross midnight. A night is
    22:00-24:00 on one day and 00:00-06:00 on the next, because each date may have special hours.
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
    """Parse an interval such as `09:00-12:00`. The end may be `24:00`.

    Raises ValueError with a message that says what is wrong.
    """
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is no interval: one is written 09:00-12:00")
    return Interval(_minutes(start), _minutes(end))


def intervals_of(texts: Iterable[str]) -> tuple[Interval, ...]:
    """Parse the intervals of one day. Adjacent ones are merged, because no second separates them.

    Raises ValueError for an invalid interval, and for two that overlap or are in the wrong order.
    These are mistakes of the author. Correcting them silently could hide what the author meant.
    """
    return _in_order([interval_of(text) for text in texts])


def _written(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _minutes(text: str) -> int:
    """Parse a time of day, `00:00` to `24:00`, to minutes since midnight."""
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
    """Check that intervals are ordered and do not overlap; merge adjacent ones."""
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
    """Business time: opening hours by weekday (Monday is 0), and by date for special days.

    `zone` is a name of the IANA database. A weekday that is not in `week` is closed. A date in
    `days` overrides its weekday: () means closed (a holiday), other intervals are the hours of that
    date (a make-up working day, a short day). Dates and times are local times of `zone`. Results
    are in UTC.

    The constructor raises ValueError for an invalid weekday and for intervals that overlap or are
    in the wrong order. All methods raise ValueError for an unknown zone, for an instant without a
    zone, and if the calendar does not open within PATIENCE_DAYS. They raise OverflowError for
    results outside the range of `date`.
    """

    zone: str
    week: Mapping[int, tuple[Interval, ...]]
    days: Mapping[date, tuple[Interval, ...]] = field(default_factory=dict)
    _known: dict[int, _OpenDay] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Cache of days, by UTC day since 1970: most questions are about the same few weeks."""

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

        If several instants qualify, it is the earliest. A target that is used up exactly at closing
        time is due at closing time, not on the next morning, although no open time lies between.
        For 0 the result is `start`, open or not. Negative seconds go back to the latest instant
        from which `-seconds` of open time pass until `start`:
        `elapsed(add(start, -s), start) == s`.
        """
        at, left = _instant(start), timedelta(seconds=seconds) // _MICROSECOND
        # Business time never passes faster than calendar time. So this raises OverflowError early
        # if the result would lie outside the range of dates.
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
            spans, length = self._day(day)
            if first <= day * _DAY and (day + 1) * _DAY <= last:
                total += length
            else:
                total += sum(
                    max(0, min(closes, last) - max(opens, first)) for opens, closes in spans
                )
        return total / _SECOND

    def next_open(self, at: datetime) -> datetime:
        """The first open instant at or after `at`, in UTC."""
        opens, _ = next(self._open(_instant(at), 1))
        return _moment(opens)

    def _open(self, at: int, step: int) -> Iterator[_Span]:
        """Yield open spans after `at` (step 1) or before it (step -1), cut at `at`, without end.

        Raises ValueError if no span follows within PATIENCE_DAYS.
        """
        day, closed = (at if step > 0 else at - 1) // _DAY, 0
        while closed <= PATIENCE_DAYS:
            spans, length = self._day(day)
            for opens, closes in spans[::step]:
                if step > 0 and at < closes:
                    yield max(opens, at), closes
                elif step < 0 and opens < at:
                    yield opens, min(closes, at)
            day, closed = day + step, 0 if length else closed + 1
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
        """Yield the open spans of a UTC day; adjacent spans are merged."""
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
    """Look up a time zone by name; raises ValueError for an unknown one."""
    # Imported late: the import takes milliseconds of a cold start, and AllDay needs no zone.
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone of the IANA database") from None


def _stretches(zone: tzinfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Cut a span where the zone changes its offset. Yields (start, end, offset) in microseconds.

    The span is at most one UTC day. If its first and last offset are equal, it contains no change:
    no zone of the IANA database ever changed its offset and changed it back within one UTC day.
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
    """Microseconds by which local time is ahead of UTC at an instant."""
    offset = _moment(at).astimezone(zone).utcoffset()
    assert offset is not None, "an aware instant has one"
    return offset // _MICROSECOND


def _instant(at: datetime) -> int:
    """An aware datetime as microseconds since 1970."""
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} names no zone: an aware instant is expected")
    return (at - _EPOCH) // _MICROSECOND


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH_DATE + day)
