"""Splitting messages off a ticket into one of their own (story 12)."""

from __future__ import annotations

from copy import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from redress.base.errors import InvalidInput, NotAllowedNow, NotSplittable, NotUndone
from redress.base.people import CUSTOMER, Member, Role
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import ClockName, ClockState, Standing
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.results import for_connector
from redress.mail.outgoing.rules.relevance import Matter
from redress.mail.outgoing.rules.table import MailToSend, mails_after
from redress.scores.rules.facts import facts_of
from redress.tickets.rules.checklist import find
from redress.tickets.rules.explain import explain
from redress.tickets.rules.split_events import split_off, written_at
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.steps.table import MOST_LINKS, MOST_SPLIT
from redress.tickets.rules.ticket import (
    EventType,
    LinkKind,
    Merged,
    SplitOff,
    State,
    TicketLink,
    continues_in,
    next_due,
    next_wake,
)
from redress.tickets.store.snapshot import decode, encode
from tests.builders import BY_PHONE, MEI, NUMBER, OTHER, START, Life

WANG = "wang.wei@example.com"
CUSTOMER_ID = "9f86d081884c7d659a2feaa0"
HOUR = timedelta(hours=1)
JUN = Member("a-jun", "jun", "jun@example.com", Role.AGENT, "complaints", ("en",), 5)


def told(**fields: Any) -> Life:
    """A ticket of MEI that was answered, and to which the customer wrote again an hour later."""
    life = Life().open(**fields).acknowledge().assign().reply()
    return life.wait(hours=1).write("And where is my invoice?")


