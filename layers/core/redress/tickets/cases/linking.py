"""Staff link two tickets, dismiss a proposed duplicate, and read what a ticket is linked with.

A link is on both tickets, and each side is written in the same transaction. Nobody reads on one
side about a ticket that they may not see: neither its number nor that there is a link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from redress.base.errors import Fault, InvalidInput, NotFound
from redress.base.people import Actor, Member
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.staff import StaffCases
from redress.tickets.rules import access
from redress.tickets.rules.change import Change
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.steps import duplicates, linking
from redress.tickets.rules.ticket import Event, EventType, LinkKind, Ticket
from redress.tickets.store.tickets import TicketFile, TicketStore

ABOUT_ANOTHER = (
    EventType.LINKED,
    EventType.UNLINKED,
    EventType.MERGED,
    EventType.UNMERGED,
    EventType.SPLIT,
    EventType.UNSPLIT,
    EventType.DUPLICATE_PROPOSED,
    EventType.DUPLICATE_DISMISSED,
)
"""The events that say something about another ticket, which is `ticket` of their data."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for: the version that was read, the kind of link, the other ticket's
    number as it was typed, and why."""

    version: int
    kind: LinkKind
    other: str
    why: str


@dataclass(frozen=True, slots=True)
class Dismissed:
    """A request that says of a proposed duplicate that it is none: the version that was read, the
    other ticket's number as it was typed, and why."""

    version: int
    other: str
    why: str


@dataclass(frozen=True, slots=True)
class Others:
    """The other tickets that a ticket's file names, as its reader may know of them.

    `seen` are those that the reader may see, by number. `kept` are the numbers of those from which
    a conflict of interest keeps the reader.
    """

    seen: Mapping[str, Ticket]
    kept: frozenset[str]


class LinkCases:
    def __init__(self, tickets: TicketStore, changes: TicketChanges, staff: StaffCases) -> None:
        self._tickets, self._changes, self._staff = tickets, changes, staff

    def link(self, member: Member, number: str, content: Callable[[], Wanted]) -> Ticket:
        """Link a ticket with another one that the member may see. Return it after the change.

        `content` reads the request. Raises the errors of `StaffCases.act` and of `linking.link`.
        The number of no ticket and that of a ticket that the member may not see are the same fault.
        """
        return self._both(member, number, "link", content, linking.link_both)

    def unlink(self, member: Member, number: str, content: Callable[[], Wanted]) -> Ticket:
        """End a link with a ticket that the member may see. Return the ticket after the change."""
        return self._both(member, number, "unlink", content, linking.unlink_both)

    def dismiss(self, member: Member, number: str, content: Callable[[], Dismissed]) -> Ticket:
        """Record that a proposed duplicate is none. Return the ticket after the change.

        Raises the errors of `StaffCases.act` and of `duplicates.dismiss`. The number of no ticket
        and that of a ticket that the member may not see are the same fault.
        """
        asked = cache(content)

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            wanted = asked()
            other = self.visible(member, wanted.other)
            return duplicates.dismiss(ticket, plan, by, other.number, wanted.why, at)

        return self._staff.act(
            member, number, "dismiss_duplicate", lambda: (asked().version, decide)
        )

    def _both(
        self,
        member: Member,
        number: str,
        act: str,
        content: Callable[[], Wanted],
        step: linking.OnBoth,
    ) -> Ticket:
        asked = cache(content)
        beside: list[tuple[Change, datetime]] = []

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            wanted = asked()
            other = self.visible(member, wanted.other)
            # The times of both events are those of their tickets, which may differ a little.
            moment, its_plan = self._changes.moment(other), self._changes.plan_of(other)
            sides = (ticket, plan, at), (other, its_plan, moment)
            try:
                mine, theirs = step(*sides, by, wanted.kind, wanted.why)
            except InvalidInput as invalid:
                self._staff.require_first(ticket, wanted.version, act, invalid, ("not_linked",))
                raise
            beside[:] = [(theirs, moment)]
            return mine

        return self._staff.act(
            member,
            number,
            act,
            lambda: (asked().version, decide),
            also=lambda: tuple(beside),
        )

    def visible(self, member: Member, typed: str, pointer: str = linking.AT) -> Ticket:
        """The ticket with a number that somebody typed. Raises InvalidInput if they see none."""
        unknown = InvalidInput([Fault(pointer, "unknown_ticket", "you see no such ticket")])
        number = normalised(typed)
        if number is None:
            raise unknown
        try:
            found = self._tickets.get(number)
        except NotFound:
            raise unknown from None
        if not access.may_see(member, found):
            raise unknown
        return found

    def others(self, member: Member, file: TicketFile) -> Others:
        """The other tickets that a ticket's file names, as `member` may know of them."""
        numbers = list(dict.fromkeys(_named(file.ticket, file.history)))
        found = self._tickets.get_readable(numbers) if numbers else []
        return Others(
            access.readable_with(member, file.ticket, found),
            frozenset(one.number for one in found if access.is_kept_from(one, member)),
        )


def _named(ticket: Ticket, history: Iterable[Event]) -> Iterable[str]:
    """Yield the numbers of the other tickets that a ticket and its events name."""
    yield from (one.number for one in ticket.links)
    for event in history:
        if event.type in ABOUT_ANOTHER:
            yield event.data["ticket"]
        if (sent_to := event.data.get("sent_to")) is not None:
            yield sent_to
        if (followed := event.data.get("follows")) is not None:
            yield followed
        if (merged := event.data.get("merged")) is not None:
            yield merged
        for part, name in NAMES_ANOTHER:
            if (number := (event.data.get(part) or {}).get(name)) is not None:
                yield number


NAMES_ANOTHER = (
    ("mail", "follows"),
    ("mail", "ticket"),
    ("source", "follows"),
    ("split", "ticket"),
    ("split", "merged"),
)
"""Where else the data of an event have the number of another ticket: what a mail or a message of a
connector followed, the ticket that a stranger's mail opened, and those from which a message was
split off: the one that lost it, and the merged one in which it was written."""
