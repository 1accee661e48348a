"""Shift plans: how a table of shifts is read, and when an agent works by it.

A shift has a day, a begin and an end in a time zone, and breaks. If its end is not after its begin,
it ends on the next day. The zone decides how long it is: in the night in which clocks go back,
22:00-06:00 has nine hours.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from redress.base.errors import Fault, InvalidInput
from redress.base.people import Member, Position

COLUMNS = ("agent", "date", "begin", "end", "zone", "breaks", "position")
NEEDED = COLUMNS[:5]
MOST_MONTHS = 100
"""The most months of agents that one import changes. All are written in one transaction, which has
at most 100 items (DynamoDB quotas)."""
MOST_BREAKS = 6
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""A line with its end. Only these ends count, and not the other separators of `str.splitlines`."""
LONGEST = timedelta(hours=16)
EARLIEST, LATEST = timedelta(days=31), timedelta(days=400)
"""How far from today the days of a table may lie."""
_TIME = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
_MONTH = 7
"""The characters of the month in an ISO date."""

Interval = tuple[datetime, datetime]


class Shift(Struct, frozen=True, omit_defaults=True):
    """One shift of a day. Times are local times such as `09:00`; each break is begin and end."""

    begin: str
    end: str
    zone: str
    breaks: tuple[tuple[str, str], ...] = ()
    position: str | None = None


Month = dict[str, tuple[Shift, ...]]
"""The shifts of an agent in a month by ISO date. A day that is planned without work has ()."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a table plans: for each agent, by id, the shifts of each day that it names.

    `lines` are the lines of these shifts, in their order.
    """

    days: Mapping[str, Mapping[str, tuple[Shift, ...]]]
    lines: Mapping[tuple[str, str], tuple[int, ...]]

    def months(self) -> dict[tuple[str, str], Month]:
        """The same by agent and month (`2026-12`)."""
        found: dict[tuple[str, str], Month] = {}
        for agent, days in self.days.items():
            for day, shifts in days.items():
                found.setdefault((agent, day[:_MONTH]), {})[day] = shifts
        return found

    def months_around(self) -> list[str]:
        """The months that have a shift which could overlap one of the table."""
        days = {day for of in self.days.values() for day in of}
        near = {one for day in days for one in _near(date.fromisoformat(day))}
        return sorted({one.isoformat()[:_MONTH] for one in near})

    def overlaps(self, stored: Mapping[tuple[str, str], Month]) -> list[Fault]:
        """The faults of shifts that overlap stored shifts of days that the table does not name.

        `stored` are the planned months by agent and month.
        """
        faults = []
        for agent, days in self.days.items():
            old = {
                day: shifts
                for (one, _), month in stored.items()
                if one == agent
                for day, shifts in month.items()
                if day not in days
            }
            for day, shifts in days.items():
                for shift, line in zip(shifts, self.lines.get((agent, day), ()), strict=True):
                    if found := _overlapping(shift, date.fromisoformat(day), old):
                        detail = f"it overlaps the shift of this member that begins on {found}"
                        faults.append(Fault("/csv", "overlap", f"line {line}: {detail}"))
        return faults