def faults(life: Life, *events: int, **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        life.split(*events, **fields)
    return [(one.pointer, one.code) for one in refused.value.faults]


def stored(life: Life) -> None:
    """What was stored is what the history says."""
    assert life.folded == life.ticket
    assert decode(msgspec.to_builtins(encode(life.ticket))) == life.ticket


# ------------------------------------------------------------------------------- whose it is


def test_split_ticket_belongs_to_the_author_of_the_words_and_not_to_the_first_sender() -> None:
    """In another product it went to the first sender (story 12)."""
    life = Life().open().acknowledge().assign().let_in(WANG)
    life.write_as(WANG, "My own kettle hums, too")
    new = life.split(subject="It hums")
    ticket = new.ticket
    assert (ticket.contact.name, ticket.contact.email) == ("wang.wei", WANG)
    assert ticket.contact.phone is None
    assert ticket.customer is None
    assert (ticket.channel, ticket.subject) == ("email", "It hums")
    assert ticket.participants == ()
    assert life.ticket.contact.email == "li.na@example.com"
    assert new.events[0].data["description"] == "My own kettle hums, too"
    for one in (life, new):
        stored(one)


def test_words_of_the_customer_stay_theirs_with_what_is_known_of_them() -> None:
    life = told()
    event = life.events[-1]
    new = life.match().split()
    ticket = new.ticket
    assert ticket.contact == life.ticket.contact
    assert (ticket.customer, ticket.language) == (CUSTOMER_ID, life.ticket.language)
    assert ticket.split == SplitOff(NUMBER, (event.number,), event.at, True)
    assert new.events[0].by == CUSTOMER
    stored(new)


def test_participant_whose_address_is_the_customers_is_the_customer() -> None:
    life = Life().open().write_as("LI.NA@example.com")
    new = life.split()
    assert new.ticket.contact == life.ticket.contact
    assert new.ticket.split is not None
    assert new.ticket.split.is_own


def test_parts_of_a_mail_and_what_is_known_of_the_address_come_along() -> None:
    mail = {"id": "m-1", "key": "k", "sender": "li@work.example", "unacknowledged": "list"}
    life = Life().open(mail=mail).acknowledge().assign().write()
    parts = [{"kind": "quote", "at": 0, "length": 4}]
    last = life.events[-1]
    by_mail = {"mail": {"id": "m-2", "key": "l", "parts": parts}}
    life.events[-1] = replace(last, data=last.data | by_mail)
    data = life.split().events[0].data
    assert data["mail"] == {
        "parts": parts,
        "sender": "li@work.example",
        "unacknowledged": "list",
    }
    assert data["split"]["channel"] == "email"


def test_participant_is_told_in_the_language_of_their_words() -> None:
    life = Life().open(language="en").let_in(WANG)
    new = life.write_as(WANG, "我的水壶也一直在漏水，请帮我处理一下。").split()
    assert new.ticket.language == "zh-CN"


def test_both_sides_say_so() -> None:
    life = told()
    event = life.events[-1]
    new = life.split()
    assert life.ticket.links == (TicketLink(LinkKind.SPLIT_INTO, OTHER),)
    assert new.ticket.links == (TicketLink(LinkKind.SPLIT_FROM, NUMBER),)
    [split] = life.last.events
    assert (split.type, split.by) == (EventType.SPLIT, MEI)
    assert split.data["events"] == [event.number]
    assert (split.data["ticket"], split.data["why"]) == (OTHER, "another matter")
    part = new.events[0].data["split"]
    assert (part["ticket"], part["event"], part["by"]) == (NUMBER, event.number, MEI.id)
    assert part["at"] == event.at.isoformat()
    assert split_off(life.events) == {event.number: OTHER}


def test_several_messages_come_in_their_order_each_with_its_time_and_its_files() -> None:
    life = told()
    first = life.events[-1]
    file = {"id": "9f86d081884c7d65", "name": "bill.pdf", "type": "application/pdf", "size": 9}
    life.wait(minutes=5).write("It is number 7")
    second = life.events[-1] = replace(
        life.events[-1], data=life.events[-1].data | {"files": [file]}
    )
    new = life.split(second.number, first.number)
    opened, further = new.events
    assert (opened.data["description"], further.data["text"]) == (
        "And where is my invoice?",
        "It is number 7",
    )
    assert [written_at(one) for one in new.events] == [first.at, second.at]
    assert (further.type, further.by, further.data["files"]) == (
        EventType.CUSTOMER_WROTE,
        CUSTOMER,
        [file],
    )
    assert new.ticket.split is not None
    assert new.ticket.split.events == (first.number, second.number)
    assert mails_after(further) == []
    stored(new)


@pytest.mark.parametrize(
    ("kind", "category"), [("inquiry", None), ("service_request", "payment/invoice")]
)
def test_words_that_are_split_off_again_have_their_files_where_they_were_sent(
    kind: str, category: str | None
) -> None:
    """The second one has a checklist, which is an event between the messages."""
    life = told()
    numbers = [life.events[-1].number, life.write("It is number 7").events[-1].number]
    second = life.split(*numbers, kind=kind, category=category)
    assert (second.ticket.checklist is not None) is (category is not None)
    own = second.write("And a spare seal?").events[-1].number
    came = [one.number for one in second.events if "split" in one.data]
    third = second.split(came[1], own, number="R-00000-00003")
    fourth = third.wait(hours=1).write("Now").split(1, number="R-00000-00004")
    assert second.ticket.split is not None
    assert second.ticket.split.kept == ()
    for ticket, kept in (
        (second.ticket, ((NUMBER, numbers[0]), (NUMBER, numbers[1]))),
        (third.ticket, ((NUMBER, numbers[1]), (OTHER, own))),
        (fourth.ticket, ((NUMBER, numbers[1]),)),
    ):
        assert ticket.split is not None
        assert ticket.split.files == kept
    for one in (second, third, fourth):
        stored(one)


def test_customer_who_left_no_address_is_promised_no_acknowledgement() -> None:
    new = told(contact=BY_PHONE).split()
    assert ClockName.ACKNOWLEDGEMENT not in new.ticket.clocks
    assert mails_after(new.events[0]) == []
    assert new.ticket.contact.phone_e164 is not None


def test_customer_of_a_connector_is_answered_where_they_wrote() -> None:
    life = Life().open_by_connector(contact={"name": "Li Na"})
    life.acknowledge().assign().reply().write_by_connector(text="And my invoice?")
    new = life.split()
    assert new.ticket.conversation == life.ticket.conversation
    assert new.ticket.channel == "web", "nobody waits at the other end for what is split off"
    assert ClockName.ACKNOWLEDGEMENT not in new.ticket.clocks
    assert mails_after(new.events[0]) == [MailToSend("split", "connector")]
    stored(new)
    life.unsplit(new)
    assert mails_after(new.last.events[0])[0] == MailToSend("split_undone", "connector")


def test_customer_whose_conversation_is_over_is_told_by_a_person() -> None:
    life = Life().open_by_connector(1, contact={"name": "Li Na"}).acknowledge().assign().reply()
    life.write_by_connector(1, text="And my invoice?").wait(hours=2)
    assert mails_after(life.split().events[0]) == []


def test_address_that_gets_no_automatic_mail_gets_none_about_the_split() -> None:
    life = Life().open(mail={"id": "m-1", "key": "k", "unacknowledged": "list"}).assign().write()
    new = life.split()
    assert mails_after(new.events[0]) == []
    assert ClockName.ACKNOWLEDGEMENT not in new.ticket.clocks


# ---------------------------------------------------------------------------------- promises


def test_promises_of_the_new_ticket_count_from_when_the_words_were_written() -> None:
    life = told()
    written = life.events[-1].at
    life.wait(hours=2)
    new = life.split(kind="complaint")
    apart = Life(replace_clock(written)).open("complaint")
    for name in (ClockName.FIRST_RESPONSE, ClockName.RESOLUTION):
        assert new.ticket.clocks[name].due_at <= apart.ticket.clocks[name].due_at
    assert new.ticket.clocks[ClockName.RESOLUTION].due_at == (
        apart.ticket.clocks[ClockName.RESOLUTION].due_at
    )
    for name in (ClockName.ACKNOWLEDGEMENT, ClockName.REACTION):
        assert new.ticket.clocks[name].started_at == START + 3 * HOUR
    assert new.ticket.unanswered_since == written


def replace_clock(at: Any) -> Any:
    clock = Life().clock
    clock.moment = at
    return clock


def test_reaction_that_was_promised_for_the_words_holds_on() -> None:
    life = Life().open("complaint").acknowledge().wait(minutes=5).write("It leaks")
    promised = life.ticket.clocks[ClockName.REACTION].due_at
    new = life.wait(minutes=10).split(1, kind="complaint")
    assert new.ticket.clocks[ClockName.REACTION].due_at == promised
    new.reclassify("urgent").reclassify("complaint")
    stored(new)


def test_answer_that_was_promised_is_never_later_than_it_was() -> None:
    life = told()
    promised = life.ticket.clocks[ClockName.NEXT_REPLY].due_at
    for kind in ("inquiry", "complaint", "feedback", "urgent"):
        other = Life(life.clock, life.plan, list(life.events), list(life.changes))
        new = other.split(kind=kind)
        assert new.ticket.clocks[ClockName.FIRST_RESPONSE].due_at <= promised, kind
        stored(new)


def test_solution_that_was_promised_for_the_opening_message_holds_on() -> None:
    life = Life().open("urgent").acknowledge().assign()
    promised = life.ticket.clocks[ClockName.RESOLUTION].due_at
    life.wait(minutes=5).write()
    new = life.split(1, kind="feedback")
    kept = new.ticket.clocks[ClockName.RESOLUTION]
    assert (kept.due_at, kept.started_at) == (promised, START)
    assert life.ticket.clocks[ClockName.RESOLUTION].due_at == promised
    stored(new)
    new.sleep_through(promised + timedelta(days=2))
    stored(new)


def test_words_that_were_answered_begin_to_wait_for_an_answer_with_the_split() -> None:
    life = told().wait(minutes=10).reply().wait(hours=3)
    event = next(one for one in life.events if one.type is EventType.CUSTOMER_WROTE)
    new = life.split(event.number)
    assert new.ticket.clocks[ClockName.FIRST_RESPONSE].started_at == life.clock.now()
    assert new.ticket.clocks[ClockName.RESOLUTION].started_at == event.at
    assert new.ticket.unanswered_since == life.clock.now()
    assert life.ticket.unanswered_since is None
    assert "unanswered" not in life.last.events[0].data
    stored(new)


def test_promise_that_was_broken_before_the_split_is_on_no_score() -> None:
    life = told().wait(days=5)
    new = life.split(kind="complaint")
    for name in (ClockName.FIRST_RESPONSE, ClockName.RESOLUTION):
        clock = new.ticket.clocks[name]
        assert clock.breached, name
        assert clock.held_by is None
        assert clocks.standing(clock, life.clock.now()) is Standing.OVERDUE
    assert facts_of(new.last) == []
    assert next_wake(new.ticket, new.plan) is not None
    new.assign("a-jun").wait(minutes=1).wake()
    assert new.ticket.clocks[ClockName.FIRST_RESPONSE].held_by is None
    assert facts_of(new.last) == [], "whoever gets it did not break it"
    assert EventType.RUNG_FIRED in {one.type for one in new.events}, "supervisors are told"
    new.wait(minutes=4).reply(by=JUN.actor)
    names = {one.name for one in facts_of(new.last)}
    assert not {"first_response", "answered"} & names, "they did not let anybody wait"
    stored(new)


def test_promise_that_is_broken_after_the_split_is_on_the_score_of_its_agent() -> None:
    new = told().split(kind="complaint").assign("a-jun")
    new.sleep_through(new.ticket.clocks[ClockName.FIRST_RESPONSE].due_at + HOUR)
    new.reply(by=JUN.actor)
    assert "answered" in {one.name for one in facts_of(new.last)}


def test_story_of_each_promise_can_be_told_on_both_sides() -> None:
    life = told().wait(hours=1)
    new = life.split()
    life.wait(hours=1).unsplit(new)
    for one in (life, new):
        found = explain(one.events, one.plan, {1: one.plan}.__getitem__, life.clock.now())
        assert {story.name for story in found} == set(one.ticket.clocks)


# --------------------------------------------------------------------- what is left behind


def test_next_reply_is_owed_for_nothing_if_only_these_words_waited() -> None:
    life = told()
    life.split()
    ticket = life.ticket
    assert ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.CANCELLED
    assert (ticket.unanswered_since, ticket.state) == (None, State.OPEN)
    assert facts_of(life.last) == [], "it counts neither as kept nor as missed"
    life.sleep_through(life.clock.now() + timedelta(days=1))
    fired = [one.data["clock"] for one in life.events if one.type is EventType.RUNG_FIRED]
    assert "next_reply" not in fired
    assert ticket.replies == 1
    stored(life)


def test_ticket_waits_for_the_customer_again_if_only_these_words_ended_the_wait() -> None:
    life = Life().open().acknowledge().assign().reply(wait_for_customer=True)
    life.wait(hours=1).write("Something else: my invoice")
    states = [life.ticket.state]
    life.wait(hours=1).split()
    assert [*states, life.ticket.state] == [State.OPEN, State.WAITING]
    assert life.ticket.clocks[ClockName.RESOLUTION].state is ClockState.PAUSED
    stored(life)


def asked(**fields: Any) -> Life:
    """A ticket of MEI that waits for the customer, since an hour."""
    return Life().open(**fields).acknowledge().assign().reply(wait_for_customer=True).wait(hours=1)


def its_our_turn(life: Life) -> None:
    """The ticket does not wait for the customer, and no promise is paused."""
    assert (life.ticket.state, life.ticket.unanswered_since) == (State.OPEN, None)
    assert life.ticket.clocks[ClockName.RESOLUTION].state is ClockState.RUNNING
    stored(life)


@pytest.mark.parametrize("between", [False, True])
def test_ticket_does_not_wait_for_the_customer_while_a_given_item_is_unchecked(
    between: bool,
) -> None:
    life = Life().request().reply(wait_for_customer=True).wait(hours=1)
    numbers = [life.write("My invoice?").events[-1].number] if between else []
    life.wait(hours=1).send_item().wait(hours=1)
    numbers.append(life.write("My invoice, please").events[-1].number)
    life.split(*numbers)
    its_our_turn(life)


def test_ticket_does_not_wait_for_the_customer_after_an_answer_that_was_answered_by_phone() -> None:
    life = asked().write("The serial number is 7").wait(hours=1)
    life.correct("next_reply", life.clock.now()).wait(hours=1).write("And my invoice?").split()
    its_our_turn(life)


def test_ticket_does_not_wait_for_the_customer_after_a_conversation_that_was_recorded() -> None:
    """Nobody knows whether they were asked again on the phone."""
    life = asked().write("My invoice?").wait(hours=1)
    first = life.events[-1].number
    life.correct("next_reply", life.clock.now()).wait(hours=1).write("My invoice, please")
    life.split(first, life.events[-1].number)
    its_our_turn(life)


def test_ticket_waits_for_the_customer_again_after_what_is_no_answer_to_its_question() -> None:
    life = Life().open().acknowledge().assign().wait(hours=2).reply(wait_for_customer=True)
    life.wait(hours=1).correct("first_response", START + HOUR)
    life.write("Thank you").wait(hours=1)
    source = Life(life.clock).open(number="R-00000-00002")
    source.merge(life).wait(hours=1)
    source.unmerge(life)
    life.wait(hours=1).write("And my invoice?").split()
    assert life.ticket.state is State.WAITING
    stored(life)


def test_words_of_a_merge_that_was_undone_do_not_wait_in_the_ticket() -> None:
    life = told().wait(hours=1)
    source = Life(life.clock).open(number="R-00000-00002")
    source.wait(minutes=10).merge(life).wait(minutes=10)
    source.unmerge(life)
    life.split()
    assert life.ticket.unanswered_since is None
    assert life.ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.CANCELLED
    stored(life)


def test_words_of_a_merge_go_on_waiting_when_others_are_split_off() -> None:
    life = told().wait(hours=1)
    source = Life(life.clock).open(number="R-00000-00002").match()
    since = source.ticket.unanswered_since
    life.match()
    source.wait(minutes=10).merge(life).wait(minutes=10)
    life.split()
    assert life.ticket.unanswered_since == since
    stored(life)


def test_other_words_keep_the_promise_that_was_made_first() -> None:
    life = told()
    before = life.ticket.clocks
    first = life.events[-1]
    life.wait(minutes=30).write("The seal still leaks")
    second = life.events[-1]
    life.split(first.number)
    assert life.ticket.unanswered_since == second.at
    assert life.ticket.clocks == before
    stored(life)


def test_newer_words_change_nothing_of_what_waits() -> None:
    life = told().wait(minutes=30).write("And my invoice?")
    before = life.ticket
    life.split()
    assert "unanswered" not in life.last.events[0].data
    after = life.ticket
    assert (after.unanswered_since, after.clocks) == (before.unanswered_since, before.clocks)


def test_first_response_is_still_owed_for_what_is_left_of_a_new_ticket() -> None:
    life = Life().open().acknowledge().assign().wait(minutes=10).write("It leaks")
    before = life.ticket.clocks
    life.split(1)
    assert life.ticket.state is State.NEW
    assert life.ticket.clocks == before
    assert life.ticket.unanswered_since == life.events[-2].at
    assert facts_of(life.last) == []
    stored(life)


def test_correction_does_not_take_words_that_went_elsewhere_for_unanswered() -> None:
    life = Life().open().acknowledge().assign().wait(hours=2).write("My invoice?")
    life.split()
    assert by_staff.written_at(life.events) == [START]
    life.correct("first_response", START + HOUR)
    assert life.ticket.unanswered_since is None


def test_words_of_a_dispute_can_be_split_off() -> None:
    """The ticket stays reopened, and waits for no answer."""
    life = Life().open().acknowledge().assign().reply().resolve().wait(hours=1).dispute()
    disputed = next(one for one in life.events if one.type is EventType.DISPUTED)
    promised = life.ticket.clocks[ClockName.RESOLUTION].due_at
    new = life.wait(hours=1).split(disputed.number, kind="feedback")
    assert new.events[0].data["description"] == disputed.data["text"]
    assert new.ticket.unanswered_since == disputed.at
    assert new.ticket.clocks[ClockName.RESOLUTION].due_at <= promised
    assert (life.ticket.state, life.ticket.unanswered_since) == (State.OPEN, None)
    assert life.ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.CANCELLED
    life.unsplit(new)
    assert life.ticket.unanswered_since == disputed.at
    for one in (life, new):
        stored(one)


def test_what_staff_noted_of_a_call_with_a_dispute_are_no_words_of_the_customer() -> None:
    life = Life().open().acknowledge().assign().reply().resolve()
    given = (life.ticket, life.plan, MEI, "Not content", life.clock.now())
    life.take(by_customer.dispute(*given))
    disputed = next(one for one in life.events if one.type is EventType.DISPUTED)
    assert faults(life, disputed.number) == [("/events/0", "not_a_message")]


def test_what_the_customer_wrote_for_an_item_can_be_split_off_and_the_item_stays_given() -> None:
    life = Life().request().reply(wait_for_customer=True).wait(hours=1).answer_item()
    given = life.events[-1]
    state = life.ticket.state
    new = life.split(given.number)
    assert new.events[0].data["description"] == "12 Mill Lane"
    assert new.ticket.unanswered_since == new.ticket.created_at
    item = find(life.ticket.checklist, "new_details")
    assert item is not None
    assert (item.state, life.ticket.state) == ("given", state)
    life.wait(hours=1).write("And?").split()
    assert life.ticket.state is State.OPEN, "the item is still to be checked"
    life.send_item()
    assert faults(life, life.events[-1].number) == [("/events/0", "not_a_message")]
    stored(life)


def test_words_after_a_resolution_can_be_split_off() -> None:
    life = Life().open().acknowledge().assign().resolve().wait(hours=1).write("My invoice?")
    written = life.events[-1].at
    new = life.wait(days=2).split()
    assert (life.ticket.state, new.ticket.state) == (State.RESOLVED, State.NEW)
    assert new.ticket.unanswered_since == written, "nobody has answered them"
    assert new.ticket.clocks[ClockName.FIRST_RESPONSE].started_at == written
    assert "unanswered" not in life.last.events[0].data
    stored(life)
    stored(new)
    life.unsplit(new)
    assert (life.ticket.state, life.ticket.unanswered_since) == (State.RESOLVED, None)
    stored(life)


# ------------------------------------------------------------------------------------ refused


def test_every_fault_of_a_split_is_told_at_once() -> None:
    life = Life().open("service_request").acknowledge().assign().let_in(WANG)
    life.write("Thank you")
    thanks = life.events[-1].number
    life.write("First").write_as(WANG, "Second")
    theirs, reply = life.events[-1].number, life.reply().events[-1].number
    own = theirs - 1
    found = faults(
        life,
        own,
        99,
        own,
        reply,
        thanks,
        theirs,
        subject="a\nb",
        category="no/such",
        kind="inquiry",
    )
    assert found == [
        ("/events/1", "unknown_event"),
        ("/events/2", "repeated"),
        ("/events/3", "not_a_message"),
        ("/events/4", "thanks"),
        ("/events/5", "other_author"),
        ("/subject", "one_line"),
        ("/category", "unknown_category"),
    ]


def test_the_last_message_is_not_split_off() -> None:
    life = Life().open().assign()
    assert faults(life, 1) == [("/events", "nothing_left")]
    life.write("Thank you")
    assert faults(life, 1) == [("/events", "nothing_left")]
    life.count()
    assert life.split(1).ticket.number == OTHER


def test_what_was_split_off_is_not_split_off_again() -> None:
    life = told()
    event = life.events[-1].number
    new = life.split()
    assert faults(life, event) == [("/events/0", "split_before")]
    life.unsplit(new)
    assert split_off(life.events) == {}
    assert life.split(event, number="R-00000-00001").ticket.number == "R-00000-00001"


def test_message_of_an_unproven_number_is_nobodys() -> None:
    life = told()
    last = life.events[-1]
    life.events[-1] = replace(last, data=last.data | {"source": {"unproven": True}})
    assert faults(life, last.number) == [("/events/0", "unproven")]


def test_file_without_a_word_makes_no_ticket() -> None:
    life = told()
    life.events[-1] = replace(life.events[-1], data={"text": "", "files": []})
    assert faults(life) == [("/events", "no_words")]


def test_nothing_of_a_closed_ticket_is_split_off() -> None:
    life = told()
    event = life.events[-1].number
    life.withdraw()
    with pytest.raises(NotAllowedNow):
        life.split(event)


def test_ticket_is_split_only_when_it_is_known_whom_it_is_about() -> None:
    life = Life().open("complaint").doubt_about().write()
    links = tuple(TicketLink(LinkKind.RELATED, f"R-{n:05d}-00000") for n in range(MOST_LINKS))
    life.changes[-1] = replace(life.last, after=replace(life.ticket, links=links))
    with pytest.raises(NotSplittable) as refused:
        life.split()
    assert [one.code for one in refused.value.faults] == ["about_unclear", "too_many"]


def test_whom_a_complaint_is_about_does_not_get_what_was_split_off() -> None:
    life = Life().open("complaint").assign().is_about(JUN.id).write("My invoice?")
    new = life.split(kind="inquiry")
    assert new.ticket.about == (JUN.id,)
    assert new.ticket.kept_from == life.ticket.kept_from
    stored(new)
    named = Life().open("inquiry").assign().write("jun was rude")
    assert named.split(kind="complaint", named=(JUN,)).ticket.about == (JUN.id,)


def test_snapshot_stays_small_with_most_messages() -> None:
    life = told()
    numbers = [life.events[-1].number]
    for _ in range(MOST_SPLIT - 1):
        numbers.append(life.wait(minutes=1).write("x" * 2000).events[-1].number)
    new = life.split(*numbers)
    alone = Life(life.clock).open("inquiry")
    size = len(msgspec.json.encode(encode(new.ticket)))
    assert size < len(msgspec.json.encode(encode(alone.ticket))) + 1_000
    assert len(msgspec.json.encode(encode(life.ticket))) < 3_000
    stored(new)


# ------------------------------------------------------------------ words of a merged ticket

THIRD = "R-00000-00003"


def merged(kind: str = "complaint", answered: bool = False, **fields: Any) -> tuple[Life, Life]:
    """A ticket of MEI with two messages, merged into another one of hers, which is older.

    The target was answered before, and asked nothing. With `answered`, it is answered again after
    the merge.
    """
    target = Life().open("complaint", number=OTHER).acknowledge().assign().match().reply()
    target.wait(hours=1)
    source = Life(target.clock).open(kind, **fields).acknowledge().assign().match()
    source.wait(hours=1).write("And where is my invoice?")
    source.wait(minutes=5).merge(target)
    if answered:
        target.wait(minutes=5).reply()
    return source, target


def since(life: Life) -> datetime | None:
    """Since when the oldest message of the ticket waits for an answer."""
    return life.ticket.unanswered_since


def state(life: Life) -> str:
    return life.ticket.state.value


def off(target: Life, source: Life, *events: int, **fields: Any) -> Life:
    """Splits messages of the merged ticket off the target, by default the last one."""
    new = target.split(*events, of=source, number=THIRD, **fields)
    for one in (source, target, new):
        stored(one)
    return new


def test_words_of_a_merged_ticket_are_split_off_after_a_public_word() -> None:
    """A merge is not undone then: the answer may have been one to both (decision 67)."""
    source, target = merged(answered=True)
    with pytest.raises(NotUndone):
        source.unmerge(target)
    wrote = source.events[-3]
    new = off(target, source)
    ticket = new.ticket
    assert (ticket.contact, ticket.customer) == (source.ticket.contact, CUSTOMER_ID)
    assert new.events[0].data["description"] == "And where is my invoice?"
    assert ticket.split is not None
    assert (ticket.split.source, ticket.split.merged) == (OTHER, NUMBER)
    assert (ticket.split.files, ticket.split.is_own) == (((NUMBER, wrote.number),), True)
    assert ticket.links == (TicketLink(LinkKind.SPLIT_FROM, OTHER),)
    into = TicketLink(LinkKind.SPLIT_INTO, THIRD)
    assert into in source.ticket.links
    assert into in target.ticket.links
    assert (source.ticket.state, source.ticket.closure) == (State.CLOSED, "merged")
    assert (split_off(source.events), split_off(target.events)) == ({wrote.number: THIRD}, {})
    assert ticket.split.since == ticket.created_at, "it was answered"
    assert (since(target), target.ticket.state) == (None, State.OPEN)


def test_all_words_of_a_merged_ticket_can_be_split_off() -> None:
    source, target = merged()
    opened, wrote = (
        one for one in source.events if one.type in (EventType.OPENED, EventType.CUSTOMER_WROTE)
    )
    new = off(target, source, opened.number, wrote.number, kind="complaint")
    assert [written_at(one) for one in new.events[:2]] == [opened.at, wrote.at]
    assert [one.data["split"]["merged"] for one in new.events[:2]] == [NUMBER, NUMBER]
    assert new.ticket.unanswered_since == opened.at
    assert since(target) is None
    assert target.ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.CANCELLED


def test_what_is_left_of_a_merged_ticket_goes_on_waiting() -> None:
    source, target = merged()
    opened, wrote = (
        one for one in source.events if one.type in (EventType.OPENED, EventType.CUSTOMER_WROTE)
    )
    promised = target.ticket.clocks[ClockName.NEXT_REPLY]
    assert since(target) == opened.at
    new = off(target, source, opened.number)
    assert new.ticket.unanswered_since == opened.at
    assert since(target) == wrote.at
    assert target.ticket.clocks[ClockName.NEXT_REPLY] == promised
    own = target.wait(minutes=5).write("And mine?").events[-1]
    target.split(wrote.number, of=source, number="R-00000-00004")
    assert since(target) == own.at
    target.split(own.number, number="R-00000-00005")
    assert since(target) is None
    stored(target)


def test_newer_words_of_a_merged_ticket_change_nothing_of_what_waits() -> None:
    source, target = merged()
    waits = since(target)
    new = off(target, source)
    assert since(target) == waits
    assert new.ticket.unanswered_since == source.events[-4].at
    assert "unanswered" not in target.events[-1].data


@pytest.mark.parametrize("answered", [True, False])
def test_target_waits_for_the_customer_again_if_only_the_merged_words_ended_the_wait(
    answered: bool,
) -> None:
    target = Life().open("complaint", number=OTHER).acknowledge().assign().match()
    target.reply(wait_for_customer=True).wait(hours=1)
    source = Life(target.clock).open("complaint").acknowledge().assign().match()
    if answered:
        source.reply().wait(hours=1).write()
    source.merge(target)
    assert state(target) == "open"
    last = [
        one for one in source.events if one.type in (EventType.OPENED, EventType.CUSTOMER_WROTE)
    ]
    new = off(target, source, last[-1].number)
    assert state(target) == "waiting"
    target.unsplit(new, of=source)
    assert state(target) == "open"
    stored(target)


def test_promise_of_the_merged_ticket_holds_for_its_words_also_if_the_target_kept_its_own() -> None:
    """The target was opened before, so its resolution is due before that of the source."""
    source, target = merged()
    promised = source.ticket.clocks[ClockName.RESOLUTION].due_at
    assert target.ticket.clocks[ClockName.RESOLUTION].due_at < promised
    for kind in ("inquiry", "complaint", "feedback"):
        lives = [
            Life(one.clock, one.plan, list(one.events), list(one.changes))
            for one in (source, target)
        ]
        new = off(lives[1], lives[0], 1, kind=kind)
        clock = new.ticket.clocks.get(ClockName.RESOLUTION)
        assert clock is not None
        assert clock.due_at <= promised, kind
    apart = Life(replace_clock(source.events[-3].at)).open("feedback").ticket
    later = off(target, source, kind="feedback").ticket
    due = later.clocks[ClockName.RESOLUTION].due_at
    assert due == apart.clocks[ClockName.RESOLUTION].due_at, "nothing was promised for these words"


def test_wait_for_the_customer_after_the_merge_moves_what_was_promised_in_the_merged_ticket() -> (
    None
):
    source, target = merged()
    promised = source.ticket.clocks[ClockName.RESOLUTION].due_at
    target.reply(wait_for_customer=True).wait(hours=10)
    new = off(target, source, 1, kind="feedback")
    assert new.ticket.clocks[ClockName.RESOLUTION].due_at == promised + 10 * HOUR


def test_answer_that_the_target_owes_for_merged_words_is_never_later() -> None:
    source, target = merged()
    promised = target.ticket.clocks[ClockName.NEXT_REPLY].due_at
    new = off(target, source, 1)
    assert new.ticket.clocks[ClockName.FIRST_RESPONSE].due_at <= promised


def test_words_of_a_participant_of_the_merged_ticket_become_their_ticket() -> None:
    target = Life().open(number=OTHER).acknowledge().assign().match().reply()
    source = Life(target.clock).open().acknowledge().assign().match().let_in(WANG)
    source.write_as(WANG, "Mine hums, too").merge(target)
    target.reply()
    new = off(target, source)
    assert (new.ticket.contact.email, new.ticket.customer) == (WANG, None)
    assert new.ticket.split is not None
    assert not new.ticket.split.is_own
    assert not any("own" in one.events[-1].data for one in (source, target))


def test_words_of_a_merged_ticket_that_is_another_customers_now_are_theirs() -> None:
    """It turned out after the merge. Neither customer learns the other one's number."""
    source, target = merged(answered=True)
    source.match("another")
    new = off(target, source)
    assert (new.ticket.customer, new.ticket.contact) == ("another", source.ticket.contact)
    assert new.ticket.split is not None
    assert not new.ticket.split.is_own
    assert ("own" in source.events[-1].data, "own" in target.events[-1].data) == (True, False)
    target.unsplit(new, of=source)
    assert (new.ticket.merged, new.ticket.state) == (None, State.CLOSED)
    for one in (source, target, new):
        stored(one)


def test_customer_is_answered_through_the_conversation_that_goes_on() -> None:
    """After the merge they wrote to the target from there."""
    target = Life().open_by_connector(1, contact={"name": "Li Na"}).acknowledge().assign().match()
    source = Life(target.clock)
    source.open("inquiry", number=OTHER, contact=BY_PHONE).acknowledge().assign().match().write()
    source.merge(target)
    target.reply()
    target.wait(minutes=50).write_by_connector(1)
    new = target.split(source.events[-3].number, of=source, number=THIRD)
    assert new.ticket.conversation == target.ticket.conversation


def test_faults_of_words_of_a_merged_ticket_are_those_of_its_own_events() -> None:
    source, target = merged()
    assert faults(target, 99, of=source) == [("/events/0", "unknown_event")]
    assert faults(target, 2, of=source) == [("/events/0", "not_a_message")]
    off(target, source)
    assert faults(target, source.events[-4].number, of=source) == [("/events/0", "split_before")]
    assert faults(target, 1) == [("/events", "nothing_left")]


def test_merged_ticket_without_room_for_a_link_is_a_fault() -> None:
    source, target = merged()
    full = tuple(TicketLink(LinkKind.RELATED, f"R-{n:05}-00000") for n in range(MOST_LINKS))
    last = source.changes[-1]
    source.changes[-1] = replace(last, after=replace(last.after, links=full))
    with pytest.raises(NotSplittable) as refused:
        target.split(of=source, number=THIRD)
    assert [(one.pointer, one.code) for one in refused.value.faults] == [("/merged", "too_many")]


def test_whom_the_merged_ticket_is_about_does_not_get_its_words() -> None:
    """Also if somebody decided since that the target is not about them."""
    source, target = merged()
    source.is_about("a-jun")
    new = off(target, source, kind="complaint")
    assert new.ticket.about == ("a-jun",)


def test_undone_split_of_merged_words_gives_them_back_to_the_target() -> None:
    source, target = merged()
    before, links = target.ticket, source.ticket.links
    new = off(target, source, 1).wait(hours=1)
    target.unsplit(new, of=source)
    assert (new.ticket.closure, source.ticket.links) == ("split_undone", links)
    assert (since(target), target.ticket.links) == (
        before.unanswered_since,
        before.links,
    )
    assert new.ticket.merged == Merged(OTHER, CUSTOMER_ID, CUSTOMER_ID)
    due = before.clocks[ClockName.NEXT_REPLY].due_at
    assert target.ticket.clocks[ClockName.NEXT_REPLY].due_at == due
    assert split_off(source.events) == {}
    again = off(target, source, 1)
    assert again.ticket.unanswered_since == before.unanswered_since
    for one in (source, target, new):
        stored(one)


def test_merge_is_not_undone_after_its_words_were_split_off() -> None:
    source, target = merged()
    off(target, source)
    with pytest.raises(NotUndone):
        source.unmerge(target)


# ------------------------------------------------------------------------------------ undone


def test_undone_split_gives_the_words_back_as_if_they_had_never_left() -> None:
    life = told().match()
    before = life.ticket
    new = life.wait(hours=1).split()
    life.wait(hours=1).unsplit(new)
    ticket, clock = life.ticket, life.ticket.clocks[ClockName.NEXT_REPLY]
    assert (ticket.unanswered_since, ticket.state) == (before.unanswered_since, before.state)
    assert clock.state is ClockState.RUNNING
    assert clock.due_at == before.clocks[ClockName.NEXT_REPLY].due_at
    assert ticket.links == ()
    assert split_off(life.events) == {}
    assert (new.ticket.state, new.ticket.closure) == (State.CLOSED, "split_undone")
    assert next_due(new.ticket) is None
    assert facts_of(new.last) == []
    assert new.ticket.merged == Merged(NUMBER, CUSTOMER_ID, CUSTOMER_ID)
    assert continues_in(new.ticket, ticket), "what they write to the new number goes on"
    assert [one.type for one in new.last.events] == [EventType.UNSPLIT, EventType.CLOSED]
    for one in (life, new):
        stored(one)


def test_undone_split_ends_the_wait_again() -> None:
    life = Life().open().acknowledge().assign().reply(wait_for_customer=True)
    life.wait(hours=1).write("The serial number is 7")
    new = life.split()
    states = [life.ticket.state]
    life.wait(hours=1).unsplit(new)
    assert [*states, life.ticket.state] == [State.WAITING, State.OPEN]
    assert life.ticket.clocks[ClockName.RESOLUTION].state is ClockState.RUNNING
    stored(life)


def test_no_promise_is_later_after_a_split_that_was_undone() -> None:
    """The ticket waited for the customer only because their words had left."""
    life = asked().write("The serial number is 7")
    before = life.ticket
    new = life.split()
    paused = life.ticket.clocks[ClockName.RESOLUTION].state
    life.wait(hours=30).unsplit(new)
    due = {name: clock.due_at for name, clock in before.clocks.items() if not clock.over}
    assert paused is ClockState.PAUSED
    assert {ClockName.RESOLUTION, ClockName.UPDATE, ClockName.NEXT_REPLY} <= set(due)
    assert {name: life.ticket.clocks[name].due_at for name in due} == due
    assert {life.ticket.clocks[name].state for name in due} == {ClockState.RUNNING}
    assert life.ticket.waits == before.waits
    stored(life)
    explain(life.events, life.plan, {1: life.plan}.__getitem__, life.clock.now())


def test_undone_split_of_an_earlier_version_is_read() -> None:
    life = asked().write("The serial number is 7")
    new = life.split()
    life.wait(hours=1).unsplit(new)
    data = life.events[-1].data
    unanswered = {name: one for name, one in data["unanswered"].items() if name != "split_at"}
    life.events[-1] = replace(life.events[-1], data=data | {"unanswered": unanswered})
    assert life.folded.unanswered_since == life.ticket.unanswered_since


def test_undone_split_names_no_ticket_that_is_another_customers_now() -> None:
    life = told().match()
    new = life.split()
    life.match("wang-wei").unsplit(new)
    [event] = life.last.events
    assert ("own" in event.data, "own" in new.last.events[0].data) == (False, False)
    assert new.ticket.merged is None
    assert mails_after(new.last.events[0])[0] == MailToSend("split_undone", "customer")


@pytest.mark.parametrize(("hours", "audience"), [(1, "connector"), (30, "customer")])
def test_undone_split_is_told_where_the_customer_writes_now(hours: int, audience: str) -> None:
    """The split was told by mail, but the customer writes in a chat."""
    contact = {"name": "Li Na", "email": "li.na@example.com"}
    life = Life().open_by_connector(24, contact=contact).acknowledge().assign().reply()
    new = life.write_by_connector(24, text="And my invoice?").split()
    assert mails_after(new.events[0]) == [MailToSend("acknowledgement", "customer")]
    assert new.ticket.conversation == life.ticket.conversation
    life.wait(hours=hours).unsplit(new)
    assert mails_after(new.last.events[0])[0] == MailToSend("split_undone", audience)


def test_connector_is_told_no_number_of_a_ticket_that_is_another_customers_now() -> None:
    for customer, is_named in ((CUSTOMER_ID, True), ("wang-wei", False)):
        life = Life().open_by_connector(contact={"name": "Li Na"}).match()
        life.acknowledge().assign().reply().write_by_connector(text="And my invoice?")
        new = life.split()
        if not is_named:
            life.match(customer)
        life.unsplit(new)
        event = new.last.events[0]
        job = MailJob(new.ticket.number, event.number, "split_undone", "connector")
        matter = Matter(job, event, new.ticket, new.plan, new.clock.now())
        assert mails_after(event)[0] == MailToSend("split_undone", "connector")
        text = for_connector(matter)
        assert (life.ticket.number in text, new.ticket.number in text) == (is_named, True)


def test_words_of_a_participant_do_not_go_on_to_the_customers_ticket() -> None:
    life = Life().open().match().assign().let_in(WANG).write_as(WANG)
    new = life.split()
    new.match("wang-wei")
    life.unsplit(new)
    assert new.ticket.merged is None
    told = mails_after(new.last.events[0])[0]
    assert (told.template, told.audience) == ("split_undone", "customer")
    assert "own" not in new.last.events[0].data


@pytest.mark.parametrize("side", ["old", "new"])
def test_split_is_not_undone_after_a_public_word(side: str) -> None:
    life = told()
    new = life.split()
    (life if side == "old" else new.assign()).wait(minutes=1).reply()
    with pytest.raises(NotUndone) as refused:
        life.unsplit(new)
    [fault] = refused.value.faults
    assert (fault.pointer, fault.code) == ("" if side == "old" else "/ticket", "too_late")


@pytest.mark.parametrize("what", ["split", "merge"])
def test_split_is_not_undone_after_the_next_split_or_merge(what: str) -> None:
    life = told().match().write("A third matter")
    new = life.split()
    life.wait(minutes=1)
    if what == "split":
        earlier = next(one for one in life.events if one.type is EventType.CUSTOMER_WROTE)
        life.split(earlier.number, number="R-00000-00003")
    else:
        life.take_in(Life(life.clock).open(number="R-00000-00002").match())
    with pytest.raises(NotUndone) as refused:
        life.unsplit(new)
    assert {one.code for one in refused.value.faults} == {"too_late"}


def test_split_is_not_undone_while_something_is_owed_in_the_new_ticket() -> None:
    life = told()
    new = life.split(kind="complaint").assign().open_task()
    with pytest.raises(NotUndone) as refused:
        life.unsplit(new)
    assert [one.code for one in refused.value.faults] == ["task_open"]


def test_split_is_not_undone_while_the_new_ticket_is_a_case_of_another_incident() -> None:
    life = told()
    new = life.split().join_incident()
    with pytest.raises(NotUndone) as refused:
        life.unsplit(new)
    assert [one.code for one in refused.value.faults] == ["other_incident"]
    assert life.join_incident().unsplit(new).ticket.links == ()


def test_reminders_of_the_new_ticket_do_not_keep_its_split_from_being_undone() -> None:
    life = told()
    new = life.split().assign()
    new.sleep_through(life.clock.now() + timedelta(days=3))
    life.unsplit(new)
    assert new.ticket.state is State.CLOSED
    stored(new)


def test_undone_split_of_an_urgent_ticket_leaves_nothing_to_do() -> None:
    life = told()
    new = life.split(kind="urgent").open_task()
    planned = tuple(replace(task, planned="recall") for task in new.ticket.tasks)
    new.changes[-1] = replace(new.last, after=replace(new.ticket, tasks=planned))
    life.unsplit(new)
    assert new.ticket.post_mortem is None
    assert not any(task.is_open for task in new.ticket.tasks), "what the plan asked for ends"


def test_after_a_public_word_the_two_are_merged_instead() -> None:
    life = told().match()
    new = life.split(kind="complaint").assign()
    new.reply()
    new.merge(life)
    assert (new.ticket.closure, new.ticket.state) == ("merged", State.CLOSED)
    assert {one.kind for one in life.ticket.links} == {
        LinkKind.SPLIT_INTO,
        LinkKind.MERGED_FROM,
    }
    stored(new)
    stored(life)


def test_message_that_was_promised_an_own_time_stays_with_the_first_ticket() -> None:
    life = told().promise(hours=2)
    new = life.split()
    assert ClockName.OWN_WORD not in new.ticket.clocks
    assert not life.ticket.clocks[ClockName.OWN_WORD].over
