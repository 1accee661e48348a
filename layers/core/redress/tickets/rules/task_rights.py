"""Who may see a task, and what they may do with it.

The people of the department see the task and what it shares. They do not see the ticket
(`access.may_see`). Whoever sees the ticket sees its tasks. A conflict of interest keeps a member
from both (`access.is_kept_from`).
"""

from __future__ import annotations

from redress.base.people import Machine, Member, Role
from redress.tickets.rules import access
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.tasks import Task, TaskState
from redress.tickets.rules.ticket import Ticket

_LEADERS = (Role.SUPERVISOR, Role.MANAGER)


def may_see(member: Member, ticket: Ticket, task: Task) -> bool:
    """Whether a member of staff may see a task of the ticket."""
    if isinstance(member, Machine) or not member.actor.is_staff:
        return False
    if access.is_kept_from(ticket, member):
        return False
    if access.may_see(member, ticket) or leads_department(member, task):
        return True
    return member.team == task.team and (not task.private or task.owner == member.id)


def may_do(member: Member, ticket: Ticket, team: str) -> bool:
    """Whether a member of staff can be the owner of a task of the department `team`."""
    is_person = member.actor.is_staff and not isinstance(member, Machine)
    kept = access.is_kept_from(ticket, member)
    return is_person and member.is_active and member.team == team and not kept


def leads_department(member: Member, task: Task) -> bool:
    """Whether the member leads the department of the task: its supervisor, or a manager."""
    if member.role is Role.MANAGER:
        return True
    return member.role is Role.SUPERVISOR and member.team == task.team


def leads_ticket(member: Member, ticket: Ticket) -> bool:
    """Whether the member leads the ticket's team, and may act on the ticket."""
    return member.role in _LEADERS and access.may_act(member, ticket)


ACTS = {
    "assign_task": Step.ASSIGN_TASK,
    "finish_task": Step.FINISH_TASK,
    "return_task": Step.RETURN_TASK,
    "cancel_task": Step.CANCEL_TASK,
    "press_task": Step.PRESS_TASK,
    "ask_extension": Step.ASK_EXTENSION,
    "decide_extension": Step.DECIDE_EXTENSION,
}
"""The acts on a task by the names of their operations -> the step of each."""


def may_make(member: Member, ticket: Ticket, task: Task, act: str) -> bool:
    """Whether a member who sees a task may make an act (of ACTS) on it, whatever its state.

    - A member of the department takes it from the queue, and its leaders give it to anybody of the
      department. Its owner may give it back (`by_departments.assign`).
    - Its owner finishes it or sends it back, or a leader of the department does.
    - The agent or a leader of the ticket cancels it. Only a leader cancels a required one: it would
      be a way to resolve the ticket without it.
    - The leaders of the ticket and of the department press for it.
    - Who may finish it asks for more time, again if nobody has decided. A leader of the ticket
      decides, who has not asked and does not have the task, and neither had it nor asked before:
      nobody decides about their own work.
    """
    is_owner = task.owner == member.id
    leads = leads_department(member, task) and not access.is_kept_from(ticket, member)
    match act:
        case "assign_task":
            takes = task.owner is None and may_do(member, ticket, task.team)
            return leads or is_owner or takes
        case "finish_task" | "return_task" | "ask_extension":
            return leads or is_owner
        case "cancel_task":
            if task.required:
                return leads_ticket(member, ticket)
            return access.may_act(member, ticket)
        case "press_task":
            return (leads or leads_ticket(member, ticket)) and not is_owner
        case "decide_extension":
            extension = task.extension
            asked = extension is not None and member.id in (extension.by, *extension.parties)
            return leads_ticket(member, ticket) and not is_owner and not asked
    return False


def can(member: Member, ticket: Ticket, task: Task) -> list[str]:
    """The acts that a member of staff may make on a task now."""
    if not may_see(member, ticket, task):
        return []
    return sorted(
        act
        for act, step in ACTS.items()
        if ticket.state in STEPS[step]
        and is_possible(task, act)
        and may_make(member, ticket, task, act)
    )


def is_possible(task: Task, act: str) -> bool:
    """Whether an act is possible in the present state of the task.

    A task that was sent back is cancelled, or stays on record. All other acts need an open one.
    """
    if act == "cancel_task":
        return task.state not in (TaskState.DONE, TaskState.CANCELLED)
    if act == "decide_extension":
        return task.is_open and task.extension is not None
    return task.is_open
