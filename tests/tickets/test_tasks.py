"""The rules of tasks that other departments have."""

from __future__ import annotations

from copy import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from redress.base.errors import (
    Forbidden,
    InvalidInput,
    LimitReached,
    MacroRefused,
    NotAllowedNow,
    TasksOpen,
    Unchanged,
)
from redress.base.people import SYSTEM, Actor, Machine, Member, Post, Role
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.db import encoding
from redress.mail.outgoing.rules.table import mails_after
from redress.plans.rules.document import parse
from redress.tickets.rules import access, macros, task_rights
from redress.tickets.rules.fold import fold
from redress.tickets.rules.macros import Act
from redress.tickets.rules.steps import (
    by_customer,
    by_departments,
    by_staff,
    by_system,
    merging,
)
from redress.tickets.rules.steps.by_departments import NewTask
from redress.tickets.rules.tasks import (
    MOST_OPEN,
    MOST_TASKS,
    Extension,
    Share,
    Task,
    TaskState,
)
from redress.tickets.rules.ticket import EventType, State
from redress.tickets.store import items
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
    life_at,
    plan_document,
)

HUA = Member("s-hua", "hua", "hua@example.com", Role.SUPERVISOR, "service", ("zh-CN",), 5)
BO = Member("a-bo", "bo", "bo@example.com", Role.AGENT, "service", ("zh-CN",), 5)
MEI_OF_STAFF = Member("a-mei", "mei", "mei@example.com", Role.AGENT, "complaints", ("en",), 2)
LIN_OF_STAFF = Member("s-lin", "lin", "lin@example.com", Role.SUPERVISOR, "complaints", ("en",), 5)
WEI = Member("m-wei", "wei", "wei@example.com", Role.MANAGER, "complaints", ("en",), 5)


def task(life: Life) -> Task:
    return life.ticket.tasks[-1]


def asked(**fields: Any) -> Life:
    """A complaint of MEI with a task for the department of TAO."""
    return life_at(State.OPEN).open_task(**fields)


def open_with(life: Life, new: NewTask, owner: Member | None = None, *accused: Member) -> Life:
    return life.take(
        by_departments.open_task(life.ticket, life.plan, MEI, new, life.clock.now(), owner, accused)
    )


def faults(life: Life, new: NewTask, owner: Member | None = None, *accused: Member) -> set[str]:
    with pytest.raises(InvalidInput) as refused:
        open_with(life, new, owner, *accused)
    return {f"{fault.pointer} {fault.code}" for fault in refused.value.faults}


# ------------------------------------------------------------------------------- opening one


def test_task_has_the_time_of_the_plan_in_the_calendar_of_the_plan() -> None:
    """8 office hours from Monday at nine end on Monday at six."""
    life = asked()
    assert (task(life).clock.calendar, task(life).clock.target_s) == ("office", 8 * 3600)
    assert task(life).clock.due_at == START + timedelta(hours=9)
    assert (task(life).id, task(life).state, task(life).owner) == ("1", "open", None)


def test_department_has_its_own_time_if_the_plan_gives_it_one() -> None:
    document = plan_document()
    document["tasks"]["teams"] = {"service": {"within": "30m", "calendar": "always"}}
    life = Life(plan=parse(document)).open().open_task()
    assert task(life).clock.due_at == START + timedelta(minutes=30)


def test_whoever_opens_a_task_may_give_another_time_as_far_as_the_plan_allows() -> None:
    life = life_at(State.OPEN)
    now = life.clock.moment
    assert task(life.open_task(due=now + timedelta(hours=1))).clock.due_at == now + timedelta(
        hours=1
    )
    assert task(life.open_task(due=now + timedelta(days=30))).clock.calendar == "always"
    for wrong in (now, now - timedelta(days=1), now + timedelta(days=31)):
        new = NewTask("service", "A seal?", "Is there one?", due=wrong)
        assert faults(life, new) == {"/due_at not_in_time"}


def test_every_fault_of_a_new_task_is_named() -> None:
    life = life_at(State.OPEN)
    new = NewTask("warehouse", "A seal?", "Is there one?", owner="nobody")
    assert faults(life, new) == {"/team unknown_team", "/owner unknown_agent"}
    late = replace(new, due=START - timedelta(days=1))
    assert faults(life, late) == {
        "/team unknown_team",
        "/owner unknown_agent",
        "/due_at not_in_time",
    }
    own = NewTask("complaints", "A seal?", "Is there one?")
    assert faults(life, own) == {"/team own_team"}
    other = NewTask("service", "A seal?", "Is there one?", owner="a-mei")
    assert faults(life, other, MEI_OF_STAFF) == {"/owner unknown_agent"}
    left = NewTask("service", "A seal?", "Is there one?", owner="a-tao")
    assert faults(life, left, replace(TAO, left=True)) == {"/owner unknown_agent"}


