"""Whether an agent is available, and which tickets count as their load."""

from __future__ import annotations

from collections.abc import Iterable
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from redress.tickets.rules.ticket import Ticket


class Presence(StrEnum):
    """Only who is available gets work. The values are stored."""

    AVAILABLE = "available"
    BUSY = "busy"
    """At work, with something that leaves no room for more."""
    AWAY = "away"
    """Not at work for a while, such as in a break."""
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Availability:
    """What routing knows about one agent.

    `capacity` and `load` are numbers of tickets. `last_assigned` and `since` (when `presence` was
    set) are ISO timestamps in UTC. `last_assigned` is `0000` if the agent never got a ticket.
    `claimed` is the ticket that the agent claimed last with an Idempotency-Key, and `claim_key` a
    digest of that key. `live` is what the agent's live conversations take of their attention, in
    per cent (`routing.weights` of the plan), and `conversations` has the numbers of their tickets.
    A version before stored only `live`. `skills` are names with levels from 1 to 5. `working`
    are the ISO intervals of the agent's shifts without their breaks, as begin and end, sorted; None
    if the agent has no shift plan, and may work always. `is_agent` says whether the member works on
    tickets; others have a presence, too. `withdrawn` says that they are not in the ring of their
    team, because they were full.
    """

    agent: str
    team: str
    languages: tuple[str, ...]
    presence: Presence
    capacity: int
    load: int
    last_assigned: str
    since: str
    claim_key: str | None = None
    claimed: str | None = None
    live: int = 0
    reserve: bool = False
    skills: dict[str, int] = field(default_factory=dict)
    working: tuple[tuple[str, str], ...] | None = None
    is_agent: bool = True
    withdrawn: bool = False
    conversations: frozenset[str] = frozenset()

    @property
    def is_in_conversation(self) -> bool:
        """Whether any live conversation is counted, also one that a version before counted."""
        return bool(self.live or self.conversations)


def goes_on(ticket: Ticket, agent: str, at: datetime) -> bool:
    """Whether a live conversation still takes attention of an agent."""
    return ticket.assignee == agent and bool(ticket.live_now) and ticket.is_live_at(at)


HAS_JUST_COME = timedelta(minutes=2)
"""A presence does not end a conversation that came so recently and to which its agent has not
reacted yet: the client may repeat an earlier request whose answer was lost."""


def has_just_come(ticket: Ticket, agent: str, at: datetime) -> bool:
    """Whether a live conversation came a moment ago, and its agent has not reacted to it.

    An agent who asked for the ticket has accepted it. Its last event is then the assignment, or
    something that happened while the customer waited for the first word.
    """
    if ticket.assignee != agent or not ticket.live_now:
        return False
    came = ticket.unaccepted_since or (ticket.changed_at if ticket.is_unanswered else None)
    return came is not None and at - came < HAS_JUST_COME


CALLED_FOR = timedelta(hours=12)
"""A call of reserve staff is over after this time at the latest, also if nobody ended it."""


@dataclass(frozen=True, slots=True)
class Call:
    """Reserve staff of a team are called until at most `until` tickets wait.

    `since` is when they were called, or when the call was renewed.
    """

    team: str
    since: datetime
    until: int

    def is_on(self, now: datetime) -> bool:
        return now < self.since + CALLED_FOR


def without_load_of(hidden: Iterable[Ticket], found: Availability) -> Availability:
    """What a reader may know who may not see the `hidden` tickets: they are in no number."""
    theirs = [ticket for ticket in hidden if agent_loaded_by(ticket) == found.agent]
    # What a version before counted is not in `conversations`.
    live = sum(
        ticket.live_now
        for ticket in theirs
        if ticket.number in found.conversations or not found.conversations
    )
    return replace(
        found,
        load=max(0, found.load - len(theirs)),
        live=max(0, found.live - live),
        conversations=found.conversations - {ticket.number for ticket in theirs},
    )


def agent_loaded_by(ticket: Ticket | None) -> str | None:
    """The agent whose capacity this ticket takes up, if any."""
    return ticket.assignee if ticket is not None and ticket.needs_agent else None
