"""Tickets on the deployed stack: opened through the public API, observed in the table."""

from __future__ import annotations

from typing import Any

import boto3

from local import story
from local.endpoints import Receipt, submit_by_json, wait_for
from local.stack import Outputs
from local.story import World


def complaint(name: str) -> dict[str, Any]:
    return story.body(
        "complaint", "en", name, f"Matter of {name}", "It broke.", email=f"{name}@customer.example"
    )


def opened(world: World, name: str) -> Receipt:
    return submit_by_json(world.base_url, complaint(name))


def timer(deployed: Outputs, number: str) -> dict[str, Any]:
    table: Any = boto3.resource("dynamodb", **deployed.client_arguments())
    key = {"pk": f"TICKET#{number}", "sk": "TIMER"}
    found: dict[str, Any] = table.Table(deployed.stack["TableName"]).get_item(
        Key=key, ConsistentRead=True
    )["Item"]
    return found


def asleep(deployed: Outputs, number: str) -> dict[str, Any]:
    def armed() -> dict[str, Any] | None:
        found = timer(deployed, number)
        return found if found.get("armed", {}).get("seq") == found["seq"] else None

    return wait_for(armed, f"the workflow of {number} sleeps", 20)


def rungs(world: World, number: str) -> list[tuple[str, int]]:
    return [
        (event["data"]["clock"], event["data"]["rung"])
        for event in world.manager.read(number)["timeline"]
        if event["type"] == "rung_fired"
    ]
