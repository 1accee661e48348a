"""Urgent tickets: who joins at once, what is told to them, and the tasks that the plan opens."""

from __future__ import annotations

from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from redress.base.errors import NotMergeable, TasksOpen
from redress.base.languages import LANGUAGES
from redress.base.people import SYSTEM, Actor, Role
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.mail.outgoing.rules.table import mails_after
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.tickets.rules.steps import by_departments, by_system
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.tasks import MOST_OPEN, MOST_TASKS
from redress.tickets.rules.ticket import EventType, State, classification_of, next_wake
from redress.tickets.store import items
from tests.builders import LIN, MEI, OTHER, START, Life, life_at, plan_document

RESOLUTION = ClockName.RESOLUTION


def rungs(life: Life) -> list[tuple[str, str, list[str]]]:
    """Clock, action and notified roles of each rung that fired."""
    fired = (event.data for event in life.events if event.type is EventType.RUNG_FIRED)
    return [(data["clock"], data["action"], data["notify"]) for data in fired]


# ------------------------------------------------------------------------ who joins


def test_supervisor_joins_an_urgent_ticket_within_ten_seconds() -> None:
    life = Life().open("urgent")
    assert next_wake(life.ticket, life.plan) == START + timedelta(seconds=9)
    life.wait(seconds=9).wake()
    assert rungs(life) == [("resolution", "join", ["supervisor"])]
    assert life.ticket.watchers == ("supervisor",)
    assert (life.ticket.escalation, life.ticket.priority) == (None, "urgent")
    assert life.folded == life.ticket


def test_who_has_joined_is_told_of_every_later_rung_of_any_promise() -> None:
    life = Life().open("urgent").assign()
    life.sleep_through(START + timedelta(minutes=8))
    assert rungs(life) == [
        ("resolution", "join", ["supervisor"]),
        ("first_response", "remind", ["agent", "supervisor"]),
        ("first_response", "remind", ["agent", "supervisor"]),
        ("acknowledgement", "breach", ["supervisor"]),
        ("first_response", "breach", ["agent", "supervisor"]),
        ("first_response", "escalate", ["manager", "supervisor"]),
    ]


def test_who_has_joined_is_not_told_again_after_a_dispute() -> None:
    life = life_at(State.OPEN, "urgent").wait(seconds=9).wake().resolve().wait(hours=1).dispute()
    life.wait(seconds=9).wake()
    assert rungs(life) == [("resolution", "join", ["supervisor"]), ("resolution", "join", [])]
    assert life.ticket.watchers == ("supervisor",)
    assert life.folded == life.ticket


@pytest.mark.parametrize("hours", [0, 7, 25])
def test_supervisor_joins_a_ticket_that_turns_out_to_be_urgent(hours: int) -> None:
    """Also one that was reminded of before, or answered: the step of joining is its own."""
    life = life_at(State.OPEN, "complaint").sleep_through(START + timedelta(hours=hours))
    life.reclassify("urgent").wait(seconds=9).wake()
    assert ("resolution", "join", ["supervisor"]) in rungs(life)
    assert "supervisor" in life.ticket.watchers
    assert life.folded == life.ticket


def slow_emergencies() -> Life:
    """A ticket under a plan that promises the solution of complaints before that of emergencies."""
    document = plan_document() | {"version": 2}
    document["levels"]["complaint"]["promises"]["resolution"]["within"] = "12h"
    return Life(plan=parse(document))


@pytest.mark.parametrize("by_rules", [False, True])
def test_supervisor_joins_a_ticket_that_the_system_makes_urgent_and_its_promise_stays(
    by_rules: bool,
) -> None:
    life = slow_emergencies().open("complaint")
    due_at = life.ticket.clocks[RESOLUTION].due_at
    if by_rules:
        life.classify(kind="urgent")
    else:
        life.reclassify("urgent", by=SYSTEM)
    life.wait(seconds=9).wake()
    assert rungs(life) == [("resolution", "join", ["supervisor"])]
    assert life.ticket.clocks[RESOLUTION].due_at == due_at == START + timedelta(hours=12)
    assert life.folded == life.ticket


