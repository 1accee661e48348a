"""Which acts conflict with what happened after the version that somebody has read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base.errors import InvalidInput, VersionConflict
from redress.base.people import SYSTEM, Actor, Member, Role
from redress.plans.rules.plan import ConflictPlan
from redress.tickets.rules import access
from redress.tickets.rules.conflicts import CONFLICTS, require_current
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Event, EventType, State
from tests.builders import JUN, LIN, MEI, Clock, Life, life_at

TAO = Member("a-tao", "tao", "tao@example.com", Role.AGENT, "service", ("en",), 2)
CHAT = Actor(Role.MACHINE, "chat")


def require(life: Life, version: int, *acts: str, change: bool = False) -> None:
    """Checks acts of somebody who has read this version. `change`: the last change is theirs."""
    ticket = life.ticket if not change else life.changes[-2].after
    read = (event for event in life.events if version < event.number <= ticket.version)
    require_current(ticket, version, acts, lambda: read, life.last if change else None)


def conflicting(life: Life, version: int, *acts: str) -> list[str]:
    with pytest.raises(VersionConflict) as refused:
        require(life, version, *acts)
    assert refused.value.current == life.ticket.version
    return [one.type for one in refused.value.conflicts]


def test_every_change_of_a_ticket_says_what_conflicts_with_it() -> None:
    assert set(CONFLICTS) == set(access.ACTIONS) - {"note", "remind"}


def test_a_reminder_after_the_agent_read_is_not_a_conflict(life: Life) -> None:
    read = life.open().assign().ticket.version
    life.wait(hours=30).wake()
    assert life.ticket.version > read
    require(life, read, "reply")


def test_words_of_the_customer_after_the_agent_read_conflict_with_a_reply(life: Life) -> None:
    read = life.open().assign().ticket.version
    life.write().wait(hours=30).wake()
    assert conflicting(life, read, "reply") == ["customer_wrote"]


def test_accused_agent_who_comes_to_another_team_conflicts_with_no_decision(life: Life) -> None:
    read = life.open("complaint").is_about(TAO.id).ticket.version
    strict = replace(life.plan, conflict=ConflictPlan(without_their_supervisor=True))
    moved = by_system.follow_accused(life.ticket, strict, TAO, life.clock.now())
    assert moved is not None
    require(life.take(moved), read, "set_about")
    life.is_about(JUN.id)
    assert conflicting(life, read, "set_about") == ["about_set"]


MEANWHILE: dict[EventType, Callable[[Life], Life]] = {
    EventType.CUSTOMER_WROTE: Life.write,
    EventType.REPLIED: Life.reply,
    EventType.PROGRESS_TOLD: Life.tell_progress,
    EventType.PROMISED: lambda life: life.promise(hours=1),
    EventType.HELD: Life.hold,
    EventType.RELEASED: lambda life: life.hold().release(),
    EventType.RECLASSIFIED: lambda life: life.reclassify(customer_type="vip"),
    EventType.PLAN_CHANGED: lambda life: life.move_to(replace(life.plan, version=2)),
    EventType.ASSIGNED: lambda life: life.reassign(JUN.id),
    EventType.QUEUED: lambda life: life.reassign(None),
    EventType.TAGGED: lambda life: life.tag("kettle"),
    EventType.FIELDS_SET: lambda life: life.set_fields(serial_number="KX-1"),
    EventType.PARTICIPANTS_SET: lambda life: life.let_in("wang.wei@example.com"),
    EventType.ABOUT_SET: lambda life: life.is_about(TAO.id),
    EventType.MENTIONS_SET: lambda life: life.note(MEI, TAO).end_mentions(),
    EventType.NOTED: Life.note,
}

REPLACING = {
    "set_tags": {EventType.TAGGED},
    "set_fields": {EventType.FIELDS_SET},
    "set_participants": {EventType.PARTICIPANTS_SET},
    "set_about": {EventType.ABOUT_SET, EventType.ABOUT_DOUBTED},
    "set_mentions": {EventType.MENTIONS_SET},
    "release": {EventType.HELD, EventType.RELEASED},
    "reassign": {EventType.ASSIGNED, EventType.QUEUED, EventType.RECLASSIFIED},
    "reclassify": {EventType.RECLASSIFIED, EventType.PLAN_CHANGED},
    "move_to_plan": {EventType.RECLASSIFIED, EventType.PLAN_CHANGED},
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("act", REPLACING)
def test_change_that_replaces_a_value_conflicts_only_with_changes_of_that_value(
    act: str, meanwhile: EventType
) -> None:
    life = life_at(State.OPEN)
    read = life.ticket.version
    MEANWHILE[meanwhile](life)
    if types_since(life, read) & REPLACING[act]:
        assert set(conflicting(life, read, act)) <= REPLACING[act]
    else:
        require(life, read, act)


def types_since(life: Life, version: int) -> set[EventType]:
    return {event.type for event in life.events if event.number > version}


HARMLESS = {
    EventType.ASSIGNED,
    EventType.QUEUED,
    EventType.TAGGED,
    EventType.FIELDS_SET,
    EventType.PARTICIPANTS_SET,
    EventType.ABOUT_SET,
    EventType.MENTIONS_SET,
    EventType.NOTED,
}
"""What does not make words to the customer wrong."""


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("act", ["reply", "tell_progress", "promise", "hold", "resolve"])
def test_words_to_the_customer_conflict_with_what_was_said_and_promised_and_nothing_else(
    act: str, meanwhile: EventType
) -> None:
    life = life_at(State.OPEN)
    read = life.ticket.version
    MEANWHILE[meanwhile](life)
    if meanwhile in HARMLESS:
        require(life, read, act)
    else:
        assert conflicting(life, read, act)


@pytest.mark.parametrize("after", [Life.confirm, Life.dispute, Life.write])
def test_recorded_call_conflicts_with_what_the_customer_said_meanwhile(
    after: Callable[[Life], Life],
) -> None:
    life = life_at(State.RESOLVED)
    read = life.ticket.version
    after(life)
    assert conflicting(life, read, "record_callback") == [life.last.events[0].type.value]


def test_fields_conflict_only_if_the_same_field_was_set_since() -> None:
    life = life_at(State.OPEN)
    read = life.ticket.version
    life.set_fields(serial_number="KX-1").set_fields(bought_on="2026-11-01")
    require(life, read, "set_fields", change=True)
    life.set_fields(serial_number="KX-2")
    with pytest.raises(VersionConflict):
        require(life, read, "set_fields", change=True)


def test_what_machines_and_the_system_do_conflicts_only_with_acts_that_would_undo_it() -> None:
    life = life_at(State.OPEN)
    read = life.ticket.version
    life.tag("recall", by=CHAT).reassign(None, by=LIN).assign(JUN.id)
    assert conflicting(life, read, "set_tags") == ["tagged"]
    assert conflicting(life, read, "reassign") == ["queued"]
    require(life, read, "reply", "set_fields")


@pytest.mark.parametrize("found", [Life.doubt_about, lambda life: life.is_about(TAO.id, by=SYSTEM)])
def test_whom_the_system_found_is_not_put_back_in_sight_by_who_has_not_read_it(
    found: Callable[[Life], Life],
) -> None:
    """Story 8: the search names the accused seconds after a leader has opened the ticket."""
    life = Life().open()
    read = life.ticket.version
    found(life)
    assert conflicting(life, read, "set_about") == [life.last.events[0].type.value]
    require(life, life.ticket.version, "set_about")
    require(life, read, "tell_progress")


def test_event_that_cannot_be_read_conflicts_because_nobody_knows_what_it_says() -> None:
    life = life_at(State.OPEN)
    read = life.ticket.version
    life.note().tag("kettle")
    left = [event for event in life.events if event.number == life.ticket.version]
    with pytest.raises(VersionConflict) as refused:
        require_current(life.ticket, read, ["reply"], lambda: left)
    assert refused.value.conflicts == []
    require(life, read, "reply")


def test_several_acts_conflict_with_what_one_of_them_conflicts_with() -> None:
    life = life_at(State.OPEN)
    read = life.ticket.version
    life.tag("kettle")
    require(life, read, "reply", "hold")
    assert conflicting(life, read, "reply", "set_tags") == ["tagged"]


def test_act_of_which_nothing_is_said_conflicts_with_every_event_of_a_person() -> None:
    life = life_at(State.OPEN)
    read = life.ticket.version
    life.note().tag("kettle")
    assert conflicting(life, read, "an act to come") == ["tagged"]


def test_conflict_names_the_events_that_have_to_be_read(life: Life) -> None:
    read = life.open().assign().ticket.version
    life.write().tag("kettle").tell_progress()
    with pytest.raises(VersionConflict) as refused:
        require(life, read, "reply")
    found = [(one.number, one.type, one.role, one.id) for one in refused.value.conflicts]
    assert found == [
        (read + 1, "customer_wrote", "customer", None),
        (read + 3, "progress_told", "agent", MEI.id),
    ]
    assert "customer_wrote, event 3; progress_told, event 5" in str(refused.value)


def test_events_are_read_only_if_a_person_caused_one_since(life: Life) -> None:
    read = life.open().assign().ticket.version
    life.wait(hours=30).wake()

    def unread() -> Iterable[Event]:
        raise AssertionError("nothing has to be read")

    require_current(life.ticket, read, ["reply"], unread)
    life.note()
    require_current(life.ticket, read, ["reply"], unread)


def test_having_read_the_last_event_of_a_person_is_enough(life: Life) -> None:
    life.open().assign().note(JUN)
    require(life, life.ticket.last_person_version, "reply")


@given(st.integers(1, 40))
def test_accepts_only_existing_versions_that_include_what_conflicts(version: int) -> None:
    life = Life(Clock()).open().assign().tell_progress().note().wait(hours=20).wake()
    current, told = life.ticket.version, life.ticket.last_person_version
    assert told < current
    if version > current:
        with pytest.raises(InvalidInput) as invalid:
            require(life, version, "reply")
        assert [fault.pointer for fault in invalid.value.faults] == ["/version"]
    elif version < told:
        assert conflicting(life, version, "reply")
    else:
        require(life, version, "reply")
