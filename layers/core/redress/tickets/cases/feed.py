"""Follow the changes of tickets, so that a client or a CRM keeps a complete copy."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from redress.base.errors import CursorExpired, SwitchedOff
from redress.base.people import Member
from redress.db import encoding
from redress.tickets.cases.listing import Line
from redress.tickets.cases.staff import work_item
from redress.tickets.rules import access, feed
from redress.tickets.rules.feed import Batch, Entry, Position
from redress.tickets.store.feed import FeedStore
from redress.tickets.store.ranges import TicketRanges

PARAMETER = "ChangesFeed"
"""The parameter of the template that switches the feed on."""

CHANGES_LIMIT = 100
"""The most tickets of a page: as many as one BatchGetItem reads."""

ENTRIES = 50
"""The most entries that a page reads."""

BEHIND = timedelta(minutes=5)
"""How far the first position lies back. Lists are read from indexes, which may be behind the table.
What an index does not show yet comes again with the first pages."""

MOST_BEHIND = 100
"""The first position lies back by this many entries at most."""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """A page of changes for one reader.

    lines  the changed tickets that the reader may see, as they are now, each once
    gone   numbers of the tickets that have left the sight of the reader
    next   the cursor of what follows
    more   whether there is more to read now
    """

    lines: list[Line]
    gone: list[str]
    next: str
    more: bool


class FeedCase:
    """`run` identifies the time for which the feed has been on without a break; "" if it is off."""

    def __init__(
        self,
        store: FeedStore,
        tickets: TicketRanges,
        run: str,
        ended_mentions_of: Callable[[str], Set[str]],
        now: Callable[[], datetime],
    ) -> None:
        """`ended_mentions_of` returns the tickets on which a mention of a member has ended."""
        self._store, self._tickets, self._run, self._now = store, tickets, run, now
        self._ended_mentions_of = ended_mentions_of

    def changes(self, member: Member, since: str | None, most: int) -> ChangesPage:
        """The changes of up to `most` tickets after the cursor `since`.

        Without a cursor, return an empty page with the position from which to follow. A reader
        takes it first and reads the lists afterwards. Raises SwitchedOff; CursorExpired if changes
        after the cursor are missing, or if it belongs to another sight of the tickets.
        """
        if not self._run:
            raise SwitchedOff("the feed of changes", PARAMETER)
        stamp = feed.stamp(self._run, member)
        if since is None:
            return ChangesPage([], [], feed.cursor_of(stamp, self._begin()), more=False)
        position = feed.position_in(since, stamp)
        read = self._read(position, most) if position is not None else None
        if read is None:
            raise CursorExpired(
                "read the lists again from a new position: call this route without `since`, "
                "then read the lists, then follow from `next` of that call"
            )
        tickets = self._tickets.current(list(read.tickets))
        seen = [ticket for ticket in tickets if access.may_see(member, ticket)]
        # What is kept from the reader is not even gone: nothing may say that there is a ticket.
        hidden = {one.number for one in tickets if access.is_kept_from(one, member)}
        gone = {one.number for one in tickets if one not in seen} - hidden
        lost = {number for number in gone if feed.was_in_sight(member, read.tickets[number])}
        if gone - lost:  # a ticket of another team: a mention may have shown it to the reader
            lost |= gone & self._ended_mentions_of(member.id)
        return ChangesPage(
            lines=[Line(work_item(ticket, member), ticket) for ticket in seen],
            gone=[number for number in read.tickets if number in lost],
            next=feed.cursor_of(stamp, read.position),
            more=read.more,
        )

    def _read(self, position: Position, most: int) -> Batch | None:
        entries, more = self._store.since(position, ENTRIES)
        return feed.batch(position, entries, most, more=more)

    def _begin(self) -> Position:
        """The position after the newest entry that is older than BEHIND.

        If there is none among the newest MOST_BEHIND entries, it is the one before the oldest of
        these. Entries before a missing one do not count.
        """
        until_ms = encoding.milliseconds(self._now() - BEHIND)
        oldest: Entry | None = None
        for entry in self._store.latest(MOST_BEHIND):
            if oldest is not None and entry.number != oldest.number - 1:
                break
            if entry.at_ms < until_ms:
                return Position(entry.number, len(entry.changes), entry.id)
            oldest = entry
        return Position(oldest.number, 0, oldest.id) if oldest is not None else Position()
