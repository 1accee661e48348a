"""The table, bucket, user pool and key survive a restore of the table and a removal of the stack.

These tests have a local cloud of their own. They run in the order of this file: they restore the
tickets to an earlier time, and then remove the stack.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from functools import partial
from typing import Any

import boto3
import pytest

from local import process, stack, story
from local.endpoints import Receipt, submit_by_json, wait_for
from local.operations import quiet
from local.process import ROOT
from local.stack import Outputs
from tests.local.laboratory import Laboratory, eventually, unique
from tests.local.living import asleep, complaint, opened, rungs, running, world_of

TABLE: dict[str, Any] = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "Retain",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    },
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outputs]:
    """The product on a cloud of its own, because these tests change and remove the stack."""
    directory = tmp_path_factory.mktemp("kept")
    cloud = process.start(directory, process.free_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack, "WORKERS", 1)  # few calls overlap here, and each process takes time
        outputs = stack.install(cloud, pace=3600)
    try:
        yield outputs
    finally:
        process.stop(cloud)


def command(module: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run a command of operations. Returns what it prints; its exit status is its last line."""
    done = subprocess.run(
        [sys.executable, "-m", f"local.operations.{module}", *arguments],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200"} | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return f"{done.stdout}{done.stderr}\n{done.returncode}"


def clients_of(own: Outputs) -> Callable[[str], Any]:
    client: Any = boto3.client
    return lambda service: client(service, **own.client_arguments())


# ------------------------------------------------------------------------------ restore


def mails_sent(own: Outputs) -> Counter[tuple[str, str, str]]:
    """How often each mail of each ticket went out to each recipient.

    Two reminders of one promise have the same words, so the words do not identify a mail.
    """
    paths = (own.directory / "mailbox" / "new").iterdir()
    read = [message_from_bytes(path.read_bytes()) for path in paths]
    named = ("In-Reply-To", "X-Redress-Mail", "To")
    return Counter((str(one[named[0]]), str(one[named[1]]), str(one[named[2]])) for one in read)


def status_of_page(receipt: Receipt) -> int:
    with urllib.request.urlopen(receipt.status_url, timeout=60) as page:
        return int(page.status)


def runs_anew(own: Outputs, number: str) -> None:
    wait_for(lambda: running(own, number) == [f"{number}-2"], f"{number} has a new workflow", 30)


def test_restore_brings_back_the_time_and_begins_every_workflow_anew(own: Outputs) -> None:
    """Tickets with running promises, links and an agent; then damage; then a restore."""
    world, clients = world_of(own), clients_of(own)
    database, table = clients("dynamodb"), own.stack["TableName"]
    kept, changed = opened(world, "kept"), opened(world, "changed")
    agent = story.agent_of(world, changed.number)
    for receipt in (kept, changed):
        story.acknowledged(world, receipt.number)
    agent.change(changed.number, "replies", text="We look into it.")
    for receipt in (kept, changed):
        asleep(own, receipt.number)
    before = {one.number: world.manager.read(one.number)["version"] for one in (kept, changed)}
    known = world.manager.read(changed.number)
    sent = mails_sent(own)
    time.sleep(2)
    at = datetime.now(UTC).replace(microsecond=0)
    time.sleep(1)

    # The damage: a ticket is deleted, another one changed, and a third one comes too late.
    lost = opened(world, "lost").number
    agent.send("POST", f"/tickets/{changed.number}/notes", {"text": "Written by mistake."})
    for item in database.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"TICKET#{kept.number}"}},
    )["Items"]:
        database.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})

    when = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    said = command("restore", "--at", when, "--yes", "--directory", str(own.directory))

    assert said.endswith("\n0"), said
    assert lost in said, "it names the ticket that was opened after the time"
    found = clients("cloudformation").describe_stacks(StackName=stack.NAME)["Stacks"][0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}
    restored = outputs["TableName"]
    assert restored == f"redress-restored-{at:%Y%m%dT%H%M%SZ}"
    others = {name: value for name, value in outputs.items() if name != "TableName"}
    assert others.items() <= own.stack.items(), "no other address or name has changed"
    described = database.describe_table(TableName=restored)["Table"]
    assert described["StreamSpecification"]["StreamEnabled"]
    assert described["DeletionProtectionEnabled"]
    assert database.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE", "kept"

    for function in ("staff", "relay", "mailer"):
        called = clients("lambda").get_function_configuration(
            FunctionName=f"redress-{function}", Qualifier="live"
        )
        assert called["Environment"]["Variables"]["TABLE"] == restored

    now = replace(own, stack=outputs)
    again = world_of(now)  # every member of staff signs in with the password from before
    view = again.manager.read(changed.number)
    assert view["assignee"] == known["assignee"]
    assert "Written by mistake." not in json.dumps(view)
    assert again.manager.read(kept.number)["version"] >= before[kept.number]
    for receipt in (kept, changed):
        assert status_of_page(receipt) == 200, "the link from before opens"
        runs_anew(now, receipt.number)
    assert running(now, lost) == []

    # A promise that is due after the restore breaks once, and is told once.
    wait_for(
        lambda: any(clock == "resolution" for clock, _ in rungs(again, changed.number)),
        "a rung of the resolution fires",
        60,
    )
    for receipt in (kept, changed):
        fired = rungs(again, receipt.number)
        assert len(fired) == len(set(fired))
    repeated = [mail for mail, number in mails_sent(own).items() if 0 < sent[mail] < number]
    assert repeated == [], "no mail from before the time goes out again"

    twice = command("restore", "--at", when, "--yes", "--directory", str(own.directory))
    assert twice.startswith("There is nothing to do"), twice


