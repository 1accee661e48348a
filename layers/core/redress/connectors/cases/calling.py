"""Which connector sent a request: by its webhook, or by the signature of its call.

The order of the checks decides what a stranger learns: nothing, but for minutes after a rotation of
the stack's secret. Only whoever has signed with a valid key is told that the time is wrong, that
the connector is suspended, or that its scopes do not cover the request
(docs/decisions/053-machines.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from redress.base.errors import (
    Forbidden,
    NotFound,
    SignatureExpired,
    SignatureRepeated,
)
from redress.connectors import webhooks
from redress.connectors.cases.keyring import KeyRing
from redress.connectors.rules import secrets
from redress.connectors.rules.connector import Connector, Scope, State
from redress.connectors.rules.secrets import Purpose
from redress.connectors.store.connectors import ConnectorStore
from redress.connectors.webhooks import TOLERANCE, Delivery

if TYPE_CHECKING:  # it loads the parser of structured fields, which the API of people does not need
    from redress.connectors.message_signatures import Signed


class CallingCases:
    def __init__(
        self,
        store: ConnectorStore,
        secrets_of_stack: Callable[[], Iterable[bytes]],
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._now = store, now
        self._keys = KeyRing(secrets_of_stack, now).keys

    def by_webhook(
        self, id_: str, delivery: Delivery, body: bytes, scope: Scope | None
    ) -> Connector:
        """The connector that has signed a webhook and has this scope.

        Raises SignatureWrong also if there is no such connector, SignatureExpired, and Forbidden.
        """
        found = self._find(id_)
        keys = self._keys(found, Purpose.WEBHOOK) if found is not None else iter(())
        webhooks.require_signed(delivery, body, keys)
        assert found is not None, "without a connector no key has signed"
        at = webhooks.signed_at(delivery.timestamp)
        webhooks.require_recent(at, self._now(), "webhook-timestamp")
        _require_may(found, scope)
        return found

    def by_signature(self, request: Signed, scope: Scope | None, *, changes: bool) -> Connector:
        """The connector that has signed a request and has this scope.

        A request that changes something is taken once: its nonce is recorded. Raises
        SignatureMissing, SignatureWrong, SignatureExpired, SignatureRepeated and Forbidden.
        """
        from redress.connectors import message_signatures as signatures

        given = signatures.read(request.headers, _is_key_id)
        signatures.require_covered(given, request, changes=changes)
        named = secrets.read_key_id(given.key_id)
        assert named is not None, "`read` has checked the form"
        id_, generation = named
        found = self._find(id_)
        keys = self._keys(found, Purpose.API, generation) if found is not None else iter(())
        signatures.require_signed(given, request, next(keys, None))
        assert found is not None, "without a connector no key has signed"
        created, now = webhooks.signed_at(given.created), self._now()
        webhooks.require_recent(created, now, "the parameter `created`")
        if webhooks.signed_at(given.params.get("expires", given.created + 1)) < now - TOLERANCE:
            raise SignatureExpired("the parameter `expires` has passed")
        _require_may(found, scope)
        if changes and not self._store.use_nonce(id_, given.nonce, created + 3 * TOLERANCE):
            raise SignatureRepeated("a request with this nonce has come before: sign it anew")
        return found

    def _find(self, id_: str) -> Connector | None:
        try:
            return self._store.get(id_)
        except NotFound:
            return None


def _is_key_id(text: str) -> bool:
    return secrets.read_key_id(text) is not None


def _require_may(connector: Connector, scope: Scope | None) -> None:
    """Raise Forbidden for a suspended connector, and for one without this scope."""
    if connector.state is State.SUSPENDED:
        raise Forbidden("this connector is suspended: ask the operator of this service")
    if scope is not None and scope not in connector.scopes:
        raise Forbidden(f"this connector lacks the scope {scope.value}")
