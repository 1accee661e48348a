"""The files of a ticket: what is known about each, and which count against the limit of files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct

from redress.base.people import Actor, Role
from redress.tickets.rules.ticket import Event, EventType


class FileState(StrEnum):
    """What became of a file. The values are stored: never change one."""

    HELD = "held"
    """It arrived and may be kept. It was not scanned yet, so nobody can open it."""
    CLEAN = "clean"
    """The scanner found nothing. It can be opened."""
    REFUSED = "refused"
    """It arrived, but may not be kept: `Attached.reason` says why."""
    FOUND = "found"
    """The scanner found something, or could not scan it: `Attached.reason` says what."""
    WITHDRAWN = "withdrawn"
    """Somebody took it back."""


KEPT = (FileState.HELD, FileState.CLEAN)
"""The states of files that can be sent, referred to and withdrawn."""


class Attached(Struct, frozen=True, omit_defaults=True):
    """One file of a ticket.

    id          16 hexadecimal digits, which the product has chosen
    name        the name that readers see. It is text; no path and no key is made from it
    type        the media type by the file's content
    size        bytes
    by          who uploaded it
    at          when it was uploaded
    revision    how often the item was written
    reason      why it was refused, or what the scanner found
    event       the number of the event that refers to the file. None for a file of staff to which
                no message refers yet: only staff see it
    changed_at  when the state changed last
    changed_by  who withdrew the file
    version     the version of the uploaded object that was checked. A later upload under the same
                key is another version, which nobody copies
    of_mail     whether it is a copy of a mail or of its attachment. Nobody uploaded it, so it does
                not count against the most files of a ticket
    """

    id: str
    name: str
    type: str
    size: int
    by: Actor
    at: datetime
    state: FileState
    revision: int = 1
    reason: str | None = None
    event: int | None = None
    changed_at: datetime | None = None
    changed_by: Actor | None = None
    version: str | None = None
    of_mail: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the file is one that readers can open, now or after its check."""
        return self.state in KEPT


def listed(file: Attached) -> dict[str, Any]:
    """Return a file as the event that it belongs to lists it."""
    return {"id": file.id, "name": file.name, "size": file.size, "type": file.type}


WAITS = timedelta(days=6)
"""How long a file of staff can wait for the message that refers to it. The bucket removes its
content a day later (`uploads` in the template)."""


def is_over(file: Attached, now: datetime) -> bool:
    """Whether no message can refer to the file any more, because it has waited too long."""
    return file.event is None and now - file.at > WAITS


def uploaded(files: Iterable[Attached]) -> list[Attached]:
    """Return the files that somebody uploaded. The others came by mail."""
    return [file for file in files if not file.of_mail]


def kept(files: Iterable[Attached], now: datetime) -> int:
    """Return how many of the files count against the most files of a ticket."""
    return sum(file.is_kept and not is_over(file, now) for file in uploaded(files))


TO_CUSTOMER = (EventType.REPLIED, EventType.RESOLVED)
"""The events of staff whose files the customer may see. Files of notes are internal."""


def seen_by_customer(files: Iterable[Attached], history: Iterable[Event]) -> list[Attached]:
    """Return the files that the customer may see.

    They are the files that the customer sent, and those in replies and resolutions of staff.
    """
    sent = {event.number for event in history if event.type in TO_CUSTOMER}
    return [file for file in files if file.by.role is Role.CUSTOMER or file.event in sent]
