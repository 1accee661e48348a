"""The price of a month: counts from AWS's own metrics, times list prices.

The counts are those of this stack. A bill has more: see `LEFT_OUT`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from redress.console.list_prices import list_prices
from redress.console.metrics import Metric, Metrics, Unread, code_of
from redress.console.rules import deployed
from redress.console.rules.months import Month, before, month_of
from redress.console.rules.prices import GB, HOURS, Row, recorded, rows, transitions

INDEXES = ("owner", "open", "awake", "present")
QUEUE_CALLS = (
    "NumberOfMessagesSent",
    "NumberOfMessagesReceived",
    "NumberOfMessagesDeleted",
    "NumberOfEmptyReceives",
)
"""Counts of messages. A call may send, receive or delete several, so they are at least as many as
the calls that are billed."""
LEFT_OUT = (
    "requests to S3 and Secrets Manager, chunks of incoming mail, custom metrics (ten are free), "
    "traces of state machines, starts of functions' environments, retries of tasks, sign-ins of "
    "staff (10,000 are free), schedules (14 million are free), and queries of logs"
)


@dataclass(frozen=True, slots=True)
class Stack:
    """What the metrics of a stack are called."""

    name: str
    table: str
    api: str
    ticket_machine: str
    bucket: str
    queues: tuple[str, ...]
    """The queues that functions poll. SQS moves dead letters without a request that is billed."""
    feedback_topic: str
    inbound_topic: str
    operations_topic: str
    alarms: int
    architecture: str
    """`arm64` or `x86_64`, which have different prices."""


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one month, by meter."""

    month: Month
    share: float
    """The share of the month that is over."""
    rows: list[Row]

    @property
    def dollars(self) -> float:
        """The sum of the list prices, without any free amount."""
        return sum(row.dollars for row in self.rows)

    @property
    def beyond_free(self) -> float:
        """The sum if no other stack of the account uses the free amounts."""
        return sum(row.beyond_free for row in self.rows)


