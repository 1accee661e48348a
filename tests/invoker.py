"""Lambda's event source mappings, which invoke the readers of the table's stream.

Settings and filters are those of the template, and the rules are those of `local.event_source`,
which AWS documents. Time passes only when a test says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from local.event_source import Delivery, GivenUp, Record, lanes_of, rules_of
from local.filters import mapping, passes

Handler = Callable[[dict[str, Any]], dict[str, Any] | None]


class Invoker:
    """Invokes one reader. It has its own position in the stream, which is one shard.

    `settings` replace those of the template.

    `turn` makes one attempt at each lane of the current batch. The next batch is read when every
    lane has ended, so a failing record holds back all that follow.
    """

    def __init__(self, reader: str, handler: Handler, **settings: Any) -> None:
        self._settings, self._handler = mapping(reader) | settings, handler
        self._rules = rules_of(self._settings)
        self._position = 0
        self._lanes: list[Delivery] = []
        self.given_up: list[GivenUp] = []
        self.delivered: list[list[str]] = []
        """The sequence numbers of each invocation."""

    def turn(self, shard: list[Record], now: float = 0.0) -> bool:
        """Make one attempt at each lane. Return False if nothing is left in the shard."""
        while not self._lanes:
            batch = shard[self._position : self._position + self._rules.batch_size]
            if not batch:
                return False
            self._position += len(batch)
            wanted = [record for record in batch if self._passes(record)]
            # AWS divides every batch. The emulator divides only long ones.
            lanes = lanes_of(wanted, self._rules.factor, worthwhile=1)
            self._lanes = [Delivery(self._rules, lane) for lane in lanes]
        for lane in self._lanes:
            if given_up := lane.attempt(self._invoke, now):
                self.given_up.append(given_up)
        self._lanes = [lane for lane in self._lanes if lane.records]
        return True

    def run(self, shard: list[Record], turns: int, now: float = 0.0) -> int:
        """Make turns until nothing is left, `turns` at most. Return how many were made."""
        return next((n for n in range(turns) if not self.turn(shard, now)), turns)

    def _passes(self, record: Record) -> bool:
        filters = self._settings["FilterCriteria"].get("Filters", [])
        return not filters or any(passes(record, json.loads(one["Pattern"])) for one in filters)

    def _invoke(self, records: list[Record]) -> Mapping[str, Any]:
        self.delivered.append([record["dynamodb"]["SequenceNumber"] for record in records])
        try:
            return {"body": self._handler({"Records": records})}
        except Exception as error:
            return {"error": True, "body": {"errorType": type(error).__name__}}
