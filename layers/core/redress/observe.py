"""Counting what operations watch: one metric at a time, and nothing when nothing happened.

Metrics are lines in the log (embedded metric format): no call, no wait, and an idle month has no
custom metric to pay for.
"""

from __future__ import annotations

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "Redress"


def count(service: str, name: str, value: int = 1) -> None:
    """Count `value` of something for a service; zero leaves no trace."""
    if value:
        with single_metric(
            name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE
        ) as metric:
            metric.add_dimension(name="service", value=service)
