"""Tickets on the deployed stack: opened through the public API, observed in the table."""

from __future__ import annotations

from typing import Any

import boto3

from local import story
from local.endpoints import Receipt, sign_in, submit_by_json, wait_for
from local.stack import Outputs
from local.story import Reader, World


def world_of(deployed: Outputs) -> World:
    """The deployed stack with all members of staff signed in."""
    cognito: Any = boto3.client("cognito-idp", **deployed.client_arguments())
    client_id = deployed.stack["UserPoolClientId"]
    staff = {
        user: sign_in(
            cognito, client_id, deployed.base_url, user, entry["password"], entry["groups"][0]
        )
        for user, entry in deployed.staff.items()
    }
    manager = next(member for member in staff.values() if member.role == "manager")
    return World(
        deployed.base_url, deployed.endpoint_url, staff, Reader(manager), lambda number, title: None
    )


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


def running(deployed: Outputs, number: str) -> list[str]:
    """The running executions of one ticket, by generation."""
    machines: Any = boto3.client("stepfunctions", **deployed.client_arguments())
    found = machines.list_executions(
        stateMachineArn=deployed.stack["TicketMachineArn"], statusFilter="RUNNING"
    )["executions"]
    return sorted(e["name"] for e in found if e["name"].startswith(number))
