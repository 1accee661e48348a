"""Duplicates in a plan: which tickets of a customer are compared, and how similar they must be.

Without the section no tickets are compared, so no duplicate is proposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import Struct

from redress.plans.rules.plan import Plan
from redress.plans.rules.reader import DocumentReader

SECTION = ("days", "similarity")
MOST_DAYS = 90
"""The longest time between two tickets that are compared. Later, the same words are a new case."""
LEAST_SIMILARITY = 20
"""Unrelated complaints reach about this similarity, so a lower value would propose any ticket."""


class Likeness(Struct, frozen=True):
    """When two tickets of a customer may be one matter.

    They were opened within `days` of each other, and what the customer wrote when they were opened
    has at least this `similarity`, from 0 to 100.
    """

    days: int
    similarity: int

    @property
    def within(self) -> timedelta:
        return timedelta(days=self.days)


def likeness(plan: Plan) -> Likeness | None:
    """When the plan proposes a duplicate; None if it proposes none."""
    section = plan.duplicates
    return Likeness(section["days"], section["similarity"]) if section else None


def check(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Record every fault of the section in a document that is being published."""
    if "duplicates" not in document:
        return
    section = read.section(document, "duplicates", "")
    if not isinstance(document["duplicates"], dict):
        return
    read.known(section, SECTION, "/duplicates")
    read.whole_number(section, "days", "/duplicates", least=1, most=MOST_DAYS)
    read.whole_number(section, "similarity", "/duplicates", least=LEAST_SIMILARITY, most=100)