def test_no_task_can_be_opened_under_a_plan_without_tasks() -> None:
    document = plan_document()
    del document["tasks"]
    life = Life(plan=parse(document)).open().assign()
    assert faults(life, NewTask("service", "A seal?", "?")) == {"/team no_tasks"}


def test_number_of_tasks_is_bounded() -> None:
    life = life_at(State.OPEN)
    for _ in range(MOST_OPEN):
        life.open_task()
    with pytest.raises(LimitReached, match=f"{MOST_OPEN} tasks"):
        life.open_task()
    for _ in range(MOST_TASKS - MOST_OPEN):
        life.cancel_task().open_task()
    life.cancel_task()
    with pytest.raises(LimitReached, match=f"{MOST_TASKS} tasks"):
        life.open_task()


# ------------------------------------------------------------------------- blocking the end


def test_ticket_with_a_required_open_task_cannot_be_resolved() -> None:
    life = asked()
    with pytest.raises(TasksOpen) as refused:
        life.resolve()
    [fault] = refused.value.faults
    assert (fault.pointer, fault.code) == ("/tasks/1", "task_not_done")
    assert "A spare seal?" in fault.detail
    assert "resolve" not in access.can(MEI_OF_STAFF, life.ticket)
    assert life.finish_task().resolve().ticket.state is State.RESOLVED


def test_task_that_came_back_blocks_the_resolution_until_a_leader_cancels_it() -> None:
    life = asked().return_task()
    with pytest.raises(TasksOpen):
        life.resolve()
    assert life.cancel_task().resolve().ticket.state is State.RESOLVED


def test_task_in_a_state_that_this_version_does_not_know_is_not_done() -> None:
    life = asked()
    later = replace(task(life), state="postponed")
    found = replace(life.ticket, tasks=(later,))
    assert items.ticket_of(items.snapshot_doc(found)) == found
    with pytest.raises(TasksOpen):
        by_staff.resolve(
            found, life.plan, MEI, "Solved", "upheld", "none", "none", life.clock.now()
        )


def test_macro_does_not_resolve_a_ticket_with_an_open_task() -> None:
    life = asked()

    def resolve(*given: object, by: Actor, at: object) -> object:
        return by_staff.resolve(
            life.ticket, life.plan, by, "Solved", "upheld", "none", "none", life.clock.moment
        )

    with pytest.raises(MacroRefused) as refused:
        macros.whole(
            life.ticket,
            life.plan,
            MEI_OF_STAFF,
            [Act("resolve", resolve)],  # type: ignore[arg-type]
            life.clock.now(),
            lambda *_: None,
        )
    assert [fault.code for fault in refused.value.faults] == ["not_allowed_now"]
    assert "A spare seal?" in refused.value.faults[0].detail


def test_task_that_is_not_required_blocks_nothing_and_goes_on_after_the_resolution() -> None:
    life = asked(required=False).resolve()
    assert task(life).is_open
    assert life.finish_task().ticket.state is State.RESOLVED


@pytest.mark.parametrize("end", ["withdraw", "confirm", "rung"])
def test_open_task_is_cancelled_when_the_ticket_is_closed_whatever_closes_it(end: str) -> None:
    if end == "withdraw":
        life = asked().withdraw()
    else:
        life = asked(required=False).resolve()
        if end == "confirm":
            life.confirm().answer_survey()
        else:
            life.sleep_through(life.clock.moment + timedelta(days=60))
    assert life.ticket.state is State.CLOSED
    assert (task(life).state, task(life).clock.state) == ("cancelled", ClockState.CANCELLED)
    types = [event.type for event in life.last.events]
    assert types.index(EventType.TASK_CANCELLED) < types.index(EventType.CLOSED)
    assert [e.by for e in life.events if e.type is EventType.TASK_CANCELLED] == [SYSTEM]
    assert life.ticket == life.folded


# --------------------------------------------------------------------------- acts on a task


def test_member_of_the_department_takes_a_task_and_says_what_came_of_it() -> None:
    life = asked().assign_task()
    assert task(life).owner == TAO.id
    life.wait(hours=1).finish_task()
    ended = task(life)
    assert (ended.state, ended.clock.held_by, ended.clock.missed) == ("done", TAO.id, False)
    assert life.events[-1].data == {"task": "1", "text": "There is one"}


