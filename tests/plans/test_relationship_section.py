"""The section `relationship_calls` of a plan: intervals, lookups, and checks when published."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.rules import relationship
from redress.plans.rules.document import parse, scaled
from redress.plans.rules.relationship import CallRule, Interval
from tests.builders import START, plan_1, plan_document

GOOD: dict[str, Any] = {
    "every": {"weeks": 2},
    "team": "accounts",
    "within": "8h",
    "ladder": "relationship",
    "again": "4h",
    "tries": 1,
}


def faults_of(section: Any) -> dict[str, str]:
    document = plan_document() | {"version": 2, "relationship_calls": section}
    try:
        parse(document, publishing_at=START)
    except InvalidInput as invalid:
        return {fault.pointer: fault.code for fault in invalid.faults}
    return {}


def test_plan_1_calls_vip_customers_every_three_months() -> None:
    found = relationship.rule(plan_1(), "vip")
    assert found is not None
    assert (found.every, found.team, found.again_s, found.tries) == (
        Interval(months=3),
        "service",
        8 * 3600,
        3,
    )
    assert (found.promise.target_s, found.promise.calendar) == (16 * 3600, "office")
    assert relationship.rule(plan_1(), "standard") is None
    assert relationship.types(plan_1()) == ("vip",)


def test_plan_of_the_version_before_plans_no_calls() -> None:
    document = {name: one for name, one in plan_document().items() if name != "relationship_calls"}
    assert relationship.types(parse(document)) == ()
    assert relationship.rule(parse(document), "vip") is None


def test_calendar_is_always_open_unless_the_plan_names_one() -> None:
    document = plan_document() | {"version": 2, "relationship_calls": {"vip": GOOD}}
    found = relationship.rule(parse(document, publishing_at=START), "vip")
    assert isinstance(found, CallRule)
    assert (found.every, found.promise.calendar) == (Interval(days=14), "always")


@pytest.mark.parametrize(
    ("every", "day", "after"),
    [
        (Interval(months=1), date(2027, 1, 31), date(2027, 2, 28)),
        (Interval(months=1), date(2028, 1, 31), date(2028, 2, 29)),
        (Interval(months=1), date(2028, 2, 29), date(2028, 3, 29)),
        (Interval(months=3), date(2026, 11, 30), date(2027, 2, 28)),
        (Interval(months=12), date(2028, 2, 29), date(2029, 2, 28)),
        (Interval(months=24), date(2026, 12, 31), date(2028, 12, 31)),
        (Interval(months=1), date(2026, 12, 31), date(2027, 1, 31)),
        (Interval(days=30), date(2028, 2, 10), date(2028, 3, 11)),
    ],
)
def test_interval_ends_a_month_that_is_too_short(every: Interval, day: date, after: date) -> None:
    assert every.after(day) == after


@pytest.mark.parametrize(
    ("section", "faults"),
    [
        ({}, {}),
        ({"vip": GOOD}, {}),
        ({"vip": GOOD | {"every": {"days": 731}, "calendar": "office"}}, {}),
        ([], {"/relationship_calls": "object_expected"}),
        ({"gold": GOOD}, {"/relationship_calls/gold": "unknown_customer_type"}),
        (
            {"vip": {}},
            {
                "/relationship_calls/vip/every": "object_expected",
                "/relationship_calls/vip/team": "team_expected",
                "/relationship_calls/vip/within": "duration_expected",
                "/relationship_calls/vip/ladder": "unknown",
                "/relationship_calls/vip/again": "duration_expected",
                "/relationship_calls/vip/tries": "whole_number_expected",
            },
        ),
        (
            {"vip": GOOD | {"every": {"months": 1, "days": 0}, "team": "A Team", "why": "x"}},
            {
                "/relationship_calls/vip/every": "one_of",
                "/relationship_calls/vip/every/days": "out_of_range",
                "/relationship_calls/vip/team": "team_expected",
                "/relationship_calls/vip/why": "unknown",
            },
        ),
        (
            {"vip": GOOD | {"every": {"months": 25, "years": 1}, "ladder": "promise", "tries": 21}},
            {
                "/relationship_calls/vip/every/months": "out_of_range",
                "/relationship_calls/vip/every/years": "unknown",
                "/relationship_calls/vip/ladder": "not_of_tasks",
                "/relationship_calls/vip/tries": "whole_number_expected",
            },
        ),
    ],
)
def test_every_fault_of_the_section_is_named(section: Any, faults: dict[str, str]) -> None:
    assert faults_of(section) == faults


def test_paced_plan_keeps_the_interval_and_shortens_the_times() -> None:
    entry = scaled(plan_document(), 3600, 2)["relationship_calls"]["vip"]
    assert (entry["every"], entry["within"], entry["again"]) == ({"months": 3}, "16s", "8s")
