"""What Amazon bills a life by, and what that costs: counts of records, prices of a dated table.

Counting is exact and the same in each run, but for bytes, which follow names and times. Only
`gb_seconds` was measured, on another processor than Amazon's.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import units
from local.meter import Call, Invocation, Records

PRICES = Path(__file__).parent / "prices.json"
SAMPLED = 0.05
"""The share of traces that is recorded."""
LINE_BYTES = 26
"""What CloudWatch adds to each line of a log."""
PLATFORM_LINES = (
    "START RequestId: 00000000-0000-0000-0000-000000000000 Version: $LATEST\n",
    "END RequestId: 00000000-0000-0000-0000-000000000000\n",
    "REPORT RequestId: 00000000-0000-0000-0000-000000000000\tDuration: 100.00 ms\t"
    "Billed Duration: 100 ms\tMemory Size: 1024 MB\tMax Memory Used: 128 MB\t\n",
)
"""What Lambda itself writes into the log of each invocation."""
HOURS = 730
"""In a month, as Amazon counts."""
GB = 10**9
INDEX_BYTES = 100
"""What the table's storage adds to each item, and to each of its entries in an index."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Counts of everything that is billed by use.

    `traces` are those that would be recorded if each was. `metrics`: how often each custom metric
    is written. `stored_bytes`: what is in the table at the end, and was not before.
    """

    transitions: int = 0
    api_requests: int = 0
    invocations: int = 0
    write_units: int = 0
    read_units: float = 0
    queue_requests: int = 0
    mails: int = 0
    traces: int = 0
    log_bytes: int = 0
    out_bytes: int = 0
    stored_bytes: int = 0
    secret_calls: int = 0
    metrics: Mapping[str, int] = field(default_factory=dict)


# ------------------------------------------------------------------------------ counting


def bill_of(
    records: Records,
    histories: Iterable[Sequence[Mapping[str, Any]]],
    indexes: Sequence[Any],
    untraced: Collection[str] = (),
) -> Bill:
    """What was recorded, of the product alone: calls of tools beside it do not count.

    `histories` are those of the executions that it started; `indexes` are the table's; `untraced`
    are functions that begin no trace.
    """
    calls = [call for call in records.calls if call.by]
    table = [call for call in calls if call.service == "dynamodb"]
    runs = list(histories)
    ran = sum(batches(one) for one in records.invocations)
    traced = [one for one in records.invocations if one.function not in untraced]
    polled = sum(one.source == "sqs" for one in records.invocations)
    sent = [call for call in calls if call.service == "ses" and call.status == 200]
    return Bill(
        transitions=sum(transitions(history) for history in runs),
        api_requests=len(records.doors),
        invocations=ran,
        write_units=sum(written(call, indexes) for call in table),
        read_units=sum(read(call) for call in table),
        # Lambda receives a batch and deletes it; what waits for an empty queue is of an idle stack.
        queue_requests=sum(call.service == "sqs" for call in calls) + 2 * polled,
        mails=sum(len(people) for call in sent for people in call.request.values()),
        traces=len(runs) + sum(map(batches, traced)),
        log_bytes=sum(batches(one) * logged(one) for one in records.invocations),
        out_bytes=sum(door.bytes for door in records.doors),
        stored_bytes=stored(table, indexes),
        secret_calls=sum(call.service == "secretsmanager" for call in calls),
        metrics=metrics(records.invocations),
    )


def transitions(history: Sequence[Mapping[str, Any]]) -> int:
    """Billed transitions of an execution: each state that was entered, and each retry of a task."""
    count = tries = 0
    for event in history:
        if event["type"].endswith("StateEntered"):
            count, tries = count + 1, 0
        elif event["type"] == "TaskScheduled":
            tries += 1
            count += tries > 1
    return count


def batches(invocation: Invocation) -> int:
    """How many invocations it is on AWS.

    The emulator hands on a stream as one shard. On AWS items of different partition keys may lie in
    different shards, and each shard has batches of its own: the worst of that is counted.
    """
    return invocation.keys if invocation.source == "stream" else 1


def written(call: Call, indexes: Sequence[Any]) -> int:
    """Write units of a call of the table; none of one that only reads."""
    transaction = call.operation == "TransactWriteItems"
    if call.status != 200:
        return sum(
            units.failed_write_units(before, transaction=transaction) for before in call.before
        )
    return sum(
        units.write_units(before, after, indexes, transaction=transaction)
        for before, after in zip(call.before, call.after, strict=True)
    )


def read(call: Call) -> float:
    """Read units of a call of the table; none of one that writes."""
    match call.operation:
        case "GetItem" | "Query":
            consistent = bool(call.request.get("ConsistentRead"))
            together = call.operation == "Query"
            return units.read_units(call.read, consistent=consistent, together=together)
        case "BatchGetItem":
            (wanted,) = call.request["RequestItems"].values()
            consistent = bool(wanted.get("ConsistentRead"))
            return units.read_units(call.read, consistent=consistent, together=False)
        case "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems":
            return 0
        case other:
            raise ValueError(f"{other} of the table has no rule here")


def stored(calls: Iterable[Call], indexes: Sequence[Any]) -> int:
    """By how much the table grew, in bytes that are billed as storage."""

    def kept(item: Mapping[str, Any] | None) -> int:
        if item is None:
            return 0
        entries = [units.entry(item, index) for index in indexes]
        found = [item, *(entry for entry in entries if entry is not None)]
        return sum(units.item_bytes(one) + INDEX_BYTES for one in found)

    return sum(
        kept(after) - kept(before)
        for call in calls
        if call.status == 200
        for before, after in zip(call.before, call.after, strict=True)
    )


def logged(invocation: Invocation) -> int:
    """Bytes of one invocation's log: its own lines, and those that Lambda writes."""
    lines = (*invocation.log, *PLATFORM_LINES)
    return sum(len(line.encode()) + LINE_BYTES for line in lines)


