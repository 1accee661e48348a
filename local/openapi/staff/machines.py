"""Answers to machines that are not those of a route of the staff, and what they send."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from local.openapi.schemas import named
from local.openapi.staff.connectors import ConnectorId, ConnectorScope, KeyId
from local.openapi.staff.links import ProposedDuplicate, TicketLink
from local.openapi.staff.tickets import DecidedValue, Event, Mail, Person, Ticket, TicketCustomer
from local.openapi.values import (
    Answer,
    GivenMoment,
    Instant,
    Kind,
    Language,
    OpenAnswer,
    Ordinal,
    in_format,
    text,
)
from redress.connectors.rules.answer import REPORTED, WHY_LIMIT
from redress.connectors.rules.call import LONGEST, MOST_HOLDS, RECORDING_LIMIT
from redress.connectors.rules.call import TEXT_LIMIT as CALL_TEXT_LIMIT
from redress.connectors.rules.message import CHANNELS, ID_LIMIT
from redress.connectors.rules.sequence import HIGHEST
from redress.connectors.store.calls import Outcome
from redress.plans.rules.categories import LIMIT as CATEGORY_LIMIT
from redress.tickets.rules.calls import Direction, Result
from redress.tickets.rules.submission import (
    COMPANY_LIMIT,
    DESCRIPTION_LIMIT,
    EMAIL_LIMIT,
    NAME_LIMIT,
    ORDER_LIMIT,
    PHONE_LIMIT,
    SUBJECT_LIMIT,
)

SourceId = Annotated[str, text(ID_LIMIT, 1)]


class MessageCustomer(Answer):
    name: Annotated[str, text(NAME_LIMIT, 1)]
    email: Annotated[str, text(EMAIL_LIMIT)] | UnsetType | None = UNSET
    phone: Annotated[str, text(PHONE_LIMIT)] | UnsetType | None = UNSET
    company: Annotated[str, text(COMPANY_LIMIT)] | UnsetType | None = UNSET


class CustomerMessage(Answer):
    conversation: SourceId
    message: SourceId
    channel: Annotated[str, named("MessageChannel", CHANNELS)]
    text: Annotated[str, text(DESCRIPTION_LIMIT, 1)]
    language: Language
    customer: MessageCustomer
    consent: Annotated[bool, Meta(extra_json_schema={"const": True})]
    sent_at: GivenMoment | UnsetType | None = UNSET
    sequence: Annotated[int, Meta(ge=0, le=HIGHEST)] | UnsetType | None = UNSET
    subject: Annotated[str, text(SUBJECT_LIMIT)] | UnsetType | None = UNSET
    kind: Kind | UnsetType | None = UNSET
    category: Annotated[str, text(CATEGORY_LIMIT)] | UnsetType | None = UNSET
    order: Annotated[str, text(ORDER_LIMIT)] | UnsetType | None = UNSET


class MessageTaken(OpenAnswer):
    number: str
    version: Ordinal
    opened: bool
    missing: list[int]
    status_url: Annotated[str, in_format("uri")]


class AnswerReceipt(Answer):
    answer: Annotated[str, Meta(examples=["R-7K3M9-QW0X2-3"])]
    state: Annotated[str, named("ReportedState", REPORTED)]
    why: Annotated[str, text(WHY_LIMIT)] | UnsetType | None = UNSET


class ReceiptTaken(OpenAnswer):
    number: str
    version: Ordinal
    news: bool


class CallRecord(Answer):
    call: SourceId
    updated: GivenMoment
    result: Annotated[str, named("CallResult", Result)]
    began: GivenMoment
    direction: Annotated[str, named("CallDirection", Direction)] | UnsetType | None = UNSET
    phone: Annotated[str, text(PHONE_LIMIT)] | UnsetType | None = UNSET
    name: Annotated[str, text(NAME_LIMIT)] | UnsetType | None = UNSET
    left_menu: GivenMoment | UnsetType | None = UNSET
    answered: GivenMoment | UnsetType | None = UNSET
    held: (
        Annotated[
            list[Annotated[list[GivenMoment], Meta(min_length=2, max_length=2)]],
            Meta(max_length=MOST_HOLDS),
        ]
        | UnsetType
        | None
    ) = UNSET
    hold_s: Annotated[float, Meta(ge=0, le=LONGEST.total_seconds())] | UnsetType | None = UNSET
    ended: GivenMoment | UnsetType | None = UNSET
    after_work_ended: GivenMoment | UnsetType | None = UNSET
    menu: Annotated[str, text(CALL_TEXT_LIMIT)] | UnsetType | None = UNSET
    queue: Annotated[str, text(CALL_TEXT_LIMIT)] | UnsetType | None = UNSET
    agent: Annotated[str, text(CALL_TEXT_LIMIT)] | UnsetType | None = UNSET
    recording: Annotated[str, text(RECORDING_LIMIT)] | UnsetType | None = UNSET
    ticket: str | UnsetType | None = UNSET
    conversation: Annotated[str, text(ID_LIMIT)] | UnsetType | None = UNSET
    language: Language | UnsetType | None = UNSET
    kind: Kind | UnsetType | None = UNSET


class CallTaken(OpenAnswer):
    outcome: Annotated[str, named("CallOutcome", Outcome)]
    number: str | None
    version: Ordinal | None


class MachineTicketFile(Ticket, kw_only=True):
    """A ticket for a machine, which is not told who views or writes it now."""

    profile: TicketCustomer | None
    classification: list[DecidedValue]
    links: list[TicketLink]
    duplicates: list[ProposedDuplicate]
    timeline: list[Event]
    mails: list[Mail]
    people: dict[str, Person]


class OwnKey(OpenAnswer):
    keyid: KeyId
    ends_at: Instant | None


class OwnConnector(OpenAnswer):
    id: ConnectorId
    name: str
    scopes: list[ConnectorScope]
    team: str | None
    keys: list[OwnKey]
    at: Instant
