"""Tests of the fold: example lives of tickets, and properties that hold for random lives."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base.errors import InvalidInput, NotAllowedNow
from redress.base.people import Role
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, ClockName, ClockState
from redress.db import encoding
from redress.plans.rules import urgent
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.tickets.rules import fold as folding
from redress.tickets.rules import ticket
from redress.tickets.rules.ticket import Event, EventType, Phase, State
from redress.tickets.store import items
from tests.builders import (
    BY_MAIL,
    BY_PHONE,
    LIN,
    MEI,
    START,
    Clock,
    Life,
    corrected,
    plan_document,
)
from tests.examples import examples

HOUR = 3600
DAY = 86_400


def fired(life: Life) -> list[tuple[str, str]]:
    """Every rung that has fired: its clock and its action."""
    return [
        (event.data["clock"], event.data["action"])
        for event in life.events
        if event.type is EventType.RUNG_FIRED
    ]


# -------------------------------------------------------------------------------- opening


def test_a_new_complaint_starts_all_its_clocks(life: Life) -> None:
    ticket = life.open("complaint").ticket
    assert {name: clock.due_at - START for name, clock in ticket.clocks.items()} == {
        ClockName.ACKNOWLEDGEMENT: timedelta(minutes=5),
        ClockName.REACTION: timedelta(minutes=30),
        ClockName.FIRST_RESPONSE: timedelta(hours=24),
        ClockName.RESOLUTION: timedelta(hours=48),
    }
    assert (ticket.team, ticket.priority) == ("complaints", "high")
    assert ticket.phase is Phase.ACKNOWLEDGEMENT


def test_a_new_inquiry_has_no_reaction_clock(life: Life) -> None:
    assert ClockName.REACTION not in life.open("inquiry").ticket.clocks


def test_a_customer_without_email_is_acknowledged_when_the_ticket_opens(life: Life) -> None:
    ticket = life.open(contact=BY_PHONE).ticket
    acknowledgement = ticket.clocks[ClockName.ACKNOWLEDGEMENT]
    assert ticket.acknowledged_at == START
    assert (acknowledgement.state, acknowledgement.missed) == (ClockState.STOPPED, False)
    assert ticket.phase is Phase.FIRST_RESPONSE


def test_a_late_acknowledgement_is_missed_and_recorded_once(life: Life) -> None:
    life.open().wait(seconds=301).acknowledge()
    assert life.ticket.clocks[ClockName.ACKNOWLEDGEMENT].missed
    assert life.wait(seconds=1).acknowledge().ticket.acknowledged_at == START + timedelta(
        seconds=301
    )
    assert len(life.events) == 2


def test_an_acknowledgement_stops_no_response_clock(life: Life) -> None:
    running = life.open().acknowledge().ticket.clocks
    assert running[ClockName.REACTION].state is ClockState.RUNNING
    assert running[ClockName.FIRST_RESPONSE].state is ClockState.RUNNING


def test_escalates_to_the_supervisor_when_no_acknowledgement_is_sent(life: Life) -> None:
    life.open().wait(seconds=300).wake()
    assert fired(life) == [("acknowledgement", "breach")]
    assert life.ticket.escalation == Role.SUPERVISOR


# -------------------------------------------------------------------------------- responding


def test_progress_stops_the_reaction_clock_but_not_the_first_response(life: Life) -> None:
    told = life.open().wait(minutes=30).tell_progress().ticket
    assert told.clocks[ClockName.REACTION].state is ClockState.STOPPED
    assert not told.clocks[ClockName.REACTION].missed
    assert told.clocks[ClockName.FIRST_RESPONSE].state is ClockState.RUNNING
    assert told.state is State.NEW


def test_a_reply_exactly_at_the_due_time_is_in_time_and_a_later_one_is_not() -> None:
    in_time = Life(Clock()).open().wait(hours=24).reply().ticket
    late = Life(Clock()).open().wait(hours=24, milliseconds=1).reply().ticket
    assert not in_time.clocks[ClockName.FIRST_RESPONSE].missed
    assert late.clocks[ClockName.FIRST_RESPONSE].missed


def test_an_internal_note_changes_no_clock(life: Life) -> None:
    before = life.open().acknowledge().ticket
    after = life.wait(hours=1).note().ticket
    assert (after.clocks, after.state, after.replies) == (before.clocks, State.NEW, 0)


def test_waiting_for_the_customer_pauses_the_resolution_clock(life: Life) -> None:
    waiting = life.open().wait(hours=1).reply(wait_for_customer=True).ticket
    assert waiting.clocks[ClockName.RESOLUTION].state is ClockState.PAUSED
    assert ticket.next_wake(life.acknowledge().ticket, life.plan) is None
    life.wait(days=30).wake()
    assert fired(life) == []
    resumed = life.write().ticket.clocks[ClockName.RESOLUTION]
    assert life.ticket.state is State.OPEN
    assert resumed.due_at == life.clock.moment + timedelta(hours=47)


def test_an_unanswered_message_is_not_a_pause(life: Life) -> None:
    """The clock runs again from the customer's message, not from when somebody reads it."""
    life.open().reply(wait_for_customer=True).wait(hours=10).write().wait(hours=5)
    life.reply(wait_for_customer=True)
    assert life.ticket.clocks[ClockName.RESOLUTION].consumed_s == 5 * HOUR


def test_a_second_question_while_waiting_keeps_the_ticket_waiting(life: Life) -> None:
    life.open().wait(hours=1).reply(wait_for_customer=True).wait(hours=9)
    again = life.reply(wait_for_customer=True).ticket
    assert again.state is State.WAITING
    assert again.clocks[ClockName.RESOLUTION].consumed_s == HOUR
    assert again.replies == 2