def test_agent_gives_a_task_to_nobody_else_and_gives_their_own_back() -> None:
    life = asked().assign_task()
    with pytest.raises(Forbidden):
        life.assign_task(BO, by=TAO.actor)
    with pytest.raises(Unchanged):
        life.assign_task(TAO)
    back = by_departments.assign(
        life.ticket, life.plan, TAO.actor, task(life), None, "away", life.clock.now()
    )
    assert life.take(back).ticket.tasks[-1].owner is None
    assert life.assign_task(BO, by=HUA.actor).ticket.tasks[-1].owner == BO.id


def test_task_is_given_only_to_somebody_of_the_department_who_may_see_it() -> None:
    life = asked()
    for wrong in (MEI_OF_STAFF, replace(BO, suspended=True), replace(BO, team="complaints")):
        with pytest.raises(InvalidInput):
            life.assign_task(wrong, by=HUA.actor)
    life.is_about(BO.id)
    with pytest.raises(InvalidInput):
        life.assign_task(BO, by=HUA.actor)


@pytest.mark.parametrize("again", [Life.finish_task, Life.return_task, Life.press_task])
def test_ended_task_takes_no_further_act(again: object) -> None:
    for life in (asked().finish_task(), asked().return_task(), asked().cancel_task()):
        with pytest.raises(NotAllowedNow):
            again(life)  # type: ignore[operator]


def test_done_task_is_not_cancelled() -> None:
    with pytest.raises(NotAllowedNow):
        asked().finish_task().cancel_task()


def test_pressing_is_on_record_and_changes_no_time() -> None:
    before = asked().assign_task()
    clock = task(before).clock
    after = task(before.press_task().press_task())
    assert (after.pressed, after.clock) == (2, clock)
    with pytest.raises(Forbidden):
        before.press_task(TAO.actor)


# -------------------------------------------------------------------------------- the rungs


def rungs(life: Life) -> list[tuple[str, list[str]]]:
    return [
        (event.data["action"], event.data["notify"])
        for event in life.events
        if event.type is EventType.RUNG_FIRED and event.data["clock"] == "task:1"
    ]


def test_rungs_of_a_task_fire_by_the_timer_of_the_ticket() -> None:
    life = asked(due=START + timedelta(hours=4)).assign_task()
    promises = life.ticket.clocks
    life.sleep_through(START + timedelta(hours=7))
    assert rungs(life) == [
        ("remind", ["agent"]),
        ("remind", ["agent"]),
        ("breach", ["agent", "supervisor"]),
        ("escalate", ["manager"]),
    ]
    late = task(life)
    assert (late.clock.breached_at, late.clock.held_by) == (START + timedelta(hours=4), TAO.id)
    assert life.ticket.clocks.keys() == promises.keys()
    assert life.ticket == life.folded


def test_late_task_changes_nothing_of_the_ticket() -> None:
    life = asked(due=START + timedelta(minutes=20))
    before = life.ticket
    life.sleep_through(START + timedelta(minutes=21))
    after = life.ticket
    assert task(life).clock.breached
    for name in ("state", "priority", "assignee", "escalation", "clocks", "watchers", "raised"):
        assert getattr(after, name) == getattr(before, name), name


def test_breach_of_a_task_belongs_to_who_had_it_when_it_was_due() -> None:
    life = asked(due=START + timedelta(hours=1)).assign_task()
    life.sleep_through(START + timedelta(hours=1))
    life.assign_task(BO, by=HUA.actor).finish_task()
    assert task(life).clock.held_by == TAO.id


def test_ended_task_wakes_nobody() -> None:
    life = asked(due=START + timedelta(hours=1)).finish_task()
    life.sleep_through(START + timedelta(hours=3))
    assert rungs(life) == []


def test_move_to_another_plan_keeps_the_due_time_of_a_task() -> None:
    life = asked()
    due = task(life).clock.due_at
    document = plan_document() | {"version": 2}
    document["tasks"] = {"within": "1h", "ladder": "task"}
    life.move_to(parse(document))
    assert task(life).clock.due_at == due
    life.sleep_through(due)
    assert ("breach", ["agent", "supervisor"]) in rungs(life)
    assert life.ticket == life.folded


def test_move_to_a_plan_without_tasks_ends_the_reminders_and_keeps_the_task() -> None:
    life = asked()
    due = task(life).clock.due_at
    life.move_to(replace(life.plan, version=2, tasks={}))
    assert (task(life).clock.due_at, task(life).clock.ladder) == (due, "")
    life.sleep_through(due + timedelta(hours=1))
    assert rungs(life) == []
    assert life.finish_task().ticket == life.folded


# --------------------------------------------------------------------------- history = head


