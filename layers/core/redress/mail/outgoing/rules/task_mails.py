"""Mails to staff about tasks of other departments: who gets one after which event, and its words.

Their template is TASK, or TASK_TAKEN for the former owner of a task. The first line of both is one
of `Phrases.tasks`. As other notices to staff, they say nothing that anybody wrote.
"""

from __future__ import annotations

from redress.base.people import Role
from redress.clocks.rules.clocks import Action
from redress.tickets.rules.tasks import Task, find
from redress.tickets.rules.ticket import Event, EventType, Ticket

TASK = "task"
"""The template of the mails to staff about a task, and of all their messages in the queue."""
TASK_TAKEN = "task_taken"
"""The template of the mail to the former owner of a task. It has no owner, no due time and no link,
because the former owner of a private task may not see the task any more."""
DEPARTMENT = "department"
"""The audience `department-2` is who has the task 2: its owner, or the leaders of the department
while nobody has it."""
LEADERS = "department_leaders"
"""The audience `department_leaders-2` are the supervisors of the department that has the task 2."""
ASKERS = "ticket_leaders"
"""The audience of the supervisors of the ticket's team, who decide about more time, and who alone
can cancel a required task that was sent back."""
FORMER = "department_former"
"""The audience `department_former-2` is who had the task 2 until a leader gave it to somebody."""
ASKER = "asker"
"""The audience who asked: the ticket's agent, or the supervisors of its team if nobody has it."""

GIVEN, WAITS = "given", "waits"
PLANNED = "planned"
"""The first line of a mail about a task that the plan has opened, so nobody has asked for it."""
ASKED, EXTENDED, NOT_EXTENDED = "extension_asked", "extended", "not_extended"
_NEWS = {
    EventType.TASK_DONE: "done",
    EventType.TASK_RETURNED: "returned",
    EventType.TASK_CANCELLED: "cancelled",
    EventType.TASK_PRESSED: "pressed",
    EventType.URGED: "urged",
    EventType.TASK_EXTENSION_ASKED: ASKED,
}
"""The names of the first lines, which `Phrases.tasks` has. A rung's is the name of its action."""
_TO_ASKER = (EventType.TASK_DONE, EventType.TASK_RETURNED)
TAKEN = "taken"
"""The name of the first line if a leader gave a task to another owner. The former owner gets this
mail."""
_ONLY_WHILE_OPEN = (GIVEN, WAITS, PLANNED, "pressed", "urged", Action.REMIND)

URGED = "urged"
"""The template of the mail to the ticket's agent when the customer urges."""


def audiences(event: Event) -> list[str]:
    """The audiences of the mails about a task that follow an event; [] if none does."""
    if event.type is EventType.URGED:
        return [f"{DEPARTMENT}-{task}" for task in event.data["tasks"]]
    if "task" not in event.data:
        return []
    data = event.data
    department = f"{DEPARTMENT}-{data['task']}"
    if event.type is EventType.RUNG_FIRED:
        return _after_rung(event, department)
    if event.type is EventType.TASK_RETURNED and data.get("required"):
        return [ASKER, ASKERS]
    if event.type in _TO_ASKER:
        return [ASKER]
    if event.type is EventType.TASK_EXTENSION_ASKED:
        return [ASKERS]
    if event.type is EventType.TASK_ASSIGNED:
        # Whoever takes a task knows it. Whoever gives it back does, too.
        told = [] if data["owner"] == event.by.id else [department]
        # A task that is back in the queue has no new owner, so nobody is told about one.
        is_given = data["owner"] is not None and event.by.is_person
        is_taken = is_given and data["from"] not in (None, event.by.id)
        return [*told, f"{FORMER}-{data['task']}"] if is_taken else told
    return [department]


def _after_rung(event: Event, department: str) -> list[str]:
    """Who is told of a rung. Whoever asked learns of a breach, because they may have to act.

    While the department waits for more time, the leaders of the ticket are reminded to decide.
    """
    data = event.data
    found = []
    if Role.SUPERVISOR in data["notify"]:
        found.append(f"{LEADERS}-{data['task']}")
    if Role.AGENT in data["notify"] and (data["held_by"] or not found):
        found.insert(0, department)
    if Role.MANAGER in data["notify"]:
        found.append(Role.MANAGER.value)
    if data["action"] != Action.REMIND:
        found.append(ASKER)
    return [*found, ASKERS] if data.get("extension") else found


def task_in(ticket: Ticket, event: Event, audience: str) -> Task:
    """The task that a mail to an audience is about. An urge is about several."""
    task = find(ticket.tasks, event.data.get("task") or audience.rpartition("-")[2])
    assert task is not None, "a ticket keeps its tasks"
    return task


def news_in(event: Event) -> str:
    """The name of the first line of the mail, a key of `Phrases.tasks`."""
    if event.type is EventType.RUNG_FIRED:
        action: str = event.data["action"]
        return action
    if event.type in (EventType.TASK_OPENED, EventType.TASK_ASSIGNED):
        if event.data.get("planned"):
            return PLANNED
        return GIVEN if event.data.get("owner") else WAITS
    if event.type is EventType.TASK_EXTENSION_DECIDED:
        return EXTENDED if event.data["granted"] else NOT_EXTENDED
    return _NEWS[event.type]


def news_for(event: Event, audience: str) -> str:
    """The name of the first line of the mail to this audience.

    Whoever decides about more time is reminded of that, whatever a rung tells others.
    """
    if event.type is EventType.RUNG_FIRED and audience == ASKERS:
        return ASKED
    return TAKEN if audience.startswith(FORMER) else news_in(event)


def reason_to_skip(ticket: Ticket, event: Event, audience: str) -> str | None:
    """Why a mail about a task is outdated; None if it is still valid."""
    task, news = task_in(ticket, event, audience), news_for(event, audience)
    if news in _ONLY_WHILE_OPEN and not task.is_open:
        return "the task is over"
    if news == GIVEN and task.owner != event.data["owner"]:
        return "somebody else has the task now"
    if news in (WAITS, PLANNED) and task.owner is not None:
        return "somebody has the task"
    if news == Action.REMIND and task.clock.fired[-1:] != (event.data["step"],):
        return "a later rung sends its own mail"
    if news == ASKED and task.extension is None:
        return "somebody has decided about the extension"
    if news == TAKEN and task.owner == event.data["from"]:
        return "they have the task again"
    if audience == ASKERS and event.type is EventType.TASK_RETURNED:
        if ticket.assignee is None:
            return "they are told as who asked"
        if not task.blocks:
            return "the task blocks nothing any more"
    if event.type in _TO_ASKER and ticket.closed_at is not None:
        return "the ticket is closed"
    return None
