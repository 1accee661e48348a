"""Answers about one ticket: the ticket, its timeline and its mails."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from local.openapi.schemas import named
from local.openapi.staff.customers import CustomerId, CustomerType
from local.openapi.staff.links import ProposedDuplicate, TicketLink
from local.openapi.staff.post_mortems import TicketPostMortem
from local.openapi.values import (
    ActorRole,
    Agent,
    AgentOrNull,
    Answer,
    CallbackWay,
    Channel,
    ClockLabel,
    ClockStanding,
    Closure,
    Count,
    Currency,
    Email,
    EscalationRole,
    EventKind,
    Gradation,
    HoldReason,
    Instant,
    ItemId,
    ItemKind,
    ItemStanding,
    Kind,
    Language,
    Moment,
    OpenHours,
    Ordinal,
    Outcome,
    OutgoingMailState,
    RemedyAct,
    RemedyStatus,
    StaffAction,
    StaffRole,
    TaskStatus,
    TicketNumber,
    TicketState,
)
from redress.plans.rules.acts import INCIDENT
from redress.plans.rules.fields import TYPES
from redress.tickets.rules.answers import Way, Why
from redress.tickets.rules.classification import VALUES, Source
from redress.tickets.rules.promise_view import TOLD_BY
from redress.tickets.rules.viewers import Doing


class Contact(Answer):
    """The contact of the customer. It has an email address, a phone number, or both."""

    name: str
    email: str | None
    phone: str | None
    phone_e164: str | None
    company: str | None


class Promise(Answer):
    """One promise and its clock. A promise that is fulfilled at its due instant is kept."""

    clock: ClockLabel
    state: ClockStanding
    due_at: Instant
    target_s: Ordinal
    started_at: Instant
    stopped_at: Moment | None


class Resolution(Answer):
    """The latest resolution."""

    at: Instant
    by: Agent
    team: str
    outcome: Outcome | None
    remedy: str | None
    root_cause: str | None
    cause: str | None
    contacts_after: Count


class PendingCallback(Answer):
    by: CallbackWay
    phone: str | None
    hours: OpenHours | None


class TicketCustomer(Answer):
    """The customer of a ticket. `identity` says whether their identity is verified now."""

    id: CustomerId
    name: str
    type: CustomerType
    identity: bool


class WordingWarning(Answer):
    """A word of the plan's word lists in the text. The text was sent with it."""

    pointer: str
    code: Annotated[str, named("WarningCode", ("discouraged_word",))]
    list: Annotated[str, Meta(examples=["vague"])]
    word: str
    instead: str


class TicketField(Answer):
    """A field that the plan has for this kind and category, or another one that the ticket has."""

    name: str
    type: Annotated[str, named("FieldType", TYPES)]
    label: dict[str, str]
    value: str | None
    value_label: dict[str, str] | None
    written: str | None
    offered: bool


class LaterPromise(Answer):
    """A promise that the customer was told, and that is due later now."""

    clock: ClockLabel
    before: Instant
    after: Moment | None


class Lengthened(Answer):
    """The promises that a correction made later."""

    told_by: Annotated[str, named("ToldBy", TOLD_BY)]
    promises: list[LaterPromise]


class Task(Answer, kw_only=True):
    """What another department is asked to do for the ticket."""

    id: Annotated[str, Meta(pattern="^[1-9][0-9]?$", examples=["1"])]
    revision: Ordinal
    team: str
    title: str
    state: TaskStatus
    required: bool
    private: bool
    owner: AgentOrNull
    opened_at: Instant
    due_at: Instant
    standing: ClockStanding
    breached: bool
    ended_at: Instant | None
    pressed: Count
    urged: Count
    extended: Count
    extension_until: Instant | None


class TicketAnswers(Answer):
    """How what staff write now reaches the customer."""

    by: Annotated[str, named("AnswerBy", Way)] | None
    why: Annotated[str, named("AnswerWhy", Why)] | None
    connector: Annotated[str, Meta(examples=["social"])] | None
    until: Instant | None


