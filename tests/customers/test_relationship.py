"""Relationship calls: when a customer is called next, and which rung of the ladder is due when."""

from __future__ import annotations

from copy import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from redress.base.errors import CallNotPossible, InvalidInput
from redress.customers.rules import merging, relationship
from redress.customers.rules.profile import (
    MOST_CALLS,
    CallOutcome,
    CallPlan,
    Entry,
    MergedInto,
    Profile,
    revised,
)
from redress.customers.rules.relationship import CallReport, Notice
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from tests.builders import MEI, START, plan_1, plan_document
from tests.customers.builders import LI_NA, WANG_WEI, profile

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONTHLY: dict[str, Any] = {
    "every": {"months": 1},
    "team": "service",
    "within": "16h",
    "calendar": "office",
    "ladder": "relationship",
    "again": "8h",
    "tries": 3,
}


def plan(zone: str = "Asia/Shanghai", holidays: bool = True, **entry: Any) -> Plan:
    document = plan_document() | {
        "time_zone": zone,
        "relationship_calls": {"vip": MONTHLY | entry},
    }
    if not holidays:
        office = {**document["calendars"]["office"]}
        document["calendars"] = document["calendars"] | {
            "office": {name: office[name] for name in ("week",)}
        }
    return parse(document)


def vip(**fields: Any) -> Profile:
    return profile(LI_NA, type="vip", **fields)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def next_at(found: Profile) -> datetime | None:
    return found.calls.clock.started_at if found.calls and found.calls.clock else None


def report(
    found: Profile, under: Plan, when: datetime, outcome: str = "reached", **fields: Any
) -> Profile:
    given = CallReport(CallOutcome(outcome), **({"notes": ""} | fields))
    return relationship.reported(found, under, given, "a-mei", when)


def faults_of(invalid: pytest.ExceptionInfo[InvalidInput]) -> dict[str, str]:
    return {fault.pointer: fault.code for fault in invalid.value.faults}


# ------------------------------------------------------------------------------ planning


def test_a_customer_of_a_type_with_calls_has_a_next_date_on_a_working_day() -> None:
    found = relationship.aligned(vip(), plan(), START)
    # START is Monday, 23 November. 23 December is a Wednesday, on which the office opens at nine.
    assert next_at(found) == at("2026-12-23T09:00")
    assert found.calls is not None
    assert (found.calls.team, found.calls.owner, found.calls.date) == ("service", None, 1)
    assert found.calls.clock is not None
    assert found.calls.clock.due_at == at("2026-12-24T18:00"), "two working days of eight hours"
    assert relationship.aligned(found, plan(), START + timedelta(days=5)) == found


def test_a_customer_of_another_type_has_none() -> None:
    assert relationship.aligned(profile(), plan(), START).calls is None


@pytest.mark.parametrize(
    ("called", "planned"),
    [
        ("2027-01-29T10:00", "2027-03-01T09:00"),  # 28 February is a Sunday
        ("2028-01-31T10:00", "2028-02-29T09:00"),
        ("2026-09-01T10:00", "2026-10-08T09:00"),  # the holidays of October end on the 7th
        ("2026-12-31T23:59", "2027-02-01T09:00"),  # 31 January is a Sunday
        ("2027-08-31T10:00", "2027-09-30T09:00"),
    ],
)
def test_interval_counts_local_days_and_respects_month_ends_and_holidays(
    called: str, planned: str
) -> None:
    found = relationship.aligned(vip(), plan(), at("2026-08-01T09:00"))
    # The calendar of plan 1 knows the holidays of 2025 to 2027.
    assert next_at(report(found, plan(), at(called))) == at(planned)


def test_days_are_those_of_the_plans_zone() -> None:
    late = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)  # it is 1 December in Shanghai
    found = relationship.aligned(vip(), plan(calendar="always"), late)
    assert next_at(found) == at("2027-01-01T00:00")


@pytest.mark.parametrize(
    ("called", "opens", "offset"),
    [
        ("2027-02-28T12:00", "2027-03-28T00:00", 1),  # clocks go forward on this day
        ("2027-03-28T12:00", "2027-04-28T00:00", 2),
        ("2027-09-30T12:00", "2027-10-30T00:00", 2),
        ("2027-09-30T23:30", "2027-10-30T00:00", 2),
        ("2027-10-01T12:00", "2027-11-01T00:00", 1),
    ],
)
def test_a_change_of_daylight_saving_time_moves_no_day(
    called: str, opens: str, offset: int
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    under = plan("Europe/Berlin", calendar="always")
    found = relationship.aligned(vip(), under, at("2027-01-01T09:00", berlin))
    planned = next_at(report(found, under, at(called, berlin)))
    assert planned == at(opens, berlin)
    assert planned is not None
    assert planned.astimezone(berlin).utcoffset() == timedelta(hours=offset)


def test_a_year_of_calls_is_made_on_each_last_day_of_a_month() -> None:
    under = plan(calendar="always")
    found = relationship.aligned(vip(), under, at("2027-12-31T09:00"))
    days = []
    for _ in range(12):
        planned = next_at(found)
        assert planned is not None
        days.append(planned.astimezone(SHANGHAI).date())
        found = report(found, under, planned + timedelta(hours=10))
    # The interval counts from the day of the call, so a short month moves the days after it.
    assert days[:3] == [date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 29)]
    assert [day.month for day in days] == list(range(1, 13))
    assert len(found.calls_made) == MOST_CALLS


