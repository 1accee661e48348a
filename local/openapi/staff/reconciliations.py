"""Answers with reports of reconciliations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.values import Answer, Count, Instant, Moment, Ordinal
from redress.workflow.cases.reports import MOST_REPORTS


class Reconciliation(Answer):
    began_at: Instant
    ended_at: Moment | None
    definition: str
    definition_since: Moment
    teams: list[str]
    running: Count
    open: Count
    items_read: Count
    found: dict[str, Ordinal]
    examples: dict[str, list[str]]
    left: Count
    stopped_at: str | None


class Reconciliations(Answer):
    items: Annotated[list[Reconciliation], Meta(max_length=MOST_REPORTS)]