def test_history_of_a_ticket_with_tasks_gives_its_head_and_its_snapshot() -> None:
    life = asked(shares=(Share.ORDER,)).assign_task().press_task()
    life.sleep_through(START + timedelta(hours=10))
    life.open_task(required=False).return_task().open_task()
    life.finish_task().is_about("a-jun").withdraw()
    assert life.ticket == life.folded
    assert items.ticket_of(encoding.encode(life.ticket)) == life.ticket
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket


def test_ticket_without_tasks_stores_nothing_of_them() -> None:
    assert "tasks" not in items.snapshot_doc(life_at(State.OPEN).ticket)
    assert "urged" not in items.snapshot_doc(life_at(State.OPEN).ticket)


# ------------------------------------------------------------------------------------ rights


def test_department_sees_the_task_and_not_the_ticket() -> None:
    found = asked().ticket
    for member in (TAO, BO, HUA):
        assert task_rights.may_see(member, found, found.tasks[0])
        assert not access.may_see(member, found)
        assert access.can(member, found) == []


def test_nobody_else_sees_the_task() -> None:
    found = asked().ticket
    one = found.tasks[0]
    other = replace(TAO, id="a-li", team="workshop")
    machine = Machine("crm", "crm", "", Role.MACHINE, "service", (), 0, acts=frozenset({"note"}))
    for member in (other, machine, replace(HUA, team="workshop")):
        assert not task_rights.may_see(member, found, one)
        assert task_rights.can(member, found, one) == []
    for member in (MEI_OF_STAFF, LIN_OF_STAFF, WEI):
        assert task_rights.may_see(member, found, one)


@pytest.mark.parametrize(
    ("member", "required", "acts"),
    [
        (TAO, True, ["assign_task"]),
        (
            HUA,
            True,
            ["ask_extension", "assign_task", "finish_task", "press_task", "return_task"],
        ),
        (MEI_OF_STAFF, True, []),
        (MEI_OF_STAFF, False, ["cancel_task"]),
        (LIN_OF_STAFF, True, ["cancel_task", "press_task"]),
        (
            WEI,
            True,
            [
                "ask_extension",
                "assign_task",
                "cancel_task",
                "finish_task",
                "press_task",
                "return_task",
            ],
        ),
    ],
    ids=lambda value: value.id if isinstance(value, Member) else str(value),
)
def test_who_may_do_what_with_a_task_of_the_queue(
    member: Member, required: bool, acts: list[str]
) -> None:
    found = asked(required=required).ticket
    assert task_rights.can(member, found, found.tasks[0]) == acts


def test_owner_finishes_a_task_and_a_colleague_does_not() -> None:
    found = asked().assign_task().ticket
    one = found.tasks[0]
    own = ["ask_extension", "assign_task", "finish_task", "return_task"]
    assert task_rights.can(TAO, found, one) == own
    assert task_rights.can(BO, found, one) == []


def test_accused_member_of_a_department_sees_no_task_of_the_complaint() -> None:
    """Story 8: whoever is accused sees nothing, and does not work on the matter."""
    life = asked().assign_task().is_about(TAO.id)
    one = task(life)
    assert (one.owner, one.private) == (None, True)
    assert not task_rights.may_see(TAO, life.ticket, one)
    assert task_rights.may_see(HUA, life.ticket, one)
    assert not task_rights.may_see(BO, life.ticket, one), "a colleague of the accused"
    assert life.ticket == life.folded


def test_task_for_the_department_of_the_accused_needs_an_owner_and_is_private() -> None:
    life = life_at(State.OPEN).is_about(BO.id)
    new = NewTask("service", "What happened?", "Please say what you know.")
    assert faults(life, new, None, BO) == {"/owner is_about"}
    assert faults(life, replace(new, owner=BO.id), BO, BO) == {"/owner unknown_agent"}
    open_with(life, replace(new, owner=HUA.id), HUA, BO)
    one = task(life)
    assert (one.owner, one.private) == (HUA.id, True)
    assert [m.id for m in (HUA, TAO, BO) if task_rights.may_see(m, life.ticket, one)] == [HUA.id]


STAFF = {one.id: one for one in (TAO, BO, HUA, MEI_OF_STAFF, LIN_OF_STAFF, WEI)}


def found_about(life: Life, *members: Member) -> Life:
    """A leader, or the system, finds whom the complaint is about."""
    at, ids = life.clock.now(), [one.id for one in members]
    given = (life.ticket, life.plan, LIN, ids, "named", at, STAFF)
    return life.take(by_staff.set_about(*given))


