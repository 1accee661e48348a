"""The ticket machine with skipped time: waits, rungs, races, generations and failures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from redress.base.errors import Unavailable, Unreadable
from redress.base.people import Actor, Member, Role
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.staff.rules.availability import Presence
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import (
    by_customer,
    by_departments,
    by_staff,
    by_system,
    checklists,
    post_mortems,
    remedying,
)
from redress.tickets.rules.steps.by_departments import NewTask
from redress.tickets.rules.steps.post_mortems import Learnt
from redress.tickets.rules.steps.remedying import NewRemedy
from redress.tickets.rules.ticket import EventType, Phase, State, Ticket
from redress.workflow.cases.repair import PATIENCE
from tests.builders import BY_PHONE, LIN, MEI, START, Clock, plan_document
from tests.statemachines.skipping import Sleepers, eventually
from tests.statemachines.world import World

HAPPY = [
    "Acknowledge",
    "AwaitFirstResponse",
    "AwaitResolution",
    "AwaitCallback",
    "AwaitSurvey",
]
type Handlers = dict[str, Callable[[dict[str, Any]], Any]]

ACT = ["ActOnDueClocks", "WhichPhase"]
"""The states between two waits."""


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


# ------------------------------------------------------------------ paths through the machine


def test_happy_path_enters_five_states_and_runs_no_function(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.pass_time(minutes=10)
    world.reply(number)
    world.pass_time(hours=5)
    world.resolve(number)
    world.pass_time(hours=20)
    world.confirm(number)
    world.answer_survey(number)

    assert world.states(number) == HAPPY
    assert world.status(number) == "SUCCEEDED"
    assert world.rungs(number) == []
    assert world.at_rest(number)


def test_answer_after_twenty_minutes_enters_eight_states_with_one_reminder(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.pass_time(minutes=20)
    world.reply(number)
    world.pass_time(hours=5)
    world.resolve(number)
    world.confirm(number)
    world.answer_survey(number)

    assert world.states(number) == [*HAPPY[:2], *ACT, *HAPPY[1:]]
    assert len(world.states(number)) == 8
    assert [(clock, action) for clock, action, _ in world.rungs(number)] == [("reaction", "remind")]
    assert world.at_rest(number)


def test_ticket_without_mail_starts_at_the_first_response(world: World) -> None:
    number = world.open(contact=BY_PHONE)

    assert world.states(number) == ["Acknowledge", *ACT, "AwaitFirstResponse"]
    assert world.sleeps_until(number) == START + timedelta(minutes=15)


def test_resolution_as_first_response_skips_the_wait_for_a_resolution(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.resolve(number)

    assert world.states(number) == [*HAPPY[:2], *ACT, "AwaitCallback"]


def test_feedback_without_callback_and_survey_closes_with_its_answer(world: World) -> None:
    number = world.open("feedback")
    world.acknowledge(number)
    world.resolve(number)

    assert world.states(number) == [*HAPPY[:2], *ACT, "CloseTicket"]
    assert world.at_rest(number)


def test_ticket_withdrawn_before_the_first_response_enters_no_other_wait(
    world: World,
) -> None:
    number = world.open()
    world.acknowledge(number)
    world.withdraw(number)

    assert world.states(number) == [*HAPPY[:2], *ACT, "CloseTicket"]
    assert world.status(number) == "SUCCEEDED"
    assert world.at_rest(number)


def test_ticket_withdrawn_before_its_acknowledgement_closes(world: World) -> None:
    number = world.open()
    world.withdraw(number)
    world.acknowledge(number)

    assert world.states(number) == ["Acknowledge", *ACT, "CloseTicket"]
    assert world.at_rest(number)


def test_merged_ticket_ends_and_the_promise_that_it_brings_fires_in_the_target(
    world: World,
) -> None:
    """Stories 9 and 10: no clock of the merged ticket runs on, and its customer waits no longer."""
    source = world.open()
    world.acknowledge(source)
    world.pass_time(hours=3)
    target = world.open()
    world.acknowledge(target)
    before = world.sleeps_until(target)
    world.merge(source, target)

    assert world.states(source)[-3:] == [*ACT, "CloseTicket"]
    assert world.status(source) == "SUCCEEDED"
    assert world.at_rest(source)
    fired = len(world.rungs(source))
    due = world.tickets.get(target).clocks[ClockName.FIRST_RESPONSE].due_at
    assert due == START + timedelta(hours=24)
    assert world.sleeps_until(target) <= before

    world.pass_time(hours=21, seconds=1)
    rungs = [(clock, action) for clock, action, _ in world.rungs(target)]
    assert ("first_response", "breach") in rungs
    assert len(world.rungs(source)) == fired
    assert world.status(target) == "RUNNING"


@pytest.mark.parametrize("follow", [True, False], ids=["it has ended", "it was not told yet"])
def test_ticket_goes_on_in_a_new_execution_after_its_merge_was_undone(
    world: World, follow: bool
) -> None:
    source = world.open()
    world.acknowledge(source)
    target = world.open()
    world.acknowledge(target)
    world.merge(source, target, follow=follow)
    world.pass_time(minutes=5)
    world.unmerge(source, target)

    assert world.states(source, 2) == ["Acknowledge", *ACT, "AwaitFirstResponse"]
    assert world.timer(source).gen == 2
    world.pass_time(hours=24)
    breaches = [clock for clock, action, _ in world.rungs(source) if action == "breach"]
    assert breaches.count("first_response") == 1
    assert world.status(source) == "SUCCEEDED"
    assert world.status(source, 2) == "RUNNING"


def test_ticket_of_words_that_waited_too_long_is_escalated_at_once_and_ends_with_its_split(
    world: World,
) -> None:
    """The workflow of a new ticket begins with a promise that is overdue."""
    number = world.open()
    world.acknowledge(number)
    world.reply(number)
    world.pass_time(hours=1)
    world.write(number)
    before = world.sleeps_until(number)
    wrote = world.tickets.get(number).version
    world.pass_time(hours=80)
    assert "next_reply" in [clock for clock, action, _ in world.rungs(number) if action == "breach"]
    new = world.split(number, wrote)
    world.acknowledge(new)
    world.pass_time(seconds=5)
    breaches = [clock for clock, action, _ in world.rungs(new) if action == "breach"]
    assert breaches == ["first_response", "resolution"]
    assert {world.tickets.get(new).clocks[ClockName(one)].held_by for one in breaches} == {None}
    fired = len(world.rungs(number))
    world.pass_time(hours=2)
    assert "next_reply" not in [clock for clock, _, _ in world.rungs(number)[fired:]]

    world.unsplit(number, new)
    assert world.status(new) == "SUCCEEDED"
    assert world.at_rest(new)
    assert world.status(number) == "RUNNING"
    assert world.sleeps_until(number) > before
    again = [clock for clock, action, _ in world.rungs(number) if action == "breach"]
    assert again.count("next_reply") == 1, "a broken promise is not broken again"


def test_words_of_a_merged_ticket_wait_in_a_workflow_of_their_own_after_a_public_word(
    world: World,
) -> None:
    """That of the merged ticket has ended, and nothing starts it again."""
    source = world.open()
    world.acknowledge(source)
    target = world.open()
    world.acknowledge(target)
    world.merge(source, target)
    world.pass_time(minutes=5)
    world.reply(target)
    ended = world.states(source)
    new = world.split(target, 1, merged=source)
    world.acknowledge(new)
    world.pass_time(hours=25)
    breaches = [clock for clock, action, _ in world.rungs(new) if action == "breach"]
    assert "first_response" in breaches
    assert world.states(source) == ended
    assert world.status(source) == "SUCCEEDED"
    assert world.at_rest(source)
    assert [world.status(one) for one in (target, new)] == ["RUNNING", "RUNNING"]


def test_supervisor_joins_a_ticket_that_becomes_urgent_while_its_workflow_waits_for_the_customer(
    world: World,
) -> None:
    number = world.open()
    world.acknowledge(number)
    world.reply(number, wait=True)
    world.pass_time(hours=1)
    world.reclassify(number, "urgent")
    world.pass_time(seconds=20)
    joined = [clock for clock, action, _ in world.rungs(number) if action == "join"]
    assert joined == ["resolution"]
    assert world.status(number) == "RUNNING"
    world.pass_time(hours=48)
    assert [action for _, action, _ in world.rungs(number)].count("join") == 1


def test_disputed_ticket_returns_to_the_wait_for_a_resolution(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.reply(number)
    world.resolve(number)
    world.pass_time(hours=3)
    world.dispute(number)

    assert world.states(number) == [*HAPPY[:4], *ACT, "AwaitResolution"]
    notified_at = START + hours(3) + timedelta(seconds=18)
    assert world.sleeps_until(number) == notified_at, "a dispute notifies the supervisor at once"
    world.pass_time(minutes=1)
    assert world.sleeps_until(number) == START + hours(22), "the reminder of the new update promise"
    world.resolve(number)
    world.confirm(number)
    world.answer_survey(number)
    assert world.states(number)[-3:] == ["AwaitResolution", *HAPPY[3:]]
    assert world.at_rest(number)


# ------------------------------------------------------------------ time


def test_unanswered_complaint_fires_every_rung_once_on_time(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.pass_time(days=7)

    assert world.rungs(number) == [
        ("reaction", "remind", 0.25),
        ("reaction", "remind", 0.4),
        ("reaction", "breach", 0.5),
        ("reaction", "escalate", 0.75),
        ("first_response", "remind", 12),
        ("first_response", "remind", 19.2),
        ("resolution", "remind", 24),
        ("first_response", "breach", 24),
        ("first_response", "escalate", 36),
        ("resolution", "remind", 38.4),
        ("resolution", "breach", 48),
        ("resolution", "escalate", 72),
    ]
    assert world.states(number) == [*HAPPY[:2], *[*ACT, "AwaitFirstResponse"] * 11]
    assert world.status(number) == "RUNNING"


def test_rungs_of_a_task_fire_by_the_timer_of_its_ticket_and_enter_no_new_state(
    world: World,
) -> None:
    number = world.open()
    world.acknowledge(number)
    world.reply(number)
    new = NewTask("service", "A spare seal?", "Is there one?", due=START + hours(4))
    world.take(number, lambda t, p, at: by_departments.open_task(t, p, MEI, new, at))
    world.pass_time(hours=7)
    assert world.rungs(number) == [
        ("task:1", "remind", 2),
        ("task:1", "remind", 3.2),
        ("task:1", "breach", 4),
        ("task:1", "escalate", 6),
    ]
    # The opening of the task wakes the sleeping machine, as every earlier due time does.
    assert world.states(number) == [*HAPPY[:3], *[*ACT, "AwaitResolution"] * 5]
    hua = Actor(Role.SUPERVISOR, "s-hua")
    world.take(
        number, lambda t, p, at: by_departments.finish(t, p, hua, t.tasks[0], "There is one", at)
    )
    world.resolve(number)
    world.confirm(number)
    world.answer_survey(number)
    assert world.states(number)[-2:] == HAPPY[3:]
    assert world.at_rest(number)


def test_rungs_of_a_task_that_was_done_in_time_do_not_fire(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.reply(number)
    new = NewTask("service", "A spare seal?", "Is there one?", due=START + hours(4))
    world.take(number, lambda t, p, at: by_departments.open_task(t, p, MEI, new, at))
    world.pass_time(hours=1)
    hua = Actor(Role.SUPERVISOR, "s-hua")
    world.take(
        number, lambda t, p, at: by_departments.finish(t, p, hua, t.tasks[0], "There is one", at)
    )
    world.pass_time(hours=4)
    world.resolve(number)
    world.confirm(number)
    world.answer_survey(number)
    assert world.states(number) == [*HAPPY[:3], *[*ACT, "AwaitResolution"] * 2, *HAPPY[3:]]
    assert world.rungs(number) == []


def _open_request(world: World) -> str:
    """A request whose solution is promised in 8 hours. It needs a file of the customer."""
    plan_2 = plan_document() | {"version": 2}
    plan_2["levels"]["service_request"]["promises"]["resolution"] = {"within": "8h"}
    del plan_2["levels"]["service_request"]["promises"]["update"]
    plan_2["checklists"]["account/personal_data"].pop(1)  # what is left: a file, and a step
    world.plan_store.publish(plan_2, 2, 1)
    number = world.open("service_request", category="account/personal_data")
    world.acknowledge(number)
    return number


def test_promise_of_a_request_goes_on_when_the_mail_with_its_checklist_comes_back(
    world: World,
) -> None:
    """The solution is promised in 8 hours. The customer is awaited for 24 hours, in error."""
    number = _open_request(world)
    world.pass_time(hours=1)
    world.reply(number)
    asleep = world.states(number)
    world.pass_time(hours=24)
    assert world.states(number) == asleep, "nothing is due while the customer is awaited"
    mail = {"id": "9f86d0", "about": "000002.checklist.customer", "to": "customer"}
    world.take(
        number,
        lambda t, p, at: by_system.note_mail(t, p, "returned", "", "5.1.1", at, mail),
    )
    assert world.sleeps_until(number) == START + timedelta(hours=28)
    world.pass_time(hours=8)
    assert world.rungs(number) == [
        ("resolution", "remind", 28),
        ("resolution", "remind", 30.4),
        ("resolution", "breach", 32),
    ]
    assert world.status(number) == "RUNNING"


def test_promise_of_a_request_waits_while_the_customer_has_to_give_something(
    world: World,
) -> None:
    """The solution is promised in 8 hours. The customer is awaited for 72 of 75 hours."""
    number = _open_request(world)
    world.pass_time(hours=1)
    world.reply(number)
    asleep = world.states(number)
    world.pass_time(hours=48)
    assert world.states(number) == asleep, "nothing is due while the customer is awaited"
    sent = [{"id": "9f86d081884c7d65", "name": "id.jpg", "type": "image/jpeg", "size": 9}]
    world.take(number, lambda t, p, at: checklists.send(t, p, "identity", sent, at))
    world.pass_time(hours=2)
    world.take(number, lambda t, p, at: checklists.reject(t, p, MEI, "identity", "Too dark", at))
    world.pass_time(hours=24)
    world.take(number, lambda t, p, at: checklists.send(t, p, "identity", sent, at))
    world.pass_time(hours=6)
    # 1 + 2 hours had passed before. 50 % of 8 hours are reached an hour after the second file.
    assert world.rungs(number) == [
        ("resolution", "remind", 76),
        ("resolution", "remind", 78.4),
        ("resolution", "breach", 80),
    ]


def _promise_refund(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    new = NewRemedy("refund", "no spare part", 15_900, "CNY", START + hours(400))
    return remedying.propose(ticket, plan, MEI, new, "We pay it back", at)


def _pay_refund(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    return remedying.finish(ticket, plan, MEI, "1", "Transfer 0113", "", at)


def test_rungs_of_a_promised_remedy_fire_after_the_ticket_is_closed(world: World) -> None:
    """The machine stays in its last wait. When the remedy is done, the execution ends there."""
    number = world.open()
    world.acknowledge(number)
    world.take(number, _promise_refund)
    world.reply(number)
    world.resolve(number)
    world.confirm(number)
    world.answer_survey(number)
    assert world.timer(number).phase is Phase.SURVEY
    assert world.status(number) == "RUNNING"
    world.pass_time(hours=450)
    assert world.rungs(number) == [
        ("remedy:1", "remind", 200),
        ("remedy:1", "remind", 320),
        ("remedy:1", "breach", 400),
    ]
    world.take(number, _pay_refund)
    assert world.states(number)[-1] == "AwaitSurvey"
    assert world.status(number) == "SUCCEEDED"
    assert world.at_rest(number)


def test_rungs_of_a_promised_remedy_fire_also_if_the_customer_withdraws(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.take(number, _promise_refund)
    world.withdraw(number)
    assert world.states(number)[-1] == "AwaitSurvey"
    world.pass_time(hours=401)
    assert world.rungs(number)[-1] == ("remedy:1", "breach", 400)
    world.take(number, _pay_refund)
    assert world.at_rest(number)


def _write_post_mortem(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    learnt = Learnt("It caught fire", "A bad thermostat", no_action="It is known")
    return post_mortems.write(ticket, plan, MEI, learnt, {}, at)


def _assign(world: World, number: str) -> None:
    mei = Member(MEI.id, "mei", "mei@example.com", Role.AGENT, "complaints", ("en",), 2)
    world.staff.record(mei, Presence.AVAILABLE, world.clock.now())
    world.take(number, lambda t, p, at: by_system.assign(t, p, MEI.id, "longest without", at))


def test_emergency_is_assigned_joined_reminded_escalated_and_ends_with_its_post_mortem(
    world: World,
) -> None:
    """H7: the customer is contacted at once, a senior joins at once, and what was learnt is owed
    after the closing."""
    number = world.open("urgent")
    world.acknowledge(number)
    _assign(world, number)
    assert world.sleeps_until(number) == START + timedelta(seconds=9)
    world.pass_time(minutes=8)
    fired = [(c, a, round(at * 3600)) for c, a, at in world.rungs(number)]
    assert fired == [
        ("resolution", "join", 9),
        ("first_response", "remind", 150),
        ("first_response", "remind", 240),
        ("first_response", "breach", 300),
        ("first_response", "escalate", 450),
    ]
    notified = [
        event.data["notify"]
        for event in world.tickets.history(number)
        if event.type is EventType.RUNG_FIRED
    ]
    assert all("supervisor" in roles for roles in notified), "who has joined is told of the rest"
    world.reply(number)
    world.resolve(number)
    world.confirm(number)
    world.answer_survey(number)
    assert world.status(number) == "RUNNING"
    world.pass_time(hours=30)
    assert ("post_mortem", "remind") in [rung[:2] for rung in world.rungs(number)]
    world.take(number, _write_post_mortem)
    assert world.status(number) == "SUCCEEDED"
    assert world.at_rest(number)


def test_tasks_that_the_plan_opens_are_reminded_of_by_the_timer_of_their_ticket(
    world: World,
) -> None:
    document = plan_document() | {"version": 2}
    label = {"zh-CN": "停售", "zh-TW": "停售", "en": "Stop the sale"}
    task = {"name": "stop_sale", "team": "service", "title": label, "text": label, "within": "1h"}
    document["urgent"]["tasks"] = [task]
    parse(document, publishing_at=START)
    world.plan_store.publish(document, 2, 1)
    world.pass_time(seconds=10)
    number = world.open("urgent")
    world.acknowledge(number)
    _assign(world, number)
    world.reply(number)
    world.pass_time(hours=2)
    fired = [rung for rung in world.rungs(number) if rung[0] == "task:1"]
    opened = 10 / 3600
    assert [(action, round(at - opened, 2)) for _, action, at in fired] == [
        ("remind", 0.5),
        ("remind", 0.8),
        ("breach", 1),
        ("escalate", 1.5),
    ]


def test_urgent_ticket_waits_for_its_post_mortem_after_it_is_closed(world: World) -> None:
    """The machine enters no other state for it: it stays in its last wait, or goes there."""
    number = world.open("urgent")
    world.acknowledge(number)
    world.reply(number)
    world.resolve(number)
    world.confirm(number)
    world.answer_survey(number)
    assert (world.timer(number).phase, world.status(number)) == (Phase.SURVEY, "RUNNING")
    world.pass_time(hours=102)
    fired = [rung for rung in world.rungs(number) if rung[0] == "post_mortem"]
    assert [(action, at) for _, action, at in fired] == [
        ("remind", 0.24),  # a hundredth of 24 office hours; the ticket was closed at 9
        ("remind", 29),
        ("remind", 52.2),
        ("breach", 57),
        ("escalate", 101),
    ]
    world.take(number, _write_post_mortem)
    assert world.states(number)[-1] == "AwaitSurvey"
    assert world.status(number) == "SUCCEEDED"
    assert world.at_rest(number)


def test_urgent_ticket_that_is_withdrawn_waits_for_its_post_mortem(world: World) -> None:
    number = world.open("urgent")
    world.acknowledge(number)
    world.withdraw(number)
    assert world.states(number)[-1] == "AwaitSurvey"
    world.take(number, _write_post_mortem)
    assert world.status(number) == "SUCCEEDED"
    assert world.rungs(number) == []
    assert world.at_rest(number)


def test_rung_that_closes_an_urgent_ticket_begins_the_wait_for_its_post_mortem(
    world: World,
) -> None:
    """Nobody answers the callback. The same wake closes the ticket and sleeps again."""
    number = world.open("urgent")
    world.acknowledge(number)
    world.resolve(number)
    world.pass_time(hours=73)
    assert world.timer(number).phase is Phase.SURVEY
    assert world.states(number)[-3:] == [*ACT, "AwaitSurvey"]
    world.pass_time(hours=20 * 24)
    assert ("post_mortem", "escalate") in [rung[:2] for rung in world.rungs(number)]
    world.take(number, _write_post_mortem)
    assert world.at_rest(number)


def test_rungs_of_a_decision_end_with_it_and_those_of_the_promise_begin(world: World) -> None:
    number = world.open("feedback")
    world.acknowledge(number)
    new = NewRemedy("discount", "a good idea", 50_000, "CNY")
    world.take(number, lambda t, p, at: remedying.propose(t, p, MEI, new, "For you", at))
    world.pass_time(hours=6)
    lin = Actor(Role.SUPERVISOR, "s-lin")
    world.take(number, lambda t, p, at: remedying.approve(t, p, lin, "1", None, "For you", at))
    world.pass_time(hours=25)
    fired = [rung for rung in world.rungs(number) if rung[0] == "remedy:1"]
    assert [(action, at) for _, action, at in fired] == [
        ("remind", 5),  # four office hours, with the lunch break
        ("remind", 22),
        ("remind", 25.2),
        ("breach", 30),
    ]


def test_rungs_due_at_the_same_time_fire_in_one_invocation(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.take(number, _report_progress)
    world.pass_time(hours=23.9)
    before = len(world.states(number))
    world.pass_time(hours=0.2)

    assert [(clock, action) for clock, action, _ in world.rungs(number)[-3:]] == [
        ("resolution", "remind"),
        ("update", "breach"),
        ("first_response", "breach"),
    ]
    assert world.states(number)[before:] == [*ACT, "AwaitFirstResponse"]


def _report_progress(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    return by_staff.tell_progress(ticket, plan, MEI, "We look into it", at)


def test_unsent_acknowledgement_is_a_breach_and_other_promises_still_run(world: World) -> None:
    number = world.open()
    world.pass_time(minutes=16)

    assert [(clock, action) for clock, action, _ in world.rungs(number)] == [
        ("acknowledgement", "breach"),
        ("reaction", "remind"),
    ]
    assert world.timer(number).phase is Phase.ACKNOWLEDGEMENT
    world.acknowledge(number)
    assert world.states(number)[-1] == "AwaitFirstResponse"


def test_timeout_during_a_wait_for_the_customer_fires_nothing(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.reply(number)
    slept_until = world.sleeps_until(number)
    assert slept_until == START + hours(22), "the update's reminder waits until 7:00 in the morning"
    world.pass_time(hours=10)
    world.reply(number, wait=True)
    assert world.sleeps_until(number) == slept_until, "a pause needs no signal"
    world.pass_time(days=3)
    assert world.rungs(number) == []
    assert world.states(number) == [*HAPPY[:3], *ACT, "AwaitResolution"]

    world.write(number)
    assert world.sleeps_until(number) == world.clock.now() + hours(12), (
        "50 % of the next reply's time"
    )
    world.pass_time(hours=15)
    assert [(clock, action) for clock, action, _ in world.rungs(number)] == [
        ("next_reply", "remind"),
        ("resolution", "remind"),  # after the remaining 14 of 24 hours
    ]


def test_rungs_of_an_inquiry_count_business_hours_only(
    world: World,
) -> None:
    number = world.open("inquiry")
    world.acknowledge(number)
    world.pass_time(days=2)
    assert world.rungs(number)[:4] == [
        ("first_response", "remind", 5),  # 4 business hours from 9:00, without the lunch hour
        ("first_response", "remind", 7.4),
        ("resolution", "remind", 9),  # half of two working days
        ("first_response", "breach", 9),  # 18:00, when the office closes
    ]


def test_ticket_on_hold_fires_no_resolution_rung_until_the_customer_writes(world: World) -> None:
    number = world.open("service_request")
    world.acknowledge(number)
    world.reply(number)
    world.take(number, lambda t, p, at: by_staff.hold(t, p, MEI, "part", "A part comes", at))
    world.pass_time(days=9)
    assert {clock for clock, _, _ in world.rungs(number)} == {"update"}
    world.write(number)
    world.pass_time(days=8)
    assert ("resolution", "breach") in [(clock, action) for clock, action, _ in world.rungs(number)]


def test_ticket_moved_to_a_shorter_plan_wakes_in_time(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    document = plan_document() | {"version": 2}
    document["levels"]["complaint"]["promises"]["first_response"]["within"] = "2h"
    shorter = parse(document)
    world.plan_store.publish(document, 2, 1)
    world.pass_time(hours=1.5)
    world.take(number, lambda t, p, at: by_staff.move_to_plan(t, p, shorter, LIN, "a promise", at))
    assert world.sleeps_until(number) == START + hours(1.6), "80 % of 2 h; 50 % fired at once"
    world.pass_time(hours=2)
    assert [entry for entry in world.rungs(number) if entry[0] == "first_response"] == [
        ("first_response", "remind", 1.5),
        ("first_response", "remind", 1.6),
        ("first_response", "breach", 2),
        ("first_response", "escalate", 3),
    ]


def test_distant_due_time_is_reached_in_several_waits(world: World) -> None:
    document = plan_document() | {"version": 2}
    for promise in document["levels"]["complaint"]["promises"].values():
        promise["within"] = "8784h"
    world.plan_store.publish(document, 2, 1)
    number = world.open()
    world.acknowledge(number)
    assert world.sleeps_until(number) == START + timedelta(days=90), "half a year is 183 days"
    world.pass_time(days=182)
    assert world.states(number)[1:] == ["AwaitFirstResponse", *ACT] * 2 + ["AwaitFirstResponse"]
    assert world.rungs(number) == []
    assert world.sleeps_until(number) == START + timedelta(days=183)
    world.pass_time(days=1)
    assert {action for _, action, _ in world.rungs(number)} == {"remind"}


def test_quiet_hours_postpone_a_reminder_but_never_a_breach(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.reply(number)  # at 9:00; the next update is promised within 24 h
    world.pass_time(hours=25)
    assert [entry for entry in world.rungs(number) if entry[0] == "update"] == [
        ("update", "remind", 22),  # not after 19.2 h, which is 4:12 at night, but at 7:00
        ("update", "breach", 24),
    ]


def test_breach_of_an_urgent_ticket_fires_at_night(world: World, clock: Clock) -> None:
    clock.moment += timedelta(hours=14)  # 23:00
    number = world.open("urgent")
    world.acknowledge(number)
    world.pass_time(hours=1)
    assert [(clock, action) for clock, action, _ in world.rungs(number)] == [
        ("resolution", "join"),
        ("first_response", "remind"),  # not postponed to the morning, because the next rung is near
        ("first_response", "remind"),
        ("first_response", "breach"),
        ("first_response", "escalate"),
    ]


def test_ticket_reclassified_as_urgent_fires_overdue_rungs_at_once(world: World) -> None:
    number = world.open("inquiry")
    world.acknowledge(number)
    assert world.sleeps_until(number) == START + hours(5), (
        "4 business hours, with the lunch hour between them"
    )
    world.pass_time(minutes=10)
    world.reclassify(number, "urgent")

    assert world.states(number) == [*HAPPY[:2], *ACT, "AwaitFirstResponse"]
    assert [(clock, action) for clock, action, _ in world.rungs(number)] == [
        ("resolution", "join"),
        ("first_response", "remind"),
        ("first_response", "remind"),
        ("first_response", "breach"),
        ("first_response", "escalate"),
    ]
    assert world.sleeps_until(number) == START + hours(12), "50 % of 24 h for urgent tickets"


def test_fractions_of_seconds_never_wake_the_machine_early(world: World, clock: Clock) -> None:
    clock.moment += timedelta(milliseconds=400)
    number = world.open()
    clock.moment += timedelta(milliseconds=450)
    world.acknowledge(number)
    world.pass_time(minutes=16)

    [(_, _, at)] = world.rungs(number)
    late = timedelta(hours=at) - timedelta(minutes=15)
    assert timedelta(0) <= late <= timedelta(seconds=1)
    assert world.states(number) == [*HAPPY[:2], *ACT, "AwaitFirstResponse"]


def test_unanswered_callback_is_repeated_and_closes_unconfirmed(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.resolve(number)
    world.pass_time(days=5)

    assert world.rungs(number) == [
        ("callback", "ask_again", 24),
        ("callback", "ask_again", 48),
        ("callback", "close", 72),
    ]
    ticket = world.tickets.get(number)
    assert (ticket.state, ticket.closure) == (State.CLOSED, "unconfirmed")
    assert world.states(number)[-3:] == [*ACT, "CloseTicket"]
    assert world.at_rest(number)


def test_low_survey_leaves_the_callback_waiting_and_a_confirmation_ends_it(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.resolve(number)
    world.answer_survey(number, overall=1)
    world.pass_time(hours=25)

    assert world.rungs(number) == [("callback", "ask_again", 24)]
    assert world.states(number)[-1] == "AwaitCallback"
    world.confirm(number)
    assert world.tickets.get(number).closure == "confirmed"
    assert world.states(number)[-1] == "CloseTicket"
    assert world.at_rest(number)


def test_unanswered_survey_is_mailed_after_an_hour_and_ends_after_a_week(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.resolve(number)
    world.confirm(number)
    world.pass_time(days=8)

    assert world.rungs(number) == [("survey", "invite", 1), ("survey", "close", 7 * 24)]
    assert world.states(number)[-6:] == [*ACT, "AwaitSurvey", *ACT, "CloseTicket"]
    assert world.at_rest(number)


def test_without_any_promise_the_machine_wakes_every_90_days(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.reply(number, wait=True)
    world.pass_time(hours=25)
    assert world.sleeps_until(number) == START + timedelta(days=90)

    world.pass_time(days=200)
    assert world.rungs(number) == []
    assert world.status(number) == "RUNNING"


# ------------------------------------------------------------------ races and repeats


def test_signal_before_the_token_is_written_is_not_lost(world: World, sleepers: Sleepers) -> None:
    """The ticket changes between the machine's start (or last action) and the token's write."""
    number = world.open(follow=False)
    sleepers.meanwhile.append(lambda: world.acknowledge(number, follow=False))
    world.follow()

    assert world.states(number) == ["Acknowledge", *ACT, "AwaitFirstResponse"]
    assert world.timer(number).asleep


def test_two_changes_in_quick_succession_end_in_the_right_wait(
    world: World, sleepers: Sleepers
) -> None:
    """The relay wakes the machine; before it arms the next wait, that phase has ended too."""
    number = world.open()
    sleepers.meanwhile.append(lambda: world.reply(number, follow=False))
    world.acknowledge(number)

    assert world.states(number) == [*HAPPY[:2], *ACT, "AwaitResolution"]
    assert world.timer(number).asleep


def test_signal_that_overtakes_another_leads_to_the_current_phase(world: World) -> None:
    number = world.open()
    world.acknowledge(number, follow=False)
    world.reply(number, follow=False)
    world.follow()

    assert world.states(number) == ["Acknowledge", *ACT, "AwaitResolution"]


def test_repeated_late_and_reordered_records_change_nothing(world: World) -> None:
    number = world.open(follow=False)
    first = world.stream.records()
    world.deliver(first)
    world.rest()
    world.acknowledge(number, follow=False)
    second = world.stream.records()
    world.deliver(second)
    world.rest()
    at, armed = world.states(number), world.timer(number).armed
    for batch in (first, second, second + first, list(reversed(first + second))):
        world.deliver(batch)
        world.rest()

    assert at == world.states(number) == HAPPY[:2]
    assert world.timer(number).armed == armed
    assert len(world.running()) == 1


def test_signal_sent_twice_before_the_machine_has_moved_counts_once(
    world: World, sleepers: Sleepers
) -> None:
    number = world.open()
    world.acknowledge(number, follow=False)
    records = world.stream.records()
    sleepers.meanwhile.append(lambda: world.deliver(records))
    world.deliver(records)
    world.rest()

    assert world.states(number) == HAPPY[:2]
    assert world.timer(number).asleep


def test_reply_at_the_moment_of_the_timeout_leaves_nothing_to_fire(
    handlers: Handlers, world: World
) -> None:
    act = handlers["redress-workflow"]

    def answer_first(event: dict[str, Any]) -> Any:
        handlers["redress-workflow"] = act
        world.reply(number, follow=False)
        return act(event)

    number = world.open("inquiry")
    world.acknowledge(number)
    handlers["redress-workflow"] = answer_first
    world.pass_time(hours=5.5)

    assert world.rungs(number) == []
    assert world.states(number) == [*HAPPY[:2], *ACT, "AwaitResolution"]


def test_retry_after_a_lost_answer_fires_nothing_again(
    handlers: Handlers, world: World, sleepers: Sleepers
) -> None:
    act = handlers["redress-workflow"]

    def lose_the_answer(event: dict[str, Any]) -> Any:
        handlers["redress-workflow"] = act
        act(event)
        raise Unavailable

    number = world.open("inquiry")
    world.acknowledge(number)
    handlers["redress-workflow"] = lose_the_answer
    world.pass_time(hours=5.5)

    assert world.rungs(number) == [("first_response", "remind", 5)]
    assert len(sleepers.pauses_s) == 1


@pytest.mark.parametrize(
    "error",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceededException",
        "TransactionConflictException",
        "InternalServerErrorException",
    ],
)
def test_throttled_write_of_a_token_is_retried(
    world: World, sleepers: Sleepers, error: str
) -> None:
    sleepers.refusals.extend([error] * 3)
    number = world.open()

    assert world.states(number) == ["Acknowledge"]
    assert len(sleepers.pauses_s) == 3
    assert world.timer(number).asleep


def test_refused_write_of_a_token_is_repeated_after_a_pause(
    world: World, sleepers: Sleepers
) -> None:
    sleepers.refusals.append("ItemCollectionSizeLimitExceededException")
    number = world.open()

    eventually(lambda: world.timer(number).asleep, "the token is written in the end")
    assert world.states(number) == ["Acknowledge", *ACT, "Acknowledge"]
    assert len(sleepers.pauses_s) == 3


# ------------------------------------------------------------------ generations


def test_next_generation_continues_where_the_aborted_one_ended(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.pass_time(minutes=20)
    world.abort(number)
    assert world.report_end(number) == {"followed": True}

    assert world.states(number, 2) == ["Acknowledge", *ACT, "AwaitFirstResponse"]
    world.pass_time(hours=1)
    assert world.rungs(number) == [
        ("reaction", "remind", 0.25),
        ("reaction", "remind", 0.4),
        ("reaction", "breach", 0.5),
        ("reaction", "escalate", 0.75),
    ], "each rung fires once over all generations"


def test_ended_execution_is_replaced_once_even_if_reported_several_times(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.abort(number)
    answers = [world.report_end(number) for _ in range(3)]

    assert answers == [{"followed": True}, {"followed": False}, {"followed": False}]
    assert world.running() == [f"{number}-2"]


def test_rungs_that_fell_due_without_a_machine_fire_at_its_start(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.abort(number)
    world.pass_time(hours=13)
    assert world.rungs(number) == []
    world.report_end(number)

    assert [action for clock, action, _ in world.rungs(number) if clock == "reaction"] == [
        "remind",
        "remind",
        "breach",
        "escalate",
    ]
    assert {at for _, _, at in world.rungs(number)} == {13.0}


def test_superseded_generation_yields_and_fires_nothing(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    assert world.timers.next_generation(number, 1, world.clock.now())
    world.follow()
    assert sorted(world.running()) == [f"{number}-1", f"{number}-2"]
    world.pass_time(minutes=16)

    assert world.states(number, 1)[-3:] == [*ACT, "YieldToNewerGeneration"]
    assert world.status(number, 1) == "SUCCEEDED"
    assert world.report_end(number, 1) == {"followed": False}
    assert world.rungs(number) == [("reaction", "remind", 0.25)]
    assert world.running() == [f"{number}-2"]


def test_execution_of_a_closed_ticket_is_not_replaced(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.abort(number)
    world.withdraw(number)

    assert world.report_end(number) == {"followed": False}
    assert world.running() == []
    assert world.at_rest(number)


def test_sweep_starts_a_workflow_that_never_started(world: World) -> None:
    number = world.open(follow=False)
    assert world.stream.records(), "these records are lost"
    world.clock.advance(seconds=1)
    assert "started" not in world.sweep(), "the relay gets time to do it first"
    world.clock.moment += PATIENCE
    assert world.sweep()["started"] == 1

    assert world.states(number) == ["Acknowledge"]
    assert world.timer(number).asleep
    world.clock.moment += 2 * PATIENCE
    assert not {"started", "signalled", "followed"} & set(world.sweep())


def test_sweep_repeats_a_lost_signal(world: World) -> None:
    number = world.open()
    world.acknowledge(number, follow=False)
    assert world.stream.records(), "these records are lost"
    world.clock.moment += 2 * PATIENCE
    assert world.sweep()["signalled"] == 1

    assert world.states(number) == HAPPY[:2]


def test_sweep_replaces_an_execution_whose_end_was_not_reported(world: World) -> None:
    number = world.open()
    world.abort(number)
    world.acknowledge(number)
    world.clock.moment += 2 * PATIENCE
    assert world.sweep()["followed"] == 1

    assert world.states(number, 2) == ["Acknowledge", *ACT, "AwaitFirstResponse"]


def test_sweep_replaces_an_execution_without_any_record(world: World) -> None:
    """It had armed a wait, so it existed; its record is gone (retention, or a restarted cloud)."""
    number = world.open()
    world.forget(number)
    world.acknowledge(number)
    world.clock.moment += 2 * PATIENCE
    assert world.sweep()["followed"] == 1

    assert world.states(number, 2) == ["Acknowledge", *ACT, "AwaitFirstResponse"]


@pytest.mark.parametrize("started", [True, False])
def test_sweep_removes_a_closed_ticket_without_a_machine_from_the_awake_index(
    world: World, started: bool
) -> None:
    number = world.open(follow=started)
    world.take(number, _withdrawn, follow=False)
    assert world.stream.records(), "these records are lost"
    if started:
        world.forget(number)
    world.clock.moment += 2 * PATIENCE
    assert world.sweep()["rested"] == 1

    assert world.at_rest(number)
    assert world.running() == []


def _withdrawn(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    return by_customer.withdraw(ticket, plan, "Never mind", at)


def test_sweep_leaves_sleeping_tickets_alone(world: World) -> None:
    number = world.open()
    world.acknowledge(number)
    world.pass_time(minutes=10)

    assert not {"started", "signalled", "followed"} & set(world.sweep())
    assert world.states(number) == HAPPY[:2]


# ------------------------------------------------------------------ failures of ActOnDueClocks


@pytest.fixture
def faults(handlers: Handlers) -> list[Callable[[], Exception]]:
    """Errors that the next invocations raise, one each."""
    planned: list[Callable[[], Exception]] = []
    act = handlers["redress-workflow"]

    def fail_first(event: dict[str, Any]) -> Any:
        if planned:
            raise planned.pop(0)()
        return act(event)

    handlers["redress-workflow"] = fail_first
    return planned


def test_invocation_is_retried_while_the_table_is_unavailable(
    faults: list[Callable[[], Exception]], world: World, sleepers: Sleepers
) -> None:
    faults.extend([Unavailable] * 5)
    number = world.open(contact=BY_PHONE)

    assert world.states(number) == ["Acknowledge", *ACT, "AwaitFirstResponse"]
    assert len(sleepers.pauses_s) == 5


def test_unreadable_ticket_is_retried_for_hours_until_a_person_has_repaired_it(
    faults: list[Callable[[], Exception]], world: World, sleepers: Sleepers
) -> None:
    """A new generation every few minutes would cost a hundred times as much."""
    faults.extend([lambda: Unreadable("TICKET#R-7K3M9-QW0X2", "TICKET")] * 20)
    number = world.open(contact=BY_PHONE)

    assert world.states(number) == ["Acknowledge", *ACT, "AwaitFirstResponse"]
    assert len(sleepers.pauses_s) == 20
    assert max(sleepers.pauses_s) <= 3600


def test_generation_that_cannot_act_fails_visibly_and_the_next_continues(
    faults: list[Callable[[], Exception]], world: World
) -> None:
    faults.extend([ZeroDivisionError] * 7)
    number = world.open(contact=BY_PHONE)
    eventually(lambda: world.status(number) == "FAILED", "the generation is given up")
    assert world.states(number)[-1] == "GiveUpGeneration"

    assert world.report_end(number) == {"followed": True}
    assert world.states(number, 2)[-1] == "AwaitFirstResponse"
    assert [event.type for event in world.tickets.history(number)] == [
        EventType.OPENED,
        EventType.ACKNOWLEDGED,
    ]
