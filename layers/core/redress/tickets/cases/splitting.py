"""Staff split messages off a ticket into one of their own.

The new ticket, the change of the other one and the record of the request are one transaction. If
the messages were written in a ticket that was merged into the other one, its change is, too. So of
a split and a reply, a resolution, a merge or another split at the same time, one is written, and
the other one is refused with what has happened. A request that is repeated opens no second ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from redress.base.errors import Fault, Forbidden, InvalidInput, KeyReused, NotAllowedNow
from redress.base.people import Actor, Member
from redress.clocks.rules.clocks import ClockName
from redress.db import encoding, keys
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.linking import LinkCases
from redress.tickets.cases.staff import StaffCases
from redress.tickets.rules import access
from redress.tickets.rules.answers import Way
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import first_plan, fold
from redress.tickets.rules.numbers import new_number, normalised
from redress.tickets.rules.steps import splitting
from redress.tickets.rules.steps.linking import has_link
from redress.tickets.rules.steps.splitting import (
    BY_EVENTS,
    MERGED_TICKET,
    OTHER,
    Marked,
    NewMatter,
    Origin,
    Taken,
    Undone,
)
from redress.tickets.rules.steps.table import Step
from redress.tickets.rules.ticket import Event, EventType, LinkKind, Ticket
from redress.tickets.store.opening_keys import OpenedWithKey, OpeningKeys
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Cause, DoneAlready

ACT, UNDO = "split_ticket", "unsplit_ticket"

NOT_MERGED = Fault(MERGED_TICKET, "not_merged", "no such ticket was merged into this one")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for: the version that was read, and the new ticket. `body` is the request
    as it came, and `key` its idempotency key."""

    version: int
    matter: NewMatter
    body: Mapping[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Undo:
    """A request to undo a split: the version that was read, the number of the ticket that was split
    off as it was typed, and why."""

    version: int
    other: str
    why: str


class Told(msgspec.Struct, frozen=True):
    """The answer that is stored with the request's key, so a repeat says the same.

    `by` says how the author of the messages is told; None if they are not.
    """

    number: str
    by: Way | None


@dataclass(frozen=True, slots=True)
class Split:
    """The new ticket, and the one from which its messages come, as it is now."""

    told: Told
    ticket: Ticket
    replayed: bool = False


class _Again(Exception):
    """The request was made before."""

    def __init__(self, earlier: OpenedWithKey) -> None:
        super().__init__(earlier.key)
        self.earlier = earlier


class SplitCases:
    def __init__(
        self,
        tickets: TicketStore,
        plans: Plans,
        changes: TicketChanges,
        opening_keys: OpeningKeys,
        staff: StaffCases,
        links: LinkCases,
        profile_of: Callable[[str], str | None],
        named_in: Callable[..., Sequence[Member]],
    ) -> None:
        """`profile_of` returns the id of the profile into which a profile was merged, or its own;
        None if there is none. `named_in` returns the members of staff whom texts name.
        """
        self._tickets, self._plans, self._changes = tickets, plans, changes
        self._keys, self._staff, self._links = opening_keys, staff, links
        self._profile_of, self._named_in = profile_of, named_in

    def split(self, member: Member, number: str, content: Callable[[], Wanted]) -> Split:
        """Split messages off a ticket, once per idempotency key of this member.

        They are its own, or those of a ticket that was merged into it, which the member reads with
        it (`access.may_see_source`). `content` reads the request. Raises the errors of
        `StaffCases.act`, of `splitting.chosen` and of `splitting.split`, and KeyReused if the
        member used the key for something else. If any of them is raised, nothing is written.
        """
        beside: list[tuple[Change, datetime]] = []
        asked = cache(lambda: self._asked(member, number, content()))

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            matter, current = asked().matter, self._plans.current()
            history = self._history(ticket)
            taken, unknown = None, None
            if matter.merged is not None:
                taken = self._taken(member, ticket, history, matter.merged)
                unknown = None if taken is not None else NOT_MERGED
            origin = Origin(ticket, plan, at, history, taken)
            try:
                messages = splitting.chosen(origin, matter, current, unknown)
            except InvalidInput as invalid:
                self._staff.require_first(ticket, asked().version, ACT, invalid, BY_EVENTS)
                raise
            named: Sequence[Member] = ()
            if matter.kind == "complaint":
                # No agent may get a complaint about themselves.
                named = self._named_in(*splitting.texts_of(messages, matter))
            now = self._changes.now()
            given = (origin, matter, messages, new_number(), current, by, now, named)
            lost, opened, *marked = splitting.split(*given)
            beside[:] = [(opened, now)]
            if taken is not None:
                beside.extend((one, taken.at) for one in marked)
            return lost

        def cause(change: Change, at: datetime) -> Cause:
            wanted = asked()
            return OpenedWithKey(
                _own_key(member, wanted.key),
                _fingerprint(number, wanted.body),
                encoding.encode(_told(beside[0][0])),
            )

        try:
            ticket = self._staff.act(
                member,
                number,
                ACT,
                lambda: (asked().version, decide),
                cause=cause,
                also=lambda: tuple(beside),
            )
        except _Again as again:
            return self._replayed(again.earlier)
        except DoneAlready:
            earlier = self._keys.earlier(_own_key(member, asked().key))
            if earlier is None or earlier.fingerprint != _fingerprint(number, asked().body):
                raise
            return self._replayed(earlier)
        return Split(_told(beside[0][0]), ticket)

    def _asked(self, member: Member, number: str, wanted: Wanted) -> Wanted:
        """Return the request, if it is new. Raises _Again for a repeat, and KeyReused."""
        earlier = self._keys.earlier(_own_key(member, wanted.key))
        if earlier is None:
            return wanted
        if earlier.fingerprint != _fingerprint(number, wanted.body):
            raise KeyReused("you used this Idempotency-Key for another ticket")
        raise _Again(earlier)

    def _replayed(self, earlier: OpenedWithKey) -> Split:
        with encoding.reading(keys.idempotency_pk(encoding.key_digest(earlier.key)), keys.KEY):
            told = msgspec.json.decode(earlier.answer, type=Told)
        opened = self._tickets.event(told.number, 1)
        return Split(told, self._tickets.get(opened.data["split"]["ticket"]), replayed=True)

    def unsplit(self, member: Member, number: str, content: Callable[[], Undo]) -> Ticket:
        """Undo a split: the messages of another ticket come back. Return this one after the change.

        `content` reads the request. Raises the errors of `StaffCases.act` and of
        `splitting.unsplit`, and Forbidden for a guest of the other ticket. The number of no ticket,
        of one that was not split off this one, and of one that the member may not see are faults.
        Whoever made the split need not see the other one: another team may handle it.
        """
        asked = cache(content)
        beside: list[tuple[Change, datetime]] = []

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            wanted = asked()
            other = self._split_off(member, ticket, wanted.other)
            if not any(one.kind is LinkKind.SPLIT_INTO for one in ticket.links):
                raise NotAllowedNow(Step.UNSPLIT, ticket.state)
            if not has_link(ticket, LinkKind.SPLIT_INTO, other.number):
                detail = "nothing of this ticket was split off into that one"
                invalid = InvalidInput([Fault(OTHER, "not_split", detail)])
                self._staff.require_first(ticket, wanted.version, UNDO, invalid, ("not_split",))
                raise invalid
            if access.is_guest(member, other):
                raise Forbidden("you see the other ticket only because a note mentions you")
            moment = self._changes.moment(other)
            origin = self._origin(ticket, plan, at, other.number)
            new = self._new(other, moment)
            taken = self._marked(origin.split)
            back, ended, *unmarked = splitting.unsplit(origin, new, by, wanted.why, taken)
            beside[:] = [(ended, moment)]
            if taken is not None:
                beside.extend((one, taken.at) for one in unmarked)
            return back

        return self._staff.act(
            member,
            number,
            UNDO,
            lambda: (asked().version, decide),
            also=lambda: tuple(beside),
        )

    def _taken(
        self, member: Member, ticket: Ticket, history: Sequence[Event], typed: str
    ) -> Taken | None:
        """The ticket with this number that was merged into a ticket, from both histories.

        It is None if no such ticket was merged, or if a conflict of interest keeps the member from
        it: that there is one would tell them of it. The histories are read only here.
        """
        number = normalised(typed)
        if number is None or not has_link(ticket, LinkKind.MERGED_FROM, number):
            return None
        source = self._tickets.get(number)
        if source.merged is None or source.merged.into != ticket.number:
            return None
        if access.is_kept_from(source, member):
            return None
        read = self._history(source)
        into = [one for one in read if one.type is EventType.MERGED][-1]
        merge = [
            event
            for event in history
            if event.type is EventType.MERGED and event.data["ticket"] == number
        ][-1]
        first = self._plans.get(first_plan(read, source))
        before = fold(read[: into.number - 1], first, self._plans.get)
        at = self._changes.moment(source)
        plan, goes_on = self._changes.plan_of(source), self._tickets.goes_on(source, ticket)
        return Taken(source, plan, at, read, before, merge, goes_on)

    def _marked(self, split: Event) -> Marked | None:
        """The merged ticket whose messages were split off; None if they were the ticket's own."""
        if (number := split.data.get("merged")) is None:
            return None
        ticket = self._tickets.get(number)
        return Marked(ticket, self._changes.plan_of(ticket), self._changes.moment(ticket))

    def _split_off(self, member: Member, ticket: Ticket, typed: str) -> Ticket:
        """The other ticket of a split, by its number. Raises InvalidInput if they see none."""
        number = normalised(typed)
        if number is not None and has_link(ticket, LinkKind.SPLIT_INTO, number):
            made = any(
                event.by == member.actor
                for event in self._history(ticket)
                if event.type is EventType.SPLIT and event.data["ticket"] == number
            )
            other = self._tickets.get(number) if made else None
            if other is not None and not access.is_kept_from(other, member):
                return other
        return self._links.visible(member, typed, OTHER)

    def _origin(self, ticket: Ticket, plan: Plan, at: datetime, other: str) -> Undone:
        """The ticket that lost messages, from its history. It is read only here."""
        history = self._history(ticket)
        [split] = [
            event
            for event in history
            if event.type is EventType.SPLIT and event.data["ticket"] == other
        ]
        first = self._plans.get(first_plan(history, ticket))
        before = fold(history[: split.number - 1], first, self._plans.get)
        since = history[split.number :]
        return Undone(ticket, plan, at, split, since, before, self._profile(ticket))

    def _new(self, ticket: Ticket, at: datetime) -> Undone:
        opened, *since = self._history(ticket)
        plan = self._changes.plan_of(ticket)
        return Undone(ticket, plan, at, opened, since, customer=self._profile(ticket))

    def _profile(self, ticket: Ticket) -> str | None:
        return self._profile_of(ticket.customer) if ticket.customer is not None else None

    def _history(self, ticket: Ticket) -> list[Event]:
        """The events of the ticket up to the version that was read."""
        read = self._tickets.history(ticket.number)
        return [event for event in read if event.number <= ticket.version]


def _told(opened: Change) -> Told:
    if ClockName.ACKNOWLEDGEMENT in opened.after.clocks:
        return Told(opened.after.number, Way.MAIL)
    is_told = "via" in opened.events[0].data
    return Told(opened.after.number, Way.CONNECTOR if is_told else None)


def _own_key(member: Member, key: str) -> str:
    # As for tickets that staff open: the keys of customers are headers, which have no line feed.
    return f"staff\n{member.id}\n{key}"


def _fingerprint(number: str, body: Mapping[str, Any]) -> str:
    return encoding.fingerprint({"ticket": number, **body})
