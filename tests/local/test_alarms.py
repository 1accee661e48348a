"""The alarms of the deployed stack, and findings that the deployed sweep reports to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.endpoints import wait_for
from local.stack import Outputs
from tests.alarming import alarms, embedded, resolved

REPAIR = "redress-repair"


class Sweep:
    """Runs the sweep of the deployed stack and reads what it reports."""

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self._functions, self._logs = aws("lambda"), aws("logs")

    def reported(self) -> list[dict[str, Any]]:
        """Run the sweep and return the findings in the log of its call."""
        answer = self._functions.invoke(FunctionName=f"{REPAIR}:live", Payload=b'{"task": "sweep"}')
        assert "FunctionError" not in answer, answer["Payload"].read()
        request = answer["ResponseMetadata"]["RequestId"]

        def lines() -> list[str]:
            found = self._logs.filter_log_events(
                logGroupName=f"/aws/lambda/{REPAIR}",
                startTime=round((datetime.now(UTC) - timedelta(minutes=5)).timestamp() * 1000),
            )["events"]
            written = [one["message"] for one in found]
            start = next((n for n, one in enumerate(written) if request in one), None)
            ended = any(one.startswith(f"REPORT RequestId: {request}") for one in written)
            return written[start:] if start is not None and ended else []

        written = wait_for(lines, "the log of the sweep", 30)
        return [json.loads(one) for one in written if one.startswith('{"_aws"')]


@pytest.fixture
def sweep(deployed: Outputs, aws: Callable[[str], Any]) -> Sweep:
    return Sweep(aws)


def test_deployed_alarms_are_those_of_the_template(
    deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    pages = aws("cloudwatch").get_paginator("describe_alarms").paginate()
    deployed_now = {one["AlarmName"]: one for page in pages for one in page["MetricAlarms"]}
    for alarm in alarms().values():
        found = deployed_now[resolved(alarm.properties["AlarmName"])]
        assert found["Namespace"] == resolved(alarm.properties["Namespace"])
        assert found["Threshold"] == alarm.properties["Threshold"]
        assert found["AlarmDescription"].endswith(".md")
        assert "https://" in found["AlarmDescription"]
        assert found["AlarmActions"] == found["OKActions"]
    assert len(deployed_now) == len(alarms())


@contextmanager
def switched_off(functions: Any, mapping: str) -> Iterator[None]:
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def test_sweep_reports_a_reader_that_is_switched_off(
    sweep: Sweep, aws: Callable[[str], Any]
) -> None:
    functions = aws("lambda")
    variables = functions.get_function_configuration(FunctionName=REPAIR)["Environment"]
    watched = variables["Variables"]["READER_MAPPINGS"].split(",")
    states = [functions.get_event_source_mapping(UUID=one)["State"] for one in watched]
    assert states == ["Enabled"] * 4, "relay, follower, mailer, and inbound with a mail domain"
    with switched_off(functions, watched[1]):
        found = [one for one in sweep.reported() if one["message"] == "a reader is switched off"]
    [line] = found
    assert set(line["mappings"]) == {watched[1]}
    now = datetime.now(UTC)
    data = list(embedded([json.dumps(line, separators=(",", ":"))]))
    assert alarms()["WorkflowsRepaired"].rings(data, now)
    assert "a reader is switched off" not in [one["message"] for one in sweep.reported()]


def test_queues_that_the_sweep_counts_are_the_dead_letter_queues(
    deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    environment = aws("lambda").get_function_configuration(FunctionName=REPAIR)["Environment"]
    urls = environment["Variables"]["DEAD_LETTER_QUEUE_URLS"].split(",")
    outputs = {url for name, url in deployed.stack.items() if name.endswith("DeadLetterQueueUrl")}
    assert set(urls) == outputs
    assert len(urls) == 5
