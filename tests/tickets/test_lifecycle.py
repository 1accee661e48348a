"""Tests of the lifecycle table, for each step in each state, and of what each step requires."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import tags
from redress.base.errors import InvalidInput, NotAllowedNow, Unchanged
from redress.base.people import CUSTOMER, Actor, Member, Role
from redress.base.tags import TAG_LIMIT
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.document import parse
from redress.tickets.cases.customer import PUBLIC
from redress.tickets.rules import access
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer, by_staff, merging, opening, table
from redress.tickets.rules.steps.draft import require_possible
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import Event, EventType, LinkKind, Phase, State
from redress.tickets.store import items
from tests import builders
from tests.builders import (
    BY_PHONE,
    JUN,
    LIN,
    MEI,
    OTHER,
    START,
    TAO,
    Clock,
    Life,
    plan_1,
    plan_document,
)

WEI = Actor(Role.MANAGER, "m-wei")
WANG = "wang.wei@example.org"


def with_task(life: Life, *, asked: bool = False) -> Life:
    """Add a task to the ticket of a life, as if it had been opened while the ticket was new.

    With `asked`, its department has asked for more time.
    """
    other = builders.life_at(State.NEW).open_task(required=False)
    if asked:
        other.ask_extension()
    last = life.changes[-1]
    life.changes[-1] = replace(last, after=replace(last.after, tasks=other.ticket.tasks))
    return life


def with_checklist(
    life: Life,
    act: Callable[[Life], Life] = lambda life: life,
    category: str = "account/personal_data",
) -> Life:
    """Give the ticket of a life a checklist, after an act on it while the ticket was new."""
    other = act(builders.Life().request(category)).ticket
    last = life.changes[-1]
    changed = replace(last.after, kind=other.kind, category=category, checklist=other.checklist)
    life.changes[-1] = replace(last, after=changed)
    return life


def with_another_plan(life: Life) -> Life:
    """Move a request to a plan with another checklist."""
    document = plan_document() | {"version": 2}
    document["checklists"]["account/personal_data"].pop()
    return with_checklist(life).move_to(parse(document))


def with_remedy(life: Life, *, promised: bool = False) -> Life:
    """Add a remedy to the ticket of a life, as if it had been proposed while the ticket was new."""
    other = builders.life_at(State.NEW)
    if promised:
        other.promise_remedy()
    else:
        other.propose_remedy()
    last = life.changes[-1]
    life.changes[-1] = replace(last, after=replace(last.after, remedies=other.ticket.remedies))
    return life


def with_duplicate(life: Life) -> Life:
    """Add a proposal to the ticket of a life, as if it had been made while the ticket was new."""
    found = builders.life_at(State.NEW).propose_duplicate().ticket.duplicates
    last = life.changes[-1]
    life.changes[-1] = replace(last, after=replace(last.after, duplicates=found))
    return life


def with_post_mortem(life: Life) -> Life:
    """Let a closed ticket owe a post-mortem, as if it had been urgent."""
    other = builders.life_at(State.CLOSED, "urgent")
    last = life.changes[-1]
    after = replace(last.after, post_mortem=other.ticket.post_mortem)
    life.changes[-1] = replace(last, after=after)
    return life


def follow_up(life: Life) -> Life:
    """Record on the ticket that its customer opened another one for something else."""
    require_possible(Step.FOLLOW_UP, life.ticket)
    return life.link(LinkKind.FOLLOWED_BY)


def take_in_answered(life: Life) -> Life:
    """Takes in a ticket whose customer waits for no answer."""
    return life.take_in(Life(life.clock).open(number=OTHER).assign().reply())


def part(life: Life) -> Life:
    """Takes away the address that came with a ticket which turned out to be another customer's."""
    facts = {"participants": [WANG]}
    merge = Event(1, EventType.MERGED, START, MEI, {"ticket": OTHER, "facts": facts})
    last = life.changes[-1]
    life.changes[-1] = replace(last, after=replace(last.after, participants=(WANG,)))
    change = merging.parted(life.ticket, life.plan, LIN, life.clock.now(), [merge], OTHER)
    assert change is not None
    return life.take(change)


def split(life: Life) -> Life:
    """Splits off a message that the customer has just written."""
    life.write().split()
    return life


def unsplit(life: Life) -> Life:
    """Undoes the split of a message that the customer has just written."""
    new = life.write().split()
    return life.unsplit(new)


def split_merged(life: Life) -> Life:
    """Splits off a message of the ticket after it was merged into another one."""
    other = Life(life.clock).open(number=OTHER)
    life.merge(other)
    other.split(1, of=life, number="R-00000-00003")
    return life


def unsplit_merged(life: Life) -> Life:
    """Undoes the split of a message of the ticket after it was merged into another one."""
    other = Life(life.clock).open(number=OTHER)
    life.merge(other)
    other.unsplit(other.split(1, of=life, number="R-00000-00003"), of=life)
    return life


def end_split(life: Life) -> Life:
    """Returns the life of the new ticket after its split was undone."""
    new = life.write().split()
    life.unsplit(new)
    return new