def test_a_reply_that_does_not_wait_for_the_customer_ends_the_wait(life: Life) -> None:
    life.open().wait(hours=1).reply(wait_for_customer=True).wait(hours=9)
    going = life.reply().ticket
    assert going.state is State.OPEN
    assert going.clocks[ClockName.RESOLUTION].due_at == life.clock.moment + timedelta(hours=47)


def test_resolving_while_waiting_keeps_the_paused_promise(life: Life) -> None:
    life.open().wait(hours=1).reply(wait_for_customer=True).wait(days=20)
    resolution = life.resolve().ticket.clocks[ClockName.RESOLUTION]
    assert resolution.consumed_s == HOUR
    assert not resolution.missed


# -------------------------------------------------------------------------------- the ladder


def test_an_unanswered_complaint_escalates_from_agent_to_supervisor_to_manager(life: Life) -> None:
    life.open("complaint").acknowledge().assign()
    life.sleep_through(START + timedelta(hours=36))
    first_response = [
        (event.at - START, event.data["action"], event.data["notify"])
        for event in life.events
        if event.type is EventType.RUNG_FIRED and event.data["clock"] == "first_response"
    ]
    assert first_response == [
        (timedelta(hours=12), "remind", ["agent"]),
        (timedelta(hours=19.2), "remind", ["agent"]),
        (timedelta(hours=24), "breach", ["agent", "supervisor"]),
        (timedelta(hours=36), "escalate", ["manager"]),
    ]
    assert life.ticket.escalation == Role.MANAGER


def test_an_escalation_to_the_manager_is_not_lowered_to_the_supervisor(life: Life) -> None:
    life.open("complaint").acknowledge().assign()
    life.sleep_through(START + timedelta(minutes=45))
    assert fired(life)[-1] == ("reaction", "escalate")
    assert life.ticket.escalation == Role.MANAGER
    life.sleep_through(START + timedelta(hours=24))
    assert ("first_response", "breach") in fired(life)
    assert life.ticket.escalation == Role.MANAGER


def test_rungs_that_are_due_together_fire_in_order_in_one_change(life: Life) -> None:
    """The workflow was down for two days. One wake fires each rung once, by due time."""
    life.open("complaint").wait(hours=48).wake()
    happened = life.last.events
    assert [event.number for event in happened] == list(range(2, 2 + len(happened)))
    due = [event.data["due_at"] for event in happened]
    assert due == sorted(due)
    assert {event.at for event in happened} == {life.clock.moment}
    assert fired(life) == [
        ("acknowledgement", "breach"),
        ("reaction", "remind"),
        ("reaction", "remind"),
        ("reaction", "breach"),
        ("reaction", "escalate"),
        ("first_response", "remind"),
        ("first_response", "remind"),
        ("resolution", "remind"),  # due at the same time as the next: lower rungs come first
        ("first_response", "breach"),
        ("first_response", "escalate"),
        ("resolution", "remind"),
        ("resolution", "breach"),
    ]
    assert life.wake().last.events == happened, "a second wake finds nothing due"


def test_kept_promises_cause_no_reminders(life: Life) -> None:
    life.open().acknowledge().tell_progress().wait(hours=1).reply()
    life.sleep_through(START + timedelta(hours=47))
    assert {clock for clock, _ in fired(life)} == {"resolution", "update"}


# -------------------------------------------------------------------------------- the callback


def test_closes_as_unconfirmed_after_three_unanswered_callback_mails(life: Life) -> None:
    life.open().acknowledge().resolve()
    resolved = life.clock.moment
    attempts = [life.ticket.callback_attempts]
    for day in (1, 2, 3):
        life.sleep_through(resolved + timedelta(days=day))
        attempts.append(life.ticket.callback_attempts)
    assert attempts == [1, 2, 3, 3]
    assert fired(life) == [
        ("callback", "ask_again"),
        ("callback", "ask_again"),
        ("callback", "close"),
    ]
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "unconfirmed")
    assert life.ticket.closed_at == resolved + timedelta(days=3)


def test_a_callback_by_phone_escalates_when_nobody_calls(life: Life) -> None:
    life.open(contact=BY_PHONE).resolve()
    assert life.ticket.callback_attempts == 0
    assert ticket.next_due(life.ticket) == life.clock.moment + timedelta(days=1)
    life.sleep_through(life.clock.moment + timedelta(days=2))
    assert fired(life) == [
        ("callback", "remind"),
        ("callback", "remind"),
        ("callback", "breach"),
        ("callback", "escalate"),
    ]
    assert life.ticket.state is State.RESOLVED, "nobody has called, so it stays a task"


def test_closes_as_unconfirmed_after_three_unanswered_calls(life: Life) -> None:
    life.open(contact=BY_PHONE).resolve().call("no_answer").call("no_answer")
    assert life.ticket.state is State.RESOLVED
    life.call("no_answer")
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "unconfirmed")


def test_a_call_that_confirms_starts_the_survey(life: Life) -> None:
    life.open(contact=BY_PHONE).resolve().call("confirmed")
    assert life.ticket.state is State.CONFIRMED
    assert life.ticket.clocks[ClockName.CALLBACK].state is ClockState.STOPPED


def test_a_dispute_starts_a_new_resolution_clock_and_raises_the_priority(
    life: Life, plan: Plan
) -> None:
    life.open().acknowledge().assign(MEI.id).wait(hours=72).resolve().wait(hours=5).dispute()
    reopened = life.ticket
    resolution = reopened.clocks[ClockName.RESOLUTION]
    assert reopened.state is State.OPEN
    assert (resolution.started_at, resolution.state, resolution.fired) == (
        life.clock.moment,
        ClockState.RUNNING,
        (),
    )
    assert resolution.due_at == life.clock.moment + timedelta(hours=48)
    assert reopened.priority == plan.reopened_priority
    assert (reopened.round, reopened.callback_attempts) == (2, 0)
    assert (reopened.assignee, reopened.preferred) == (None, MEI.id)