def test_restore_refuses_a_time_before_recovery_was_on(own: Outputs) -> None:
    said = command("restore", "--at", "2020-01-01T00:00:00Z", "--directory", str(own.directory))

    assert "can be restored to a time from" in said, said
    assert said.endswith("\n1")


# ------------------------------------------------------------------------------ removal


def test_removal_asks_first_and_without_an_answer_changes_nothing(own: Outputs) -> None:
    said = command("removal", "--directory", str(own.directory))

    assert "repeat with YES=1\nNothing was changed." in said
    assert said.endswith("\n1")
    stacks = clients_of(own)("cloudformation")
    assert stacks.describe_stacks(StackName=stack.NAME)["Stacks"][0]["StackStatus"].endswith(
        "_COMPLETE"
    )


def test_removal_ends_every_workflow_and_keeps_the_data(own: Outputs) -> None:
    clients = clients_of(own)
    found = clients("cloudformation").describe_stacks(StackName=stack.NAME)["Stacks"][0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}
    number = submit_by_json(own.base_url, complaint("left-alone")).number
    asleep(replace(own, stack=outputs), number)
    clients("cloudformation").update_termination_protection(
        StackName=stack.NAME, EnableTerminationProtection=True
    )
    # As an operator who repeats the command after it failed half way.
    clients("events").disable_rule(Name=clients("events").list_rules()["Rules"][0]["Name"])

    said = command("removal", "--yes", "--directory", str(own.directory))

    assert said.endswith("\n0"), said
    assert "termination protection is off" in said
    assert re.search(r"no execution runs \([1-9]\d* stopped\)", said)
    assert clients("stepfunctions").list_state_machines()["stateMachines"] == []
    assert clients("scheduler").list_schedules()["Schedules"] == []
    assert clients("events").list_rules()["Rules"] == []
    assert clients("lambda").list_functions()["Functions"] == []
    kept = clients("dynamodb").query(
        TableName=outputs["TableName"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"TICKET#{number}"}},
    )
    assert {"TICKET", "TIMER"} <= {item["sk"]["S"] for item in kept["Items"]}
    clients("s3").head_bucket(Bucket=outputs["MailBucketName"])
    clients("secretsmanager").get_secret_value(SecretId=outputs["LinkKeySecretArn"])
    clients("cognito-idp").describe_user_pool(UserPoolId=outputs["UserPoolId"])
    for stays in ("TableName", "MailBucketName", "UserPoolId", "LinkKeySecretArn"):
        assert outputs[stays] in said, "it names what stays, with its price"
    assert f"aws dynamodb delete-table --table-name {outputs['TableName']}" in said

    again = command("removal", "--yes", "--directory", str(own.directory))

    assert again.startswith("There is nothing to do"), again
    assert outputs["TableName"] in again
    assert again.endswith("\n0")