TAKE: dict[Step, Callable[[Life], Life]] = {
    Step.ACKNOWLEDGE: Life.acknowledge,
    Step.ASSIGN: Life.assign,
    Step.REASSIGN: lambda life: life.reassign("a-jun"),
    Step.HAND_OVER: lambda life: with_remedy(life, promised=True).hand_over(),
    Step.ACCEPT: lambda life: (life.assign() if life.ticket.needs_agent else life).accept(),
    Step.DECLINE: Life.decline,
    Step.CLASSIFY: lambda life: life.classify(category="product/defect"),
    Step.REMIND: Life.remind,
    Step.OPEN_TASK: Life.open_task,
    Step.ASSIGN_TASK: lambda life: with_task(life).assign_task(),
    Step.FINISH_TASK: lambda life: with_task(life).finish_task(),
    Step.RETURN_TASK: lambda life: with_task(life).return_task(),
    Step.CANCEL_TASK: lambda life: with_task(life).cancel_task(),
    Step.PRESS_TASK: lambda life: with_task(life).press_task(),
    Step.ASK_EXTENSION: lambda life: with_task(life).ask_extension(),
    Step.DECIDE_EXTENSION: lambda life: with_task(life, asked=True).decide_extension(),
    Step.URGE: lambda life: (
        life.open_task() if life.ticket.state is State.WAITING else life
    ).urge(),
    Step.SET_CHECKLIST: with_another_plan,
    Step.GIVE_ITEM: lambda life: with_checklist(life).send_item(),
    Step.READ_ITEM: lambda life: with_checklist(life, category="payment/invoice").answer_item(
        "no_change", ""
    ),
    Step.ACCEPT_ITEM: lambda life: with_checklist(life).accept_item(text="It came by post"),
    Step.REJECT_ITEM: lambda life: with_checklist(life, Life.send_item).reject_item(),
    Step.FINISH_STEP: lambda life: with_checklist(life).finish_step(),
    Step.TELL_OBSTACLE: lambda life: with_checklist(life).tell_obstacle(),
    Step.PROPOSE_REMEDY: Life.propose_remedy,
    Step.APPROVE_REMEDY: lambda life: with_remedy(life).approve_remedy(),
    Step.REFUSE_REMEDY: lambda life: with_remedy(life).refuse_remedy(),
    Step.WITHDRAW_REMEDY: lambda life: with_remedy(life, promised=True).withdraw_remedy(),
    Step.FINISH_REMEDY: lambda life: with_remedy(life, promised=True).finish_remedy(),
    Step.WRITE_POST_MORTEM: lambda life: with_post_mortem(life).write_post_mortem(),
    Step.LINK: Life.link,
    Step.FOLLOW_UP: follow_up,
    Step.UNLINK: lambda life: life.link().unlink(),
    Step.MERGE: Life.merge,
    Step.TAKE_IN: take_in_answered,
    Step.TAKE_IN_WORDS: Life.take_in,
    Step.UNMERGE: Life.unmerge,
    Step.UNMERGE_UNANSWERED: Life.unmerge,
    Step.UNMERGE_WAITING: Life.unmerge,
    Step.GIVE_BACK: Life.unmerge,
    Step.GIVE_BACK_WORDS: Life.unmerge,
    Step.PART: part,
    Step.SPLIT: split,
    Step.SPLIT_WORDS: split,
    Step.UNSPLIT: unsplit,
    Step.UNSPLIT_WORDS: unsplit,
    Step.END_SPLIT: end_split,
    Step.SPLIT_MERGED: split_merged,
    Step.UNSPLIT_MERGED: unsplit_merged,
    Step.PROPOSE_DUPLICATE: Life.propose_duplicate,
    Step.DISMISS_DUPLICATE: lambda life: with_duplicate(life).dismiss_duplicate(),
    Step.JOIN_INCIDENT: Life.join_incident,
    Step.LEAVE_INCIDENT: lambda life: life.join_incident().leave_incident(),
    Step.RECLASSIFY: lambda life: life.reclassify("urgent"),
    Step.TAG: lambda life: life.tag("kettle"),
    Step.SET_FIELDS: lambda life: life.set_fields(serial_number="KX-1"),
    Step.MATCH: Life.match,
    Step.TELL_PROGRESS: Life.tell_progress,
    Step.PROMISE: lambda life: life.promise(hours=1),
    Step.HOLD: Life.hold,
    Step.RELEASE: lambda life: life.release() if life.ticket.on_hold else life.hold().release(),
    Step.CORRECT: lambda life: life.correct("reaction", START),
    Step.RECORD_EARLIER_ANSWER: lambda life: life.correct(
        "first_response" if life.ticket.state is State.NEW else "next_reply", life.clock.moment
    ),
    Step.CHANGE_PLAN: lambda life: life.move_to(replace(life.plan, version=2)),
    Step.REPLY: Life.reply,
    Step.REPLY_AND_WAIT: lambda life: life.reply(wait_for_customer=True),
    Step.NOTE: Life.note,
    Step.MENTION: lambda life: life.note(MEI, TAO),
    Step.SET_MENTIONS: lambda life: (
        life if life.ticket.state is State.CLOSED else life.note(MEI, TAO)
    ).end_mentions(),
    Step.WRITE: Life.write,
    Step.THANK: lambda life: life.write("Thank you"),
    Step.COUNT_MESSAGE: lambda life: (
        life if life.ticket.state is State.CLOSED else life.write("Thank you")
    ).count(),
    Step.NOTE_MAIL: Life.note_mail,
    Step.RECORD_CALL: Life.record_call,
    Step.REPORT_ANSWER: Life.report_answer,
    Step.SET_PARTICIPANTS: lambda life: life.let_in("wang.wei@example.com"),
    Step.SET_ABOUT: lambda life: life.is_about("a-jun"),
    Step.DOUBT_ABOUT: Life.doubt_about,
    Step.RESOLVE: Life.resolve,
    Step.RECORD_NO_ANSWER: lambda life: life.call("no_answer"),
    Step.CONFIRM: Life.confirm,
    Step.DISPUTE: Life.dispute,
    Step.ANSWER_SURVEY: Life.answer_survey,
    Step.WITHDRAW: Life.withdraw,
}
"""How to take each step. CLOSE is missing, because only a rung takes it (see below)."""

