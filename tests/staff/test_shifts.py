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


def test_months_of_a_time_begin_early_enough_for_a_shift_of_the_night_before() -> None:
    first = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
    assert shifts.months_between(first, first) == ["2026-11", "2026-12"]
