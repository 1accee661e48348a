"""The table's stream as its readers receive it: moto's records that pass the template's filters."""

from __future__ import annotations

import json
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from local.filters import READERS, reaches


class Stream:
    """Reads the stream records of a table in moto from the start, each record once.

    It returns the records that reach one of these readers, or every record if there are none.
    """

    def __init__(self, table: str, region: str, *, readers: tuple[str, ...] = READERS) -> None:
        self._table, self._region = table, region
        self._read = 0
        self._readers = readers

    def records(self) -> list[dict[str, Any]]:
        """New records for the readers, in the shape of a Lambda event's `Records`."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][self._region].tables[self._table]
        assert table.stream_shard is not None, "the table has a stream"
        written = table.stream_shard.items[self._read :]
        self._read += len(written)
        # moto keeps the time as a datetime; Lambda sends seconds since 1970.
        records = [
            json.loads(json.dumps(item.record, default=lambda at: int(at.timestamp())))
            for item in written
        ]
        if not self._readers:
            return records
        return [one for one in records if any(reaches(reader, one) for reader in self._readers)]
