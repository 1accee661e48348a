"""Shift plans: reading a table, and when an agent works by it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from redress.base.errors import InvalidInput
from redress.base.people import Member, Role
from redress.staff.rules import shifts
from redress.staff.rules.shifts import Shift

TODAY = date(2026, 11, 23)
HEAD = "agent,date,begin,end,zone,breaks,position"


def member(name: str, role: Role = Role.AGENT, team: str = "complaints") -> Member:
    return Member(f"a-{name}", name, f"{name}@example.com", role, team, ("en",), 2)


STAFF = [member("mei"), member("jun"), member("tao", team="service")]
LIN, WEI = member("lin", Role.SUPERVISOR), member("wei", Role.MANAGER)


def read(*lines: str, leader: Member = LIN) -> dict[str, dict[str, tuple[Shift, ...]]]:
    table = shifts.read("\n".join((HEAD, *lines)), STAFF, leader, TODAY)
    return {agent: dict(days) for agent, days in table.days.items()}


def faults(*lines: str, head: str = HEAD, leader: Member = LIN) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        shifts.read("\n".join((head, *lines)), STAFF, leader, TODAY)
    assert {one.pointer for one in refused.value.faults} == {"/csv"}
    return [(one.detail.partition(":")[0], one.code) for one in refused.value.faults]


def test_a_table_plans_shifts_with_breaks_and_days_without_work() -> None:
    found = read(
        "mei@example.com,2026-12-01,09:00,18:00,Asia/Shanghai,12:00-13:00 15:00-15:15,complaints",
        "A-MEI,2026-12-02,22:00,06:00,Asia/Shanghai,,",
        "a-jun,2026-12-01,,,,,",
    )
    assert found == {
        "a-mei": {
            "2026-12-01": (
                Shift(
                    "09:00",
                    "18:00",
                    "Asia/Shanghai",
                    (("12:00", "13:00"), ("15:00", "15:15")),
                    "complaints",
                ),
            ),
            "2026-12-02": (Shift("22:00", "06:00", "Asia/Shanghai"),),
        },
        "a-jun": {"2026-12-01": ()},
    }


def test_every_fault_is_named_with_its_line_and_nothing_is_planned() -> None:
    assert faults(
        "a-nobody,2026-12-01,09:00,18:00,Asia/Shanghai,,",
        "a-tao,2026-12-01,09:00,18:00,Asia/Shanghai,,",
        "a-mei,1.12.2026,9:00,18:00,Mars/Base,,boss",
        "a-mei,2029-12-01,09:00,18:00,Asia/Shanghai,,",
        "a-mei,2026-12-01,09:00,18:00,Asia/Shanghai,19:00-20:00,",
        "a-mei,2026-12-01,09:00,18:00",
        "a-mei,2026-12-03,09:00,08:00,Asia/Shanghai,,",
    ) == [
        ("line 2", "unknown_agent"),
        ("line 3", "other_team"),
        ("line 4", "date_expected"),
        ("line 4", "time_expected"),
        ("line 4", "unknown_zone"),
        ("line 4", "unknown_position"),
        ("line 5", "not_in_time"),
        ("line 6", "breaks"),
        ("line 7", "columns"),
        ("line 8", "too_long"),
    ]
    assert faults(head="agent,day,begin,end,zone") == [
        ("line 1", "missing_column"),
        ("line 1", "unknown_column"),
        ("line 1", "empty"),
    ]


def test_a_line_is_counted_as_an_editor_counts_it() -> None:
    two_lines = '"a-mei","2026-12-01",09:00,18:00,"Asia/Shanghai","12:00-13:00\n15:00-15:15",'
    wrong = "a-jun,2026-12-01,9:00,18:00,Asia/Shanghai,,"
    assert faults(two_lines, "", wrong) == [("line 5", "time_expected")]
    text = "\r\n".join((HEAD, two_lines, wrong))
    with pytest.raises(InvalidInput, match="line 4: begin"):
        shifts.read(text, STAFF, LIN, TODAY)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_with_another_separator_has_one_fault(separator: str) -> None:
    line = "a-mei,2026-12-01,09:00,18:00,Asia/Shanghai,,"
    assert faults(line.replace(",", separator), head=HEAD.replace(",", separator)) == [
        ("line 1", "separator")
    ]


def test_a_day_is_not_planned_with_and_without_work() -> None:
    work, free = "a-mei,2026-12-01,09:00,18:00,Asia/Shanghai,,", "a-mei,2026-12-01,,,,,"
    assert faults(work, free) == [("line 3", "contradiction")]
    assert faults(free, work) == [("line 3", "contradiction")]
    assert read(free, free) == {"a-mei": {"2026-12-01": ()}}


def test_breaks_and_a_position_belong_to_a_shift() -> None:
    assert faults("a-mei,2026-12-01,,,Asia/Shanghai,12:00-13:00,complaints") == [
        ("line 2", "contradiction"),
        ("line 2", "contradiction"),
    ]


def test_a_shift_that_clocks_skip_is_refused() -> None:
    """In New York clocks go from 02:00 to 03:00 on 14 March 2027."""
    line = "a-mei,2027-03-14,02:15,{},America/New_York,,"
    assert faults(line.format("03:10")) == [("line 2", "no_such_time")]
    assert read(line.format("05:10"))
    assert faults("a-mei,2027-03-14,01:00,09:00,America/New_York,02:30-03:10,") == [
        ("line 2", "breaks")
    ]


def test_a_manager_plans_every_team() -> None:
    assert read("a-tao,2026-12-01,09:00,18:00,Asia/Shanghai,,", leader=WEI).keys() == {"a-tao"}


def test_shifts_of_one_member_do_not_overlap_even_over_midnight() -> None:
    night = "a-mei,2026-12-01,22:00,06:00,Asia/Shanghai,,"
    assert faults(night, "a-mei,2026-12-02,05:00,09:00,Asia/Shanghai,,") == [("line 3", "overlap")]
    assert read(night, "a-mei,2026-12-02,06:00,09:00,Asia/Shanghai,,")


def test_more_months_than_one_transaction_takes_are_refused() -> None:
    staff = [member(f"n{number}") for number in range(101)]
    lines = [f"a-n{number},2026-12-01,09:00,18:00,Asia/Shanghai,," for number in range(101)]
    with pytest.raises(InvalidInput, match="at most 100 at once"):
        shifts.read("\n".join((HEAD, *lines)), staff, LIN, TODAY)


def spans(shift: Shift, day: str) -> list[tuple[datetime, datetime]]:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return shifts.working({day: (shift,)}, at - timedelta(days=1), at + timedelta(days=2))


def test_shifts_that_touch_are_one_interval() -> None:
    """Nobody goes between two positions, or between a night and the morning after it."""
    at = datetime(2026, 12, 1, tzinfo=UTC)
    days = {
        "2026-12-01": (
            Shift("09:00", "13:00", "UTC", (), "chat"),
            Shift("13:00", "17:00", "UTC", (("15:00", "15:30"),), "phone"),
            Shift("22:00", "06:00", "UTC"),
        ),
        "2026-12-02": (Shift("06:00", "08:00", "UTC"),),
    }
    found = shifts.working(days, at, at + timedelta(days=1))
    assert [(b.hour, b.minute, e.hour, e.minute) for b, e in found] == [
        (9, 0, 15, 0),
        (15, 30, 17, 0),
        (22, 0, 8, 0),
    ]


def test_breaks_are_cut_out() -> None:
    day = Shift("09:00", "18:00", "Asia/Shanghai", (("12:00", "13:00"),))
    assert [(b.hour, e.hour) for b, e in spans(day, "2026-12-01")] == [(1, 4), (5, 10)]
    night = Shift("22:00", "06:00", "Asia/Shanghai", (("23:30", "00:30"), ("03:00", "03:15")))
    assert [
        (b.strftime("%d %H:%M"), e.strftime("%d %H:%M")) for b, e in spans(night, "2026-12-01")
    ] == [
        ("01 14:00", "01 15:30"),
        ("01 16:30", "01 19:00"),
        ("01 19:15", "01 22:00"),
    ]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-10-24", 9), ("2026-03-28", 7), ("2026-06-01", 8)]
)
def test_a_night_in_which_clocks_change_is_as_long_as_it_is(day: str, hours: int) -> None:
    [(begin, end)] = spans(Shift("22:00", "06:00", "Europe/Berlin"), day)
    assert end - begin == timedelta(hours=hours)


NOVEMBER: shifts.Month = {"2026-11-30": (Shift("22:00", "06:00", "Asia/Shanghai"),)}
DECEMBER: shifts.Month = {"2026-12-02": (Shift("09:00", "18:00", "Asia/Shanghai"),)}
LAST_DAY = datetime(2026, 11, 30, 4, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 30, 16, tzinfo=UTC)
"""The end of November in Shanghai."""


def allowed(plans: dict[str, shifts.Month]) -> list[shifts.Interval]:
    end = LAST_DAY + timedelta(hours=36)
    found = shifts.work_of(plans, LAST_DAY - timedelta(hours=12), end, "UTC")
    assert found is not None
    return found.allowed()


def test_the_plan_of_the_next_month_says_nothing_about_this_one() -> None:
    [(begin, end)] = allowed({"2026-12": DECEMBER})
    assert begin < LAST_DAY
    assert end == MIDNIGHT, "the month ends in the zone of its neighbour's shifts"


def test_a_month_without_plan_begins_free_after_the_last_shift_of_the_month_before() -> None:
    [(begin, end)] = allowed({"2026-11": NOVEMBER})
    assert begin == MIDNIGHT - timedelta(hours=2)
    assert end == datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_days_without_a_shift_of_a_planned_month_are_free_of_work() -> None:
    assert allowed({"2026-11": {}, "2026-12": DECEMBER}) == []
    assert allowed({"2026-11": NOVEMBER, "2026-12": {}}) == [
        (MIDNIGHT - timedelta(hours=2), MIDNIGHT + timedelta(hours=6))
    ]
    assert shifts.work_of({}, LAST_DAY, LAST_DAY, "UTC") is None


def test_months_of_a_time_begin_early_enough_for_a_shift_of_the_night_before() -> None:
    first = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
    assert shifts.months_between(first, first) == ["2026-11", "2026-12"]
