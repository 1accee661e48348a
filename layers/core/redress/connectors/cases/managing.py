"""Managers make connectors, change them, give them keys, suspend and reinstate them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from redress.base.errors import (
    AlreadyDone,
    ConnectorChanged,
    Fault,
    InvalidInput,
    Unavailable,
)
from redress.base.people import Member
from redress.connectors.rules import connector as rules
from redress.connectors.rules import secrets
from redress.connectors.rules.answer import fault_of_url
from redress.connectors.rules.connector import (
    ChangeKind,
    Connector,
    ConnectorChange,
    Key,
    State,
    Wanted,
)
from redress.connectors.rules.secrets import Purpose
from redress.connectors.store.connectors import (
    Attempt,
    ConnectorRaced,
    ConnectorStore,
    ManagerRaced,
)

RETRIES = 8
MOST_CONNECTORS = 100
CHANGES = 25
"""How many of a connector's changes its file has."""


class Standing(StrEnum):
    """Whether a key can be used."""

    VALID = "valid"
    OUTDATED = "outdated"
    """It is valid, but derived from the previous secret of the stack. It ends when that secret is
    rotated again."""
    LOST = "lost"
    """It is derived from a secret that the stack no longer has."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Known:
    """A connector, and the standing of each of its keys by generation."""

    connector: Connector
    standings: dict[int, Standing]
    changes: list[ConnectorChange]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A connector with its newest keys, which are shown once."""

    known: Known
    generation: int
    webhook: bytes
    api: bytes
    answers: bytes


