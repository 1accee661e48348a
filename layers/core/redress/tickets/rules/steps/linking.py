"""The steps that link a ticket with another one, and end a link.

Each step changes one ticket. The caller makes the same step on the other ticket with the inverse
kind, in the same transaction (`tickets.cases.linking`), so that both sides say so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from redress.base.errors import Fault, InvalidInput, NotAllowedNow, Unchanged
from redress.base.people import Actor
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.draft import Draft, require_possible
from redress.tickets.rules.steps.table import MOST_LINKS, Step
from redress.tickets.rules.ticket import INVERSE, EventType, LinkKind, Ticket

AT = "/ticket"
"""The pointer to the other ticket in a request."""
ONE_CALL = "one call belongs to both"
"""Why two tickets are linked, in the event."""


def link_faults(ticket: Ticket, kind: LinkKind, other: Ticket) -> list[Fault]:
    """Return every reason why two tickets cannot be linked in this way; [] if they can.

    `ticket` gets the link `kind`, and `other` its inverse.
    """
    if ticket.number == other.number:
        return [Fault(AT, "same_ticket", "a ticket is not linked with itself")]
    faults = []
    if kind is not INVERSE[kind] and has_link(ticket, INVERSE[kind], other.number):
        faults.append(Fault(AT, "linked_otherwise", "the other ticket follows this one"))
    if len(ticket.links) >= MOST_LINKS:
        detail = f"this ticket has {MOST_LINKS} links; end one first"
        faults.append(Fault("", "too_many", detail))
    if len(other.links) >= MOST_LINKS:
        detail = f"the other ticket has {MOST_LINKS} links; end one of them first"
        faults.append(Fault(AT, "too_many", detail))
    return faults


def link(
    ticket: Ticket, plan: Plan, by: Actor, kind: LinkKind, other: Ticket, why: str, at: datetime
) -> Change:
    """Link the ticket with another one. Nothing follows for its clocks and its state.

    Raises InvalidInput with every fault (`link_faults`), and Unchanged if there is such a link.
    """
    require_possible(Step.LINK, ticket)
    if has_link(ticket, kind, other.number):
        raise Unchanged([Fault(AT, "linked", "these tickets are linked so already")])
    if faults := link_faults(ticket, kind, other):
        raise InvalidInput(faults)
    return linked(ticket, plan, by, kind, other.number, why, at)


def linked(
    ticket: Ticket, plan: Plan, by: Actor, kind: LinkKind, number: str, why: str, at: datetime
) -> Change:
    """Return the change that records a link on one side, without any check."""
    data: dict[str, Any] = {"kind": kind.value, "ticket": number}
    if why.strip():
        data["why"] = why.strip()
    return Draft(ticket, plan, by, at).add(EventType.LINKED, data).change()


def unlink(
    ticket: Ticket, plan: Plan, by: Actor, kind: LinkKind, number: str, why: str, at: datetime
) -> Change:
    """End a link. It stays in the history. Raises InvalidInput if there is no such link.

    A ticket without any link is refused in the same way: whoever asks may not see the other tickets
    with which it is linked, nor that there are some.
    """
    require_possible(Step.UNLINK, ticket)
    if not has_link(ticket, kind, number):
        raise InvalidInput([Fault(AT, "not_linked", "these tickets are not linked so")])
    data = {"kind": kind.value, "ticket": number, "why": why.strip()}
    return Draft(ticket, plan, by, at).add(EventType.UNLINKED, data).change()


def has_link(ticket: Ticket, kind: LinkKind, number: str) -> bool:
    return any(one.kind is kind and one.number == number for one in ticket.links)


Side = tuple[Ticket, Plan, datetime]
"""One of two tickets, its plan, and the time of its next event."""
OnBoth = Callable[[Side, Side, Actor, LinkKind, str], tuple[Change, Change]]
"""Returns the changes of both tickets. The kind is that of the link of the first one."""


def link_both(
    mine: Side, theirs: Side, by: Actor, kind: LinkKind, why: str
) -> tuple[Change, Change]:
    """Link two tickets. Raises the errors of `link`."""
    (ticket, plan, at), (other, its_plan, moment) = mine, theirs
    change = link(ticket, plan, by, kind, other, why, at)
    require_possible(Step.LINK, other)
    return change, linked(other, its_plan, by, INVERSE[kind], ticket.number, why, moment)


def link_of_call(mine: Side, theirs: Side, by: Actor) -> tuple[Change | None, Change | None]:
    """Link two tickets to which one call belongs.

    Returns (None, None) if they are linked already, or if one of them has MOST_LINKS links.
    """
    try:
        return link_both(mine, theirs, by, LinkKind.RELATED, ONE_CALL)
    except (InvalidInput, NotAllowedNow):
        return None, None


def unlink_both(
    mine: Side, theirs: Side, by: Actor, kind: LinkKind, why: str
) -> tuple[Change, Change]:
    """End the link of two tickets. Raises the errors of `unlink`."""
    (ticket, plan, at), (other, its_plan, moment) = mine, theirs
    change = unlink(ticket, plan, by, kind, other.number, why, at)
    return change, unlink(other, its_plan, by, INVERSE[kind], ticket.number, why, moment)
