"""Claim the next ticket: an agent asks for work instead of waiting until it is assigned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from redress.base.errors import AgentNotFree, NotFound, Unreadable
from redress.base.people import Member
from redress.db import encoding
from redress.plans.store.plans import Plans
from redress.staff.cases.assignment import AssignmentCase, Claim
from redress.staff.rules.availability import Presence
from redress.staff.rules.eligibility import WhyNot, need_of, reasons
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import must_see
from redress.tickets.rules import access
from redress.tickets.rules.listing import MOST_READ
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import ranges
from redress.tickets.store.ranges import TicketRanges
from redress.tickets.store.tickets import TicketStore

ATTEMPTS = 8
AT_A_TIME = 100
"""How many tickets of the queue are read at a time."""


class NoTicket(StrEnum):
    """Why an agent got no ticket."""

    AWAY = "away"
    NO_ROOM = "no_room"
    QUEUE_EMPTY = "queue_empty"
    NO_LANGUAGE = "no_language"
    NO_FIT = "no_fit"


IN_WORDS = {
    NoTicket.AWAY: "you are away: set your presence to available first",
    NoTicket.NO_ROOM: "you have as many tickets as you may have",
    NoTicket.QUEUE_EMPTY: "no ticket waits in the queue of your team",
    NoTicket.NO_LANGUAGE: "no ticket in the queue is in one of your languages",
    NoTicket.NO_FIT: "no ticket in the queue fits your languages, skills, shift and conversations",
}


@dataclass(frozen=True, slots=True)
class Claimed:
    """The ticket that the agent got, or why they got none."""

    ticket: Ticket | None
    reason: NoTicket | None = None


class ClaimingCase:
    def __init__(
        self,
        assignment: AssignmentCase,
        found: TicketRanges,
        tickets: TicketStore,
        staff: StaffStore,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._assignment, self._ranges = assignment, found
        self._tickets, self._staff, self._plans, self._now = tickets, staff, plans, now

    def next(self, member: Member, key: str) -> Claimed:
        """Assign the best fitting ticket of the team's queue to the member, an agent.

        That is the ticket that is due next of those that the agent may take
        (`eligibility.reasons`). A ticket that was taken from this agent because of a broken promise
        comes last. Two agents never get the same ticket: the transaction of the second one fails,
        and they get the next one.

        Each call claims another ticket, up to the agent's capacity. A call with the Idempotency-Key
        of the agent's last claim returns the ticket of that claim, as it is now. Without a key,
        `key` is "". Raises NotFound if the agent may not see that ticket any more, and AgentNotFree
        if the agent's load changed during each of ATTEMPTS attempts.
        """
        digest = encoding.key_digest(key)[:32] if key else ""
        tried: set[str] = set()
        for _ in range(ATTEMPTS):
            try:
                availability = self._staff.availability(member.id)
            except NotFound:
                return Claimed(None, NoTicket.AWAY)
            if digest and availability.claim_key == digest and availability.claimed is not None:
                ticket = self._tickets.get(availability.claimed)
                must_see(member, ticket)
                return Claimed(ticket)
            here = availability.team == member.team
            if availability.presence is not Presence.AVAILABLE or not here:
                return Claimed(None, NoTicket.AWAY)
            if availability.load >= availability.capacity:
                return Claimed(None, NoTicket.NO_ROOM)
            try:
                called = self._assignment.is_called(availability, self._now())
                claim = Claim(member.actor, availability, digest, called)
                return self._claim(claim, member, tried)
            except AgentNotFree:
                continue  # the agent has got other tickets meanwhile, or went away
        raise AgentNotFree("the agent gets and loses tickets all the time")

    def _claim(self, claim: Claim, member: Member, tried: set[str]) -> Claimed:
        """Try the fitting tickets one after the other. `tried` gets their numbers.

        Raises AgentNotFree.
        """
        last: list[str] = []
        why_not: set[tuple[WhyNot, ...]] = set()
        for ticket in self._queued(member):
            if ticket.number in tried:
                continue
            at = self._now()
            need = need_of(ticket, self._plans.get(ticket.plan_version), at)
            need = replace(need, reserve=need.reserve or claim.is_called)
            if why := reasons(ticket, need, claim.availability, at):
                why_not.add(why)
                continue
            if ticket.avoid == member.id:
                last.append(ticket.number)
            elif got := self._try(ticket.number, claim, tried):
                return Claimed(got)
        for number in last:
            if got := self._try(number, claim, tried):
                return Claimed(got)
        others_were_faster = bool(tried)
        if not why_not or others_were_faster:
            return Claimed(None, NoTicket.QUEUE_EMPTY)
        only_language = why_not == {(WhyNot.LANGUAGE,)}
        return Claimed(None, NoTicket.NO_LANGUAGE if only_language else NoTicket.NO_FIT)

    def _queued(self, member: Member) -> Iterator[Ticket]:
        """The tickets of the team's queue that the member may see, next due first.

        At most MOST_READ tickets are read.
        """
        of = ranges.queue(member.team)
        after, more, read = None, True, 0
        while more and read < MOST_READ:
            entries, more = self._ranges.entries(of, after, AT_A_TIME)
            for snapshot in self._ranges.snapshots(entries):
                ticket = snapshot.ticket()
                read, after = read + 1, snapshot.entry.key
                if ticket is not None and of.has(ticket) and access.may_see(member, ticket):
                    yield ticket

    def _try(self, number: str, claim: Claim, tried: set[str]) -> Ticket | None:
        """Claim one ticket; None if it is gone, damaged, or somebody else's meanwhile."""
        try:
            got = self._assignment.claim(number, claim)
        except (NotFound, Unreadable):
            got = None
        if got is None:
            tried.add(number)
        return got
