"""Answers about remedies."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.staff.tickets import Remedy
from local.openapi.values import Answer, NextCursor, Ordinal, TicketNumber
from redress.staff.cases.remedies import PAGE


class RemedyLine(Remedy, kw_only=True):
    """One remedy in a list, with the number and the version of its ticket."""

    number: TicketNumber
    version: Ordinal


class RemedyPage(Answer):
    items: Annotated[list[RemedyLine], Meta(max_length=PAGE)]
    next: NextCursor
