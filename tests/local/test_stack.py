"""The result of `make up`: addresses that answer, functions that start, staff at work."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3

from local import process, stack
from local.stack import Outputs


def test_pages_and_api_answer_at_the_addresses_in_the_outputs(deployed: Outputs) -> None:
    functions: Any = boto3.client("lambda", **deployed.client_arguments())
    mailer = functions.get_function_configuration(FunctionName=f"{stack.NAME}-mailer:live")
    with urllib.request.urlopen(f"{deployed.base_url}/?lang=en", timeout=10) as response:
        page = response.read().decode()

    document = stack.call_api(deployed, "GET", "/openapi.json", None)

    assert f'action="{deployed.base_url}/form' in page
    assert mailer["Environment"]["Variables"]["BASE_ADDRESS"] == deployed.base_url
    assert document["openapi"].startswith("3.")


def test_staff_sign_in_and_agents_are_available(deployed: Outputs) -> None:
    tables: Any = boto3.client("dynamodb", **deployed.client_arguments())
    roles = [member["groups"][0] for member in deployed.staff.values()]
    assert [roles.count(role) for role in ("agent", "supervisor", "manager")] == [4, 2, 1]

    for member in deployed.staff.values():
        key = {"pk": {"S": f"AGENT#{member['sub']}"}, "sk": {"S": "DUTY"}}
        availability = tables.get_item(TableName=deployed.stack["TableName"], Key=key)["Item"]
        wanted = "available" if member["groups"] == ["agent"] else "away"
        assert availability["presence"]["S"] == wanted, member["name"]


def test_outputs_are_written_for_other_programs(deployed: Outputs) -> None:
    content = json.loads((deployed.directory / "outputs.json").read_text(encoding="utf-8"))

    assert content["TableName"] == deployed.stack["TableName"]
    assert content["base_url"] == deployed.base_url
    assert content["staff"] == deployed.staff


def test_deploying_again_keeps_staff_and_their_passwords(deployed: Outputs) -> None:
    cloud = process.find(deployed.directory)
    assert cloud is not None

    again = stack.install(cloud)

    assert again.staff == deployed.staff
    assert again.stack["TableName"] == deployed.stack["TableName"]
    assert again.base_url == deployed.base_url


def test_report_is_summed_up_in_one_line() -> None:
    idle = {"open": 0, "running": 0, "found": {}, "examples": {}, "left": 0}
    assert stack.summary(idle) == "0 open tickets, 0 workflows; nothing to repair"
    busy = idle | {
        "open": 2,
        "found": {"older_definition": 2, "followed": 1},
        "examples": {"older_definition": ["R-1", "R-2"], "followed": ["R-3"]},
        "left": 4,
    }
    assert stack.summary(busy) == (
        "2 open tickets, 0 workflows; followed 1 (R-3); older definition 2 (R-1, R-2); "
        "left for the next run 4"
    )
