"""Answers about relationship calls."""

from __future__ import annotations

from local.openapi.staff.customers import CustomerCard, PlannedCalls
from local.openapi.values import Answer, NextCursor, Ordinal


class PlannedCallLine(CustomerCard):
    """A customer whom staff are to call though no ticket asks for it."""

    revision: Ordinal
    hours: str | None
    calls: PlannedCalls


class PlannedCallPage(Answer):
    items: list[PlannedCallLine]
    next: NextCursor
