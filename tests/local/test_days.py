"""Days of staff and the nightly copy of a CRM, through generated clients, on the deployed stack."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local import stack
from local.clients import tools
from local.endpoints import wait_for
from local.stack import Outputs
from local.story import World
from tests.local.living import opened
from tests.samples import sample

SUPERVISOR = "zhao@example.com"
MANAGER = "garcia@example.com"


@pytest.fixture(scope="module")
def generated() -> Path:
    """The folder with the generated Python clients. The types of all samples are checked."""
    return tools.python()


def client(deployed: Outputs, email: str) -> Any:
    """A generated client that is signed in as this member of staff."""
    connected: Any = sys.modules["redress_staff"].AuthenticatedClient
    return connected(base_url=deployed.base_url, token=stack.sign_in(deployed, email), timeout=60)


def assigned(world: World, name: str) -> Any:
    """A new complaint in English, when an agent has it."""
    number = opened(world, name).number

    def found() -> Any:
        ticket = world.reader.read(number)
        return ticket if ticket["assignee"] else None

    return wait_for(found, f"{number} is assigned", 30)


def test_agent_works_through_a_day_with_the_generated_client(
    deployed: Outputs, world: World, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sample("agents_day", generated, monkeypatch)
    ticket = assigned(world, "day-agent")
    email = next(e for e, one in world.staff.items() if one.id == ticket["assignee"])
    done = module.day(client(deployed, email))
    try:
        assert any(line.startswith("first_response: ") for line in done), done
        assert "first_response is kept" in done
        assert done[-1].endswith("is away")
    finally:
        world.staff[email].send("PUT", "/presence", {"presence": "available"})


def test_supervisor_works_through_a_day_with_the_generated_client(
    deployed: Outputs, world: World, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sample("supervisors_day", generated, monkeypatch)
    ticket = assigned(world, "day-supervisor")
    address = f"ada-{time.time_ns()}@example.com"
    done = module.day(client(deployed, SUPERVISOR), address)
    assert done[-1] == "Ada Wong is active in complaints"
    assert any(line.startswith(ticket["number"]) for line in done), done


def test_crm_copies_all_tickets_and_follows_their_changes_night_after_night(
    deployed: Outputs,
    world: World,
    generated: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    module = sample("night_sync", generated, monkeypatch)
    first = assigned(world, "night-one")
    crm, path = client(deployed, MANAGER), tmp_path / "copy.json"
    month = stack.call_api(
        deployed, "GET", "/staff/counts", None, stack.sign_in(deployed, MANAGER)
    )["month"]
    teams = sorted({one["team"] for one in deployed.staff.values()})

    def copied() -> dict[str, Any]:
        module.night(crm, path, teams, [month])
        kept: dict[str, Any] = module.read(path).tickets
        return kept

    assert copied()[first["number"]][1] == first["state"]
    second = assigned(world, "night-two")
    agent = world.by_id(second["assignee"])
    agent.change(second["number"], "replies", text="We are on it.", wait_for_customer=False)
    version = world.manager.read(second["number"])["version"]

    def caught_up() -> bool | None:
        kept = copied().get(second["number"])
        return True if kept is not None and kept[0] >= version else None

    wait_for(caught_up, "the copy has the reply", 30)
    assert copied()[first["number"]][1] == world.manager.read(first["number"])["state"]