def who_sees(life: Life) -> list[str]:
    found = life.ticket
    return [one.id for one in (TAO, BO, HUA) if task_rights.may_see(one, found, found.tasks[-1])]


@pytest.mark.parametrize("owner", [None, TAO, BO])
@pytest.mark.parametrize("by_rules", [True, False])
def test_colleagues_of_the_accused_lose_a_task_that_their_department_had_before(
    owner: Member | None, by_rules: bool
) -> None:
    """Story 8: nobody beside the accused works on it, whether somebody has taken it or not."""
    life = asked() if owner is None else asked().assign_task(owner)
    if by_rules:
        at = life.clock.now()
        life.take(by_system.set_about(life.ticket, life.plan, [TAO], "named", at))
    else:
        found_about(life, TAO)
    one = task(life)
    assert (one.owner, one.private) == (None, True)
    assert who_sees(life) == [HUA.id]
    assert task_rights.can(BO, life.ticket, one) == []
    assert life.ticket == life.folded


def test_leaders_of_the_department_learn_that_a_task_came_back_to_them() -> None:
    life = found_about(asked().assign_task(), TAO)
    came_back = life.events[-1]
    assert (came_back.type, came_back.by) == (EventType.TASK_ASSIGNED, SYSTEM)
    assert came_back.data == {
        "task": "1",
        "owner": None,
        "from": TAO.id,
        "why": "the complaint is about somebody of the department",
    }
    assert task(life).revision == came_back.number
    assert [(one.template, one.audience) for one in mails_after(came_back)] == [
        ("task", "department-1")
    ]


def test_tasks_of_other_departments_go_on_when_somebody_is_accused() -> None:
    life = found_about(asked().assign_task(), MEI_OF_STAFF)
    assert (task(life).owner, task(life).private) == (TAO.id, False)
    assert EventType.TASK_ASSIGNED not in [event.type for event in life.last.events]


def test_owner_who_was_named_although_a_colleague_is_accused_keeps_the_task() -> None:
    life = found_about(life_at(State.OPEN), BO)
    new = NewTask("service", "What happened?", "Please say what you know.", owner=TAO.id)
    open_with(life, new, TAO, BO)
    found_about(life, BO, MEI_OF_STAFF)
    assert (task(life).owner, who_sees(life)) == (TAO.id, [TAO.id, HUA.id])


def test_department_that_the_accused_joins_loses_its_tasks_to_its_leaders() -> None:
    life = found_about(asked().assign_task(), MEI_OF_STAFF)
    moved = replace(MEI_OF_STAFF, team="service")
    life.take(by_system.follow_accused(life.ticket, life.plan, moved, life.clock.now()))
    assert who_sees(life) == [HUA.id]
    assert life.ticket.about == (MEI_OF_STAFF.id,)
    assert by_system.follow_accused(life.ticket, life.plan, moved, life.clock.now()) is None
    assert life.ticket == life.folded


def test_department_that_the_accused_has_left_since_is_theirs_all_the_same() -> None:
    gone = replace(BO, team="workshop", former=(Post(Role.AGENT, "service", START),))
    life = life_at(State.OPEN).is_about(BO.id)
    new = NewTask("service", "What happened?", "Please say what you know.")
    assert faults(life, new, None, gone) == {"/owner is_about"}
    before = replace(gone, former=(Post(Role.AGENT, "service", START - timedelta(days=9)),))
    assert not task(open_with(life, new, None, before)).private


def test_colleagues_of_whom_a_merged_complaint_is_about_lose_the_tasks_of_the_target() -> None:
    source, target = Life().open(number=OTHER).assign(), asked().assign_task(BO)
    source.match().is_about(TAO.id)
    target.match()
    sides = source.side(TAO), target.side()
    target.take(merging.merge(*sides, MEI, "the same kettle")[1])
    assert (task(target).owner, who_sees(target)) == (None, [HUA.id])
    assert target.events[-1].type is EventType.TASK_ASSIGNED
    assert target.ticket == target.folded


def test_task_opened_while_it_is_unclear_whom_the_complaint_is_about_is_private() -> None:
    """Whom it may be about is decided later. Until then the leaders of the department decide."""
    life = Life().open().doubt_about()
    open_with(life, NewTask("service", "A seal?", "Is there one?"))
    assert task(life).private
    found_about(life)
    assert who_sees(life) == [HUA.id]


def test_history_of_a_version_before_takes_a_task_from_the_accused_only() -> None:
    life = found_about(asked().assign_task(), TAO)
    old = [event for event in life.events if event.type is not EventType.TASK_ASSIGNED]
    old = [replace(one, data=dict(one.data)) for one in old]
    old[-1].data.pop("departments", None)
    old = [replace(one, number=number) for number, one in enumerate(old, 1)]
    [one] = fold(old, life.plan).tasks
    assert (one.owner, one.private) == (None, False)


