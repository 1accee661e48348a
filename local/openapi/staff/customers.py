"""Answers about customers."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from local.openapi.schemas import named
from local.openapi.values import (
    ActorRole,
    Agent,
    Answer,
    Count,
    Instant,
    Kind,
    Language,
    Moment,
    NextCursor,
    Ordinal,
    TicketNumber,
    TicketState,
)
from redress.customers.rules.profile import CONTACT_KINDS, ID_DIGITS, MOST_CALLS, CallOutcome
from redress.customers.rules.rights import Part
from redress.tickets.rules.preference import WAYS

CUSTOMER_ID = f"^[0-9a-f]{{{ID_DIGITS}}}$"
EXAMPLE = "9f86d081884c7d659a2feaa0"
CustomerId = Annotated[str, Meta(pattern=CUSTOMER_ID, examples=[EXAMPLE])]
ContactKind = Annotated[str, named("ContactKind", CONTACT_KINDS)]
PreferredWay = Annotated[str, named("PreferredWay", WAYS)]
ProfilePart = Annotated[str, named("ProfilePart", Part)]
CustomerType = Annotated[str, Meta(examples=["standard"])]
Mean = Annotated[float, Meta(ge=1, le=5)]


class CustomerCard(Answer):
    """What is needed at once when a customer calls or writes."""

    id: CustomerId
    name: str
    salutation: str | None
    languages: list[Language]
    type: CustomerType
    needs: list[str]


class Consent(Answer):
    what: str
    at: Instant
    where: str


class CustomerRemark(Answer):
    """A note of staff about the customer."""

    at: Instant
    by: Agent
    text: str


class ContactPoint(Answer):
    """A contact point. It came with a ticket, or a member of staff added it."""

    kind: ContactKind
    value: str
    since: Instant
    ticket: TicketNumber | None
    by: str | None


class Identity(Answer):
    how: str
    by: Agent
    at: Instant
    until: Instant
    valid: bool


class Doubt(Answer):
    """A reason to think that another profile is of the same customer."""

    other: CustomerId
    since: Instant
    ticket: TicketNumber | None
    team: str
    owner: str | None


class CustomerLine(CustomerCard):
    """A customer in a list. `doubts` is null if the customer was found by a contact point."""

    doubts: list[Doubt] | None


class CustomerPage(Answer):
    items: list[CustomerLine]
    next: NextCursor


class CallRefusal(Answer):
    at: Instant
    by: Agent


class PlannedCalls(Answer):
    """When staff call a customer next to keep in touch, though no ticket asks for it."""

    next_at: Moment | None
    overdue_at: Moment | None
    overdue: bool
    team: str | None
    owner: Agent | None
    tries: Count
    refused: CallRefusal | None


class MadeCall(Answer):
    at: Instant
    by: Agent
    outcome: Annotated[str, named("RelationshipCallOutcome", CallOutcome)]
    notes: str | None
    ticket: TicketNumber | None
    next_at: Moment | None


class Customer(CustomerCard):
    revision: Ordinal
    created_at: Instant
    languages_chosen: bool
    channel: PreferredWay | None
    hours: str | None
    company: str | None
    consent: list[Consent]
    notes: list[CustomerRemark]
    contacts: list[ContactPoint]
    identity: Identity | None
    doubts: list[Doubt]
    distinct_from: list[CustomerId]
    absorbed: list[CustomerId]
    merged_into: CustomerId | None
    calls: PlannedCalls | None
    calls_made: Annotated[list[MadeCall], Meta(max_length=MOST_CALLS)]
    can: list[ProfilePart]


class CustomerTicket(Answer):
    number: TicketNumber
    subject: str
    kind: Kind
    category: str | None
    state: TicketState
    team: str
    satisfaction: Annotated[int, Meta(ge=1, le=5)] | None
    created_at: Instant
    closed_at: Moment | None


class CustomerNumbers(Answer):
    """Counts over the newest 100 tickets of the customer that you may see."""

    tickets: Count
    answered: Count
    satisfaction: Mean | None
    complete: bool


class CustomerFile(Customer):
    tickets: list[CustomerTicket]
    next: NextCursor
    numbers: CustomerNumbers | None


class Author(Answer):
    role: ActorRole
    id: str | None


class ProfileFieldChange(Answer):
    before: Any
    after: Any


class CustomerChange(Answer):
    revision: Ordinal
    at: Instant
    by: Author
    act: str
    why: str | None
    ticket: TicketNumber | None
    source: str | None
    fields: dict[str, ProfileFieldChange]


class CustomerTrail(Answer):
    items: list[CustomerChange]
    next: NextCursor
