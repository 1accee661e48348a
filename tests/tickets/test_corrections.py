"""Tests of facts that become known later: another kind, an earlier answer, another plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.clocks.rules.clocks import ClockName, ClockState, Standing, standing
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.scores.rules.facts import facts_of
from redress.tickets.rules import ticket
from redress.tickets.rules.ticket import EventType, State
from tests.builders import LIN, MEI, START, Clock, Life, plan_document

MONDAY = START
"""09:00 in Shanghai, when the office opens. Its hours are 9-12 and 13-18."""


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def planned(change: Callable[[dict[str, Any]], None], version: int = 1) -> Plan:
    document = plan_document() | {"version": version}
    change(document)
    return parse(document)


def rungs(life: Life, clock: str) -> list[str]:
    """The actions of the rungs of one clock that fired, in order."""
    return [
        event.data["action"]
        for event in life.events
        if event.type is EventType.RUNG_FIRED and event.data["clock"] == clock
    ]


# ------------------------------------------------------------------------------ another kind


def test_a_hold_that_the_old_kind_did_not_pause_for_is_a_pause_of_the_new_kind(life: Life) -> None:
    """Waiting for a part does not pause a complaint, but it pauses a service request."""
    life.open("complaint").assign().wait(hours=1).reply().hold()
    life.wait(hours=48)
    life.reclassify("service_request")
    resolution = life.ticket.clocks[ClockName.RESOLUTION]
    assert (resolution.state, resolution.consumed_s) == (ClockState.PAUSED, 3600)
    life.release()
    assert life.ticket.clocks[ClockName.RESOLUTION].due_at == datetime(2026, 12, 1, 10, tzinfo=UTC)


def test_a_pause_of_the_old_kind_counts_as_running_time_of_the_new_kind(
    life: Life,
) -> None:
    life.open("service_request").assign().wait(hours=1).reply().hold()
    life.wait(hours=30).reclassify("complaint")
    resolution = life.ticket.clocks[ClockName.RESOLUTION]
    assert (resolution.state, resolution.consumed_s) == (ClockState.RUNNING, 31 * 3600)
    assert resolution.due_at == MONDAY + hours(48)


def test_changing_the_kind_back_and_forth_repeats_no_rung(life: Life) -> None:
    life.open("urgent").assign().wait(minutes=20).wake()
    fired = rungs(life, "first_response")
    assert fired == ["remind", "remind", "breach", "escalate"]
    life.reclassify("complaint").wake().reclassify("urgent").wake()
    assert rungs(life, "first_response") == fired


def test_a_rung_that_is_ahead_again_after_a_reclassification_fires_again(life: Life) -> None:
    life.open("urgent").assign().wait(minutes=20).wake().reclassify("complaint")
    life.sleep_through(MONDAY + hours(25))
    assert rungs(life, "first_response").count("breach") == 2


def test_a_recorded_breach_stays_a_miss_under_a_longer_promise(life: Life) -> None:
    life.open("urgent").assign().wait(minutes=20).wake().reclassify("complaint").reply()
    answered = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert answered.stopped_at == life.clock.moment < answered.due_at
    assert standing(answered, life.clock.moment) is Standing.MISSED


def test_reclassifying_does_not_lower_a_raised_priority(life: Life) -> None:
    life.open("inquiry").assign().resolve().dispute().assign()
    assert life.ticket.priority == "urgent"
    assert life.reclassify(customer_type="vip").ticket.priority == "urgent"
    assert life.reclassify("feedback").ticket.priority == "urgent"


def test_reclassifying_lowers_a_priority_that_was_not_raised(life: Life) -> None:
    life.open("complaint").assign()
    before = life.ticket.priority
    assert life.reclassify(urgency="low", impact="low").ticket.priority != before


def test_an_override_with_another_team_queues_the_ticket_there() -> None:
    def concierge(document: dict[str, Any]) -> None:
        document["overrides"].append({"when": {"customer_type": ["vip"]}, "team": "concierge"})

    life = Life(Clock(), planned(concierge)).open("inquiry").assign()
    life.reclassify(customer_type="vip")
    assert (life.ticket.team, life.ticket.assignee) == ("concierge", None)
    life.assign().reassign(MEI.id, team="inquiries").reclassify(urgency="high")
    assert life.ticket.team == "inquiries", "a person moved it there"


def test_a_next_reply_that_applies_again_starts_at_the_unanswered_message() -> None:
    """The first kind promised it and it was answered; the second does not promise it; the third
    promises it for the message that is unanswered now."""

    def silent(document: dict[str, Any]) -> None:
        del document["levels"]["feedback"]["promises"]["next_reply"]

    life = Life(Clock(), planned(silent)).open("inquiry").assign().reply().write().reply()
    life.reclassify("feedback").wait(hours=1).write().wait(hours=1).reclassify("inquiry")
    reply = life.ticket.clocks[ClockName.NEXT_REPLY]
    assert (reply.state, reply.started_at) == (ClockState.RUNNING, MONDAY + hours(1))


# ------------------------------------------------------------------------------ an earlier answer


def test_messages_after_a_corrected_answer_are_still_unanswered(life: Life) -> None:
    life.open("inquiry").assign().wait(hours=2).write().wait(hours=3)
    life.correct("first_response", MONDAY + hours(1))
    reply = life.ticket.clocks[ClockName.NEXT_REPLY]
    assert life.ticket.unanswered_since == reply.started_at == MONDAY + hours(2)
    assert reply.state is ClockState.RUNNING
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].stopped_at == MONDAY + hours(1)
    assert life.folded == life.ticket


def test_a_corrected_answer_between_two_messages_answers_only_the_first(life: Life) -> None:
    life.open("service_request").assign().reply()
    life.wait(hours=1).write().wait(hours=2).write().wait(hours=2).hold()
    life.correct("next_reply", MONDAY + hours(2))
    reply = life.ticket.clocks[ClockName.NEXT_REPLY]
    assert life.ticket.unanswered_since == reply.started_at == MONDAY + hours(3)
    assert reply.state is ClockState.RUNNING
    resolution = life.ticket.clocks[ClockName.RESOLUTION]
    assert resolution.state is ClockState.RUNNING, "the second message is unanswered"


def test_a_hold_pauses_from_the_corrected_answer_on(life: Life) -> None:
    """The message seemed unanswered, so the clock ran on during the hold."""
    life.open("service_request").assign().reply().hold().write().wait(hours=2)
    assert life.ticket.clocks[ClockName.RESOLUTION].state is ClockState.RUNNING
    life.correct("next_reply", MONDAY + hours(1))
    resolution = life.ticket.clocks[ClockName.RESOLUTION]
    assert (resolution.state, resolution.consumed_s) == (ClockState.PAUSED, 3600)
    assert life.folded == life.ticket
    life.wait(hours=1).release()
    assert life.ticket.clocks[ClockName.RESOLUTION].consumed_s == 3600


def test_a_corrected_answer_before_the_last_message_to_the_customer_keeps_the_update(
    life: Life,
) -> None:
    life.open("complaint").assign().wait(hours=2).tell_progress()
    update = life.ticket.clocks[ClockName.UPDATE]
    life.wait(hours=1).correct("first_response", MONDAY + hours(1))
    assert life.ticket.clocks[ClockName.UPDATE] == update


def test_a_correction_replaces_the_missed_fact_in_the_same_month() -> None:
    """The promise broke in November as urgent and is due in December as a complaint. It is still
    one fact, not two."""
    evening = datetime(2026, 11, 30, 15, 50, tzinfo=UTC)  # ten minutes to December in Shanghai
    life = Life(Clock(evening)).open("urgent").assign().wait(minutes=6).wake()
    [missed] = [fact for fact in facts_of(life.last) if fact.name == "first_response"]
    assert (missed.period, missed.value) == ("2026-11", {"kept": False})
    life.wait(minutes=10).reclassify("complaint").wait(minutes=1)
    life.correct("first_response", evening + timedelta(minutes=3))
    [kept] = [fact for fact in facts_of(life.last) if fact.name == "first_response"]
    assert (kept.agent, kept.period) == (missed.agent, missed.period)
    assert kept.value == {"kept": True, "seconds": 180}


# ------------------------------------------------------------------------------ promises and rungs


def test_promises_that_break_together_are_charged_to_the_same_agent() -> None:
    def hand_back(document: dict[str, Any]) -> None:
        document["ladders"]["promise"][2]["reassign"] = True
        document["levels"]["complaint"]["promises"]["first_response"]["within"] = "30m"

    life = Life(Clock(), planned(hand_back)).open("complaint").assign().wait(minutes=30).wake()
    assert life.ticket.assignee is None
    clocks = life.ticket.clocks
    both = (clocks[ClockName.REACTION], clocks[ClockName.FIRST_RESPONSE])
    assert [clock.held_by for clock in both] == [MEI.id, MEI.id]
    facts = {fact.name: fact.agent for fact in facts_of(life.last)}
    assert facts == {"reaction": MEI.id, "first_response": MEI.id}


@pytest.mark.parametrize("milliseconds", [0, 1, 499, 999])
def test_an_own_promise_is_due_at_exactly_the_promised_instant(
    life: Life, milliseconds: int
) -> None:
    life.wait(milliseconds=milliseconds)
    due = MONDAY + hours(3)
    life.open("complaint").assign().promise(seconds=(due - life.clock.moment).total_seconds())
    assert life.ticket.clocks[ClockName.OWN_WORD].due_at == due
    life.sleep_through(due - timedelta(milliseconds=1))
    assert "breach" not in rungs(life, "own_word")
    life.sleep_through(due)
    assert rungs(life, "own_word")[:3] == ["remind", "remind", "breach"]


# ------------------------------------------------------------------------------ another plan


def test_a_move_to_a_shorter_ladder_skips_no_breach(life: Life) -> None:
    def shorter(document: dict[str, Any]) -> None:
        document["ladders"]["promise"] = [{"at": 1, "action": "breach", "notify": ["supervisor"]}]
        document["levels"]["complaint"]["promises"]["resolution"]["within"] = "24h"

    life.open("complaint").acknowledge().assign().reply()
    life.sleep_through(MONDAY + hours(40))
    assert rungs(life, "resolution") == ["remind", "remind"]
    life.move_to(planned(shorter, 2))
    assert ticket.next_wake(life.ticket, life.plan) is not None
    life.wake()
    assert rungs(life, "resolution") == ["remind", "remind", "breach"]
    assert life.ticket.clocks[ClockName.RESOLUTION].breached


def test_a_move_to_a_plan_with_fewer_callback_attempts_closes_the_ticket_after_those(
    life: Life,
) -> None:
    def once(document: dict[str, Any]) -> None:
        document["callback"]["attempts"] = 1

    life.open("complaint").acknowledge().assign().resolve()
    life.sleep_through(life.clock.moment + hours(25))
    assert rungs(life, "callback") == ["ask_again"]
    life.move_to(planned(once, 2)).wake()
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "unconfirmed")


def without(*promises: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for name in promises:
            del document["levels"]["complaint"]["promises"][name]

    return change


@pytest.mark.parametrize(
    ("solved", "gone", "closure"),
    [
        (Life.resolve, ("callback", "survey"), "answered"),
        (lambda life: life.resolve().confirm(), ("survey",), "confirmed"),
    ],
    ids=["resolved", "confirmed"],
)
def test_a_move_closes_a_solved_ticket_if_the_new_plan_has_no_callback_or_survey(
    life: Life, solved: Callable[[Life], Life], gone: tuple[str, ...], closure: str
) -> None:
    solved(life.open("complaint").acknowledge().assign()).move_to(planned(without(*gone), 2))
    assert [event.type for event in life.last.events] == [EventType.PLAN_CHANGED, EventType.CLOSED]
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, closure)
    assert life.folded == life.ticket


def test_the_system_closes_the_ticket_that_a_person_moved(life: Life) -> None:
    life.open("complaint").assign().resolve().move_to(planned(without("callback", "survey"), 2))
    moved, closed = life.last.events
    assert (moved.by, closed.by.is_person) == (LIN, False)
