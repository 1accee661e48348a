"""Evaluates the template's alarms as CloudWatch does, against metrics that a test has collected.

A datum comes from a line that a function wrote (embedded metric format), from a log line that a
metric filter of the template finds, or from a test that says what a service of AWS counts.

CloudWatch evaluates an alarm every minute. Its periods end at the time of the evaluation. If data
are missing, CloudWatch also looks a little further into the past than this evaluator, so it may
ring a period later (User Guide, "Configuring how CloudWatch alarms treat missing data").
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from tests.template.documents import of_type

STACK = "redress"
API, REPAIR = "abcde12345", f"{STACK}-repair"
NAMES = {"HttpApi": API, "RepairFunction": REPAIR}
"""What resources that an alarm refers to are called."""

Dimensions = frozenset[tuple[str, str]]

STATISTICS: dict[str, Callable[[list[float]], float]] = {"Sum": sum, "Maximum": max}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Datum:
    namespace: str
    name: str
    at: datetime
    value: float = 1.0
    dimensions: Dimensions = frozenset()


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of the template. `name` is without the name of the stack: "DeadLetters"."""

    name: str
    properties: Mapping[str, Any] = field(repr=False)

    def concerns(self, datum: Datum) -> bool:
        """Whether a datum belongs to the alarm's metric. A metric is its name and dimensions."""
        given = self.properties.get("Dimensions", [])
        dimensions = frozenset((one["Name"], resolved(one["Value"])) for one in given)
        wanted = (resolved(self.properties["Namespace"]), self.properties["MetricName"], dimensions)
        return (datum.namespace, datum.name, datum.dimensions) == wanted

    def rings(self, data: Iterable[Datum], now: datetime) -> bool:
        """Whether the alarm is in the state ALARM at `now`."""
        given = self.properties
        own = [datum for datum in data if self.concerns(datum)]
        period, number = timedelta(seconds=given["Period"]), given["EvaluationPeriods"]
        breaching = sum(self._breaches(own, now - n * period, period) for n in range(number))
        return bool(breaching >= given.get("DatapointsToAlarm", number))

    def _breaches(self, data: Iterable[Datum], end: datetime, period: timedelta) -> bool:
        values = [datum.value for datum in data if end - period < datum.at <= end]
        if not values:
            return bool(self.properties["TreatMissingData"] == "breaching")
        value = STATISTICS[self.properties["Statistic"]](values)
        compare = COMPARISONS[self.properties["ComparisonOperator"]]
        return compare(value, self.properties["Threshold"])


@cache
def alarms() -> dict[str, Alarm]:
    """The alarms of the template, by name."""
    found = of_type("AWS::CloudWatch::Alarm").items()
    every = [Alarm(logical.removesuffix("Alarm"), one["Properties"]) for logical, one in found]
    return {one.name: one for one in every}


def ringing(data: Iterable[Datum], now: datetime) -> set[str]:
    """The names of the alarms that ring at `now`."""
    found = list(data)
    return {alarm.name for alarm in alarms().values() if alarm.rings(found, now)}


