"""What a daily inspection list has, and who may look into which of its tickets."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from redress.base.people import Member, Role
from redress.tickets.rules.access import may_see
from redress.tickets.rules.ticket import Event, EventType, Ticket, is_word_to_all


class Verdict(StrEnum):
    """What a leader finds of the work on a ticket. The values are stored."""

    IN_ORDER = "in_order"
    TO_IMPROVE = "to_improve"
    DEFICIENT = "deficient"


class Check(Struct, frozen=True):
    """The last word of a leader about one ticket. `revision` counts the words about it."""

    verdict: Verdict
    note: str
    by: str
    at: datetime
    revision: int = 1


class DrawnList(Struct, frozen=True):
    """The tickets of a team's day that are looked into, by channel. It is put once.

    `each_channel` is what the plan `plan_version` asked for. `complete` says that every ticket of
    the day was read when it was drawn (`MOST_READ`). `by` opened the list first.
    """

    team: str
    day: date
    at: datetime
    by: str
    plan_version: int
    each_channel: int
    complete: bool
    entries: dict[str, tuple[str, ...]]


class Signature(Struct, frozen=True):
    """Who signed what was found, and of which tickets: those that the leader could see."""

    by: str
    at: datetime
    covers: tuple[str, ...]


class ChannelState(Struct, frozen=True):
    """What was found of the tickets of one channel, and who signed it.

    `revision` counts the changes of this state. `signed_by` and `signed_at` are the first
    signature. If there are no `signatures`, it covers all tickets: an earlier version wrote it.
    """

    revision: int = 0
    checks: dict[str, Check] = {}  # msgspec makes a new dict for each instance
    signed_by: str | None = None
    signed_at: datetime | None = None
    signatures: tuple[Signature, ...] = ()

    def signature_of(self, number: str) -> Signature | None:
        """The signature that covers a ticket; None if nobody has signed what was found of it."""
        if self.signed_by is not None and self.signed_at is not None and not self.signatures:
            return Signature(self.signed_by, self.signed_at, (number,))
        return next((one for one in self.signatures if number in one.covers), None)

    def checked(self, number: str, check: Check) -> ChannelState:
        """The state with one more word about a ticket."""
        checks = self.checks | {number: check}
        return replace(self, revision=self.revision + 1, checks=checks)

    def signed(self, by: str, at: datetime, covers: Sequence[str]) -> ChannelState:
        """The state with a signature for these tickets, which no other one covers."""
        first = (self.signed_by or by, self.signed_at or at)
        return replace(
            self,
            revision=self.revision + 1,
            signed_by=first[0],
            signed_at=first[1],
            signatures=(*self.signatures, Signature(by, at, tuple(covers))),
        )


class InspectionChange(Struct, frozen=True, omit_defaults=True):
    """One entry of the trail of a channel: who, when, what, from where.

    `number` and `verdict` are None if the channel was signed. `covers` are then the tickets of the
    signature; () if an earlier version wrote the entry.
    """

    channel: str
    revision: int
    at: datetime
    by: str
    source: str
    number: str | None = None
    verdict: Verdict | None = None
    note: str = ""
    covers: tuple[str, ...] = ()


def order(team: str, day: date, numbers: Iterable[str]) -> list[str]:
    """The tickets of a day in the order in which they are drawn.

    It depends on nothing but team, day and numbers. So whoever repeats the draw gets the same
    tickets, and nobody can choose them.
    """

    def place(number: str) -> bytes:
        return hashlib.sha256(f"{team}/{day.isoformat()}/{number}".encode()).digest()

    return sorted(set(numbers), key=place)


class Part(StrEnum):
    """A part of a list: which leaders look into its tickets."""

    ALL = "all"
    OTHERS = "others"


def part_of(ticket: Ticket, team: str, leaders: Collection[Member]) -> Part | None:
    """The part of a team's list on which a ticket can be; None if it can be on neither.

    All leaders look into tickets that each supervisor of the team may see, and on which none of
    them has worked: nobody inspects their own work, and a team may have one supervisor only. A
    ticket that is kept from one of them is for the other leaders. `leaders` are those who are
    active.
    """
    hands = {ticket.assignee, *(clock.held_by for clock in ticket.clocks.values())}
    hands.add(ticket.resolution.by if ticket.resolution else None)
    own = [one for one in leaders if one.role is Role.SUPERVISOR and one.team == team]
    if ticket.team != team:
        return None
    if not all(may_see(one, ticket) for one in own):
        return Part.OTHERS
    return Part.ALL if all(one.id not in hands for one in own) else None


_WORK = frozenset(
    {
        EventType.PROGRESS_TOLD,
        EventType.REPLIED,
        EventType.PROMISED,
        EventType.HELD,
        EventType.RESOLVED,
        EventType.CALLBACK_ATTEMPTED,
        EventType.CONFIRMED,
        EventType.DISPUTED,
    }
)
"""What staff do for the customer. A note, an assignment or a reminder is no work on the matter."""


def has_worked_on(member: Member, history: Iterable[Event]) -> bool:
    """Whether a member did anything for the customer of a ticket.

    Who wrote one word to all customers of an incident has worked on none of their tickets.
    """
    return any(
        event.by.id == member.id and event.type in _WORK and not is_word_to_all(event)
        for event in history
    )


def unchecked(numbers: Iterable[str], checks: Mapping[str, Check]) -> list[str]:
    """Those of the tickets that nobody has looked into."""
    return [number for number in numbers if number not in checks]