def test_a_dispute_after_confirmation_cancels_the_survey(life: Life) -> None:
    life.open().acknowledge().resolve().confirm().dispute()
    assert life.ticket.clocks[ClockName.SURVEY].state is ClockState.CANCELLED
    life.assign().resolve().wait(hours=2).confirm()
    survey = life.ticket.clocks[ClockName.SURVEY]
    assert (survey.state, survey.started_at) == (ClockState.RUNNING, life.clock.moment)


def test_a_second_resolution_starts_a_new_callback_and_has_its_own_round(life: Life) -> None:
    life.open().acknowledge().resolve().dispute().wait(hours=1).resolve(LIN)
    resolution = life.ticket.resolution
    assert resolution is not None
    assert (resolution.round, resolution.by, resolution.contacts_after) == (2, LIN.id, 0)
    assert life.ticket.callback_attempts == 1


def test_messages_after_the_resolution_are_counted(life: Life) -> None:
    life.open().acknowledge().write().resolve().write().write()
    resolution = life.ticket.resolution
    assert resolution is not None
    assert resolution.contacts_after == 2
    assert life.ticket.state is State.RESOLVED, "only a dispute reopens a ticket"


# -------------------------------------------------------------------------------- the end


def test_feedback_closes_with_its_answer_without_callback_or_survey(life: Life) -> None:
    life.open("feedback").acknowledge().resolve()
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "answered")
    assert ClockName.CALLBACK not in life.ticket.clocks
    assert ticket.next_wake(life.ticket, life.plan) is None


def test_the_survey_is_sent_after_an_hour_and_expires_after_a_week(life: Life) -> None:
    life.open().acknowledge().resolve().confirm()
    confirmed = life.clock.moment
    life.sleep_through(confirmed + timedelta(hours=1))
    assert fired(life) == [("survey", "invite")]
    life.sleep_through(confirmed + timedelta(days=7))
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "confirmed")
    assert life.ticket.closed_at == confirmed + timedelta(days=7)


def test_a_survey_answer_also_confirms_the_resolution(life: Life) -> None:
    life.open().acknowledge().resolve().answer_survey()
    assert [event.type for event in life.last.events] == [
        EventType.CONFIRMED,
        EventType.SURVEYED,
        EventType.CLOSED,
    ]
    assert life.ticket.closure == "confirmed"
    assert not life.ticket.clocks[ClockName.CALLBACK].missed
    assert life.ticket.clocks[ClockName.CALLBACK].state is ClockState.STOPPED


@pytest.mark.parametrize(
    "answers",
    [{"overall": 1}, {"overall": 2}, {"overall": 5, "solution": 2}, {"overall": 2, "solution": 5}],
)
def test_a_low_survey_confirms_nothing_and_the_callback_goes_on(
    life: Life, answers: dict[str, int]
) -> None:
    life.open().acknowledge().resolve()
    callback = life.ticket.clocks[ClockName.CALLBACK]
    life.wait(hours=1).rate(**answers)
    assert [event.type for event in life.last.events] == [EventType.SURVEYED]
    assert life.last.events[0].data == {"answers": answers}
    assert (life.ticket.state, life.ticket.closure) == (State.RESOLVED, None)
    assert life.ticket.clocks[ClockName.CALLBACK] == callback
    life.sleep_through(life.clock.moment + timedelta(days=4))
    assert fired(life) == [
        ("callback", "ask_again"),
        ("callback", "ask_again"),
        ("callback", "close"),
    ]
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "unconfirmed")


@pytest.mark.parametrize("overall", [1, 2, 5])
def test_the_ticket_keeps_the_overall_score_of_its_survey(life: Life, overall: int) -> None:
    life.open().acknowledge().resolve()
    assert life.ticket.satisfaction is None
    assert life.rate(overall=overall, speed=3).ticket.satisfaction == overall


@pytest.mark.parametrize("answers", [{"overall": 3}, {"overall": 3, "solution": 3, "speed": 1}])
def test_a_survey_above_the_low_scores_confirms_the_resolution(
    life: Life, answers: dict[str, int]
) -> None:
    life.open().acknowledge().resolve().rate(**answers)
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "confirmed")


def test_a_survey_after_a_confirmation_closes_the_ticket_with_any_score(life: Life) -> None:
    life.open().acknowledge().resolve().confirm().rate(overall=1)
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "confirmed")


def test_a_confirmation_after_a_low_survey_closes_the_ticket_without_another_survey(
    life: Life,
) -> None:
    life.open().acknowledge().resolve().rate(overall=1).wait(hours=1).confirm()
    assert [event.type for event in life.last.events] == [EventType.CONFIRMED, EventType.CLOSED]
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "confirmed")


def test_a_ticket_is_surveyed_once_even_if_the_low_survey_led_to_a_dispute(life: Life) -> None:
    life.open().acknowledge().resolve().rate(overall=1)
    with pytest.raises(NotAllowedNow):
        life.rate(overall=5)
    life.dispute().assign().resolve()
    with pytest.raises(NotAllowedNow):
        life.rate(overall=5)
    life.confirm()
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "confirmed")


@pytest.mark.parametrize(("low", "state"), [(1, State.CLOSED), (3, State.RESOLVED)])
def test_the_plan_says_which_survey_scores_are_low(low: int, state: State) -> None:
    document = plan_document()
    document["survey"]["low"] = low
    life = Life(Clock(), parse(document)).open().acknowledge().resolve().rate(overall=2)
    assert life.ticket.state is state


