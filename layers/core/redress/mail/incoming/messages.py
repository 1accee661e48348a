"""The message with which staff release a mail from quarantine, on the queue of incoming mails."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec


class ReleaseMail(msgspec.Struct, frozen=True, omit_defaults=True, rename={"identity": "release"}):
    """Release this mail from quarantine: `{"release": "9f86d0...", "by": "a-mei", "at": "..."}`.

    identity  identity of the mail's record
    by        id of the member of staff who released it
    at        when they requested it; identifies the request. None in messages of earlier versions
    """

    identity: str
    by: str
    at: datetime | None = None


def encode(request: ReleaseMail) -> str:
    return msgspec.json.encode(request).decode()


def decode(message: Mapping[str, Any]) -> ReleaseMail | None:
    """Return the request in a message; None for any other message of the queue (events of S3).

    Raises msgspec.ValidationError if a field of the request is missing.
    """
    return msgspec.convert(message, ReleaseMail) if "release" in message else None
