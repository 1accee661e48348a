"""The body and the answer of a ticket that staff open."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from local.openapi.public.tickets import Submission, SubmissionContact
from local.openapi.schemas import named
from local.openapi.staff.tickets import Ticket
from local.openapi.values import Answer, Language, TicketNumber
from redress.staff.cases.opening import ASSIGN, LIVE_CHANNELS


class NewTicket(Submission, kw_only=True):
    """What a customer tells a member of staff: the fields of a submission, and three more."""

    contact: SubmissionContact
    channel: Annotated[str, named("LiveChannel", LIVE_CHANNELS)]
    assign: Annotated[str, named("AssignTo", ASSIGN)] | UnsetType | None = UNSET
    answered: bool | UnsetType | None = UNSET


class OpenedTicket(Answer):
    """What the caller is told, and the ticket."""

    number: TicketNumber
    language: Language
    say: str
    acknowledged_by: Annotated[str, named("AcknowledgedBy", ("mail", "agent"))]
    replayed: bool
    ticket: Ticket | None
