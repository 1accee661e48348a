"""A bare thanks in three languages reopens nothing and spoils no figure (story 20)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from redress.base.errors import AlreadyDone, InvalidInput, NotAllowedNow
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.scores.rules.facts import facts_of
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType, State, is_bare_thanks
from tests.builders import Life

THANKS = pytest.mark.parametrize("thanks", ["Thank you!", "好的，谢谢", "非常感謝🙏"])


@pytest.mark.parametrize("thanks", ["Thank you so much!", "谢谢您的回复", "非常感謝🙏"])
def test_bare_thanks_starts_no_clock_and_a_waiting_ticket_waits_on(thanks: str) -> None:
    """The question of staff is still open: a thanks does not answer it."""
    life = Life().open().reply(wait_for_customer=True).wait(minutes=5)
    before = life.ticket
    after = life.write(thanks).ticket
    assert (after.state, after.unanswered_since) == (State.WAITING, None)
    assert ClockName.NEXT_REPLY not in after.clocks
    assert (after.clocks, after.waits) == (before.clocks, before.waits)
    assert is_bare_thanks(life.events[-1])
    assert life.events[-1].data["thanks"] in thanks.casefold()
    assert life.folded == after


@pytest.mark.parametrize(
    "said", ["好的，麻烦您了，谢谢！", "OK, thanks", "收到，謝謝", "👍 Thanks"]
)
def test_thanks_that_may_answer_the_question_of_staff_wakes_the_waiting_ticket(said: str) -> None:
    """The ticket waited for a customer who had said yes."""
    life = Life().open().reply(wait_for_customer=True).wait(minutes=5)
    life.write(said)
    assert (life.ticket.state, life.ticket.unanswered_since) == (State.OPEN, life.events[-1].at)
    assert life.ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.RUNNING
    assert not is_bare_thanks(life.events[-1])
    life.reply().wait(minutes=5).write(said)
    assert is_bare_thanks(life.events[-1])


@THANKS
def test_bare_thanks_on_an_open_ticket_needs_no_answer(thanks: str) -> None:
    life = Life().open().reply().wait(minutes=5).write(thanks)
    assert life.ticket.unanswered_since is None
    assert ClockName.NEXT_REPLY not in life.ticket.clocks


@THANKS
def test_bare_thanks_after_the_resolution_counts_as_no_contact(thanks: str) -> None:
    life = Life().open().resolve().wait(hours=1).write(thanks)
    resolution = life.ticket.resolution
    assert resolution is not None
    assert (life.ticket.state, resolution.contacts_after) == (State.RESOLVED, 0)
    assert facts_of(life.last) == []


@THANKS
def test_bare_thanks_changes_nothing_of_a_closed_ticket(thanks: str) -> None:
    life = Life().open().withdraw()
    before = life.ticket
    after = life.write(thanks).ticket
    assert (after.state, after.closed_at, after.clocks) == (
        State.CLOSED,
        before.closed_at,
        before.clocks,
    )


def test_first_message_stays_unanswered_after_a_thanks() -> None:
    life = Life().open().wait(minutes=5).write("Thank you")
    assert (life.ticket.state, life.ticket.unanswered_since) == (State.NEW, life.events[0].at)


def test_thanks_with_more_words_is_an_ordinary_message() -> None:
    life = Life().open().reply(wait_for_customer=True).wait(minutes=5).write("thanks for nothing")
    assert (life.ticket.state, life.ticket.unanswered_since) == (State.OPEN, life.events[-1].at)
    assert not is_bare_thanks(life.events[-1])
    life.resolve().write("Thank you. It still leaks")
    assert life.ticket.resolution is not None
    assert life.ticket.resolution.contacts_after == 1


def test_mail_with_attachments_or_a_subject_of_its_own_is_an_ordinary_message() -> None:
    life = Life().open().reply()
    at = life.clock.now()
    file = {"id": "0" * 40, "key": "inbound/a", "attachments": [{"id": 1}]}
    for mail, beside in ((file, ""), (None, "It still leaks")):
        change = by_customer.write(
            life.ticket, life.plan, "Thank you", at, mail=mail, beside=beside
        )
        assert not is_bare_thanks(change.events[0])
    change = by_customer.write(life.ticket, life.plan, "Thank you", at, beside="Many thanks")
    assert is_bare_thanks(change.events[0])


def test_only_the_contact_signs_with_the_contacts_name() -> None:
    life = Life().open().reply()
    text, at = f"Thank you\n{life.ticket.contact.name}", life.clock.now()
    by_contact = by_customer.write(life.ticket, life.plan, text, at)
    by_other = by_customer.write(life.ticket, life.plan, text, at, participant="bo@example.net")
    assert is_bare_thanks(by_contact.events[0])
    assert not is_bare_thanks(by_other.events[0])


# ------------------------------------------------------------------- a person decides otherwise


def test_message_that_was_taken_for_thanks_counts_from_its_own_time() -> None:
    life = Life().open().reply(wait_for_customer=True).wait(minutes=5).write("Many thanks")
    written = life.events[-1].at
    life.wait(minutes=30).count()
    ticket = life.ticket
    assert (ticket.state, ticket.unanswered_since) == (State.OPEN, written)
    clock = ticket.clocks[ClockName.NEXT_REPLY]
    assert (clock.state, clock.started_at) == (ClockState.RUNNING, written)
    assert life.folded == ticket


def test_wait_ends_with_the_message_that_was_taken_for_thanks() -> None:
    """The clocks are those of a ticket whose message was an ordinary one from the beginning."""
    lives = []
    for text in ("Many thanks", "OK then"):
        life = Life().open().wait(minutes=5).reply(wait_for_customer=True)
        life.wait(minutes=7).write(text).wait(minutes=30)
        lives.append(life.count() if text == "Many thanks" else life)
    counted, usual = (life.ticket for life in lives)
    assert counted.waits == usual.waits
    assert {name: clock.due_at for name, clock in counted.clocks.items()} == {
        name: clock.due_at for name, clock in usual.clocks.items()
    }


def test_older_message_moves_the_next_reply_clock_to_its_time() -> None:
    life = Life().open().reply().wait(minutes=5).write("Thanks")
    thanked = life.events[-1]
    life.wait(minutes=10).write("It leaks again")
    due = life.ticket.clocks[ClockName.NEXT_REPLY].due_at
    life.wait(minutes=1).count(thanked.number)
    assert life.ticket.unanswered_since == thanked.at
    clock = life.ticket.clocks[ClockName.NEXT_REPLY]
    assert (clock.started_at, clock.due_at) == (thanked.at, due - timedelta(minutes=10))


def test_message_that_staff_have_answered_since_starts_no_clock() -> None:
    life = Life().open().reply().wait(minutes=5).write("Thanks")
    thanked = life.events[-1].number
    life.wait(minutes=5).reply(wait_for_customer=True).count(thanked)
    assert (life.ticket.state, life.ticket.unanswered_since) == (State.WAITING, None)
    assert life.events[-1].data["answered"] is True


def test_message_after_the_resolution_counts_as_a_contact() -> None:
    life = Life().open().resolve().wait(hours=1).write("谢谢").wait(hours=1).count()
    assert life.ticket.resolution is not None
    assert life.ticket.resolution.contacts_after == 1
    [fact] = facts_of(life.last)
    assert (fact.name, fact.value["first_contact"]) == ("resolved.1", False)


def test_message_before_the_resolution_or_a_dispute_counts_no_contact_after_it() -> None:
    life = Life().open().reply().write("谢谢")
    thanked = life.events[-1].number
    life.wait(minutes=1).resolve().wait(minutes=1).count(thanked)
    assert life.ticket.resolution is not None
    assert life.ticket.resolution.contacts_after == 0
    assert facts_of(life.last) == []
    life.write("谢谢")
    thanked = life.events[-1].number
    life.wait(minutes=1).dispute()
    disputed = life.events[-2].at
    life.wait(minutes=1).count(thanked)
    assert life.ticket.unanswered_since == disputed


def test_thanks_is_counted_once_and_only_a_thanks_is() -> None:
    life = Life().open().reply().write("Thanks").count()
    with pytest.raises(AlreadyDone):
        life.count(life.events[-2].number)
    for number in (1, life.events[-1].number, 99):
        with pytest.raises(InvalidInput) as caught:
            life.count(number)
        assert [one.pointer for one in caught.value.faults] == ["/event"]


def test_closed_ticket_is_not_reopened_by_counting() -> None:
    life = Life().open().withdraw().write("Thanks")
    with pytest.raises(NotAllowedNow):
        life.count()


def test_thanks_needs_no_answer_when_an_earlier_answer_is_recorded() -> None:
    life = Life().open().wait(minutes=1).write("Thanks")
    thanked = life.events[-1]
    assert by_staff.written_at(life.events) == [life.events[0].at]
    life.count(thanked.number)
    assert by_staff.written_at(life.events) == [life.events[0].at, thanked.at]
    assert life.events[-1].type is EventType.MESSAGE_COUNTED