WRITTEN = {
    #                         new     open    waiting resolved confirmed closed
    Step.ACKNOWLEDGE:        "new     open    waiting resolved confirmed closed",
    Step.ASSIGN:             "new     open    waiting -        -         -",
    Step.REASSIGN:           "new     open    waiting -        -         -",
    Step.HAND_OVER:          "-       -       -       resolved confirmed closed",
    Step.ACCEPT:             "new     open    waiting -        -         -",
    Step.DECLINE:            "new     open    waiting -        -         -",
    Step.CLASSIFY:           "new     -       -       -        -         -",
    Step.REMIND:             "new     open    waiting resolved -         -",
    Step.SET_CHECKLIST:      "new     open    waiting resolved confirmed -",
    Step.GIVE_ITEM:          "new     open    open    -        -         -",
    Step.READ_ITEM:          "new     open    waiting -        -         -",
    Step.ACCEPT_ITEM:        "new     open    waiting -        -         -",
    Step.REJECT_ITEM:        "new     open    waiting -        -         -",
    Step.FINISH_STEP:        "new     open    waiting -        -         -",
    Step.TELL_OBSTACLE:      "new     open    waiting -        -         -",
    Step.LINK:               "new     open    waiting resolved confirmed closed",
    Step.FOLLOW_UP:          "-       -       -       resolved confirmed closed",
    Step.UNLINK:             "new     open    waiting resolved confirmed closed",
    Step.MERGE:              "closed  closed  closed  -        -         -",
    Step.TAKE_IN:            "new     open    waiting -        -         -",
    Step.TAKE_IN_WORDS:      "new     open    open    -        -         -",
    Step.PART:               "new     open    waiting resolved confirmed closed",
    Step.PROPOSE_DUPLICATE:  "new     open    waiting -        -         -",
    Step.DISMISS_DUPLICATE:  "new     open    waiting resolved confirmed -",
    Step.JOIN_INCIDENT:      "new     open    waiting resolved confirmed closed",
    Step.LEAVE_INCIDENT:     "new     open    waiting resolved confirmed closed",
    Step.RECLASSIFY:         "new     open    waiting -        -         -",
    Step.TAG:                "new     open    waiting resolved confirmed -",
    Step.SET_FIELDS:         "new     open    waiting resolved confirmed -",
    Step.MATCH:              "new     open    waiting resolved confirmed closed",
    Step.TELL_PROGRESS:      "new     open    waiting -        -         -",
    Step.PROMISE:            "new     open    waiting -        -         -",
    Step.HOLD:               "-       open    waiting -        -         -",
    Step.RELEASE:            "-       open    waiting -        -         -",
    Step.CORRECT:            "new     open    waiting resolved confirmed -",
    Step.CHANGE_PLAN:        "new     open    waiting resolved confirmed -",
    Step.REPLY:              "open    open    open    -        -         -",
    Step.REPLY_AND_WAIT:     "waiting waiting waiting -        -         -",
    Step.NOTE:               "new     open    waiting resolved confirmed closed",
    Step.MENTION:            "new     open    waiting resolved confirmed -",
    Step.SET_MENTIONS:       "new     open    waiting resolved confirmed -",
    Step.OPEN_TASK:          "new     open    waiting -        -         -",
    Step.ASSIGN_TASK:        "new     open    waiting resolved confirmed -",
    Step.FINISH_TASK:        "new     open    waiting resolved confirmed -",
    Step.RETURN_TASK:        "new     open    waiting resolved confirmed -",
    Step.CANCEL_TASK:        "new     open    waiting resolved confirmed -",
    Step.PRESS_TASK:         "new     open    waiting resolved confirmed -",
    Step.ASK_EXTENSION:      "new     open    waiting resolved confirmed -",
    Step.DECIDE_EXTENSION:   "new     open    waiting resolved confirmed -",
    Step.URGE:               "new     open    waiting -        -         -",
    Step.PROPOSE_REMEDY:     "new     open    waiting resolved confirmed -",
    Step.APPROVE_REMEDY:     "new     open    waiting resolved confirmed closed",
    Step.REFUSE_REMEDY:      "new     open    waiting resolved confirmed closed",
    Step.WITHDRAW_REMEDY:    "new     open    waiting resolved confirmed closed",
    Step.FINISH_REMEDY:      "new     open    waiting resolved confirmed closed",
    Step.WRITE_POST_MORTEM:  "-       -       -       -        -         closed",
    Step.WRITE:              "new     open    open    resolved confirmed -",
    Step.THANK:              "new     open    waiting resolved confirmed closed",
    Step.COUNT_MESSAGE:      "new     open    open    resolved confirmed -",
    Step.NOTE_MAIL:          "new     open    waiting resolved confirmed closed",
    Step.RECORD_CALL:        "new     open    waiting resolved confirmed closed",
    Step.REPORT_ANSWER:      "new     open    waiting resolved confirmed closed",
    Step.SET_PARTICIPANTS:   "new     open    waiting resolved confirmed -",
    Step.SET_ABOUT:          "new     open    waiting resolved confirmed closed",
    Step.DOUBT_ABOUT:        "new     open    waiting -        -         -",
    Step.RESOLVE:            "resolved resolved resolved -     -         -",
    Step.RECORD_NO_ANSWER:   "-       -       -       resolved -         -",
    Step.CONFIRM:            "-       -       -       confirmed -        -",
    Step.DISPUTE:            "-       -       -       open     open      -",
    Step.ANSWER_SURVEY:      "-       -       -       closed   closed    -",
    Step.WITHDRAW:           "closed  closed  closed  closed   -         -",
    Step.CLOSE:              "-       -       -       closed   closed    -",
}  # fmt: skip
"""A second copy of the table, written by hand. The test compares both, to find mistakes."""

