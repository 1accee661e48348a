"""Types of the values in answers. Choices and limits come from the code that enforces them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from local.openapi.schemas import named
from redress.base import texts
from redress.base.languages import LANGUAGES
from redress.base.people import Role
from redress.clocks.rules.clocks import Action, ClockName, Standing
from redress.clocks.rules.periods import PERIOD
from redress.customers.rules.rights import Part
from redress.files.rules.recordings import Elsewhere
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.incoming.rules.decision import Reason
from redress.mail.incoming.rules.held import NOT_KEPT, RELEASED, REQUESTED
from redress.mail.incoming.store import MailState
from redress.plans.cases import VersionStatus
from redress.plans.rules.checklists import ITEM_KINDS
from redress.plans.rules.plan import (
    CHANNELS,
    COMPONENTS,
    DAYS,
    FILE_KINDS,
    GRADATIONS,
    HOLDS,
    KINDS,
    OUTCOMES,
    REQUEST_OUTCOMES,
)
from redress.plans.rules.reader import NAME
from redress.rehearsals.store import JobKind, JobState
from redress.scores.rules.scorecard import NOT_RATED, TOO_FEW_SAMPLES, TOO_LITTLE_WEIGHT
from redress.staff.rules.availability import Presence
from redress.staff.rules.leading import OPERATIONS
from redress.tickets.rules import access, remedy_rights, task_rights
from redress.tickets.rules.attached import FileState
from redress.tickets.rules.checklist import ItemState
from redress.tickets.rules.explain import What
from redress.tickets.rules.preference import WAYS
from redress.tickets.rules.remedies import RemedyState
from redress.tickets.rules.steps.table import (
    ANSWERED,
    CONFIRMED_BY_CUSTOMER,
    MERGED,
    SPLIT_UNDONE,
    UNCONFIRMED,
    WITHDRAWN,
)
from redress.tickets.rules.tasks import Share, TaskState
from redress.tickets.rules.ticket import EventType, State


class Answer(Struct, forbid_unknown_fields=True, kw_only=True):
    """A JSON object with these fields and no others. The docstring becomes its description."""


class OpenAnswer(Struct, kw_only=True):
    """A JSON object with at least these fields."""


def text(most: int, least: int = 0) -> Meta:
    """A text of at most `most` characters, without control characters."""
    return Meta(min_length=least or None, max_length=most, pattern=texts.ACCEPTED)


def in_format(name: str) -> Meta:
    """A text in a format that JSON Schema defines."""
    return Meta(extra_json_schema={"format": name})


AGENT = "0b7e4c52-1f0a-4c1e-9d0c-0a7f7f3b9d10"
TICKET = "R-7K3M9-QW0X2"
MONTH = f"^{PERIOD}$"

Count = Annotated[int, Meta(ge=0)]
Ordinal = Annotated[int, Meta(ge=1)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0)]
Score = Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]{2}$")]
Email = Annotated[str, in_format("email")]
Uri = Annotated[str, in_format("uri")]
OpenHours = Annotated[str, Meta(pattern="^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$")]
Date = date
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
"""The form of every instant in answers (`instants.written`)."""
GivenMoment = Annotated[datetime, Meta(tz=True)]
"""An instant as somebody wrote it, for example in a service plan."""
Moment = Annotated[GivenMoment, Meta(extra_json_schema={"pattern": MOMENT})]
Instant = Annotated[Moment, Meta(description="RFC 3339, UTC, with milliseconds")]
Month = Annotated[str, Meta(pattern=MONTH, examples=["2026-10"])]
Agent = Annotated[str, Meta(description="The `sub` of somebody in their tokens", examples=[AGENT])]
AgentOrNull = Annotated[str | None, Meta(examples=[AGENT])]
TicketNumber = Annotated[
    str,
    Meta(pattern="^R-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$", examples=[TICKET]),
]
TicketExamples = Annotated[list[str], Meta(max_length=3, description="Some ticket numbers")]
NextCursor = Annotated[
    str | None, Meta(description="Cursor of the page after; null on the last one")
]

ActorRole = Annotated[str, named("ActorRole", Role)]
CallbackWay = Annotated[str, named("CallbackWay", WAYS)]
StaffRole = Annotated[str, named("StaffRole", (Role.AGENT, Role.SUPERVISOR, Role.MANAGER))]
Channel = Annotated[str, named("Channel", CHANNELS)]
ClockLabel = Annotated[str, named("ClockName", ClockName)]
ClockStanding = Annotated[str, named("ClockStanding", Standing)]
Closure = Annotated[
    str,
    named(
        "Closure",
        (CONFIRMED_BY_CUSTOMER, UNCONFIRMED, WITHDRAWN, ANSWERED, MERGED, SPLIT_UNDONE),
    ),
]
ComponentName = Annotated[str, named("ComponentName", COMPONENTS)]
Day = Annotated[str, named("Day", DAYS)]
NoAnswerReason = Annotated[str, named("NoAnswerReason", NoAnswer)]
StaffAction = Annotated[str, named("StaffAction", access.ACTIONS)]
_POSSIBLE = (*access.ACTIONS, *task_rights.ACTS, *OPERATIONS, *Part)
Possible = Annotated[str, named("Possible", _POSSIBLE)]
"""What a refusal says the caller can do instead: with a ticket, a task, a member of staff or a
profile."""
TaskAct = Annotated[str, named("TaskAct", task_rights.ACTS)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["CNY"])]
RemedyAct = Annotated[str, named("RemedyAct", remedy_rights.ACTS)]
RemedyStatus = Annotated[str, named("RemedyState", RemedyState)]
TaskStatus = Annotated[str, named("TaskState", TaskState)]
ItemKind = Annotated[str, named("ItemKind", ITEM_KINDS)]
ItemStanding = Annotated[str, named("ItemState", ItemState)]
ItemId = Annotated[str, Meta(pattern=f"^{NAME.pattern}$", examples=["identity"])]
TaskShare = Annotated[str, named("TaskShare", Share)]
EntryKind = Annotated[str, named("EntryKind", What)]
EscalationRole = Annotated[str, named("EscalationRole", (Role.SUPERVISOR, Role.MANAGER))]
EventKind = Annotated[str, named("EventType", EventType)]
Gradation = Annotated[str, named("Gradation", GRADATIONS)]
HoldReason = Annotated[str, named("HoldReason", HOLDS)]
JobLabel = Annotated[str, named("JobKind", JobKind)]
JobStanding = Annotated[str, named("JobState", JobState)]
Kind = Annotated[str, named("Kind", KINDS)]
Language = Annotated[str, named("Language", LANGUAGES)]
OutgoingMailState = Annotated[
    str, named("OutgoingMailState", ("claimed", "sent", "failed", "refused"))
]
FileKind = Annotated[str, named("FileKind", FILE_KINDS)]
FileStateName = Annotated[str, named("FileState", FileState)]
Outcome = Annotated[str, named("Outcome", (*OUTCOMES, *REQUEST_OUTCOMES))]
PresenceState = Annotated[str, named("PresenceState", Presence)]
QuarantineReason = Annotated[str, named("QuarantineReason", Reason)]
QuarantineState = Annotated[str, named("QuarantineState", MailState)]
ReleaseRefusal = Annotated[str, named("ReleaseRefusal", (*Reason, NOT_KEPT))]
_NOT_RELEASED = (Reason.VIRUS, Reason.NO_SENDER, NOT_KEPT, RELEASED, REQUESTED)
ProblemReason = Annotated[str, named("ProblemReason", (*_NOT_RELEASED, *FileState, *Elsewhere))]
RefusedFor = Annotated[str, named("RefusedFor", ("type", "size"))]
RungAction = Annotated[str, named("RungAction", Action)]
SuspicionFlag = Annotated[str, named("SuspicionFlag", ("disowned", "unproven", "spam", "virus"))]
TicketState = Annotated[str, named("TicketState", State)]
VersionState = Annotated[str, named("VersionState", VersionStatus)]
Weighing = Annotated[str, named("Weighing", ("for", "against", "rated"))]
WhyNoTotal = Annotated[str, named("WhyNoTotal", (TOO_LITTLE_WEIGHT,))]
WhyNotCounted = Annotated[str, named("WhyNotCounted", (TOO_FEW_SAMPLES, NOT_RATED))]
