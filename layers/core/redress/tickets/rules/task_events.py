"""How the events of tasks change a ticket. `fold.apply` uses these functions."""

from __future__ import annotations

from collections.abc import Collection
from copy import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, Clock
from redress.plans.rules import tasks as in_plan
from redress.plans.rules.plan import ALWAYS, Plan, Promise
from redress.tickets.rules.tasks import Extension, Task, TaskState, find
from redress.tickets.rules.ticket import Event, Ticket


def opened(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Add a task. Its clock starts with the plan's time, or with the time that was agreed."""
    data = event.data
    due = datetime.fromisoformat(data["due"]) if "due" in data else None
    return replace(
        ticket,
        tasks=(
            *ticket.tasks,
            Task(
                id=data["task"],
                team=data["team"],
                title=data["title"],
                event=event.number,
                revision=event.number,
                opened_at=event.at,
                clock=_clock(plan, data["team"], event.at, due),
                required=data["required"],
                private=data.get("private", False),
                owner=data.get("owner"),
                planned=data.get("planned", ""),
            ),
        ),
    )


def _clock(plan: Plan, team: str, at: datetime, due: datetime | None) -> Clock:
    given = in_plan.promise(plan, team)
    if due is not None:
        given = Promise((due - at).total_seconds(), ALWAYS, given.ladder, ())
    return clocks.start(
        given.target_s,
        at,
        plan.calendar(given.calendar),
        name=given.calendar,
        ladder=given.ladder,
    )


def assigned(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Give the task to another owner.

    If the department waits for more time, the new owner becomes a party of this request, and no
    party of a request decides about it.
    """
    owner, extension = event.data["owner"], _task(ticket, event).extension
    if extension is not None and owner not in (None, extension.by, *extension.parties):
        extension = replace(extension, parties=(*extension.parties, owner))
    return _changed(ticket, event, owner=owner, extension=extension)


def done(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return _ended(ticket, event, plan, TaskState.DONE)


def returned(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return _ended(ticket, event, plan, TaskState.RETURNED)


def cancelled(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Cancel a task. A clock that the department's return has stopped stays as it is.

    If the event has `unplanned`, the plan asked for the task only because of a merge that was
    undone. So it may ask for it again.
    """
    task = _task(ticket, event)
    clock = clocks.cancel(task.clock, event.at)
    planned = "" if event.data.get("unplanned") else task.planned
    return _changed(
        ticket, event, state=TaskState.CANCELLED, clock=clock, extension=None, planned=planned
    )


def pressed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return _noted(ticket, event, pressed=_task(ticket, event).pressed + 1)


def extension_asked(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    until, parties = datetime.fromisoformat(event.data["until"]), event.data.get("parties", ())
    return _changed(ticket, event, extension=Extension(until, event.by.id, tuple(parties)))


def extension_decided(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Move the due time of the task if the extension is granted. A recorded breach stays.

    The time becomes calendar time, in which a reminder may be over already that was still to come.
    The event says which ones (`passed_by_extension`). They do not act: the department has more time
    now, and none of them is true. Events of the version before do not say it.
    """
    task = _task(ticket, event)
    if not event.data["granted"]:
        return _changed(ticket, event, extension=None)
    until = datetime.fromisoformat(event.data["until"])
    clock = _measured(task.clock, event.at, plan, task.team, until)
    for step in event.data.get("passed", ()):
        clock = clocks.fire(clock, step)
    return _changed(ticket, event, extension=None, extended=task.extended + 1, clock=clock)


def passed_by_extension(task: Task, plan: Plan, until: datetime, at: datetime) -> list[str]:
    """The reminders of a task that are over if its due time becomes `until`, and never acted."""
    clock = _measured(task.clock, at, plan, task.team, until)
    rungs = plan.rungs("task", clock.ladder, clock.target_s, by_mail=False)
    return [
        step
        for step, rung in zip(clocks.steps(rungs), rungs, strict=True)
        if rung.action is Action.REMIND
        and rung.at_s <= clock.consumed_s
        and step not in clock.fired
    ]


def urged(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Record that the customer urges, and for which tasks."""
    named = event.data["tasks"]
    return replace(
        ticket,
        urged_at=event.at,
        tasks=tuple(
            replace(task, urged=task.urged + 1) if task.id in named else task
            for task in ticket.tasks
        ),
    )


def rung_fired(ticket: Ticket, event: Event) -> Ticket:
    """Record that a rung of a task has acted. It changes nothing else of the ticket.

    A breach belongs to who had the task when it was due, whoever gets it later.
    """
    data, task = event.data, _task(ticket, event)
    clock = clocks.fire(task.clock, data["step"])
    if data["action"] == Action.BREACH and not clock.breached:
        clock = replace(clock, breached_at=clock.due_at, held_by=data["held_by"])
    return _noted(ticket, event, clock=clock)


def moved_to_plan(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Keep the due time of each open task under another plan, which has its own rungs.

    The other plan may lack the calendar of the task. So its time becomes calendar time.
    """
    if not ticket.tasks:
        return ticket
    return replace(
        ticket,
        tasks=tuple(
            replace(task, clock=_measured(task.clock, event.at, plan, task.team, task.clock.due_at))
            if task.is_open
            else task
            for task in ticket.tasks
        ),
    )


def _measured(clock: Clock, at: datetime, plan: Plan, team: str, due: datetime) -> Clock:
    """The clock with another due time, in calendar time from its beginning."""
    target_s = (due - clock.started_at) / timedelta(seconds=1)
    ladder = in_plan.ladder(plan, team)
    return clocks.replan(
        clock,
        target_s,
        at,
        ladder=ladder,
        rungs=plan.rungs("task", ladder, target_s, by_mail=False),
    )


def kept_back(
    ticket: Ticket, members: Collection[str], departments: Collection[str] = ()
) -> Ticket:
    """Put the open tasks of these members, and of their departments, back into the queue.

    The complaint is about these members, so they see nothing of it any more, and their colleagues
    do not work on it: the tasks are private. One that was private before stays with an owner who is
    not accused: somebody has named them, who knew whom the complaint is about. Events of the
    version before do not say the departments.
    """
    return replace(
        ticket,
        tasks=tuple(
            replace(task, owner=None, private=True, revision=ticket.version)
            if is_kept_back(task, members, departments)
            else task
            for task in ticket.tasks
        ),
    )


def is_kept_back(task: Task, members: Collection[str], departments: Collection[str]) -> bool:
    """Whether a task goes back to the leaders of its department (`kept_back`)."""
    of_department = task.team in departments and not task.private
    return task.is_open and (task.owner in members or of_department)


def opened_again(ticket: Ticket, event: Event) -> Ticket:
    """Open the tasks that the event names with their clocks, as if they had never ended.

    They wait in the queues of their departments, which have put the work away. They are private if
    the ticket is about somebody: that may have been found out meanwhile.
    """
    named: dict[str, Any] = event.data.get("tasks", {})
    if not named:
        return ticket
    return replace(
        ticket,
        tasks=tuple(
            replace(
                task,
                state=TaskState.OPEN,
                owner=None,
                private=task.private or bool(ticket.about),
                revision=event.number,
                clock=msgspec.convert(named[task.id], Clock),
            )
            if task.id in named
            else task
            for task in ticket.tasks
        ),
    )


def closed(ticket: Ticket, event: Event) -> Ticket:
    """Cancel the clocks of tasks that are still open.

    A step that closes a ticket cancels its tasks before (`Draft.add`). So this concerns only
    tickets that a version before has closed.
    """
    if not any(task.is_open for task in ticket.tasks):
        return ticket
    return replace(
        ticket,
        tasks=tuple(
            replace(task, state=TaskState.CANCELLED, clock=clocks.cancel(task.clock, event.at))
            if task.is_open
            else task
            for task in ticket.tasks
        ),
    )


def _ended(ticket: Ticket, event: Event, plan: Plan, state: TaskState) -> Ticket:
    """Stop the clock of a task. Its owner at this time has kept or missed the due time."""
    task = _task(ticket, event)
    clock = clocks.stop(task.clock, event.at, plan.calendar(task.clock.calendar))
    if not clock.breached:
        clock = replace(clock, held_by=task.owner)
    return _changed(ticket, event, state=state, clock=clock, extension=None)


def _task(ticket: Ticket, event: Event) -> Task:
    task = find(ticket.tasks, event.data["task"])
    assert task is not None, "a step finds the task before it makes an event of it"
    return task


def _changed(ticket: Ticket, event: Event, **fields: Any) -> Ticket:
    """Return the ticket after a change of the event's task, which gets a new revision."""
    return _noted(ticket, event, revision=event.number, **fields)


def _noted(ticket: Ticket, event: Event, **fields: Any) -> Ticket:
    """Return the ticket after a change of the event's task, which keeps its revision.

    A reminder, or a leader who presses for the task, must not refuse the next act of its owner.
    """
    id_ = event.data["task"]
    return replace(
        ticket,
        tasks=tuple(replace(task, **fields) if task.id == id_ else task for task in ticket.tasks),
    )
