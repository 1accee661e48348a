"""Divides a batch of stream records among deliveries that run in parallel."""

from __future__ import annotations

import json
import zlib
from typing import Any

WORTHWHILE = 10
"""Average number of records that a lane must have; a few records are faster in one call."""


def lanes_of(records: list[dict[str, Any]], factor: int) -> list[list[dict[str, Any]]]:
    """Divides records into at most `factor` lists, none empty.

    All records of one item are in the same list, in order.
    """
    count = min(factor, len(records) // WORTHWHILE) or 1
    lanes: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for record in records:
        key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()
        lanes[zlib.crc32(key) % count].append(record)
    return [lane for lane in lanes if lane]
