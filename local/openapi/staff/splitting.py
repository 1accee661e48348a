"""The answer of a split."""

from __future__ import annotations

from typing import Annotated

from local.openapi.schemas import named
from local.openapi.staff.tickets import Ticket
from local.openapi.values import Answer, TicketNumber
from redress.tickets.rules.answers import Way


class SplitTicket(Answer):
    """The number of the new ticket, and the ticket off which its messages were split."""

    number: TicketNumber
    told_by: Annotated[str, named("AnswerBy", Way)] | None
    replayed: bool
    ticket: Ticket