def test_removed_stack_is_created_again_around_its_data(own: Outputs) -> None:
    """Runs after the removal. Owners, links and tickets are valid, under a new address."""
    sent = mails_sent(own)
    clients = clients_of(own)
    [removed] = clients("cloudformation").list_stacks(StackStatusFilter=["DELETE_COMPLETE"])[
        "StackSummaries"
    ]
    assert removed["StackName"] == stack.NAME
    secret = clients("secretsmanager").get_secret_value(SecretId=own.stack["LinkKeySecretArn"])

    said = command("restore", "--yes", "--directory", str(own.directory))

    assert said.endswith("\n0"), said
    read = json.loads((own.directory / "outputs.json").read_text(encoding="utf-8"))
    now = replace(
        own,
        stack={name: value for name, value in read.items() if isinstance(value, str)},
        base_url=read["base_url"],
    )
    for same in ("MailBucketName", "UserPoolId", "LinkKeySecretArn"):
        assert now.stack[same] == own.stack[same]
    assert now.stack["UserPoolClientId"] != own.stack["UserPoolClientId"]
    key = clients("secretsmanager").get_secret_value(SecretId=now.stack["LinkKeySecretArn"])
    assert key["SecretString"] == secret["SecretString"]
    again = world_of(now)  # with the passwords from before
    open_tickets = clients("dynamodb").scan(
        TableName=now.stack["TableName"],
        FilterExpression="sk = :timer AND phase <> :closed",
        ExpressionAttributeValues={":timer": {"S": "TIMER"}, ":closed": {"S": "closed"}},
    )["Items"]
    assert open_tickets
    for item in open_tickets:
        number = item["pk"]["S"].removeprefix("TICKET#")
        assert again.manager.read(number)["number"] == number
        wait_for(partial(running, now, number), f"{number} has a workflow", 30)
    number = submit_by_json(now.base_url, complaint("after-all")).number
    asleep(now, number)
    repeated = [mail for mail, times in mails_sent(own).items() if 0 < sent[mail] < times]
    assert repeated == []


def test_restore_to_a_time_before_the_last_one_reads_the_table_that_was_replaced(
    own: Outputs,
) -> None:
    """The time was wrong. The recovery of the stack's table began only with the restore."""
    database = clients_of(own)("dynamodb")
    read = json.loads((own.directory / "outputs.json").read_text(encoding="utf-8"))
    wrong = datetime.strptime(read["TableName"], "redress-restored-%Y%m%dT%H%M%SZ")
    at = wrong.replace(tzinfo=UTC) - timedelta(seconds=1)
    when = f"{at:%Y-%m-%dT%H:%M:%SZ}"

    said = command("restore", "--at", when, "--yes", "--directory", str(own.directory))

    assert said.endswith("\n0"), said
    assert f"DynamoDB restores {own.stack['TableName']} to " in said
    now = f"redress-restored-{at:%Y%m%dT%H%M%SZ}"
    functions = clients_of(own)("lambda")
    staff = functions.get_function(FunctionName="redress-staff", Qualifier="live")
    assert staff["Configuration"]["Environment"]["Variables"]["TABLE"] == now
    assert staff.get("Concurrency", {}).get("ReservedConcurrentExecutions") is None
    assert database.describe_table(TableName=read["TableName"])["Table"]["TableStatus"] == "ACTIVE"


def made(laboratory: Laboratory, resources: dict[str, Any]) -> str:
    """Create a stack and wait until it is no longer in progress. Returns its name."""
    stacks, name = laboratory.client("cloudformation"), unique("stack")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    eventually(lambda: not status(laboratory, name).endswith("_IN_PROGRESS"), "it has ended")
    return name


def status(laboratory: Laboratory, name: str) -> str:
    found = laboratory.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return str(found[0]["StackStatus"])


def on(laboratory: Laboratory, name: str) -> str:
    """Run the command as against AWS, with an endpoint and credentials from the shell."""
    given = laboratory.cloud.environment()
    return command("removal", "--stack", name, "--yes", environment=given)


def test_stack_whose_creation_failed_is_removed(laboratory: Laboratory) -> None:
    name = made(
        laboratory,
        {
            "Table": TABLE,
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Never": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "DependsOn": "Table",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
            },
        },
    )
    assert status(laboratory, name).startswith("ROLLBACK"), status(laboratory, name)

    said = on(laboratory, name)

    assert said.endswith("\n0"), said
    assert f"The stack {name} is removed" in said


def test_many_executions_are_stopped_page_by_page(laboratory: Laboratory) -> None:
    machine = laboratory.machine(
        {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    )
    for _ in range(5):
        laboratory.start(machine, {})
    began = time.monotonic()

    number = quiet.stop_executions(laboratory.client, [machine], "a test", pace=quiet.Pace(10))

    assert number == 5
    assert time.monotonic() - began >= 0.4, "no faster than the pace"
    states = laboratory.client("stepfunctions")
    listed = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    assert listed["executions"] == []