def test_step_that_has_acted_does_not_act_again_on_the_ladder_of_an_emergency() -> None:
    life = slow_emergencies().open("complaint").acknowledge().assign()
    life.sleep_through(START + timedelta(hours=11)).reclassify("urgent", by=SYSTEM)
    life.sleep_through(START + timedelta(hours=20))
    actions = [action for clock, action, _ in rungs(life) if clock == "resolution"]
    assert actions == ["remind", "remind", "join", "breach", "escalate"]
    assert life.folded == life.ticket


def test_steps_of_a_kept_promise_count_by_their_place_on_the_ladder_it_gets() -> None:
    """The first reminder of a complaint of consequence is that of the supervisor, at once. That of
    a service request is the agent's, half way."""
    life = Life().open("complaint").acknowledge().assign()
    life.reclassify(impact="high", by=SYSTEM).wait(seconds=18).wake()
    due_at = life.ticket.clocks[RESOLUTION].due_at
    life.reclassify("service_request", by=SYSTEM)
    kept = life.ticket.clocks[RESOLUTION]
    assert (kept.due_at, kept.ladder) == (due_at, "promise")
    assert (kept.fired, kept.ahead) == ((), ("remind.1",))
    life.sleep_through(due_at + timedelta(hours=30))
    told = [(action, roles) for clock, action, roles in rungs(life) if clock == "resolution"]
    assert told == [
        ("remind", ["supervisor"]),
        ("remind", ["agent"]),
        ("remind", ["agent"]),
        ("breach", ["agent", "supervisor"]),
        ("escalate", ["manager"]),
    ]
    assert life.folded == life.ticket


def test_supervisor_joins_a_ticket_that_becomes_urgent_while_it_waits_for_the_customer() -> None:
    """Its resolution stands still, and an emergency does not wait for an answer."""
    life = Life().open("inquiry").acknowledge().assign().wait(hours=1).reply(wait_for_customer=True)
    life.wait(minutes=5).reclassify("urgent")
    assert next_wake(life.ticket, life.plan) is not None
    life.wait(seconds=9).wake()
    assert rungs(life) == [("resolution", "join", ["supervisor"])]
    assert life.ticket.watchers == ("supervisor",)
    assert life.ticket.clocks[RESOLUTION].state is ClockState.PAUSED
    life.sleep_through(life.clock.now() + timedelta(hours=30))
    assert len(rungs(life)) == 1
    assert life.folded == life.ticket


def test_supervisor_joins_an_urgent_ticket_that_was_answered_before_the_first_rung() -> None:
    life = Life().open("urgent").acknowledge().assign().wait(seconds=5)
    life.reply(wait_for_customer=True)
    assert next_wake(life.ticket, life.plan) == START + timedelta(seconds=9)
    life.sleep_through(START + timedelta(hours=30))
    assert rungs(life) == [("resolution", "join", ["supervisor"])]
    life.write().wait(minutes=1).wake()
    told = [notify for _, action, notify in rungs(life) if action == "join"]
    assert told == [["supervisor"]]
    assert life.folded == life.ticket


def test_no_other_ticket_wakes_while_it_waits_for_the_customer() -> None:
    for kind in ("inquiry", "complaint", "feedback"):
        life = Life().open(kind).acknowledge().assign().reply(wait_for_customer=True)
        assert next_wake(life.ticket, life.plan) is None, kind


def test_reminder_that_acted_before_does_not_hide_that_somebody_joins() -> None:
    life = life_at(State.OPEN, "inquiry").sleep_through(START + timedelta(hours=9, minutes=30))
    assert life.ticket.clocks[RESOLUTION].fired == ("remind.1",)
    life.reclassify("urgent").wake()
    assert ("resolution", "join", ["supervisor"]) in rungs(life)


def test_ticket_of_the_version_before_keeps_its_ladder() -> None:
    """Its clock names the ladder, so a table that is deployed already goes on as it began."""
    life = Life().open("urgent").acknowledge().assign()
    clocks = life.ticket.clocks
    before = clocks | {RESOLUTION: replace(clocks[RESOLUTION], ladder="promise")}
    life.changes[-1] = replace(life.last, after=replace(life.ticket, clocks=before))
    life.reply().sleep_through(START + timedelta(hours=37))
    of_resolution = [rung for rung in rungs(life) if rung[0] == "resolution"]
    assert [action for _, action, _ in of_resolution] == ["remind", "remind", "breach", "escalate"]
    assert life.ticket.watchers == ()