def test_agents_see_no_task_while_it_is_unclear_whom_the_complaint_is_about() -> None:
    life = life_at(State.OPEN).open_task()
    doubted = replace(life.ticket, about_unclear=())
    assert not task_rights.may_see(TAO, doubted, doubted.tasks[0])
    assert task_rights.may_see(HUA, doubted, doubted.tasks[0])


def test_states_of_tasks_are_stored_so_they_keep_their_names() -> None:
    assert list(TaskState) == ["open", "done", "returned", "cancelled"]
    assert list(Share) == ["subject", "category", "order", "message"]
    assert (JUN.role, LIN.role) == (Role.AGENT, Role.SUPERVISOR)


# --------------------------------------------------------------------------------- the customer


def test_customer_urges_and_each_open_task_counts_it() -> None:
    life = asked().open_task().return_task().urge()
    assert life.events[-1].data == {"tasks": ["1"]}
    assert [one.urged for one in life.ticket.tasks] == [1, 0]
    assert life.ticket.urged_at == life.clock.moment
    assert life.ticket == life.folded


def test_customer_urges_again_only_after_the_time_of_the_plan() -> None:
    life = asked().urge()
    assert by_customer.urge(life.ticket, life.plan, life.clock.now()) is None, "a double click"
    life.wait(hours=23, minutes=59)
    with pytest.raises(LimitReached):
        life.urge()
    assert task(life.wait(minutes=1).urge()).urged == 2


def test_customer_who_is_awaited_urges_only_departments_that_still_work() -> None:
    """The page shows that a department was asked, and that department may be late."""
    life = asked().reply(wait_for_customer=True).wait(hours=20)
    assert by_customer.may_urge(life.ticket, life.plan, life.clock.now())
    life.urge()
    assert (life.ticket.state, task(life).urged) == (State.WAITING, 1)
    life.finish_task().wait(hours=24)
    assert not by_customer.may_urge(life.ticket, life.plan, life.clock.now())
    with pytest.raises(NotAllowedNow):
        life.urge()


def test_customer_urges_nobody_under_a_plan_without_tasks() -> None:
    document = plan_document()
    del document["tasks"]
    life = Life(plan=parse(document)).open()
    assert not by_customer.may_urge(life.ticket, life.plan, life.clock.now())
    with pytest.raises(NotAllowedNow):
        life.urge()


def test_urging_and_pressing_refuse_nobody_who_is_working() -> None:
    """Whoever has read the task or the ticket before is not told to read it again."""
    life = asked().assign_task()
    before = life.ticket
    life.urge().press_task().wait(hours=4, minutes=30).wake()
    assert task(life).revision == before.tasks[0].revision
    assert life.ticket.last_person_version == before.last_person_version
    assert task(life.finish_task()).revision == life.ticket.version


# ------------------------------------------------------------------------------ more time


def test_extension_counts_only_after_a_leader_of_the_ticket_has_granted_it() -> None:
    life = asked(due=START + timedelta(hours=4)).assign_task()
    until = START + timedelta(hours=8)
    life.ask_extension(until)
    assert (task(life).clock.due_at, task(life).extension) == (
        START + timedelta(hours=4),
        Extension(until, TAO.id),
    )
    life.decide_extension()
    assert (task(life).clock.due_at, task(life).extension, task(life).extended) == (until, None, 1)
    life.sleep_through(until)
    assert [action for action, _ in rungs(life)] == ["remind", "remind", "breach"]
    assert task(life).clock.breached_at == until
    assert life.ticket == life.folded


def test_breach_before_the_extension_stays_on_record() -> None:
    life = asked(due=START + timedelta(hours=1)).assign_task()
    life.sleep_through(START + timedelta(hours=1))
    life.ask_extension(START + timedelta(hours=8)).decide_extension()
    assert task(life).clock.breached_at == START + timedelta(hours=1)
    assert task(life.finish_task()).clock.missed


def test_refused_extension_needs_a_reason_and_leaves_the_due_time() -> None:
    life = asked().ask_extension()
    due, at = task(life).clock.due_at, life.clock.now()
    with pytest.raises(InvalidInput):
        by_departments.decide_extension(life.ticket, life.plan, LIN, task(life), False, " ", at)
    life.decide_extension(granted=False)
    assert (task(life).clock.due_at, task(life).extension, task(life).extended) == (due, None, 0)


