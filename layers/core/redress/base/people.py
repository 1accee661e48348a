"""The people and roles that act on tickets: customers, members of staff, the system."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

TEAM = "[a-z0-9_-]{1,40}"
"""The form of the name of a team, as a pattern."""


SUBJECT_LIMIT = 255
"""The most characters of the identity of a member of staff (OpenID Connect Core 1.0, section 2)."""

_SUBJECT = re.compile(rf"[A-Za-z0-9._~@|:+=-]{{1,{SUBJECT_LIMIT}}}")


MOST_CAPACITY = 100
"""The most open tickets that an agent may take at once."""


def is_subject(text: str) -> bool:
    """Whether a text has the form of the identity (`sub`) of a member of staff.

    A user pool gives UUIDs. Other issuers give `auth0|5fe435b5`, `f:5c1a:li@example.org` or
    `AAAAAFvD_0k-x`. `#` separates the parts of keys, and `/` those of paths, so no identity has
    them.
    """
    return _SUBJECT.fullmatch(text) is not None


def is_team(text: str) -> bool:
    """Whether a text has the form of the name of a team."""
    return re.fullmatch(TEAM, text) is not None


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    MANAGER = "manager"
    SYSTEM = "system"
    MACHINE = "machine"
    """Another system, which acts as itself (docs/decisions/053-machines.md)."""


class Position(StrEnum):
    """What a member of staff works on. It never changes what they may do. The values are stored."""

    PRE_SALES = "pre_sales"
    AFTER_SALES = "after_sales"
    ORDER_HANDLING = "order_handling"
    TECHNICAL_SUPPORT = "technical_support"
    COMPLAINTS = "complaints"


class Actor(Struct, frozen=True):
    """Who caused an event: a role, and an identity if the role has several actors.

    For staff it is their identity at the issuer of their tokens, for a machine the name of its
    connector.
    """

    role: Role
    id: str = ""

    @property
    def is_staff(self) -> bool:
        return self.role in (Role.AGENT, Role.SUPERVISOR, Role.MANAGER)

    @property
    def is_person(self) -> bool:
        return self.role not in (Role.SYSTEM, Role.MACHINE)


SYSTEM = Actor(Role.SYSTEM)


CUSTOMER = Actor(Role.CUSTOMER)


class Post(Struct, frozen=True):
    """A role in a team that a member of staff had until a time."""

    role: Role
    team: str
    until: datetime


class Member(Struct, frozen=True, omit_defaults=True):
    """A member of staff. `id` is their `sub` at the issuer of their tokens.

    Their item in the table decides what they may do (docs/decisions/046-members.md).
    """

    id: str
    name: str
    email: str
    role: Role
    team: str
    languages: tuple[str, ...]
    capacity: int
    left: bool = False
    """Whether they have left. A member who left may do nothing and gets no mail and no work. Their
    scorecards are kept."""
    suspended: bool = False
    """Whether they are suspended: as if they had left, until they are reinstated."""
    managed: bool = False
    """Whether this item decides their role and team. It is false in an item of an earlier version,
    which copied the claims of each token. Their next request takes over the claims once."""
    revision: int = 0
    """How often the item was changed. 0 in an item of an earlier version."""
    position: str | None = None
    """What they work on: a value of `Position`."""
    skills: dict[str, int] = {}  # msgspec makes a new dict for each instance
    """The names of their skills, with levels from 1 to 5."""
    reserve: bool = False
    """Whether they are reserve staff: they get work only while there is too much of it."""
    former: tuple[Post, ...] = ()
    """What they were before as an agent or a supervisor, each role and team once, the last one
    last. A change of team ends no conflict of interest (`tickets.rules.interest`)."""

    @property
    def state(self) -> str:
        """`active`, `suspended` or `left`."""
        return "left" if self.left else "suspended" if self.suspended else "active"

    @property
    def is_active(self) -> bool:
        """Whether they may use the staff API, and get mail and work."""
        return not (self.left or self.suspended)

    @property
    def actor(self) -> Actor:
        """This person as the actor of an event."""
        return Actor(self.role, self.id)

    @property
    def sees_every_team(self) -> bool:
        """Whether they may see the tickets of every team."""
        return self.role is Role.MANAGER


class Machine(Member, frozen=True):
    """A connector, for the checks that are made of members of staff. `id` is the connector's name.

    Its `team` is empty if it may see the tickets of every team. `acts` are the changes of a ticket
    that its scopes allow, by their names in `access.ACTIONS`.
    """

    acts: frozenset[str] = frozenset()

    @property
    def sees_every_team(self) -> bool:
        return not self.team
