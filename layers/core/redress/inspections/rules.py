"""What a daily inspection list has, and who may look into which of its tickets."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from redress.base.people import Member, Role
from redress.tickets.rules.access import may_see
from redress.tickets.rules.ticket import Event, EventType, Ticket


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


class ChannelState(Struct, frozen=True):
    """What was found of the tickets of one channel, and who signed it.

    `revision` counts the changes of this state.
    """

    revision: int = 0
    checks: dict[str, Check] = {}  # msgspec makes a new dict for each instance
    signed_by: str | None = None
    signed_at: datetime | None = None

    def checked(self, number: str, check: Check) -> ChannelState:
        """The state with one more word about a ticket."""
        checks = self.checks | {number: check}
        return replace(self, revision=self.revision + 1, checks=checks)

    def signed(self, by: str, at: datetime) -> ChannelState:
        return replace(self, revision=self.revision + 1, signed_by=by, signed_at=at)


class InspectionChange(Struct, frozen=True, omit_defaults=True):
    """One entry of the trail of a channel: who, when, what, from where.

    `number` and `verdict` are None if the channel was signed.
    """

    channel: str
    revision: int
    at: datetime
    by: str
    source: str
    number: str | None = None
    verdict: Verdict | None = None
    note: str = ""


def order(team: str, day: date, numbers: Iterable[str]) -> list[str]:
    """The tickets of a day in the order in which they are drawn.

    It depends on nothing but team, day and numbers. So whoever repeats the draw gets the same
    tickets, and nobody can choose them.
    """

    def place(number: str) -> bytes:
        return hashlib.sha256(f"{team}/{day.isoformat()}/{number}".encode()).digest()

    return sorted(set(numbers), key=place)


def may_be_drawn(ticket: Ticket, team: str, leaders: Collection[Member]) -> bool:
    """Whether a ticket can be on a list that the supervisors of a team work through.

    Each of them must be allowed to see it. None of them may have worked on it, because nobody
    inspects their own work, and a team may have one supervisor only. `leaders` are those who are
    active.
    """
    hands = {ticket.assignee, *(clock.held_by for clock in ticket.clocks.values())}
    hands.add(ticket.resolution.by if ticket.resolution else None)
    own = [one for one in leaders if one.role is Role.SUPERVISOR and one.team == team]
    return ticket.team == team and all(one.id not in hands and may_see(one, ticket) for one in own)


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
    """Whether a member did anything for the customer of a ticket."""
    return any(event.by.id == member.id and event.type in _WORK for event in history)


def unchecked(numbers: Iterable[str], checks: Mapping[str, Check]) -> list[str]:
    """Those of the tickets that nobody has looked into."""
    return [number for number in numbers if number not in checks]
