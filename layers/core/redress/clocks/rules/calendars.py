"""Calendars: which seconds count for a promise, and arithmetic with them.

Calendar time counts every second. Business time counts seconds within opening hours. Both implement
the protocol `Calendar`, so a clock need not know which one it uses.

Business time has one definition: an instant is open if local time in the calendar's zone lies
within the opening hours of the local date. All behaviour at a change to or from daylight saving
time follows from this definition, without special cases:

- An interval that begins or ends in a skipped hour begins or ends at the change.
- An hour that occurs twice counts twice.
- A date that a zone skipped has no open time.
- An interval that begins or ends in an hour that occurs twice can open twice. It is open whenever
  local time is between its start and its end. If local time is set back to before the start, the
  interval closes, and it opens again at the second occurrence of the start. (If it stayed open from
  the first start to the last end, two adjacent intervals would overlap.)

Internally, instants are integers: microseconds since 1970. Sums are therefore exact. Open time is
computed and cached per UTC day, as an ordered list of spans. A span that crosses midnight UTC is
split there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

from msgspec import Struct

MINUTES_PER_DAY = 24 * 60
"""The number of minutes in a day of local time. The end of the day is 24:00."""
PATIENCE_DAYS = 3 * 366
"""The search for open time stops with an error after this many closed days in a row."""
KEPT_DAYS = 2048
"""The most days in the cache of a calendar: more than five years, in about a megabyte."""

_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 86_400 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DATE = _EPOCH.date().toordinal()
# These limits are two days inside the range of `date`. No zone differs from UTC by more than two
# days, so the local date of an instant within the limits is always in the range.
_FIRST_DAY = date.min.toordinal() + 2 - _EPOCH_DATE
_LAST_DAY = date.max.toordinal() - 2 - _EPOCH_DATE

_Span = tuple[int, int]
"""Start and end in microseconds since 1970. The end is not part of the span."""
_DaySpans = tuple[tuple[_Span, ...], int]
"""The open spans of a UTC day in order, and the sum of their lengths in microseconds."""


class Calendar(Protocol):
    """Defines which seconds count for a promise.

    Instants are aware datetimes. `seconds` are seconds that count in this calendar.
    """

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
    """Opening hours within one day, in minutes of local time. `end` is not part of the interval.

    Raises ValueError unless 0 <= start < end <= 1440. An interval cannot cross midnight, because
    each date can have special hours. A night shift is two intervals: 22:00-24:00 on one day and
    00:00-06:00 on the next.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= MINUTES_PER_DAY:
            raise ValueError(
                f"{self} ends before it has begun or lies outside of its day; "
                "a night is written as two intervals, until 24:00 and from 00:00"
            )

    def __str__(self) -> str:
        return f"{time_text(self.start)}-{time_text(self.end)}"


WHOLE_DAY = (Interval(0, MINUTES_PER_DAY),)


def interval_of(text: str) -> Interval:
    """Parse an interval such as `09:00-12:00`. The end may be `24:00`.

    Raises ValueError with a message that says what is wrong.
    """
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is no interval: one is written 09:00-12:00")
    return Interval(minutes_of(start), minutes_of(end))


def intervals_of(texts: Iterable[str]) -> tuple[Interval, ...]:
    """Parse the intervals of one day. If one ends where the next begins, the two are merged.

    Raises ValueError for an invalid interval, and for two that overlap or are in the wrong order.
    They are not corrected silently, because only the author of the plan knows what was meant.
    """
    return _checked_and_merged([interval_of(text) for text in texts])


