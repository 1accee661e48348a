"""The steps of the timer: the rungs that are due."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from redress.base.people import SYSTEM
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, ClockName, DueRung
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.draft import (
    Draft,
)
from redress.tickets.rules.steps.table import (
    CONFIRMED_BY_CUSTOMER,
    UNCONFIRMED,
)
from redress.tickets.rules.ticket import EventType, Ticket, ladders


def act_on_due_rungs(ticket: Ticket, plan: Plan, now: datetime) -> Change | None:
    """Fire every rung that is due, in the order of their times; None when nothing is due.

    A rung of a clock that an earlier rung of the same wake ended does not act.
    """
    due = clocks.due_rungs(ticket.clocks, ladders(ticket, plan), now)
    if not due:
        return None
    draft = Draft(ticket, plan, SYSTEM, now)
    closed = False
    for rung in due:
        if closed:
            break
        draft.add(EventType.RUNG_FIRED, _rung_data(rung, draft.after, ticket.assignee))
        _add_consequences(draft, rung)
        if rung.rung.action is Action.CLOSE:
            closure = UNCONFIRMED if rung.clock is ClockName.CALLBACK else CONFIRMED_BY_CUSTOMER
            draft.add(EventType.CLOSED, {"closure": closure})
            closed = True
    return draft.change()


def _rung_data(due: DueRung, ticket: Ticket, held_by: str | None) -> dict[str, Any]:
    """Whom it tells is written down when it fires: its own roles, and who watches by then.

    `held_by` held the ticket when the workflow woke: a rung that hands it back to the queue takes
    it from nobody whose other promises broke with that one.
    """
    rung = due.rung
    notify = rung.notify
    if rung.action in (Action.REMIND, Action.BREACH, Action.ESCALATE):
        notify = tuple(dict.fromkeys((*notify, *ticket.watchers)))
    data: dict[str, Any] = {
        "clock": due.clock.value,
        "rung": due.index,
        "step": due.step,
        "action": rung.action.value,
        "due_at": due.due_at.isoformat(),
        "notify": list(notify),
        "held_by": held_by,
    }
    if rung.priority:
        data["priority"] = rung.priority
    if rung.watch:
        data["watch"] = list(rung.watch)
    return data


def _add_consequences(draft: Draft, due: DueRung) -> None:
    """What a rung does beside telling somebody, each an event of its own."""
    ticket = draft.after
    if due.rung.incident and not ticket.incident_proposed:
        draft.add(EventType.INCIDENT_PROPOSED, {"clock": due.clock.value})
    if due.rung.reassign and ticket.assignee is not None and ticket.needs_agent:
        data = {
            "from": ticket.assignee,
            "why": "a promise was broken",
            "team": ticket.team,
            "avoid": ticket.assignee,
        }
        draft.add(EventType.QUEUED, data)
