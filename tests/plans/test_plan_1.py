"""What the plan that ships promises, as requirements S1 and S5 of the product say it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.document import parse
from redress.plans.rules.plan import KINDS
from redress.tickets.rules.ticket import EventType, next_wake
from tests.builders import Clock, Life, plan_1, plan_document

AT_ONCE = ("resolution", "remind", ["supervisor"])


def told(life: Life) -> list[tuple[str, str, list[str]]]:
    """Clock, action and audience of each rung that the last change fired."""
    return [
        (event.data["clock"], event.data["action"], event.data["notify"])
        for event in life.last.events
        if event.type is EventType.RUNG_FIRED
    ]


def first_wake(life: Life) -> Life:
    """The workflow sleeps until the first thing that it has to do, which is not long."""
    wake = next_wake(life.ticket, life.plan)
    assert wake is not None
    assert wake - life.clock.now() <= timedelta(seconds=20)
    life.clock.moment = max(wake, life.clock.now())
    return life.wake()


def target_s(name: ClockName, kind: str, channel: str) -> int | None:
    """The target that an ordinary customer's ticket has, in seconds."""
    level = plan_1().level(kind)
    priority = plan_1().priority(level.urgency, level.impact)
    promise = plan_1().promises(kind, channel, priority, "standard").get(name)
    return promise.target_s if promise else None


# ------------------------------------------------------------------ complaints of consequence


def test_a_complaint_that_opens_with_a_high_impact_reaches_the_supervisor_in_the_first_wake() -> (
    None
):
    document = plan_document()
    document["levels"]["complaint"]["impact"] = "high"
    life = first_wake(Life(plan=parse(document)).open("complaint"))
    assert told(life) == [AT_ONCE]


@pytest.mark.parametrize("answered", [False, True])
def test_a_complaint_whose_impact_turns_out_high_reaches_the_supervisor_in_the_first_wake(
    answered: bool,
) -> None:
    life = Life(Clock()).open("complaint").acknowledge().assign().wait(minutes=5)
    if answered:
        life.reply()
    first_wake(life.reclassify(impact="high"))
    assert told(life) == [AT_ONCE]
    assert life.ticket.escalation is None, "nothing is broken"


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_ticket_is_told_to_the_supervisor_before_a_promise_is_broken(kind: str) -> None:
    life = Life(Clock()).open(kind).acknowledge().assign()
    for _ in range(10):
        wake = next_wake(life.ticket, life.plan)
        assert wake is not None
        life.clock.moment = wake
        for _, action, notify in told(life.wake()):
            if action == "breach":
                return
            assert notify == ["agent"]


# ------------------------------------------------------------------ live channels


@pytest.mark.parametrize("channel", ["phone", "chat", "social"])
@pytest.mark.parametrize("kind", ["inquiry", "service_request"])
def test_who_waits_at_the_other_end_is_answered_in_half_a_minute(kind: str, channel: str) -> None:
    assert target_s(ClockName.FIRST_RESPONSE, kind, channel) == 30


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_is_picked_up_in_five_seconds_and_its_answer_stays_a_promise_of_its_own(
    kind: str,
) -> None:
    assert target_s(ClockName.REACTION, kind, "phone") == 5
    own = target_s(ClockName.FIRST_RESPONSE, kind, "web")
    expected = 30 if kind in ("inquiry", "service_request") else own
    assert target_s(ClockName.FIRST_RESPONSE, kind, "phone") == expected


def test_a_call_that_nobody_picks_up_is_told_to_the_supervisor_without_reminders() -> None:
    by_phone = plan_1().promises("complaint", "phone", "high", "standard")
    ladder = plan_1().ladders[by_phone[ClockName.REACTION].ladder]
    assert [(at, rung.action, rung.notify) for at, rung in ladder] == [
        (1, "breach", ("supervisor",))
    ]


def test_other_channels_keep_the_reaction_of_their_kind() -> None:
    assert target_s(ClockName.REACTION, "complaint", "web") == 30 * 60
    assert target_s(ClockName.REACTION, "inquiry", "web") is None
