"""How words of staff reach a customer who wrote through a connector."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace

import pytest

from redress.base import instants
from redress.base.errors import NotAllowedNow
from redress.tickets.rules import fold as folding
from redress.tickets.rules.answers import FOLLOWS, AnswerState, Way, Why, way_of
from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.steps.draft import AnswerWindowEnded
from redress.tickets.rules.ticket import EventType
from redress.tickets.store import snapshot
from tests.builders import BY_MAIL, BY_PHONE, Clock, Life, plan_1

SPEAKING: dict[str, Callable[[Life], Life]] = {
    "reply": Life.reply,
    "progress": Life.tell_progress,
    "promise": lambda life: life.promise(hours=1),
    "hold": Life.hold,
}


@pytest.fixture
def life() -> Life:
    return Life(Clock())


def test_an_answer_goes_where_the_customer_wrote_and_not_by_mail(life: Life) -> None:
    life.open_by_connector(contact=BY_MAIL).reply()
    data = life.events[-1].data
    assert data["via"] == {"connector": "social", "id": "c-1"}
    assert "to" not in data


def test_a_ticket_of_another_channel_is_answered_by_mail(life: Life) -> None:
    life.open().reply()
    data = life.events[-1].data
    assert (data["to"], "via" in data) == ("li.na@example.com", False)


def test_each_message_of_the_customer_moves_the_end_of_the_window(life: Life) -> None:
    first = life.open_by_connector(48).ticket.conversation
    life.wait(hours=40).write_by_connector(48)
    last = life.ticket.conversation
    assert first is not None
    assert last is not None
    assert first.until is not None
    assert last.until is not None
    assert (last.until - first.until).total_seconds() == 40 * 3600
    life.wait(hours=47).reply()
    assert "via" in life.events[-1].data


def test_a_bare_thanks_moves_the_end_of_the_window_too(life: Life) -> None:
    life.open_by_connector(48).wait(hours=40).write_by_connector(48, "Thank you!")
    assert "thanks" in life.events[-1].data
    life.wait(hours=40).reply()
    assert "via" in life.events[-1].data


@pytest.mark.parametrize("act", SPEAKING)
def test_words_that_would_reach_nobody_are_refused_before_they_are_sent(
    life: Life, act: str
) -> None:
    """An agent writes, the customer never gets it, and the file says that they were answered."""
    life.open_by_connector(48).reply().wait(hours=48)
    until = life.ticket.conversation
    assert until is not None
    assert until.until is not None
    before = len(life.events)
    with pytest.raises(AnswerWindowEnded, match=instants.written(until.until)):
        SPEAKING[act](life)
    assert len(life.events) == before
    assert issubclass(AnswerWindowEnded, NotAllowedNow), "the API refuses it as a state"


def test_a_resolution_after_the_window_is_possible_and_says_that_nobody_was_told(
    life: Life,
) -> None:
    life.open_by_connector(48).wait(hours=48).resolve()
    [resolved] = [one for one in life.events if one.type is EventType.RESOLVED]
    assert resolved.data["untold"] == Why.WINDOW_ENDED
    assert "to" not in resolved.data


def test_after_the_window_the_address_that_the_customer_left_is_used(life: Life) -> None:
    life.open_by_connector(48, BY_MAIL).wait(hours=48)
    way = way_of(life.ticket, life.clock.now(), None)
    assert (way.by, way.why) == (Way.MAIL, Why.WINDOW_ENDED)
    life.reply()
    assert life.events[-1].data["to"] == "li.na@example.com"


def test_a_customer_without_any_way_gets_no_mail(life: Life) -> None:
    life.open(contact=BY_PHONE)
    way = way_of(life.ticket, life.clock.now(), None)
    assert (way.by, way.why) == (None, Why.NO_ADDRESS)
    life.reply()
    assert not {"to", "via", "untold"} & life.events[-1].data.keys()


BY_MOBILE = {"name": "Li Na", "phone": "138 0013 8000"}
MOBILE = "+8613800138000"


def with_sms(life: Life) -> Life:
    life.plan = replace(life.plan, sms="sms")
    return life


def test_who_left_only_a_phone_number_is_answered_by_short_message(life: Life) -> None:
    with_sms(life).open(contact=BY_MOBILE).reply()
    data = life.events[-1].data
    assert data["via"] == {"connector": "sms", "id": MOBILE}
    assert life.ticket.conversation is None, "the customer has not written there"


@pytest.mark.parametrize(
    "contact",
    [
        BY_MAIL,
        BY_MAIL | BY_MOBILE,
        {"name": "Li Na", "phone": "12345"},
        BY_PHONE,
        {"name": "Li Na", "phone": "400-600-1234"},
    ],
)
def test_short_messages_go_to_nobody_else(life: Life, contact: dict[str, str]) -> None:
    """Who left an address gets mail. A number that nobody can dial gets nothing, nor does a
    landline: the file would say that the customer was answered."""
    with_sms(life).open(contact=contact).reply()
    assert "via" not in life.events[-1].data


def test_short_message_takes_the_place_of_a_conversation_whose_window_has_ended(life: Life) -> None:
    with_sms(life).open_by_connector(48, BY_MOBILE).reply()
    assert life.events[-1].data["via"]["connector"] == "social"
    life.wait(hours=49).reply()
    assert life.events[-1].data["via"] == {"connector": "sms", "id": MOBILE}


def test_caller_with_a_landline_has_to_be_called(life: Life) -> None:
    with_sms(life).open(contact=BY_PHONE)
    way = way_of(life.ticket, life.clock.now(), life.plan.sms)
    assert (way.by, way.why) == (None, Why.NO_ADDRESS)
    assert life.ticket.contact.phone_e164 == "+861055550100"
    assert life.folded == life.ticket


def test_number_of_an_earlier_version_does_not_say_that_it_is_a_landline(life: Life) -> None:
    with_sms(life).open(contact=BY_PHONE)
    contact = life.events[0].data["contact"]
    del contact["no_sms"]
    earlier = replace(life.ticket, contact=replace(life.ticket.contact, no_sms=False))
    assert folding.fold(life.events[:1], life.plan).contact == earlier.contact


def test_conversation_is_in_the_snapshot_only_if_there_is_one(life: Life) -> None:
    assert "conversation" not in snapshot.encode(life.open().ticket)
    other = Life(Clock()).open_by_connector(48)
    assert folding.fold(other.events, plan_1()) == other.ticket
    assert snapshot.encode(other.ticket)["conversation"]


def test_a_message_through_a_connector_without_answers_ends_the_way_back(life: Life) -> None:
    """The manager took the address for answers away."""
    life.open_by_connector(contact=BY_MAIL)
    source = {"connector": "social", "conversation": "c-1", "message": "m-2"}
    at, plan = life.clock.now(), life.plan
    life.take(by_customer.write(life.ticket, plan, "Hello?", at, source=source)).reply()
    assert life.events[-1].data["to"] == "li.na@example.com"


def test_message_through_a_connector_without_answers_leaves_another_conversation(
    life: Life,
) -> None:
    """A hotline hands over a message of a customer whose only way back is the social inbox."""
    life.open_by_connector(48)
    source = {"connector": "hotline", "conversation": "call-1", "message": "m-2"}
    at, plan = life.clock.now(), life.plan
    life.take(by_customer.write(life.ticket, plan, "Hello?", at, source=source)).reply()
    assert life.events[-1].data["via"]["connector"] == "social"
    life.wait(hours=49)
    with pytest.raises(AnswerWindowEnded):
        life.reply()


@pytest.mark.parametrize("late", [48, 40])
def test_late_message_never_moves_the_end_of_the_window_back(life: Life, late: int) -> None:
    """A message that was sent before the last one comes after it."""
    first = life.open_by_connector(48).ticket.conversation
    life.write_by_connector(late)
    assert life.ticket.conversation == first


@pytest.mark.parametrize("hours", [(None, 48), (48, None)])
def test_conversation_without_end_has_none_in_whatever_order_its_messages_come(
    life: Life, hours: tuple[int | None, int | None]
) -> None:
    life.open_by_connector(hours[0]).write_by_connector(hours[1])
    assert life.ticket.conversation is not None
    assert life.ticket.conversation.until is None


# ---------------------------------------------------------------------- reports


def reported(life: Life) -> list[str]:
    found = (one for one in life.events if one.type is EventType.ANSWER_REPORTED)
    return [one.data["state"] for one in found]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["sent", "delivered"], ["sent", "delivered"]),
        (["sent", "sent", "delivered", "delivered"], ["sent", "delivered"]),
        (["delivered", "sent"], ["delivered"]),
        (["sent", "failed", "failed"], ["sent", "failed"]),
        (["failed", "delivered"], ["failed", "delivered"]),
        (["sent", "delivered", "failed"], ["sent", "delivered"]),
    ],
)
def test_reports_may_come_twice_and_in_any_order(
    life: Life, given: list[str], kept: list[str]
) -> None:
    life.open_by_connector().reply()
    for state in given:
        life.report_answer(state)
    assert reported(life) == kept


def test_a_report_changes_no_clock_and_no_version_that_an_agent_must_have_seen(life: Life) -> None:
    before = life.open_by_connector().reply().ticket
    after = life.wait(minutes=1).report_answer("failed", "http_422").ticket
    assert after.clocks == before.clocks
    assert after.state is before.state
    assert after.last_person_version == before.last_person_version
    assert life.events[-1].data == {
        "answer": life.events[-2].number,
        "state": "failed",
        "connector": "social",
        "why": "http_422",
    }


def test_every_state_says_what_may_follow() -> None:
    assert set(FOLLOWS) == {None, *AnswerState}