class CostCase:
    def __init__(
        self, stack: Stack, metrics: Metrics, dynamodb: Any, now: Callable[[], datetime]
    ) -> None:
        self._stack, self._metrics, self._dynamodb = stack, metrics, dynamodb
        self._now = now

    def months(self) -> list[Price]:
        """This month until now, and the last month. Raises Unread, which names what was asked."""
        size = self._table_bytes()
        now = self._now()
        this = month_of(now)
        last = before(this)
        days = self._metrics.daily(list(self._wanted()), last.begin, now)
        return [self._price(month, days, size, now) for month in (this, last)]

    def _price(
        self,
        month: Month,
        days: dict[Metric, dict[datetime, float]],
        size: tuple[int, int],
        now: datetime,
    ) -> Price:
        used = {metric: _within(month, metric, points) for metric, points in days.items()}
        share = month.share(now)
        return Price(month, share, rows(self._amounts(used, size, share), list_prices()))

    def _amounts(
        self, used: dict[Metric, float], size: tuple[int, int], share: float
    ) -> dict[str, float]:
        """The amount of each meter. `share` is how much of the month is over."""
        calls = {name: used[self._of_function("Invocations", name)] for name in deployed.FUNCTIONS}
        traced = sum(n for name, n in calls.items() if name not in deployed.UNTRACED)
        logged = sum(used[metric] for metric in self._logs()) / GB
        table, indexes = size
        return {
            "transition": transitions(used[self._started], calls["workflow"]),
            "api_request": used[self._of_api("Count")],
            "invocation": sum(calls.values()),
            "gb_second" if self._stack.architecture == "arm64" else "gb_second_x86": sum(
                used[self._of_function("Duration", name)] / 1000 * memory / 1024
                for name, memory in deployed.FUNCTIONS.items()
            ),
            "write_unit": sum(used[one] for one in self._of_table("ConsumedWriteCapacityUnits")),
            "read_unit": sum(used[one] for one in self._of_table("ConsumedReadCapacityUnits")),
            "table_gb_month": (table + indexes) / GB * share,
            "recovery_gb_month": table / GB * share,
            "queue_request": sum(used[metric] for metric in self._queues()),
            "log_gb": logged,
            "log_gb_month": logged,
            "trace": recorded(traced, HOURS * share),
            "out_gb": used[self._of_api("DataProcessed")] / GB,
            "mail": used[_published(self._stack.feedback_topic)],
            "publication": used[_published(self._stack.feedback_topic)],
            "received_mail": used[_published(self._stack.inbound_topic)],
            "notice": used[_published(self._stack.operations_topic)],
            "object_gb_month": used[self._bucket] / GB * share,
            "alarm_month": self._stack.alarms * share,
            "secret_month": deployed.SECRETS * share,
        }

    # -------------------------------------------------------------------------- metrics

    def _wanted(self) -> Iterable[Metric]:
        for name in deployed.FUNCTIONS:
            yield self._of_function("Invocations", name)
            yield self._of_function("Duration", name)
        yield from self._of_table("ConsumedWriteCapacityUnits")
        yield from self._of_table("ConsumedReadCapacityUnits")
        yield from self._queues()
        yield from self._logs()
        yield self._of_api("Count")
        yield self._of_api("DataProcessed")
        yield self._started
        yield self._bucket
        for topic in (
            self._stack.feedback_topic,
            self._stack.inbound_topic,
            self._stack.operations_topic,
        ):
            yield _published(topic)

    def _of_function(self, metric: str, name: str) -> Metric:
        named = deployed.function(self._stack.name, name)
        return Metric("AWS/Lambda", metric, (("FunctionName", named),))

    def _of_api(self, metric: str) -> Metric:
        return Metric("AWS/ApiGateway", metric, (("ApiId", self._stack.api),))

    def _of_table(self, metric: str) -> list[Metric]:
        """The metric of the table, and that of each index, which the table's does not include."""
        table = ("TableName", self._stack.table)
        return [
            Metric("AWS/DynamoDB", metric, (table,)),
            *(
                Metric("AWS/DynamoDB", metric, (table, ("GlobalSecondaryIndexName", index)))
                for index in INDEXES
            ),
        ]

    def _queues(self) -> list[Metric]:
        return [
            Metric("AWS/SQS", call, (("QueueName", queue),))
            for queue in self._stack.queues
            for call in QUEUE_CALLS
        ]

    def _logs(self) -> list[Metric]:
        return [
            Metric("AWS/Logs", "IncomingBytes", (("LogGroupName", group),))
            for group in deployed.log_groups(self._stack.name)
        ]

    @property
    def _started(self) -> Metric:
        machine = ("StateMachineArn", self._stack.ticket_machine)
        return Metric("AWS/States", "ExecutionsStarted", (machine,))

    @property
    def _bucket(self) -> Metric:
        return Metric(
            "AWS/S3",
            "BucketSizeBytes",
            (("BucketName", self._stack.bucket), ("StorageType", "StandardStorage")),
            "Average",
        )

    def _table_bytes(self) -> tuple[int, int]:
        """Bytes of the table and of its indexes, as DynamoDB counts them every six hours."""
        try:
            found = self._dynamodb.describe_table(TableName=self._stack.table)["Table"]
        except (ClientError, BotoCoreError) as error:
            asked = f"the size of the table {self._stack.table}"
            raise Unread(f"DynamoDB did not give {asked}: {code_of(error)}") from error
        indexes = found.get("GlobalSecondaryIndexes", [])
        return found.get("TableSizeBytes", 0), sum(one.get("IndexSizeBytes", 0) for one in indexes)


def _within(month: Month, metric: Metric, points: dict[datetime, float]) -> float:
    """The sum of a metric's days in this month, or their average."""
    values = [value for day, value in points.items() if month.begin <= day < month.end]
    if metric.statistic == "Average":
        return sum(values) / len(values) if values else 0.0
    return sum(values)


def _published(topic: str) -> Metric:
    return Metric("AWS/SNS", "NumberOfMessagesPublished", (("TopicName", topic),))
