"""Who views or writes a ticket now.

A client says every BEAT_S seconds that somebody is still on a ticket. Whoever says nothing for
LASTS has left. One beat can be missed: a browser slows the timers of a tab in the background.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from redress.base.people import Member

BEAT_S = 30
LASTS = timedelta(seconds=70)


class Doing(StrEnum):
    """What a member does with a ticket. The values are stored."""

    VIEWING = "viewing"
    WRITING = "writing"
    LEFT = "left"


class Viewer(Struct, frozen=True):
    """A member of staff who is on a ticket: since when they do this, and until when it holds."""

    id: str
    name: str
    doing: Doing
    since: datetime
    until: datetime

    def is_there(self, at: datetime) -> bool:
        return self.doing is not Doing.LEFT and at < self.until


def others(viewers: Iterable[Viewer], member: Member, at: datetime) -> list[Viewer]:
    """Return who else is on the ticket at a time. Who came first is first."""
    found = (one for one in viewers if one.id != member.id and one.is_there(at))
    return sorted(found, key=lambda one: (one.since, one.id))


def after_beat(
    viewers: Iterable[Viewer], member: Member, doing: Doing, at: datetime
) -> Viewer | None:
    """Return what is stored about a member who says what they do now.

    `since` stays while they do the same. None if they leave and were not there.
    """
    own = next((one for one in viewers if one.id == member.id and one.is_there(at)), None)
    if doing is Doing.LEFT:
        return Viewer(member.id, member.name, doing, at, at) if own is not None else None
    since = own.since if own is not None and own.doing is doing else at
    return Viewer(member.id, member.name, doing, since, at + LASTS)