def test_extension_beyond_a_promise_needs_a_new_word_to_the_customer() -> None:
    """48 hours were promised for the complaint. A required task that is due later breaks it."""
    life = asked(due=START + timedelta(hours=40))
    until, at = START + timedelta(hours=60), life.clock.now()
    life.ask_extension(until)
    promised = life.ticket.clocks[ClockName.RESOLUTION]

    def refused(word: by_departments.Word | None) -> set[str]:
        with pytest.raises(InvalidInput) as found:
            by_departments.decide_extension(
                life.ticket, life.plan, LIN, task(life), True, "", at, word
            )
        return {f"{fault.pointer} {fault.code}" for fault in found.value.faults}

    assert refused(None) == {"/text word_needed"}
    early = by_departments.Word("You hear from us on Wednesday.", until - timedelta(hours=1))
    assert refused(early) == {"/answer_by not_in_time"}
    word = by_departments.Word("You hear from us on Thursday.", until + timedelta(hours=3))
    life.decide_extension(word=word)
    assert [event.type for event in life.last.events] == [
        EventType.TASK_EXTENSION_DECIDED,
        EventType.PROMISED,
    ]
    told = life.events[-1].data
    assert (told["text"], told["by"]) == (word.text, word.by.isoformat())
    assert life.ticket.clocks[ClockName.OWN_WORD].due_at == word.by
    assert life.ticket.clocks[ClockName.RESOLUTION] == promised, "what was promised is measured"
    assert life.ticket == life.folded


def test_extension_of_a_task_that_is_not_required_needs_no_word() -> None:
    life = asked(due=START + timedelta(hours=40), required=False)
    life.ask_extension(START + timedelta(hours=60)).decide_extension()
    assert EventType.PROMISED not in {event.type for event in life.events}


def test_extension_within_the_promise_needs_no_word() -> None:
    life = asked(due=START + timedelta(hours=4))
    life.ask_extension(START + timedelta(hours=47)).decide_extension()
    assert task(life).extended == 1


def test_extension_is_to_come_and_later_than_the_task_is_due() -> None:
    life = asked()
    due = task(life).clock.due_at
    for wrong in (due, START, START + timedelta(days=31)):
        with pytest.raises(InvalidInput):
            life.ask_extension(wrong)


def test_request_for_more_time_is_replaced_by_the_next_one_and_ends_with_the_task() -> None:
    """Nobody decided before the time that was asked for. The department asks anew."""
    life = asked().ask_extension(START + timedelta(hours=12))
    read = task(life).revision
    life.wait(hours=13).wake()
    with pytest.raises(InvalidInput):
        life.decide_extension()
    life.ask_extension(START + timedelta(hours=40))
    assert task(life).extension == Extension(START + timedelta(hours=40), TAO.id)
    assert task(life).revision > read, "whoever has read the first one reads the second one"
    assert task(life.decide_extension()).clock.due_at == START + timedelta(hours=40)
    assert task(life.ask_extension().finish_task()).extension is None
    with pytest.raises(NotAllowedNow):
        life.decide_extension()
    assert life.ticket == life.folded


def test_decision_without_a_request_says_that_nobody_has_asked() -> None:
    life = asked()
    with pytest.raises(NotAllowedNow, match="nobody has asked for more time"):
        by_departments.decide_extension(
            life.ticket, life.plan, LIN, task(life), True, "", life.clock.now()
        )


WEI_OF_SERVICE = replace(WEI, team="service")
"""A manager who may have tasks of the department, and who leads every ticket."""


@pytest.mark.parametrize("way", ["gave_back", "got_it_meanwhile", "was_replaced"])
def test_nobody_who_had_the_task_or_asked_before_decides_about_the_extension(way: str) -> None:
    life = asked()
    at, until = life.clock.now(), START + timedelta(hours=12)
    if way == "gave_back":
        life.assign_task(WEI_OF_SERVICE).ask_extension(until).assign_task(TAO, by=WEI.actor)
    elif way == "got_it_meanwhile":
        life.ask_extension(until).assign_task(WEI_OF_SERVICE).assign_task(TAO, by=WEI.actor)
    else:
        asking = (life.ticket, life.plan, WEI.actor, task(life), until, "late", at)
        life.take(by_departments.ask_extension(*asking)).ask_extension(until)
    extension = task(life).extension
    assert extension is not None
    assert extension.by == TAO.id
    assert "decide_extension" not in task_rights.can(WEI_OF_SERVICE, life.ticket, task(life))
    assert "decide_extension" in task_rights.can(LIN_OF_STAFF, life.ticket, task(life))
    assert life.ticket == life.folded


