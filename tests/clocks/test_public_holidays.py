"""Tests of public holidays from the library, and of a calendar made from them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from redress.clocks.public_holidays import days_of, known_until
from redress.clocks.rules.calendars import WeeklyCalendar, intervals_of
from tests.builders import run_alone

HOUR = 3600


def days(special: dict[date, bool], *, worked: bool) -> list[str]:
    return [day.isoformat()[5:] for day, work in special.items() if work is worked]


def test_special_days_in_china_follow_the_notice_of_the_state_council() -> None:
    special = days_of("CN", None, [2026])
    assert days(special, worked=True) == ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"]
    closed = set(days(special, worked=False))
    assert {"01-01", "01-02", "02-16", "02-17", "02-20", "02-23", "04-06", "05-05"} < closed
    assert {f"10-0{day}" for day in (1, 2, 5, 6, 7)} < closed


def test_make_up_days_are_weekend_days() -> None:
    for day, worked in days_of("CN", None, range(2020, 2027)).items():
        assert not worked or day.weekday() >= 5


def test_a_make_up_day_for_the_next_year_is_listed_in_its_own_year() -> None:
    assert days_of("CN", None, [2005])[date(2005, 12, 31)] is True
    assert {day.year for day in days_of("CN", None, [2005])} == {2005}


def test_a_subdivision_adds_its_holidays_to_those_of_the_country() -> None:
    germany, bavaria = days_of("DE", None, [2026]), days_of("DE", "BY", [2026])
    assert set(germany) < set(bavaria)
    epiphany = date(2026, 1, 6)
    assert epiphany in bavaria
    assert epiphany not in germany
    assert not any(bavaria.values()), "nobody there works a Saturday for it"


def test_a_substitute_day_off_for_a_holiday_on_a_weekend_is_listed() -> None:
    special = days_of("US", None, [2026])
    assert special[date(2026, 7, 3)] is False, "the Fourth of July is a Saturday"


def test_only_public_holidays_are_listed() -> None:
    assert date(2026, 12, 24) not in days_of("DE", None, [2026])
    assert date(2026, 3, 8) not in days_of("CN", None, [2026]), "half a day off, for half of them"


def test_special_days_are_in_order_and_listed_once() -> None:
    both = days_of("CN", None, iter([2026, 2025, 2026]))
    assert list(both) == sorted(both)
    assert both == days_of("CN", None, [2025]) | days_of("CN", None, [2026])
    assert days_of("CN", None, []) == {}


@pytest.mark.parametrize("language", ["de_DE", "zh_CN", "C", None])
def test_the_locale_does_not_affect_the_special_days(
    language: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    expected = days_of("TW", None, [2025])
    if language:
        monkeypatch.setenv("LANGUAGE", language)
    assert days_of("TW", None, [2025]) == expected


@pytest.mark.parametrize("country", ["XX", "", "cn", "CHN", "China", "PUBLIC", "date"])
def test_an_unknown_country_is_refused(country: str) -> None:
    with pytest.raises(ValueError, match="two capital letters of ISO 3166-1"):
        days_of(country, None, [2026])
    with pytest.raises(ValueError, match="two capital letters of ISO 3166-1"):
        known_until(country)


def test_an_unknown_subdivision_is_refused_with_a_list_of_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"there are: ENG, NIR, SCT, WLS$"):
        days_of("GB", "XX", [2026])
    with pytest.raises(ValueError, match="'BJ' is no subdivision of CN; there are: none"):
        days_of("CN", "BJ", [2026])
    with pytest.raises(ValueError, match="no subdivision"):
        days_of("DE", "", [2026])


@pytest.mark.parametrize("year", [0, 1900, 2200, 10_000])
def test_an_unknown_year_is_refused(year: int) -> None:
    with pytest.raises(ValueError, match=f"{year} is not known: the holidays of CN are from 1950"):
        days_of("CN", None, [2026, year])


def test_known_until_is_the_last_year_with_a_notice_in_china() -> None:
    until = known_until("CN")
    assert until is not None
    assert until >= 2026
    assert any(days_of("CN", None, [until]).values())
    assert not any(days_of("CN", None, [until + 1]).values()), "statutory holidays only"


def test_known_until_is_none_for_a_country_without_notices() -> None:
    assert known_until("DE") is None


def test_a_calendar_with_the_holidays_of_china_counts_the_right_hours() -> None:
    office = intervals_of(["09:00-12:00", "13:00-18:00"])
    special = days_of("CN", None, [2026])
    calendar = WeeklyCalendar(
        "Asia/Shanghai",
        dict.fromkeys(range(5), office),
        {day: office if worked else () for day, worked in special.items()},
    )
    zone = ZoneInfo("Asia/Shanghai")
    eve = datetime(2026, 9, 30, 17, tzinfo=zone)
    assert calendar.add(eve, 8 * HOUR) == datetime(2026, 10, 8, 17, tzinfo=zone)
    assert calendar.next_open(datetime(2026, 9, 19, tzinfo=zone)) == datetime(
        2026, 9, 20, 9, tzinfo=zone
    )
    spring = calendar.elapsed(
        datetime(2026, 2, 13, 18, tzinfo=zone), datetime(2026, 2, 24, 9, tzinfo=zone)
    )
    assert spring == 8 * HOUR, "Saturday the 14th was worked, then came nine days"
    year = calendar.elapsed(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert year == 248 * 8 * HOUR


def test_the_library_is_imported_only_when_it_is_used() -> None:
    program = (
        "import sys; from redress.clocks import public_holidays\n"
        "assert 'holidays' not in sys.modules\n"
        "public_holidays.days_of('CN', None, [2026])\n"
        "assert 'holidays' in sys.modules"
    )
    run_alone(program)
