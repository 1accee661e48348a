"""What operations see: counted metrics, and faults named without a customer's words in them.

Metrics are lines in the log (embedded metric format): no call, no wait. Each costs US$0.30 a month
once it is written all day, so nothing is counted of a ticket whose life is as it should be. That is
in the log's own lines, and in the metrics that Amazon keeps for nothing: SES counts what was sent,
Lambda what ran.
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


def count(service: str, name: str, value: int = 1) -> None:
    """Count `value` of something for a service; zero leaves no trace."""
    if value:
        with single_metric(
            name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE
        ) as metric:
            metric.add_dimension(name="service", value=service)


def fault_of(error: BaseException) -> dict[str, Any]:
    """An error for a log: what it was, what it came from and where; never its own message.

    The message of a botocore, msgspec or PynamoDB error may quote a text, an address or a token.
    `fault` reads `Unavailable < ClientError ThrottlingException`; `where` are the innermost frames.
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
    """A function failed; the message is the name of what it was, and nothing else of it."""


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def discreet(logger: Any) -> Callable[[Handler], Handler]:
    """For a handler whose errors reach Lambda's own log, a dead letter or an execution's history.

    A domain error passes as it is, because machines retry by its name and its message is ours. Any
    other is logged by `fault_of` and raised as `Failed`.
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
