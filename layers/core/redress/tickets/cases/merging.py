"""Staff merge a ticket into another one of the same customer.

Both tickets change in one transaction, each under the version that was read. So of a merge and a
reply, a resolution or another merge at the same time, one is written, and the other one is refused
with what has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from redress.base.errors import (
    Fault,
    Forbidden,
    InvalidInput,
    NotAllowedNow,
    OtherTicketChanged,
    VersionConflict,
)
from redress.base.people import Actor, Member
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.linking import LinkCases
from redress.tickets.cases.staff import StaffCases
from redress.tickets.rules import access, conflicts
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import first_plan, fold
from redress.tickets.rules.steps import merging
from redress.tickets.rules.steps.merging import INTO, Merger, Undone
from redress.tickets.rules.steps.table import MERGED, Step
from redress.tickets.rules.ticket import EventType, Ticket
from redress.tickets.store.tickets import TicketStore

ACT, UNDO = "merge_ticket", "unmerge_ticket"
INTO_VERSION = "/into_version"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for: the version of the source that was read, the number of the target as
    it was typed, the version of the target that was read, and why."""

    version: int
    into: str
    into_version: int
    why: str


class MergeCases:
    def __init__(
        self,
        tickets: TicketStore,
        plans: Plans,
        changes: TicketChanges,
        staff: StaffCases,
        links: LinkCases,
        profile_of: Callable[[str], str | None],
        named: Callable[[Sequence[str]], Mapping[str, Member]],
    ) -> None:
        """`profile_of` returns the id of the profile into which a profile was merged, or its own;
        None if there is none. `named` returns the members of staff with these ids.
        """
        self._tickets, self._plans, self._changes = tickets, plans, changes
        self._staff, self._links = staff, links
        self._profile_of, self._named = profile_of, named

    def merge(self, member: Member, number: str, content: Callable[[], Wanted]) -> Ticket:
        """Merge a ticket into another one that the member sees. Return the source after it.

        `content` reads the request. Raises the errors of `StaffCases.act` and of `merging.merge`,
        Forbidden for a guest of the target, and OtherTicketChanged if something happened to it that
        the member has not read. The number of no ticket and that of a ticket that the member may
        not see are the same fault.
        """
        asked = cache(content)
        beside: list[tuple[Change, datetime]] = []

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            wanted = asked()
            other = self._links.visible(member, wanted.into, INTO)
            _require_no_guest(member, other)
            if faults := conflicts.version_faults(other, wanted.into_version):
                raise InvalidInput([Fault(INTO_VERSION, one.code, one.detail) for one in faults])
            source = self._side(ticket, plan, at)
            target = self._side(other, self._changes.plan_of(other), self._changes.moment(other))
            if not conflicts.version_faults(ticket, wanted.version):
                self._staff.require_current(ticket, wanted.version, [ACT])
            try:
                self._staff.require_current(other, wanted.into_version, [ACT])
            except VersionConflict as conflict:
                raise OtherTicketChanged(other.number, conflict) from None
            ended, taken = merging.merge(source, target, by, wanted.why)
            beside[:] = [(taken, target.at)]
            return ended

        return self._staff.act(
            member,
            number,
            ACT,
            lambda: (asked().version, decide),
            also=lambda: tuple(beside),
        )

    def unmerge(
        self, member: Member, number: str, content: Callable[[], tuple[int, str]]
    ) -> Ticket:
        """Undo the merge of a ticket. Return it after the change.

        `content` reads from the request the version that the member has read, and why. Raises the
        errors of `StaffCases.act` and of `merging.unmerge`, and Forbidden for who does not see the
        target, or only as its guest.
        """
        asked = cache(content)
        beside: list[tuple[Change, datetime]] = []

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            version, why = asked()
            if ticket.merged is None or ticket.closure != MERGED:
                raise NotAllowedNow(Step.UNMERGE, ticket.state)
            into = self._tickets.get(ticket.merged.into)
            if not access.may_see(member, into):
                raise Forbidden("you do not see the ticket into which it was merged")
            _require_no_guest(member, into)
            if not conflicts.version_faults(ticket, version):
                self._staff.require_current(ticket, version, [UNDO])
            moment = self._changes.moment(into)
            source = self._undone(ticket, plan, at, into.number)
            target = self._undone(into, self._changes.plan_of(into), moment, ticket.number)
            goes_on, given_back = merging.unmerge(source, target, by, why)
            beside[:] = [(given_back, moment)]
            return goes_on

        return self._staff.act(
            member,
            number,
            UNDO,
            lambda: (asked()[0], decide),
            also=lambda: tuple(beside),
        )

    def _undone(self, ticket: Ticket, plan: Plan, at: datetime, other: str) -> Undone:
        """A side of a merge, from its history. It is read only here: a merge is rarely undone."""
        history = [
            event
            for event in self._tickets.history(ticket.number)
            if event.number <= ticket.version
        ]
        merges = [
            event
            for event in history
            if event.type is EventType.MERGED and event.data["ticket"] == other
        ]
        last = merges[-1].number
        first = self._plans.get(first_plan(history, ticket))
        earlier = history[: last - 1]
        before = fold(earlier, first, self._plans.get)
        return Undone(ticket, plan, at, before, merges[-1], history[last:], earlier)

    def _side(self, ticket: Ticket, plan: Plan, at: datetime) -> Merger:
        customer = self._profile_of(ticket.customer) if ticket.customer is not None else None
        accused = self._named(ticket.about) if ticket.about else {}
        return Merger(ticket, plan, at, customer, accused)


def _require_no_guest(member: Member, target: Ticket) -> None:
    """Raise Forbidden if only a mention lets the member see the target.

    A guest reads the target. A merge would change its promises and its words.
    """
    if access.is_guest(member, target):
        raise Forbidden("you see the other ticket only because a note mentions you")
