"""The page about the lifecycle is drawn from the table of its steps."""

from __future__ import annotations

import re

from local import lifecycle
from redress.tickets.rules.steps.table import STEPS
from redress.tickets.rules.ticket import State


def test_page_is_that_of_the_table() -> None:
    assert lifecycle.PAGE.read_text() == lifecycle.page(), "run `make lifecycle`"


def test_every_change_of_a_state_is_an_arrow_and_every_step_a_line() -> None:
    drawn = lifecycle.page()
    arrows = set(re.findall(r"^    (\w+) --> (\w+): ", drawn, re.MULTILINE))
    assert arrows == {
        (before, after)
        for states in STEPS.values()
        for before, after in states.items()
        if before is not after
    }
    lines = dict(re.findall(r"^\| ([a-z ]+) \| (.*) \|$", drawn, re.MULTILINE))
    del lines["step"]
    assert list(lines) == [step.replace("_", " ") for step in STEPS]
    confirm = dict(zip(State, lines["confirm"].split(" | "), strict=True))
    assert {state: entry for state, entry in confirm.items() if entry} == {
        State.RESOLVED: "confirmed"
    }