def test_withdrawing_cancels_open_promises(life: Life) -> None:
    life.open().acknowledge().wait(days=9).withdraw()
    ended = life.ticket.clocks
    assert ended[ClockName.RESOLUTION].state is ClockState.CANCELLED
    assert not any(clock.missed for clock in ended.values())
    assert (life.ticket.closure, life.ticket.closed_at) == ("withdrawn", life.clock.moment)


# ----------------------------------------------------------------------------- reclassifying


def test_reclassifying_recomputes_every_promise_from_the_beginning(life: Life) -> None:
    life.open("inquiry").acknowledge().wait(hours=4).reclassify("complaint")
    corrected = life.ticket
    assert {name: clock.due_at - START for name, clock in corrected.clocks.items()} == {
        ClockName.ACKNOWLEDGEMENT: timedelta(minutes=5),
        ClockName.REACTION: timedelta(minutes=30),
        ClockName.FIRST_RESPONSE: timedelta(hours=24),
        ClockName.RESOLUTION: timedelta(hours=48),
    }
    assert (corrected.kind, corrected.team, corrected.priority) == (
        "complaint",
        "complaints",
        "high",
    )


def test_reclassifying_keeps_the_pause(life: Life) -> None:
    life.open("inquiry").wait(hours=1).reply(wait_for_customer=True).wait(hours=9)
    life.reclassify("urgent").wait(hours=1).write()
    resolution = life.ticket.clocks[ClockName.RESOLUTION]
    assert resolution.due_at == life.clock.moment + timedelta(hours=23)


def test_reclassifying_to_a_kind_without_a_reaction_cancels_the_reaction_clock(life: Life) -> None:
    life.open("complaint").wait(minutes=1).reclassify("inquiry")
    assert life.ticket.clocks[ClockName.REACTION].state is ClockState.CANCELLED


def test_reclassifying_back_revives_the_reaction_clock(life: Life) -> None:
    life.open("complaint").wait(minutes=1).reclassify("inquiry").wait(minutes=1)
    reaction = life.reclassify("complaint").ticket.clocks[ClockName.REACTION]
    assert reaction.state is ClockState.RUNNING
    assert reaction.due_at == START + timedelta(minutes=30)


def test_reclassifying_after_progress_starts_no_reaction_clock(life: Life) -> None:
    life.open("inquiry").wait(minutes=1).tell_progress().wait(hours=1).reclassify("complaint")
    reaction = life.ticket.clocks.get(ClockName.REACTION)
    assert reaction is None or reaction.state is not ClockState.RUNNING
    assert ("reaction", "breach") not in fired(life.wake())


def test_a_breach_stays_recorded_when_the_kind_changes_and_changes_back(life: Life) -> None:
    """The miss stays with the agent who had the ticket then. Nobody is charged a second time."""
    life.open("complaint").acknowledge().wait(minutes=31).wake()
    reaction = life.reclassify("inquiry").reclassify("complaint").ticket.clocks[ClockName.REACTION]
    assert (reaction.state, reaction.breached) == (ClockState.RUNNING, True)


def test_reclassifying_after_the_first_reply_starts_no_reaction_clock(life: Life) -> None:
    life.open("inquiry").reply().wait(hours=1).reclassify("complaint")
    assert ClockName.REACTION not in life.ticket.clocks


# -------------------------------------------------------------------------------- business time


def hours(value: float) -> timedelta:
    return timedelta(hours=value)


FRIDAY_16 = START + timedelta(days=4, hours=7)
"""27 November 2026, 16:00 in Shanghai. START is a Monday, 9:00 there."""


def test_an_inquiry_counts_office_hours_without_lunch_and_weekend() -> None:
    """Friday 16:00 + 8 office hours: 2 on Friday, 3 + 3 on Monday around lunch, until 16:00."""
    life = Life(Clock(FRIDAY_16)).open("inquiry")
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].due_at == FRIDAY_16 + timedelta(days=3)


def test_public_holidays_do_not_count_and_a_make_up_saturday_does() -> None:
    """30 September 2026, 16:00: 1 to 7 October are holidays; 10 October, a Saturday, is worked."""
    eve = datetime(2026, 9, 30, 8, tzinfo=UTC)
    life = Life(Clock(eve)).open("feedback")
    first = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    resolution = life.ticket.clocks[ClockName.RESOLUTION]
    assert first.due_at == datetime(2026, 10, 9, 8, tzinfo=UTC), "2 + 8 + 6 hours: Friday 16:00"
    assert resolution.due_at == datetime(2026, 10, 13, 8, tzinfo=UTC), "2 + 8 + 8 + 8 (Sat) + 8 + 6"


def test_reclassifying_an_inquiry_as_a_complaint_counts_the_night_too() -> None:
    """The first response of an inquiry counts office hours, that of a complaint every hour."""
    life = Life(Clock(FRIDAY_16)).open("inquiry").assign().wait(hours=20).reclassify("complaint")
    first = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert (first.calendar, first.consumed_s) == ("always", 20 * HOUR)
    assert first.due_at == FRIDAY_16 + hours(24)
    life.reclassify("inquiry")
    again = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert (again.calendar, again.consumed_s) == ("office", 2 * HOUR)


# ---------------------------------------------------------------------- next reply and update


