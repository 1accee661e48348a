"""Links between tickets and proposed duplicates, as a ticket's file shows them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.schemas import named
from local.openapi.values import Answer, Moment, TicketNumber, TicketState
from redress.tickets.rules.ticket import LinkKind

LinkName = Annotated[str, named("LinkKind", tuple(LinkKind))]


class TicketLink(Answer):
    """A link with another ticket, which has the inverse link."""

    kind: LinkName
    number: TicketNumber
    subject: str
    state: TicketState


class ProposedDuplicate(Answer):
    """An older ticket of the customer that may be the same matter, about which nobody has decided.
    Merge the two, link them, or say that they are no duplicates."""

    number: TicketNumber
    similarity: Annotated[int, Meta(ge=0, le=100)]
    subject: str
    state: TicketState
    opened_at: Moment
