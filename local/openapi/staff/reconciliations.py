"""Answers with reports of reconciliations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.values import Answer, Count, Instant, Moment, Ordinal
from redress.workflow.cases.reports import MOST_REPORTS


class MailComparison(Answer):
    since: Instant
    until: Instant
    tickets: Count
    read_units: Annotated[float, Meta(ge=0)]
    dollars: Annotated[float, Meta(ge=0)]


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
    mails: MailComparison | None


class Reconciliations(Answer):
    items: Annotated[list[Reconciliation], Meta(max_length=MOST_REPORTS)]
