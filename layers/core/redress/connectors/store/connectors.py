"""The store of connectors: their items, their trails, their attempts, and the nonces they used."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from redress.base.errors import NotFound, RedressError
from redress.base.people import Member
from redress.connectors.rules.connector import ID, Connector, ConnectorChange
from redress.db import encoding, keys, retry
from redress.db.rows import Models

_CONNECTOR = msgspec.json.Decoder(Connector)
_CHANGE = msgspec.json.Decoder(ConnectorChange)

ATTEMPTS_KEPT = timedelta(days=30)


class ConnectorRaced(RedressError):
    """The connector was changed after it was read. Nothing was written."""


class ManagerRaced(RedressError):
    """The manager who makes the change was changed meanwhile. Nothing was written."""


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One attempt to hand over a message.

    `delivery` is its `webhook-id`, "" if it had none. `problem` is the type of the refusal without
    its prefix; None if the message was taken. `again` says that it had been taken before.
    """

    at: datetime
    status: int
    delivery: str = ""
    problem: str | None = None
    ticket: str | None = None
    again: bool = False
    source: str = ""
    missing: tuple[int, ...] = ()
    """The numbers of messages of the conversation that had not come then."""


_ATTEMPT = msgspec.json.Decoder(Attempt)


class ConnectorStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def get(self, connector: str) -> Connector:
        """A connector as it is now. Raises NotFound and Unreadable.

        `connector` can be any text, because strangers name connectors, too.
        """
        model = self._models.doc
        if re.fullmatch(ID, connector) is None:
            raise NotFound("there is no such connector")
        try:
            row = retry.call(
                lambda: model.get(
                    keys.CONNECTORS, keys.connector_pk(connector), consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound("there is no such connector") from error
        return encoding.decoded(row, lambda one: _CONNECTOR.decode(one.doc))

    def listed(self) -> list[Connector]:
        """All connectors, sorted by id. One that cannot be read is reported and left out."""
        rows = retry.call(lambda: list(self._models.doc.query(keys.CONNECTORS)))
        return list(encoding.readable(rows, lambda one: _CONNECTOR.decode(one.doc)))

    def write(
        self, before: Connector | None, after: Connector, entry: ConnectorChange, manager: Member
    ) -> None:
        """Store a connector and an entry of its trail, in one transaction.

        `before` is the connector that is replaced; None if it is new. Raises ManagerRaced if the
        manager's item was changed since it was read, and ConnectorRaced if the connector was.
        """
        model, member = self._models.doc, self._models.member
        own = keys.connector_pk(after.id)
        row = model(keys.CONNECTORS, own, doc=encoding.encode(after), revision=after.revision)
        trail = model(own, keys.change_sk(entry.revision), doc=encoding.encode(entry))
        is_new = model.pk.does_not_exist()
        unchanged = is_new if before is None else model.revision == before.revision
        # An item of an earlier version has no revision.
        as_manager = (
            member.revision == manager.revision
            if manager.revision
            else member.pk.exists() & member.revision.does_not_exist()
        )
        token = retry.request_token()

        def send() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                # PynamoDB sends checks before puts.
                transaction.condition_check(
                    member, keys.STAFF, keys.agent_pk(manager.id), as_manager
                )
                transaction.save(row, condition=unchanged)
                transaction.save(trail, condition=is_new)

        try:
            retry.call(send, ("manager", "connector", "trail"))
        except retry.ConditionFailed as failed:
            raise (ManagerRaced if "manager" in failed.names else ConnectorRaced) from failed

    def changes(self, connector: str, limit: int) -> list[ConnectorChange]:
        """The last changes of a connector, newest first. One that cannot be read is left out."""
        model = self._models.doc
        query = self._newest(model, connector, model.sk.startswith(keys.CHANGE_PREFIX), limit)
        rows = retry.call(lambda: list(query()))
        return list(encoding.readable(rows, lambda row: _CHANGE.decode(row.doc)))

    def record(self, connector: str, attempt: Attempt) -> None:
        """Record an attempt, for ATTEMPTS_KEPT."""
        row = self._models.connector(
            keys.connector_pk(connector),
            keys.attempt_sk(attempt.at, secrets.token_hex(4).upper()),
            doc=encoding.encode(attempt),
            expires=int((attempt.at + ATTEMPTS_KEPT).timestamp()),
        )
        retry.call(row.save)

    def attempts(
        self, connector: str, limit: int, before: str | None
    ) -> tuple[list[Attempt], str | None]:
        """Some attempts, newest first, and the key after which the next page begins.

        `before` is that key of the page before.
        """
        model = self._models.connector
        condition: Any = model.sk.startswith(keys.ATTEMPT_PREFIX)
        if before is not None:
            condition = model.sk.between(keys.ATTEMPT_PREFIX, keys.just_before(before))
        query = self._newest(model, connector, condition, limit + 1)
        rows = retry.call(lambda: list(query()))
        found = encoding.readable(rows[:limit], lambda row: _ATTEMPT.decode(row.doc))
        return list(found), rows[limit - 1].sk if len(rows) > limit else None

    def use_nonce(self, connector: str, nonce: str, until: datetime) -> bool:
        """Record that a request with this nonce has come. Returns False if one had come before.

        Nobody can use the nonce again before `until`. By then, a request with it is too old. If the
        answer of DynamoDB is lost, the repeat finds its own item and returns False: the caller
        signs the request again.
        """
        model = self._models.connector
        row = model(
            keys.connector_pk(connector), keys.nonce_sk(nonce), expires=int(until.timestamp())
        )
        try:
            retry.call(lambda: row.save(condition=model.pk.does_not_exist()), ("nonce",))
        except retry.ConditionFailed:
            return False
        return True

    def _newest(self, model: Any, connector: str, condition: Any, limit: int) -> Any:
        pk = keys.connector_pk(connector)
        return lambda: model.query(pk, condition, scan_index_forward=False, limit=limit)
