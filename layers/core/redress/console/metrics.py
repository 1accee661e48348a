"""Reads metrics that AWS writes by itself. To read them is free for a million calls a month."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from redress.base.errors import RedressError

DAY_S = 86_400
AT_ONCE = 10
"""How many metrics are read at the same time. botocore keeps as many connections."""


class Metric(Struct, frozen=True):
    """A metric, and the statistic of it that is wanted: the sum or the average of a day."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()
    statistic: str = "Sum"

    def __str__(self) -> str:
        named = ", ".join(f"{name} {value}" for name, value in self.dimensions)
        return f"{self.namespace} {self.name} of {named}" if named else self.label

    @property
    def label(self) -> str:
        return f"{self.namespace} {self.name}"


class Unread(RedressError):
    """A service did not give what was asked. The message names what, and the error's code."""


class Metrics:
    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch

    def daily(
        self, wanted: Sequence[Metric], begin: datetime, end: datetime
    ) -> dict[Metric, dict[datetime, float]]:
        """The statistic of each metric for each day (UTC) that has one, by the day's beginning.

        One call for each metric. `GetMetricStatistics` is free for the first million calls a month;
        `GetMetricData`, which reads many metrics in one call, is not. Raises Unread.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(partial(self._days, begin, end), wanted)
            return dict(zip(wanted, found, strict=True))

    def _days(self, begin: datetime, end: datetime, metric: Metric) -> dict[datetime, float]:
        try:
            answer = self._cloudwatch.get_metric_statistics(
                Namespace=metric.namespace,
                MetricName=metric.name,
                Dimensions=[{"Name": n, "Value": v} for n, v in metric.dimensions],
                StartTime=begin,
                EndTime=end,
                Period=DAY_S,
                Statistics=[metric.statistic],
            )
        except (ClientError, BotoCoreError) as error:
            raise Unread(f"CloudWatch did not give {metric}: {code_of(error)}") from error
        return {point["Timestamp"]: point[metric.statistic] for point in answer["Datapoints"]}


def code_of(error: Exception) -> str:
    """`AccessDenied`, or the name of an error that has no code."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