def read(text: str, members: Iterable[Member], leader: Member, today: date) -> Table:
    """Read a table of shifts in the form of RFC 4180. Raises InvalidInput with every fault.

    The first line names the columns. `agent` is the id or the email address of one of `members`
    whom the leader may plan: those of their team, for a manager everybody. A line without begin and
    end plans a day without work. Several lines of one day are several shifts. A line is counted as
    an editor counts it: a text in quotes may have several.
    """
    faults: list[Fault] = []

    def fault(line: int, code: str, detail: str) -> None:
        faults.append(Fault("/csv", code, f"line {line}: {detail}"))

    lines = _lines(text)
    head = [name.strip().lower() for name in lines[0][1]] if lines else []
    if len(head) == 1 and (other := next((one for one in ";\t" if one in head[0]), None)):
        fault(1, "separator", f"columns are separated by commas, not by {other!r}")
        raise InvalidInput(faults)
    for name in NEEDED:
        if name not in head:
            fault(1, "missing_column", f"the column {name} is missing")
    for name in dict.fromkeys(head):
        if name not in COLUMNS:
            columns = ", ".join(COLUMNS)
            fault(1, "unknown_column", f"{name[:40]!r} is unknown; the columns are {columns}")
        elif head.count(name) > 1:
            fault(1, "twice", f"the column {name} is there twice")
    rows = [(number, row) for number, row in lines[1:] if any(map(str.strip, row))]
    if not rows:
        fault(1, "empty", "there is no line with a shift")
    if faults:
        raise InvalidInput(faults)
    known = _known(members)
    days: dict[str, dict[str, list[Shift]]] = {}
    at: dict[tuple[str, str], list[int]] = {}
    free: set[tuple[str, str]] = set()
    for number, row in rows:
        if len(row) != len(head):
            fault(number, "columns", f"it has {len(row)} columns, the first line {len(head)}")
            continue
        cells = dict.fromkeys(COLUMNS, "") | dict(zip(head, map(str.strip, row), strict=True))
        before = len(faults)
        member = known.get(cells["agent"].lower())
        if member is None or not member.is_active:
            fault(number, "unknown_agent", f"there is no member {cells['agent'][:60]!r}")
        elif not (leader.sees_every_team or member.team == leader.team):
            fault(number, "other_team", f"{cells['agent'][:60]!r} is in another team")
        day = _day(cells["date"])
        if day is None:
            fault(number, "date_expected", "a date such as 2026-12-01 is expected")
        elif not today - EARLIEST <= day <= today + LATEST:
            fault(number, "not_in_time", f"from {today - EARLIEST} to {today + LATEST}")
        shift, wrong = _shift(cells, day)
        for code, detail in wrong:
            fault(number, code, detail)
        if len(faults) > before or member is None or day is None:
            continue
        key = (member.id, day.isoformat())
        planned = days.setdefault(member.id, {}).setdefault(day.isoformat(), [])
        if (key in free) if shift is not None else planned:
            fault(number, "contradiction", "another line says the opposite of this member's day")
        elif shift is None:
            free.add(key)
        else:
            if _overlapping(shift, day, days[member.id]):
                fault(number, "overlap", "it overlaps another shift of this member")
            planned.append(shift)
            at.setdefault(key, []).append(number)
    table = Table(
        {one: {d: tuple(s) for d, s in of.items()} for one, of in days.items()},
        {key: tuple(numbers) for key, numbers in at.items()},
    )
    if not faults and len(table.months()) > MOST_MONTHS:
        detail = f"{len(table.months())} months of members; at most {MOST_MONTHS} at once"
        fault(1, "too_many", detail)
    if faults:
        raise InvalidInput(faults)
    return table


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """The rows of a table, each with the number of the line on which it begins."""
    reader, found = csv.reader(_LINE.findall(text)), []
    begin = 1
    for row in reader:
        found.append((begin, row))
        begin = reader.line_num + 1
    return found


def _known(members: Iterable[Member]) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for member in members:
        found[member.email.lower()] = member
        found[member.id.lower()] = member
    return found


def _day(text: str) -> date | None:
    try:
        return (
            date.fromisoformat(text) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
        )
    except ValueError:
        return None


def _shift(
    cells: Mapping[str, str], day: date | None
) -> tuple[Shift | None, list[tuple[str, str]]]:
    """The shift of a line, None for a day without work, and what is wrong with it.

    `day` is its day; None if that cannot be read.
    """
    begin, end, zone = cells["begin"], cells["end"], cells["zone"]
    if not begin and not end:
        return None, [
            ("contradiction", f"{name} is given, but no begin and no end")
            for name in ("breaks", "position")
            if cells[name]
        ]
    wrong = [
        ("time_expected", f"{name} is a time such as 09:00, not {value[:20]!r}")
        for name, value in (("begin", begin), ("end", end))
        if not _TIME.fullmatch(value)
    ]
    if not _is_zone(zone):
        wrong.append(("unknown_zone", f"{zone[:40]!r} is no time zone of the IANA database"))
    position = cells["position"] or None
    if position is not None and position not in tuple(Position):
        wrong.append(("unknown_position", f"position is one of {', '.join(Position)}"))
    breaks = tuple((one, other) for one, _, other in (b.partition("-") for b in _split(cells)))
    if len(breaks) > MOST_BREAKS:
        wrong.append(("too_many", f"at most {MOST_BREAKS} breaks"))
    if any(not (_TIME.fullmatch(one) and _TIME.fullmatch(other)) for one, other in breaks):
        wrong.append(("time_expected", "breaks are written 12:00-13:00 15:00-15:15"))
    if wrong:
        return None, wrong
    shift = Shift(begin, end, zone, breaks, position)
    day = day or date(2026, 1, 15)  # any day on which no zone changes its clocks
    first, last = _bounds(shift, day)
    if first >= last:
        return None, [("no_such_time", "clocks go forward, and leave nothing of this shift")]
    if last - first > LONGEST:
        wrong.append(("too_long", f"a shift has at most {LONGEST // timedelta(hours=1)} hours"))
    pauses = _pauses(shift, day)
    inside = all(first < one < other < last for one, other in pauses)
    if not inside or any(a[1] > b[0] for a, b in pairwise(pauses)):
        wrong.append(("breaks", "breaks lie inside the shift, one after the other"))
    return shift, wrong


