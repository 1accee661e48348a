"""The rules of post-mortems: which ticket owes one, until when, who writes it, what it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from msgspec import to_builtins

from redress.base.errors import InvalidInput, NotAllowedNow
from redress.base.people import Machine, Member, Role
from redress.clocks.rules.clocks import ClockState, Standing, standing
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.tickets.rules import access, post_mortem
from redress.tickets.rules.post_mortem import Action, PostMortem
from redress.tickets.rules.steps import post_mortems
from redress.tickets.rules.steps.post_mortems import Learnt
from redress.tickets.rules.ticket import EventType, Phase, State, next_due, next_wake
from redress.tickets.store import items, snapshot
from tests.builders import JUN, LIN, MEI, OTHER, Life, life_at, plan_document

TODAY = date(2026, 11, 23)
LIN_OF_STAFF = Member("s-lin", "lin", "lin@example.com", Role.SUPERVISOR, "complaints", ("en",), 5)
WEI_OF_STAFF = Member("m-wei", "wei", "wei@example.com", Role.MANAGER, "house", ("en",), 5)
MEI_OF_STAFF = Member("a-mei", "mei", "mei@example.com", Role.AGENT, "complaints", ("en",), 2)
JUN_OF_STAFF = Member("a-jun", "jun", "jun@example.com", Role.AGENT, "complaints", ("en",), 2)
BEA_OF_STAFF = Member("s-bea", "bea", "bea@example.com", Role.SUPERVISOR, "service", ("en",), 5)
STAFF = {one.id: one for one in (LIN_OF_STAFF, WEI_OF_STAFF, MEI_OF_STAFF, JUN_OF_STAFF)}
STOP = Action("Stop the sale of this model", "a-jun", TODAY)


def plan_with(**section: Any) -> Plan:
    document = plan_document() | {"version": 2}
    document["urgent"] |= section
    return parse(document)


def closed(kind: str = "urgent") -> Life:
    return life_at(State.CLOSED, kind)


def owed(life: Life) -> PostMortem:
    found = life.ticket.post_mortem
    assert found is not None
    return found


def due(life: Life) -> datetime:
    return owed(life).clock.due_at


def rungs(life: Life) -> list[tuple[str, list[str], str | None]]:
    """Action, roles and agent of the rungs of the post-mortem that fired."""
    fired = (event.data for event in life.events if event.type is EventType.RUNG_FIRED)
    return [
        (data["action"], data["notify"], data["held_by"])
        for data in fired
        if data["clock"] == post_mortem.CLOCK
    ]


def faults(life: Life, learnt: Learnt) -> set[str]:
    with pytest.raises(InvalidInput) as refused:
        post_mortems.write(life.ticket, life.plan, MEI, learnt, STAFF, life.clock.now())
    return {f"{fault.pointer} {fault.code}" for fault in refused.value.faults}


# ------------------------------------------------------------------------ who owes one


def test_closed_urgent_ticket_owes_a_post_mortem_within_three_working_days() -> None:
    """It is closed on Monday at 9, so it is due on Wednesday at 18."""
    life = closed()
    assert life.events[-1].data == {"closure": "confirmed", "post_mortem": True}
    assert life.ticket.owes_post_mortem
    assert due(life) - life.clock.moment == timedelta(days=2, hours=9)


@pytest.mark.parametrize("kind", ["inquiry", "complaint", "service_request", "feedback"])
def test_ticket_of_another_kind_owes_none_and_its_closing_says_nothing_of_it(kind: str) -> None:
    life = life_at(State.OPEN, kind).withdraw()
    assert (life.ticket.state, life.ticket.phase) == (State.CLOSED, Phase.CLOSED)
    assert life.events[-1].data == {"closure": "withdrawn"}
    assert life.ticket.post_mortem is None


CLOSINGS: dict[str, Callable[[Life], Life]] = {
    "confirmed": lambda life: life.resolve().confirm().answer_survey(),
    "survey over": lambda life: (
        life.resolve().confirm().sleep_through(life.clock.moment + timedelta(days=8))
    ),
    "nobody answers": lambda life: life.resolve().sleep_through(
        life.clock.moment + timedelta(days=4)
    ),
    "withdrawn": Life.withdraw,
}


@pytest.mark.parametrize("how", CLOSINGS)
def test_post_mortem_is_owed_whatever_closes_the_ticket(how: str) -> None:
    life = CLOSINGS[how](life_at(State.OPEN, "urgent"))
    assert life.ticket.state is State.CLOSED
    assert life.ticket.owes_post_mortem
    assert life.folded == life.ticket


def test_plan_without_the_section_asks_for_none() -> None:
    """The version before had no such section, and its closed tickets stay closed."""
    document = plan_document()
    del document["urgent"]
    life = Life(plan=parse(document)).open("urgent").acknowledge().assign().withdraw()
    assert (life.ticket.post_mortem, life.ticket.phase) == (None, Phase.CLOSED)


def test_history_of_a_closing_before_there_were_post_mortems_owes_none() -> None:
    """The event says that one is due. The plan of today does not decide about the past."""
    life = closed()
    last = life.events[-1]
    life.events[-1] = type(last)(last.number, last.type, last.at, last.by, {"closure": "confirmed"})
    assert life.folded.post_mortem is None
    assert life.folded.phase is Phase.CLOSED


def test_plan_says_which_tickets_are_urgent() -> None:
    plan = plan_with(when={"kind": "complaint", "priority": "urgent"})
    usual = Life(plan=plan).open("complaint").acknowledge().assign().withdraw()
    assert not usual.ticket.owes_post_mortem
    grave = Life(plan=plan).open("complaint").acknowledge().assign().reclassify(impact="high")
    assert grave.withdraw().ticket.owes_post_mortem


def test_corrected_kind_decides_when_the_ticket_is_closed() -> None:
    scalded = life_at(State.OPEN, "complaint").reclassify("urgent").withdraw()
    assert scalded.ticket.owes_post_mortem
    no_emergency = life_at(State.OPEN, "urgent").reclassify("complaint").withdraw()
    assert not no_emergency.ticket.owes_post_mortem


def test_merged_ticket_owes_none_and_its_target_owes_it_when_it_is_closed() -> None:
    """The matter goes on there."""
    source = life_at(State.OPEN, "urgent")
    target = Life(source.clock).open("urgent", number=OTHER).assign()
    source.merge(target)
    assert (source.ticket.post_mortem, source.ticket.phase) == (None, Phase.CLOSED)
    assert target.ticket.post_mortem is None
    assert target.withdraw().ticket.owes_post_mortem


def test_ticket_whose_merge_is_undone_owes_it_again_when_it_is_closed() -> None:
    source = life_at(State.OPEN, "urgent")
    target = Life(source.clock).open("urgent", number=OTHER).assign()
    source.merge(target)
    source.unmerge(target)
    assert source.withdraw().ticket.owes_post_mortem
    assert source.folded == source.ticket


# ------------------------------------------------------------------------ until it is written


def test_ticket_counts_as_open_until_it_is_written() -> None:
    life = closed()
    due_at = due(life)
    assert (life.ticket.state, life.ticket.phase) == (State.CLOSED, Phase.SURVEY)
    listed = items.index_attributes(life.ticket)
    assert (listed["owner_pk"], listed["duty_pk"]) == ("AGENT#a-mei", "POST_MORTEMS#complaints")
    assert str(listed["open_pk"]).startswith("OPEN#complaints")
    assert next_due(life.ticket) == due_at
    assert (next_wake(life.ticket, life.plan) or due_at) < due_at
    life.write_post_mortem()
    listed = items.index_attributes(life.ticket)
    assert (listed["owner_pk"], listed["duty_pk"]) == (None, None)
    assert not str(listed["open_pk"]).startswith("OPEN#")
    assert (life.ticket.phase, next_due(life.ticket)) == (Phase.CLOSED, None)
    assert next_wake(life.ticket, life.plan) is None


def test_closed_ticket_about_its_agent_is_not_in_their_work_list() -> None:
    """A cursor of the list would tell them that there is one more."""
    listed = items.index_attributes(closed().is_about("a-mei").ticket)
    assert (listed["owner_pk"], listed["duty_pk"]) == (None, "POST_MORTEMS#complaints")


def test_ladder_reminds_who_served_then_tells_the_supervisor_then_the_manager() -> None:
    life = closed()
    life.sleep_through(life.clock.moment + timedelta(days=8))
    assert rungs(life) == [
        ("remind", ["agent"], "a-mei"),
        ("remind", ["agent"], "a-mei"),
        ("remind", ["agent", "supervisor"], "a-mei"),
        ("breach", ["agent", "supervisor"], "a-mei"),
        ("escalate", ["manager"], "a-mei"),
    ]
    clock = owed(life).clock
    assert (clock.breached, clock.held_by) == (True, "a-mei")
    assert life.folded == life.ticket


def test_its_rungs_change_nothing_else_of_the_ticket() -> None:
    life = closed()
    before = to_builtins(life.ticket)
    life.sleep_through(life.clock.moment + timedelta(days=8))
    after = to_builtins(life.ticket)
    changed = {name for name, value in before.items() if after[name] != value}
    assert changed == {"version", "changed_at", "post_mortem"}


def test_writing_it_in_time_keeps_the_due_time_and_says_who_did() -> None:
    life = closed().wait(hours=3).write_post_mortem()
    clock = owed(life).clock
    assert (standing(clock, life.clock.moment), clock.held_by) == (Standing.KEPT, "a-mei")
    assert (owed(life).event, owed(life).by) == (life.ticket.version, "a-mei")
    assert owed(life).at == life.clock.moment
    assert life.folded == life.ticket


def test_writing_it_late_is_charged_to_who_had_the_ticket() -> None:
    life = closed().wait(days=4).write_post_mortem(by=LIN)
    clock = owed(life).clock
    assert (clock.state, clock.missed, clock.held_by) == (ClockState.STOPPED, True, "a-mei")


def test_it_moves_no_time_of_the_resolution() -> None:
    life = closed()
    before = life.ticket
    life.wait(days=9).write_post_mortem()
    assert (life.ticket.resolution, life.ticket.clocks) == (before.resolution, before.clocks)
    assert (life.ticket.closed_at, life.ticket.closure) == (before.closed_at, before.closure)


def test_snapshot_keeps_a_post_mortem_that_is_due_and_one_that_is_written() -> None:
    late = closed()
    late.sleep_through(late.clock.moment + timedelta(days=8))
    for life in (closed(), late, closed().write_post_mortem()):
        doc = items.snapshot_doc(life.ticket)
        assert items.ticket_of(doc) == life.ticket
        assert '"post_mortem"' in doc
    assert "post_mortem" not in snapshot.encode(closed("complaint").ticket)


# ------------------------------------------------------------------------ what it says


def test_it_says_what_happened_why_and_what_is_changed() -> None:
    life = closed()
    learnt = Learnt("It caught fire", "A bad thermostat", (STOP,))
    life.take(post_mortems.write(life.ticket, life.plan, MEI, learnt, STAFF, life.clock.now()))
    assert life.events[-1].data == {
        "happened": "It caught fire",
        "root_cause": "A bad thermostat",
        "actions": [{"text": "Stop the sale of this model", "owner": "a-jun", "due": "2026-11-23"}],
    }


def test_every_fault_of_it_is_named() -> None:
    yesterday = TODAY - timedelta(days=1)
    wrong = (Action("x", "a-nobody", TODAY), STOP, Action("x", "a-jun", yesterday))
    assert faults(closed(), Learnt("x", "y", wrong, "nothing")) == {
        "/actions/0/owner unknown_agent",
        "/actions/2/due not_in_time",
        "/no_action contradicts",
    }
    assert faults(closed(), Learnt("x", "y")) == {"/actions required"}


def test_member_from_whom_the_ticket_is_kept_owns_no_action() -> None:
    """The fault is that of a member who does not exist: it must not say whom it is about."""
    life = life_at(State.OPEN, "urgent").is_about("a-jun").withdraw()
    learnt = Learnt("It caught fire", "A bad thermostat", (STOP,))
    assert faults(life, learnt) == {"/actions/0/owner unknown_agent"}


def test_second_one_corrects_the_first_and_moves_no_time() -> None:
    life = closed().write_post_mortem()
    first = life.ticket.version
    clock = owed(life).clock
    life.wait(days=9).write_post_mortem(by=LIN)
    assert life.events[-1].data["corrects"] == first
    assert (owed(life).event, owed(life).by) == (first + 1, "s-lin")
    assert owed(life).clock == clock
    assert [event.type for event in life.events].count(EventType.POST_MORTEM_WRITTEN) == 2
    assert life.folded == life.ticket


def test_ticket_that_never_owed_one_has_none() -> None:
    with pytest.raises(NotAllowedNow, match="no post-mortem is asked for"):
        closed("complaint").write_post_mortem()


# ------------------------------------------------------------------------ who writes it


def test_who_served_and_leaders_write_it_and_nobody_else() -> None:
    ticket = closed().ticket
    for member in (MEI_OF_STAFF, LIN_OF_STAFF, WEI_OF_STAFF):
        assert "write_post_mortem" in access.can(member, ticket), member.id
    for member in (JUN_OF_STAFF, BEA_OF_STAFF):
        assert "write_post_mortem" not in access.can(member, ticket), member.id


def test_who_resolved_it_writes_it_if_another_agent_has_it() -> None:
    life = life_at(State.OPEN, "urgent").resolve(by=JUN).confirm().answer_survey()
    assert life.ticket.assignee == "a-mei"
    assert "write_post_mortem" in access.can(JUN_OF_STAFF, life.ticket)
    moved = Member("a-jun", "jun", "jun@example.com", Role.AGENT, "service", ("en",), 2)
    assert access.can(moved, life.ticket) == []


def test_whom_the_complaint_is_about_writes_none() -> None:
    life = closed().is_about("a-mei")
    assert access.can(MEI_OF_STAFF, life.ticket) == []
    assert "write_post_mortem" in access.can(LIN_OF_STAFF, life.ticket)


def test_machine_writes_none() -> None:
    machine = Machine("hub", "hub", "", Role.MACHINE, "", ("en",), 1, acts=frozenset({"note"}))
    assert not access.may_make(machine, closed().ticket, "write_post_mortem")


def test_open_ticket_offers_no_post_mortem() -> None:
    for state in State:
        ticket = life_at(state, "urgent").ticket
        offered = "write_post_mortem" in access.can(MEI_OF_STAFF, ticket)
        assert offered is (state is State.CLOSED), state
