"""Connectors: other systems that act as themselves, what they may do, and how they change."""

from __future__ import annotations

from copy import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from redress.base.errors import AlreadyDone, Fault, InvalidInput, NotFound
from redress.base.people import Machine, Role

ID = "[a-z][a-z0-9-]{1,29}"
"""The form of the name by which a connector is called, as a pattern."""

AMAZON_CONNECT = "amazon-connect"
"""The name under which records of Amazon Connect are taken. It comes by a stream of the account and
not by the API, so it has no keys, and no manager can make a connector of this name."""

MOST_VALID = 2
"""The most keys of a connector that are valid at once: the one in use and its successor."""

MOST_KEYS = 10
"""The most keys in the item of a connector. The trail has all of them."""


ATTEMPTS_LIMIT = 50
"""The most attempts of one answer."""


class Scope(StrEnum):
    """What a connector may do. The values are stored."""

    WRITE_MESSAGES = "messages:write"
    """Hand over messages of customers."""
    WRITE_CALLS = "calls:write"
    """Hand over records of calls."""
    WRITE_RECEIPTS = "receipts:write"
    """Report what became of answers."""
    READ_TICKETS = "tickets:read"
    READ_CHANGES = "changes:read"
    READ_CUSTOMERS = "customers:read"
    WRITE_NOTES = "notes:write"
    WRITE_TAGS = "tags:write"


ACTS = {Scope.WRITE_NOTES: "note", Scope.WRITE_TAGS: "set_tags"}
"""The change of a ticket (`access.ACTIONS`) that a scope allows."""


class State(StrEnum):
    """Whether a connector may act. The values are stored."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Key(Struct, frozen=True, omit_defaults=True):
    """One generation of a connector's keys. The keys themselves are derived (`secrets.derive`).

    `mark` tells from which secret of the stack (`secrets.mark`). From `ends_at` on the keys are no
    longer valid.
    """

    generation: int
    made_at: datetime
    made_by: str
    mark: str
    ends_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.ends_at is None or now < self.ends_at


class Connector(Struct, frozen=True, omit_defaults=True):
    """Another system that acts as itself.

    `id` is in addresses and in the history of tickets. `team` is the team whose tickets it sees;
    None if it sees those of all teams. `revision` counts its changes. The newest key is the last.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    team: str | None
    state: State
    keys: tuple[Key, ...]
    revision: int
    answers_url: str | None = None
    """Where answers to customers are sent; None if the other system takes none."""
    answer_hours: int | None = None
    """For how many hours after a message of a customer the other system takes answers to it; None
    if it sets no end."""

    def way_back(self, wrote_at: datetime) -> dict[str, Any]:
        """What the event of a message of this time says about answers to it; {} if none are taken.

        It is fixed with the message, so what an agent may write does not depend on a later change
        of the connector.
        """
        if self.answers_url is None:
            return {}
        if self.answer_hours is None:
            return {"answered": True}
        until = wrote_at + timedelta(hours=self.answer_hours)
        return {"answered": True, "answer_until": until.isoformat()}

    def valid_keys(self, now: datetime) -> list[Key]:
        """The generations that are valid, newest first."""
        return [key for key in reversed(self.keys) if key.is_valid(now)]

    @property
    def machine(self) -> ConnectedMachine:
        """The connector in the form that the checks of rights on tickets read."""
        return ConnectedMachine(
            self.id,
            self.name,
            "",
            Role.MACHINE,
            self.team or "",
            ("en",),
            capacity=0,
            acts=frozenset(act for scope, act in ACTS.items() if scope in self.scopes),
            connector=self,
        )


class ConnectedMachine(Machine, frozen=True, kw_only=True):
    """A machine with the connector as it was read when its signature was checked."""

    connector: Connector


class ChangeKind(StrEnum):
    """The kinds of changes of a connector. The values are stored."""

    MADE = "made"
    CHANGED = "changed"
    ROTATED = "rotated"
    KEY_ENDED = "key_ended"
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"


class ConnectorChange(Struct, frozen=True, omit_defaults=True):
    """One entry of the trail of a connector: who changed what, when, why and from where.

    It has the form of a member's (`staff.rules.members.MemberChange`).
    """

    revision: int
    kind: ChangeKind
    at: datetime
    by: str
    what: dict[str, list[Any]]
    why: str = ""
    source: str = ""


class Wanted(Struct, frozen=True):
    """What a manager decides about a connector."""

    name: str
    scopes: tuple[Scope, ...]
    team: str | None
    answers_url: str | None = None
    answer_hours: int | None = None


def made(id_: str, wanted: Wanted, key: Key) -> Connector:
    """A new connector with its first key."""
    return Connector(
        id_,
        wanted.name,
        wanted.scopes,
        wanted.team,
        State.ACTIVE,
        (key,),
        1,
        wanted.answers_url,
        wanted.answer_hours,
    )


def changed(before: Connector, wanted: Wanted) -> Connector:
    """The connector after a manager's change; the same one if nothing differs."""
    after = replace(before, **structs.asdict(wanted))
    return before if after == before else _next(after)


def rotated(before: Connector, key: Key, old_ends_at: datetime | None) -> Connector:
    """The connector with a new generation of keys, and the end of the one before.

    Raises AlreadyDone if two generations are valid, and InvalidInput if the end has passed.
    """
    now = key.made_at
    valid = before.valid_keys(now)
    if len(valid) >= MOST_VALID:
        old = valid[-1].generation
        raise AlreadyDone(f"two keys are valid: end generation {old} before you make another one")
    if old_ends_at is not None and old_ends_at <= now:
        raise InvalidInput([Fault("/old_ends_at", "passed", "this time has passed")])
    kept = tuple(
        replace(one, ends_at=old_ends_at or one.ends_at) if one in valid else one
        for one in before.keys
    )
    return _next(replace(before, keys=(*kept, key)[-MOST_KEYS:]))


def with_key_ended(before: Connector, generation: int, now: datetime) -> Connector:
    """The connector after one generation of its keys has ended; the same one if it had.

    Raises NotFound if it has no such generation.
    """
    known = {key.generation: key for key in before.keys}
    if generation not in known:
        raise NotFound("there is no such key")
    if not known[generation].is_valid(now):
        return before
    ended = replace(known[generation], ends_at=now)
    keys = tuple(ended if key.generation == generation else key for key in before.keys)
    return _next(replace(before, keys=keys))


def in_state(before: Connector, state: State) -> Connector:
    """The connector in this state; the same one if it is in it."""
    return before if before.state is state else _next(replace(before, state=state))


def _next(after: Connector) -> Connector:
    return replace(after, revision=after.revision + 1)


def differences(before: Connector | None, after: Connector) -> dict[str, list[Any]]:
    """The old and the new value of each field that differs. The old one is None if it is new."""
    old = structs.asdict(before) if before is not None else {}
    return {
        name: [old.get(name), value]
        for name, value in structs.asdict(after).items()
        if name not in ("id", "revision") and (before is None or old[name] != value)
    }
