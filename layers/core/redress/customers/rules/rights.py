"""Who may read and change each part of a customer's profile, in one table.

Every member of staff may find and read a profile, because anybody may answer a call. What a ticket
says about a customer is not part of it: each ticket is shown only to those who may see it
(`tickets.rules.access.may_see`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from redress.base.errors import IdentityNeeded
from redress.base.people import Role
from redress.customers.rules.profile import Profile


class Part(StrEnum):
    """A part of a profile: a field, or an act that another field records."""

    NAME = "name"
    SALUTATION = "salutation"
    LANGUAGES = "languages"
    CHANNEL = "channel"
    HOURS = "hours"
    TYPE = "type"
    COMPANY = "company"
    NEEDS = "needs"
    CONSENT = "consent"
    NOTES = "notes"
    CONTACTS = "contacts"
    IDENTITY = "identity"
    WITHDRAWAL = "withdrawal"
    """Saying that the identity is not verified any more."""
    DOUBTS = "doubts"
    MERGES = "merges"
    """Which profiles were merged into this one."""
    CALLS = "calls"
    """Relationship calls: recording, moving, stopping and resuming them."""
    CALL_OWNER = "call_owner"
    """Who makes the relationship calls."""
    TRAIL = "trail"
    """Who changed what, when and why."""


class Rights(Struct, frozen=True):
    """The roles that may read a part of a profile, and those that may change it."""

    read: frozenset[Role]
    change: frozenset[Role]


_STAFF = frozenset({Role.AGENT, Role.SUPERVISOR, Role.MANAGER})
_LEADERS = frozenset({Role.SUPERVISOR, Role.MANAGER})

RIGHTS: Mapping[Part, Rights] = {
    Part.NAME: Rights(_STAFF, _STAFF),
    Part.SALUTATION: Rights(_STAFF, _STAFF),
    Part.LANGUAGES: Rights(_STAFF, _STAFF),
    Part.CHANNEL: Rights(_STAFF, _STAFF),
    Part.HOURS: Rights(_STAFF, _STAFF),
    # The type decides what is promised, so an agent cannot give it to a friend.
    Part.TYPE: Rights(_STAFF, _LEADERS),
    Part.COMPANY: Rights(_STAFF, _STAFF),
    Part.NEEDS: Rights(_STAFF, _STAFF),
    # A customer who withdraws a consent must be obeyed by whoever they tell.
    Part.CONSENT: Rights(_STAFF, _STAFF),
    Part.NOTES: Rights(_STAFF, _STAFF),
    Part.CONTACTS: Rights(_STAFF, _STAFF),
    Part.IDENTITY: Rights(_STAFF, _STAFF),
    # Who has verified an identity wrongly does not decide that alone.
    Part.WITHDRAWAL: Rights(_STAFF, _LEADERS),
    Part.DOUBTS: Rights(_STAFF, _STAFF),
    # A wrong merge shows the history of one person to another.
    Part.MERGES: Rights(_STAFF, _LEADERS),
    # A customer who wants no calls, or calls again, must be obeyed by whoever they tell.
    Part.CALLS: Rights(_STAFF, _STAFF),
    # An agent neither takes a key account nor passes one on without a leader.
    Part.CALL_OWNER: Rights(_STAFF, _LEADERS),
    Part.TRAIL: Rights(_LEADERS, frozenset()),
}


def require_verified(profile: Profile, act: str, at: datetime) -> None:
    """Raise IdentityNeeded if the customer's identity is not verified at this time.

    `act` is what the plan allows only then.
    """
    if profile.verified(at):
        return
    detail = f"'{act}' needs a verified identity (POST /staff/customers/{profile.id}/identity)"
    if profile.identity is not None:
        detail += f": it was verified until {profile.identity.until.isoformat()}"
    raise IdentityNeeded(detail)


def changeable(role: Role) -> list[str]:
    """The parts of a profile that a role may change, by name."""
    return sorted(part.value for part, rights in RIGHTS.items() if role in rights.change)
