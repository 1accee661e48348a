"""Metrics for operations, and error descriptions that contain no personal data.

A metric is a line in the log (CloudWatch embedded metric format), so counting makes no network
call. Each metric costs US$0.30 for a month in which it is written all day. Therefore only
exceptional events are counted. Normal events appear in ordinary log lines and in AWS's free
metrics: SES counts sent mails, Lambda counts invocations.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from redress.base.errors import RedressError

NAMESPACE = "Redress"
FRAMES = 3
"""Innermost stack frames that `fault_of` reports."""


def count(service: str, name: str, value: int = 1) -> None:
    """Add `value` to a metric of a service. Zero writes nothing."""
    if value:
        with single_metric(
            name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE
        ) as metric:
            metric.add_dimension(name="service", value=service)


def fault_of(error: BaseException) -> dict[str, Any]:
    """Describe an error for the log by its type, its causes and its place, without its message.

    The message of a botocore, msgspec or PynamoDB error may quote personal data or a token.
    `fault` lists the error and its causes: `Unavailable < ClientError ThrottlingException`.
    `where` lists the innermost frames of the root cause, each as `file:line function`.
    """
    names = []
    where: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        names.append(_name(seen))
        frames = traceback.extract_tb(seen.__traceback__)[-FRAMES:]
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames] or where
        seen = seen.__cause__
    return {"fault": " < ".join(names), "where": where}


def _name(error: BaseException) -> str:
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return f"{type(error).__name__} {code}".rstrip()


class Failed(Exception):
    """Replaces an unexpected error of a handler. The message holds only that error's type and
    AWS error code."""


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def discreet(logger: Any) -> Callable[[Handler], Handler]:
    """Decorate a handler so that its errors carry no personal data.

    Without it, error messages would reach Lambda's log, a dead-letter queue or an execution's
    history. Domain errors pass unchanged: state machines retry by their names, and their messages
    are written in this code base. Any other error is logged by `fault_of` and raised as `Failed`.
    """

    def wrap(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def run(event: dict[str, Any], context: Any) -> dict[str, Any]:
            try:
                return handler(event, context)
            except RedressError as error:
                logger.warning("failed", extra=fault_of(error))
                raise
            except Exception as error:
                logger.error("failed", extra=fault_of(error))
                raise Failed(_name(error)) from None

        return run

    return wrap
