"""Fixtures: moto, the ticket machine in it, and the product's functions, as `world.World`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from moto import mock_aws

from local.filters import READERS
from redress.db.rows import Models
from redress.wiring import clients
from tests.builders import Clock
from tests.functions.conftest import ENVIRONMENT as DOORS
from tests.functions.conftest import LINK_KEY
from tests.statemachines.house import House, arrange
from tests.statemachines.skipping import Sleepers, eventually, hold_time, run_functions
from tests.statemachines.world import World, definition
from tests.streams import Stream
from tests.wired import ACCOUNT, REGION, TABLE, enter, forget_wiring, set_environment
from tests.world import KEEP_SESSION, MACHINE_ROLE, Context, Stores, aws, load, table_as_deployed

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-ticket"
WORKFLOW = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:redress-workflow"

ENVIRONMENT = {
    "TICKET_MACHINE_ARN": MACHINE,
    "REHEARSAL_MACHINE_ARN": f"{MACHINE.rpartition(':')[0]}:redress-rehearsal",
    "ASSIGNER_FUNCTION": "redress-assigner",
}

MOTO: Any = {
    **KEEP_SESSION,
    "stepfunctions": {"execute_state_machine": True},
    "lambda": {"use_docker": False},
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still until a test moves it; it replaces the product's clock."""
    held = Clock()
    monkeypatch.setattr(clients, "now", held.now)
    monkeypatch.setattr(clients, "pause", lambda seconds: held.advance(seconds=seconds))
    return held


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto with its interpreter of state machines, the table, the queues and the assigner."""
    enter(monkeypatch, **ENVIRONMENT)
    with mock_aws(config=MOTO):
        aws("dynamodb").create_table(**table_as_deployed())
        sqs = aws("sqs")
        for variable, name in (
            ("MAIL_QUEUE_URL", "mails"),
            ("DEAD_LETTER_QUEUE_URL", "dead-letters"),
        ):
            monkeypatch.setenv(variable, sqs.create_queue(QueueName=name)["QueueUrl"])
        _create_assigner()
        forget_wiring()
        yield
        forget_wiring()


def _create_assigner() -> None:
    """Creates a function that does nothing, because these tests are not about assignment."""
    trust = '{"Version": "2012-10-17", "Statement": []}'
    role = aws("iam").create_role(RoleName="any", AssumeRolePolicyDocument=trust)
    aws("lambda").create_function(
        FunctionName=ENVIRONMENT["ASSIGNER_FUNCTION"],
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="app.handler",
        Code={"ZipFile": b"never read"},
    )


@pytest.fixture
def sleepers(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Sleepers:
    return hold_time(monkeypatch, clock.now)


@pytest.fixture
def handlers() -> dict[str, Callable[[dict[str, Any]], Any]]:
    """The functions that machines call, by name; a test may replace a handler."""
    return {"redress-workflow": _handler("workflow")}


def _handler(function: str) -> Callable[[dict[str, Any]], Any]:
    return lambda event: load(function).handler(event, Context())


@pytest.fixture
def world(
    cloud: None,
    clock: Clock,
    sleepers: Sleepers,
    handlers: dict[str, Callable[[dict[str, Any]], Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """A world without tickets. Stops all executions at the end."""
    run_functions(monkeypatch, handlers)
    aws("stepfunctions").create_state_machine(
        name=MACHINE.rpartition(":")[2],
        definition=definition("ticket", TableName=TABLE, WorkflowFunctionArn=WORKFLOW),
        roleArn=MACHINE_ROLE,
    )
    made = World(
        **Stores.parts(Models(TABLE, REGION), clock.now),
        clock=clock,
        sleepers=sleepers,
        stream=Stream(TABLE, REGION),
        machine=MACHINE,
        readers={name: _handler(name) for name in READERS},
        repair=_handler("repair"),
    )
    yield made
    for name in made.running():
        made.sfn.stop_execution(executionArn=made.arn(name))
        sleepers.release(name)
    eventually(lambda: not made.running(), "every machine has ended")


@pytest.fixture
def house(world: World, monkeypatch: pytest.MonkeyPatch) -> House:
    """The world with the doors of the product: its routes, its pages, its mails."""
    sqs = aws("sqs")
    dead = sqs.create_queue(QueueName="mails-dead")["QueueUrl"]
    queues = {name: os.environ[name] for name in ("MAIL_QUEUE_URL", "DEAD_LETTER_QUEUE_URL")}
    other = {"MAIL_DEAD_LETTER_QUEUE_URL": dead, "OPERATOR_ADDRESS": "operations@example.com"}
    other |= {"FILES_BUCKET": "", "CHECKER_FUNCTION": ""}  # files are switched off
    aws("secretsmanager").create_secret(
        Name=DOORS["LINK_KEY_SECRET"], SecretString=LINK_KEY.decode()
    )
    set_environment(monkeypatch, **(DOORS | ENVIRONMENT | queues | other))
    made = House(**{one.name: getattr(world, one.name) for one in fields(World)})
    arrange(made, monkeypatch)
    return made