def test_who_only_watches_is_asked_to_join_all_the_same() -> None:
    """A broken promise has told them of later rungs, and not that they are needed at once."""
    document = plan_document() | {"version": 2}
    [breach] = [one for one in document["ladders"]["promise"] if one["action"] == "breach"]
    breach["watch"] = ["supervisor"]
    life = Life(plan=parse(document)).open("complaint").acknowledge().assign()
    life.sleep_through(START + timedelta(hours=25))
    assert life.ticket.watchers == ("supervisor",)
    life.reclassify("urgent").wait(seconds=9).wake()
    assert ("resolution", "join", ["supervisor"]) in rungs(life)
    assert life.ticket.watchers == life.ticket.joined == ("supervisor",)
    assert life.folded == life.ticket


def joins(life: Life) -> list[list[str]]:
    return [notify for _, action, notify in rungs(life) if action == "join"]


@pytest.mark.parametrize("waits", [False, True])
def test_supervisors_of_the_team_to_which_an_urgent_ticket_is_moved_join_it(waits: bool) -> None:
    """Roles join, and those of the other team are other people."""
    life = Life().open("urgent").acknowledge().assign().wait(seconds=9).wake()
    if waits:
        life.reply(wait_for_customer=True)
    life.wait(minutes=1).reassign("a-tao", "service")
    assert next_wake(life.ticket, life.plan) == START + timedelta(seconds=9), "at once"
    life.wake()
    assert joins(life) == [["supervisor"], ["supervisor"]]
    life.reassign("a-bo", "service").wait(seconds=9).wake()
    assert len(joins(life)) == 2, "the team is the same"
    assert life.folded == life.ticket
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket


def test_managers_are_not_asked_again_when_an_urgent_ticket_is_moved() -> None:
    document = plan_document() | {"version": 2}
    document["ladders"]["emergency"][0]["notify"] = ["supervisor", "manager"]
    life = Life(plan=parse(document)).open("urgent").assign().wait(seconds=9).wake()
    life.reassign("a-tao", "service").wake()
    assert joins(life) == [["supervisor", "manager"], ["supervisor"]]


def test_ticket_that_was_never_urgent_joins_nobody_when_it_is_moved() -> None:
    life = Life().open("complaint").acknowledge().assign().wait(seconds=9).wake()
    life.reassign("a-tao", "service").wake()
    assert joins(life) == []


def test_supervisors_who_joined_before_the_update_are_asked_once_more_at_most() -> None:
    """A snapshot of the version before does not say who has joined."""
    life = Life().open("urgent").acknowledge().assign().wait(seconds=9).wake()
    life.changes[-1] = replace(life.last, after=replace(life.ticket, joined=()))
    life.wait(seconds=9).wake()
    assert joins(life) == [["supervisor"]]
    life.reply().resolve().wait(hours=1).dispute().wait(seconds=9).wake()
    life.resolve().wait(hours=1).dispute().wait(seconds=9).wake()
    assert joins(life) == [["supervisor"], ["supervisor"], []]


def test_managers_can_join_too_if_the_plan_says_so() -> None:
    document = plan_document() | {"version": 2}
    document["ladders"]["emergency"][0]["notify"] = ["supervisor", "manager"]
    life = Life(plan=parse(document)).open("urgent").wait(seconds=9).wake()
    assert life.ticket.watchers == ("supervisor", "manager")


def test_who_has_joined_a_ticket_that_is_merged_has_joined_the_other_one() -> None:
    source = Life().open("urgent").wait(seconds=9).wake()
    target = Life(source.clock).open("urgent", number=OTHER).assign()
    source.merge(target)
    assert target.ticket.watchers == ("supervisor",)