WRITTEN_ELSEWHERE = {
    # possible only if an answer was not recorded: see the tests below
    Step.RECORD_EARLIER_ANSWER: {State.NEW: State.OPEN, State.OPEN: State.OPEN},
    # possible only after a merge: see tests/tickets/test_merging.py
    Step.UNMERGE: {State.CLOSED: State.OPEN},
    Step.UNMERGE_UNANSWERED: {State.CLOSED: State.NEW},
    Step.UNMERGE_WAITING: {State.CLOSED: State.WAITING},
    Step.GIVE_BACK: {one: one for one in (State.NEW, State.OPEN, State.WAITING)},
    Step.GIVE_BACK_WORDS: {State.OPEN: State.WAITING},
    # possible only with a message that can be split off: see tests/tickets/test_splitting.py
    Step.SPLIT: {one: one for one in State if one is not State.CLOSED},
    Step.SPLIT_WORDS: {State.OPEN: State.WAITING},
    Step.UNSPLIT: {one: one for one in State if one is not State.CLOSED},
    Step.UNSPLIT_WORDS: {State.WAITING: State.OPEN},
    Step.END_SPLIT: {State.NEW: State.CLOSED},
    Step.SPLIT_MERGED: {State.CLOSED: State.CLOSED},
    Step.UNSPLIT_MERGED: {State.CLOSED: State.CLOSED},
}

CELLS = [
    (step, before, after)
    for step, line in WRITTEN.items()
    for before, after in zip(State, line.split(), strict=True)
]


def test_the_table_matches_a_second_copy_written_by_hand() -> None:
    assert {step: dict(row) for step, row in STEPS.items()} == {
        step: {before: State(after) for s, before, after in CELLS if s is step and after != "-"}
        for step in Step
        if step not in WRITTEN_ELSEWHERE
    } | WRITTEN_ELSEWHERE


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [cell for cell in CELLS if cell[0] is not Step.CLOSE],
    ids=lambda value: str(value),
)
def test_each_step_changes_the_state_as_the_table_says_or_is_refused(
    step: Step, before: State, after: str
) -> None:
    life = builders.life_at(before)
    changes = len(life.changes)
    if after == "-":
        with pytest.raises(NotAllowedNow) as refused:
            TAKE[step](life)
        assert refused.value.state == before
        assert len(life.changes) == changes
    else:
        assert TAKE[step](life).ticket.state == after


@pytest.mark.parametrize("state", State)
def test_rungs_close_a_ticket_only_in_states_that_the_table_allows(state: State) -> None:
    life = builders.life_at(state)
    life.sleep_through(life.clock.moment.replace(year=2028))
    closed = state is State.CLOSED or state in STEPS[Step.CLOSE]
    assert (life.ticket.state is State.CLOSED) == closed


def test_the_table_contains_every_step() -> None:
    assert set(TAKE) | {Step.CLOSE} == set(Step) == set(STEPS)