def test_first_dates_of_many_customers_are_spread_over_the_interval() -> None:
    under = plan(calendar="always", every={"days": 30})
    made = [profile(f"{number:024x}", type="vip") for number in range(300)]
    found = [next_at(relationship.aligned(one, under, START, spread=True)) for one in made]
    days = [one.astimezone(SHANGHAI).date() for one in found if one is not None]
    assert {day - START.astimezone(SHANGHAI).date() for day in days} == {
        timedelta(days=number) for number in range(1, 31)
    }
    again = [next_at(relationship.aligned(one, under, START, spread=True)) for one in made]
    assert again == found, "a repeated run plans the same days"


def test_another_type_of_the_customer_brings_its_own_date() -> None:
    document = plan_document() | {
        "customer_types": ["standard", "vip", "key"],
        "relationship_calls": {"vip": MONTHLY, "key": MONTHLY | {"every": {"weeks": 1}}},
    }
    under = parse(document)
    found = relationship.aligned(vip(), under, START)
    found = report(found, under, START)
    changed = relationship.aligned(replace(found, type="key"), under, START + timedelta(days=2))
    assert next_at(changed) == at("2026-11-30T09:00"), "a week after the last call"
    late = relationship.aligned(replace(found, type="key"), under, at("2026-12-24T08:00"))
    assert next_at(late) == at("2026-12-24T09:00"), "never in the past"
    assert late.calls is not None
    assert late.calls.date == 3
    without = relationship.aligned(replace(found, type="standard"), under, START)
    assert without.calls is None


def test_type_without_calls_keeps_the_owner_and_the_refusal() -> None:
    found = relationship.aligned(vip(), plan(), START)
    owned = relationship.owned(found, plan(), "a-mei", START)
    without = relationship.aligned(replace(owned, type="standard"), plan(), START)
    assert without.calls == CallPlan("standard", owner="a-mei", date=1)
    refused = report(found, plan(), START, "declined", notes="no calls")
    without = relationship.aligned(replace(refused, type="standard"), plan(), START)
    again = relationship.aligned(replace(without, type="vip"), plan(), START)
    assert again.calls is not None
    assert (again.calls.refused is not None, next_at(again)) == (True, None)


def test_a_planned_date_stays_under_a_new_plan_and_its_rules_count_at_once() -> None:
    found = relationship.aligned(vip(), plan(), START)
    weekly = plan(every={"weeks": 1}, team="accounts", within="8h")
    after = relationship.aligned(found, weekly, START + timedelta(days=1))
    assert next_at(after) == next_at(found)
    assert after.calls is not None
    assert after.calls.clock is not None
    assert (after.calls.team, after.calls.date) == ("accounts", 1)
    assert after.calls.clock.due_at == at("2026-12-23T18:00")
    assert next_at(report(after, weekly, START)) == at("2026-11-30T09:00")


def test_plan_that_plans_no_calls_ends_them() -> None:
    found = relationship.aligned(vip(), plan(), START)
    document = plan_document() | {"relationship_calls": {}}
    after, notices = relationship.climbed(found, parse(document), at("2027-02-01T09:00"))
    assert (after.calls, notices) == (None, [])


# ------------------------------------------------------------------------------ recording


def test_not_reached_is_tried_again_and_counted_and_ends_after_the_last_try() -> None:
    under = plan()
    found = relationship.aligned(vip(), under, START)
    found = report(found, under, at("2026-12-23T16:00"), "not_reached")
    assert next_at(found) == at("2026-12-24T16:00"), "eight business hours later"
    assert found.calls is not None
    assert (found.calls.tries, found.calls.date) == (1, 2)
    found = report(found, under, at("2026-12-25T17:30"), "not_reached")
    assert next_at(found) == at("2026-12-28T17:30"), "the weekend does not count"
    found = report(found, under, at("2026-12-28T17:40"), "not_reached")
    assert next_at(found) == at("2027-01-28T09:00"), "the third try was the last"
    assert found.calls is not None
    assert found.calls.tries == 0
    outcomes = [one.outcome for one in found.calls_made]
    assert outcomes == [CallOutcome.NOT_REACHED] * 3
    assert found.calls_made[-1].next_at == at("2027-01-28T09:00")


