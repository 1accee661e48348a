"""The steps of tasks that other departments have: opening one, working on it, ending it.

Whoever calls a step has checked the right (`task_rights`), and that the task is the one that they
have read. A step first checks the content (InvalidInput), then whether it is possible now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from redress.base.errors import (
    Fault,
    Forbidden,
    InvalidInput,
    LimitReached,
    NotAllowedNow,
    Unchanged,
)
from redress.base.people import Actor, Member, Role
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules import tasks as in_plan
from redress.plans.rules.plan import LONGEST_S, Plan
from redress.tickets.rules import task_events, task_rights
from redress.tickets.rules.change import Change
from redress.tickets.rules.interest import departments_of
from redress.tickets.rules.steps.draft import (
    Draft,
    checked_text,
    recipients,
    require_possible,
)
from redress.tickets.rules.steps.table import Step
from redress.tickets.rules.tasks import MOST_OPEN, MOST_TASKS, Share, Task
from redress.tickets.rules.ticket import EventType, Ticket
from redress.tickets.rules.wording import checked


class NewTask(Struct, frozen=True):
    """What a department is asked for.

    `due` is None for the plan's time. `shares` says what of the ticket it reads with the task.
    """

    team: str
    title: str
    text: str
    required: bool = True
    due: datetime | None = None
    shares: tuple[Share, ...] = ()
    owner: str | None = None


def open_task(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    new: NewTask,
    at: datetime,
    owner: Member | None = None,
    accused: Sequence[Member] = (),
) -> Change:
    """Ask another department for something.

    `owner` is the member that `new` names, if there is one with this id. `accused` are the members
    whom the complaint is about. If one of them is in the department, or was since the complaint was
    opened, the task needs an owner: only they and the leaders of the department see it. While it is
    unclear whom the complaint is about, only the leaders see it, and they give it to somebody.
    Raises InvalidInput with every fault, and LimitReached if the ticket has as many tasks as it can
    have.
    """
    text = checked_text(new.text, "/text")
    is_accused = new.team in departments_of(accused, ticket.created_at)
    faults = []
    if not in_plan.has_tasks(plan):
        faults.append(Fault("/team", "no_tasks", "the plan of this ticket has no tasks"))
    elif new.team not in plan.team_names:
        known = ", ".join(plan.team_names)
        faults.append(Fault("/team", "unknown_team", f"a department of the plan: {known}"))
    elif new.team == ticket.team:
        faults.append(Fault("/team", "own_team", "this team has the ticket"))
    if new.owner is not None and (owner is None or not task_rights.may_do(owner, ticket, new.team)):
        faults.append(Fault("/owner", "unknown_agent", "nobody of the department who may have it"))
    if new.owner is None and is_accused:
        detail = "the complaint is about a member of this department: say who does the task"
        faults.append(Fault("/owner", "is_about", detail))
    if new.due is not None and in_plan.has_tasks(plan):
        most_s = in_plan.most_s(plan)
        if not timedelta(seconds=1) <= new.due - at <= timedelta(seconds=most_s):
            days = most_s // 86_400
            faults.append(Fault("/due_at", "not_in_time", f"to come, and within {days} days"))
    if faults:
        raise InvalidInput(faults)
    require_possible(Step.OPEN_TASK, ticket)
    if len(ticket.tasks) >= MOST_TASKS:
        raise LimitReached(f"a ticket has at most {MOST_TASKS} tasks")
    if sum(task.is_open for task in ticket.tasks) >= MOST_OPEN:
        raise LimitReached(f"at most {MOST_OPEN} tasks of a ticket are open at a time")
    data: dict[str, Any] = {
        "task": str(len(ticket.tasks) + 1),
        "team": new.team,
        "title": new.title.strip(),
        "text": text,
        "required": new.required,
        "shares": [share.value for share in new.shares],
    }
    if new.due is not None:
        data["due"] = new.due.isoformat()
    if new.owner is not None:
        data["owner"] = new.owner
    if is_accused or ticket.about_unclear is not None:
        data["private"] = True
    return Draft(ticket, plan, by, at).add(EventType.TASK_OPENED, data).change()


def assign(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    task: Task,
    owner: str | None,
    why: str,
    at: datetime,
    member: Member | None = None,
) -> Change:
    """Give the task to a member of the department, or back to its queue if `owner` is None.

    `member` is the member with the id `owner`, if there is one. An agent takes a task that nobody
    has, or gives their own back. Leaders give it to whom they like.
    """
    if owner is not None and (member is None or not task_rights.may_do(member, ticket, task.team)):
        detail = "nobody of the department who may have it"
        raise InvalidInput([Fault("/owner", "unknown_agent", detail)])
    _require(Step.ASSIGN_TASK, "assign_task", ticket, task)
    if owner == task.owner:
        raise Unchanged([Fault("/owner", "same_owner", "they have the task already")])
    if by.role is Role.AGENT and owner not in (None, by.id):
        raise Forbidden("a leader of the department gives the task to another member")
    data = {"task": task.id, "owner": owner, "from": task.owner, "why": why.strip()}
    return Draft(ticket, plan, by, at).add(EventType.TASK_ASSIGNED, data).change()


def finish(ticket: Ticket, plan: Plan, by: Actor, task: Task, text: str, at: datetime) -> Change:
    """Record the result of a task. It is then done."""
    data = {"task": task.id, "text": checked_text(text, "/text")}
    _require(Step.FINISH_TASK, "finish_task", ticket, task)
    return Draft(ticket, plan, by, at).add(EventType.TASK_DONE, data).change()


def send_back(ticket: Ticket, plan: Plan, by: Actor, task: Task, why: str, at: datetime) -> Change:
    """Record that the department refuses the task, with its reason. A returned task is not done.

    A required one blocks the ticket until a leader cancels it. So the event says that it is.
    """
    data: dict[str, Any] = {"task": task.id, "text": checked_text(why, "/text")}
    data |= {"required": True} if task.required else {}
    _require(Step.RETURN_TASK, "return_task", ticket, task)
    return Draft(ticket, plan, by, at).add(EventType.TASK_RETURNED, data).change()


def cancel(ticket: Ticket, plan: Plan, by: Actor, task: Task, why: str, at: datetime) -> Change:
    """Cancel a task that the team of the ticket does not need any more."""
    data = {"task": task.id, "why": checked_text(why, "/reason")}
    _require(Step.CANCEL_TASK, "cancel_task", ticket, task)
    return Draft(ticket, plan, by, at).add(EventType.TASK_CANCELLED, data).change()


def press(ticket: Ticket, plan: Plan, by: Actor, task: Task, text: str, at: datetime) -> Change:
    """Record that a leader presses for the task. No due time changes."""
    data = {"task": task.id, "text": checked_text(text, "/text")}
    _require(Step.PRESS_TASK, "press_task", ticket, task)
    if task.owner == by.id:
        raise Forbidden("nobody presses themselves")
    return Draft(ticket, plan, by, at).add(EventType.TASK_PRESSED, data).change()


def ask_extension(
    ticket: Ticket, plan: Plan, by: Actor, task: Task, until: datetime, text: str, at: datetime
) -> Change:
    """Record that the department asks for more time. A leader then grants or refuses it.

    A request that nobody has decided about is replaced: until when more time is needed may have
    changed, or be over. Whoever asked before, and who has the task now, decide nothing about it.
    """
    data: dict[str, Any] = {
        "task": task.id,
        "text": checked_text(text, "/text"),
        "until": until.isoformat(),
    }
    if fault := _fault_of(task, plan, until, at, "/until"):
        raise InvalidInput([fault])
    _require(Step.ASK_EXTENSION, "ask_extension", ticket, task)
    earlier = (task.extension.by, *task.extension.parties) if task.extension is not None else ()
    parties = {one for one in (task.owner, *earlier) if one not in (None, by.id)}
    if parties:
        data["parties"] = sorted(parties)
    return Draft(ticket, plan, by, at).add(EventType.TASK_EXTENSION_ASKED, data).change()


def _fault_of(task: Task, plan: Plan, until: datetime, at: datetime, pointer: str) -> Fault | None:
    """The fault of a new due time: it must be later than now and than the present one."""
    most_s = in_plan.most_s(plan)
    if max(at, task.clock.due_at) < until <= at + timedelta(seconds=most_s):
        return None
    detail = f"later than it is due now, to come, and within {most_s // 86_400} days"
    return Fault(pointer, "not_in_time", detail)


class Word(Struct, frozen=True):
    """A new promise to the customer: its text, and by when they get an answer."""

    text: str
    by: datetime


def decide_extension(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    task: Task,
    granted: bool,
    why: str,
    at: datetime,
    word: Word | None = None,
) -> Change:
    """A leader of the ticket grants more time, or refuses it with a reason.

    If the customer was promised a solution that needs the task, and the task is due after it from
    now on, the customer gets a new `word` in the same change: the promise of an answer by another
    time. What was promised before is measured all the same. Raises InvalidInput without that word,
    and if it is due before any required task of the ticket.

    A word that reaches nobody now starts that promise, and is no reaction: `heard` of its event is
    then false. Its agent is asked to call.
    """
    _require(Step.DECIDE_EXTENSION, "decide_extension", ticket, task)
    assert task.extension is not None, "an extension was asked for"
    until = task.extension.until
    faults: list[Fault] = []
    if granted and (fault := _fault_of(task, plan, until, at, "/decision")):
        faults.append(fault)
    if not granted and not why.strip():
        faults.append(Fault("/reason", "required", "say why it is refused"))
    late = _promised_before(ticket, plan, task, until, at) if granted else []
    if word is None and late:
        detail = f"the task is then due after a promise to the customer ({', '.join(late)})"
        faults.append(Fault("/text", "word_needed", f"{detail}: say until when they get an answer"))
    if word is not None:
        faults += _faults_of_word(ticket, plan, task, word, until, at, granted=granted)
    if faults:
        raise InvalidInput(faults)
    data: dict[str, Any] = {
        "task": task.id,
        "granted": granted,
        "until": until.isoformat(),
        "why": why.strip(),
    }
    if granted and (passed := task_events.passed_by_extension(task, plan, until, at)):
        data["passed"] = passed
    draft = Draft(ticket, plan, by, at).add(EventType.TASK_EXTENSION_DECIDED, data)
    if word is not None:
        require_possible(Step.PROMISE, ticket)
        told: dict[str, Any] = {"by": word.by.isoformat(), "text": word.text.strip()}
        told |= recipients(ticket, plan, at, always=True, unspoken=True)
        if "untold" in told:
            told["heard"] = False
        draft.add(EventType.PROMISED, told)
    return draft.change()


def _promised_before(
    ticket: Ticket, plan: Plan, task: Task, until: datetime, at: datetime
) -> list[str]:
    """Return the promises of an answer or a solution that would be due before a required task.

    A paused promise counts as if it went on now: it is due no earlier than that. There are none if
    the customer has another word already, which is not due before the task.
    """
    if not task.required:
        return []
    due = {
        name: clocks.resume(clock, at, plan.calendar(clock.calendar)).due_at
        for name in (ClockName.RESOLUTION, ClockName.OWN_WORD)
        if (clock := ticket.clocks.get(name)) is not None and not clock.over
    }
    if due.get(ClockName.OWN_WORD, at) >= until:
        return []
    return [name.value for name, due_at in due.items() if due_at < until]


def _faults_of_word(
    ticket: Ticket,
    plan: Plan,
    task: Task,
    word: Word,
    until: datetime,
    at: datetime,
    *,
    granted: bool,
) -> list[Fault]:
    """Return the faults of a new promise to the customer, also words that the plan refuses."""
    if not granted:
        return [Fault("/text", "not_granted", "nothing changes for the customer")]
    faults = list(checked(word.text, ticket.language, plan).faults)
    others = (one for one in ticket.tasks if one.required and one.is_open and one.id != task.id)
    latest = max((until, *(one.clock.due_at for one in others)))
    if not latest <= word.by <= at + timedelta(seconds=LONGEST_S):
        detail = "an instant that is not before any required task is due, within a year"
        faults.append(Fault("/answer_by", "not_in_time", detail))
    return faults


class TaskNotAllowedNow(NotAllowedNow):
    """The task is in another state than this needs."""

    def __init__(self, detail: str) -> None:
        super(NotAllowedNow, self).__init__(detail)


def _require(step: Step, act: str, ticket: Ticket, task: Task) -> None:
    """Raise NotAllowedNow if the ticket or the task is in a state in which this is not possible."""
    require_possible(step, ticket)
    if not task_rights.is_possible(task, act):
        is_unasked = act == "decide_extension" and task.is_open
        detail = "nobody has asked for more time" if is_unasked else f"the task is {task.state}"
        raise TaskNotAllowedNow(detail)