def test_recording_an_earlier_answer_by_phone_opens_the_ticket(life: Life) -> None:
    """A supervisor records the call later. The promise was kept, at the time of the call."""
    life.open().assign().acknowledge().wait(hours=25).wake()
    breached = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert (breached.breached, breached.held_by) == (True, MEI.id)
    life.correct("first_response", START + timedelta(hours=2))
    corrected = life.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert (corrected.breached, corrected.missed, corrected.consumed_s) == (False, False, 7200)
    assert (life.ticket.state, life.ticket.replies) == (State.OPEN, 1)
    assert life.ticket.unanswered_since is None


@pytest.mark.parametrize(
    ("promise", "hours", "expected"),
    [
        ("resolution", 1, {("/clock", "unknown_clock")}),
        ("next_reply", 1, {("/clock", "unknown_clock")}),
        ("first_response", -1, {("/at", "not_in_time")}),
        ("first_response", 9, {("/at", "not_in_time")}),
        ("lunch", 1, {("/clock", "unknown_clock")}),
    ],
)
def test_a_wrong_correction_is_refused_with_its_fault(
    promise: str, hours: int, expected: set[tuple[str, str]], life: Life
) -> None:
    life.open().wait(hours=8)
    at = START + timedelta(hours=hours)
    now, plan, moment = life.ticket, life.plan, life.clock.moment
    assert (
        faults(lambda: by_staff.correct(now, plan, LIN, promise, at, "a call", moment)) == expected
    )


def test_an_own_promise_must_be_due_in_the_future_and_within_a_year(life: Life) -> None:
    life.open()
    now, plan, at = life.ticket, life.plan, life.clock.moment
    far = at + timedelta(days=367)
    assert faults(lambda: by_staff.promise(now, plan, MEI, at, "Soon", at)) == {
        ("/by", "not_in_time")
    }
    assert faults(lambda: by_staff.promise(now, plan, MEI, far, "Later", at)) == {
        ("/by", "not_in_time")
    }


MAIL = {"id": "1", "key": "inbound/1"}


def test_a_ticket_whose_mail_must_not_be_answered_promises_no_acknowledgement(life: Life) -> None:
    life.open(mail=MAIL | {"unacknowledged": "list"})
    assert ClockName.ACKNOWLEDGEMENT not in life.ticket.clocks
    assert ClockName.FIRST_RESPONSE in life.ticket.clocks
    assert life.ticket.phase is Phase.FIRST_RESPONSE
    life.wait(minutes=6).wake()
    assert not [event for event in life.events if event.type is EventType.RUNG_FIRED]
    life.reclassify("urgent").move_to(replace(life.plan, version=2))
    assert ClockName.ACKNOWLEDGEMENT not in life.ticket.clocks


def test_a_ticket_that_came_by_mail_promises_an_acknowledgement_otherwise(life: Life) -> None:
    life.open(mail=MAIL)
    assert ClockName.ACKNOWLEDGEMENT in life.ticket.clocks
    assert life.ticket.phase is Phase.ACKNOWLEDGEMENT


def test_only_a_ticket_on_hold_can_be_released(life: Life) -> None:
    life.open().reply()
    with pytest.raises(NotAllowedNow):
        life.release()


def test_a_move_to_the_plan_of_the_ticket_is_refused(life: Life) -> None:
    life.open()
    assert faults(lambda: life.move_to(life.plan).last) == {("/plan_version", "same_plan")}


# -------------------------------------------------------------------------------- texts


