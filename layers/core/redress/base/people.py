"""Who does something to a ticket: the customer, a member of staff, the system."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    MANAGER = "manager"
    SYSTEM = "system"


class Actor(Struct, frozen=True):
    """Who did it: a role, and for staff their identity in the user pool."""

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
    """One member of staff, as the user pool knows them. `id` is the subject in the pool."""

    id: str
    name: str
    email: str
    role: Role
    team: str
    languages: tuple[str, ...]
    capacity: int
    left: bool = False
    """They left: they get no mail and no work, but keep the scorecards of their months."""

    @property
    def actor(self) -> Actor:
        """How events name this person."""
        return Actor(self.role, self.id)