def time_text(minutes: int) -> str:
    """Format minutes since midnight: 1080 becomes `18:00`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def minutes_of(text: str) -> int:
    """Parse a time of day, `00:00` to `24:00`, to minutes since midnight. Raises ValueError."""
    hours, colon, minutes = text.partition(":")
    digits = hours + minutes
    if not (
        colon and len(hours) == 2 and len(minutes) == 2 and digits.isascii() and digits.isdigit()
    ):
        raise ValueError(f"{text!r} is no time of day: one is written 09:00")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > MINUTES_PER_DAY:
        raise ValueError(f"{text!r} is no time of day: they go from 00:00 to 24:00")
    return total


def _checked_and_merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Check that intervals are in order and do not overlap, and merge adjacent intervals."""
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

    `zone` is a name from the IANA time zone database. A weekday that is not in `week` is closed. A
    date in `days` overrides its weekday. () means that the date is closed (a holiday); otherwise
    the intervals are the hours of that date (a make-up working day, a short day). Dates and
    intervals are in local time of `zone`. Results are in UTC.

    The constructor raises ValueError for an invalid weekday and for intervals that overlap or are
    in the wrong order. All methods raise ValueError for an unknown zone and for an instant without
    a zone. `add` and `next_open` also raise ValueError if they find no open time within
    PATIENCE_DAYS. All methods raise OverflowError if they need a day before year 1 or after year
    9999, or one of the two days at each end of this range.
    """

    zone: str
    week: Mapping[int, tuple[Interval, ...]]
    days: Mapping[date, tuple[Interval, ...]] = field(default_factory=dict)
    _cache: dict[int, _DaySpans] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """A cache by UTC day, counted from 1970. Most calls are about the same few weeks."""

    def __post_init__(self) -> None:
        wrong = [weekday for weekday in self.week if weekday not in range(7)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no weekday: Monday is 0 and Sunday is 6")
        for name in ("week", "days"):
            given = getattr(self, name)
            own = {key: _checked_and_merged(intervals) for key, intervals in given.items()}
            object.__setattr__(self, name, own)

    def add(self, start: datetime, seconds: float) -> datetime:
        """The instant at which `seconds` of open time have passed since `start`, in UTC.

        If several instants qualify, the earliest is returned. So a promise whose time is used up
        exactly at closing time is due at closing time, not when the calendar opens again. If
        `seconds` is 0, the result is `start`, even if the calendar is closed then. If `seconds` is
        negative, the result is before `start`: the latest instant for which
        `elapsed(result, start) == -seconds`.
        """
        at, remaining = _to_microseconds(start), timedelta(seconds=seconds) // _MICROSECOND
        # Business time never passes faster than calendar time, so the result is at least this far
        # from `start`. If it is outside the range of dates, OverflowError is raised here, before
        # the search.
        nearest = _to_datetime(at + remaining)
        if not remaining:
            return nearest
        spans = self._open_spans(at, 1 if remaining > 0 else -1)
        opens, closes = next(spans)
        while abs(remaining) > closes - opens:
            remaining += opens - closes if remaining > 0 else closes - opens
            opens, closes = next(spans)
        return _to_datetime(opens + remaining if remaining > 0 else closes + remaining)

    def elapsed(self, start: datetime, end: datetime) -> float:
        """Open seconds between the two instants, to the microsecond (0 when end < start)."""
        first, last = _to_microseconds(start), _to_microseconds(end)
        if last <= first:
            return 0.0
        total = 0
        for day in range(first // _DAY, (last - 1) // _DAY + 1):
            spans, length = self._cached_day(day)
            if first <= day * _DAY and (day + 1) * _DAY <= last:
                total += length
            else:
                total += sum(
                    max(0, min(closes, last) - max(opens, first)) for opens, closes in spans
                )
        return total / _SECOND

    def next_open(self, at: datetime) -> datetime:
        """The first open instant at or after `at`, in UTC."""
        opens, _ = next(self._open_spans(_to_microseconds(at), 1))
        return _to_datetime(opens)

    def _open_spans(self, at: int, step: int) -> Iterator[_Span]:
        """Yield the open spans after `at` (step 1), or before it in reverse order (step -1).

        A span that contains `at` is cut there. The sequence does not end. Raises ValueError if
        there is no further span within PATIENCE_DAYS.
        """
        day, closed = (at if step > 0 else at - 1) // _DAY, 0
        while closed <= PATIENCE_DAYS:
            spans, length = self._cached_day(day)
            for opens, closes in spans[::step]:
                if step > 0 and at < closes:
                    yield max(opens, at), closes
                elif step < 0 and opens < at:
                    yield opens, min(closes, at)
            day, closed = day + step, 0 if length else closed + 1
        raise ValueError(
            f"the calendar in {self.zone} has no open time within {PATIENCE_DAYS} days "
            f"{'after' if step > 0 else 'before'} {_to_date(day - step * closed)}"
        )

    def _cached_day(self, day: int) -> _DaySpans:
        found = self._cache.get(day)
        if found is None:
            if not _FIRST_DAY <= day <= _LAST_DAY:
                raise OverflowError("business time is defined only from year 1 to year 9999")
            spans = tuple(self._spans_of_day(day))
            found = spans, sum(closes - opens for opens, closes in spans)
            if len(self._cache) >= KEPT_DAYS:
                self._cache.clear()
            self._cache[day] = found
        return found

    def _spans_of_day(self, day: int) -> Iterator[_Span]:
        """Compute the open spans of a UTC day. Adjacent spans are merged."""
        opens = closes = day * _DAY
        for start, end, offset in _parts_by_offset(_zone(self.zone), day * _DAY, (day + 1) * _DAY):
            for local_day in range((start + offset) // _DAY, (end + offset - 1) // _DAY + 1):
                midnight = local_day * _DAY - offset
                for interval in self._intervals(_to_date(local_day)):
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
    """Look up a time zone by name. Raises ValueError if there is no such zone."""
    # Imported late: the import takes milliseconds of a cold start, and AllDay needs no zone.
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone of the IANA database") from None


def _parts_by_offset(zone: tzinfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Divide a span at each change of the zone's UTC offset.

    Yields the parts as (start, end, offset) in microseconds. The span is at most one UTC day. If
    the offsets at its start and at its end are equal, it contains no change: no zone of the IANA
    database ever changed its offset and changed it back within one UTC day.
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
    offset = _to_datetime(at).astimezone(zone).utcoffset()
    assert offset is not None, "an aware datetime has an offset"
    return offset // _MICROSECOND


def _to_microseconds(at: datetime) -> int:
    """Convert an aware datetime to microseconds since 1970."""
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no time zone: an aware datetime is expected")
    return (at - _EPOCH) // _MICROSECOND


def _to_datetime(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _to_date(day: int) -> date:
    return date.fromordinal(_EPOCH_DATE + day)