def test_the_next_reply_counts_from_the_oldest_unanswered_message(life: Life) -> None:
    life.open().acknowledge().reply().wait(hours=2).write().wait(hours=3).write()
    reply = life.ticket.clocks[ClockName.NEXT_REPLY]
    assert (reply.started_at, reply.due_at) == (START + hours(2), START + hours(26))
    life.wait(hours=1).reply()
    kept = life.ticket.clocks[ClockName.NEXT_REPLY]
    assert (kept.state, kept.missed, kept.held_by) == (ClockState.STOPPED, False, MEI.id)
    life.wait(hours=5).write()
    second = life.ticket.clocks[ClockName.NEXT_REPLY]
    assert (second.started_at, second.state) == (life.clock.moment, ClockState.RUNNING)


def test_a_message_before_the_first_reply_starts_no_next_reply_clock(life: Life) -> None:
    """Until the first reply only the first-response promise counts."""
    life.open().acknowledge().wait(hours=1).write()
    assert ClockName.NEXT_REPLY not in life.ticket.clocks
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].due_at == START + hours(24)


def test_progress_restarts_the_update_but_does_not_stop_the_next_reply(life: Life) -> None:
    life.open().acknowledge().reply().wait(hours=2).write().wait(hours=3).tell_progress()
    assert life.ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.RUNNING
    assert life.ticket.clocks[ClockName.UPDATE].started_at == life.clock.moment


def test_escalates_to_the_supervisor_when_an_update_is_missed(
    life: Life,
) -> None:
    life.open().acknowledge().assign().reply()
    life.sleep_through(START + hours(25))
    assert [entry for entry in fired(life) if entry[0] == "update"] == [
        ("update", "remind"),
        ("update", "breach"),
    ]
    assert life.ticket.escalation == Role.SUPERVISOR


# --------------------------------------------------------------------------- holds, own promises


def test_a_hold_pauses_only_the_clocks_that_the_plan_names(life: Life) -> None:
    request = life.open("service_request").reply().wait(hours=1).hold().ticket
    assert request.clocks[ClockName.RESOLUTION].state is ClockState.PAUSED
    assert request.clocks[ClockName.UPDATE].state is ClockState.RUNNING, "updates go on"
    complaint = Life(Clock()).open("complaint").reply().hold().ticket
    assert complaint.clocks[ClockName.RESOLUTION].state is ClockState.RUNNING


def test_an_unanswered_message_resumes_the_clock_during_a_hold_and_the_reply_pauses_it_again(
    life: Life,
) -> None:
    life.open("service_request").reply().wait(hours=1).hold().wait(hours=4).write()
    assert life.ticket.clocks[ClockName.RESOLUTION].state is ClockState.RUNNING
    life.wait(hours=2).reply()
    held = life.ticket.clocks[ClockName.RESOLUTION]
    assert (held.state, held.consumed_s, life.ticket.on_hold) == (
        ClockState.PAUSED,
        3 * HOUR,
        "part",
    )
    life.wait(hours=30).release()  # Tuesday, 22:00: the remaining 37 h begin on Wednesday
    due = life.ticket.clocks[ClockName.RESOLUTION].due_at
    assert due == START + timedelta(days=8, hours=6), "Tuesday, 15:00"


def test_a_hold_and_a_wait_for_the_customer_end_independently(life: Life) -> None:
    life.open("service_request").reply().hold().wait(hours=1).reply(wait_for_customer=True)
    life.wait(hours=1).release()
    assert life.ticket.clocks[ClockName.RESOLUTION].state is ClockState.PAUSED, "the customer"
    life.wait(hours=1).write()
    assert life.ticket.clocks[ClockName.RESOLUTION].state is ClockState.RUNNING


def test_an_agents_own_promise_is_a_clock_that_a_reply_stops(life: Life) -> None:
    life.open().acknowledge().wait(minutes=10).promise(hours=3)
    word = life.ticket.clocks[ClockName.OWN_WORD]
    assert (word.due_at, word.state) == (START + hours(3) + timedelta(minutes=10), "running")
    assert life.ticket.clocks[ClockName.REACTION].state is ClockState.STOPPED
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].due_at == START + hours(24)
    life.wait(hours=4).wake().reply()
    broken = life.ticket.clocks[ClockName.OWN_WORD]
    assert (broken.missed, broken.breached) == (True, True)
    assert [action for clock, action in fired(life) if clock == "own_word"] == [
        "remind",
        "remind",
        "breach",
    ]


# ------------------------------------------------------------------------------ what a rung does


def climbing(**rung: Any) -> Plan:
    """Plan 1 with a breach rung that has further effects."""
    document = plan_document()
    document["ladders"]["promise"][2] |= rung
    return parse(document)


def test_a_rung_can_raise_the_priority_but_not_lower_it() -> None:
    plan = climbing(priority="urgent")
    life = Life(Clock(), plan).open("complaint").wait(minutes=30).wake()
    assert life.ticket.priority == "urgent"
    lower = Life(Clock(), climbing(priority="low")).open("complaint").wait(minutes=30).wake()
    assert lower.ticket.priority == "high"
    assert lower.ticket.clocks == life.ticket.clocks, "deadlines stay as they were promised"


def test_a_rung_can_return_the_ticket_to_the_queue() -> None:
    life = Life(Clock(), climbing(reassign=True)).open("complaint").assign().accept().acknowledge()
    life.wait(minutes=30).wake()
    assert [event.type for event in life.last.events][-2:] == [
        EventType.RUNG_FIRED,
        EventType.QUEUED,
    ]
    assert (life.ticket.assignee, life.ticket.avoid) == (None, MEI.id)
    assert life.ticket.clocks[ClockName.REACTION].held_by == MEI.id, "the miss stays with her"
    assert life.assign("a-jun").ticket.avoid is None