def test_supervisors_of_another_team_join_the_ticket_into_which_an_urgent_one_is_merged() -> None:
    source = Life().open("urgent").wait(seconds=9).wake()
    target = Life(source.clock).open("urgent", number=OTHER).assign().reassign("a-tao", "service")
    source.merge(target)
    assert (target.ticket.watchers, target.ticket.joined) == (("supervisor",), ())
    target.wake()
    assert joins(target) == [["supervisor"]]
    source.wait(minutes=1).unmerge(target)
    assert source.ticket.joined == ("supervisor",)
    source.wait(minutes=1).wake()
    assert joins(source) == [["supervisor"]]
    assert (source.folded, target.folded) == (source.ticket, target.ticket)


def test_who_joined_the_merged_ticket_does_not_watch_the_other_one_when_it_is_undone() -> None:
    source = Life().open("urgent").wait(seconds=9).wake()
    target = Life(source.clock).open("urgent", number=OTHER).assign()
    source.merge(target).wait(minutes=1).unmerge(target)
    assert (source.ticket.watchers, target.ticket.watchers) == (("supervisor",), ())
    target.wake()
    assert ("resolution", "join", ["supervisor"]) in rungs(target)
    assert target.folded == target.ticket


def test_who_has_joined_both_tickets_goes_on_watching_both_after_an_undone_merge() -> None:
    target = Life().open("urgent", number=OTHER).assign()
    source = Life(target.clock).wait(seconds=9).open("urgent").wait(seconds=9).wake()
    source.merge(target)
    target.wake()
    assert rungs(target) == [("resolution", "join", [])]
    source.unmerge(target)
    assert (source.ticket.watchers, target.ticket.watchers) == (("supervisor",), ("supervisor",))


# ------------------------------------------------------------------------ tasks of the plan

TITLE = {"zh-CN": "停售这一款水壶", "zh-TW": "停售這一款水壺", "en": "Stop the sale"}
STOP = {
    "name": "stop_sale",
    "team": "warehouse",
    "title": TITLE,
    "text": {language: f"{text}." for language, text in TITLE.items()},
    "within": "2h",
    "shares": ["subject", "order"],
}
DOCTOR = STOP | {"name": "doctor", "team": "service", "required": False}


def asking(*entries: dict[str, Any], **when: list[str]) -> Plan:
    """Plan 1 as version 2, which opens these tasks on urgent tickets, or on those of `when`."""
    document = plan_document() | {"version": 2}
    document["team_names"]["warehouse"] = dict.fromkeys(LANGUAGES, "Warehouse")
    document["tasks"] = {"within": "8h", "ladder": "task"}
    document["urgent"]["tasks"] = list(entries)
    if when:
        document["urgent"]["when"] = when
    return parse(document, publishing_at=START)


def opened(life: Life) -> list[tuple[str, str]]:
    """Name and department of the tasks that the plan has opened."""
    return [(task.planned, task.team) for task in life.ticket.tasks]


def test_plan_opens_its_tasks_in_the_change_that_assigns_the_ticket() -> None:
    life = Life(plan=asking(STOP, DOCTOR)).open("urgent", language="en").assign()
    assert [event.type for event in life.last.events] == [
        EventType.ASSIGNED,
        EventType.TASK_OPENED,
        EventType.TASK_OPENED,
    ]
    event = life.last.events[1]
    assert event.by.role == "system"
    assert event.data == {
        "task": "1",
        "team": "warehouse",
        "title": "Stop the sale",
        "text": "Stop the sale.",
        "required": True,
        "shares": ["subject", "order"],
        "planned": "stop_sale",
        "due": "2026-11-23T03:00:00+00:00",
    }
    first, second = life.ticket.tasks
    assert (first.clock.due_at, first.required) == (START + timedelta(hours=2), True)
    assert (first.owner, first.private) == (None, False)
    assert (second.required, second.team) == (False, "service")
    assert life.folded == life.ticket
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket


@pytest.mark.parametrize("kind", ["inquiry", "complaint", "service_request", "feedback"])
def test_other_tickets_get_no_task_and_no_event_more(kind: str) -> None:
    life = Life(plan=asking(STOP)).open(kind).assign()
    assert len(life.last.events) == 1
    assert life.ticket.tasks == ()


def test_plan_1_opens_no_task() -> None:
    assert Life().open("urgent").assign().ticket.tasks == ()


