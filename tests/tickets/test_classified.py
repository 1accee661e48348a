"""What a rule's classification does to promises, and what a person's correction does."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from redress.base.people import SYSTEM
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.plans.rules.plan import GRADATIONS, KINDS
from tests.builders import BY_PHONE, START, Clock, Life


def due(life: Life) -> dict[ClockName, datetime]:
    return {name: clock.due_at for name, clock in life.ticket.clocks.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("impact", GRADATIONS)
@pytest.mark.parametrize("hours", [0, 7, 100])
def test_no_promise_becomes_later_by_a_rule(
    life: Life, kind: str, to: str, impact: str, hours: int
) -> None:
    """C1, over all kinds at several hours of the office: what was told stays true."""
    life.clock.moment = START + timedelta(hours=hours)
    before = due(life.open(kind))
    after = life.wait(seconds=20).classify(kind=to, impact=impact)
    for name, at in before.items():
        assert due(after)[name] <= at
        assert after.ticket.clocks[name].state is not ClockState.CANCELLED
    assert after.folded == after.ticket


def test_reaction_is_promised_from_the_opening_if_a_rule_finds_a_complaint(life: Life) -> None:
    life.open("inquiry").wait(seconds=20).classify(kind="complaint")
    assert life.ticket.clocks[ClockName.REACTION].due_at == START + timedelta(minutes=30)
    assert life.ticket.team == "complaints"
    assert [event.type for event in life.last.events] == ["classified"]


def test_rule_never_lowers_urgency_and_impact_below_those_of_the_kind(life: Life) -> None:
    life.open("complaint").classify(urgency="low", category="product")
    assert (life.ticket.urgency, life.ticket.category) == ("high", "product")


def test_correction_names_later_promises_only_if_the_customer_was_told_them(life: Life) -> None:
    assert "lengthened" not in life.open().reclassify("feedback").last.events[0].data
    told = Life(life.clock).open(contact=BY_PHONE).reclassify("feedback").last.events[0].data
    assert {one["clock"] for one in told["lengthened"]} == {
        "reaction",
        "first_response",
        "resolution",
    }
    assert "to" not in told


def test_correction_names_a_paused_promise_that_becomes_later(life: Life) -> None:
    """What the correction adds is seen when the customer answers."""

    def asked() -> Life:
        return Life(Clock()).open().acknowledge().assign().reply(wait_for_customer=True)

    name = ClockName.UPDATE
    without = asked().wait(hours=4).write().ticket.clocks[name].due_at
    corrected = asked().wait(hours=3).reclassify("inquiry")
    told = {one["clock"]: one for one in corrected.last.events[0].data["lengthened"]}[name]
    assert told["paused"]
    due_at = corrected.wait(hours=1).write().ticket.clocks[name].due_at
    assert due_at > without
    assert due_at > datetime.fromisoformat(told["before"]) + timedelta(hours=1) == without


def test_system_makes_no_promise_later(life: Life) -> None:
    before = due(life.open().acknowledge())
    life.reclassify("feedback", by=SYSTEM)
    assert all(due(life)[name] <= at for name, at in before.items())
    assert "lengthened" not in life.last.events[0].data
    assert life.folded == life.ticket
