"""A ticket that is a case of an incident: what joining, leaving and a word change of it."""

from __future__ import annotations

import msgspec
import pytest

from redress.base.errors import InvalidInput, NotAllowedNow, Unchanged
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.mail.outgoing.rules.table import ANSWER_FAILED, MailToSend, mails_after
from redress.tickets.rules.steps import of_incidents
from redress.tickets.rules.ticket import EventType, InIncident, State
from redress.tickets.store.snapshot import decode, encode
from tests.builders import BY_PHONE, INCIDENT, LIN, Life, life_at


def tell(life: Life, word: int, incident: str = INCIDENT) -> bool:
    """Tells the customer a word to all customers of an incident. Returns whether they got it."""
    given = (LIN, incident, word, "We replace the seals.", life.clock.now())
    change = of_incidents.tell(life.ticket, life.plan, *given)
    if change is not None:
        life.take(change)
    return change is not None


@pytest.mark.parametrize("state", State)
def test_joining_and_leaving_move_no_clock_and_no_state(state: State) -> None:
    life = life_at(state)
    before = life.ticket
    joined = life.join_incident().ticket
    left = life.leave_incident().ticket
    assert (joined.incident, left.incident) == (InIncident(INCIDENT), None)
    for after in (joined, left):
        assert (after.state, after.clocks, after.assignee) == (
            state,
            before.clocks,
            before.assignee,
        )
    assert life.folded == left


def test_ticket_is_a_case_of_one_incident() -> None:
    life = Life().open().join_incident()
    with pytest.raises(Unchanged):
        life.join_incident()
    with pytest.raises(InvalidInput) as caught:
        life.join_incident("0" * 16)
    assert [(one.pointer, one.code) for one in caught.value.faults] == [("/incident", "in_another")]
    with pytest.raises(NotAllowedNow):
        Life().open().leave_incident()


def test_customer_gets_each_word_once_and_none_from_before_the_ticket_joined() -> None:
    life = Life().open().join_incident(word=1)
    assert [tell(life, word) for word in (1, 2, 2, 1, 3)] == [False, True, False, False, True]
    assert life.ticket.incident == InIncident(INCIDENT, 3)
    assert not tell(life, 4, "0" * 16)
    assert life.folded == life.ticket


def test_word_to_who_left_only_a_phone_number_asks_for_a_call_and_keeps_no_promise() -> None:
    life = Life().open(contact=BY_PHONE).join_incident()
    assert tell(life, 1)
    [event] = life.last.events
    assert event.data["untold"] == "no_address"
    assert mails_after(event) == [MailToSend(ANSWER_FAILED, "agent")]
    assert life.ticket.clocks[ClockName.REACTION].state is ClockState.RUNNING
    assert not life.ticket.reacted


@pytest.mark.parametrize("state", State)
def test_only_customers_of_open_tickets_get_a_word(state: State) -> None:
    life = life_at(state).join_incident()
    assert tell(life, 1) == (state in (State.NEW, State.OPEN, State.WAITING))


def test_word_is_progress_and_no_response() -> None:
    life = Life().open("complaint").join_incident()
    assert tell(life, 1)
    assert life.events[-1].type is EventType.PROGRESS_TOLD
    clocks = life.ticket.clocks
    assert clocks[ClockName.REACTION].over
    assert clocks[ClockName.FIRST_RESPONSE].state is ClockState.RUNNING
    assert (life.ticket.state, life.ticket.replies) == (State.NEW, 0)


def test_snapshot_has_an_incident_only_if_there_is_one() -> None:
    life = Life().open()
    assert "incident" not in encode(life.ticket)
    life.join_incident()
    assert encode(life.ticket)["incident"] == {"id": INCIDENT}
    assert tell(life, 2)
    written = encode(life.ticket)
    assert written["incident"] == {"id": INCIDENT, "word": 2}
    assert decode(msgspec.json.decode(msgspec.json.encode(written))) == life.ticket
