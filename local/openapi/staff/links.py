"""Links between tickets, as a ticket's file shows them."""

from __future__ import annotations

from typing import Annotated

from local.openapi.schemas import named
from local.openapi.values import Answer, TicketNumber, TicketState
from redress.tickets.rules.ticket import LinkKind

LinkName = Annotated[str, named("LinkKind", tuple(LinkKind))]


class TicketLink(Answer):
    """A link with another ticket, which has the inverse link."""

    kind: LinkName
    number: TicketNumber
    subject: str
    state: TicketState
