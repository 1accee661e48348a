"""Relationship calls in a plan: which customers are called regularly though no ticket asks for it.

A plan without the section plans no such calls. Neither does one that does not name the type of a
customer.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

from redress.base.numbers import whole
from redress.base.people import is_team
from redress.plans.rules import tasks
from redress.plans.rules.plan import ALWAYS, Plan, Promise, seconds_of
from redress.plans.rules.reader import DocumentReader

SECTION = "relationship_calls"
_OF_TYPE = ("every", "team", "within", "calendar", "ladder", "again", "tries")
LONGEST = {"months": 24, "weeks": 104, "days": 731}
"""The units of an interval, and the most of each: two years."""
MOST_TRIES = 20


class Interval(Struct, frozen=True):
    """How long after one call the next one is planned: so many months, or so many days."""

    months: int = 0
    days: int = 0

    def after(self, day: date) -> date:
        """The day that is one interval later.

        A month that is too short for the day ends it: a month after 31 January is the last day of
        February.
        """
        years, month = divmod(day.month - 1 + self.months, 12)
        year, month = day.year + years, month + 1
        last = calendar.monthrange(year, month)[1]
        return date(year, month, min(day.day, last)) + timedelta(days=self.days)


class CallRule(Struct, frozen=True):
    """What the plan says about calls to customers of one type.

    The people of `team` call a customer who has no owner. `promise` says how long after the planned
    time a call is overdue, and which ladder is climbed until it is made. After a call that reached
    nobody, the next try is `again_s` seconds of the promise's calendar later. When `tries` calls
    have reached nobody, the next call is an interval later.
    """

    every: Interval
    team: str
    promise: Promise
    again_s: int
    tries: int


def rule(plan: Plan, customer_type: str) -> CallRule | None:
    """What the plan says about calls to customers of a type; None if it plans none."""
    entry = plan.relationship_calls.get(customer_type)
    if entry is None:
        return None
    every = entry["every"]
    interval = Interval(every.get("months", 0), every.get("days", 0) + 7 * every.get("weeks", 0))
    promise = Promise(
        target_s=seconds_of(entry["within"]),
        calendar=entry.get("calendar", ALWAYS),
        ladder=entry["ladder"],
        pauses=(),
    )
    return CallRule(
        interval, entry["team"], promise, seconds_of(entry["again"]), int(entry["tries"])
    )


def types(plan: Plan) -> tuple[str, ...]:
    """The types of customers to whom the plan plans calls."""
    return tuple(plan.relationship_calls)


def check(read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
    """Record every fault of the section in a document that is being published."""
    if SECTION not in document:
        return
    section = read.section(document, SECTION, "")
    for name in section:
        at = f"/{SECTION}/{name}"
        if name not in plan.customer_types:
            known = ", ".join(plan.customer_types)
            read.fault(at, "unknown_customer_type", f"one of {known}")
        entry = read.section(section, name, f"/{SECTION}")
        read.known(entry, _OF_TYPE, at)
        _check_interval(read, entry, at)
        team = entry.get("team")
        if not isinstance(team, str) or not is_team(team):
            read.fault(f"{at}/team", "team_expected", "the id of a team")
        tasks.check_entry(read, document, entry, plan, at, need=("within", "ladder"))
        read.duration(entry, "again", at)
        read.whole_number(entry, "tries", at, most=MOST_TRIES)


def _check_interval(read: DocumentReader, entry: Mapping[str, Any], at: str) -> None:
    here = f"{at}/every"
    every = read.section(entry, "every", at)
    read.known(every, LONGEST, here)
    given = [unit for unit in LONGEST if unit in every]
    if isinstance(entry.get("every"), dict) and len(given) != 1:
        read.fault(here, "one_of", f"exactly one of {', '.join(LONGEST)}")
    for unit in given:
        number = whole(every[unit])
        if number is None or not 1 <= number <= LONGEST[unit]:
            detail = f"a whole number from 1 to {LONGEST[unit]}"
            read.fault(f"{here}/{unit}", "out_of_range", detail)
