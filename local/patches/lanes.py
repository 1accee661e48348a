"""How a batch of stream records is divided among deliveries that run side by side."""

from __future__ import annotations

import json
import zlib
from typing import Any

WORTHWHILE = 10
"""Records that a lane has at least on the average: a few are faster in one call than in several."""


def lanes_of(records: list[dict[str, Any]], factor: int) -> list[list[dict[str, Any]]]:
    """At most `factor` lists of these records, none empty; those of one item in one, in order."""
    count = min(factor, len(records) // WORTHWHILE) or 1
    lanes: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for record in records:
        key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()
        lanes[zlib.crc32(key) % count].append(record)
    return [lane for lane in lanes if lane]
