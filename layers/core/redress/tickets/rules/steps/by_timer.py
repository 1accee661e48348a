"""The step of the timer: it fires the rungs that are due."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from redress.base.people import SYSTEM
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, ClockName, DueRung
from redress.plans.rules.plan import Plan
from redress.tickets.rules import post_mortem, remedies
from redress.tickets.rules.change import Change
from redress.tickets.rules.remedies import Remedy
from redress.tickets.rules.steps.draft import (
    Draft,
)
from redress.tickets.rules.steps.table import (
    CONFIRMED_BY_CUSTOMER,
    UNCONFIRMED,
)
from redress.tickets.rules.tasks import Task, find, id_in
from redress.tickets.rules.ticket import EventType, Ticket, ladders


def act_on_due_rungs(ticket: Ticket, plan: Plan, now: datetime) -> Change | None:
    """Fire every rung that is due, in the order of their due times. Returns None if none is due.

    If a rung closes the ticket, the rungs after it do not fire, because a closed ticket has no open
    clock.
    """
    due = clocks.due_rungs(ticket.timers, ladders(ticket, plan), now)
    if not due:
        return None
    draft = Draft(ticket, plan, SYSTEM, now)
    closed = False
    for rung in due:
        if closed:
            break
        draft.add(EventType.RUNG_FIRED, _rung_data(rung, draft.after, ticket.assignee))
        _add_consequences(draft, rung, plan, now)
        if rung.rung.action is Action.CLOSE:
            closure = UNCONFIRMED if rung.clock is ClockName.CALLBACK else CONFIRMED_BY_CUSTOMER
            draft.add(EventType.CLOSED, {"closure": closure})
            closed = True
    return draft.change()


def _rung_data(due: DueRung, ticket: Ticket, held_by: str | None) -> dict[str, Any]:
    """The data of the event that a rung fired.

    `notify` records which roles are notified: the roles of the rung and, for a reminder, a breach
    or an escalation, the roles that watch the ticket at this moment. Who joins watches from now on,
    and is told once, whatever promise it was that brought them in. Who only watches is asked to
    join, too: nobody has told them that they are needed at once. `held_by` is the agent who had the
    ticket when the workflow woke. If several promises break at the same wake, scores attribute all
    of them to this agent, even if the first rung returns the ticket to the queue.
    """
    rung = due.rung
    if (task := find(ticket.tasks, id_in(due.clock) or "")) is not None:
        return _of_task(due, task)
    if (remedy := remedies.find(ticket.remedies, remedies.id_in(due.clock) or "")) is not None:
        return _of_remedy(due, remedy, held_by)
    if due.clock == post_mortem.CLOCK:
        return _of_post_mortem(due, held_by)
    notify, watch = rung.notify, rung.watch
    if rung.action is Action.JOIN:
        notify = tuple(role for role in notify if role not in ticket.joined)
        watch = tuple(dict.fromkeys((*notify, *watch)))
    elif rung.action in (Action.REMIND, Action.BREACH, Action.ESCALATE):
        notify = tuple(dict.fromkeys((*notify, *ticket.watchers)))
    data: dict[str, Any] = {
        "clock": str(due.clock),
        "rung": due.index,
        "step": due.step,
        "action": rung.action.value,
        "due_at": due.due_at.isoformat(),
        "notify": list(notify),
        "held_by": held_by,
    }
    if rung.priority:
        data["priority"] = rung.priority
    if watch:
        data["watch"] = list(watch)
    return data


def _of_task(due: DueRung, task: Task) -> dict[str, Any]:
    """The data of the event that a rung of a task fired. `agent` is then the owner of the task.

    If the department waits for more time, the event says so: whoever decides is reminded.
    """
    data: dict[str, Any] = {
        "clock": due.clock,
        "task": task.id,
        "rung": due.index,
        "step": due.step,
        "action": due.rung.action.value,
        "due_at": due.due_at.isoformat(),
        "notify": list(due.rung.notify),
        "held_by": task.owner,
    }
    return data | ({"extension": True} if task.extension is not None else {})


def _of_remedy(due: DueRung, remedy: Remedy, held_by: str | None) -> dict[str, Any]:
    """The data of the event that a rung of a remedy fired. `state` is the remedy's at this time:
    the rung is about the decision, or about what the customer was promised."""
    return {
        "clock": due.clock,
        "remedy_id": remedy.id,
        "state": remedy.state,
        "rung": due.index,
        "step": due.step,
        "action": due.rung.action.value,
        "due_at": due.due_at.isoformat(),
        "notify": list(due.rung.notify),
        "held_by": held_by,
    }


def _of_post_mortem(due: DueRung, held_by: str | None) -> dict[str, Any]:
    """The data of the event that a rung of a post-mortem fired."""
    return {
        "clock": due.clock,
        "rung": due.index,
        "step": due.step,
        "action": due.rung.action.value,
        "due_at": due.due_at.isoformat(),
        "notify": list(due.rung.notify),
        "held_by": held_by,
    }


def _add_consequences(draft: Draft, due: DueRung, plan: Plan, now: datetime) -> None:
    """Add the events for a rung's other effects: a proposed incident, a return to the queue."""
    ticket = draft.after
    is_of_part = id_in(due.clock) is not None or remedies.id_in(due.clock) is not None
    if is_of_part or due.clock == post_mortem.CLOCK:
        return  # a task, a remedy or a post-mortem changes nothing else of its ticket
    if due.rung.incident and not ticket.incident_proposed and ticket.incident is None:
        draft.add(EventType.INCIDENT_PROPOSED, {"clock": str(due.clock)})
    if due.rung.reassign and ticket.assignee is not None and ticket.needs_agent:
        _return_to_queue(draft, "a promise was broken")
    elif _is_unaccepted_too_long(ticket, due, plan, now):
        _return_to_queue(draft, "not accepted")


def _return_to_queue(draft: Draft, why: str) -> None:
    """Take the ticket from its agent, to whom it is offered again last."""
    agent, team = draft.after.assignee, draft.after.team
    draft.add(EventType.QUEUED, {"from": agent, "why": why, "team": team, "avoid": agent})


def _is_unaccepted_too_long(ticket: Ticket, due: DueRung, plan: Plan, now: datetime) -> bool:
    """Whether a rung returns the ticket to the queue because its agent has not accepted it.

    The agent must have had it for the share of the target that the rung names, in the calendar of
    the promise. So an agent who gets a ticket that waited for long does not lose it at once.
    """
    share, since = due.rung.return_unaccepted, ticket.unaccepted_since
    if not share or since is None or not ticket.needs_agent:
        return False
    clock = ticket.clocks[ClockName(due.clock)]
    had_s = plan.calendar(clock.calendar).elapsed(since, now)
    return had_s >= share * clock.target_s
