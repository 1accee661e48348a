"""The feed of changes: what an entry says, and what a reader who follows learns from a page.

Entries have dense numbers. Whoever has read entry n and finds entry n+1 has missed nothing, however
late a change was written: a later commit only gets a later number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from msgspec import Struct

from redress.base.people import Member

MOST_CHANGES = 100
"""The most changes of one entry. Each has about 40 bytes, so an entry has 4 KB at most. The stream
delivers up to 100 records at once."""


class Change(Struct, frozen=True, array_like=True):
    """That a ticket was changed: its version and its team after the change.

    `left` is the team before, if it was another one. The form is stored.
    """

    number: str
    version: int
    team: str
    left: str | None = None

    @property
    def teams(self) -> frozenset[str]:
        """The teams that the ticket belonged to before or after the change."""
        return frozenset({self.team} | ({self.left} if self.left else set()))


class Entry(Struct, frozen=True):
    """One numbered entry. `id` is random, so an entry that has the same number after a restore of
    the table is a different one. `at_ms` is when it was written, in milliseconds since 1970."""

    number: int
    id: str
    at_ms: int
    changes: tuple[Change, ...]


class Position(Struct, frozen=True):
    """How far a reader has come: `offset` changes of the entry `number` with this `id` are read.

    Number 0 is before the first entry.
    """

    number: int = 0
    offset: int = 0
    id: str = ""


class Batch(Struct, frozen=True):
    """What is read at once: tickets with the teams of their changes, and the position after them.

    `more` says whether there is more to read now.
    """

    tickets: dict[str, frozenset[str]]
    position: Position
    more: bool


def batch(position: Position, entries: Sequence[Entry], most: int, *, more: bool) -> Batch | None:
    """Read changes of at most `most` tickets after `position`; None if changes are missing.

    `entries` begin with the entry of the position, which has been read in part or whole; after
    position 0 they begin with the first one. `more` says whether others follow them. Changes are
    missing if the first entry is not that of the position, or if a number is missing after it.
    """
    unread = list(entries)
    if position.number > 0 and (
        not unread or (unread[0].number, unread[0].id) != (position.number, position.id)
    ):
        return None
    found: dict[str, frozenset[str]] = {}
    expected = position.number or 1
    for entry in unread:
        if entry.number != expected:
            return None
        expected += 1
        begin = position.offset if entry.number == position.number else 0
        for read, change in enumerate(entry.changes[begin:], begin):
            if change.number not in found and len(found) == most:
                return Batch(found, Position(entry.number, read, entry.id), more=True)
            found[change.number] = found.get(change.number, frozenset()) | change.teams
        position = Position(entry.number, len(entry.changes), entry.id)
    return Batch(found, position, more)


def was_in_sight(member: Member, teams: frozenset[str]) -> bool:
    """Whether a ticket that belonged to these teams may have been in the sight of a member."""
    return member.sees_every_team or member.team in teams


# ------------------------------------------------------------------------------ cursors


def stamp(run: str, member: Member) -> str:
    """What a cursor depends on beside its position, as 12 hexadecimal digits.

    It differs for another `run` of the feed, because a feed that was switched off has missed
    changes. It differs for a member who sees other tickets, because their copy lacks the old
    changes of these.
    """
    sight = "all" if member.sees_every_team else member.team
    return hashlib.sha256(f"{run}/{sight}".encode()).hexdigest()[:12]


_CURSOR = re.compile(r"([0-9a-f]{12})\.([0-9]{1,12})\.([0-9]{1,3})\.([0-9a-f]{0,16})", re.ASCII)


def cursor_of(stamped: str, position: Position) -> str:
    """`3f9a1c0b7d2e.12.3.9a8b7c6d`: a position for a client, which does not read it."""
    return f"{stamped}.{position.number}.{position.offset}.{position.id}"


def is_cursor(text: str) -> bool:
    """Whether a text has the form of `cursor_of`."""
    return _CURSOR.fullmatch(text) is not None


def position_in(text: str, stamped: str) -> Position | None:
    """Return the position in a cursor; None if it has another stamp. Raises ValueError."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a cursor of the feed")
    given, number, offset, identity = found.groups()
    return Position(int(number), int(offset), identity) if given == stamped else None
