"""The keys of a connector, derived from the secrets that the stack has now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from redress.base.errors import Unavailable
from redress.connectors.rules import secrets
from redress.connectors.rules.connector import Connector, Key
from redress.connectors.rules.secrets import Purpose

SETTLES = timedelta(minutes=10)
"""After a rotation of the stack's secret, processes know different secrets for five minutes. A key
that is younger than this and that nobody knows is taken for one of these."""


class KeyRing:
    def __init__(
        self, secrets_of_stack: Callable[[], Iterable[bytes]], now: Callable[[], datetime]
    ) -> None:
        """`secrets_of_stack` gives the current secret of the stack, then the previous one."""
        self._secrets, self._now = secrets_of_stack, now

    def keys(
        self, connector: Connector, purpose: Purpose, generation: int | None = None
    ) -> Iterator[bytes]:
        """The valid keys of a connector, newest first; of one generation if it is given.

        Whoever finds the right key among them stops. If nobody does, this raises Unavailable at the
        end if a key is so young that another process may know its secret.
        """
        now, unsettled = self._now(), False
        for key in connector.valid_keys(now):
            if generation not in (None, key.generation):
                continue
            if (secret := self._secret_of(key)) is not None:
                yield secrets.derive(secret, purpose, connector.id, key.generation)
            elif now - key.made_at < SETTLES:
                unsettled = True
        if unsettled:
            raise Unavailable("the secret of a key is not known yet: try again", 60)

    def _secret_of(self, key: Key) -> bytes | None:
        """The secret of the stack from which a key is derived; None if it is gone."""
        for secret in self._secrets():
            if secrets.mark(secret) == key.mark:
                return secret
        return None
