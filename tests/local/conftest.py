"""Fixtures: an empty local cloud to test the cloud itself, and the deployed product.

`LOCAL_CLOUD=plain pytest tests/local/test_patches.py` runs the tests of the patches against the
unpatched emulator: the tests that fail then show what the patches are for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import process, stack
from local.endpoints import EndpointError
from local.stack import Outputs
from local.story import World, solved
from tests.deployed import deployed
from tests.local.laboratory import Laboratory
from tests.local.living import world_of

__all__ = ["deployed"]

BILL = Path(__file__).with_name("test_bill.py")
ROUNDS = 60
"""How often open tickets are resolved until none is left."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The bill comes first: it needs a stack whose plan no other test has replaced."""
    items.sort(key=lambda item: item.path != BILL)


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """An empty cloud on a free port, patched unless LOCAL_CLOUD is "plain"."""
    plain = os.environ.get("LOCAL_CLOUD") == "plain"
    directory = tmp_path_factory.mktemp("cloud")
    cloud = process.start(directory, process.free_port(), plain=plain)
    yield Laboratory(cloud)
    process.stop(cloud)


@pytest.fixture(scope="module")
def world(deployed: Outputs) -> World:
    """The deployed stack under a paced plan, with all members of staff signed in."""
    stack.publish_pace(deployed, 3600)
    time.sleep(6)  # a function may use the plan that it has read for 5 s
    found = world_of(deployed)
    resolve_open_tickets(found)
    return found


def resolve_open_tickets(world: World) -> None:
    """Resolves tickets that other tests left open, because agents have a limited capacity."""
    agents = [member for member in world.staff.values() if member.role == "agent"]
    for _ in range(ROUNDS):
        left = [(a, item) for a in agents for item in a.get("/work")["items"] if _is_open(item)]
        if not left:
            return
        for agent, item in left:
            version = world.manager.read(item["number"])["version"]
            body = {"version": version, "text": "Done.", **solved(item["kind"])}
            answer = agent.call("POST", f"/tickets/{item['number']}/resolution", body)
            # It may have returned to the queue since, because nobody has accepted it in time.
            if answer.status not in (200, 403, 409):
                raise EndpointError(f"{item['number']}: {answer.status} {answer.text[:300]}")
        time.sleep(1)  # meanwhile the agents get more tickets from the queue
    raise EndpointError(f"these tickets stay open: {[item['number'] for _, item in left]}")


def _is_open(item: Any) -> bool:
    return item["state"] in ("new", "open", "waiting")


@pytest.fixture
def aws(deployed: Outputs) -> Callable[[str], Any]:
    """A function that returns the boto3 client of a service, to see what operators see."""
    client: Any = boto3.client
    return lambda name: client(name, **deployed.client_arguments())
