"""Guards what a complaint costs: billed counts of one life on the deployed stack.

Each bound is the current count, so raising one is a deliberate decision. Durations and prices are
measured by `make bench ONLY=life`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench import life
from local import meter, stack
from local.stack import Outputs
from redress.clocks.rules.periods import period_of
from redress.plans.rules.document import parse
from redress.plans.store.plans import shipped_document
from redress.scores.rules.facts import SAME_MATTER

MOST = {
    "transitions": 5,
    "api_requests": 16,
    "invocations": 35,
    "write_units": 102,
    "read_units": 39.5,
    "queue_requests": 18,
    "mails": 3,
    "traces": 36,
    "log_bytes": 18_800,
    "out_bytes": 60_000,
    "stored_bytes": 7_600,
}
"""Byte counts have some room, because names and times vary in length."""


@pytest.fixture(scope="module")
def happy_path(deployed: Outputs) -> life.Life:
    """The second happy path, because in the first one functions still read their settings.

    It needs the shipped plan, so these tests must run before tests that publish a plan.
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


def test_happy_path_writes_no_custom_metric_and_reads_no_key(happy_path: life.Life) -> None:
    assert (happy_path.bill.metrics, happy_path.bill.secret_calls) == ({}, 0)


def test_meter_records_nothing_while_it_is_off(deployed: Outputs, happy_path: life.Life) -> None:
    before = meter.size(deployed.endpoint_url)
    assert before >= happy_path.records.count() > 0
    stack.call_api(deployed, "GET", "/openapi.json", None)
    assert meter.size(deployed.endpoint_url) == before