def test_plan_without_times_and_parts_gives_the_usual_ones() -> None:
    entry = {name: STOP[name] for name in ("name", "team", "title", "text")}
    life = Life(plan=asking(entry)).open("urgent").assign()
    [task] = life.ticket.tasks
    assert (task.clock.due_at - START, task.required) == (timedelta(hours=8), True)
    assert life.last.events[1].data["shares"] == []


def test_tasks_are_opened_if_nobody_can_take_the_ticket() -> None:
    life = Life(plan=asking(STOP)).open("urgent")
    ladder, at = life.plan.placing(classification_of(life.ticket)), life.clock.now()
    life.take(by_system.leave_unplaced(life.ticket, life.plan, {}, ladder, at))
    assert opened(life) == [("stop_sale", "warehouse")]
    life.assign()
    assert len(life.last.events) == 1, "each task once"


def test_tasks_are_opened_when_staff_see_that_the_ticket_is_urgent() -> None:
    life = Life(plan=asking(STOP)).open("complaint").assign().reply()
    assert life.ticket.tasks == ()
    life.reclassify("urgent")
    assert opened(life) == [("stop_sale", "warehouse")]
    assert life.folded == life.ticket


def test_tasks_are_opened_when_a_rung_raises_the_priority() -> None:
    """The plan says by priority which tickets are urgent."""
    life = Life(plan=asking(STOP, priority=["high"])).open("inquiry").acknowledge().assign()
    assert (life.ticket.priority, opened(life)) == ("normal", [])
    life.sleep_through(START + timedelta(days=3))
    assert (life.ticket.priority, opened(life)) == ("high", [("stop_sale", "warehouse")])
    assert len(life.ticket.tasks) == 1
    assert life.folded == life.ticket


def test_task_of_a_complaint_is_private_if_a_dispute_raises_its_priority() -> None:
    """It may be about anybody."""
    life = Life(plan=asking(STOP, priority=["urgent"])).open("complaint").acknowledge().assign()
    life.reply().resolve().wait(hours=1).dispute()
    assert (life.ticket.priority, opened(life)) == ("urgent", [("stop_sale", "warehouse")])
    assert [task.private for task in life.ticket.tasks] == [True]


def test_tasks_are_opened_when_a_merge_brings_the_category() -> None:
    """Not those that are done in the merged ticket, or were cancelled there."""
    of_defects = {"when": {"category": "product/defect"}}
    plan = asking(STOP | of_defects, DOCTOR | of_defects)
    source = Life(plan=plan).open("urgent", category="product/defect").assign()
    assert len(source.ticket.tasks) == 2
    by = {task.planned: task for task in source.ticket.tasks}
    assert by["doctor"].id == "2"
    target = Life(source.clock, plan).open("urgent", number=OTHER).assign()
    assert opened(target) == []
    at = source.clock.now()
    source.take(by_departments.cancel(source.ticket, plan, LIN, by["stop_sale"], "Not sold", at))
    source.merge(target)
    assert target.ticket.category == "product/defect"
    assert opened(target) == [("doctor", "service")]
    target.reassign("a-jun")
    assert opened(target) == [("doctor", "service")], "also at the next offer"
    assert target.folded == target.ticket
    source.wait(minutes=1).unmerge(target)
    assert (target.ticket.links, target.folded) == ((), target.ticket)


def test_undone_merge_cancels_the_tasks_that_the_plan_asked_for_because_of_it() -> None:
    """The agent may not cancel a required one, and could not resolve the ticket."""
    of_defects = {"when": {"category": "product/defect"}}
    plan = asking(STOP | of_defects, DOCTOR)
    source = Life(plan=plan).open("urgent", category="product/defect")
    target = Life(source.clock, plan).open("urgent", number=OTHER).assign()
    source.merge(target)
    assert [task.planned for task in target.ticket.tasks] == ["doctor", "stop_sale"]
    source.wait(minutes=1).unmerge(target)
    states = [(task.planned, task.state) for task in target.ticket.tasks]
    assert states == [("doctor", "open"), ("", "cancelled")]
    [cancelled] = [one for one in target.last.events if one.type is EventType.TASK_CANCELLED]
    assert [one.audience for one in mails_after(cancelled)] == ["department-2"]
    target.reclassify(category="product/defect")
    assert opened(target)[-1] == ("stop_sale", "warehouse"), "the plan may ask again"
    assert len(target.ticket.tasks) == 3
    assert target.folded == target.ticket


