"""What the reconciliation says of one ticket's workflow, row by row."""

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
    differs,
    judge,
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
    """Awake for so long."""
    return replace(AWAKE, awake_since=NOW - ago)


def due(ago: timedelta) -> Timer:
    """Asleep, though its time was so long ago."""
    return replace(SLEEPS, next_wake=NOW - ago)


YOUNG = NOW - timedelta(minutes=10)
VERDICTS: dict[str, tuple[Timer, datetime | None, Finding]] = {
    "asleep until its time": (SLEEPS, YOUNG, Finding.WELL),
    "asleep, nothing runs out": (replace(SLEEPS, next_wake=None), YOUNG, Finding.WELL),
    "asleep, and no execution": (SLEEPS, None, Finding.FOLLOWED),
    "signalled a moment ago": (since(SECOND), YOUNG, Finding.AWAKE),
    "awake, and no execution": (since(SECOND), None, Finding.FOLLOWED),
    "awake, the sweep tries": (since(STUCK), YOUNG, Finding.AWAKE),
    "awake in vain": (since(STUCK + SECOND), YOUNG, Finding.STUCK),
    "neither awake nor asleep": (AWAKE, YOUNG, Finding.STUCK),
    "neither, and no execution": (AWAKE, None, Finding.FOLLOWED),
    "a look may be under way": (due(OVERDUE), YOUNG, Finding.WELL),
    "slept past its time": (due(OVERDUE + SECOND), YOUNG, Finding.WOKEN),
    "dead goes before late": (due(OVERDUE + SECOND), None, Finding.FOLLOWED),
    "not a year old by far": (SLEEPS, NOW - OLDEST, Finding.WELL),
    "nearly a year old": (SLEEPS, NOW - OLDEST - SECOND, Finding.NEAR_A_YEAR),
}


@pytest.mark.parametrize("what", VERDICTS)
def test_of_each_workflow_one_thing_is_said(what: str) -> None:
    timer, started, said = VERDICTS[what]
    ticket = life_at(tickets.State.NEW).ticket
    assert judge(ticket, timer, started, NOW, NOW - OLDEST * 2) is said


def test_a_history_is_long_by_the_events_of_its_own_generation() -> None:
    ticket = replace(life_at(tickets.State.NEW).ticket, version=5000)
    for began, said in ((5000 - LONGEST, Finding.WELL), (4999 - LONGEST, Finding.LONG_HISTORY)):
        timer = replace(SLEEPS, gen_version=began)
        assert judge(ticket, timer, YOUNG, NOW, START) is said


def test_what_started_before_the_definition_of_today_may_have_an_older_one() -> None:
    ticket = life_at(tickets.State.NEW).ticket
    assert judge(ticket, SLEEPS, YOUNG, NOW, YOUNG) is Finding.WELL
    assert judge(ticket, SLEEPS, YOUNG, NOW, YOUNG + SECOND) is Finding.OLDER_DEFINITION


@pytest.mark.parametrize(
    ("wrong", "different"),
    [
        ({}, False),
        ({"phase": Phase.SURVEY}, True),
        ({"next_wake": None}, True),
        ({"next_wake": START}, True),
    ],
)
def test_a_timer_differs_by_its_phase_or_its_next_wake(
    wrong: dict[str, Any], different: bool
) -> None:
    life = life_at(tickets.State.NEW)
    right = replace(
        SLEEPS, phase=life.ticket.phase, next_wake=tickets.next_wake(life.ticket, life.plan)
    )
    assert differs(life.ticket, life.plan, replace(right, **wrong)) is different
