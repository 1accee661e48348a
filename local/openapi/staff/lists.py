"""Answers of the work list and the board."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.staff.presence import Duty
from local.openapi.values import (
    AgentOrNull,
    Answer,
    ClockLabel,
    Instant,
    Kind,
    Language,
    NextCursor,
    Ordinal,
    StaffAction,
    TicketNumber,
    TicketState,
)
from redress.mail.incoming.cases.watching import MOST_COUNTED
from redress.staff.cases.board import BOARD_LIMIT, QUEUE_LIMIT
from redress.tickets.cases.staff import PAGE_LIMIT


class WorkItem(Answer):
    number: TicketNumber
    version: Ordinal
    state: TicketState
    kind: Kind
    priority: Annotated[str, Meta(examples=["high"])]
    language: Language
    subject: str
    assignee: AgentOrNull
    due_at: Instant | None
    can: list[StaffAction]


class WorkPage(Answer):
    items: Annotated[list[WorkItem], Meta(max_length=PAGE_LIMIT)]
    next: NextCursor


class MemberPresent(Duty):
    name: str


class NearLimit(WorkItem):
    due_at: Instant
    clock: ClockLabel
    overdue: bool


class HeldWork(Answer):
    unseen: Annotated[int, Meta(ge=0, le=MOST_COUNTED)]
    promised: Annotated[int, Meta(ge=0, le=MOST_COUNTED)]
    oldest_at: Instant | None
    due_at: Instant | None
    overdue: bool


class Board(Answer):
    team: str
    present: list[MemberPresent]
    queued: Annotated[int, Meta(ge=0, le=QUEUE_LIMIT)]
    open: Annotated[int, Meta(ge=0, le=BOARD_LIMIT)]
    near_limit: list[NearLimit]
    held_mail: HeldWork
