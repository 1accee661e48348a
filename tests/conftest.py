"""Fixtures of unit tests. The builders are in `tests/builders.py`."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from redress.plans.rules.plan import Plan
from redress.tickets.rules.ticket import State
from tests import builders, moto_direct, moto_expressions, moto_transactions
from tests.builders import Clock, Life
from tests.examples import TIMES, USUAL

# A slow machine does not fail a test, and no run depends on an earlier one.
settings.register_profile(
    "house",
    max_examples=USUAL * TIMES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")

moto_transactions.install()
moto_direct.install()
moto_expressions.install()

_GARBAGE = (50_000, 20, 10)
"""Thresholds of the garbage collector while tests run."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the garbage collector away from the 25,000 tests, which live until the end.

    It would look through all of them again and again, for a tenth of the processor time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*_GARBAGE)
        gc.enable()


FIRST = (
    "functions/test_clients.py",
    "functions/test_generated_requests.py",
    "functions/staff/test_rights.py",
    "statemachines/test_reconciliation.py",
    "plans/test_schema.py",
    "statemachines/test_ticket_machine.py",
    "functions/test_hostile_values.py",
)
"""The longest files. If one of them came last, the other worker would wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not str(item.path).endswith(FIRST))


# The namespace of metrics. The template gives it to every function.
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "Redress/redress"


@pytest.fixture
def clock() -> Clock:
    """A clock that moves only when a test moves it."""
    return Clock()


@pytest.fixture
def plan() -> Plan:
    """Plan 1 as it ships."""
    return builders.plan_1()


@pytest.fixture
def document() -> dict[str, Any]:
    """Plan 1 as JSON, for a test to change."""
    return builders.plan_document()


@pytest.fixture
def life(clock: Clock) -> Life:
    """A life whose ticket is not opened yet."""
    return Life(clock)


@pytest.fixture
def life_at() -> Callable[..., Life]:
    """See `builders.life_at`."""

    def at(state: State, kind: str = "complaint", **fields: Any) -> Life:
        return builders.life_at(state, kind, **fields)

    return at
