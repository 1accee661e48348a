"""Answers about mails of tickets and mails in quarantine."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from local.openapi.values import (
    Agent,
    Answer,
    FileStateName,
    Instant,
    Moment,
    NextCursor,
    QuarantineReason,
    QuarantineState,
    RefusedFor,
    ReleaseRefusal,
    SuspicionFlag,
    Uri,
)


class MailAttachment(Answer, kw_only=True):
    id: int
    name: str
    type: str
    size: int
    refused: RefusedFor | UnsetType = UNSET
    url: Uri | None
    state: FileStateName | UnsetType = UNSET


class OpenedMail(Answer):
    original: Uri | None
    read: Uri | None
    attachments: list[MailAttachment]
    expires_in_s: int


class Sender(Answer):
    name: str | None
    email: str | None


class ReleaseRequested(Answer):
    at: Instant
    by: Agent


class ReleaseRefused(Answer):
    reason: ReleaseRefusal
    at: Instant
    by: Agent
    because: str | None


class HeldMail(Answer):
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{40}$")]
    state: QuarantineState
    team: str
    reason: QuarantineReason
    because: list[str]
    flags: list[SuspicionFlag]
    received_at: Moment
    from_: Sender = field(name="from")
    to: list[str]
    subject: str
    excerpt: str
    ticket: str | None
    released_by: str | None
    seen_at: Moment | None
    seen_by: str | None
    requested: ReleaseRequested | None
    refused: ReleaseRefused | None
    links: OpenedMail | UnsetType = UNSET


class Quarantine(Answer):
    items: list[HeldMail]
    next: NextCursor