def faults(step: Callable[[], Change | None]) -> set[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        step()
    return {(fault.pointer, fault.code) for fault in refused.value.faults}


BLANK = ["", "   ", "\n\t"]
LONG = "x" * 20_001


@pytest.mark.parametrize(("text", "code"), [*((b, "required") for b in BLANK), (LONG, "too_long")])
def test_blank_and_too_long_messages_are_refused(text: str, code: str) -> None:
    life = builders.life_at(State.OPEN)
    now, plan, at = life.ticket, life.plan, life.clock.moment
    resolved = builders.life_at(State.RESOLVED).ticket
    assert faults(lambda: by_staff.note(now, plan, MEI, text, at)) == {("/text", code)}
    assert faults(lambda: by_customer.write(now, plan, text, at)) == {("/text", code)}
    assert faults(lambda: by_customer.dispute(resolved, plan, CUSTOMER, text, at)) == {
        ("/text", code)
    }


def test_withdrawals_and_unanswered_calls_need_no_text_but_limit_its_length() -> None:
    life = builders.life_at(State.RESOLVED, contact=BY_PHONE)
    now, plan, at = life.ticket, life.plan, life.clock.moment
    assert by_customer.withdraw(now, plan, " ", at).after.state is State.CLOSED
    assert by_staff.record_callback(now, plan, MEI, "no_answer", "", at).after.version
    assert faults(lambda: by_customer.withdraw(now, plan, LONG, at)) == {("/text", "too_long")}


def test_surrounding_space_is_stripped_from_messages(life: Life) -> None:
    life.open()
    change = by_customer.write(life.ticket, life.plan, "  it leaks\n", life.clock.moment)
    assert change.events[0].data == {"text": "it leaks"}


# -------------------------------------------------------------------------------- resolving


def test_resolving_a_complaint_requires_outcome_remedy_and_root_cause() -> None:
    life = builders.life_at(State.OPEN, "complaint")
    now, plan, at = life.ticket, life.plan, life.clock.moment
    assert faults(lambda: by_staff.resolve(now, plan, MEI, "Done", None, " ", None, at)) == {
        ("/outcome", "required"),
        ("/remedy", "required"),
        ("/root_cause", "required"),
    }
    resolution = life.resolve().ticket.resolution
    assert resolution is not None
    assert (resolution.outcome, resolution.remedy, resolution.root_cause, resolution.by) == (
        "upheld",
        "a new kettle",
        "a bad batch",
        MEI.id,
    )


def test_resolving_an_inquiry_requires_only_a_text() -> None:
    life = builders.life_at(State.OPEN, "inquiry")
    change = by_staff.resolve(
        life.ticket, life.plan, MEI, "Like this", None, None, None, life.clock.moment
    )
    assert change.after.state is State.RESOLVED


# -------------------------------------------------------------------------------- callbacks


def test_a_dissatisfied_customer_on_the_phone_reopens_the_ticket() -> None:
    life = builders.life_at(State.RESOLVED, contact=BY_PHONE).call("dissatisfied")
    assert life.ticket.state is State.OPEN
    assert [event.type for event in life.last.events] == [EventType.DISPUTED, EventType.QUEUED]
    assert [event.by.role for event in life.last.events] == [Role.AGENT, Role.SYSTEM]


def test_a_reopened_ticket_prefers_the_agent_who_resolved_it() -> None:
    life = builders.life_at(State.OPEN).reassign(JUN.id)
    life.resolve(by=LIN).dispute()
    assert life.ticket.preferred == LIN.id


# -------------------------------------------------------------------------------- the survey


def answered(answers: dict[str, Any]) -> Change:
    life = builders.life_at(State.CONFIRMED)
    return by_customer.answer_survey(life.ticket, life.plan, answers, life.clock.moment)


def test_all_wrong_survey_answers_are_listed_together() -> None:
    answers = {
        "speed": 0,
        "solution": 6,
        "attitude": "5",
        "knowledge": True,
        "friendliness": 4.5,
        "comment": 7,
        "suggestion": "x" * 5001,
        "mood/now": "good",
    }
    assert faults(lambda: answered(answers)) == {
        ("/overall", "score_expected"),
        ("/speed", "score_expected"),
        ("/solution", "score_expected"),
        ("/attitude", "score_expected"),
        ("/knowledge", "score_expected"),
        ("/friendliness", "score_expected"),
        ("/comment", "too_long"),
        ("/suggestion", "too_long"),
        ("/mood~1now", "unknown"),
    }


def test_unanswered_survey_questions_are_not_stored() -> None:
    change = answered({"overall": 4, "speed": None, "comment": "", "suggestion": " more tea "})
    assert change.events[0].data == {"answers": {"overall": 4, "suggestion": "more tea"}}


def test_score_of_a_survey_may_be_written_with_a_fraction_of_zero() -> None:
    kept = answered({"overall": 4.0}).events[0].data["answers"]["overall"]
    assert (kept, type(kept)) == (4, int)


def test_a_kind_without_a_survey_refuses_answers() -> None:
    document = builders.plan_document()
    del document["levels"]["inquiry"]["promises"]["survey"]
    plan = parse(document)
    life = Life(Clock(), plan).open("inquiry").acknowledge().resolve()
    with pytest.raises(NotAllowedNow):
        life.answer_survey()
    life.confirm()
    assert (life.ticket.state, life.ticket.closure) == (State.CLOSED, "confirmed")
    assert ClockName.SURVEY not in life.ticket.clocks


@given(
    st.dictionaries(
        st.sampled_from([*table.SURVEY_SCORES, "comment", "suggestion", "other"]),
        st.none() | st.booleans() | st.integers(-1, 7) | st.text(max_size=5) | st.lists(st.none()),
    )
)
def test_any_survey_answers_are_accepted_or_refused(answers: dict[str, Any]) -> None:
    try:
        change = answered(answers)
    except InvalidInput:
        return
    assert change.after.state is State.CLOSED
    kept = change.events[0].data["answers"]
    assert 1 <= kept["overall"] <= 5


# -------------------------------------------------------------------------- reclassifying


def test_reclassifying_into_another_team_queues_the_ticket_there(life: Life) -> None:
    life.open("inquiry").assign().reclassify("complaint")
    assert [event.type for event in life.last.events] == [
        EventType.RECLASSIFIED,
        EventType.QUEUED,
    ]
    assert (life.ticket.team, life.ticket.assignee) == ("complaints", None)


def test_reclassifying_within_the_team_keeps_the_agent(life: Life) -> None:
    life.open("complaint").assign().reclassify("urgent")
    assert (life.ticket.assignee, life.ticket.priority) == (MEI.id, "urgent")


def test_an_unknown_or_unchanged_kind_is_refused(life: Life) -> None:
    life.open()
    assert faults(lambda: life.reclassify("praise").last) == {("/kind", "unknown_kind")}
    assert faults(lambda: life.reclassify(life.ticket.kind).last) == {("/kind", "same_kind")}
    assert faults(lambda: life.reclassify("praise", customer_type="king").last) == {
        ("/kind", "unknown_kind"),
        ("/customer_type", "unknown_customer_type"),
    }


def test_the_priority_comes_from_urgency_and_impact(life: Life) -> None:
    life.open("inquiry").reclassify(urgency="high", impact="high")
    assert (life.ticket.priority, life.ticket.team) == ("urgent", "service")
    life.reclassify("complaint")
    assert (life.ticket.urgency, life.ticket.impact, life.ticket.priority) == (
        "high",
        "normal",
        "high",
    ), "urgency and impact are those of the new kind"


def test_an_important_customer_gets_shorter_promises(life: Life) -> None:
    life.open("inquiry").reclassify(customer_type="vip")
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].due_at == START + timedelta(hours=4)


