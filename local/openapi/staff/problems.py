"""Problems, and the answers of API Gateway itself."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from local.openapi.staff.tickets import Actor
from local.openapi.values import (
    Answer,
    EventKind,
    Instant,
    Ordinal,
    Possible,
    ProblemReason,
    in_format,
)

NAMES = {
    400: "NotJson",
    401: "SignIn",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    413: "TooLarge",
    415: "MediaType",
    422: "Invalid",
    429: "Throttled",
    500: "Internal",
    503: "Unavailable",
}
"""Status -> name of the response in the document (`common.yaml`)."""

ALWAYS = (429, 500, 503)
SIGNED_IN = (401, 403)
OF_THE_GATEWAY = (401, 429)
WITH_A_BODY = (400, 413, 415, 422)


class ProblemFault(Answer):
    pointer: str
    code: str
    detail: str


class ProblemConflict(Answer):
    event: Ordinal
    type: EventKind
    at: Instant
    by: Actor


class Problem(Answer):
    """RFC 9457 problem details."""

    type: Annotated[
        str, in_format("uri-reference"), Meta(examples=["urn:redress:problem:version-conflict"])
    ]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    errors: list[ProblemFault] | UnsetType = UNSET
    current_version: Ordinal | UnsetType = UNSET
    conflicts: list[ProblemConflict] | UnsetType = UNSET
    reason: ProblemReason | UnsetType = UNSET
    can: list[Possible] | UnsetType = UNSET


class Message(Answer):
    """An answer of API Gateway. No function was called."""

    message: str
