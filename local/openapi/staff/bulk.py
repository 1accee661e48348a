"""Bulk acts: what is done, on which tickets, and what became of each."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from local.openapi.schemas import NAMED, REFERENCE, named
from local.openapi.staff.problems import Problem
from local.openapi.staff.tickets import Lengthened
from local.openapi.values import (
    TICKET,
    Agent,
    Answer,
    Count,
    Gradation,
    Kind,
    Ordinal,
    Outcome,
    TicketNumber,
    text,
)
from redress.base import tags
from redress.base.people import TEAM
from redress.plans.rules import acts
from redress.plans.rules.reader import NAME_LIMIT
from redress.staff.cases.bulk import MOST_TICKETS, Result

Words = Annotated[str, text(acts.TEXT_LIMIT, 1)]
Value = Annotated[str, text(acts.VALUE_LIMIT, 1)]
Short = Annotated[str, text(acts.SHORT_LIMIT, 1)]
Tags = Annotated[list[str], Meta(max_length=tags.MOST_TAGS)]


class ActText(Answer):
    """A text in one or more languages. Each ticket gets the one in its own language."""

    simplified: Words | UnsetType = field(name="zh-CN", default=UNSET)
    traditional: Words | UnsetType = field(name="zh-TW", default=UNSET)
    english: Words | UnsetType = field(name="en", default=UNSET)


class ActValues(Answer):
    """The values of the template's variables that you give."""

    details: Value | UnsetType = UNSET
    next_step: Value | UnsetType = UNSET
    solution: Value | UnsetType = UNSET


class ActContent(Answer):
    """The fields of the act. Each act has only some of them."""

    text: ActText | UnsetType = UNSET
    template: Annotated[str, text(NAME_LIMIT, 1)] | UnsetType = UNSET
    values: ActValues | UnsetType = UNSET
    wait_for_customer: bool | UnsetType = UNSET
    within: Annotated[str, Meta(examples=["24h", "1h30m"])] | UnsetType = UNSET
    reason: Short | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    urgency: Gradation | UnsetType = UNSET
    impact: Gradation | UnsetType = UNSET
    customer_type: Annotated[str, Meta(max_length=NAME_LIMIT)] | UnsetType = UNSET
    category: Annotated[str, Meta(max_length=acts.CATEGORY_LIMIT)] | UnsetType = UNSET
    add: Tags | UnsetType = UNSET
    remove: Tags | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    remedy: Short | UnsetType = UNSET
    root_cause: Short | UnsetType = UNSET
    cause: Annotated[str, Meta(max_length=NAME_LIMIT)] | UnsetType = UNSET
    agent: Agent | UnsetType = UNSET
    team: Annotated[str, Meta(pattern=f"^{TEAM}$")] | UnsetType = UNSET
    incident: Annotated[str, Meta(pattern=f"^{acts.INCIDENT}$")] | UnsetType = UNSET


class BulkWish(Answer):
    """One ticket, and the version of it that you have read."""

    number: Annotated[str, Meta(examples=[TICKET])]
    version: Ordinal


_WISHES: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_TICKETS,
    "items": {"$ref": REFERENCE.format(name="BulkWish")},
}
NAMED["BulkTickets"] = _WISHES


class BulkTicket(Answer):
    """What became of one ticket."""

    number: TicketNumber
    result: Annotated[str, named("BulkOutcome", [one.value for one in Result])]
    version: Ordinal | None
    problem: Problem | None
    lengthened: Lengthened | UnsetType = UNSET


class BulkResult(Answer):
    done: Count
    refused: Count
    left: Count
    tickets: Annotated[list[BulkTicket], Meta(max_length=MOST_TICKETS)]
