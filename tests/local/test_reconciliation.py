"""Reconciliation: a changed machine is deployed over sleeping tickets; workflows die unnoticed.

On the deployed stack, through its public endpoints. The plan is paced: an hour takes a second.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import process, stack, story
from local.endpoints import act_on_page, submit_by_json, wait_for
from local.process import ROOT, Cloud
from local.stack import Outputs
from local.story import World
from tests.local.living import asleep, complaint, opened, rungs, running, timer

Definition = dict[str, Any]


@pytest.fixture
def cloud(deployed: Outputs) -> Cloud:
    found = process.find(deployed.directory)
    assert found is not None
    return found


@pytest.fixture
def deploy(
    cloud: Cloud, tmp_path: Path
) -> Iterator[Callable[[Callable[[Definition], None]], None]]:
    """A function that deploys a changed ticket machine; at the end the original is restored."""
    built = stack.build()
    text = (built / "template.yaml").read_text()
    own = ROOT / "statemachines"
    assert text.count("../../../statemachines/") == 3

    def deploy(change: Callable[[Definition], None]) -> None:
        definition = json.loads((own / "ticket.asl.json").read_text())
        change(definition)
        (tmp_path / "ticket.asl.json").write_text(json.dumps(definition))
        folder = tmp_path / "built"
        shutil.copytree(built, folder, dirs_exist_ok=True)
        changed = text.replace("../../../statemachines/ticket", f"{tmp_path}/ticket")
        changed = changed.replace("../../../statemachines/", f"{own}/")
        (folder / "template.yaml").write_text(changed)
        stack.deploy(cloud, folder)

    yield deploy
    stack.deploy(cloud, built)
    stack.reconcile(cloud)


def commented(document: Definition) -> None:
    document["Comment"] = "The same machine with another comment."


def with_another_state(document: Definition) -> None:
    """Adds a state before ActOnDueClocks, and a field to the payload of ActOnDueClocks."""
    for state in document["States"].values():
        for catcher in state.get("Catch", ()):
            if catcher["Next"] == "ActOnDueClocks":
                catcher["Next"] = "NewState"
    document["States"]["NewState"] = {
        "Type": "Pass",
        "Result": {"by": "a newer machine"},
        "ResultPath": "$.noted",
        "Next": "ActOnDueClocks",
    }
    act = document["States"]["ActOnDueClocks"]
    act["Parameters"]["Payload"]["noted.$"] = "$.noted"


def runs_alone(outputs: Outputs, number: str, gen: int) -> None:
    wait_for(
        lambda: running(outputs, number) == [f"{number}-{gen}"],
        f"generation {gen} of {number} is the only one that runs",
        15,
    )


def states(outputs: Outputs, number: str, gen: int) -> list[str]:
    machines: Any = boto3.client("stepfunctions", **outputs.client_arguments())
    prefix = outputs.stack["TicketMachineArn"].replace(":stateMachine:", ":execution:")
    history = machines.get_execution_history(
        executionArn=f"{prefix}:{number}-{gen}", maxResults=1000, includeExecutionData=False
    )
    return [
        event["stateEnteredEventDetails"]["name"]
        for event in history["events"]
        if "stateEnteredEventDetails" in event
    ]


def test_reconciliation_moves_sleeping_tickets_to_a_changed_machine(
    world: World,
    deployed: Outputs,
    cloud: Cloud,
    deploy: Callable[[Callable[[Definition], None]], None],
) -> None:
    stack.reconcile(cloud)  # from here on, every execution has the current definition
    receipt = opened(world, "moved-along")
    number = receipt.number
    staff = world.manager  # the agents may all be busy
    story.acknowledged(world, number)
    asleep(deployed, number)

    deploy(commented)
    runs_alone(deployed, number, 1)
    staff.change(number, "replies", text="We look into it.", wait_for_customer=True)
    wait_for(
        lambda: asleep(deployed, number)["phase"] == "resolution",
        "it continues under its old definition",
        15,
    )
    runs_alone(deployed, number, 1)
    report = stack.reconcile(cloud)
    assert report["found"]["older_definition"] >= 1
    runs_alone(deployed, number, 2)
    assert asleep(deployed, number)["gen"] == 2
    assert states(deployed, number, 1)[-1] == "YieldToNewerGeneration"
    assert "NewState" not in states(deployed, number, 2)

    deploy(with_another_state)
    act_on_page(receipt, "write", {"words": "Here is the number: 8812."})
    story.state_is(world, number, "open")
    runs_alone(deployed, number, 2)
    stack.reconcile(cloud)
    runs_alone(deployed, number, 3)
    assert asleep(deployed, number)["gen"] == 3
    assert states(deployed, number, 3)[:2] == ["Acknowledge", "NewState"]
    assert "older_definition" not in stack.reconcile(cloud)["found"], "moved only once"

    staff.change(number, "resolution", text="It was replaced.", **story.solved("complaint"))
    story.confirm_and_rate(world, receipt, 5)
    wait_for(lambda: not running(deployed, number), f"the workflow of {number} has ended", 20)
    fired = rungs(world, number)
    assert len(fired) == len(set(fired)), "no rung fires twice, not even in another generation"
    assert timer(deployed, number)["phase"] == "closed"


def test_workflow_that_died_without_an_event_continues_in_the_next_generation(
    world: World, deployed: Outputs, cloud: Cloud
) -> None:
    events, machines = stack.client(cloud, "events"), stack.client(cloud, "stepfunctions")
    resources = stack.client(cloud, "cloudformation")
    rule = resources.describe_stack_resource(
        StackName=stack.NAME, LogicalResourceId="ExecutionEndedRule"
    )["StackResourceDetail"]["PhysicalResourceId"].rpartition("/")[2]
    number = opened(world, "unnoticed").number
    story.acknowledged(world, number)
    asleep(deployed, number)
    events.disable_rule(Name=rule)
    try:
        prefix = deployed.stack["TicketMachineArn"].replace(":stateMachine:", ":execution:")
        machines.stop_execution(executionArn=f"{prefix}:{number}-1")
        wait_for(lambda: not running(deployed, number), "the execution is gone", 10)
        report = stack.reconcile(cloud)
    finally:
        events.enable_rule(Name=rule)

    assert number in report["examples"]["followed"]
    runs_alone(deployed, number, 2)
    wait_for(lambda: ("reaction", 3) in rungs(world, number), "the ladder continues", 30)
    fired = rungs(world, number)
    assert len(fired) == len(set(fired))


def test_up_on_a_restarted_cloud_starts_every_tickets_workflow_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator can keep its tables over a restart, but never its executions."""
    monkeypatch.setattr(stack, "WORKERS", 1)  # few calls overlap here, and each process takes time
    kept = tmp_path / "kept"
    cloud = process.start(tmp_path, process.free_port(), state=kept)
    try:
        outputs = stack.install(cloud, parameters=stack.WITH_ALL)
        number = submit_by_json(outputs.base_url, complaint("restarted")).number
        asleep(outputs, number)
    finally:
        process.stop(cloud)
    cloud = process.start(tmp_path, cloud.port, state=kept)
    try:
        again = stack.up(cloud.port, directory=tmp_path)
        assert again.stack == outputs.stack
        runs_alone(again, number, 2)
        assert asleep(again, number)["gen"] == 2
    finally:
        process.stop(cloud)
