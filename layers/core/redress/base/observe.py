"""Reports for operations, and error descriptions that contain no personal data.

A report is a line in the log that is also a metric (CloudWatch embedded metric format), so it makes
no network call. A metric that is written all the time costs US$0.30 a month. Therefore only
findings on which an alarm rings are metrics. Everything else is in ordinary log lines and in AWS's
free metrics: SES counts sent mails, Lambda counts invocations.
"""

from __future__ import annotations

import functools
import json
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from redress.base.errors import RedressError

SAID_ELSEWHERE = frozenset(
    {"function_name", "function_arn", "function_memory_size"}  # by the name of the log group
    | {"xray_trace_id"}  # by the trace, which has the request's id
)
"""What Powertools adds to each line although it is said elsewhere.

Without these fields the lines of a ticket's life have half the length. CloudWatch bills bytes."""

FRAMES = 3
"""`fault_of` reports at most this many stack frames, the innermost ones."""


def logger(service: str) -> Logger:
    """The logger of a function. Its lines are JSON without SAID_ELSEWHERE.

    Their `timestamp` is in the format that Lambda expects of JSON lines (RFC 3339). `cold_start` is
    only in the lines of the first request of a process.
    """
    return Logger(service=service, json_serializer=_line, use_rfc3339=True)


def _line(fields: dict[str, Any]) -> str:
    told = {name: value for name, value in fields.items() if name not in SAID_ELSEWHERE}
    if not told.get("cold_start"):
        told.pop("cold_start", None)
    return json.dumps(told, default=str, separators=(",", ":"))


class Alarm(StrEnum):
    """The alarms on what the functions report. Each value is the name of an alarm's metric.

    The template has the alarms, and decision 32 explains them. The metrics have no dimensions. All
    metrics of a stack are in one namespace, which the template gives to every function
    (POWERTOOLS_METRICS_NAMESPACE).
    """

    DEAD_LETTERS = "DeadLetters"
    """Messages lie in a dead-letter queue."""
    WORKFLOWS_REPAIRED = "WorkflowsRepaired"
    """An execution failed, or a workflow was late or had to be repaired."""
    MONTH_FAILED = "MonthFailed"
    """A month has no scores, and no run is going to make them."""
    MAIL_NOT_SENT = "MailNotSent"
    """A mail was refused, has waited for minutes, or did not reach a member of staff."""
    UNREADABLE = "Unreadable"
    """An item of the table or an incoming mail cannot be read."""
    CLOCK_WRONG = "ClockWrong"
    """The clock of a machine is wrong."""


def report(
    alarm: Alarm,
    message: str,
    details: Mapping[str, Any] = {},
    *,
    value: int = 1,
    at: datetime | None = None,
) -> None:
    """Report a finding that an alarm tells to operations: a log line that is also a metric.

    `details` are further fields of the line. They must contain no personal data. `value` is added
    to the metric. `at` is the metric's time; None is the time of the machine.
    """
    with single_metric(name=alarm, unit=MetricUnit.Count, value=value) as metric:
        if at is not None:
            # `set_timestamp` would warn, because it compares `at` with the machine's clock.
            metric.timestamp = round(at.timestamp() * 1000)
        found = {"level": "ERROR", "alarm": alarm, "message": message}
        for key, detail in {**found, **details}.items():
            metric.add_metadata(key=key, value=detail)


def unreadable(pk: str, sk: str, error: BaseException) -> None:
    """Report that an item of the table cannot be read.

    The line contains the keys of the item and `fault_of(error)`, but nothing else of the item.
    """
    report(Alarm.UNREADABLE, "an item cannot be read", {"pk": pk, "sk": sk} | fault_of(error))


def fault_of(error: BaseException) -> dict[str, Any]:
    """Describe an error for the log: its type, its causes and where it was raised.

    The message is left out, because the message of a botocore, msgspec or PynamoDB error may quote
    personal data or a token. `fault` names the error and its causes, the root cause last, as in
    `Unavailable < ClientError ThrottlingException`. `where` lists the innermost stack frames of the
    last error in this chain that has a traceback, each as `file:line function`.
    """
    names = []
    where: list[str] = []
    current: BaseException | None = error
    while current is not None:
        names.append(_type_and_code(current))
        frames = traceback.extract_tb(current.__traceback__)[-FRAMES:]
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames] or where
        current = current.__cause__
    return {"fault": " < ".join(names), "where": where}


def _type_and_code(error: BaseException) -> str:
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return f"{type(error).__name__} {code}".rstrip()


class Failed(Exception):
    """Raised in place of an unexpected error of a handler. The message contains only the type and
    the AWS error code of that error."""


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def discreet(logger: Any) -> Callable[[Handler], Handler]:
    """Decorate a handler so that the errors that it raises contain no personal data.

    Lambda writes the message of an error to its log, and the message can reach a dead-letter queue
    or the history of an execution. A domain error is logged and raised unchanged: state machines
    select retries by its class name, and its message is written in this code base. Any other error
    is logged as `fault_of` describes it, and `Failed` is raised instead.
    """

    def wrap(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def run(event: dict[str, Any], context: Any) -> dict[str, Any]:
            try:
                return handler(event, context)
            except RedressError as error:
                logger.warning("the handler failed", extra=fault_of(error))
                raise
            except Exception as error:
                logger.error("the handler failed", extra=fault_of(error))
                raise Failed(_type_and_code(error)) from None

        return run

    return wrap
