"""How the customer of a ticket wants to be called back, by their profile."""

from __future__ import annotations

from redress.customers.rules import profile as profiles
from redress.customers.rules.profile import Profile
from redress.tickets.rules.preference import PHONE, Preference
from redress.tickets.rules.ticket import Ticket


def preference_of(profile: Profile, ticket: Ticket) -> Preference | None:
    """Return the preference that the profile says; None if it says none.

    A customer who prefers the phone is called at the ticket's number. If it has none, it is the
    newest number of the profile, unless the profile may be another customer's, too: then a stranger
    could be told of the ticket.
    """
    if profile.channel is None and profile.hours is None:
        return None
    number = None
    if profile.channel == PHONE and ticket.contact.phone is None and not profile.doubts:
        numbers = [one for one in profile.owned if one.kind == profiles.PHONE]
        newest = max(numbers, key=lambda one: one.since, default=None)
        number = newest.value if newest else None
    return Preference(profile.channel, profile.hours, number)