class ChecklistItem(Answer):
    """What a service request needs: one item of its checklist."""

    id: ItemId
    kind: ItemKind
    text: dict[str, str] | None
    required: bool
    state: ItemStanding
    obstacle: bool
    files: list[str]
    event: Ordinal | None


class Remedy(Answer, kw_only=True):
    """What the customer gets, or may get, to make up for a fault."""

    id: Annotated[str, Meta(pattern="^[1-9][0-9]?$", examples=["1"])]
    kind: Annotated[str, Meta(examples=["refund"])]
    amount: Ordinal | None
    currency: Currency | None
    state: RemedyStatus
    proposed_by: Agent
    approved_by: AgentOrNull
    promised_at: Instant | None
    due_at: Instant
    standing: ClockStanding
    breached: bool
    ended_at: Instant | None
    can: list[RemedyAct]


class Ticket(Answer, kw_only=True):
    number: TicketNumber
    version: Ordinal
    state: TicketState
    kind: Kind
    channel: Channel
    language: Language
    priority: Annotated[str, Meta(examples=["high"])]
    urgency: Gradation
    impact: Gradation
    customer_type: Annotated[str, Meta(examples=["standard"])]
    customer: CustomerId | None
    category: Annotated[str, Meta(examples=["product/defect"])] | None
    tags: list[str]
    order: str | None
    fields: list[TicketField]
    satisfaction: Annotated[int, Meta(ge=1, le=5)] | None
    on_hold: HoldReason | None
    unanswered_since: Moment | None
    incident_proposed: bool
    incident: Annotated[str, Meta(pattern=f"^{INCIDENT}$")] | None
    subject: str
    contact: Contact
    answers: TicketAnswers
    participants: list[Email]
    about: list[Agent]
    about_unclear: list[Agent] | None
    kept_from: list[str]
    mentioned: list[Agent]
    team: str
    assignee: AgentOrNull
    unaccepted_since: Moment | None
    declined_by: list[Agent]
    created_at: Instant
    acknowledged_at: Instant | None
    due_at: Moment | None
    promises: list[Promise]
    escalation: EscalationRole | None
    round: Ordinal
    callback_attempts: Count
    callback: PendingCallback | None
    resolution: Resolution | None
    closure: Closure | None
    closed_at: Instant | None
    plan_version: Ordinal
    tasks: list[Task]
    checklist: list[ChecklistItem]
    remedies: list[Remedy]
    post_mortem: TicketPostMortem | None
    can: list[StaffAction]
    warnings: list[WordingWarning] | UnsetType = UNSET
    lengthened: Lengthened | UnsetType = UNSET


class Actor(Answer):
    role: ActorRole
    id: AgentOrNull


class Event(Answer):
    """One thing that happened to the ticket. Events are never changed."""

    number: Ordinal
    type: EventKind
    at: Instant
    by: Actor
    data: dict[str, Any]


class Mail(Answer):
    key: Annotated[str, Meta(examples=["000004.reply.customer"])]
    state: OutgoingMailState
    at: Instant
    attempts: Count
    fault: str | None


class Person(Answer):
    name: str
    role: StaffRole


class Viewer(Answer):
    """A member of staff who has the ticket open now."""

    id: Agent
    name: str
    doing: Annotated[str, named("Doing", (Doing.VIEWING, Doing.WRITING))]
    since: Instant


class Viewers(Answer):
    viewers: list[Viewer]
    again_within_s: Ordinal


class DecidedValue(Answer):
    """A value of the classification of a ticket, and what set it."""

    name: Annotated[str, named("ClassificationName", VALUES)]
    value: str | None
    source: Annotated[str, named("ClassificationSource", Source)]
    at: Instant
    rule: str | None
    why: dict[str, str] | None
    words: list[str]
    sender: str | None
    earlier: Count | None
    reason: str | None


class TicketFile(Ticket, kw_only=True):
    profile: TicketCustomer | None
    classification: list[DecidedValue]
    links: list[TicketLink]
    duplicates: list[ProposedDuplicate]
    timeline: list[Event]
    mails: list[Mail]
    viewers: list[Viewer]
    people: dict[str, Person]
