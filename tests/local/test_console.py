"""The dashboard as it is deployed: CloudWatch could invoke every widget, and each answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local.operations.console import asked
from local.stack import Outputs
from local.story import World
from tests.local.living import opened


def test_every_widget_of_the_deployed_dashboard_answers(
    world: World, deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    number = opened(world, "dashboard").number
    name = deployed.stack["DashboardName"]
    body = json.loads(aws("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    widgets = [one["properties"] for one in body["widgets"] if one["type"] == "custom"]
    found = {}
    for widget in widgets:
        event = asked(widget["params"]["show"], "light", number) | widget["params"]
        answer = aws("lambda").invoke(
            FunctionName=widget["endpoint"], Payload=json.dumps(event).encode()
        )
        html = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, html
        assert "could not be read" not in html
        found[event["show"]] = html
    assert set(found) == {"state", "price", "ticket"}
    assert "complaints" in found["state"]
    assert f"{number}-1" in found["ticket"]
    assert "invocations" in found["price"], "the local cloud counts calls of functions"


def test_alarms_of_the_deployed_dashboard_exist(
    deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    name = deployed.stack["DashboardName"]
    body = json.loads(aws("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    [listed] = [one["properties"]["alarms"] for one in body["widgets"] if one["type"] == "alarm"]
    known = aws("cloudwatch").describe_alarms()["MetricAlarms"]
    assert set(listed) <= {alarm["AlarmArn"] for alarm in known}
    assert len(listed) == len(set(listed)) > 5
