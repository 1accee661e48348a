"""Answers about daily inspection lists."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.schemas import named
from local.openapi.staff.lists import WorkItem
from local.openapi.values import (
    Agent,
    AgentOrNull,
    Answer,
    Channel,
    Count,
    Date,
    Instant,
    Ordinal,
    TicketNumber,
)
from redress.inspections.rules import Verdict
from redress.inspections.store import MOST_CHANGES
from redress.plans.rules.document import MOST_INSPECTED

VerdictName = Annotated[str, named("Verdict", Verdict)]


class InspectedTicket(WorkItem):
    """One ticket of a list as it is now, and the last word of a leader about it."""

    verdict: VerdictName | None
    note: str | None
    checked_by: AgentOrNull
    checked_at: Instant | None
    revision: Count


class InspectedChannel(Answer):
    channel: Channel
    tickets: Annotated[list[InspectedTicket], Meta(max_length=2 * MOST_INSPECTED)]
    signed_by: AgentOrNull
    signed_at: Instant | None


class InspectionChange(Answer):
    """A word about a ticket. Without a ticket, the channel was signed."""

    channel: Channel
    at: Instant
    by: Agent
    number: TicketNumber | None
    verdict: VerdictName | None
    note: str | None
    source: str | None


class Inspection(Answer):
    team: str
    date: Date
    drawn_at: Instant
    drawn_by: Agent
    plan_version: Ordinal
    each_channel: Ordinal
    complete: bool
    channels: list[InspectedChannel]
    changes: Annotated[list[InspectionChange], Meta(max_length=MOST_CHANGES)]
