"""Every attempt of a connector to hand over a message can be seen by managers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from redress.base.errors import NotFound
from redress.connectors.store.connectors import Attempt, ConnectorStore
from redress.connectors.store.taken import Taken

APART = timedelta(seconds=10)
"""A process records refusals of a connector's signatures at most once in this time. Anybody can
send a wrong signature, and each record costs a write. The log has all of them."""


class AttemptCases:
    def __init__(
        self, store: ConnectorStore, now: Callable[[], datetime], tell: Callable[[Exception], None]
    ) -> None:
        """`tell` logs that an attempt could not be recorded. The answer does not depend on it."""
        self._store, self._now, self._tell = store, now, tell
        self._refused_at: dict[str, datetime] = {}

    def taken(self, connector: str, delivery: str, status: int, taken: Taken, source: str) -> None:
        """Record that a message was taken."""
        self._record(
            connector,
            Attempt(
                self._now(),
                status,
                delivery,
                ticket=taken.number,
                again=taken.again,
                source=source,
                missing=taken.missing,
            ),
        )

    def recorded(
        self, connector: str, delivery: str, status: int, number: str | None, source: str
    ) -> None:
        """Record that the record of a call was taken. `number` is the ticket that has it."""
        attempt = Attempt(self._now(), status, delivery, ticket=number, source=source)
        self._record(connector, attempt)

    def failed(self, connector: str, delivery: str, status: int, problem: str, source: str) -> None:
        """Record that a message with a right signature was refused."""
        attempt = Attempt(self._now(), status, delivery, problem=problem, source=source)
        self._record(connector, attempt)

    def refused(
        self, connector: str, delivery: str, status: int, problem: str, source: str
    ) -> None:
        """Record that a signature was refused, if there is such a connector, and once in APART."""
        now = self._now()
        last = self._refused_at.get(connector)
        if last is not None and now - last < APART:
            return
        try:
            self._store.get(connector)
        except NotFound:
            return
        self._refused_at[connector] = now
        self.failed(connector, delivery, status, problem, source)

    def _record(self, connector: str, attempt: Attempt) -> None:
        try:
            self._store.record(connector, attempt)
        except Exception as error:
            self._tell(error)
