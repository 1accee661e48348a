"""Answers about incidents, and what a post-mortem consists of."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from local.openapi.schemas import NAMED, REFERENCE, named
from local.openapi.staff.lists import WorkItem
from local.openapi.values import (
    Agent,
    Answer,
    Channel,
    Count,
    Date,
    Instant,
    Language,
    NextCursor,
    Ordinal,
    TicketNumber,
    text,
)
from redress.incidents import rules
from redress.incidents.cases import NO_TEXT, PAGE, UNREADABLE
from redress.incidents.store import CLOSED, MOST_CHANGES, OPEN
from redress.plans.rules.acts import INCIDENT, SHORT_LIMIT
from redress.tickets.rules.answers import Why
from redress.tickets.rules.post_mortem import MOST_ACTIONS

IncidentId = Annotated[str, Meta(pattern=f"^{INCIDENT}$", examples=["9f86d081884c7d65"])]
IncidentState = Annotated[str, named("IncidentState", (OPEN, CLOSED))]
IncidentAct = Annotated[str, named("IncidentAct", rules.ACTS)]


class IncidentTexts(Answer):
    """A text in each language in which there is one."""

    simplified: str | UnsetType = field(name="zh-CN", default=UNSET)
    traditional: str | UnsetType = field(name="zh-TW", default=UNSET)
    english: str | UnsetType = field(name="en", default=UNSET)


class PostMortemAction(Answer):
    """Something to change because of what happened."""

    text: Annotated[str, text(SHORT_LIMIT, 1)]
    owner: Agent
    due: Date


_ACTIONS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_ACTIONS,
    "items": {"$ref": REFERENCE.format(name="PostMortemAction")},
}
NAMED["PostMortemActions"] = _ACTIONS
NAMED["TicketPostMortemActions"] = {**_ACTIONS, "type": ["array", "null"], "minItems": 0}


class PostMortem(Answer):
    """What was learnt of the incident."""

    at: Instant
    by: Agent
    happened: str
    cause: str
    actions: Annotated[list[PostMortemAction], Meta(max_length=MOST_ACTIONS)]


class Incident(Answer):
    """Many tickets with one cause. It counts as open until its post-mortem is written."""

    id: IncidentId
    revision: Ordinal
    state: IncidentState
    team: str
    title: str
    cause: str
    categories: list[str]
    channels: list[Channel]
    declared_at: Instant
    declared_by: Agent
    tickets: Count
    notice: IncidentTexts | None
    notice_until: Instant | None
    post_mortem: PostMortem | None


class UntoldCustomer(Answer):
    """A ticket whose customer could not be told a word."""

    number: TicketNumber
    why: Annotated[str, named("UntoldReason", (UNREADABLE, NO_TEXT, *Why))]


class WordTold(Answer):
    """A word to all customers of an incident."""

    number: Ordinal
    at: Instant
    by: Agent
    text: IncidentTexts
    delivered_at: Instant | None
    failed: Annotated[list[UntoldCustomer], Meta(max_length=rules.MOST_FAILED)]


class IncidentChange(Answer):
    """An entry of the history of an incident."""

    what: Annotated[str, named("IncidentDone", rules.Done)]
    at: Instant
    by: Agent
    word: Ordinal | None
    text: IncidentTexts | None
    until: Instant | None
    source: str | None


class IncidentFile(Incident, kw_only=True):
    """An incident with its words to all customers and its history, the newest first."""

    languages: list[Language]
    words: Annotated[list[WordTold], Meta(max_length=rules.MOST_WORDS)]
    changes: Annotated[list[IncidentChange], Meta(max_length=MOST_CHANGES)]
    can: list[IncidentAct]


class IncidentPage(Answer):
    items: Annotated[list[Incident], Meta(max_length=PAGE)]
    next: NextCursor


class IncidentCase(WorkItem, kw_only=True):
    """A ticket of an incident as it is now."""

    word: Count
    untold: Annotated[str, named("UnreachedReason", Why)] | None


class CasePage(Answer):
    items: Annotated[list[IncidentCase], Meta(max_length=PAGE)]
    next: NextCursor