def metrics(invocations: Iterable[Invocation]) -> dict[str, int]:
    """How often each custom metric is written: `mailer/MailSent`, by the lines of the logs."""
    found: Counter[str] = Counter()
    for line in (line for one in invocations for line in one.log):
        if line.startswith('{"_aws"'):
            told = json.loads(line)
            for directive in told["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    found[f"{told['service']}/{metric['Name']}"] += 1
    return dict(found)


def gb_seconds(invocations: Iterable[Invocation], cold_ms: Mapping[str, float] = {}) -> float:
    """Memory times duration, each invocation up to the next millisecond.

    With `cold_ms` each invocation of those functions took that long instead, its start included.
    """
    return sum(
        batches(one)
        * math.ceil(cold_ms.get(one.function, one.seconds * 1000))
        / 1000
        * one.memory_mb
        / 1024
        for one in invocations
    )


# ------------------------------------------------------------------------------ prices


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars by meter, and what is free of it each month for ever."""

    looked_up: str
    region: str
    price: Mapping[str, float]
    free: Mapping[str, float]


def prices(path: Path = PRICES) -> Prices:
    document = json.loads(path.read_text(encoding="utf-8"))
    entries = document["prices"].items()
    return Prices(
        document["looked_up"],
        document["region"],
        {name: entry["price"] for name, entry in entries},
        {name: entry["free"] for name, entry in entries},
    )


def used(bill: Bill, seconds: float, sampled: float = SAMPLED) -> dict[str, float]:
    """How much of each meter one life takes. Storage is of the first month."""
    return {
        "transition": bill.transitions,
        "api_request": bill.api_requests,
        "invocation": bill.invocations,
        "gb_second": seconds,
        "write_unit": bill.write_units,
        "read_unit": bill.read_units,
        "queue_request": bill.queue_requests,
        "log_gb": bill.log_bytes / GB,
        "trace": bill.traces * sampled,
        "out_gb": bill.out_bytes / GB,
        "secret_call": bill.secret_calls,
        "table_gb_month": bill.stored_bytes / GB,
        "recovery_gb_month": bill.stored_bytes / GB,
        "mail": bill.mails,
    }


def cost(amounts: Mapping[str, float], known: Prices, *, free: bool = False) -> dict[str, float]:
    """Dollars by meter, the largest first; with `free`, of what is beyond a month's free part."""
    dollars = {
        name: max(0.0, amount - (known.free[name] if free else 0)) * known.price[name]
        for name, amount in amounts.items()
    }
    return dict(sorted(dollars.items(), key=lambda part: -part[1]))


def month(
    life: Mapping[str, float], idle: Mapping[str, float], bill: Bill, complaints: int
) -> dict[str, float]:
    """How much of each meter a month takes in which so many complaints live, idle use included."""
    amounts = Counter({name: amount * complaints for name, amount in life.items()})
    amounts.update(idle)
    # A metric is paid by the hours in which it is written: at most one for each time that it is.
    hours = sum(min(HOURS, times * complaints) for times in bill.metrics.values())
    amounts["metric_month"] += hours / HOURS  # type: ignore[assignment]
    return dict(amounts)
