"""Files in the life of a ticket: what they change, and who sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from redress.base.errors import NotAllowedNow
from redress.base.people import CUSTOMER, SYSTEM, Actor
from redress.tickets.rules.attached import (
    WAITS,
    Attached,
    FileState,
    is_over,
    kept,
    seen_by_customer,
    uploaded,
)
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.ticket import EventType, State
from tests.builders import BY_PHONE, MEI, START, Life

FILE = {"id": "9f86d081884c7d65", "name": "杯子.jpg", "size": 1, "type": "image/jpeg"}


def a_file(id_: str, by: Actor = CUSTOMER, event: int | None = None, **fields: Any) -> Attached:
    usual: dict[str, Any] = {"state": FileState.HELD, "event": event}
    return Attached(id_, "x", "image/png", 1, by, START, **(usual | fields))


def attach(life: Life) -> Life:
    return life.take(by_customer.attach(life.ticket, life.plan, [FILE], life.clock.now()))


def test_files_of_the_customer_are_a_message_that_waits_for_an_answer(life: Life) -> None:
    life.open().assign().reply(wait_for_customer=True).wait(minutes=5)
    before, after = life.ticket.state, attach(life).ticket.state
    assert (before, after) == (State.WAITING, State.OPEN)
    assert life.ticket.unanswered_since == life.clock.now()
    assert life.ticket == life.folded
    event = life.events[-1]
    assert (event.type, event.data) == (EventType.CUSTOMER_WROTE, {"text": "", "files": [FILE]})


def test_a_closed_ticket_takes_no_files(life: Life) -> None:
    ticket = life.open().ticket
    life.take(by_customer.withdraw(ticket, life.plan, "", life.clock.now()))
    with pytest.raises(NotAllowedNow):
        attach(life)


def test_a_note_about_refused_files_moves_no_clock_and_conflicts_with_nobody(life: Life) -> None:
    before = life.open().assign().ticket
    refused = [{"id": FILE["id"], "name": "x", "state": "refused", "reason": "type"}]
    change = by_system.note_files(before, life.plan, "refused", refused, life.clock.now())
    after = life.take(change).ticket
    assert (after.clocks, after.state) == (before.clocks, before.state)
    assert after.last_person_version == before.last_person_version
    assert life.events[-1].by == SYSTEM


def test_a_message_of_staff_names_its_recipient_and_its_files(life: Life) -> None:
    ticket, plan, at = life.open().assign().ticket, life.plan, life.clock.now()
    reply = by_staff.reply(ticket, plan, MEI, "See", False, at, [FILE])
    resolve = by_staff.resolve(ticket, plan, MEI, "Done", "upheld", "new", "seal", at, files=[FILE])
    for change in (reply, resolve):
        data = change.events[0].data
        assert (data["to"], data["files"]) == ("li.na@example.com", [FILE])
    assert "files" not in by_staff.reply(ticket, plan, MEI, "See", False, at).events[0].data


def test_a_message_to_a_customer_without_an_address_names_no_recipient(life: Life) -> None:
    ticket = life.open(contact=dict(BY_PHONE)).assign().ticket
    change = by_staff.reply(ticket, life.plan, MEI, "See", False, life.clock.now())
    assert "to" not in change.events[0].data


def test_a_customer_sees_own_files_and_those_that_were_sent_to_them(life: Life) -> None:
    life.open().assign().reply().note()
    number = {event.type: event.number for event in life.events}
    own = a_file("1" * 16, event=2)
    sent = a_file("2" * 16, MEI, number[EventType.REPLIED])
    internal = a_file("3" * 16, MEI, number[EventType.NOTED])
    waiting = a_file("4" * 16, MEI)
    files = [own, sent, internal, waiting]
    assert seen_by_customer(files, life.events) == [own, sent]
    assert kept([*files, a_file("5" * 16, state=FileState.REFUSED)], START) == 4


def test_file_of_staff_that_waited_too_long_for_its_message_leaves_room_for_another() -> None:
    waiting, sent = a_file("1" * 16, MEI), a_file("2" * 16, MEI, event=3)
    assert kept([waiting, sent], START + WAITS) == 2
    later = START + WAITS + timedelta(seconds=1)
    assert kept([waiting, sent], later) == 1
    assert is_over(waiting, later)
    assert not is_over(sent, later)


def test_files_of_mails_take_no_room_from_uploads() -> None:
    of_mail = a_file("3" * 16, event=1, of_mail=True)
    assert kept([of_mail], START) == 0
    assert uploaded([of_mail]) == []
