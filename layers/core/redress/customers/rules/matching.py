"""Which profile a ticket belongs to, by the contact points of its submission.

Two profiles are never merged here, even if a ticket has contact points of both: one of the points
may belong to several people, such as the phone of a household. Then the plan's order decides, and
both profiles get a doubt that staff settle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import replace
from datetime import datetime

from msgspec import Struct

from redress.base.addresses import canonical
from redress.customers.rules.profile import (
    EMAIL,
    MOST_CONTACTS,
    MOST_DOUBTS,
    PHONE,
    STANDARD,
    Card,
    ContactPoint,
    Doubt,
    Profile,
    fault_of_folded,
)
from redress.tickets.rules.ticket import Contact, Ticket

Point = tuple[str, str]
"""The kind and the canonical value of a contact point (`ContactPoint.key`)."""

NEW = "new"
"""How a ticket was matched if its profile was made of it."""


class Recognised(Struct, frozen=True):
    """The profile to which a ticket belongs.

    `by` is the kind of contact point that led to it. `others` are the other profiles to which
    contact points of the ticket lead. `free` are the contact points that belong to nobody.
    """

    card: Card
    by: str
    others: tuple[str, ...]
    free: tuple[Point, ...]


def points_of(contact: Contact) -> list[Point]:
    """The contact points in the contact of a ticket. A number that is not valid is none."""
    found: list[Point] = []
    if contact.email:
        found.append((EMAIL, canonical(contact.email)))
    if contact.phone_e164:
        found.append((PHONE, contact.phone_e164))
    return found


def recognise(
    points: Sequence[Point], cards: Mapping[Point, Card], match_by: Sequence[str]
) -> Recognised | None:
    """Find the profile of a ticket with these contact points; None if no point leads to one.

    `cards` has the card of each point that belongs to somebody. `match_by` is the order of the
    plan (`CustomersPlan`). A point of a kind that is not in it leads to no profile.
    """
    leading = [point for kind in match_by for point in points if point[0] == kind]
    known = [point for point in leading if point in cards]
    if not known:
        return None
    first = cards[known[0]]
    others = dict.fromkeys(cards[point].customer for point in known[1:])
    return Recognised(
        card=first,
        by=known[0][0],
        others=tuple(one for one in others if one != first.customer),
        free=tuple(point for point in points if point not in cards),
    )


def first_profile(customer: str, ticket: Ticket, points: Sequence[Point], at: datetime) -> Profile:
    """Make the profile of an unknown customer from their ticket. `points` belong to nobody yet."""
    return Profile(
        id=customer,
        revision=1,
        created_at=at,
        name=ticket.contact.name,
        languages=(ticket.language,),
        company=company_of(ticket.contact),
        contacts=tuple(ContactPoint(kind, value, at, ticket.number) for kind, value in points),
    )


def completed(profile: Profile, ticket: Ticket, free: Sequence[Point], at: datetime) -> Profile:
    """Add what a further ticket of the customer says that the profile does not have yet.

    These are the company, the language of the ticket unless the customer has chosen languages, and
    contact points that belong to nobody, as far as there is room. Nothing that the profile has is
    replaced.
    """
    languages = profile.languages
    if not profile.languages_chosen:
        languages = tuple(dict.fromkeys((*languages, ticket.language)))
    room = MOST_CONTACTS - len(profile.contacts)
    added = (ContactPoint(kind, value, at, ticket.number) for kind, value in free[: max(room, 0)])
    return replace(
        profile,
        languages=languages,
        company=profile.company or company_of(ticket.contact),
        contacts=(*profile.contacts, *added),
    )


def company_of(contact: Contact) -> str | None:
    """The company that a ticket's contact gives to a profile; None if it gives none.

    A submission accepts every short text as a company. A profile lists customers by it, and some
    texts are too long for that in the form of `folded`.
    """
    company = contact.company
    return company if company and fault_of_folded(company) is None else None


def are_told_apart(one: Profile, other: Profile) -> bool:
    """Whether staff have said that two profiles are those of different people.

    They may have said it of a profile that was merged into one of these since.
    """
    return any(
        {a.id, *a.absorbed}.intersection(b.distinct_from) for a, b in ((one, other), (other, one))
    )


def doubted(profile: Profile, doubt: Doubt) -> Profile:
    """Add a doubt to a profile.

    Nothing changes if the profile has a doubt about the same other profile already, or if it has
    MOST_DOUBTS of them.
    """
    known = {one.other for one in profile.doubts}
    if doubt.other in known or len(profile.doubts) >= MOST_DOUBTS:
        return profile
    return replace(profile, doubts=(*profile.doubts, doubt))


def type_for(ticket: Ticket, card: Card) -> str | None:
    """The type that a ticket gets because of its customer; None if it keeps its own.

    A type that staff gave to the ticket stays.
    """
    return card.type if ticket.customer_type == STANDARD else None
