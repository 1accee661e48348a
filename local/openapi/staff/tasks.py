"""Answers about tasks for other departments."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.staff.tickets import Event, Task
from local.openapi.values import (
    Answer,
    Language,
    NextCursor,
    TaskAct,
    TicketNumber,
)
from redress.staff.cases.tasks import PAGE


class TaskLine(Task, kw_only=True):
    """One task in a list."""

    number: TicketNumber
    can: list[TaskAct]


class TaskPage(Answer):
    items: Annotated[list[TaskLine], Meta(max_length=PAGE)]
    next: NextCursor


class TaskFile(Task, kw_only=True):
    """A task with its text, what it shares of the ticket, and its own timeline."""

    number: TicketNumber
    language: Language
    text: str
    shared: dict[str, str | None]
    timeline: list[Event]
    can: list[TaskAct]
