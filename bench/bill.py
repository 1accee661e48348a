"""What Amazon bills a life by, and what that costs: counts of records, prices of a dated table.

Counting is exact and the same in each run, but for bytes, which follow names and times, and for the
calendar: in a month's last week a resolution is noted in two months. Only `gb_seconds` was
measured, on another processor than Amazon's.
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
from local.filters import reaches_relay
from local.meter import Call, Invocation, Item, Records

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
STREAM = "stream"
"""The source of an invocation by the table's stream."""
CORE_MB = 1769
"""The memory with which Lambda gives a function one processor; with less, as much less of it."""
COUNTED = frozenset({"dynamodb", "sqs", "ses", "sns", "secretsmanager", "states", "lambda"})
"""Services whose calls are counted by a rule here, or cost nothing but what they start: transitions
and invocations."""
HOURS = 730
"""In a month, as Amazon counts."""
GB = 10**9
INDEX_BYTES = 100
"""What the table's storage adds to each item, and to each of its entries in an index."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Counts of everything that is billed by use.

    `traces` are those that would be recorded if each was. `metrics`: how often each custom metric
    is written. `notices`: messages of a topic to the operators. `stored_bytes`: what is in the
    table at the end, and was not before.
    """

    transitions: int = 0
    api_requests: int = 0
    invocations: int = 0
    write_units: int = 0
    read_units: float = 0
    queue_requests: int = 0
    mails: int = 0
    notices: int = 0
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
    if unpriced := {call.service for call in calls} - COUNTED:
        raise ValueError(f"calls of {', '.join(sorted(unpriced))} have no rule here")
    table = [call for call in calls if call.service == "dynamodb"]
    runs = list(histories)
    asked = [one for one in records.invocations if one.source != STREAM]
    followed = sum(map(deliveries, table))
    traced = [one for one in asked if one.function not in untraced]
    polled = sum(one.source == "sqs" for one in asked)
    sent = [call for call in calls if call.service == "ses" and call.status == 200]
    return Bill(
        transitions=sum(transitions(history) for history in runs),
        api_requests=len(records.api_requests),
        invocations=len(asked) + followed,
        write_units=sum(written(call, indexes) for call in table),
        read_units=sum(read(call) for call in table),
        # Lambda receives a batch and deletes it; what waits for an empty queue is of an idle stack.
        queue_requests=sum(call.service == "sqs" for call in calls) + 2 * polled,
        mails=sum(len(people) for call in sent for people in call.request.values()),
        notices=sum(call.service == "sns" for call in calls),
        traces=len(runs) + len(traced) + followed,
        log_bytes=sum(map(logged, records.invocations)) + bytes_of_platform(len(asked) + followed),
        out_bytes=sum(request.bytes for request in records.api_requests),
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


def deliveries(call: Call) -> int:
    """How often the table's stream starts the relay for one call of the table.

    How changes are gathered into batches is chance, and items of different partition keys may lie
    in different shards. Counted is each call by itself and each of its partition keys by itself:
    more than Lambda usually makes of them, though records of one transaction may come apart. Times
    and lines of logs are those of the emulator's own batches.
    """
    if call.status != 200:
        return 0
    changes = [pair for pair in zip(call.before, call.after, strict=True) if pair[0] != pair[1]]
    records = map(_record, changes)
    return len({one["dynamodb"]["Keys"]["pk"]["S"] for one in records if reaches_relay(one)})


def _record(change: tuple[Item | None, Item | None]) -> dict[str, Any]:
    """As the stream tells it."""
    before, after = change
    item = after or before or {}
    name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    images = {"OldImage": before, "NewImage": after}
    told = {image: held for image, held in images.items() if held is not None}
    return {"eventName": name, "dynamodb": {"Keys": {n: item[n] for n in ("pk", "sk")}, **told}}


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
    """Bytes of the lines that one invocation writes into its log."""
    return sum(len(line.encode()) + LINE_BYTES for line in invocation.log)


def bytes_of_platform(invocations: int) -> int:
    """Bytes that Lambda writes into the logs of so many."""
    return invocations * sum(len(line) + LINE_BYTES for line in PLATFORM_LINES)


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

    Computing takes as much longer than here as the function has less than a whole processor;
    waiting does not. With `cold_ms` each invocation of those functions computed that long instead,
    its start included.
    """

    def milliseconds(one: Invocation) -> int:
        slower = max(1.0, CORE_MB / one.memory_mb)
        if one.function in cold_ms:
            return math.ceil(cold_ms[one.function] * slower)
        waited = one.seconds - one.cpu_seconds
        return math.ceil((one.cpu_seconds * slower + waited) * 1000)

    return sum(milliseconds(one) / 1000 * one.memory_mb / 1024 for one in invocations)


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
        "log_gb_month": bill.log_bytes / GB,
        "trace": bill.traces * sampled,
        "out_gb": bill.out_bytes / GB,
        "secret_call": bill.secret_calls,
        "table_gb_month": bill.stored_bytes / GB,
        "recovery_gb_month": bill.stored_bytes / GB,
        "mail": bill.mails,
        "notice": bill.notices,
    }


def cost(amounts: Mapping[str, float], known: Prices, *, free: bool = False) -> dict[str, float]:
    """Dollars by meter, the largest first; with `free`, of what is beyond a month's free part."""
    dollars = {
        name: max(0.0, amount - (known.free[name] if free else 0)) * known.price[name]
        for name, amount in amounts.items()
    }
    return dict(sorted(dollars.items(), key=lambda part: -part[1]))


def recorded(traces: float) -> float:
    """How many of a month's traces Lambda records: the first of each second, and SAMPLED of the
    others. Evenly spread, as here, they are the most."""
    first = min(traces, HOURS * 3600.0)
    return first + SAMPLED * (traces - first)


def month(
    life: Mapping[str, float], idle: Mapping[str, float], bill: Bill, complaints: int
) -> dict[str, float]:
    """How much of each meter a month takes in which so many complaints live, idle use included."""
    traces = {"trace": recorded(bill.traces * complaints)}
    amounts = Counter({name: amount * complaints for name, amount in life.items()} | traces)
    amounts.update(idle)
    # A metric is paid by the hours in which it is written: at most one for each time that it is.
    hours = sum(min(HOURS, times * complaints) for times in bill.metrics.values())
    amounts["metric_month"] += hours / HOURS  # type: ignore[assignment]
    return dict(amounts)
