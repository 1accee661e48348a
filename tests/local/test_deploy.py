"""Deployments, rollbacks and a failed first deployment, with sam on a local cloud.

A deployment here is what `make up` runs. `make deploy` shares everything that follows sam, and its
own part runs here for the stack whose creation fails.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from local import process, stack
from local.operations import rollback, versions
from local.operations.deploy import DeployError, Deployment
from local.operations.stacks import Stack, described
from local.operations.versions import CannotRollBack
from local.process import ROOT, Cloud
from local.stack import StackError

NEW = "OperatorAddress"


@dataclass
class Place:
    """A cloud, the build of these sources, and one whose only change is in the layer."""

    cloud: Cloud
    built: Path
    changed: Path

    def client(self, service: str) -> Any:
        return stack.client(self.cloud, service)

    def deployed(self) -> Stack:
        return described(stack.NAME, self.client)

    def live(self) -> dict[str, int]:
        """The version of each function that its alias names."""
        names = versions.functions_of(self.client("cloudformation"), stack.NAME)
        found = versions.live(self.client("lambda"), names)
        assert len(found) == len(names) > 10
        return {name: int(version) for name, version in found.items()}

    def layers(self) -> set[str]:
        """The versions of the layer with which functions run that are called by their alias."""
        functions = self.client("lambda")
        found = [
            functions.get_function_configuration(FunctionName=f"{name}:live")["Layers"]
            for name in self.live()
        ]
        return {one["Arn"] for layers in found for one in layers}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("deploy")
    built = stack.build()
    cloud = process.start(folder / "cloud", process.free_port())
    try:
        stack.deploy(cloud, built)
        yield Place(cloud, built, changed_layer(folder))
    finally:
        process.stop(cloud)


def changed_layer(folder: Path) -> Path:
    """Build these sources with another layer, and nothing else that is other."""
    sources = folder / "sources"
    sources.mkdir()
    for name in stack.SOURCES:
        path = ROOT / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, sources / name, ignore=ignored)
        else:
            shutil.copy(path, sources / name)
    with (sources / "layers/core/redress/base/numbers.py").open("a", encoding="utf-8") as file:
        file.write("\n# another layer\n")
    command = ["sam", "build", "--template-file", str(sources / "template.yaml")]
    command += ["--base-dir", str(sources), "--build-dir", str(folder / "changed"), "--no-cached"]
    command += ["--parameter-overrides", f"Architecture={stack.architecture()}"]
    stack._run(command, folder / "build.log", stack._tools())
    return folder / "changed"


def test_deployment_of_only_another_layer_moves_every_alias_and_a_rollback_brings_it_back(
    place: Place,
) -> None:
    first, layer = place.live(), place.layers()
    assert len(layer) == 1

    stack.deploy(place.cloud, place.changed)

    second, other = place.live(), place.layers()
    assert {name for name in first if second[name] <= first[name]} == set()
    assert len(other) == 1
    assert other != layer

    rollback.back(place.deployed(), None, datetime.now(UTC), Console(quiet=True))

    assert (place.live(), place.layers()) == (first, layer)
    with pytest.raises(CannotRollBack, match="it is back already"):
        rollback.back(place.deployed(), None, datetime.now(UTC), Console(quiet=True))

    stack.deploy(place.cloud, place.changed)

    assert (place.live(), place.layers()) == (second, other), "the next deployment moves it forward"


def test_function_that_is_called_by_its_alias_gets_a_changed_parameter(place: Place) -> None:
    before = place.live()
    stack.deploy(place.cloud, place.changed, {NEW: "night.shift@example.org"})
    functions = place.client("lambda")
    mailer = functions.get_function_configuration(FunctionName=f"{stack.NAME}-mailer:live")
    assert mailer["Environment"]["Variables"]["OPERATOR_ADDRESS"] == "night.shift@example.org"
    assert place.live()[f"{stack.NAME}-mailer"] > before[f"{stack.NAME}-mailer"]
    unmoved = {f"{stack.NAME}-{name}" for name in ("intake", "workflow", "relay")}
    assert {name for name in unmoved if place.live()[name] != before[name]} == set()


def test_old_versions_are_deleted_and_what_a_rollback_needs_is_kept(place: Place) -> None:
    functions = place.client("lambda")
    for name, live in place.live().items():
        kept = [int(one["Version"]) for one in versions.published(functions, name)]
        assert live in kept
        assert len(kept) <= versions.KEPT + 2, name


def test_deployed_stack_and_its_data_are_protected(place: Place) -> None:
    made = place.deployed()
    [found] = place.client("cloudformation").describe_stacks(StackName=stack.NAME)["Stacks"]
    table = place.client("dynamodb").describe_table(TableName=made.outputs["TableName"])["Table"]
    pool = place.client("cognito-idp").describe_user_pool(UserPoolId=made.outputs["UserPoolId"])
    assert found["EnableTerminationProtection"] is True
    assert table["DeletionProtectionEnabled"] is True
    assert pool["UserPool"]["DeletionProtection"] == "ACTIVE"
    assert pool["UserPool"]["AutoVerifiedAttributes"] == ["email"], "other settings stay"


# ------------------------------------------------------------------ a failed first deployment

BROKEN = "broken"


def broken(built: Path) -> Path:
    """Write a template with a resource that fails when everything that holds data exists."""
    text = (built / "template.yaml").read_text(encoding="utf-8")
    template = yaml.safe_load(text)
    template["Resources"]["Fails"] = {
        "Type": "AWS::Lambda::EventInvokeConfig",
        "DependsOn": ["Table", "MailBucket", "UserPool", "LinkKey", "MailerFunction"],
        "Properties": {"FunctionName": "no-such-function", "Qualifier": "live"},
    }
    path = built / "broken.yaml"
    path.write_text(json.dumps(template), encoding="utf-8")
    return path


def left(place: Place) -> list[str]:
    """What exists of the stack: tables, buckets, pools, secrets, functions, layers."""
    tables = place.client("dynamodb").list_tables()["TableNames"]
    buckets = [one["Name"] for one in place.client("s3").list_buckets()["Buckets"]]
    pools = place.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    secrets = place.client("secretsmanager").list_secrets()["SecretList"]
    functions = place.client("lambda").list_functions(MaxItems=100)["Functions"]
    layer = place.client("lambda").list_layer_versions(LayerName=f"{BROKEN}-core")
    found = [*tables, *buckets, *(one["Name"] for one in (*pools, *secrets))]
    found += [one["FunctionName"] for one in functions]
    found += [one["LayerVersionArn"] for one in layer["LayerVersions"]]
    return [name for name in found if BROKEN in name.lower()]


def test_failed_creation_says_what_failed_and_leaves_nothing_and_can_be_repeated(
    place: Place,
) -> None:
    good = place.changed / "template.yaml"
    chosen = [broken(place.changed)]

    def sam(command: list[str]) -> bool:
        if command[0] == "build":
            return True
        full = ["sam", *command, "--template-file", str(chosen[0]), "--resolve-s3"]
        full += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        environment = stack._tools() | place.cloud.environment()
        try:
            stack._run(full, place.cloud.directory / "broken.log", environment)
        except StackError:
            return False
        return True

    given = {
        "Architecture": stack.architecture(),
        "OnAws": "false",
        "SenderAddress": stack.SENDER,
        "OperatorAddress": stack.OPERATOR,
        "UsernamesIgnoreCase": "true",
        "RunbookAddress": "https://redress.example/docs/runbooks",
    }
    command = Deployment(BROKEN, place.client, Console(quiet=True), sam)

    with pytest.raises(DeployError, match=r"Fails \(AWS::Lambda::EventInvokeConfig\): CREATE_FAIL"):
        command.deploy(given)
    assert left(place) == []

    chosen[0] = good
    made = command.deploy(given)

    assert made.outputs["TableName"] in left(place)
    [found] = place.client("cloudformation").describe_stacks(StackName=BROKEN)["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"
    assert found["EnableTerminationProtection"] is True