def test_a_customer_who_declines_is_not_called_until_the_calls_are_resumed() -> None:
    under = plan()
    found = relationship.aligned(vip(), under, START)
    found = report(found, under, START, "declined", notes="wants no calls")
    assert next_at(found) is None
    assert found.calls is not None
    assert found.calls.refused is not None
    assert found.calls.refused.by == "a-mei"
    assert found.calls_made[-1].notes == "wants no calls"
    with pytest.raises(CallNotPossible, match="resume"):
        report(found, under, START)
    later = at("2027-03-01T10:00")
    assert relationship.climbed(found, under, later)[1] == []
    assert next_at(relationship.resumed(found, under, None, later)) == at("2027-04-01T09:00")
    resumed = relationship.resumed(found, under, "2027-03-15", later)
    assert next_at(resumed) == at("2027-03-15T09:00")
    with pytest.raises(CallNotPossible, match="not stopped"):
        relationship.resumed(resumed, under, None, later)


def test_a_moved_call_has_another_working_day_within_a_year_and_a_reason() -> None:
    under = plan()
    found = relationship.aligned(vip(), under, START)
    moved = report(found, under, START, "moved", notes="travels", date="2027-02-01")
    assert next_at(moved) == at("2027-02-01T09:00")
    today = report(found, under, START, "moved", notes="wants it now", date="2026-11-23")
    assert next_at(today) == at("2026-11-23T09:00")
    for day, code in {
        "2026-11-22": "not_in_time",
        "2027-11-25": "not_in_time",
        "2026-12-26": "not_a_working_day",
        "2027-02-29": "date_expected",
        "20270201": "date_expected",
        None: "date_expected",
    }.items():
        with pytest.raises(InvalidInput) as invalid:
            report(found, under, START, "moved", date=day)
        assert faults_of(invalid) == {"/notes": "required", "/date": code}
    with pytest.raises(InvalidInput) as invalid:
        report(found, under, START, date="2027-02-01")
    assert faults_of(invalid) == {"/date": "not_used"}
    with pytest.raises(InvalidInput) as invalid:
        report(found, under, START, "declined")
    assert faults_of(invalid) == {"/notes": "required"}


def test_no_call_of_a_customer_without_calls_can_be_recorded_or_owned() -> None:
    for outcome in ("reached", "not_reached"):
        with pytest.raises(CallNotPossible, match="none is planned"):
            report(profile(), plan(), START, outcome)
    with pytest.raises(CallNotPossible):
        report(profile(), plan(), START, "moved", notes="x", date="2027-02-01")
    with pytest.raises(CallNotPossible):
        relationship.owned(profile(), plan(), "a-mei", START)
    with pytest.raises(CallNotPossible):
        relationship.resumed(profile(), plan(), None, START)


# ------------------------------------------------------------------------------ ladder


def climbed(found: Profile, under: Plan, when: datetime) -> tuple[Profile, list[tuple[str, str]]]:
    after, notices = relationship.climbed(found, under, when)
    return after, [(one.step, one.role) for one in notices]


def test_ladder_tells_the_owner_then_the_supervisor_then_the_manager_each_once() -> None:
    under = plan()
    found = relationship.aligned(vip(), under, START)
    found = relationship.owned(found, under, "a-mei", START)
    assert climbed(found, under, at("2026-12-23T08:59"))[1] == []
    found, told = climbed(found, under, at("2026-12-23T09:01"))
    assert told == [("remind.1", "agent")]
    assert climbed(found, under, at("2026-12-24T17:59")) == (found, [])
    assert found.calls is not None
    assert not relationship.is_overdue(found.calls, at("2026-12-24T18:00"))
    assert relationship.is_overdue(found.calls, at("2026-12-24T18:01"))
    found, told = climbed(found, under, at("2026-12-24T18:00"))
    assert told == [("breach.1", "agent"), ("breach.1", "supervisor")]
    found, told = climbed(found, under, at("2026-12-31T00:00"))
    assert told == [("escalate.1", "manager")]
    assert found.calls is not None
    assert found.calls.wake_at is None
    for day in range(1, 60):
        assert climbed(found, under, at("2026-12-31T00:00") + timedelta(days=day)) == (found, [])


