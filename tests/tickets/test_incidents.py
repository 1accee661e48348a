"""A ticket that is a case of an incident: what joining, leaving and a word change of it."""

from __future__ import annotations

import msgspec
import pytest

from redress.base.errors import InvalidInput, NotAllowedNow, Unchanged, VersionConflict
from redress.base.people import SYSTEM, Actor, Member
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.inspections.rules import Part, has_worked_on, part_of
from redress.mail.outgoing.rules.table import ANSWER_FAILED, MailToSend, mails_after
from redress.scores.rules.facts import facts_of
from redress.tickets.rules.conflicts import require_current
from redress.tickets.rules.steps import by_system, of_incidents
from redress.tickets.rules.steps.draft import attention
from redress.tickets.rules.ticket import EventType, InIncident, State, classification_of
from redress.tickets.store.snapshot import decode, encode
from tests.builders import BY_PHONE, INCIDENT, LIN, MEI, Life, life_at


def tell(life: Life, word: int, incident: str = INCIDENT, by: Actor = LIN) -> bool:
    """Tells the customer a word to all customers of an incident. Returns whether they got it."""
    given = (by, incident, word, "We replace the seals.", life.clock.now())
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
    assert life.ticket.incident == InIncident(INCIDENT, 3, since=1)
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
    assert life.ticket.incident == InIncident(INCIDENT, 1, untold="no_address")
    assert life.folded == life.ticket


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


# -------------------------------------------------------------------- live conversations


def test_word_ends_no_call_and_the_next_word_of_its_agent_is_the_first_one() -> None:
    talking = Life().open(channel="phone").assign(MEI.id).tell_progress().join_incident()
    assert tell(talking, 1)
    assert talking.ticket.live_now == 100
    ringing = Life().open(channel="phone").assign(MEI.id).join_incident()
    assert tell(ringing, 1)
    assert (ringing.ticket.live_now, ringing.ticket.in_conversation) == (100, False)
    assert ringing.tell_progress().ticket.live_now == 100
    assert ringing.tell_progress().ticket.live_now == 0


@pytest.mark.parametrize("channel", ["phone", "chat"])
def test_customer_of_a_live_channel_waits_for_a_person_after_a_word_as_before(channel: str) -> None:
    life = Life().open(channel=channel).join_incident()
    before = life.ticket
    assert tell(life, 1)
    after = life.ticket
    assert (after.is_unanswered, after.is_live) == (True, True)
    assert after.clocks == before.clocks
    assert after.clocks[ClockName.REACTION].state is ClockState.RUNNING
    assert attention(after, life.plan, life.clock.now()) == attention(
        before, life.plan, life.clock.now()
    )
    assert attention(after, life.plan, life.clock.now())
    assert after.incident == InIncident(INCIDENT, 1)
    assert life.folded == after


def test_chat_in_which_nobody_is_there_is_told_so_after_a_word_too() -> None:
    life = Life().open("inquiry", channel="chat").join_incident()
    ladder = life.plan.placing(classification_of(life.ticket))
    at = life.clock.now()
    life.take(by_system.leave_unplaced(life.ticket, life.plan, {}, ladder, at))
    assert tell(life.wait(minutes=2).wake(), 1)
    now = life.clock.now()
    assert by_system.tell_nobody_is_there(life.ticket, life.plan, now) is not None


# -------------------------------------------------------------------- whose work a word is


def test_word_gives_nobody_a_kept_reaction() -> None:
    life = Life().open().assign(MEI.id).join_incident()
    assert tell(life, 1)
    reaction = life.ticket.clocks[ClockName.REACTION]
    assert (reaction.over, reaction.missed, reaction.held_by) == (True, False, None)
    assert [fact for change in life.changes for fact in facts_of(change)] == []


def test_word_hides_no_reaction_that_was_missed_before_it() -> None:
    life = Life().open().assign(MEI.id).join_incident().wait(days=30)
    assert tell(life, 1)
    [fact] = facts_of(life.last)
    assert (fact.agent, fact.name, fact.value) == (MEI.id, "reaction", {"kept": False})


def test_word_is_no_work_of_its_writer_on_the_ticket() -> None:
    lin = Member(LIN.id, "lin", "lin@example.com", LIN.role, "complaints", ("en",), 5)
    life = Life().open().join_incident()
    assert tell(life, 1)
    assert not has_worked_on(lin, life.events)
    assert part_of(life.ticket, "complaints", [lin]) is Part.ALL
    assert has_worked_on(lin, life.tell_progress(by=LIN).events)


@pytest.mark.parametrize("by", [LIN, SYSTEM])
def test_who_speaks_to_the_customer_must_have_read_the_word(by: Actor) -> None:
    life = Life().open().assign(MEI.id).join_incident()
    read = life.ticket.version
    assert tell(life, 1, by=by)
    with pytest.raises(VersionConflict):
        require_current(life.ticket, read, ["reply"], lambda: life.events[read:])
