"""Answers about connectors."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.schemas import named
from local.openapi.staff.members import FieldChange
from local.openapi.values import Agent, Answer, Count, Instant, NextCursor, Ordinal
from redress.connectors.cases.managing import Standing
from redress.connectors.rules import connector as rules
from redress.connectors.rules.answer import MOST_HOURS
from redress.connectors.rules.connector import ID, Scope, State

ConnectorId = Annotated[str, Meta(pattern=f"^{ID}$", examples=["crm"])]
KeyId = Annotated[str, Meta(pattern=rf"^{ID}\.[0-9]+$", examples=["crm.1"])]
ConnectorScope = Annotated[str, named("ConnectorScope", Scope)]


class ConnectorKey(Answer):
    generation: Ordinal
    keyid: KeyId
    made_at: Instant
    made_by: Agent
    ends_at: Instant | None
    standing: Annotated[str, named("KeyStanding", Standing)]


class Connector(Answer):
    id: ConnectorId
    name: str
    scopes: list[ConnectorScope]
    team: str | None
    answers_url: str | None
    answer_hours: Annotated[int, Meta(ge=1, le=MOST_HOURS)] | None
    state: Annotated[str, named("ConnectorState", State)]
    revision: Count
    keys: list[ConnectorKey]


class Connectors(Answer):
    items: list[Connector]


class ConnectorChange(Answer):
    revision: Count
    kind: Annotated[str, named("ConnectorChangeKind", rules.ChangeKind)]
    at: Instant
    by: Agent
    what: list[FieldChange]
    why: str | None
    source: str | None


class ConnectorFile(Connector):
    changes: list[ConnectorChange]


class ConnectorKeys(Answer):
    connector: ConnectorFile
    generation: Ordinal
    keyid: KeyId
    webhook_secret: Annotated[str, Meta(pattern="^whsec_[A-Za-z0-9+/]{43}=$")]
    api_key: Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{43}=$")]
    answers_secret: Annotated[str, Meta(pattern="^whsec_[A-Za-z0-9+/]{43}=$")]


class Attempt(Answer):
    at: Instant
    delivery: str | None
    status: Annotated[int, Meta(ge=200, le=599)]
    problem: str | None
    ticket: str | None
    again: bool
    source: str | None
    missing: list[int]


class Attempts(Answer):
    items: list[Attempt]
    next: NextCursor