def resolved(value: Any) -> str:
    """A value of the template as it is in the stack STACK."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return NAMES[name]
        case {"Fn::Sub": str(text)}:
            return text.replace("${AWS::StackName}", STACK)
    raise ValueError(f"not a value that alarms use: {value}")


def embedded(lines: Iterable[str], at: datetime | None = None) -> Iterator[Datum]:
    """The data in lines of the embedded metric format. `at` replaces the time that they have.

    Source: CloudWatch, "Specification: Embedded metric format".
    """
    for line in lines:
        if not line.startswith('{"_aws"'):
            continue
        document = json.loads(line)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for keys in directive["Dimensions"]:
                dimensions = frozenset((key, document[key]) for key in keys)
                for metric in directive["Metrics"]:
                    written = document[metric["Name"]]
                    own = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000).astimezone()
                    for value in written if isinstance(written, list) else [written]:
                        name = metric["Name"]
                        yield Datum(directive["Namespace"], name, at or own, value, dimensions)


def filtered(lines: Iterable[str], at: datetime) -> Iterator[Datum]:
    """The data of the filters that the template has for failed calls, for lines of one function.

    All functions have the same filter (`tests/template/test_alarms.py`).
    """
    one, *_ = of_type("AWS::Logs::MetricFilter").values()
    [count] = one["Properties"]["MetricTransformations"]
    namespace = resolved(count["MetricNamespace"])
    for line in lines:
        if matches(one["Properties"]["FilterPattern"], line):
            yield Datum(namespace, count["MetricName"], at, float(count["MetricValue"]))


FAILED_LINES = [
    # What the runtime for Python writes of an unhandled exception (awslambdaric, `log_error`).
    '{"timestamp":"2026-11-28T21:58:09Z","level":"ERROR","errorMessage":"\'key\'","errorType":"KeyError",'
    '"requestId":"13222b1e","stackTrace":["  File \\"/var/task/app.py\\", line 7, in handler\\n"]}',
    '{"timestamp":"2026-11-28T21:58:09Z","level":"ERROR","errorMessage":"Unable to import module '
    '\'app\'","errorType":"Runtime.ImportModuleError","requestId":"","stackTrace":[]}',
    # Reports of Lambda of a timeout and of a runtime that ended (Lambda Developer Guide, "Lambda
    # Telemetry API Event schema reference", platform.report).
    '{"time":"2026-11-28T21:58:09.000Z","type":"platform.report","record":{"requestId":"13222b1e",'
    '"metrics":{"durationMs":3000.0,"billedDurationMs":3000,"memorySizeMB":1024,'
    '"maxMemoryUsedMB":64},"status":"timeout"}}',
    '{"time":"2026-11-28T21:58:09.000Z","type":"platform.report","record":{"requestId":"276ff3b9",'
    '"metrics":{"durationMs":10935.7,"billedDurationMs":10936,"memorySizeMB":1024,'
    '"maxMemoryUsedMB":1024},"status":"error","errorType":"Runtime.OutOfMemory"}}',
]
"""Lines that Lambda writes of a failed call."""
HEALTHY_LINES = [
    '{"time":"2026-11-28T21:58:09.000Z","type":"platform.start","record":{"requestId":"13222b1e",'
    '"version":"7"}}',
    '{"time":"2026-11-28T21:58:09.000Z","type":"platform.report","record":{"requestId":"13222b1e",'
    '"metrics":{"durationMs":3.0,"billedDurationMs":3,"memorySizeMB":512,"maxMemoryUsedMB":64,'
    '"initDurationMs":300.0},"status":"success"}}',
    '{"level":"ERROR","location":"handler:56","message":"the handler failed","service":"repair"}',
    "Traceback of a library that prints",
]
"""Lines of calls that Lambda counts as done."""


_COMPARISON = re.compile(r'\$\.([\w.]+) (=|!=) "([^"]*)"')


def matches(pattern: str, line: str) -> bool:
    """Whether a filter pattern of comparisons finds a log line.

    The pattern is one pair of braces with comparisons such as `$.name = "text"` or `!=`, joined by
    `&&`, and such groups joined by `||`. "*" is any text. A field that is missing, or a line that
    is no JSON, matches nothing. Source: CloudWatch Logs, "Filter pattern syntax for metric
    filters", JSON log events. Raises ValueError for any other pattern.
    """
    groups = [
        [_COMPARISON.fullmatch(term.strip()) for term in group.strip(" ()").split("&&")]
        for group in pattern.removeprefix("{").removesuffix("}").split("||")
    ]
    if not pattern.startswith("{") or not all(term for group in groups for term in group):
        raise ValueError(f"not a pattern of comparisons: {pattern}")
    try:
        found = json.loads(line)
    except ValueError:
        return False
    return any(all(_holds(term, found) for term in group if term) for group in groups)


def _holds(comparison: re.Match[str], found: Any) -> bool:
    path, sign, text = comparison.groups()
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return isinstance(found, str) and (text in ("*", found)) == (sign == "=")
