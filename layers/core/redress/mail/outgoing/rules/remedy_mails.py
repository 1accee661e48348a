"""Mails to staff about remedies: who gets one after which event, and its words.

They have one template, REMEDY. Its first line is one of `Phrases.remedies`. As other notices to
staff, they say nothing that anybody wrote.
"""

from __future__ import annotations

from redress.clocks.rules.clocks import Action
from redress.tickets.rules.remedies import Remedy, RemedyState, find
from redress.tickets.rules.ticket import Event, EventType, Ticket

REMEDY = "remedy"
"""The template of every mail to staff about a remedy."""
PROMISED, DONE, WITHDRAWN = "remedy_promised", "remedy_done", "remedy_withdrawn"
"""The templates of the mails to the customer."""
PROPOSER = "proposer"
"""The audience who proposed the remedy: they know the customer, and what to do next."""
DECIDERS = "deciders"
"""The audience of the leaders who can approve the remedy: those of the ticket's team, without who
proposed it and without the ticket's agent."""

PROPOSED, APPROVED, UNDECIDED = "proposed", "approved", "undecided"
_NEWS = {
    EventType.REMEDY_PROPOSED: PROPOSED,
    EventType.REMEDY_PROMISED: APPROVED,
    EventType.REMEDY_REFUSED: "refused",
    EventType.REMEDY_WITHDRAWN: "withdrawn",
}
"""The names of the first lines, which `Phrases.remedies` has. That of a rung is the name of its
action, or begins with UNDECIDED while nobody has decided."""
TO_CUSTOMER = {
    EventType.REMEDY_PROMISED: PROMISED,
    EventType.REMEDY_DONE: DONE,
    EventType.REMEDY_WITHDRAWN: WITHDRAWN,
}


def audiences(event: Event) -> list[str]:
    """The audiences on the staff of the mails that follow an event of a remedy."""
    data = event.data
    match event.type:
        case EventType.RUNG_FIRED:
            return list(data["notify"])
        case EventType.REMEDY_PROPOSED:
            return [DECIDERS] if data.get("needs_approval") else []
        case EventType.REMEDY_PROMISED:
            return [PROPOSER] if data.get("approved") else []
        case EventType.REMEDY_REFUSED | EventType.REMEDY_WITHDRAWN:
            return [PROPOSER]
        case _:
            return []


def template_for_customer(event: Event) -> str | None:
    """The template of the mail to the customer after an event of a remedy, or None.

    A customer who was promised nothing learns nothing of a remedy that is withdrawn.
    """
    if event.type is EventType.REMEDY_WITHDRAWN and "text" not in event.data:
        return None
    return TO_CUSTOMER.get(event.type)


def remedy_in(ticket: Ticket, event: Event) -> Remedy:
    """The remedy that a mail is about."""
    remedy = find(ticket.remedies, event.data["remedy_id"])
    assert remedy is not None, "a ticket keeps its remedies"
    return remedy


def news_in(event: Event) -> str:
    """The name of the first line of the mail, a key of `Phrases.remedies`."""
    if event.type is not EventType.RUNG_FIRED:
        return _NEWS[event.type]
    action: str = event.data["action"]
    return f"{UNDECIDED}_{action}" if is_about_decision(event) else action


def is_about_decision(event: Event) -> bool:
    """Whether somebody must decide: the remedy was proposed, or a rung fired while it was."""
    is_proposal = event.type is EventType.REMEDY_PROPOSED
    return is_proposal or event.data.get("state") == RemedyState.PROPOSED


def reason_to_skip_told(ticket: Ticket, event: Event) -> str | None:
    """Why the customer is not told of a remedy any more; None if it is still true."""
    withdrawn = remedy_in(ticket, event).state == RemedyState.WITHDRAWN
    promised = event.type is EventType.REMEDY_PROMISED
    return "the remedy was withdrawn" if withdrawn and promised else None


def reason_to_skip(ticket: Ticket, event: Event, audience: str) -> str | None:
    """Why a mail to staff about a remedy is outdated; None if it is still valid."""
    remedy = remedy_in(ticket, event)
    if is_about_decision(event) and not remedy.is_undecided:
        return "somebody has decided about the remedy"
    if audience == PROPOSER and event.by.id == remedy.by:
        return "whoever did it knows it"
    if event.data.get("action") == Action.REMIND:
        if not remedy.is_open:
            return "the remedy is over"
        if remedy.clock.fired[-1:] != (event.data["step"],):
            return "a later rung sends its own mail"
    return None