def test_watchers_are_notified_of_every_later_rung() -> None:
    life = Life(Clock(), climbing(watch=["manager"])).open("complaint").acknowledge()
    life.sleep_through(START + hours(13))
    notified = [
        (event.data["clock"], event.data["action"], event.data["notify"])
        for event in life.events
        if event.type is EventType.RUNG_FIRED
    ]
    assert ("reaction", "breach", ["agent", "supervisor"]) in notified
    assert ("first_response", "remind", ["agent", "manager"]) in notified


def test_an_incident_is_proposed_once() -> None:
    life = Life(Clock(), climbing(incident=True)).open("complaint").acknowledge()
    life.sleep_through(START + hours(50))
    proposed = [e for e in life.events if e.type is EventType.INCIDENT_PROPOSED]
    assert len(proposed) == 1
    assert life.ticket.incident_proposed


def test_no_incident_is_proposed_for_a_case_of_one() -> None:
    life = Life(Clock(), climbing(incident=True)).open("complaint").acknowledge().join_incident()
    life.sleep_through(START + hours(50))
    assert EventType.RUNG_FIRED in {event.type for event in life.events}
    assert EventType.INCIDENT_PROPOSED not in {event.type for event in life.events}


# ------------------------------------------------------------------------------ another plan


def test_moving_to_another_plan_keeps_the_time_consumed_and_repeats_no_rung() -> None:
    document = plan_document() | {"version": 2}
    document["levels"]["complaint"]["promises"]["first_response"]["within"] = "16h"
    shorter = parse(document)
    life = Life(Clock()).open("complaint").acknowledge().tell_progress().assign()
    life.sleep_through(START + hours(13)).move_to(shorter).wake()
    first = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert (life.ticket.plan_version, first.due_at) == (2, START + hours(16))
    answers = [a for c, a in fired(life) if c == "first_response"]
    assert answers == ["remind", "remind"], "50 % fired at 12 h; 80 % of 16 h has passed"
    assert life.folded == life.ticket


def without_an_office() -> Plan:
    """Plan 2: all promises count every hour, and an own promise has no ladder of its own."""
    document = plan_document() | {"version": 2}
    del document["calendars"]["office"]
    document["mail"]["held"]["calendar"] = "always"
    for holder in (*document["levels"].values(), *document["overrides"]):
        for promise in holder.get("promises", {}).values():
            promise.pop("calendar", None)
    return parse(document)


def test_a_ticket_can_be_closed_after_a_move_to_a_plan_without_its_calendar() -> None:
    life = Life(Clock()).open("inquiry").acknowledge().assign().reply()
    life.move_to(without_an_office()).resolve().confirm().answer_survey()
    assert life.ticket.state is State.CLOSED
    assert life.folded == life.ticket


def test_a_move_cancels_a_clock_whose_promise_and_calendar_are_gone() -> None:
    document = plan_document() | {"version": 2}
    del document["levels"]["inquiry"]["promises"]["next_reply"]
    del document["calendars"]["office"]
    document["mail"]["held"]["calendar"] = "always"
    for holder in (*document["levels"].values(), *document["overrides"]):
        for promise in holder.get("promises", {}).values():
            promise.pop("calendar", None)
    life = Life(Clock()).open("inquiry").acknowledge().reply().wait(hours=1).write()
    life.move_to(parse(document))
    assert life.ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.CANCELLED


def test_an_own_promise_uses_the_ladder_of_the_new_plan() -> None:
    document = plan_document()
    document["ladders"]["word"] = document["ladders"]["courtesy"]
    document["own_word"]["ladder"] = "word"
    life = Life(Clock(), parse(document)).open().acknowledge().promise(hours=10)
    life.wait(hours=2).move_to(without_an_office())
    word = life.ticket.clocks[ClockName.OWN_WORD]
    assert (word.ladder, word.due_at) == ("promise", START + hours(10))
    assert ticket.next_wake(life.ticket, life.plan) == START + hours(5)


def test_clocks_that_ended_under_the_old_plan_are_never_measured_again() -> None:
    document = plan_document() | {"version": 2}
    document["calendars"]["office"]["week"] = {"monday": ["10:00-11:00"]}
    life = Life(Clock()).open("inquiry").acknowledge().wait(hours=6).reply()
    before = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    life.move_to(parse(document))
    after = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert (after.consumed_s, after.due_at) == (before.consumed_s, before.due_at)
    with pytest.raises(InvalidInput, match="plan that was left"):
        life.correct("first_response", START + hours(1))


def test_an_answer_recorded_later_also_stops_the_reaction_and_starts_the_update() -> None:
    life = Life(Clock()).open("complaint").acknowledge().wait(minutes=20)
    life.correct("first_response", START + timedelta(minutes=10))
    reaction, update = (life.ticket.clocks[n] for n in (ClockName.REACTION, ClockName.UPDATE))
    assert (reaction.state, reaction.consumed_s) == (ClockState.STOPPED, 600)
    assert update.started_at == START + timedelta(minutes=10)
    life.sleep_through(START + hours(2))
    assert fired(life) == [], "nobody is reminded of a kept promise"


# ------------------------------------------------------------- next due, version, phase


def test_next_due_is_the_earliest_running_promise_of_staff(life: Life) -> None:
    due = [
        ticket.next_due(life.open("complaint").acknowledge().ticket),
        ticket.next_due(life.tell_progress().ticket),
        ticket.next_due(life.reply().ticket),
        ticket.next_due(life.wait(hours=1).write().ticket),
        ticket.next_due(life.promise(hours=2).ticket),
        ticket.next_due(life.resolve().ticket),
    ]
    assert due == [
        START + timedelta(minutes=30),
        START + timedelta(hours=24),
        START + timedelta(hours=24),  # the next update
        START + timedelta(hours=24),  # still the update, which is due before the next reply
        START + timedelta(hours=3),
        None,
    ]