class ManagingCases:
    def __init__(
        self,
        store: ConnectorStore,
        secrets_of_stack: Callable[[], Iterable[bytes]],
        has_team: Callable[[str], bool],
        now: Callable[[], datetime],
    ) -> None:
        """`secrets_of_stack` gives the current secret of the stack, then the previous one."""
        self._store, self._secrets, self._has_team = store, secrets_of_stack, has_team
        self._now = now

    # ---------------------------------------------------------------- reading

    def listed(self) -> list[Known]:
        """All connectors, sorted by id."""
        return [self._known(one) for one in self._store.listed()]

    def file(self, id_: str) -> Known:
        """One connector with its last changes. Raises NotFound."""
        found = self._store.get(id_)
        return self._known(found, self._store.changes(id_, CHANGES))

    def attempts(
        self, id_: str, content: Callable[[], tuple[int, str | None]]
    ) -> tuple[list[Attempt], str | None]:
        """One page of the attempts of a connector, newest first. Raises NotFound, and as `content`.

        `content` reads limit and cursor from the request.
        """
        self._store.get(id_)
        return self._store.attempts(id_, *content())

    # ---------------------------------------------------------------- changing

    def make(self, manager: Member, id_: str, wanted: Wanted, why: str, source: str) -> NewKey:
        """Make a connector with its first key.

        Raises InvalidInput for an unknown team or a wrong address, and AlreadyDone if there is a
        connector with this id, or if there are MOST_CONNECTORS.
        """
        self._require_possible(wanted)
        if id_ == rules.AMAZON_CONNECT:
            raise AlreadyDone("this id belongs to Amazon Connect: choose another one")
        if len(self._store.listed()) >= MOST_CONNECTORS:
            raise AlreadyDone(f"there are {MOST_CONNECTORS} connectors, which is the most")
        now, secret = self._now(), self._secret()
        after = rules.made(id_, wanted, Key(1, now, manager.id, secrets.mark(secret)))
        try:
            self._write(None, after, ChangeKind.MADE, manager, why, source)
        except ConnectorRaced as raced:
            raise AlreadyDone("there is a connector with this id: choose another one") from raced
        return self._new_key(after, secret)

    def change(
        self,
        manager: Member,
        id_: str,
        content: Callable[[], tuple[int, Wanted, str]],
        source: str,
    ) -> Known:
        """Change name, scopes, team and the way of answers of a connector.

        `content` reads the revision that the manager has read, the new values, and the reason.
        Raises NotFound, the errors of `content`, InvalidInput and ConnectorChanged.
        """
        asked = cache(content)

        def decide(before: Connector) -> Connector:
            revision, wanted, _ = asked()
            _require_known(before, revision)
            self._require_possible(wanted)
            after = rules.changed(before, wanted)
            if after is before and before.revision - revision in (0, 1):
                return before  # the same request was sent before
            _require_current(before, revision)
            return after

        return self._decide(manager, id_, decide, ChangeKind.CHANGED, lambda: asked()[2], source)

    def rotate(
        self,
        manager: Member,
        id_: str,
        content: Callable[[], tuple[int, datetime | None, str]],
        source: str,
    ) -> NewKey:
        """Make the next generation of keys. The one before stays valid until it is ended.

        `content` reads the revision, the time at which the older key ends (None: when a manager
        ends it), and the reason. Raises NotFound, the errors of `content`, ConnectorChanged, and
        those of `rules.rotated`.
        """
        asked, secret = cache(content), self._secret()

        def decide(before: Connector) -> Connector:
            revision, ends_at, _ = asked()
            _require_known(before, revision)
            _require_current(before, revision)
            generation = before.keys[-1].generation + 1
            key = Key(generation, self._now(), manager.id, secrets.mark(secret))
            return rules.rotated(before, key, ends_at)

        found = self._decide(manager, id_, decide, ChangeKind.ROTATED, lambda: asked()[2], source)
        return self._new_key(found.connector, secret)

    def end_key(
        self, manager: Member, id_: str, generation: int, content: Callable[[], str], source: str
    ) -> Known:
        """End one generation of keys at once. The call may be repeated. Raises NotFound."""
        asked = cache(content)

        def decide(before: Connector) -> Connector:
            after = rules.with_key_ended(before, generation, self._now())
            asked()
            return after

        return self._decide(manager, id_, decide, ChangeKind.KEY_ENDED, asked, source)

    def suspend(self, manager: Member, id_: str, content: Callable[[], str], source: str) -> Known:
        """Suspend a connector: from now on nothing that it signs counts. May be repeated."""
        return self._set(manager, id_, State.SUSPENDED, ChangeKind.SUSPENDED, content, source)

    def reinstate(
        self, manager: Member, id_: str, content: Callable[[], str], source: str
    ) -> Known:
        """Let a suspended connector act again, with the keys that it had. May be repeated."""
        return self._set(manager, id_, State.ACTIVE, ChangeKind.REINSTATED, content, source)

    def _set(
        self,
        manager: Member,
        id_: str,
        state: State,
        kind: ChangeKind,
        content: Callable[[], str],
        source: str,
    ) -> Known:
        asked = cache(content)

        def decide(before: Connector) -> Connector:
            asked()
            return rules.in_state(before, state)

        return self._decide(manager, id_, decide, kind, asked, source)

    def _decide(
        self,
        manager: Member,
        id_: str,
        decide: Callable[[Connector], Connector],
        kind: ChangeKind,
        why: Callable[[], str],
        source: str,
    ) -> Known:
        """Change a connector as `decide` says. It returns the same one if nothing is to change."""
        for _ in range(RETRIES):
            before = self._store.get(id_)
            after = decide(before)
            if after is before:
                return self._known(before, self._store.changes(id_, CHANGES))
            try:
                self._write(before, after, kind, manager, why(), source)
            except ConnectorRaced:
                continue
            return self._known(after, self._store.changes(id_, CHANGES))
        raise Unavailable("this connector is being changed by others")

    def _write(
        self,
        before: Connector | None,
        after: Connector,
        kind: ChangeKind,
        manager: Member,
        why: str,
        source: str,
    ) -> None:
        what = rules.differences(before, after)
        entry = ConnectorChange(after.revision, kind, self._now(), manager.id, what, why, source)
        try:
            self._store.write(before, after, entry, manager)
        except ManagerRaced as raced:
            raise Unavailable("you were changed meanwhile: send the request again") from raced

    # ---------------------------------------------------------------- keys

    def _secret(self) -> bytes:
        return next(iter(self._secrets()))

    def _new_key(self, connector: Connector, secret: bytes) -> NewKey:
        generation = connector.keys[-1].generation
        return NewKey(
            self._known(connector, self._store.changes(connector.id, CHANGES)),
            generation,
            secrets.derive(secret, Purpose.WEBHOOK, connector.id, generation),
            secrets.derive(secret, Purpose.API, connector.id, generation),
            secrets.derive(secret, Purpose.ANSWERS, connector.id, generation),
        )

    def _known(self, connector: Connector, changes: list[ConnectorChange] | None = None) -> Known:
        now = self._now()
        standings = {key.generation: self._standing(key, now) for key in connector.keys}
        return Known(connector, standings, changes or [])

    def _standing(self, key: Key, now: datetime) -> Standing:
        if not key.is_valid(now):
            return Standing.ENDED
        for standing, secret in zip(
            (Standing.VALID, Standing.OUTDATED), self._secrets(), strict=False
        ):
            if secrets.mark(secret) == key.mark:
                return standing
        return Standing.LOST

    def _require_possible(self, wanted: Wanted) -> None:
        faults = []
        if wanted.team is not None and not self._has_team(wanted.team):
            faults.append(Fault("/team", "unknown_team", "nobody is in such a team"))
        if wanted.answers_url is not None and (fault := fault_of_url(wanted.answers_url)):
            faults.append(fault)
        if wanted.answer_hours is not None and wanted.answers_url is None:
            detail = "hours need an address to which answers are sent"
            faults.append(Fault("/answer_hours", "without_url", detail))
        if faults:
            raise InvalidInput(faults)


def _require_known(before: Connector, revision: int) -> None:
    if revision > before.revision:
        raise InvalidInput([Fault("/revision", "unknown_revision", "there is no such revision")])


def _require_current(before: Connector, revision: int) -> None:
    if revision != before.revision:
        raise ConnectorChanged(before.revision)