MAY = [
    # who, of which team                   sees   acts
    (MEI, "complaints", True, True),  # the assignee
    (JUN, "complaints", True, False),
    (Actor(Role.AGENT, "a-tao"), "service", False, False),
    (LIN, "complaints", True, True),
    (Actor(Role.SUPERVISOR, "s-hua"), "service", False, False),
    (WEI, "service", True, True),
    (CUSTOMER, "complaints", False, False),
]


@pytest.mark.parametrize(("who", "team", "sees", "acts"), MAY)
@pytest.mark.parametrize("state", [State.OPEN, State.RESOLVED])
def test_who_may_see_and_act_on_a_ticket(
    state: State, who: Actor, team: str, sees: bool, acts: bool
) -> None:
    now, member = builders.life_at(state).ticket, member_of(who, team)
    assert access.may_see(member, now) == sees
    assert access.may_act(member, now) == acts


def member_of(who: Actor, team: str) -> Member:
    return Member(who.id, "", "", who.role, team, ("zh-CN",), capacity=5)


@pytest.mark.parametrize(("who", "team"), [(who, team) for who, team, sees, _ in MAY if sees])
def test_member_whom_a_complaint_is_about_may_not_see_it_whatever_their_role(
    who: Actor, team: str
) -> None:
    life, member = builders.life_at(State.OPEN), member_of(who, team)
    now = replace(life.ticket, about=("x-other", who.id))
    assert not access.may_see(member, now)
    assert not access.may_act(member, now)
    assert access.can(member, now) == []
    assert access.may_see(member, replace(now, about=("x-other",)))


# ------------------------------------------------------------------------------ participants


def test_setting_participants_replaces_them_all_and_a_repeat_changes_nothing(life: Life) -> None:
    life.open("complaint").let_in(" Wang.Wei@Example.com", "bo@example.net", "bo@example.net")
    assert life.ticket.participants == ("wang.wei@example.com", "bo@example.net")
    version = life.ticket.version
    life.let_in("BO@example.net", "wang.wei@example.com")
    assert life.ticket.version == version
    assert life.let_in().ticket.participants == ()
    assert life.events[-1].data == {
        "participants": [],
        "from": ["wang.wei@example.com", "bo@example.net"],
    }


# -------------------------------------------------------------------------------- categories


def test_a_category_is_corrected_and_removed_without_moving_a_promise(life: Life) -> None:
    before = life.open("complaint").assign().reply().wait(hours=3).ticket
    after = life.reclassify(category="product/defect").ticket
    assert after.category == "product/defect"
    assert (after.clocks, after.priority) == (before.clocks, before.priority)
    assert life.events[-1].data["category"] == "product/defect"
    removed = life.reclassify(category="").ticket
    assert (removed.category, life.events[-1].data["category"]) == (None, None)
    assert life.folded == life.ticket


def test_a_correction_of_the_kind_keeps_the_category(life: Life) -> None:
    life.open("complaint").reclassify(category="product/defect").reclassify("urgent")
    assert (life.ticket.kind, life.ticket.category) == ("urgent", "product/defect")
    assert "category" not in life.events[-1].data
    both = life.reclassify("inquiry", category="account").ticket
    assert (both.kind, both.category) == ("inquiry", "account")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"category": "toy"}, "unknown_category"),
        ({"category": "product", "kind": "inquiry"}, "category_not_offered"),
    ],
)
def test_a_category_that_the_plan_does_not_offer_is_refused(
    given: dict[str, Any], code: str
) -> None:
    document = plan_document()
    document["categories"][0]["kinds"] = ["complaint"]
    life = Life(plan=parse(document)).open("complaint")
    with pytest.raises(InvalidInput) as refused:
        life.reclassify(**given)
    assert [(one.pointer, one.code) for one in refused.value.faults] == [("/category", code)]


@pytest.mark.parametrize("same", ["", "product/defect"])
def test_the_same_category_again_is_refused(life: Life, same: str) -> None:
    life.open("complaint")
    if same:
        life.reclassify(category=same)
    with pytest.raises(Unchanged) as refused:
        life.reclassify(category=same)
    assert [fault.pointer for fault in refused.value.faults] == ["/category"]


