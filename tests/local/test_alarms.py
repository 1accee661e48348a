"""The alarms of the deployed stack, and findings that the deployed sweep reports to them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from local.stack import Outputs
from tests.alarming import alarms, embedded, resolved

REPAIR = "redress-repair"


def reported(functions: Any) -> list[dict[str, Any]]:
    """Run the sweep of the deployed stack. Returns the findings in the log of this call."""
    answer = functions.invoke(
        FunctionName=f"{REPAIR}:live", Payload=b'{"task": "sweep", "all": true}', LogType="Tail"
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    written = base64.b64decode(answer["LogResult"]).decode()
    assert "watched held mail" in written, "the end of the log"
    return [json.loads(line) for line in written.splitlines() if line.startswith('{"_aws"')]


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
    deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    functions = aws("lambda")
    variables = functions.get_function_configuration(FunctionName=REPAIR)["Environment"]
    watched = variables["Variables"]["READER_MAPPINGS"].split(",")
    states = [functions.get_event_source_mapping(UUID=one)["State"] for one in watched]
    assert states == ["Enabled"] * 4, "relay, follower, mailer, and inbound with a mail domain"
    with switched_off(functions, watched[1]):
        found = [one for one in reported(functions) if one["message"] == "a reader is switched off"]
    [line] = found
    assert set(line["mappings"]) == {watched[1]}
    now = datetime.now(UTC)
    data = list(embedded([json.dumps(line, separators=(",", ":"))]))
    assert alarms()["WorkflowsRepaired"].rings(data, now)
    assert "a reader is switched off" not in [one["message"] for one in reported(functions)]


def test_queues_that_the_sweep_counts_are_the_dead_letter_queues(
    deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    environment = aws("lambda").get_function_configuration(FunctionName=REPAIR)["Environment"]
    urls = environment["Variables"]["DEAD_LETTER_QUEUE_URLS"].split(",")
    outputs = {url for name, url in deployed.stack.items() if name.endswith("DeadLetterQueueUrl")}
    assert set(urls) == outputs
    assert len(urls) == 6
