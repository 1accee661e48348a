"""The people and roles that act on tickets: customers, members of staff, the system."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

TEAM = "[a-z0-9_-]{1,40}"
"""The form of the name of a team, as a pattern."""


def is_subject(text: str) -> bool:
    """Whether a text has the form of the identity (`sub`) of a member of staff."""
    return re.fullmatch("[A-Za-z0-9-]{1,64}", text) is not None


def is_team(text: str) -> bool:
    """Whether a text has the form of the name of a team."""
    return re.fullmatch(TEAM, text) is not None


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    MANAGER = "manager"
    SYSTEM = "system"


class Actor(Struct, frozen=True):
    """Who caused an event: a role, and for staff their identity in the user pool."""

    role: Role
    id: str = ""

    @property
    def is_staff(self) -> bool:
        return self.role in (Role.AGENT, Role.SUPERVISOR, Role.MANAGER)

    @property
    def is_person(self) -> bool:
        return self.role is not Role.SYSTEM


SYSTEM = Actor(Role.SYSTEM)


CUSTOMER = Actor(Role.CUSTOMER)


class Member(Struct, frozen=True):
    """A member of staff, as recorded in the user pool. `id` is their subject (`sub`) there."""

    id: str
    name: str
    email: str
    role: Role
    team: str
    languages: tuple[str, ...]
    capacity: int
    left: bool = False
    """Whether they have left. A member who left gets no mail and no work. Their scorecards are
    kept."""

    @property
    def actor(self) -> Actor:
        """This person as the actor of an event."""
        return Actor(self.role, self.id)