def test_a_ticket_keeps_a_category_that_its_new_plan_does_not_have(life: Life) -> None:
    document = plan_document() | {"version": 2, "categories": []}
    life.open("complaint").reclassify(category="product/defect").move_to(parse(document))
    assert life.ticket.category == "product/defect"
    assert life.reclassify("urgent", category="product/defect").ticket.kind == "urgent"
    assert life.ticket.category == "product/defect"
    assert life.reclassify(category="").ticket.category is None


# -------------------------------------------------------------------------------------- tags


def test_tags_are_stored_in_one_form_each_once_and_sorted(life: Life) -> None:
    life.open().tag(" ＶＩＰ  Kunde", "vip kunde", "批次\t２", "Straße\u200b", "STRASSE")
    assert life.ticket.tags == ("strasse", "vip kunde", "批次 2")
    assert life.tag().ticket.tags == ()
    assert life.events[-1].data == {"tags": [], "from": ["strasse", "vip kunde", "批次 2"]}
    assert life.folded == life.ticket


@given(st.text(max_size=TAG_LIMIT))
def test_the_form_of_a_tag_has_itself_as_its_form(tag: str) -> None:
    assert tags.folded(tags.folded(tag)) == tags.folded(tag)


def test_the_same_tags_again_are_refused(life: Life) -> None:
    life.open().tag("kettle", "vip")
    with pytest.raises(Unchanged) as refused:
        life.tag("VIP", "Kettle", "vip")
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/tags", "same_tags")
    ]


def test_all_wrong_tags_are_listed(life: Life) -> None:
    wrong = [f"tag {number}" for number in range(17)]
    wrong += [" \u200b", "x" * 41, "㎞" * 40, "a\x07b"]
    with pytest.raises(InvalidInput) as refused:
        life.open().tag(*wrong)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/tags/17", "required"),
        ("/tags/18", "too_long"),
        ("/tags/19", "too_long"),
        ("/tags/20", "control_characters"),
        ("/tags", "too_many"),
    ]


def test_tags_move_no_promise_and_are_no_line_of_the_customer(life: Life) -> None:
    before = life.open().assign().reply().ticket
    after = life.tag("kettle").ticket
    assert after.clocks == before.clocks
    assert EventType.TAGGED not in PUBLIC


@pytest.mark.parametrize(
    ("written", "kept", "region", "normal"),
    [
        ("\u202a139\u20111234\u20115678\u202c", "139\u20111234\u20115678", "CN", "+8613912345678"),
        ("021-62345678转15", "021-62345678转15", "CN", "+862162345678"),
        ("(02) 2345-6789", "(02) 2345-6789", "TW", "+886223456789"),
        ("95588", "95588", "CN", None),
    ],
)
def test_a_phone_number_is_kept_as_written_beside_its_normal_form(
    written: str, kept: str, region: str, normal: str | None
) -> None:
    plan = replace(plan_1(), home_region=region)
    given = builders.submission(contact={"name": "Li Na", "phone": written})
    ticket = opening.open_ticket(given, "R-7K3M9-QW0X2", plan, START).after
    assert (ticket.contact.phone, ticket.contact.phone_e164) == (kept, normal)
    assert items.ticket_of(items.snapshot_doc(ticket)) == ticket


def test_participants_are_compared_in_one_form(life: Life) -> None:
    life.open("complaint").let_in("wang@bücher.example", "WANG@xn--bcher-kva.example")
    assert life.ticket.participants == ("wang@bücher.example",)
    version = life.ticket.version
    assert life.let_in("wang@xn--bcher-kva.example\u200b").ticket.version == version


def test_all_wrong_participants_are_listed(life: Life) -> None:
    life.open("complaint")
    wrong = [f"a{number}@example.com" for number in range(9)]
    wrong += ["nobody", life.ticket.contact.email or ""]
    with pytest.raises(InvalidInput) as refused:
        life.let_in(*wrong)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/participants", "too_many"),
        ("/participants/9", "email_expected"),
        ("/participants/10", "is_customer"),
    ]


@pytest.mark.parametrize(
    "send", [Life.reply, Life.tell_progress, Life.resolve, lambda life: life.promise(hours=1)]
)
def test_messages_to_the_customer_record_who_gets_a_copy(send: Callable[[Life], Life]) -> None:
    life = builders.life_at(State.OPEN)
    send(life)
    assert "copied_to" not in life.events[-1].data
    life = builders.life_at(State.OPEN).let_in("bo@example.net")
    send(life)
    copied = [event.data["copied_to"] for event in life.events if "copied_to" in event.data]
    assert copied == [["bo@example.net"]]


def test_text_of_a_survey_is_as_long_as_it_is_stored() -> None:
    life = builders.life_at(State.CONFIRMED)
    answers = {"overall": 5, "speed": None, "comment": "x" * 5_000 + "\n", "suggestion": None}
    [surveyed, _] = by_customer.answer_survey(
        life.ticket, life.plan, answers, life.clock.now()
    ).events
    assert surveyed.data["answers"] == {"overall": 5, "comment": "x" * 5_000}