def test_task_that_was_cancelled_is_not_opened_again() -> None:
    life = Life(plan=asking(STOP)).open("urgent").assign().cancel_task()
    life.reassign("a-jun").reclassify("complaint").reclassify("urgent")
    assert opened(life) == [("stop_sale", "warehouse")]


def test_category_decides_which_tasks_are_opened() -> None:
    plan = asking(STOP | {"when": {"category": "product"}}, DOCTOR | {"when": {"language": "en"}})
    leaks = Life(plan=plan).open("urgent", category="product/defect", language="zh-CN").assign()
    assert opened(leaks) == [("stop_sale", "warehouse")]
    assert leaks.ticket.tasks[0].title == TITLE["zh-CN"]
    other = Life(plan=plan).open("urgent", category="delivery/late", language="en").assign()
    assert opened(other) == [("doctor", "service")]


def test_team_that_has_the_ticket_is_not_asked_until_it_goes_to_another_team() -> None:
    life = Life(plan=asking(STOP | {"team": "complaints"})).open("urgent").assign()
    assert life.ticket.tasks == ()
    life.reassign(None, "service").assign("a-tao")
    assert opened(life) == [("stop_sale", "complaints")]


def test_ticket_is_not_given_a_task_for_which_it_has_no_room() -> None:
    life = Life(plan=asking(STOP)).open("complaint").assign()
    for _ in range(MOST_OPEN):
        life.open_task()
    life.reclassify("urgent")
    assert len(life.ticket.tasks) == MOST_OPEN


def test_task_about_a_complaint_that_is_about_somebody_is_private() -> None:
    life = Life(plan=asking(STOP)).open("complaint").is_about("a-jun").assign()
    [task] = life.reclassify("urgent").ticket.tasks
    assert (task.private, task.owner) == (True, None)


@pytest.mark.parametrize("by", [MEI, Actor(Role.MACHINE, "crm")])
def test_task_is_private_until_a_complaint_was_searched_for_whom_it_is_about(by: Actor) -> None:
    """An agent corrects the kind. The search follows, and may find somebody of the department."""
    life = Life(plan=asking(STOP, kind=["complaint"])).open("inquiry").assign()
    [task] = life.reclassify("complaint", by=by).ticket.tasks
    assert (task.private, task.owner) == (True, None)
    assert life.folded == life.ticket
    decided = Life(plan=asking(STOP, kind=["complaint"])).open("inquiry").assign()
    decided.is_about("a-jun").is_about()
    [task] = decided.reclassify("complaint").ticket.tasks
    assert not task.private, "somebody has decided that it is about nobody"


def test_task_is_not_private_if_the_search_found_nobody_before_the_ticket_was_offered() -> None:
    life = Life(plan=asking(STOP, kind=["complaint"])).open("complaint").assign()
    assert [task.private for task in life.ticket.tasks] == [False]


def test_type_of_the_customer_opens_no_task_before_the_ticket_is_offered() -> None:
    """The match corrects it before the rules classify the ticket and the search has run."""
    life = Life(plan=asking(STOP, customer_type=["vip"])).open("complaint")
    given = (life.ticket, life.plan, "9f86d081884c7d659a2feaa0", "email", life.clock.now())
    life.take(match(*given, customer_type="vip"))
    types = [event.type for event in life.last.events]
    assert types == [EventType.MATCHED, EventType.RECLASSIFIED]
    assert opened(life.assign()) == [("stop_sale", "warehouse")]


def test_required_task_of_the_plan_must_be_done_before_the_ticket_is_resolved() -> None:
    life = Life(plan=asking(STOP)).open("urgent").assign()
    assert [task.blocks for task in life.ticket.tasks] == [True]
    life.finish_task().resolve()
    assert life.ticket.state is State.RESOLVED


