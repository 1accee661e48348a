"""Calls of the hotline on a ticket: the parts of a call, pick-up, callbacks, late records."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from redress.base.people import CUSTOMER, Actor, Role
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.plans.rules.document import parse
from redress.scores.rules.facts import facts_of
from redress.tickets.rules.calls import MOST_TALKS, Direction, Result
from redress.tickets.rules.ticket import EventType, Phase, State
from tests.builders import BY_PHONE, START, Life, a_call, plan_document


def live(life: Life | None = None) -> Life:
    """A ticket that a connector opens while the call rings."""
    return (life or Life()).open("inquiry", channel="phone", contact=BY_PHONE)


def answered_after(seconds: float) -> dict[str, datetime]:
    began = START - timedelta(seconds=204)
    return {"answered": began + timedelta(seconds=20 + seconds)}


def missed(**fields: Any) -> dict[str, Any]:
    usual = {"result": Result.ABANDONED_IN_QUEUE, "answered": None, "hold_s": None}
    return usual | fields


def test_menu_wait_talk_hold_and_after_call_work_are_apart() -> None:
    """Story 15: talk time included the wait in the queue."""
    call = a_call(START, after_work_ended=START + timedelta(seconds=60))
    assert call.seconds == {"menu": 20, "queue": 4, "talk": 150, "hold": 30, "after": 60}
    assert sum(call.seconds.values()) == (START + timedelta(seconds=60) - call.began).seconds


def test_periods_on_hold_are_no_talk() -> None:
    begin = START - timedelta(seconds=100)
    periods = ((begin, begin + timedelta(seconds=10)), (START - timedelta(seconds=5), START))
    call = a_call(START, held=periods, hold_s=None)
    assert (call.seconds["hold"], call.seconds["talk"]) == (15, 165)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (missed(), {"menu": 20, "queue": 184}),
        (missed(result=Result.ABANDONED_IN_MENU, left_menu=None), {"menu": 204}),
        (missed(result=Result.MISSED, left_menu=None), {"queue": 204}),
        ({"result": Result.ONGOING, "ended": None, "hold_s": None}, {"menu": 20, "queue": 4}),
    ],
)
def test_call_without_talk_has_no_talk_time(
    fields: dict[str, Any], seconds: dict[str, float]
) -> None:
    assert a_call(START, **fields).seconds == seconds


def test_call_is_an_event_with_its_parts_and_the_target_for_talking() -> None:
    life = live().record_call(menu="2", queue="repairs", agent_text="desk 4", recording="s3://r/1")
    event = life.events[-1]
    assert (event.type, event.by.role) == (EventType.CALL_RECORDED, Role.MACHINE)
    assert event.data["seconds"] == {"menu": 20, "queue": 4, "talk": 150, "hold": 30}
    assert event.data["talk_target_s"] == 180
    said = ("menu", "queue", "agent_text", "recording", "connector")
    assert [event.data[name] for name in said] == ["2", "repairs", "desk 4", "s3://r/1", "hotline"]
    assert life.folded == life.ticket


def test_talk_that_is_longer_than_the_target_is_flagged_once_for_each_call() -> None:
    life = live().record_call(hold_s=None)
    [talk] = life.ticket.talks
    assert (talk.call, talk.seconds, talk.target_s, talk.is_over) == ("call-1", 180, 180, False)
    longer = {"answered": life.clock.now() - timedelta(seconds=184), "hold_s": None}
    life.wait(seconds=1).record_call(**longer)
    [talk] = life.ticket.talks
    assert (talk.seconds, talk.is_over) == (185, True)
    life.record_call(id="call-2", **longer)
    assert [one.call for one in life.ticket.talks] == ["call-1", "call-2"]
    life.record_call(id="call-2", **missed())
    assert [one.call for one in life.ticket.talks] == ["call-1"]
    assert life.folded == life.ticket


def test_ticket_keeps_the_last_talks_of_many() -> None:
    life = live()
    for number in range(MOST_TALKS + 2):
        life.record_call(id=f"call-{number}")
    assert [one.call for one in life.ticket.talks][-1] == f"call-{MOST_TALKS + 1}"
    assert len(life.ticket.talks) == MOST_TALKS


def test_plan_without_a_hotline_has_no_target_for_talking() -> None:
    document = plan_document()
    del document["hotline"]
    life = live(Life(plan=parse(document))).record_call()
    assert "talk_target_s" not in life.events[-1].data
    assert [one.is_over for one in life.ticket.talks] == [False]


def test_pick_up_counts_from_leaving_the_menu_and_belongs_to_who_answered() -> None:
    """The ticket was opened when the call came, 20 s before the caller left the menu."""
    life = live().wait(seconds=204).record_call(agent="a-mei")
    clocks = life.ticket.clocks
    for name, target in ((ClockName.REACTION, 5), (ClockName.FIRST_RESPONSE, 30)):
        clock = clocks[name]
        assert (clock.target_s, clock.consumed_s, clock.missed) == (target, 4, False)
        assert clock.held_by == "a-mei"
    assert life.ticket.state is State.OPEN
    facts = {(fact.agent, fact.name): fact.value for fact in facts_of(life.last)}
    assert facts["a-mei", "reaction"] == {"kept": True, "seconds": 4}


def test_pick_up_after_more_than_the_target_is_missed() -> None:
    life = live().wait(seconds=204)
    life.record_call(agent="a-mei", answered=life.clock.now() - timedelta(seconds=174))
    reaction = life.ticket.clocks[ClockName.REACTION]
    assert (reaction.consumed_s, reaction.missed) == (10, True)
    assert not life.ticket.clocks[ClockName.FIRST_RESPONSE].missed


def test_breach_that_fired_in_the_menu_is_taken_back() -> None:
    life = live().wait(seconds=6).wake()
    assert life.ticket.clocks[ClockName.REACTION].breached
    life.wait(seconds=198).record_call(agent="a-mei")
    assert not life.ticket.clocks[ClockName.REACTION].missed


def test_later_record_of_the_call_moves_no_clock_again() -> None:
    life = live().wait(seconds=204)
    call = a_call(life.clock.now(), agent="a-mei")
    fields = {name: getattr(call, name) for name in ("began", "left_menu", "answered", "ended")}
    life.record_call(agent="a-mei")
    clocks = life.ticket.clocks
    life.wait(seconds=60).record_call(
        agent="a-mei", after_work_ended=call.ended and call.ended + timedelta(seconds=60), **fields
    )
    assert [event.type for event in life.last.events] == [EventType.CALL_RECORDED]
    assert life.events[-1].data["seconds"]["after"] == 60
    assert life.ticket.clocks == clocks


def test_conversation_is_over_when_its_record_has_an_end() -> None:
    life = live().assign().tell_progress()
    assert life.ticket.live_now == 100
    ongoing = {"result": Result.ONGOING, "ended": None, "hold_s": None}
    life.wait(seconds=30).record_call(began=START, left_menu=None, answered=START, **ongoing)
    assert life.ticket.live_now == 100
    life.wait(seconds=30).record_call(began=START, left_menu=None, answered=START, hold_s=None)
    assert life.ticket.live_now == 0


def test_call_about_a_ticket_of_another_day_answers_no_promise_of_it() -> None:
    life = live().wait(hours=30).record_call()
    assert [event.type for event in life.last.events] == [EventType.CALL_RECORDED]
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].state is ClockState.RUNNING


def test_message_after_the_answer_stays_unanswered() -> None:
    life = live().wait(seconds=60).write().wait(seconds=144).record_call()
    assert life.ticket.unanswered_since == START + timedelta(seconds=60)
    assert life.ticket.clocks[ClockName.NEXT_REPLY].started_at == life.ticket.unanswered_since


def test_ticket_that_a_record_opens_has_the_true_times_of_the_call() -> None:
    life = Life().open_for_call(agent="a-mei")
    types = [event.type for event in life.events]
    assert types == [
        EventType.OPENED,
        EventType.ACKNOWLEDGED,
        EventType.CORRECTED,
        EventType.CALL_RECORDED,
        EventType.QUEUED,
    ]
    assert life.events[0].by == CUSTOMER
    assert life.ticket.preferred == "a-mei"
    reaction = life.ticket.clocks[ClockName.REACTION]
    assert (reaction.consumed_s, reaction.missed, reaction.held_by) == (4, False, "a-mei")
    assert (life.ticket.state, life.ticket.phase) == (State.OPEN, Phase.RESOLUTION)
    assert life.folded == life.ticket


def test_missed_call_is_a_callback() -> None:
    life = Life().open_for_call(**missed())
    ticket = life.ticket
    assert ticket.missed_call
    assert (ticket.state, ticket.phase) == (State.NEW, Phase.FIRST_RESPONSE)
    assert set(ticket.clocks) == {ClockName.FIRST_RESPONSE, ClockName.RESOLUTION}
    assert ticket.clocks[ClockName.FIRST_RESPONSE].target_s == 30 * 60
    assert life.folded == ticket


def test_missed_call_takes_nothing_of_an_agents_attention() -> None:
    life = Life().open_for_call(**missed()).assign()
    assert life.ticket.live_now == 0


def test_missed_call_keeps_the_promise_of_the_callback_when_it_is_reclassified() -> None:
    life = Life().open_for_call(**missed()).assign().reclassify("service_request")
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].target_s == 30 * 60
    assert ClockName.REACTION not in life.ticket.clocks


def test_missed_call_under_a_plan_that_says_nothing_has_the_promises_of_its_kind() -> None:
    document = plan_document()
    del document["hotline"]["call_back"]
    life = Life(plan=parse(document)).open_for_call(**missed())
    assert set(life.ticket.clocks) == {ClockName.FIRST_RESPONSE, ClockName.RESOLUTION}


def test_call_to_the_customer_answers_a_missed_call() -> None:
    life = Life().open_for_call(**missed()).wait(minutes=10)
    out = {"direction": Direction.OUTBOUND, "id": "call-2", "left_menu": None, "hold_s": None}
    life.record_call(agent="a-jun", **out)
    clock = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert (clock.state, clock.missed, clock.held_by) == (ClockState.STOPPED, False, "a-jun")
    assert life.ticket.state is State.OPEN


def test_call_to_a_customer_who_did_not_answer_is_no_callback() -> None:
    life = Life().open_for_call(**missed()).wait(minutes=10)
    life.record_call(direction=Direction.OUTBOUND, id="call-2", **missed(result=Result.MISSED))
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].state is ClockState.RUNNING


def test_record_of_a_closed_ticket_is_kept_and_changes_nothing() -> None:
    life = Life().open("inquiry", channel="phone", contact=BY_PHONE).withdraw()
    before = life.ticket
    life.record_call()
    assert life.events[-1].type is EventType.CALL_RECORDED
    assert (life.ticket.state, life.ticket.clocks) == (State.CLOSED, before.clocks)
    assert Actor(Role.MACHINE, "hotline") == life.events[-1].by