def _split(cells: Mapping[str, str]) -> list[str]:
    return cells["breaks"].replace(";", " ").split()


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _bounds(shift: Shift, day: date) -> Interval:
    first = _instant(day, shift.begin, shift.zone)
    over_midnight = shift.end <= shift.begin
    return first, _instant(day + timedelta(days=over_midnight), shift.end, shift.zone)


def _pauses(shift: Shift, day: date) -> list[Interval]:
    """The breaks of a shift as instants. A time before its begin is one of the next day."""
    return [
        (
            _instant(day + timedelta(days=one < shift.begin), one, shift.zone),
            _instant(day + timedelta(days=other <= shift.begin), other, shift.zone),
        )
        for one, other in shift.breaks
    ]


def _instant(day: date, local: str, zone: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(local), ZoneInfo(zone)).astimezone(UTC)


def _near(day: date) -> list[date]:
    """The days on which a shift can begin that overlaps one of this day, in any two zones."""
    return [day + timedelta(days=n) for n in range(-2, 3)]


def _overlapping(shift: Shift, day: date, days: Mapping[str, Iterable[Shift]]) -> date | None:
    """The day of a shift among `days` that this one overlaps; None if it overlaps none."""
    begin, end = _bounds(shift, day)
    for near in _near(day):
        for one in days.get(near.isoformat(), ()):
            first, last = _bounds(one, near)
            if first < end and last > begin:
                return near
    return None


def working(days: Mapping[str, Iterable[Shift]], begin: datetime, end: datetime) -> list[Interval]:
    """When an agent works between two instants, without breaks, sorted.

    An interval that reaches over one of the two is whole. Shifts that touch are one interval:
    between them nobody goes.
    """
    found: list[Interval] = []
    for day, shifts in days.items():
        for shift in shifts:
            at, last = _bounds(shift, date.fromisoformat(day))
            for pause, after in _pauses(shift, date.fromisoformat(day)):
                found.append((at, pause))
                at = after
            found.append((at, last))
    return [(one, other) for one, other in joined(found) if other > begin and one < end]


@dataclass(frozen=True, slots=True)
class Work:
    """When a member works in a time for which at least one month is planned.

    `shifts` are the intervals of their shifts without breaks. `free` are the months without a plan,
    in which they may work always. Both are sorted.
    """

    shifts: list[Interval]
    free: list[Interval]

    def allowed(self) -> list[Interval]:
        """When they may get work."""
        return joined([*self.shifts, *self.free])


def work_of(plans: Mapping[str, Month], begin: datetime, end: datetime, zone: str) -> Work | None:
    """When a member works between two instants; None if no month of that time is planned.

    `plans` are their planned months of `months_between`. A month without a plan begins and ends in
    the zone of the nearest shift, or in `zone` if there is none.
    """
    if not plans:
        return None
    days = {day: shifts for month in plans.values() for day, shifts in month.items()}
    free = []
    for month in months_between(begin, end):
        if month not in plans:
            first = date.fromisoformat(f"{month}-01")
            following = (first + timedelta(days=31)).replace(day=1)
            local = _zone_near(days, month) or zone
            span = _instant(first, "00:00", local), _instant(following, "00:00", local)
            if span[1] > begin and span[0] < end:
                free.append(span)
    return Work(working(days, begin, end), free)


def _zone_near(days: Mapping[str, Iterable[Shift]], month: str) -> str | None:
    """The zone of the last shift before a month, or of the first one after it."""
    shifts = [(day, shift.zone) for day in sorted(days) for shift in days[day]]
    before = [zone for day, zone in shifts if day < month]
    after = [zone for day, zone in shifts if day > month]
    return before[-1] if before else next(iter(after), None)


def within(spans: Iterable[Interval], begin: datetime, end: datetime) -> list[Interval]:
    """The parts of intervals that lie between two instants."""
    cut = ((max(one, begin), min(other, end)) for one, other in spans)
    return [(one, other) for one, other in cut if one < other]


def joined(spans: Iterable[Interval]) -> list[Interval]:
    """These intervals, sorted, where those that touch or overlap are one."""
    found: list[Interval] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def months_between(begin: datetime, end: datetime) -> list[str]:
    """The months in which a shift that lies between two instants can begin, in any zone."""
    first, last = (begin - timedelta(days=2)).date(), (end + timedelta(days=1)).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return list(dict.fromkeys(day.isoformat()[:_MONTH] for day in days))
