"""Answers about reminders that leaders give agents."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.staff.lists import WorkItem
from local.openapi.values import Agent, Answer, Instant, NextCursor, Ordinal
from redress.tickets.cases.staff import PAGE_LIMIT


class ReminderLine(WorkItem):
    """One reminder, with its ticket as it is now."""

    event: Ordinal
    reminded_at: Instant
    by: Agent
    text: str


class ReminderPage(Answer):
    items: Annotated[list[ReminderLine], Meta(max_length=PAGE_LIMIT)]
    next: NextCursor
