"""What Amazon bills for one ticket's life: counts from the records, prices from a dated table.

Counts are exact and the same in each run, with two exceptions. Byte counts depend on names and
times. In the last week of a month a resolution is recorded in two months. Only `gb_seconds` is
measured, on another processor than Amazon's.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from bench import parts, units
from local import stack
from local.filters import FEED, READERS, reaches
from local.meter import Call, Invocation, Item, Records
from redress.console.list_prices import list_prices as prices
from redress.console.rules.prices import GB, HOURS, SAMPLED, Prices, cost, recorded

__all__ = [
    "GB",
    "HOURS",
    "SAMPLED",
    "Bill",
    "Prices",
    "bill_of",
    "bytes_of_platform",
    "cost",
    "deliveries",
    "gb_seconds",
    "logged",
    "metrics",
    "month",
    "of_part",
    "of_reports",
    "prices",
    "read",
    "recorded",
    "stored",
    "transitions",
    "used",
    "written",
]

LINE_BYTES = 26
"""What CloudWatch adds to each log line, in bytes."""
PLATFORM_LINES = (
    '{"time":"2026-11-30T00:00:00.000Z","type":"platform.start","record":{"requestId":'
    '"00000000-0000-0000-0000-000000000000","version":"7"}}\n',
    '{"time":"2026-11-30T00:00:00.000Z","type":"platform.report","record":{"requestId":'
    '"00000000-0000-0000-0000-000000000000","metrics":{"durationMs":100.0,"billedDurationMs":100,'
    '"memorySizeMB":1024,"maxMemoryUsedMB":128},"status":"success"}}\n',
)
"""What Lambda itself writes to the log for each invocation if CallLog is `all`. By default it
writes only of failed ones."""
STREAM = "stream"
"""`source` of an invocation by the table's stream."""
CORE_MB = 1769
"""The memory with which a function gets one full CPU; with less it gets a proportional share."""
COUNTED = frozenset({"dynamodb", "sqs", "ses", "sns", "secretsmanager", "states", "lambda", "s3"})
"""Services whose calls are counted by a rule here, or that are free apart from the transitions and
invocations that they start."""
INDEX_BYTES = 100
"""Bytes that DynamoDB's storage adds to each item and to each of its index entries."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Counts of everything that is billed by use.

    `traces` counts all traces, as if each were recorded. `metrics` says how often each custom
    metric is written. `notices` are SNS messages to the operators. `publications` are the events
    that SES publishes about accepted mails. `stored_bytes` is how much the table has grown at the
    end.
    """

    transitions: int = 0
    api_requests: int = 0
    invocations: int = 0
    write_units: int = 0
    read_units: float = 0
    queue_requests: int = 0
    mails: int = 0
    notices: int = 0
    publications: int = 0
    traces: int = 0
    log_bytes: int = 0
    out_bytes: int = 0
    stored_bytes: int = 0
    secret_calls: int = 0
    bucket_writes: int = 0
    bucket_reads: int = 0
    metrics: Mapping[str, int] = field(default_factory=dict)


# ------------------------------------------------------------------------------ counting


def bill_of(
    records: Records,
    histories: Iterable[Sequence[Mapping[str, Any]]],
    indexes: Sequence[Any],
    untraced: Collection[str] = (),
) -> Bill:
    """Counts what was recorded of the product itself; calls of outside tools are left out.

    `histories` are the histories of the executions that it started, `indexes` the table's indexes,
    and `untraced` the functions that begin no trace. Raises ValueError for a service without a
    rule.
    """
    calls = [call for call in records.calls if call.by]
    if unpriced := {call.service for call in calls} - COUNTED:
        raise ValueError(f"calls of {', '.join(sorted(unpriced))} have no rule here")
    table = [call for call in calls if call.service == "dynamodb"]
    bucket = [call for call in calls if call.service == "s3"]
    runs = list(histories)
    asked = [one for one in records.invocations if one.source != STREAM]
    read_by = {reader: sum(deliveries(call, reader) for call in table) for reader in READERS}
    followed = sum(read_by.values())
    begun = sum(n for reader, n in read_by.items() if _name(reader) not in untraced)
    traced = [one for one in asked if one.function not in untraced]
    polled = sum(one.source == "sqs" for one in asked)
    sent = [call for call in calls if call.service == "ses" and call.status == 200]
    return Bill(
        transitions=sum(transitions(history) for history in runs),
        api_requests=len(records.api_requests),
        invocations=len(asked) + followed,
        write_units=sum(written(call, indexes) for call in table),
        read_units=sum(read(call) for call in table),
        # Lambda receives a batch and deletes it. Polling of empty queues belongs to the idle stack.
        # SNS puts each event of SES into the queue.
        queue_requests=sum(call.service == "sqs" for call in calls) + 2 * polled + len(sent),
        mails=sum(len(people) for call in sent for people in call.request.values()),
        notices=sum(call.service == "sns" for call in calls),
        publications=len(sent),
        traces=len(runs) + len(traced) + begun,
        log_bytes=sum(map(logged, records.invocations)),
        out_bytes=sum(request.bytes for request in records.api_requests),
        stored_bytes=stored(table, indexes),
        secret_calls=sum(call.service == "secretsmanager" for call in calls),
        bucket_writes=sum(call.operation.startswith("PUT") for call in bucket),
        bucket_reads=sum(not call.operation.startswith("PUT") for call in bucket),
        metrics=metrics(records.invocations),
    )


