"""Tests of the promises and ladders of plan 1, the plan that ships with the product."""

from __future__ import annotations

from datetime import timedelta

import pytest

from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.document import parse
from redress.plans.rules.plan import KINDS, FilesPlan
from redress.tickets.rules.ticket import EventType, next_wake
from tests.builders import Clock, Life, plan_1, plan_document

SUPERVISOR_REMINDED = ("resolution", "remind", ["supervisor"])


def fired_rungs(life: Life) -> list[tuple[str, str, list[str]]]:
    """Clock, action and notified roles of each rung that the last change fired."""
    return [
        (event.data["clock"], event.data["action"], event.data["notify"])
        for event in life.last.events
        if event.type is EventType.RUNG_FIRED
    ]


def first_wake(life: Life) -> Life:
    """Wake the workflow at its first rung, which is due within 20 seconds."""
    wake = next_wake(life.ticket, life.plan)
    assert wake is not None
    assert wake - life.clock.now() <= timedelta(seconds=20)
    life.clock.moment = max(wake, life.clock.now())
    return life.wake()


def target_s(name: ClockName, kind: str, channel: str) -> float | None:
    """The target of a promise for a ticket of a standard customer, in seconds."""
    level = plan_1().level(kind)
    priority = plan_1().priority(level.urgency, level.impact)
    promise = plan_1().promises(kind, channel, priority, "standard").get(name)
    return promise.target_s if promise else None


# ------------------------------------------------------------------ complaints of consequence


def test_a_complaint_opened_with_high_impact_reaches_the_supervisor_at_the_first_wake() -> None:
    document = plan_document()
    document["levels"]["complaint"]["impact"] = "high"
    life = first_wake(Life(plan=parse(document)).open("complaint"))
    assert fired_rungs(life) == [SUPERVISOR_REMINDED]


@pytest.mark.parametrize("answered", [False, True])
def test_a_complaint_changed_to_high_impact_reaches_the_supervisor_at_the_first_wake(
    answered: bool,
) -> None:
    life = Life(Clock()).open("complaint").acknowledge().assign().wait(minutes=5)
    if answered:
        life.reply()
    first_wake(life.reclassify(impact="high"))
    assert fired_rungs(life) == [SUPERVISOR_REMINDED]
    assert life.ticket.escalation is None, "no promise is broken"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "urgent"])
def test_other_tickets_reach_the_supervisor_only_after_a_breach(kind: str) -> None:
    life = Life(Clock()).open(kind).acknowledge().assign()
    for _ in range(10):
        wake = next_wake(life.ticket, life.plan)
        assert wake is not None
        life.clock.moment = wake
        for _, action, notify in fired_rungs(life.wake()):
            if action == "breach":
                return
            assert notify == ["agent"]


# ------------------------------------------------------------------ live channels


@pytest.mark.parametrize("channel", ["phone", "chat", "social"])
@pytest.mark.parametrize("kind", ["inquiry", "service_request"])
def test_live_channels_promise_a_first_response_within_30_seconds(kind: str, channel: str) -> None:
    assert target_s(ClockName.FIRST_RESPONSE, kind, channel) == 30


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_has_a_pick_up_promise_of_5_seconds_besides_its_first_response(
    kind: str,
) -> None:
    assert target_s(ClockName.REACTION, kind, "phone") == 5
    own = target_s(ClockName.FIRST_RESPONSE, kind, "web")
    expected = 30 if kind in ("inquiry", "service_request") else own
    assert target_s(ClockName.FIRST_RESPONSE, kind, "phone") == expected


def test_a_call_that_nobody_picks_up_reaches_the_supervisor_without_reminders() -> None:
    by_phone = plan_1().promises("complaint", "phone", "high", "standard")
    ladder = plan_1().ladders[by_phone[ClockName.REACTION].ladder]
    assert [(at, rung.action, rung.notify) for at, rung in ladder] == [
        (1, "breach", ("supervisor",))
    ]


def test_other_channels_keep_the_reaction_of_their_kind() -> None:
    assert target_s(ClockName.REACTION, "complaint", "web") == 30 * 60
    assert target_s(ClockName.REACTION, "inquiry", "web") is None


def test_files_are_limited_by_the_plan_and_by_defaults_without_the_section() -> None:
    document = plan_document()
    assert parse(document).files == FilesPlan()
    document["files"] = {"types": ["archive"], "most_bytes": 1, "most_each_ticket": 2}
    assert parse(document).files == FilesPlan(("archive",), 1, 2, 5)
    del document["files"]
    assert parse(document).files == FilesPlan()
