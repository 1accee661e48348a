"""Answers about members of staff."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from local.openapi.schemas import named
from local.openapi.values import (
    Agent,
    AgentOrNull,
    Answer,
    Count,
    Email,
    Instant,
    Language,
    NextCursor,
    PresenceState,
    StaffRole,
)
from redress.base.people import Position
from redress.staff.rules.leading import OPERATIONS
from redress.staff.rules.members import LEVELS, ChangeKind

Level = Annotated[int, Meta(ge=LEVELS[0], le=LEVELS[1])]
PositionName = Annotated[str, named("Position", Position)]
LeadOperation = Annotated[str, named("LeadOperation", OPERATIONS)]


class Member(Answer):
    id: Agent
    name: str
    email: Email | None
    role: StaffRole
    team: str
    languages: list[Language]
    capacity: Count
    position: PositionName | None
    skills: dict[str, Level]
    reserve: bool
    state: Annotated[str, named("MemberState", ("active", "suspended", "left"))]
    revision: Count
    presence: PresenceState
    since: Instant | None
    load: Count
    can: list[LeadOperation]


class Me(Member):
    may: list[str]


class Members(Answer):
    items: list[Member]
    next: NextCursor


class FieldChange(Answer):
    """The old and the new value of a field. The old value is null if the member was new."""

    field: str
    old: Any
    new: Any


class MemberChange(Answer):
    revision: Count
    kind: Annotated[str, named("MemberChangeKind", ChangeKind)]
    at: Instant
    by: Agent
    what: list[FieldChange]
    why: str | None
    source: str | None


class MemberFile(Member):
    changes: list[MemberChange]


class MemberChanged(Answer):
    member: MemberFile
    queued: list[str]
    taken_over: list[str]


class Claim(Answer):
    name: str
    value: str


class Issuer(Answer):
    address: str
    claims: list[Claim]


class Invitation(Answer):
    id: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]
    email: Email
    name: str
    role: StaffRole
    team: str
    invited_by: Agent
    invited_at: Instant
    expires_at: Instant
    member: AgentOrNull
    withdrawn_by: AgentOrNull
    withdrawn_at: Instant | None
    issuer: Issuer | None


class Invitations(Answer):
    items: list[Invitation]
    next: NextCursor


class Departure(Answer):
    agent: str
    queued: list[str]
    taken_over: list[str]
