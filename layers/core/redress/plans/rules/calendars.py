"""Reads the calendars and quiet hours of a plan document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from redress.base.errors import pointer
from redress.clocks.rules.calendars import ALL_DAY, Calendar, Interval, WeeklyCalendar, intervals_of
from redress.plans.rules.plan import ALWAYS, DAYS
from redress.plans.rules.reader import NAME, DocumentReader


def read_calendars(
    read: DocumentReader, document: Mapping[str, Any], zone: str, *, publishing: bool
) -> dict[str, Calendar]:
    """The calendars of a document by name, with the built-in `always`.

    `zone` is the plan's time zone. A calendar that names no time zone uses it. Names of time zones
    are checked only when a plan is published.
    """
    section = read.section(document, "calendars", "", need=False)
    found: dict[str, Calendar] = {ALWAYS: ALL_DAY}
    for name in section:
        at = "/calendars" + pointer(str(name))
        if name == ALWAYS:
            read.fault(at, "taken", "this calendar is built in: all day, every day")
            continue
        if not NAME.fullmatch(str(name)):
            read.fault(at, "name_expected", "a name of small letters, digits and underscores")
            continue
        before = len(read.faults)
        entry = read.section(section, name, "/calendars")
        allowed = ("time_zone", "week", "holidays", "make_up", "exceptions", "days")
        read.known(entry, allowed, at)
        own_zone = zone
        if "time_zone" in entry:
            own_zone = (read.zone if publishing else read.text)(entry, "time_zone", at)
        week = _week(read, entry, at)
        days = _days(read, entry, at, _hours(read, entry, "make_up", at))
        if "holidays" in entry:
            _holidays(read, entry, at)
        if not any(week.values()):
            read.fault(f"{at}/week", "never_open", "a calendar is open at some time of the week")
            continue
        if len(read.faults) == before:
            found[name] = WeeklyCalendar(own_zone, week, days)
        else:
            found[name] = ALL_DAY  # a placeholder: the document will be refused
    return found


def _week(
    read: DocumentReader, entry: Mapping[str, Any], at: str
) -> dict[int, tuple[Interval, ...]]:
    section = read.section(entry, "week", at)
    read.known(section, DAYS, f"{at}/week")
    return {
        number: _hours(read, section, day, f"{at}/week")
        for number, day in enumerate(DAYS)
        if day in section
    }


def _hours(
    read: DocumentReader, parent: Mapping[str, Any], key: str, at: str
) -> tuple[Interval, ...]:
    value = parent.get(key, [])
    here = at + pointer(key)
    if not isinstance(value, list) or any(not isinstance(one, str) for one in value):
        read.fault(here, "intervals_expected", 'a list such as ["09:00-12:00", "13:00-18:00"]')
        return ()
    try:
        return intervals_of(value)
    except ValueError as error:
        read.fault(here, "wrong_intervals", str(error))
        return ()


def _days(
    read: DocumentReader, entry: Mapping[str, Any], at: str, make_up: tuple[Interval, ...]
) -> dict[date, tuple[Interval, ...]]:
    """The hours of the calendar's special days; () for a day on which it is closed.

    Special days are the holidays and make-up days that publishing wrote into `days`, and the days
    in `exceptions`. An exception replaces the hours of a holiday or make-up day.
    """
    found: dict[date, tuple[Interval, ...]] = {}
    section = read.section(entry, "days", at, need=False)
    for text, worked in section.items():
        here = f"{at}/days" + pointer(str(text))
        day = read.day(text, here)
        if not isinstance(worked, bool):
            read.fault(here, "yes_or_no_expected", "true: a make-up working day; false: a holiday")
        elif day is not None:
            found[day] = make_up if worked else ()
    if not make_up and any(worked is True for worked in section.values()):
        read.fault(f"{at}/make_up", "missing", "the hours of a make-up working day")
    exceptions = read.section(entry, "exceptions", at, need=False)
    for text in exceptions:
        day = read.day(text, f"{at}/exceptions" + pointer(str(text)))
        hours = _hours(read, exceptions, text, f"{at}/exceptions")
        if day is not None:
            found[day] = hours
    return found


def _holidays(read: DocumentReader, entry: Mapping[str, Any], at: str) -> None:
    """Check the form of the section `holidays`, which asks for the public holidays of some years.

    Publishing finds their dates and writes them into `days`.
    """
    section = read.section(entry, "holidays", at)
    here = f"{at}/holidays"
    read.known(section, ("country", "subdivision", "years"), here)
    read.text(section, "country", here, 2)
    if section.get("subdivision") is not None:
        read.text(section, "subdivision", here, 10)
    years = section.get("years")
    if (
        not isinstance(years, list)
        or not 1 <= len(years) <= 20
        or any(
            not isinstance(y, int) or isinstance(y, bool) or not 1970 <= y <= 2100 for y in years
        )
    ):
        read.fault(f"{here}/years", "years_expected", "a list of 1 to 20 years, 1970 to 2100")


def read_notice_hours(
    read: DocumentReader, document: Mapping[str, Any], calendars: Mapping[str, Calendar]
) -> Calendar | None:
    """The calendar of the notice hours. None if the plan has no quiet hours."""
    if "quiet_hours" not in document:
        return None
    section = read.section(document, "quiet_hours", "")
    read.known(section, ("outside",), "/quiet_hours")
    name = read.one_of(section.get("outside"), tuple(calendars), "/quiet_hours/outside")
    return calendars.get(name)
