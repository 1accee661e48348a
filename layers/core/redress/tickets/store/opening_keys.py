"""The record of an Idempotency-Key with which a member of staff opened a ticket.

It has the form of the record that the intake writes (`items.idempotency_item`), and is written in
the transaction of the ticket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pynamodb.exceptions import DoesNotExist

from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.tickets.store import items
from redress.tickets.store.transaction import Cause, Dated, DoneAlready, Write


@dataclass(frozen=True, slots=True)
class OpenedWithKey(Cause):
    """The request that opened a ticket: its key, a fingerprint of its body, and its answer."""

    key: str
    fingerprint: str
    answer: str


class OpeningKeys:
    def __init__(self, models: Models) -> None:
        self._models = models

    def earlier(self, key: str) -> OpenedWithKey | None:
        """The request that used this key before; None if there was none. Raises Unreadable."""
        pk = keys.idempotency_pk(encoding.key_digest(key))
        model = self._models.opening_key
        try:
            row = retry.call(lambda: model.get(pk, keys.KEY, consistent_read=True))
        except DoesNotExist:
            return None
        return encoding.decoded(row, lambda one: OpenedWithKey(key, one.fingerprint, one.answer))


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the write of the key's record, on the condition that the key is new."""
    if not isinstance(cause, OpenedWithKey):
        return []
    # A split changes a ticket and opens another one, whose age decides how long the key is kept.
    change = next((one for one, _ in changes if one.before is None), changes[0][0])
    model: Any = models.opening_key
    item = items.idempotency_item(cause.key, cause.fingerprint, cause.answer, change)
    taken = DoneAlready("a request with this key opened a ticket")
    return [Write(model(**item), condition=model.pk.does_not_exist(), lost=taken)]
