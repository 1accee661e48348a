"""The steps of the system: acknowledgement, assignment, notices about mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from redress.base.people import SYSTEM
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.draft import (
    Draft,
    require_possible,
)
from redress.tickets.rules.steps.table import (
    Step,
)
from redress.tickets.rules.ticket import EventType, Ticket


def acknowledge(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
    """The acknowledgement was accepted by the mail service; None when that is known already."""
    if ticket.acknowledged_at is not None:
        return None
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ACKNOWLEDGED, {"by": "mail"}).change()


def assign(ticket: Ticket, plan: Plan, agent: str, why: str, at: datetime) -> Change:
    """A queued ticket gets its agent."""
    require_possible(Step.ASSIGN, ticket)
    data = {"agent": agent, "from": ticket.assignee, "why": why, "team": ticket.team}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ASSIGNED, data).change()


def note_mail(
    ticket: Ticket,
    plan: Plan,
    why: str,
    sender: str,
    text: str,
    at: datetime,
    mail: Mapping[str, Any],
) -> Change:
    """A mail about the ticket that is not its customer's words: it moves no clock and no state.

    `why` is one of `arrivals.Note`; `mail` as in `open_ticket`.
    """
    require_possible(Step.NOTE_MAIL, ticket)
    data = {"why": why, "from": sender, "text": text, "mail": dict(mail)}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.MAIL_NOTED, data).change()
