"""Which files of a ticket come from a mail: its attachments and the raw mail.

They are checked like every other file of the ticket.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

ORIGINAL = 0
"""The number of the raw mail. Those of its attachments begin with 1."""


class Enclosed(Struct, frozen=True):
    """One file of a mail. `number` is that of the attachment, or ORIGINAL."""

    id: str
    number: int
    name: str
    type: str
    size: int


def file_id(identity: str, number: int) -> str:
    """Return the id of the file that is this part of a mail. It is always the same."""
    return hashlib.sha256(f"{identity}/{number}".encode()).hexdigest()[:16]


def enclosed_in(mail: Mapping[str, Any]) -> Iterator[Enclosed]:
    """Yield the files of the mail of an event. `mail` is that part of the event's data.

    An attachment that the reader refused has no object of its own. It is checked with the raw mail.
    A notice that no mail brought has no files.
    """
    if "key" not in mail:
        return
    identity = mail["id"]
    name = f"{identity[:12]}.eml"
    yield Enclosed(file_id(identity, ORIGINAL), ORIGINAL, name, "message/rfc822", 0)
    for one in mail.get("attachments") or ():
        if "refused" not in one:
            number = one["id"]
            yield Enclosed(file_id(identity, number), number, one["name"], one["type"], one["size"])
