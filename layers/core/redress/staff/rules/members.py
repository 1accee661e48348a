"""What a token says about a person, and how their item in the table begins and changes."""

from __future__ import annotations

from copy import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from redress.base.people import Member, Post, Role

VALID_FOR = timedelta(days=30)
"""How long a person may take to accept an invitation."""

SKILL_LIMIT = 20
"""The most skills of a member."""
LEVELS = (1, 5)
"""The lowest and the highest level of a skill."""


MOST_FORMER = 20
"""How many earlier roles and teams of a member are known. Older ones are dropped."""

RANK = (Role.MANAGER, Role.SUPERVISOR, Role.AGENT)
"""The roles of the staff, the highest first."""


class Profile(Struct, frozen=True, omit_defaults=True):
    """What a leader decides about a member of staff."""

    name: str
    role: Role
    team: str
    languages: tuple[str, ...]
    capacity: int
    position: str | None = None
    skills: dict[str, int] = {}  # msgspec makes a new dict for each instance
    reserve: bool = False


class Invitation(Struct, frozen=True, omit_defaults=True):
    """An invitation to the staff. `agent` is the member that it has become, if any.

    `withdrawn_by` is the leader who withdrew it, at `withdrawn_at`.
    """

    email: str
    profile: Profile
    by: str
    at: datetime
    agent: str | None = None
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        return self.at + VALID_FOR

    def is_open(self, now: datetime) -> bool:
        """Whether somebody can still become a member by it."""
        return self.agent is None and self.withdrawn_by is None and now < self.expires_at


class Claimed(Struct, frozen=True):
    """What the claims of a token say beside who the person is. Only a new member begins with it."""

    role: Role
    team: str
    languages: tuple[str, ...]
    capacity: int


class SignedIn(Struct, frozen=True):
    """The person whose token the API has accepted.

    `address_verified` is what the token says about the email address; None if it says nothing.
    `claimed` is None if a claim of it is missing or malformed; then `complaint` names the claims.
    """

    id: str
    name: str
    email: str
    address_verified: bool | None = None
    claimed: Claimed | None = None
    complaint: str = ""


class ChangeKind(StrEnum):
    """The kinds of changes of a member of staff. The values are stored."""

    BEGAN = "began"
    """The first request of a person: their item was made from the claims of their token."""
    TAKEN_OVER = "taken_over"
    """The first request after an update from a version in which each token decided."""
    ADDRESS = "address"
    """Their token had another email address."""
    INVITED = "invited"
    """A leader invited them, and the stack's user pool has their account."""
    JOINED = "joined"
    """The first request of a person who was invited, at another issuer than the user pool."""
    CHANGED = "changed"
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    LEFT = "left"


class MemberChange(Struct, frozen=True, omit_defaults=True):
    """One entry of the trail of a member: who changed what, when, why and from where.

    `revision` is that of the member after the change. `what` has the old and the new value of each
    changed field; the old value is null if the member is new. `source` is the IP address of the
    request.
    """

    revision: int
    kind: ChangeKind
    at: datetime
    by: str
    what: dict[str, list[Any]]
    why: str = ""
    source: str = ""


def differences(before: Member | None, after: Member) -> dict[str, list[Any]]:
    """The old and the new value of each field that differs.

    `revision` and `former` are left out: they follow from the trail.
    """
    old = structs.asdict(before) if before is not None else {}
    return {
        name: [old.get(name), value]
        for name, value in structs.asdict(after).items()
        if name not in ("id", "revision", "former") and (before is None or old[name] != value)
    }


def changed(before: Member, **fields: Any) -> Member:
    """A member with these fields changed and the next revision. Their item decides from now on."""
    return replace(before, **fields, managed=True, revision=before.revision + 1)


def prefers_claims(claimed: Claimed | None, invitation: Invitation) -> bool:
    """Whether a person begins with the claims of their token although somebody invited them.

    That is so if the claims give a higher role: a supervisor who invites a person whom the issuer
    names a manager does not take that away.
    """
    if claimed is None:
        return False
    return RANK.index(claimed.role) < RANK.index(invitation.profile.role)


def _with_former(before: Member, after: Member, at: datetime) -> Member:
    """Return `after`, which also says what the member was until `at`, if that has changed."""
    old = (before.role, before.team)
    if old == (after.role, after.team) or before.role not in (Role.AGENT, Role.SUPERVISOR):
        return replace(after, former=before.former)
    others = [one for one in before.former if (one.role, one.team) != old]
    return replace(after, former=(*others, Post(*old, at))[-MOST_FORMER:])


def begun(given: SignedIn, claimed: Claimed, known: Member | None, at: datetime) -> Member:
    """The member that the claims of a token make.

    `known` is the item that an earlier version made, if there is one.
    """
    member = Member(
        given.id,
        given.name,
        given.email,
        claimed.role,
        claimed.team,
        claimed.languages,
        claimed.capacity,
        managed=True,
        revision=known.revision + 1 if known is not None else 1,
    )
    return member if known is None else _with_former(known, member, at)


def profile_of(member: Member) -> Profile:
    """What a leader has decided about a member."""
    return Profile(
        member.name,
        member.role,
        member.team,
        member.languages,
        member.capacity,
        member.position,
        member.skills,
        member.reserve,
    )


def with_profile(member: Member, profile: Profile, at: datetime) -> Member:
    """A member after a leader's change at `at`, with the next revision."""
    return _with_former(member, changed(member, **structs.asdict(profile)), at)


def invited(id_: str, email: str, profile: Profile) -> Member:
    """The member that an invitation makes."""
    return Member(id_, email=email, managed=True, revision=1, **structs.asdict(profile))