def test_only_events_of_persons_except_notes_change_the_last_person_version(life: Life) -> None:
    life.open().assign().acknowledge().wait(days=9).wake()
    assert life.ticket.last_person_version == 1
    assert life.ticket.version > 4
    life.note()
    assert life.ticket.last_person_version == 1, "other agents need not know of a note"
    life.tell_progress()
    assert life.ticket.last_person_version == life.ticket.version


PHASES = {
    State.NEW: Phase.FIRST_RESPONSE,
    State.OPEN: Phase.RESOLUTION,
    State.WAITING: Phase.RESOLUTION,
    State.RESOLVED: Phase.CALLBACK,
    State.CONFIRMED: Phase.SURVEY,
    State.CLOSED: Phase.CLOSED,
}


@pytest.mark.parametrize("state", State)
def test_the_phase_follows_from_the_state(state: State, life_at: Callable[[State], Life]) -> None:
    assert life_at(state).ticket.phase is PHASES[state]


def test_folding_an_empty_history_is_refused(plan: Plan) -> None:
    with pytest.raises(ValueError, match="at least"):
        folding.fold([], plan)


# -------------------------------------------------------------------------------- any life

COMMANDS: dict[str, Callable[[Life], object]] = {
    "acknowledge": Life.acknowledge,
    "assign": Life.assign,
    "reassign": lambda life: life.reassign("a-jun"),
    "queue": lambda life: life.reassign(None),
    "complaint": lambda life: corrected(life, "complaint"),
    "inquiry": lambda life: corrected(life, "inquiry"),
    "urgent": lambda life: corrected(life, "urgent"),
    "feedback": lambda life: corrected(life, "feedback"),
    "progress": Life.tell_progress,
    "reply": Life.reply,
    "ask": lambda life: life.reply(wait_for_customer=True),
    "note": Life.note,
    "write": Life.write,
    "promise": lambda life: life.promise(hours=3),
    "hold": Life.hold,
    "hold for another": lambda life: life.hold("third_party"),
    "release": Life.release,
    "vip": lambda life: valued(life, "vip"),
    "standard": lambda life: valued(life, "standard"),
    "plan": lambda life: life.move_to(replace(life.plan, version=life.plan.version + 1)),
    "answered by phone": lambda life: answered_earlier(life),
    "resolve": Life.resolve,
    "no_answer": lambda life: life.call("no_answer"),
    "called": lambda life: life.call("confirmed"),
    "confirm": Life.confirm,
    "dispute": Life.dispute,
    "survey": Life.answer_survey,
    "low survey": lambda life: life.rate(overall=5, solution=1),
    "withdraw": Life.withdraw,
    "wake": Life.wake,
}


def valued(life: Life, customer_type: str) -> Life:
    if life.ticket.customer_type == customer_type:
        return life
    return life.reclassify(customer_type=customer_type)


def answered_earlier(life: Life) -> Life:
    """Record that the customer was answered by phone, halfway between their message and now."""
    for name in (ClockName.FIRST_RESPONSE, ClockName.NEXT_REPLY):
        clock = life.ticket.clocks.get(name)
        if clock is not None and not clock.over:
            now = life.clock.now()
            return life.correct(name, clock.started_at + (now - clock.started_at) / 2)
    return life


MOVES = st.lists(
    st.tuples(
        st.sampled_from(sorted(COMMANDS)),
        st.one_of(st.integers(0, 2 * HOUR), st.integers(0, 3 * DAY)),
    ),
    max_size=14,
)
KINDS = ("inquiry", "complaint", "urgent", "service_request", "feedback")
KINDS_OF_LIFE = st.tuples(st.sampled_from(KINDS), st.booleans())


def lived(kind: str, by_mail: bool, moves: list[tuple[str, int]]) -> Life:
    """A life with these steps. Steps that are not possible in the ticket's state are left out."""
    life = Life(Clock()).open(kind, contact=BY_MAIL if by_mail else BY_PHONE)
    for name, seconds in moves:
        life.wait(seconds=seconds)
        try:
            COMMANDS[name](life)
        except NotAllowedNow:
            continue
    return life


