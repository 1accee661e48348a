"""Answers about files of tickets."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.staff.tickets import Actor
from local.openapi.values import (
    Agent,
    Answer,
    FileKind,
    FileStateName,
    Instant,
    Moment,
    Ordinal,
    Uri,
)

FileId = Annotated[str, Meta(pattern="^[0-9a-f]{16}$", examples=["9f86d081884c7d65"])]


class AttachedFile(Answer):
    id: FileId
    name: str
    type: str
    size: Ordinal
    state: FileStateName
    reason: str | None
    by: Actor
    at: Instant
    event: Ordinal | None
    changed_at: Moment | None
    withdrawn_by: Actor | None


class OpenedBy(Answer):
    file: FileId
    by: Agent
    at: Instant


class FileLimits(Answer):
    types: list[FileKind]
    most_bytes: Ordinal
    most_each_ticket: Ordinal
    most_at_once: Ordinal


class Files(Answer):
    files: list[AttachedFile]
    opened: list[OpenedBy]
    takes_files: bool
    limits: FileLimits


class UploadForm(Answer):
    url: Uri
    fields: dict[str, str]


class Upload(Answer):
    id: FileId
    upload: UploadForm
    expires_at: Instant


class OpenedFile(Answer):
    file: AttachedFile
    url: Uri
    expires_in_s: Ordinal


class HeardBy(Answer):
    event: Ordinal
    by: Agent
    at: Instant


class HeardRecordings(Answer):
    opened: list[HeardBy]


class OpenedRecording(Answer):
    event: Ordinal
    url: Uri
    expires_in_s: Ordinal | None
