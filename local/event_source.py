"""How Lambda delivers a batch of stream records: divides, repeats, bisects and gives up.

The rules are those of the Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB": partial
batch responses (services-ddb-batchfailurereporting), parameters (services-ddb-params), error
handling (services-dynamodb-errors). The emulator's patch and the tests of the readers share them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

type Record = dict[str, Any]

WORTHWHILE = 10
"""Average number of records that a lane must have; a few records are faster in one call."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of an event source mapping that decide what is repeated, and how often.

    attempts   retries of a failed batch before it is given up; None for any number
    age_s      age in seconds of the oldest record of a batch that is given up; None for any age
    halve      whether a batch is bisected after an error of the function
    partial    whether the function reports the first record to repeat
    """

    batch_size: int = 100
    factor: int = 1
    attempts: int | None = None
    age_s: int | None = None
    halve: bool = False
    partial: bool = False


def rules_of(mapping: Mapping[str, Any]) -> Rules:
    """The rules of a mapping, whose settings have the names of the API; -1 means no limit."""
    attempts = int(mapping.get("MaximumRetryAttempts", -1))
    age = int(mapping.get("MaximumRecordAgeInSeconds", -1))
    return Rules(
        int(mapping.get("BatchSize", 100)),
        int(mapping.get("ParallelizationFactor") or 1),
        attempts if attempts >= 0 else None,
        age if age >= 0 else None,
        str(mapping.get("BisectBatchOnFunctionError", False)).lower() == "true",
        "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
    )


def lanes_of(records: Sequence[Record], factor: int, worthwhile: int = WORTHWHILE) -> list[Any]:
    """Divides records into at most `factor` lists, none empty, which are delivered in parallel.

    All records of one item are in the same list, in order.
    """
    count = min(factor, len(records) // worthwhile) or 1
    lanes: list[list[Record]] = [[] for _ in range(count)]
    for record in records:
        key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()
        lanes[zlib.crc32(key) % count].append(record)
    return [lane for lane in lanes if lane]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records that are not delivered any more, and why, in AWS's words."""

    records: list[Record]
    condition: str


class Delivery:
    """One batch that is delivered until every record succeeded or was given up.

    A partial answer is a checkpoint: the reported record and all records after it are delivered
    again. An error of the function, or an answer that names no record of the batch, fails the whole
    batch. With `halve`, such a batch is bisected, and its second half waits for the first one.
    """

    def __init__(self, rules: Rules, records: list[Record]) -> None:
        self._rules = rules
        self._waiting = [(records, 0)] if records else []

    @property
    def records(self) -> list[Record]:
        """The records of the next attempt; empty when nothing is left to deliver."""
        return self._waiting[0][0] if self._waiting else []

    def attempt(
        self, invoke: Callable[[list[Record]], Mapping[str, Any]], now: float
    ) -> GivenUp | None:
        """Invoke the function once with `records`. Return what was given up after it.

        `invoke` returns {"error": whether it raised, "throttle": whether it was not even called,
        "body": the answer}. `now` is the time in seconds since 1970.
        """
        records, tries = self._waiting.pop(0)
        result = invoke(records)
        if result.get("throttle"):
            # Not an attempt: it is repeated until the records expire.
            self._waiting.insert(0, (records, tries))
            return None
        failed = self._first_failure(records, result)
        if failed is None:
            return None
        rest, tries = records[failed:], tries + 1
        if self._rules.halve and result.get("error") and len(rest) > 1:
            half = len(rest) // 2
            self._waiting[:0] = [(rest[:half], tries - 1), (rest[half:], tries - 1)]
            return None
        if condition := self._given_up(rest, tries, now):
            return GivenUp(rest, condition)
        self._waiting.insert(0, (rest, tries))
        return None

    def _first_failure(self, records: list[Record], result: Mapping[str, Any]) -> int | None:
        """Index of the first record to deliver again; None if all succeeded."""
        if result.get("error"):
            return 0
        if not self._rules.partial:
            return None
        body = result.get("body")
        if isinstance(body, str):
            body = json.loads(body)
        reported = [
            item.get("itemIdentifier") for item in (body or {}).get("batchItemFailures") or []
        ]
        if not reported:
            return None
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        return min(numbers.index(n) if n in numbers else 0 for n in reported)

    def _given_up(self, records: list[Record], tries: int, now: float) -> str | None:
        """Why to give the records up; None to try again."""
        if self._rules.attempts is not None and tries > self._rules.attempts:
            return "RetryAttemptsExhausted"
        oldest = float(records[0]["dynamodb"].get("ApproximateCreationDateTime", now))
        if self._rules.age_s is not None and now - oldest > self._rules.age_s:
            return "MaxRecordAgeExceeded"
        return None
