"""How the reconciliation assesses the workflow of one ticket."""

from __future__ import annotations

from copy import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.ticket import Phase
from redress.tickets.store.timers import Armed, Timer
from redress.workflow.cases.reconciliation import (
    LONGEST,
    OLDEST,
    OVERDUE,
    STUCK,
    Finding,
    assess,
    differs,
)
from tests.builders import NUMBER, START, life_at

NOW = START + timedelta(hours=1)
SECOND = timedelta(seconds=1)
SLEEPS = Timer(
    number=NUMBER,
    gen=2,
    seq=5,
    phase=Phase.FIRST_RESPONSE,
    next_wake=NOW + timedelta(minutes=5),
    armed=Armed("token", 5, Phase.FIRST_RESPONSE),
    awake_since=None,
)
AWAKE = replace(SLEEPS, seq=6)


def since(ago: timedelta) -> Timer:
    """The TIMER of a ticket that has been awake for this long."""
    return replace(AWAKE, awake_since=NOW - ago)


def due(ago: timedelta) -> Timer:
    """The TIMER of a ticket that is asleep this long after its wake time."""
    return replace(SLEEPS, next_wake=NOW - ago)


YOUNG = NOW - timedelta(minutes=10)
VERDICTS: dict[str, tuple[Timer, datetime | None, Finding]] = {
    "asleep until its time": (SLEEPS, YOUNG, Finding.WELL),
    "asleep without a wake time": (replace(SLEEPS, next_wake=None), YOUNG, Finding.WELL),
    "asleep without an execution": (SLEEPS, None, Finding.FOLLOWED),
    "signalled a moment ago": (since(SECOND), YOUNG, Finding.AWAKE),
    "awake without an execution": (since(SECOND), None, Finding.FOLLOWED),
    "awake while the sweep still tries": (since(STUCK), YOUNG, Finding.AWAKE),
    "awake for too long": (since(STUCK + SECOND), YOUNG, Finding.STUCK),
    "neither awake nor asleep": (AWAKE, YOUNG, Finding.STUCK),
    "neither awake nor asleep, without an execution": (AWAKE, None, Finding.FOLLOWED),
    "still checking its clocks": (due(OVERDUE), YOUNG, Finding.WELL),
    "slept past its time": (due(OVERDUE + SECOND), YOUNG, Finding.WOKEN),
    "slept past its time without an execution": (due(OVERDUE + SECOND), None, Finding.FOLLOWED),
    "a month less than a year old": (SLEEPS, NOW - OLDEST, Finding.WELL),
    "nearly a year old": (SLEEPS, NOW - OLDEST - SECOND, Finding.NEAR_A_YEAR),
}


@pytest.mark.parametrize("what", VERDICTS)
def test_each_workflow_gets_one_finding(what: str) -> None:
    timer, started, finding = VERDICTS[what]
    ticket = life_at(tickets.State.NEW).ticket
    assert assess(ticket, timer, started, NOW, NOW - OLDEST * 2) is finding


def test_history_is_long_after_too_many_events_of_the_current_generation() -> None:
    ticket = replace(life_at(tickets.State.NEW).ticket, version=5000)
    for began, finding in ((5000 - LONGEST, Finding.WELL), (4999 - LONGEST, Finding.LONG_HISTORY)):
        timer = replace(SLEEPS, gen_version=began)
        assert assess(ticket, timer, YOUNG, NOW, START) is finding


def test_execution_that_started_before_the_definition_settled_may_use_an_older_one() -> None:
    ticket = life_at(tickets.State.NEW).ticket
    assert assess(ticket, SLEEPS, YOUNG, NOW, YOUNG) is Finding.WELL
    assert assess(ticket, SLEEPS, YOUNG, NOW, YOUNG + SECOND) is Finding.OLDER_DEFINITION


@pytest.mark.parametrize(
    ("wrong", "different"),
    [
        ({}, False),
        ({"phase": Phase.SURVEY}, True),
        ({"next_wake": None}, True),
        ({"next_wake": START}, True),
    ],
)
def test_timer_differs_by_its_phase_or_its_next_wake(
    wrong: dict[str, Any], different: bool
) -> None:
    life = life_at(tickets.State.NEW)
    right = replace(
        SLEEPS, phase=life.ticket.phase, next_wake=tickets.next_wake(life.ticket, life.plan)
    )
    assert differs(life.ticket, life.plan, replace(right, **wrong)) is different