def test_a_sweep_that_comes_late_acts_on_all_rungs_and_none_is_lost() -> None:
    under = plan()
    found = relationship.aligned(vip(), under, START)
    after, told = climbed(found, under, at("2027-02-01T09:00"))
    # Nobody owns the calls, so the breach tells the supervisors once.
    assert told == [("remind.1", "agent"), ("breach.1", "supervisor"), ("escalate.1", "manager")]
    assert climbed(after, under, at("2027-03-01T09:00")) == (after, [])


def test_each_date_has_its_own_rungs() -> None:
    under = plan()
    found = relationship.aligned(vip(), under, START)
    found, _ = climbed(found, under, at("2026-12-23T09:01"))
    found = report(found, under, at("2026-12-23T10:00"), "not_reached")
    assert climbed(found, under, at("2026-12-23T11:00")) == (found, [])
    after, notices = relationship.climbed(found, under, at("2026-12-24T10:01"))
    planned = at("2026-12-24T10:00")
    assert notices == [Notice(LI_NA, 2, "remind.1", "agent", planned)]
    assert relationship.reason_to_skip(after, 1) == "the call was made or moved"
    assert relationship.reason_to_skip(after, 2) is None
    now = relationship.planned_seconds(planned)
    assert relationship.reason_to_skip(after, 2, now) is None
    assert relationship.reason_to_skip(after, 2, now - 1) == "the call was planned anew"


def test_a_profile_that_was_merged_has_no_calls_any_more() -> None:
    found = relationship.aligned(vip(), plan(), START)
    gone = replace(found, merged_into=MergedInto(WANG_WEI, 2, START))
    assert relationship.aligned(gone, plan(every={"days": 1}), START) == gone
    assert relationship.reason_to_skip(gone, 1) == "the profile was merged"


# ------------------------------------------------------------------------------ merging


def merged(target: Profile, other: Profile, under: Plan) -> tuple[Profile, Profile]:
    changes = merging.merged(
        target,
        other,
        MEI,
        "the same person",
        START,
        aligned=lambda one: relationship.aligned(one, under, START),
    )
    return changes[0].after, changes[1].after


def test_a_merge_keeps_the_earlier_date_and_its_undo_gives_both_back() -> None:
    under = plan()
    target = relationship.aligned(vip(), under, START)
    other = relationship.aligned(profile(WANG_WEI, type="vip"), under, START)
    other = relationship.owned(other, under, "a-jun", START)
    other = report(other, under, START, "moved", notes="travels", date="2026-12-01")
    both, gone = merged(target, other, under)
    assert next_at(both) == at("2026-12-01T09:00")
    assert both.calls is not None
    assert (both.calls.owner, both.calls.date, both.calls.team) == ("a-jun", 3, "service")
    assert both.calls.wake_at is not None
    assert [one.notes for one in both.calls_made] == ["travels"]
    earlier, _ = merged(other, target, under)
    assert next_at(earlier) == at("2026-12-01T09:00")
    written = revised(target, both, "merged", START).entry
    entry = msgspec.json.decode(msgspec.json.encode(written), type=Entry)  # as it is stored
    undone = merging.unmerged(both, gone, entry, MEI, "two people", START)
    assert [next_at(one.after) for one in undone] == [
        at("2026-12-23T09:00"),
        at("2026-12-01T09:00"),
    ]
    assert undone[0].after.calls_made == ()


def test_who_wants_no_calls_under_one_profile_wants_none_after_the_merge() -> None:
    under = plan()
    target = relationship.aligned(vip(), under, START)
    other = relationship.aligned(profile(WANG_WEI, type="vip"), under, START)
    other = report(other, under, START, "declined", notes="no calls")
    for one, two in ((target, other), (other, target), (profile(), other)):
        both, _ = merged(one, two, under)
        assert both.calls is not None
        assert (both.calls.refused is not None, next_at(both)) == (True, None)


def test_a_merge_into_a_type_without_calls_plans_none() -> None:
    other = relationship.aligned(profile(WANG_WEI, type="vip"), plan(), START)
    assert merged(profile(), other, plan())[0].calls is None


# ------------------------------------------------------------------------------ storing


def test_a_profile_of_the_version_before_is_readable_and_stays_as_short() -> None:
    stored = msgspec.json.encode(profile())
    assert b"calls" not in stored
    assert msgspec.json.decode(stored, type=Profile).calls is None


def test_a_planned_call_is_the_same_after_it_was_stored() -> None:
    found = report(relationship.aligned(vip(), plan(), START), plan(), START, "not_reached")
    again = msgspec.json.decode(msgspec.json.encode(found), type=Profile)
    assert again == found
    assert relationship.aligned(again, plan(), START) == again


def test_plan_1_plans_calls_to_vip_customers() -> None:
    assert next_at(relationship.aligned(vip(), plan_1(), START)) == at("2027-02-23T09:00")
