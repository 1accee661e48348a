"""Answers that explain the clocks of a ticket."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.staff.tickets import Actor
from local.openapi.values import (
    TICKET,
    Answer,
    ClockLabel,
    ClockStanding,
    Count,
    Date,
    Day,
    EntryKind,
    EventKind,
    Instant,
    Language,
    Moment,
    NoAnswerReason,
    OpenHours,
    Ordinal,
    RungAction,
    Seconds,
)


class WeekHours(Answer):
    """Weekdays with the same hours. A day that is in no entry is closed."""

    days: list[Day]
    open: list[OpenHours]


class SpecialDay(Answer):
    """A date with other hours than its weekday."""

    date: Date
    open: list[OpenHours]


class CalendarHours(Answer):
    """The calendar in which a promise is measured."""

    name: str
    time_zone: Annotated[str, Meta(examples=["Asia/Shanghai"])]
    hours: str
    week: list[WeekHours]
    special: list[SpecialDay]


class Cause(Answer):
    """An event without its data."""

    number: Ordinal
    type: EventKind
    at: Instant
    by: Actor


class ClockEntry(Answer):
    """The effect of one event on a clock, and the clock after the event."""

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
    """A rung of the ladder that has fired."""

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
    """A rung of the ladder that has not fired yet."""

    rung: Count
    action: RungAction
    at_s: Count
    due_at: Moment | None
    notify: list[str]
    priority: str | None
    watch: list[str]
    reassign: bool
    incident: bool


class MovedCall(Answer):
    """How the customer's hours moved the due time of a call."""

    call_hours: OpenHours
    plan_due_at: Moment


class ClockStory(Answer):
    """One promise from its beginning to its end, or to now. A clock that begins again (an update, a
    next reply, a resolution after a dispute) has a story for each beginning."""

    clock: ClockLabel
    round: Ordinal
    current: bool
    state: ClockStanding
    sentence: str
    target_s: Ordinal
    calendar: CalendarHours
    moved: MovedCall | None
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


class Unacknowledged(Answer):
    """Why no acknowledgement was promised and sent."""

    reason: NoAnswerReason
    sentence: str


class ClockStories(Answer):
    """Explains from the history of a ticket why each promise is due when it is due."""

    number: Annotated[str, Meta(examples=[TICKET])]
    language: Language
    at: Moment
    clocks: list[ClockStory]
    unacknowledged: Unacknowledged | None
