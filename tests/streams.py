"""The table's stream as the relay receives it: moto's records that pass the template's filters."""

from __future__ import annotations

import json
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from local.filters import reaches_relay


class Stream:
    """Reads the stream records of a table in moto from the start, each record once.

    With `filtered=False` it returns every record, without the filters.
    """

    def __init__(self, table: str, region: str, *, filtered: bool = True) -> None:
        self._table, self._region = table, region
        self._read = 0
        self._filtered = filtered

    def records(self) -> list[dict[str, Any]]:
        """New records that pass the filters, in the shape of a Lambda event's `Records`."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][self._region].tables[self._table]
        assert table.stream_shard is not None, "the table has a stream"
        written = table.stream_shard.items[self._read :]
        self._read += len(written)
        records = [json.loads(json.dumps(item.record, default=str)) for item in written]
        return [record for record in records if not self._filtered or reaches_relay(record)]