def test_merge_needs_no_task_that_the_plan_has_opened_on_the_other_ticket_too() -> None:
    plan = asking(STOP)
    source = Life(plan=plan).open("urgent").assign()
    target = Life(source.clock, plan).open("urgent", number=OTHER).assign()
    source.merge(target)
    assert [task.state for task in source.ticket.tasks] == ["cancelled"]
    assert [task.blocks for task in target.ticket.tasks] == [True]


def test_required_task_of_the_plan_is_open_again_after_a_merge_is_undone() -> None:
    """An agent may not cancel it, so merging and undoing must not do it, either."""
    plan = asking(STOP)
    source = Life(plan=plan).open("urgent").assign()
    target = Life(source.clock, plan).open("urgent", number=OTHER).assign()
    before = source.ticket.tasks[0]
    for _ in range(MOST_TASKS + 1):
        source.merge(target)
        source.wait(minutes=1).unmerge(target)
    [again] = source.ticket.tasks
    assert (again.state, again.owner, again.blocks) == ("open", None, True)
    assert again.clock == before.clock, "the department had it all the time"
    [waits] = [one for one in source.last.events if one.type is EventType.TASK_ASSIGNED]
    assert [(one.template, one.audience) for one in mails_after(waits)] == [
        ("task", "department-1")
    ]
    assert source.ticket == source.folded
    source.assign()
    with pytest.raises(TasksOpen):
        source.resolve()


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_merge_is_refused_because_of_a_task_that_does_not_count_on_the_other_ticket(
    is_cancelled: bool,
) -> None:
    """It was cancelled there as doubled, or a later plan does not require it any more."""
    plan = asking(STOP)
    later = plan if is_cancelled else asking(STOP | {"required": False})
    source = Life(plan=plan).open("urgent").assign()
    target = Life(source.clock, later).open("urgent", number=OTHER).assign()
    if is_cancelled:
        target.cancel_task()
    with pytest.raises(NotMergeable) as refused:
        source.merge(target)
    assert [fault.pointer for fault in refused.value.faults] == ["/tasks/1"]


def test_merge_needs_no_task_that_is_done_on_the_other_ticket() -> None:
    plan = asking(STOP)
    source = Life(plan=plan).open("urgent").assign()
    target = Life(source.clock, plan).open("urgent", number=OTHER).assign().finish_task()
    source.merge(target)
    assert [task.state for task in source.ticket.tasks] == ["cancelled"]


def test_merge_is_refused_because_of_a_task_that_the_other_ticket_does_not_have() -> None:
    plan = asking(STOP, DOCTOR | {"required": True, "when": {"language": "en"}})
    source = Life(plan=plan).open("urgent", language="en").assign().open_task(required=True)
    target = Life(source.clock, plan).open("urgent", number=OTHER, language="zh-CN").assign()
    with pytest.raises(NotMergeable) as refused:
        source.merge(target)
    assert [fault.pointer for fault in refused.value.faults] == ["/tasks/2", "/tasks/3"]


# ------------------------------------------------------------------------ what is still owed


def promised(state: State) -> Life:
    """A complaint in this state, whose customer was promised a remedy."""
    life = life_at(State.OPEN).promise_remedy().resolve()
    if state is State.CLOSED:
        life.confirm().answer_survey()
    return life


@pytest.mark.parametrize("state", [State.RESOLVED, State.CLOSED])
def test_what_is_owed_on_a_ticket_goes_to_another_member_and_nothing_else_changes(
    state: State,
) -> None:
    life = promised(state)
    assert (life.ticket.state, life.ticket.owes_work) == (state, True)
    assert items.index_attributes(life.ticket)["owner_pk"] == "AGENT#a-mei"
    before = life.ticket
    life.reassign("a-jun", by=LIN)
    assert items.index_attributes(life.ticket)["owner_pk"] == "AGENT#a-jun"
    assert (life.ticket.state, life.ticket.clocks) == (state, before.clocks)
    assert (life.ticket.resolution, life.ticket.unaccepted_since) == (before.resolution, None)
    assert life.events[-1].data == {
        "from": MEI.id,
        "why": "a reason",
        "team": "complaints",
        "agent": "a-jun",
    }
    assert life.folded == life.ticket
