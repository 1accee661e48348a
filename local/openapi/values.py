"""Types of the values in answers. Choices and limits come from the code that enforces them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from redress.base.languages import LANGUAGES
from redress.base.people import Role
from redress.clocks.rules.clocks import Action, ClockName, Standing
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.incoming.rules.decision import Reason
from redress.mail.incoming.rules.held import NOT_KEPT, RELEASED, REQUESTED
from redress.mail.incoming.store import MailState
from redress.plans.cases import VersionStatus
from redress.plans.rules.plan import CHANNELS, COMPONENTS, DAYS, GRADATIONS, HOLDS, KINDS
from redress.rehearsals.store import JobKind, JobState
from redress.scores.rules.scorecard import NOT_RATED, TOO_FEW_SAMPLES, TOO_LITTLE_WEIGHT
from redress.staff.rules.availability import Presence
from redress.tickets.rules.explain import What
from redress.tickets.rules.steps.table import (
    ANSWERED,
    CONFIRMED_BY_CUSTOMER,
    OUTCOMES,
    UNCONFIRMED,
    WITHDRAWN,
)
from redress.tickets.rules.ticket import EventType, State


class Answer(Struct, forbid_unknown_fields=True, kw_only=True):
    """A JSON object with these fields and no others. The docstring becomes its description."""


class OpenAnswer(Struct, kw_only=True):
    """A JSON object with at least these fields."""


def one_of(choices: Iterable[str]) -> Meta:
    """One of these texts."""
    return Meta(extra_json_schema={"enum": [str(choice) for choice in choices]})


def one_type_of(*types: type[Struct]) -> Meta:
    """An object of one of these types, or null."""
    references = [{"$ref": f"#/components/schemas/{one.__name__}"} for one in types]
    return Meta(extra_json_schema={"anyOf": [*references, {"type": "null"}]})


def in_format(name: str) -> Meta:
    """A text in a format that JSON Schema defines."""
    return Meta(extra_json_schema={"format": name})


AGENT = "0b7e4c52-1f0a-4c1e-9d0c-0a7f7f3b9d10"
TICKET = "R-7K3M9-QW0X2"
MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"

Count = Annotated[int, Meta(ge=0)]
Ordinal = Annotated[int, Meta(ge=1)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0)]
Score = Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]{2}$")]
Email = Annotated[str, in_format("email")]
Uri = Annotated[str, in_format("uri")]
OpenHours = Annotated[str, Meta(pattern="^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$")]
Date = date
Moment = Annotated[datetime, Meta(tz=True)]
Instant = Annotated[Moment, Meta(description="ISO 8601 with offset, UTC")]
Month = Annotated[str, Meta(pattern=MONTH, examples=["2026-10"])]
Agent = Annotated[
    str, Meta(description="The subject of somebody in the user pool", examples=[AGENT])
]
AgentOrNull = Annotated[str | None, Meta(examples=[AGENT])]
TicketNumber = Annotated[
    str,
    Meta(pattern="^R-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$", examples=[TICKET]),
]
TicketExamples = Annotated[list[str], Meta(max_length=3, description="Some ticket numbers")]
NextCursor = Annotated[
    str | None, Meta(description="Cursor of the page after; null on the last one")
]

ActorRole = Annotated[str, one_of(Role)]
Channel = Annotated[str, one_of(CHANNELS)]
ClockLabel = Annotated[str, one_of(ClockName)]
ClockStanding = Annotated[str, one_of(Standing)]
Closure = Annotated[str, one_of((CONFIRMED_BY_CUSTOMER, UNCONFIRMED, WITHDRAWN, ANSWERED))]
ComponentName = Annotated[str, one_of(COMPONENTS)]
Day = Annotated[str, one_of(DAYS)]
NoAnswerReason = Annotated[str, one_of(NoAnswer)]
EntryKind = Annotated[str, one_of(What)]
EscalationRole = Annotated[str, one_of((Role.SUPERVISOR, Role.MANAGER))]
EventKind = Annotated[str, one_of(EventType)]
Gradation = Annotated[str, one_of(GRADATIONS)]
HoldReason = Annotated[str, one_of(HOLDS)]
JobLabel = Annotated[str, one_of(JobKind)]
JobStanding = Annotated[str, one_of(JobState)]
Kind = Annotated[str, one_of(KINDS)]
Language = Annotated[str, one_of(LANGUAGES)]
OutgoingMailState = Annotated[str, one_of(("claimed", "sent", "failed", "refused"))]
Outcome = Annotated[str, one_of(OUTCOMES)]
PresenceState = Annotated[str, one_of(Presence)]
QuarantineReason = Annotated[str, one_of(Reason)]
QuarantineState = Annotated[str, one_of(MailState)]
ReleaseRefusal = Annotated[str, one_of((*Reason, NOT_KEPT))]
ReleaseProblem = Annotated[
    str, one_of((Reason.VIRUS, Reason.NO_SENDER, NOT_KEPT, RELEASED, REQUESTED))
]
RefusedFor = Annotated[str, one_of(("type", "size"))]
RungAction = Annotated[str, one_of(Action)]
SuspicionFlag = Annotated[str, one_of(("disowned", "unproven", "spam", "virus"))]
TicketState = Annotated[str, one_of(State)]
VersionState = Annotated[str, one_of(VersionStatus)]
Weighing = Annotated[str, one_of(("for", "against", "rated"))]
WhyNoTotal = Annotated[str, one_of((TOO_LITTLE_WEIGHT,))]
WhyNotCounted = Annotated[str, one_of((TOO_FEW_SAMPLES, NOT_RATED))]
