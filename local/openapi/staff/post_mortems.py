"""Answers about the post-mortem of a ticket."""

from __future__ import annotations

from typing import Annotated

from local.openapi.schemas import named
from local.openapi.values import AgentOrNull, Answer, ClockStanding, Instant, Ordinal


class TicketPostMortem(Answer, kw_only=True):
    """Whether the post-mortem of an urgent ticket is written."""

    state: Annotated[str, named("PostMortemState", ("due", "written"))]
    due_at: Instant
    standing: ClockStanding
    breached: bool
    written_at: Instant | None
    written_by: AgentOrNull
    event: Ordinal | None