def of_part(
    records: Records, part: str, indexes: Sequence[Any], untraced: Collection[str] = ()
) -> Bill:
    """Counts what belongs to one part of the product (`bench.parts`).

    The feed also starts the follower for changes that have no other subscriber.
    """
    found = bill_of(parts.of(records, part), (), indexes, untraced)
    if part != parts.FEED:
        return found
    table = [call for call in records.calls if call.by and call.service == "dynamodb"]
    more = {
        reader: sum(deliveries(call, reader, {FEED}) - deliveries(call, reader) for call in table)
        for reader in READERS
    }
    return replace(
        found,
        invocations=found.invocations + sum(more.values()),
        traces=found.traces + sum(n for r, n in more.items() if _name(r) not in untraced),
    )


def of_reports(mails: int) -> Bill:
    """The part of a bill that the events of SES about this many accepted mails cause.

    Each is published, goes through the queue, and starts the mailer, which reads one record. The
    mailer's time is left out.
    """
    return Bill(
        invocations=mails,
        read_units=mails / 2,
        queue_requests=3 * mails,
        publications=mails,
    )


def transitions(history: Sequence[Mapping[str, Any]]) -> int:
    """Billed transitions of an execution: each state entered, and each retry of a task."""
    count = tries = 0
    for event in history:
        if event["type"].endswith("StateEntered"):
            count, tries = count + 1, 0
        elif event["type"] == "TaskScheduled":
            tries += 1
            count += tries > 1
    return count


def deliveries(call: Call, reader: str, conditions: Set[str] = frozenset()) -> int:
    """How often the table's stream invokes a reader because of one call of the table.

    The reader has the filters that the template deploys under these conditions (`local.filters`).

    Real batches depend on chance, and items with different partition keys may be in different
    shards. This counts each call and each of its partition keys separately. That is usually more
    than Lambda makes, although records of one transaction may arrive separately. Durations and log
    lines, by contrast, are those of the emulator's own batches.
    """
    if call.status != 200:
        return 0
    changes = [pair for pair in zip(call.before, call.after, strict=True) if pair[0] != pair[1]]
    records = list(map(_record, changes))
    return len(
        {one["dynamodb"]["Keys"]["pk"]["S"] for one in records if reaches(reader, one, conditions)}
    )


def _name(reader: str) -> str:
    """The name of the function of a reader in the local stack."""
    return f"{stack.NAME}-{reader}"


def _record(change: tuple[Item | None, Item | None]) -> dict[str, Any]:
    """A change in the shape of a stream record."""
    before, after = change
    item = after or before or {}
    name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    images = {"OldImage": before, "NewImage": after}
    present = {image: item for image, item in images.items() if item is not None}
    return {"eventName": name, "dynamodb": {"Keys": {n: item[n] for n in ("pk", "sk")}, **present}}


def written(call: Call, indexes: Sequence[Any]) -> int:
    """Write units of one call of the table; 0 for a call that only reads."""
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
    """Read units of one call of the table; 0 for a write. Raises ValueError for other calls."""
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
    """How much the table grew, in bytes that are billed as storage."""

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
    """Bytes of the log lines that one invocation writes."""
    return sum(len(line.encode()) + LINE_BYTES for line in invocation.log)


def bytes_of_platform(invocations: int) -> int:
    """Bytes that Lambda itself writes to the logs for this many invocations, with CallLog `all`."""
    return invocations * sum(len(line) + LINE_BYTES for line in PLATFORM_LINES)


def metrics(invocations: Iterable[Invocation]) -> dict[str, int]:
    """How often each custom metric is written, from the log lines: {"mailer/MailSent": 4}."""
    found: Counter[str] = Counter()
    for line in (line for one in invocations for line in one.log):
        if line.startswith('{"_aws"'):
            written_metrics = json.loads(line)
            for directive in written_metrics["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    found[f"{written_metrics['service']}/{metric['Name']}"] += 1
    return dict(found)


def gb_seconds(invocations: Iterable[Invocation], cold_ms: Mapping[str, float] = {}) -> float:
    """Memory times duration; each invocation is rounded up to the next millisecond.

    CPU time is scaled by the function's share of a CPU; waiting time is not. Functions in `cold_ms`
    count with that CPU time instead, which includes their cold start.
    """

    def milliseconds(one: Invocation) -> int:
        slower = max(1.0, CORE_MB / one.memory_mb)
        if one.function in cold_ms:
            return math.ceil(cold_ms[one.function] * slower)
        waited = one.seconds - one.cpu_seconds
        return math.ceil((one.cpu_seconds * slower + waited) * 1000)

    return sum(milliseconds(one) / 1000 * one.memory_mb / 1024 for one in invocations)


# ------------------------------------------------------------------------------ prices

BUCKET_WRITE, BUCKET_READ = 5e-6, 4e-7
"""US dollars for a request of S3 Standard that puts or lists, and for one that gets
(https://aws.amazon.com/s3/pricing/, 2026-11-30)."""


def used(bill: Bill, seconds: float, sampled: float = SAMPLED) -> dict[str, float]:
    """How much of each meter one life uses. Storage counts for the first month only."""
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
        "publication": bill.publications,
    }


def month(
    life: Mapping[str, float], idle: Mapping[str, float], bill: Bill, complaints: int
) -> dict[str, float]:
    """How much of each meter a month with this many complaints uses, idle use included."""
    traces = {"trace": recorded(bill.traces * complaints)}
    amounts = Counter({name: amount * complaints for name, amount in life.items()} | traces)
    amounts.update(idle)
    # A metric is billed for each hour in which it is written: at most once per write.
    hours = sum(min(HOURS, times * complaints) for times in bill.metrics.values())
    amounts["metric_month"] += hours / HOURS  # type: ignore[assignment]
    return dict(amounts)
