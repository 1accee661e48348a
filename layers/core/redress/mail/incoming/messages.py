"""The message by which staff let a mail out of quarantine, on the queue of mails that came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class ReleaseMail(msgspec.Struct, frozen=True, rename={"identity": "release"}):
    """Take this mail out of quarantine: `{"release": "9f86d0...", "by": "a-mei"}`.

    by  the member of staff who released it
    """

    identity: str
    by: str


def encode(request: ReleaseMail) -> str:
    return msgspec.json.encode(request).decode()


def decode(message: Mapping[str, Any]) -> ReleaseMail | None:
    """The request in a message; None for the other messages of the queue, which are events of S3.

    Raises msgspec.ValidationError for a request that lacks a field.
    """
    return msgspec.convert(message, ReleaseMail) if "release" in message else None
