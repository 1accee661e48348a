"""Relationship calls: lists of them for staff, and recording, stopping and passing them on."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from redress.base.errors import Fault, Forbidden, InvalidInput, NotFound
from redress.base.people import Member, Role, is_subject
from redress.customers.cases.profiles import Edition
from redress.customers.rules import relationship
from redress.customers.rules.profile import Profile
from redress.customers.rules.relationship import CallReport
from redress.customers.rules.rights import Part
from redress.customers.store import CustomerPage, CustomerStore
from redress.plans.rules.plan import Plan
from redress.tickets.rules import access
from redress.tickets.rules.numbers import normalised
from redress.tickets.store.tickets import TicketStore


class Which(StrEnum):
    """Which planned calls are listed: those of the reader, of a team, or overdue ones of a team."""

    MINE = "mine"
    TEAM = "team"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class CallsPage:
    """Profiles with a planned call, the next one first. `cursor` is for the next page, or None."""

    profiles: list[Profile]
    cursor: str | None


class RelationshipCases:
    def __init__(
        self,
        customers: CustomerStore,
        tickets: TicketStore,
        member_of: Callable[[str], Member],
        now: Callable[[], datetime],
    ) -> None:
        """`member_of` returns a member of staff by id. It raises NotFound or Unreadable."""
        self._customers, self._tickets = customers, tickets
        self._member_of, self._now = member_of, now

    def page(
        self,
        member: Member,
        which: Which,
        team: str | None,
        content: Callable[[], tuple[int, str | None]],
    ) -> CallsPage:
        """One page of planned calls, the next one first.

        `team` is None for the member's own; the list MINE has no team. `content` reads limit and
        cursor. The page can have fewer entries than the limit. Raises Forbidden for another team,
        unless the member is a manager, and then the errors of `content`.
        """
        of_team = team or member.team
        if of_team != member.team and member.role is not Role.MANAGER:
            raise Forbidden("only the calls of your own team")
        limit, cursor = content()
        now = self._now()
        page = self._listed(member, which, of_team, limit, cursor, now)
        found = [
            one
            for one in self._customers.get_readable(page.ids)
            if one.calls is not None
            and one.calls.clock is not None
            and (which is not Which.OVERDUE or relationship.is_overdue(one.calls, now))
        ]
        return CallsPage(found, page.cursor)

    def _listed(
        self,
        member: Member,
        which: Which,
        team: str,
        limit: int,
        cursor: str | None,
        now: datetime,
    ) -> CustomerPage:
        if which is Which.MINE:
            return self._customers.calls_of(member.id, limit, cursor)
        until = now if which is Which.OVERDUE else None
        return self._customers.calls_of_team(team, limit, cursor, until)

    # ------------------------------------------------------------------------ changing

    def reporting(self, member: Member, revision: int, report: CallReport) -> Edition:
        """The edition that records a call.

        It raises InvalidInput if the ticket is one that the member may not see, or another
        customer's.
        """

        def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
            known, faults = report, list[Fault]()
            if report.ticket is not None:
                number = normalised(report.ticket) or ""
                known = replace(report, ticket=number)
                faults = self._ticket_faults(member, profile, number)
            try:
                after = relationship.reported(profile, plan, known, member.id, at)
            except InvalidInput as invalid:
                raise InvalidInput(faults + invalid.faults) from None
            if faults:
                raise InvalidInput(faults)
            return after

        return Edition(revision, f"call_{report.outcome.value}", edit, (Part.CALLS,))

    def resuming(self, revision: int, date: str | None, why: str) -> Edition:
        """The edition that plans calls again for a customer who wanted none."""

        def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
            return relationship.resumed(profile, plan, date, at)

        return Edition(revision, "calls_resumed", edit, (Part.CALLS,), why=why)

    def owning(self, revision: int, owner: str | None, why: str) -> Edition:
        """The edition that says who makes the calls. Without an owner the team does."""

        def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
            if owner is not None and not self._works(owner):
                detail = "there is no such member of staff, or they do not work any more"
                raise InvalidInput([Fault("/owner", "unknown_agent", detail)])
            return relationship.owned(profile, plan, owner, at)

        return Edition(revision, "call_owner_set", edit, (Part.CALL_OWNER,), why=why)

    def _works(self, agent: str) -> bool:
        if not is_subject(agent):
            return False
        try:
            return self._member_of(agent).is_active
        except NotFound:
            return False

    def _ticket_faults(self, member: Member, profile: Profile, number: str) -> list[Fault]:
        """The faults of the ticket that a call led to.

        A ticket that was opened just now may not be matched with its customer yet.
        """
        found = self._tickets.get_readable([number]) if number else []
        if not found or not access.may_see(member, found[0]):
            return [Fault("/ticket", "unknown_ticket", "there is no such ticket")]
        if found[0].customer not in (None, profile.id, *profile.absorbed):
            detail = "this is the ticket of another customer"
            return [Fault("/ticket", "of_another_customer", detail)]
        return []