@pytest.mark.parametrize("kind", ["complaint", "service_request"])
def test_extension_beyond_a_promise_that_stands_still_needs_a_word_too(kind: str) -> None:
    """It goes on when the customer answers, and is then due before the task."""
    if kind == "complaint":
        life = life_at(State.OPEN).open_task().reply(wait_for_customer=True)
    else:
        life = Life().request().reply().open_task(team="complaints")
    clock = life.ticket.clocks[ClockName.RESOLUTION]
    assert clock.state is ClockState.PAUSED
    until = START + timedelta(days=20)
    life.ask_extension(until)
    with pytest.raises(InvalidInput) as refused:
        life.decide_extension()
    assert [f"{one.pointer} {one.code}" for one in refused.value.faults] == ["/text word_needed"]
    life.decide_extension(word=by_departments.Word("Within three weeks.", until))
    assert life.ticket.clocks[ClockName.OWN_WORD].due_at == until


def test_word_is_not_due_before_another_required_task() -> None:
    life = asked(due=START + timedelta(hours=40))
    word = partial(by_departments.Word, "You hear from us then.")
    life.ask_extension(START + timedelta(hours=200))
    life.decide_extension(word=word(START + timedelta(hours=201)))
    life.open_task(due=START + timedelta(hours=30)).ask_extension(START + timedelta(hours=60))
    with pytest.raises(InvalidInput) as refused:
        life.decide_extension(word=word(START + timedelta(hours=61)))
    assert [one.code for one in refused.value.faults] == ["not_in_time"]
    life.decide_extension()
    assert life.ticket.clocks[ClockName.OWN_WORD].due_at == START + timedelta(hours=201)


def test_extension_within_the_last_word_to_the_customer_needs_no_other_one() -> None:
    life = asked(due=START + timedelta(hours=40)).promise(hours=90)
    life.ask_extension(START + timedelta(hours=60)).decide_extension()
    assert task(life).extended == 1


def test_word_that_reached_nobody_is_no_reaction() -> None:
    life = Life().open(contact=BY_PHONE).assign().open_task(due=START + timedelta(hours=40))
    until = START + timedelta(hours=60)
    life.ask_extension(until).wait(minutes=5)
    life.decide_extension(word=by_departments.Word("You hear from us on Thursday.", until))
    assert life.events[-1].data["untold"] == "no_address"
    found = life.ticket.clocks
    assert not life.ticket.reacted
    assert found[ClockName.REACTION].state is ClockState.RUNNING
    assert ClockName.UPDATE not in found
    assert found[ClockName.OWN_WORD].due_at == until
    assert life.ticket == life.folded


def test_word_of_a_version_before_that_reached_nobody_still_folds_to_the_same_clocks() -> None:
    life = Life().open(contact=BY_PHONE).assign().promise(hours=60)
    *before, promised = life.events
    data = promised.data | {"untold": "no_address"}
    folded = fold([*before, replace(promised, data=data)], life.plan)
    assert folded.clocks == life.ticket.clocks


def test_reminder_that_an_extension_puts_behind_the_clock_is_not_sent_at_once() -> None:
    """Office hours become calendar time, so a weekend counts. The task is not due soon."""
    friday, monday = START - timedelta(days=3), START
    life = Life(Clock(friday + timedelta(hours=7))).open().assign().reply().open_task()
    assert task(life).clock.calendar == "office"
    life.clock.moment = monday + timedelta(minutes=30)
    life.wake()
    until = monday + timedelta(hours=32)
    life.ask_extension(until)
    life.decide_extension(word=by_departments.Word("You hear from us tomorrow.", until))
    assert life.events[-2].data["passed"] == ["remind.1"]
    before = len(rungs(life))
    life.wake()
    assert len(rungs(life)) == before
    life.sleep_through(until)
    assert [action for action, _ in rungs(life)] == ["remind", "breach"]
    assert life.ticket == life.folded


def test_nobody_grants_themselves_more_time() -> None:
    """Story 24: own work is excluded from approval."""
    by_manager = life_at(State.OPEN).open_task()
    at, until = by_manager.clock.now(), START + timedelta(hours=12)
    by_manager.take(
        by_departments.ask_extension(
            by_manager.ticket, by_manager.plan, WEI.actor, task(by_manager), until, "late", at
        )
    )
    found = by_manager.ticket
    assert "decide_extension" not in task_rights.can(WEI, found, task(by_manager))
    assert "decide_extension" in task_rights.can(LIN_OF_STAFF, found, task(by_manager))
    for member in (TAO, HUA, MEI_OF_STAFF):
        assert "decide_extension" not in task_rights.can(member, found, task(by_manager))
