"""Guards what a complaint costs: billed counts of one life on the deployed stack.

Each bound is the current count, so raising one is a deliberate decision. Durations and prices are
measured by `make bench ONLY=life`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench import bill, life, parts
from local import meter, stack
from local.stack import Outputs
from redress.clocks.rules.periods import period_of
from redress.plans.rules.document import parse
from redress.plans.store.plans import shipped_document
from redress.scores.rules.facts import SAME_MATTER

MOST = {
    "transitions": 5,
    "api_requests": 16,
    "invocations": 37,
    "write_units": 116,
    "read_units": 57.5,
    "queue_requests": 18,
    "mails": 3,
    "traces": 24,
    "log_bytes": 4_000,
    "out_bytes": 54_000,
    "stored_bytes": 10_500,
}
"""Byte counts have some room, because names and times vary in length. The life includes a new
profile of the customer. The feed of changes and the search are off by default and not included."""

COUNTED_CENTS = 25.4
"""The most that 1,000 lives cost without mail and without the functions' time, which depends on the
load of the machine. `bench life` measures the time, about 0.85 cents on a machine without load."""

PARTS = {parts.PROFILE: 0.66, parts.FEED: 2.0}
"""The most cents for a part of 1,000 lives, without the functions' time."""


@pytest.fixture(scope="module")
def happy_path(deployed: Outputs) -> life.Life:
    """The second happy path, because in the first one functions still read their settings.

    It needs the shipped plan, so these tests run before all others (`conftest`).
    """
    manager = next(email for email, who in deployed.staff.items() if "manager" in who["groups"])
    token = stack.sign_in(deployed, manager)
    assert stack.call_api(deployed, "GET", "/staff/plan", None, token)["version"] == 1
    life.happy_path(deployed)
    return life.happy_path(deployed)


def of_the_last_days(name: str) -> int:
    """Additional units near the end of a month, when facts of one life count in two months.

    A resolution counts in the month in which it was given, its promise in the month of its due
    time. On the last day, the first response is due in the next month, too.
    """
    zone, now = parse(shipped_document()).time_zone, datetime.now(UTC)
    ahead = (SAME_MATTER, timedelta(days=1))
    crossing = sum(period_of(now, zone) != period_of(now + time, zone) for time in ahead)
    return 2 * crossing if name == "write_units" else 0


@pytest.mark.parametrize("name", MOST)
def test_happy_path_stays_within_its_billing_bounds(happy_path: life.Life, name: str) -> None:
    assert 0 < getattr(happy_path.bill, name) <= MOST[name] + of_the_last_days(name)


def test_happy_path_costs_no_more_than_its_counts(happy_path: life.Life) -> None:
    price = life.cents(bill.cost(bill.used(happy_path.bill, 0), bill.prices()))
    units = of_the_last_days("write_units") * bill.prices().prices["write_unit"].price
    assert price <= COUNTED_CENTS + 100_000 * units


@pytest.mark.parametrize("part", PARTS)
def test_part_costs_no_more_than_its_counts(happy_path: life.Life, part: str) -> None:
    counted = bill.used(happy_path.parts[part], 0)
    assert 0 < life.cents(bill.cost(counted, bill.prices())) <= PARTS[part]


def test_happy_path_writes_no_custom_metric_and_reads_no_key(happy_path: life.Life) -> None:
    assert (happy_path.bill.metrics, happy_path.bill.secret_calls) == ({}, 0)


def test_meter_records_nothing_while_it_is_off(deployed: Outputs, happy_path: life.Life) -> None:
    before = meter.size(deployed.endpoint_url)
    assert before >= happy_path.records.count() > 0
    stack.call_api(deployed, "GET", "/openapi.json", None)
    assert meter.size(deployed.endpoint_url) == before
