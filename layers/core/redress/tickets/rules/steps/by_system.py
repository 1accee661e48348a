"""The steps of the system: acknowledgement, assignment, notices about mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from redress.base.people import SYSTEM
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.draft import (
    Draft,
    add_about,
    require_possible,
)
from redress.tickets.rules.steps.table import (
    Step,
)
from redress.tickets.rules.ticket import EventType, Ticket


def acknowledge(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
    """Record that the mail service accepted the acknowledgement.

    None if that is recorded already.
    """
    if ticket.acknowledged_at is not None:
        return None
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ACKNOWLEDGED, {"by": "mail"}).change()


def assign(
    ticket: Ticket, plan: Plan, agent: str, why: str, at: datetime, *, offered: bool = True
) -> Change:
    """Assign the ticket to an agent. `why` says why this agent was chosen.

    The agent has not accepted it yet. With `offered` false, nobody asks whether they do.
    """
    require_possible(Step.ASSIGN, ticket)
    data: dict[str, Any] = {"agent": agent, "from": ticket.assignee, "why": why}
    data |= {"team": ticket.team}
    data |= {"accepted": False} if offered else {}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ASSIGNED, data).change()


def set_about(ticket: Ticket, plan: Plan, members: Sequence[str], why: str, at: datetime) -> Change:
    """Set the members of staff whom the complaint is about, from its text."""
    require_possible(Step.SET_ABOUT, ticket)
    return add_about(Draft(ticket, plan, SYSTEM, at), members, why).change()


def note_mail(
    ticket: Ticket,
    plan: Plan,
    why: str,
    sender: str,
    text: str,
    at: datetime,
    mail: Mapping[str, Any],
) -> Change:
    """Log a mail about the ticket that is not the customer's message, such as a bounce.

    It changes no clock and no state. `why` is a `Notice` of `mail.incoming.rules.decision`.
    `open_ticket` describes `mail`.
    """
    require_possible(Step.NOTE_MAIL, ticket)
    data = {"why": why, "from": sender, "text": text, "mail": dict(mail)}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.MAIL_NOTED, data).change()


def note_files(
    ticket: Ticket, plan: Plan, text: str, files: Sequence[Mapping[str, Any]], at: datetime
) -> Change:
    """Add a note to the ticket about files that were refused or that a scanner found harmful.

    `text` is the note in words. Each of `files` has id, name, state and reason. The note changes no
    clock and no state.
    """
    require_possible(Step.NOTE, ticket)
    data = {"text": text, "refused": [dict(file) for file in files]}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.NOTED, data).change()
