"""What is stored of the parts of a call that Amazon Connect reports one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from redress.connectors.rules.amazon_connect import Part
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.tickets.store.transaction import Raced

KEPT = timedelta(days=30)
"""For how long the parts of a call are known after the last news of it."""

_PARTS = msgspec.json.Decoder(dict[str, Part])


class PartStore:
    """The parts of calls, in one item for each call. `connector` hands over their records."""

    def __init__(self, models: Models, connector: str) -> None:
        self._models, self._connector = models, connector

    def of_call(self, call: str) -> dict[str, Part]:
        """The parts of a call that are known, by their ids. Raises Unreadable."""
        model = self._models.connector
        wanted = [(keys.connector_pk(self._connector), keys.parts_sk(call))]
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        return encoding.decoded(rows[0], lambda row: _PARTS.decode(row.doc)) if rows else {}

    def replace(
        self, call: str, before: Mapping[str, Part], after: Mapping[str, Part], at: datetime
    ) -> None:
        """Write the parts of a call, if they are still as they were read. Raises Raced."""
        model = self._models.connector
        row = model(
            keys.connector_pk(self._connector),
            keys.parts_sk(call),
            doc=encoding.encode(after),
            expires=int((at + KEPT).timestamp()),
        )
        unchanged = model.doc == encoding.encode(before) if before else model.pk.does_not_exist()
        try:
            retry.call(lambda: row.save(condition=unchanged), ["0"])
        except retry.ConditionFailed as failed:
            raise Raced("other news of this call came meanwhile") from failed
