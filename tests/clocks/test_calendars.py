"""Business time: properties for all weeks and zones, and cases that other products got wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from redress.clocks.rules import calendars
from redress.clocks.rules.calendars import (
    ALL_DAY,
    WHOLE_DAY,
    AllDay,
    Calendar,
    Interval,
    WeeklyCalendar,
    interval_of,
    intervals_of,
)
from tests.builders import run_alone

HOUR = 3600
MICROSECOND = timedelta(microseconds=1)

# -------------------------------------------------------------------------------- intervals


def test_an_interval_is_parsed_to_minutes_of_the_day_and_printed_as_written() -> None:
    assert interval_of("09:00-12:30") == Interval(540, 750)
    assert interval_of("00:00-24:00") == Interval(0, 1440)
    assert str(interval_of("07:05-24:00")) == "07:05-24:00"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no interval"),
        ("09:00", "no interval"),
        ("9:00-12:00", "no time of day"),
        ("09:00 - 12:00", "no time of day"),
        ("09.00-12.00", "no time of day"),
        ("０９:00-12:00", "no time of day"),
        ("+9:00-12:00", "no time of day"),
        ("09:60-12:00", "from 00:00 to 24:00"),
        ("09:00-24:01", "from 00:00 to 24:00"),
        ("12:00-12:00", "ends before it has begun"),
        ("24:00-24:00", "ends before it has begun"),
        ("22:00-06:00", "written as two intervals"),
    ],
)
def test_an_invalid_interval_is_refused_with_the_reason(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        interval_of(text)


@pytest.mark.parametrize(("start", "end"), [(-1, 60), (0, 1441), (60, 60), (61, 60)])
def test_an_interval_outside_its_day_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="outside of its day"):
        Interval(start, end)


def test_adjacent_intervals_are_merged() -> None:
    assert intervals_of(["09:00-12:00", "12:00-13:00", "14:00-18:00"]) == (
        Interval(540, 780),
        Interval(840, 1080),
    )
    assert intervals_of([]) == ()


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [
        (["09:00-12:00", "11:59-18:00"], "09:00-12:00 and 11:59-18:00 overlap"),
        (["09:00-12:00", "09:00-12:00"], "overlap"),
        (["13:00-18:00", "09:00-12:00"], "wrong order"),
        (["13:00-18:00", "09:00-13:00"], "wrong order"),
    ],
)
def test_intervals_that_overlap_or_are_out_of_order_are_refused(
    texts: list[str], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong):
        intervals_of(texts)


# -------------------------------------------------------------------------------- properties

ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Asia/Kolkata",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # was set back at 00:01, after one minute of the next date
    "America/Havana",  # is set back to midnight
    "America/Asuncion",  # was set back from midnight into the day before
    "Australia/Lord_Howe",  # changes by half an hour
    "Pacific/Apia",  # skipped a date
)
CHANGES = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 3, 14, 3, 31, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 11, 7, 2, 31, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ("America/Asuncion", datetime(2024, 3, 24, 3, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
)
"""Zones and instants at which their offset changes."""


def day_of(cuts: list[int]) -> tuple[Interval, ...]:
    """Intervals from the first cut to the second, from the third to the fourth, and so on."""
    return tuple(Interval(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False))


INTERVALS = st.lists(st.integers(0, 1440), max_size=6, unique=True).map(sorted).map(day_of)
OPEN_INTERVALS = INTERVALS.filter(bool)
INSTANTS = st.datetimes(
    datetime(2009, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC)
) | st.builds(
    lambda change, minutes: change[1] + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-1500, 1500),
)
SECONDS = st.integers(0, 100 * HOUR * 1000).map(lambda milliseconds: milliseconds / 1000)
DAYS = st.integers(0, 40 * 86_400 * 1000).map(lambda milliseconds: timedelta(milliseconds / 864e5))


@st.composite
def some_calendars(draw: st.DrawFn) -> WeeklyCalendar:
    """A calendar that opens on at least one weekday and has special days around some changes."""
    week = draw(st.dictionaries(st.integers(0, 6), INTERVALS))
    week[draw(st.integers(0, 6))] = draw(OPEN_INTERVALS)
    around = [change.date() + timedelta(by) for _, change in CHANGES for by in (-1, 0, 1)]
    days = draw(st.dictionaries(st.sampled_from(around), INTERVALS, max_size=5))
    return WeeklyCalendar(draw(st.sampled_from(ZONES)), week, days)


CALENDARS: st.SearchStrategy[Calendar] = some_calendars()


def open_minutes(
    zone: str,
    week: Mapping[int, tuple[Interval, ...]],
    days: Mapping[date, tuple[Interval, ...]],
    start: datetime,
    minutes: int,
) -> int:
    """Count open minutes by the definition: is local time within the hours of its date?

    It checks one minute at a time, so offsets must be whole minutes, as all modern ones are.
    """
    total = 0
    for minute in range(minutes):
        local = (start + timedelta(minutes=minute)).astimezone(ZoneInfo(zone))
        time = local.hour * 60 + local.minute
        intervals = days.get(local.date(), week.get(local.weekday(), ()))
        total += any(interval.start <= time < interval.end for interval in intervals)
    return total


@given(
    st.sampled_from(CHANGES),
    st.dictionaries(st.integers(0, 6), INTERVALS, min_size=3),
    st.lists(INTERVALS, max_size=3),
    st.integers(-1000, 200),
    st.integers(1, 1500),
)
def test_an_instant_is_open_when_local_time_is_within_the_hours_of_its_date(
    change: tuple[str, datetime],
    week: dict[int, tuple[Interval, ...]],
    special: list[tuple[Interval, ...]],
    offset: int,
    minutes: int,
) -> None:
    zone, instant = change
    days = {instant.date() + timedelta(by - 1): day for by, day in enumerate(special)}
    start = instant + timedelta(minutes=offset)
    found = WeeklyCalendar(zone, week, days).elapsed(start, start + timedelta(minutes=minutes))
    assert found == 60 * open_minutes(zone, week, days, start, minutes)


@given(st.sampled_from(ZONES), INSTANTS, INSTANTS, SECONDS)
def test_a_calendar_that_never_closes_equals_calendar_time(
    zone: str, start: datetime, end: datetime, seconds: float
) -> None:
    never_closed = WeeklyCalendar(zone, dict.fromkeys(range(7), WHOLE_DAY))
    assert never_closed.elapsed(start, end) == ALL_DAY.elapsed(start, end)
    assert never_closed.add(start, seconds) == ALL_DAY.add(start, seconds)
    assert never_closed.add(start, -seconds) == ALL_DAY.add(start, -seconds)
    assert never_closed.next_open(start) == ALL_DAY.next_open(start)


@given(CALENDARS | st.just(AllDay()), INSTANTS, SECONDS)
def test_elapsed_time_equals_the_added_time(
    calendar: Calendar, start: datetime, seconds: float
) -> None:
    end = calendar.add(start, seconds)
    assert end >= start
    assert calendar.elapsed(start, end) == seconds


@given(CALENDARS, INSTANTS, SECONDS)
def test_add_returns_the_earliest_possible_instant(
    calendar: Calendar, start: datetime, seconds: float
) -> None:
    assume(seconds)
    end = calendar.add(start, seconds)
    assert calendar.elapsed(end - MICROSECOND, end) == 1e-6, "the last microsecond was open"


@given(CALENDARS | st.just(AllDay()), INSTANTS, SECONDS)
def test_adding_negative_time_returns_the_latest_instant_and_is_undone_by_adding(
    calendar: Calendar, start: datetime, seconds: float
) -> None:
    before = calendar.add(start, -seconds)
    assert before <= start
    assert calendar.elapsed(before, start) == seconds
    assume(seconds)
    assert calendar.elapsed(before, before + MICROSECOND) == 1e-6, "the latest possible instant"
    assert calendar.elapsed(before, calendar.add(before, seconds)) == seconds


@given(CALENDARS | st.just(AllDay()), INSTANTS, SECONDS, SECONDS)
def test_adding_twice_equals_adding_the_sum(
    calendar: Calendar, start: datetime, first: float, second: float
) -> None:
    both = (round(first * 1000) + round(second * 1000)) / 1000
    assert calendar.add(calendar.add(start, first), second) == calendar.add(start, both)


@given(CALENDARS, INSTANTS, SECONDS, SECONDS, DAYS)
def test_more_time_or_a_later_start_never_gives_an_earlier_end(
    calendar: Calendar, start: datetime, first: float, second: float, later: timedelta
) -> None:
    less, more = sorted((first, second))
    assert calendar.add(start, -more) <= calendar.add(start, -less)
    assert calendar.add(start, -less) <= calendar.add(start, less) <= calendar.add(start, more)
    assert calendar.add(start, less) <= calendar.add(start + later, less)


@given(CALENDARS | st.just(AllDay()), INSTANTS, DAYS, DAYS)
def test_the_parts_of_a_span_add_up(
    calendar: Calendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    middle, end = start + first, start + first + second
    parts = calendar.elapsed(start, middle) + calendar.elapsed(middle, end)
    assert calendar.elapsed(start, end) == pytest.approx(parts, abs=1e-6)
    assert calendar.elapsed(start, middle) <= calendar.elapsed(start, end)
    assert calendar.elapsed(start, end) <= (end - start).total_seconds()


@given(CALENDARS | st.just(AllDay()), INSTANTS, DAYS)
def test_no_time_elapses_when_the_end_is_before_the_start(
    calendar: Calendar, start: datetime, before: timedelta
) -> None:
    assert calendar.elapsed(start, start - before) == 0


@given(CALENDARS | st.just(AllDay()), INSTANTS)
def test_next_open_returns_the_first_open_instant(calendar: Calendar, at: datetime) -> None:
    opens = calendar.next_open(at)
    assert opens >= at
    assert calendar.elapsed(at, opens) == 0
    assert calendar.elapsed(opens, opens + MICROSECOND) == 1e-6
    assert calendar.next_open(opens) == opens


@given(CALENDARS, INSTANTS, SECONDS, DAYS, DAYS)
@example(
    calendar=WeeklyCalendar("UTC", dict.fromkeys(range(5), intervals_of(["09:00-17:00"]))),
    start=datetime(2026, 11, 23, 9, tzinfo=UTC),
    target=10.0 * HOUR,
    hold=timedelta(hours=8),
    held=timedelta(hours=16),
)
def test_a_hold_moves_the_due_time_by_exactly_its_open_time(
    calendar: Calendar, start: datetime, target: float, hold: timedelta, held: timedelta
) -> None:
    consumed = calendar.elapsed(start, start + hold)
    assume(consumed < target)
    paused, resumed = start + hold, start + hold + held
    due = calendar.add(resumed, target - consumed)
    moved = calendar.add(calendar.add(start, target), calendar.elapsed(paused, resumed))
    assert abs(calendar.elapsed(start, due) - calendar.elapsed(start, moved)) < 1e-5


@given(some_calendars(), INSTANTS, SECONDS)
def test_results_are_in_utc_whatever_the_zone_of_the_arguments(
    calendar: WeeklyCalendar, at: datetime, seconds: float
) -> None:
    asked = at.astimezone(ZoneInfo("Asia/Tokyo"))
    for found in (calendar.add(asked, seconds), calendar.add(asked, 0), calendar.next_open(asked)):
        assert found.tzinfo is UTC
    assert calendar.add(asked, 0) == at
    assert calendar.add(asked, seconds) == calendar.add(at, seconds)


# -------------------------------------------------------------------------------- examples

OFFICE = intervals_of(["09:00-12:00", "13:00-18:00"])
WEEKDAYS = dict.fromkeys(range(5), OFFICE)


def office(zone: str, days: Mapping[date, tuple[Interval, ...]] | None = None) -> WeeklyCalendar:
    """Monday to Friday, 9 to 12 and 13 to 18."""
    return WeeklyCalendar(zone, WEEKDAYS, days or {})


def in_zone(zone: str, *numbers: int, fold: int = 0) -> datetime:
    """An instant by its local time, in UTC: within any other zone Python adds to local times."""
    year, month, day, hour, minute, second, micro, *_ = (*numbers, 0, 0, 0, 0)
    local = datetime(year, month, day, hour, minute, second, micro, ZoneInfo(zone), fold=fold)
    return local.astimezone(UTC)


def shanghai(*numbers: int) -> datetime:
    return in_zone("Asia/Shanghai", *numbers)


def berlin(*numbers: int) -> datetime:
    return in_zone("Europe/Berlin", *numbers)


def new_york(*numbers: int, fold: int = 0) -> datetime:
    return in_zone("America/New_York", *numbers, fold=fold)


# Lunch breaks. chatwoot allows one period a day (#9798, #14009). In frappe/helpdesk promises run
# through lunch (#2212). In osTicket lunch must be a holiday, which breaks due times (#6847).


def test_a_lunch_break_does_not_count() -> None:
    calendar = office("Asia/Shanghai")
    monday = shanghai(2026, 11, 23, 9)
    assert calendar.elapsed(monday, shanghai(2026, 11, 23, 18)) == 8 * HOUR
    assert calendar.elapsed(shanghai(2026, 11, 23, 12), shanghai(2026, 11, 23, 13)) == 0
    assert calendar.add(shanghai(2026, 11, 23, 11, 30), HOUR) == shanghai(2026, 11, 23, 13, 30)


def test_a_ticket_that_arrives_during_lunch_begins_to_count_after_it() -> None:
    calendar, arrives = office("Asia/Shanghai"), shanghai(2026, 11, 23, 12, 20)
    assert calendar.next_open(arrives) == shanghai(2026, 11, 23, 13)
    assert calendar.add(arrives, 2 * HOUR) == shanghai(2026, 11, 23, 15)
    assert calendar.elapsed(arrives, shanghai(2026, 11, 23, 12, 59)) == 0


def test_a_ticket_that_arrives_at_night_begins_to_count_in_the_morning() -> None:
    calendar = office("Asia/Shanghai")
    assert calendar.add(shanghai(2026, 11, 23, 23, 59), HOUR) == shanghai(2026, 11, 24, 10)
    assert calendar.add(shanghai(2026, 11, 24, 3), HOUR) == shanghai(2026, 11, 24, 10)
    assert calendar.next_open(shanghai(2026, 11, 23, 18)) == shanghai(2026, 11, 24, 9)


def test_eight_business_hours_from_friday_half_past_five_end_on_monday() -> None:
    calendar, friday = office("Asia/Shanghai"), shanghai(2026, 11, 20, 17, 30)
    assert calendar.add(friday, 8 * HOUR) == shanghai(2026, 11, 23, 17, 30)
    assert calendar.elapsed(friday, shanghai(2026, 11, 23, 17, 30)) == 8 * HOUR
    assert ALL_DAY.elapsed(friday, shanghai(2026, 11, 23, 17, 30)) == 72 * HOUR


def test_a_weekend_does_not_count() -> None:
    calendar = office("Asia/Shanghai")
    assert calendar.elapsed(shanghai(2026, 11, 20, 18), shanghai(2026, 11, 23, 9)) == 0
    assert calendar.next_open(shanghai(2026, 11, 21, 10)) == shanghai(2026, 11, 23, 9)


def test_a_target_used_up_at_closing_time_is_due_at_closing_time() -> None:
    calendar, monday = office("Asia/Shanghai"), shanghai(2026, 11, 23, 9)
    assert calendar.add(monday, 8 * HOUR) == shanghai(2026, 11, 23, 18)
    assert calendar.add(monday, 3 * HOUR) == shanghai(2026, 11, 23, 12), "at lunch, not after it"
    assert calendar.add(monday, 8 * HOUR + 0.000001) == shanghai(2026, 11, 24, 9) + MICROSECOND
    assert calendar.add(shanghai(2026, 11, 23, 18), 0) == shanghai(2026, 11, 23, 18)


def test_adding_negative_time_ends_at_opening_time_not_at_the_closing_time_before() -> None:
    calendar, monday = office("Asia/Shanghai"), shanghai(2026, 11, 23, 10)
    assert calendar.add(monday, -HOUR) == shanghai(2026, 11, 23, 9)
    assert calendar.add(monday, -HOUR - 0.5) == shanghai(2026, 11, 20, 17, 59, 59, 500_000)
    assert calendar.add(shanghai(2026, 11, 22, 12), -8 * HOUR) == shanghai(2026, 11, 20, 9)


def test_microseconds_are_kept_across_closed_time() -> None:
    calendar = office("Asia/Shanghai")
    late = shanghai(2026, 11, 20, 17, 59, 59, 999_999)
    assert calendar.add(late, 0.000002) == shanghai(2026, 11, 23, 9) + MICROSECOND
    assert calendar.elapsed(late, shanghai(2026, 11, 23, 9) + MICROSECOND) == 0.000002


# Holidays and weekends: osTicket counted them (#1168, #4969).


def test_a_public_holiday_is_closed_and_a_ticket_of_that_day_counts_from_the_next_open_day() -> (
    None
):
    calendar = office("Europe/Berlin", {date(2026, 5, 1): (), date(2026, 5, 14): ()})
    assert calendar.elapsed(berlin(2026, 5, 1), berlin(2026, 5, 2)) == 0
    assert calendar.add(berlin(2026, 4, 30, 17), 2 * HOUR) == berlin(2026, 5, 4, 10)
    assert calendar.add(berlin(2026, 5, 14, 10), 2 * HOUR) == berlin(2026, 5, 15, 11)
    assert calendar.next_open(berlin(2026, 5, 14, 10)) == berlin(2026, 5, 15, 9)


def test_a_holiday_is_a_date_in_the_zone_of_the_calendar_not_in_utc() -> None:
    whole = WeeklyCalendar(
        "Asia/Shanghai", dict.fromkeys(range(7), WHOLE_DAY), {date(2026, 10, 1): ()}
    )
    begins, ends = shanghai(2026, 10, 1), shanghai(2026, 10, 2)
    assert whole.elapsed(begins - timedelta(hours=1), begins) == HOUR
    assert whole.elapsed(begins, ends) == 0
    assert whole.next_open(begins) == ends


def test_a_special_day_has_the_hours_that_days_gives_it() -> None:
    christmas_eve = {date(2026, 12, 24): intervals_of(["09:00-12:00"])}
    calendar = office("Europe/Berlin", christmas_eve)
    assert calendar.elapsed(berlin(2026, 12, 24), berlin(2026, 12, 25)) == 3 * HOUR


GOLDEN_WEEK = {date(2026, 10, day): () for day in range(1, 8)}
MAKE_UP = {date(2026, 9, 20): OFFICE, date(2026, 10, 10): OFFICE}
"""China's National Day of 2026 by the notice of the State Council: 1 to 7 October are days off,
Sunday 20 September and Saturday 10 October are make-up working days."""


def test_a_make_up_sunday_in_china_counts() -> None:
    calendar = office("Asia/Shanghai", GOLDEN_WEEK | MAKE_UP)
    assert calendar.add(shanghai(2026, 9, 18, 17), 8 * HOUR) == shanghai(2026, 9, 20, 17)
    assert calendar.next_open(shanghai(2026, 9, 19, 12)) == shanghai(2026, 9, 20, 9)
    assert calendar.elapsed(shanghai(2026, 10, 5), shanghai(2026, 10, 12)) == 3 * 8 * HOUR


def test_a_golden_week_in_china_does_not_count() -> None:
    calendar = office("Asia/Shanghai", GOLDEN_WEEK | MAKE_UP)
    assert calendar.add(shanghai(2026, 9, 30, 17), 8 * HOUR) == shanghai(2026, 10, 8, 17)
    assert calendar.elapsed(shanghai(2026, 9, 30, 18), shanghai(2026, 10, 8, 9)) == 0


# Hold time. In frappe/helpdesk#2449 and erpnext#49414 the start moves by the entire hold, including
# nights and holidays. In frappe/helpdesk#3776 a hold that ends with the resolution is lost.


def test_a_hold_during_closed_hours_does_not_move_the_due_time() -> None:
    nine_to_five = intervals_of(["09:00-17:00"])
    calendar = WeeklyCalendar("UTC", dict.fromkeys(range(5), nine_to_five))
    start = datetime(2026, 11, 23, 9, tzinfo=UTC)
    held, resumed = start.replace(hour=17), start.replace(day=24)
    assert calendar.elapsed(held, resumed) == 0
    assert calendar.add(resumed, 10 * HOUR - calendar.elapsed(start, held)) == start.replace(
        day=24, hour=11
    )


def test_a_hold_over_a_weekend_moves_the_due_time_by_its_open_minutes() -> None:
    calendar = office("Asia/Shanghai")
    start, held = shanghai(2026, 11, 20, 10), shanghai(2026, 11, 20, 17, 15)
    resumed = shanghai(2026, 11, 23, 9, 40)
    consumed = calendar.elapsed(start, held)
    assert consumed == 6.25 * HOUR
    assert calendar.elapsed(held, resumed) == 45 * 60 + 40 * 60
    assert calendar.add(resumed, 8 * HOUR - consumed) == shanghai(2026, 11, 23, 11, 25)


# -------------------------------------------------------------------------------- daylight saving


def every_day(zone: str, *texts: str) -> WeeklyCalendar:
    return WeeklyCalendar(zone, dict.fromkeys(range(7), intervals_of(texts)))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 28), 6),
        ("Europe/Berlin", (2026, 3, 29), 5),
        ("Europe/Berlin", (2026, 10, 25), 7),
        ("America/New_York", (2026, 3, 8), 5),
        ("America/New_York", (2026, 11, 1), 7),
        ("Australia/Lord_Howe", (2026, 4, 5), 6.5),
        ("Australia/Lord_Howe", (2026, 10, 4), 5.5),
        ("Asia/Shanghai", (2026, 10, 25), 6),
    ],
)
def test_a_night_shift_is_as_long_as_the_night_on_the_date_of_a_change(
    zone: str, day: tuple[int, int, int], hours: float
) -> None:
    begins = in_zone(zone, *day)
    ends = in_zone(zone, *day, 6)
    calendar = every_day(zone, "00:00-06:00")
    assert calendar.elapsed(begins, ends) == hours * HOUR
    assert calendar.add(begins, hours * HOUR) == ends
    assert calendar.add(ends, -hours * HOUR) == begins


def test_business_hours_stay_in_local_time_across_a_change() -> None:
    calendar = office("America/New_York")
    spring = calendar.add(new_york(2026, 3, 6, 17, 30), 8 * HOUR)
    assert spring == datetime(2026, 3, 9, 21, 30, tzinfo=UTC), "half past five, an hour earlier"
    autumn = calendar.add(new_york(2026, 10, 30, 17, 30), 8 * HOUR)
    assert autumn == datetime(2026, 11, 2, 22, 30, tzinfo=UTC)
    assert office("Europe/Berlin").next_open(berlin(2026, 10, 24)) == datetime(
        2026, 10, 26, 8, tzinfo=UTC
    )


def test_an_interval_that_begins_in_the_skipped_hour_begins_at_the_change() -> None:
    calendar, change = every_day("America/New_York", "02:30-05:00"), new_york(2026, 3, 8, 3)
    assert calendar.next_open(new_york(2026, 3, 8)) == change
    assert calendar.elapsed(new_york(2026, 3, 8), new_york(2026, 3, 9)) == 2 * HOUR


def test_an_interval_that_ends_in_the_skipped_hour_ends_at_the_change() -> None:
    calendar, change = every_day("America/New_York", "01:00-02:30"), new_york(2026, 3, 8, 3)
    assert calendar.elapsed(new_york(2026, 3, 8), new_york(2026, 3, 9)) == HOUR
    assert calendar.add(new_york(2026, 3, 8), HOUR) == change


def test_an_interval_inside_the_skipped_hour_does_not_open_on_that_day() -> None:
    calendar = every_day("America/New_York", "02:15-02:45")
    assert calendar.elapsed(new_york(2026, 3, 8), new_york(2026, 3, 9)) == 0
    assert calendar.next_open(new_york(2026, 3, 8)) == new_york(2026, 3, 9, 2, 15)


def test_an_hour_that_occurs_twice_counts_twice() -> None:
    calendar = every_day("America/New_York", "01:00-02:00")
    assert calendar.elapsed(new_york(2026, 11, 1), new_york(2026, 11, 2)) == 2 * HOUR
    assert calendar.add(new_york(2026, 11, 1), 2 * HOUR) == new_york(2026, 11, 1, 2)


def test_bounds_in_an_hour_that_occurs_twice_apply_each_time() -> None:
    opens = every_day("America/New_York", "01:30-03:00")
    assert opens.next_open(new_york(2026, 11, 1)) == new_york(2026, 11, 1, 1, 30), "the first"
    again = new_york(2026, 11, 1, 1, fold=1)
    assert opens.next_open(again) == new_york(2026, 11, 1, 1, 30, fold=1)
    closes = every_day("America/New_York", "00:00-01:30")
    assert closes.elapsed(new_york(2026, 11, 1), new_york(2026, 11, 2)) == 2 * HOUR
    last = new_york(2026, 11, 1, 1, 30, fold=1)
    assert closes.add(new_york(2026, 11, 1), 2 * HOUR) == last, "it closes finally the second time"


def test_two_intervals_of_one_morning_do_not_overlap_when_local_time_is_set_back() -> None:
    calendar = every_day("America/New_York", "00:00-01:20", "01:40-03:00")
    begins, ends = new_york(2026, 11, 1), new_york(2026, 11, 1, 3)
    assert calendar.elapsed(begins, ends) == 4 * HOUR - 2 * 20 * 60


def test_a_date_that_a_zone_skipped_has_no_hours() -> None:
    skipped = {date(2011, 12, 30): WHOLE_DAY}
    week = dict.fromkeys(range(7), intervals_of(["09:00-17:00"]))
    calendar = WeeklyCalendar("Pacific/Apia", week, skipped)
    thursday = in_zone("Pacific/Apia", 2011, 12, 29, 17)
    saturday = in_zone("Pacific/Apia", 2011, 12, 31, 9)
    assert saturday - thursday == timedelta(hours=16), "one night, no Friday"
    assert calendar.elapsed(thursday, saturday) == 0
    assert calendar.add(thursday, HOUR) == in_zone("Pacific/Apia", 2011, 12, 31, 10)


def test_historical_offsets_are_exact_to_the_second() -> None:
    calendar = every_day("Asia/Shanghai", "09:00-17:00")
    opens = calendar.next_open(datetime(1890, 1, 6, tzinfo=UTC))
    assert opens == datetime(1890, 1, 6, 0, 54, 17, tzinfo=UTC), "local mean time, 8:05:43 ahead"
    assert calendar.add(opens, 8 * HOUR) == datetime(1890, 1, 6, 8, 54, 17, tzinfo=UTC)


# -------------------------------------------------------------------------------- errors

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize("week", [{}, {0: ()}, dict.fromkeys(range(7), ())])
def test_a_calendar_that_never_opens_raises_an_error_that_names_it(
    week: dict[int, tuple[Interval, ...]],
) -> None:
    calendar = WeeklyCalendar("Asia/Shanghai", week)
    asks: tuple[Callable[[], datetime], ...] = (
        lambda: calendar.add(MONDAY, 1),
        lambda: calendar.add(MONDAY, -1),
        lambda: calendar.next_open(MONDAY),
    )
    for ask in asks:
        with pytest.raises(ValueError, match="in Asia/Shanghai has no open time within 1098 days"):
            ask()
    assert calendar.elapsed(MONDAY, MONDAY + timedelta(days=4000)) == 0
    assert calendar.add(MONDAY, 0) == MONDAY


def test_an_error_after_the_last_open_day_says_from_which_date_it_searched() -> None:
    calendar = WeeklyCalendar("UTC", {}, {date(2026, 11, 23): OFFICE})
    assert calendar.add(MONDAY, 8 * HOUR) == MONDAY.replace(hour=18)
    with pytest.raises(ValueError, match="after 2026-11-24"):
        calendar.add(MONDAY, 8 * HOUR + 1)
    with pytest.raises(ValueError, match="before 2026-11-22"):
        calendar.add(MONDAY, -1)


def test_the_search_for_an_open_day_stops_after_three_years() -> None:
    calendar = WeeklyCalendar("UTC", {}, {date(2026, 11, 23): WHOLE_DAY})
    opens = MONDAY.replace(hour=0)
    patience = timedelta(days=calendars.PATIENCE_DAYS)
    assert calendar.next_open(opens - patience) == opens
    with pytest.raises(ValueError, match="no open time"):
        calendar.next_open(opens - patience - timedelta(days=2))


def test_results_outside_the_range_of_dates_raise_overflow_errors() -> None:
    calendar = office("Asia/Shanghai")
    last, first = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    for ask in (
        lambda: calendar.add(MONDAY, 1e12),
        lambda: calendar.add(MONDAY, -1e12),
        lambda: calendar.add(MONDAY, 1e300),
        lambda: calendar.add(last - timedelta(days=9), 8 * 86_400),
        lambda: calendar.add(first + timedelta(days=9), -8 * 86_400),
        lambda: calendar.next_open(last),
        lambda: calendar.next_open(first),
        lambda: calendar.elapsed(last - timedelta(days=9), last),
    ):
        with pytest.raises(OverflowError):
            ask()


@pytest.mark.parametrize("weekday", [-1, 7])
def test_an_invalid_weekday_is_refused(weekday: int) -> None:
    with pytest.raises(ValueError, match="no weekday"):
        WeeklyCalendar("UTC", {weekday: OFFICE})


def test_a_calendar_with_intervals_out_of_order_is_refused() -> None:
    backwards = (Interval(600, 660), Interval(540, 600))
    for given_ in ({"week": {0: backwards}}, {"week": {}, "days": {date(2026, 1, 1): backwards}}):
        with pytest.raises(ValueError, match="wrong order"):
            WeeklyCalendar("UTC", **given_)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "/etc/passwd", "../x"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone of the IANA database"):
        office(zone).next_open(MONDAY)


def test_an_instant_without_a_zone_is_refused() -> None:
    calendar, naive = office("UTC"), datetime(2026, 11, 23, 9)
    for ask in (
        lambda: calendar.add(naive, 1),
        lambda: calendar.elapsed(naive, MONDAY),
        lambda: calendar.elapsed(MONDAY, naive),
        lambda: calendar.next_open(naive),
    ):
        with pytest.raises(ValueError, match="has no time zone"):
            ask()


# -------------------------------------------------------------------------------- as a value


def test_a_calendar_does_not_change_when_its_arguments_do() -> None:
    week, days = dict(WEEKDAYS), {date(2026, 11, 24): ()}
    calendar = WeeklyCalendar("UTC", week, days)
    week.clear()
    days.clear()
    assert calendar.add(MONDAY, 9 * HOUR) == datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_the_cache_of_a_calendar_does_not_affect_equality() -> None:
    asked, fresh = office("UTC"), office("UTC")
    asked.elapsed(MONDAY, MONDAY + timedelta(days=30))
    assert asked == fresh == copy.deepcopy(asked)
    assert asked != office("Asia/Shanghai")
    assert repr(asked) == repr(fresh)


def test_the_cache_of_a_calendar_is_bounded() -> None:
    calendar, end = office("UTC"), MONDAY + timedelta(days=calendars.KEPT_DAYS * 2)
    once = calendar.elapsed(MONDAY, end)
    assert len(calendar._cache) <= calendars.KEPT_DAYS
    assert calendar.elapsed(MONDAY, end) == once


def test_calendar_time_does_not_import_zoneinfo() -> None:
    program = (
        "import sys; from datetime import UTC, datetime\n"
        "from redress.clocks.rules.calendars import ALL_DAY\n"
        "ALL_DAY.add(datetime(2026, 1, 1, tzinfo=UTC), 60)\n"
        "sys.exit('zoneinfo' in sys.modules)"
    )
    run_alone(program)
