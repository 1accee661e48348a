"""Match tickets with the profiles of their customers.

A ticket is matched in the change that assigns it (`staff.cases.assignment`). If no agent can take
it, the match is a change of its own. A profile that is made or changed is written in the
transaction of the ticket, so none is made twice: if two tickets of a new customer come at once, the
second transaction fails and is decided again with the profile of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import NotFound, Unreadable
from redress.customers.rules import matching, relationship
from redress.customers.rules.matching import Point, Recognised
from redress.customers.rules.profile import Doubt, Profile, Revised, new_id, revised
from redress.customers.store import CustomerMatched, CustomerStore
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.transaction import Cause, Raced


@dataclass(frozen=True, slots=True)
class Match:
    """The change that matches a ticket, and the cause that writes the profiles with it."""

    change: Change
    cause: CustomerMatched
    is_first: bool = False
    """Whether it is the customer's first ticket: their profile is made of it."""
    languages: tuple[str, ...] = ()
    """The languages that the customer has chosen, the preferred one first."""


class MatchingCase:
    def __init__(self, customers: CustomerStore, changes: TicketChanges) -> None:
        self._customers, self._changes = customers, changes

    def match(self, number: str) -> bool:
        """Match a ticket that has no profile yet. Return whether it was matched now.

        Raises NotFound, Unreadable, or VersionConflict after too many lost races.
        """
        found: list[Match] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            found[:] = [one for one in [self.found(ticket, plan, at)] if one is not None]
            return found[0].change if found else None

        def cause(change: Change, at: datetime) -> Cause:
            return found[0].cause

        self._changes.change(number, decide, cause=cause)
        return bool(found)

    def found(self, ticket: Ticket, plan: Plan, at: datetime) -> Match | None:
        """Find the customer of a ticket and what the match changes. The caller writes it.

        Return None if the ticket is matched already, if its plan matches no tickets, or if the
        stored data about the customer is missing or cannot be read. In the last case the ticket is
        assigned all the same. Raises Raced if a profile is merged at this moment.
        """
        match_by = plan.customers.match_by
        if ticket.customer is not None or not match_by:
            return None
        points = matching.points_of(ticket.contact)
        try:
            cards = self._customers.by_contacts(points) if points else {}
            known = matching.recognise(points, cards, match_by)
            if known is None:
                free = [point for point in points if point not in cards]
                return self._first(ticket, plan, free, at)
            return self._further(ticket, plan, known, at)
        except (Unreadable, NotFound):
            return None

    def _first(self, ticket: Ticket, plan: Plan, free: Sequence[Point], at: datetime) -> Match:
        """The match of a ticket whose customer is unknown, with a new profile."""
        made = relationship.aligned(matching.first_profile(new_id(), ticket, free, at), plan, at)
        change = match(ticket, plan, made.id, matching.NEW, at)

        def changes(written: Change) -> list[Revised]:
            # A rule of the plan may have corrected the language since.
            return [Revised(None, replace(made, languages=(written.after.language,)))]

        return Match(change, CustomerMatched(changes), is_first=True)

    def _further(self, ticket: Ticket, plan: Plan, known: Recognised, at: datetime) -> Match:
        """The match of a ticket whose customer is known. It reads profiles only to change them."""
        card = known.card
        profiles: list[Profile] = []
        # The card does not have the company, so a ticket that names one reads the profile.
        company = matching.company_of(ticket.contact)
        knows_language = card.languages_chosen or ticket.language in card.languages
        if known.free or known.others or company or not knows_language:
            profiles = [self._read(one) for one in (card.customer, *known.others)]
        unsettled = (o.id for o in profiles[1:] if not matching.are_told_apart(profiles[0], o))
        change = match(
            ticket,
            plan,
            card.customer,
            known.by,
            at,
            customer_type=matching.type_for(ticket, card),
            doubt=next(unsettled, None),
        )

        def changes(written: Change) -> list[Revised]:
            return _completed_and_doubted(profiles, written.after, known.free, at)

        chosen = card.languages if card.languages_chosen else ()
        return Match(change, CustomerMatched(changes), languages=chosen)

    def _read(self, customer: str) -> Profile:
        """The profile to which a contact point leads.

        Raises Raced if it was merged meanwhile. Raises NotFound or Unreadable.
        """
        found = self._customers.get(customer)
        if found.merged_into is not None:
            raise Raced("this profile was merged meanwhile")
        return found


def _completed_and_doubted(
    profiles: Sequence[Profile], ticket: Ticket, free: Sequence[Point], at: datetime
) -> list[Revised]:
    """The changes of the profiles to which the contact points of a ticket lead.

    The first profile is the ticket's. `ticket` is the ticket after the whole change, so its
    assignee owns the doubts.
    """
    if not profiles:
        return []
    first, *others = profiles
    now = {one.id: one for one in profiles}
    now[first.id] = matching.completed(first, ticket, free, at)
    for other in others:
        if matching.are_told_apart(first, other):
            continue
        doubt = Doubt(other.id, at, ticket.number, ticket.team, ticket.assignee)
        now[first.id] = matching.doubted(now[first.id], doubt)
        now[other.id] = matching.doubted(now[other.id], replace(doubt, other=first.id))
    return [
        revised(one, now[one.id], "matched", at, ticket=ticket.number)
        for one in profiles
        if now[one.id] != one
    ]