@given(KINDS_OF_LIFE, MOVES)
@examples(150)
def test_folding_the_history_always_gives_the_stored_ticket(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    """Also after a round trip through the stored form of events and snapshots."""
    life = lived(*kind, moves)
    plans = {change.plan.version: change.plan for change in life.changes}
    events: list[Event] = []
    for change in life.changes:
        events += [items.event_of(encoding.encode(event)) for event in change.events]
        stored = items.ticket_of(items.snapshot_doc(change.after))
        folded = folding.fold(events, life.changes[0].plan, plans.__getitem__)
        assert stored == change.after == folded
        assert stored.version == len(events)
    assert [event.number for event in events] == list(range(1, len(events) + 1))


@given(KINDS_OF_LIFE, MOVES)
@examples(150)
def test_the_fields_of_a_ticket_are_always_consistent(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    for change in lived(*kind, moves).changes:
        now = change.after
        resolution = now.clocks[ClockName.RESOLUTION]
        waits = now.state is State.WAITING or (now.on_hold in resolution.pauses)
        assert (resolution.state is ClockState.PAUSED) == (
            now.needs_agent and waits and now.unanswered_since is None
        )
        if now.needs_agent:
            assert resolution.state in (ClockState.RUNNING, ClockState.PAUSED)
        if now.state is State.CLOSED:
            if not now.goes_on_closed:
                assert ticket.next_wake(now, change.plan) is None
            assert now.closure
            assert now.closed_at
        for name, clock in now.clocks.items():
            assert clock.consumed_s >= 0
            assert clock.started_at <= clock.anchor_at
            ladder = change.plan.ladder(name, clock, by_mail=now.callback_by_mail)
            if not clock.settled:
                assert set(clock.fired) <= set(clocks.steps(ladder.rungs))
            assert set(clock.fired).isdisjoint(clock.ahead)
            if clock.settled or clock.state is ClockState.CANCELLED:
                continue
            calendar = change.plan.calendar(clock.calendar)
            ran = clocks.spans(clock, now.waits, clock.anchor_at)
            assert clocks.measured(ran, calendar) == pytest.approx(clock.consumed_s)
            due_at = clocks.reached(ran, clock.target_s, clock.anchor_at, calendar)
            assert abs(due_at - clock.due_at) < timedelta(milliseconds=1)


@given(KINDS_OF_LIFE, MOVES)
@examples(150)
def test_elapsed_time_of_a_clock_never_decreases(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    """Only a clock that started again, after a dispute for example, begins at zero."""
    for change in lived(*kind, moves).changes[1:]:
        before, moment = change.before, change.events[0].at
        assert before is not None
        for name, clock in before.clocks.items():
            after = change.after.clocks[name]
            if after.state is ClockState.CANCELLED or change.events[0].type in MEASURED_AGAIN:
                continue
            if after.started_at == clock.started_at:
                calendar = change.plan.calendar(clock.calendar)
                was = clocks.elapsed(clock, moment, calendar)
                assert clocks.elapsed(after, moment, calendar) >= was - 1e-6


MEASURED_AGAIN = (EventType.RECLASSIFIED, EventType.PLAN_CHANGED, EventType.CORRECTED)


@given(st.sampled_from(KINDS), st.sampled_from(KINDS), MOVES, st.integers(0, 3 * DAY))
@examples(300)
def test_a_corrected_kind_counts_as_if_it_had_been_right_from_the_beginning(
    right: str, wrong: str, moves: list[tuple[str, int]], seconds: int
) -> None:
    """Compare two lives with the same steps: one classified right at once, one only at the end."""
    steps = [(name, gap) for name, gap in moves if name not in CORRECTIONS]
    known = lived(right, True, steps).wait(seconds=seconds)
    found = lived(wrong, True, steps).wait(seconds=seconds)
    if not (known.ticket.needs_agent and found.ticket.needs_agent):
        return
    corrected(found, right)
    for name in (ClockName.FIRST_RESPONSE, ClockName.NEXT_REPLY, ClockName.RESOLUTION):
        one, other = (life.ticket.clocks.get(name) for life in (known, found))
        if one is None or other is None or one.over or other.over:
            continue
        promised = (one.target_s, one.calendar, one.pauses, one.started_at)
        if promised != (other.target_s, other.calendar, other.pauses, other.started_at):
            continue  # a rung raised the priority, for which the plan has other promises
        calendar, now = known.plan.calendar(one.calendar), known.clock.now()
        assert other.state is one.state
        assert clocks.elapsed(other, now, calendar) == pytest.approx(
            clocks.elapsed(one, now, calendar)
        )
        assert clocks.standing(other, now) is clocks.standing(one, now)
        if one.state is ClockState.RUNNING or clocks.overdue(one, now):
            assert abs(other.due_at - one.due_at) < timedelta(milliseconds=1)


CORRECTIONS = ("complaint", "inquiry", "urgent", "feedback", "vip", "standard", "plan")


@given(KINDS_OF_LIFE, MOVES)
@examples(100)
def test_a_workflow_that_only_sleeps_and_wakes_ends(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    """Every wake fires a rung and makes the next wake later, so a workflow never spins."""
    life = lived(*kind, moves)
    ladders = ticket.ladders(life.ticket, life.plan).values()
    most = sum(len(ladder.rungs) for ladder in ladders)
    if (owed := urgent.post_mortem(life.plan)) is not None:  # the wake that closes it starts one
        most += len(life.plan.ladders[owed.ladder])
    for _ in range(most + 1):
        wake = ticket.next_wake(life.ticket, life.plan)
        if wake is None:
            break
        life.clock.moment = max(life.clock.moment, wake)
        before = life.ticket.version
        assert life.wake().ticket.version > before
        later = ticket.next_wake(life.ticket, life.plan)
        assert later is None or later > life.clock.moment
    assert ticket.next_wake(life.ticket, life.plan) is None


@given(KINDS_OF_LIFE, MOVES)
@examples(100)
def test_each_rung_acts_once_until_its_promise_is_recomputed(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    acted: set[tuple[str, int]] = set()
    for event in lived(*kind, [*moves, ("wake", 0), ("wake", 0)]).events:
        if event.type in RECOMPUTE:
            acted.clear()
        if event.type is EventType.RUNG_FIRED:
            rung = (event.data["clock"], event.data["step"])
            assert rung not in acted
            acted.add(rung)


RECOMPUTE = {
    EventType.RECLASSIFIED,
    EventType.PLAN_CHANGED,
    EventType.DISPUTED,
    EventType.RESOLVED,
    # these start an update, a next reply or an own promise
    EventType.REPLIED,
    EventType.PROGRESS_TOLD,
    EventType.CUSTOMER_WROTE,
    EventType.PROMISED,
    EventType.HELD,
    # may restart the update at the corrected answer, and recompute for a hold
    EventType.CORRECTED,
}


def test_a_repeated_callback_mail_counts_as_an_attempt(life: Life) -> None:
    life.open().acknowledge().resolve().wait(days=1).wake()
    assert life.last.events[-1].data["action"] == Action.ASK_AGAIN
    assert life.ticket.callback_attempts == 2
