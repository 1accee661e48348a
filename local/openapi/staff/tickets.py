"""Answers about one ticket: the ticket, its timeline, the stories of its clocks."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from local.openapi.values import (
    TICKET,
    ActorRole,
    Agent,
    AgentOrNull,
    Answer,
    Channel,
    ClockLabel,
    ClockStanding,
    Closure,
    Count,
    Date,
    Day,
    Email,
    EntryKind,
    EscalationRole,
    EventKind,
    Gradation,
    HoldReason,
    Instant,
    Kind,
    Language,
    Moment,
    OpenHours,
    Ordinal,
    Outcome,
    OutgoingMailState,
    RungAction,
    Seconds,
    TicketNumber,
    TicketState,
)


class Contact(Answer):
    """At least one of email and phone is there."""

    name: str
    email: str | None
    phone: str | None


class Promise(Answer):
    """One clock. A promise stopped at its due instant is kept."""

    clock: ClockLabel
    state: ClockStanding
    due_at: Instant
    target_s: Ordinal
    started_at: Instant
    stopped_at: Moment | None


class Resolution(Answer):
    """The latest word that it is solved."""

    at: Instant
    by: Agent
    team: str
    outcome: Outcome | None
    remedy: str | None
    root_cause: str | None
    contacts_after: Count


class Ticket(Answer):
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
    on_hold: HoldReason | None
    unanswered_since: Moment | None
    incident_proposed: bool
    subject: str
    contact: Contact
    participants: list[Email]
    team: str
    assignee: AgentOrNull
    created_at: Instant
    acknowledged_at: Instant | None
    due_at: Moment | None
    promises: list[Promise]
    escalation: EscalationRole | None
    round: Ordinal
    callback_attempts: Count
    resolution: Resolution | None
    closure: Closure | None
    closed_at: Instant | None
    plan_version: Ordinal


class By(Answer):
    role: ActorRole
    id: AgentOrNull


class Event(Answer):
    """One thing that happened: who, when, what. The history is never changed."""

    number: Ordinal
    type: EventKind
    at: Instant
    by: By
    data: dict[str, Any]


class Mail(Answer):
    key: Annotated[str, Meta(examples=["000004.reply.customer"])]
    state: OutgoingMailState
    at: Instant
    attempts: Count
    fault: str | None


class TicketFile(Ticket):
    timeline: list[Event]
    mails: list[Mail]


class WeekHours(Answer):
    """Weekdays with the same hours; a day that is not named is closed."""

    days: list[Day]
    open: list[OpenHours]


class SpecialDay(Answer):
    """A date that is otherwise than its weekday."""

    date: Date
    open: list[OpenHours]


class CalendarHours(Answer):
    """What a promise is counted in."""

    name: str
    time_zone: Annotated[str, Meta(examples=["Asia/Shanghai"])]
    hours: str
    week: list[WeekHours]
    special: list[SpecialDay]


class Cause(Answer):
    """An event, without what was said in it."""

    number: Ordinal
    type: EventKind
    at: Instant
    by: By


class ClockEntry(Answer):
    """What one event did to a clock, and the clock after it."""

    what: EntryKind
    event: Cause
    elapsed_s: Seconds
    due_at: Instant
    target_s: Ordinal
    calendar: str
    ladder: str
    waits_for: list[str]
    stopped_at: Moment | None
    why: str | None


class FiredRung(Answer):
    """A rung of the ladder that has acted."""

    rung: Count
    action: RungAction
    due_at: Instant
    fired_at: Instant
    event: Ordinal
    notify: list[str]
    priority: str | None
    watch: list[str]
    then: list[Cause]


class ComingRung(Answer):
    """A rung of the ladder that has not acted."""

    rung: Count
    action: RungAction
    at_s: Count
    due_at: Moment | None
    notify: list[str]
    priority: str | None
    watch: list[str]
    reassign: bool
    incident: bool


class ClockStory(Answer):
    """One promise from its beginning to now, or to its end. A clock that begins anew (an update, a
    next reply, a resolution after a dispute) has a story for each beginning."""

    clock: ClockLabel
    round: Ordinal
    current: bool
    state: ClockStanding
    sentence: str
    target_s: Ordinal
    calendar: CalendarHours
    ladder: str | None
    pauses: list[str]
    started_at: Moment
    due_at: Moment
    ended_at: Moment | None
    elapsed_s: Seconds
    elapsed_calendar_s: Seconds
    paused_s: Seconds
    breached: bool
    held_by: str | None
    entries: Annotated[list[ClockEntry], Meta(min_length=1)]
    rungs_fired: list[FiredRung]
    rungs_to_come: list[ComingRung]


class ClockStories(Answer):
    """Why each promise of a ticket is due when it is due, from its own history."""

    number: Annotated[str, Meta(examples=[TICKET])]
    language: Language
    at: Moment
    clocks: list[ClockStory]
