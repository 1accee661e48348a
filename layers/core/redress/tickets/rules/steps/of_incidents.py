"""The steps of a ticket that is one case of an incident: it joins, it leaves, its customer is told.

The incident itself is not a ticket (`redress.incidents`). Its list of cases and its count change in
the transaction of these steps.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from redress.base.errors import Fault, InvalidInput, NotAllowedNow, Unchanged
from redress.base.people import SYSTEM, Actor
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.draft import Draft, recipients, require_possible
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import EventType, Ticket

AT = "/incident"
"""The pointer to the incident in a request."""


def join(
    ticket: Ticket, plan: Plan, by: Actor, incident: str, word: int, why: str, at: datetime
) -> Change:
    """Make the ticket a case of an incident. No clock and no state follows from it.

    `word` is the number of the last word to the customers of the incident: it was written before
    the ticket joined, so this customer does not get it. Raises Unchanged if the ticket is a case of
    it already, and InvalidInput if it is a case of another incident.
    """
    require_possible(Step.JOIN_INCIDENT, ticket)
    if ticket.incident is not None:
        if ticket.incident.id == incident:
            raise Unchanged([Fault(AT, "joined", "the ticket is a case of this incident")])
        detail = "the ticket is a case of another incident; let it leave that one first"
        raise InvalidInput([Fault(AT, "in_another", detail)])
    data: dict[str, Any] = {"incident": incident}
    if word:
        data["word"] = word
    if why.strip():
        data["why"] = why.strip()
    return Draft(ticket, plan, by, at).add(EventType.INCIDENT_JOINED, data).change()


def leave(ticket: Ticket, plan: Plan, by: Actor, why: str, at: datetime) -> Change:
    """Take the ticket out of its incident. What its customer was told stays in the history.

    Raises NotAllowedNow if the ticket is no case of an incident.
    """
    require_possible(Step.LEAVE_INCIDENT, ticket)
    if ticket.incident is None:
        raise NotAllowedNow(Step.LEAVE_INCIDENT, ticket.state)
    data = {"incident": ticket.incident.id, "why": why.strip()}
    return Draft(ticket, plan, by, at).add(EventType.INCIDENT_LEFT, data).change()


def propose(ticket: Ticket, plan: Plan, tickets: int, within_s: int, at: datetime) -> Change | None:
    """Propose an incident, because so many tickets of the category of this one are new.

    Nothing follows but a mail to those who can declare it. Returns None if one was proposed on this
    ticket because of a spike before, if it is a case of one, or if it needs nobody any more.
    """
    if not may_propose(ticket):
        return None
    data = {"category": ticket.category, "tickets": tickets, "within_s": within_s}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.INCIDENT_PROPOSED, data).change()


def may_propose(ticket: Ticket) -> bool:
    """Whether a spike can propose an incident on a ticket. One on which a rung has proposed an
    incident can: the reason is another one."""
    return ticket.spike_proposed is None and ticket.incident is None and ticket.needs_agent


def is_to_be_told(ticket: Ticket, incident: str, word: int) -> bool:
    """Whether the customer of a ticket must still be told a word to all customers of an incident.

    `word` is the number of the word. The ticket must be open, be a case of the incident, and have
    been one when the word was written. The snapshot has the number of the last word that the
    customer was told, so nobody is told a word twice.
    """
    part = ticket.incident
    return (
        part is not None
        and part.id == incident
        and part.word < word
        and ticket.state in STEPS[Step.TELL_PROGRESS]
    )


def goes_on_in(ticket: Ticket, incident: str, word: int) -> str | None:
    """The ticket in which the customer of a merged one must still be told a word; None if in none.

    It waited for the word when it was merged, so its customer waits for it in the other ticket,
    which the delivery may have passed before.
    """
    part, merged = ticket.incident, ticket.merged
    waits = part is not None and part.id == incident and part.word < word
    return merged.into if waits and merged is not None else None


def tell(
    ticket: Ticket, plan: Plan, by: Actor, incident: str, word: int, text: str, at: datetime
) -> Change | None:
    """Tell the customer the word to all customers of an incident; None if they do not get it.

    It is progress: it stops the reaction clock and never counts as a response, because nobody has
    answered what this customer wrote. If it reaches nobody, because a conversation takes no answers
    any more or the customer left no address, the event says so, and the ticket's agent is told.
    Then the reaction is still due. `by` is the member who wrote the word, and SYSTEM on a ticket
    from which a conflict of interest keeps them.
    """
    if not is_to_be_told(ticket, incident, word):
        return None
    data = {"text": text, "incident": incident, "word": word}
    data |= recipients(ticket, plan, at, always=True, unspoken=True)
    return Draft(ticket, plan, by, at).add(EventType.PROGRESS_TOLD, data).change()
