"""What `make deploy` decides before, and says after, sam has run."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters
from rich.console import Console
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from local.operations import changes, deploy, protection, removal, stacks, switching, versions
from local.operations.deploy import Before, DeployError, Deployment
from local.operations.quiet import Resource
from local.operations.stacks import Stack

BEGAN = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


# ------------------------------------------------------------------ parameters


def test_parameters_are_read_with_their_quotes() -> None:
    given = deploy.parsed("MailDomain=in.example.org TimeZone='Europe/Berlin' BaseAddress=")
    assert given == {
        "MailDomain": "in.example.org",
        "TimeZone": "Europe/Berlin",
        "BaseAddress": "",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("MailDomain", "write Key=value"),
        ("MailDomian=x", "no parameter MailDomian"),
        ("TimeZone='Europe/Berlin", "No closing quotation"),
    ],
)
def test_wrong_parameter_is_named_before_anything_is_built(text: str, said: str) -> None:
    with pytest.raises(DeployError, match=said):
        deploy.parsed(text)


def test_sam_reads_the_parameters_as_they_were_given() -> None:
    given = {"TimeZone": "a b", "BaseAddress": "", "MailDomain": 'say "x"', "OnAws": "x=y,z"}
    read = CfnParameterOverridesType().convert(tuple(deploy.written(given)), None, None)
    assert read == given


@pytest.mark.parametrize("section", ["deploy", "global"])
def test_parameters_of_samconfig_count(tmp_path: Path, section: str) -> None:
    file = tmp_path / "samconfig.toml"
    text = 'parameter_overrides = "OnAws=\\"true\\" TimeZone=\\"Asia/Shanghai\\""'
    file.write_text(f"version = 0.1\n[default.{section}.parameters]\n{text}\n")
    assert deploy.configured(file) == {"OnAws": "true", "TimeZone": "Asia/Shanghai"}
    assert deploy.configured(tmp_path / "none.toml") == {}


def test_the_configuration_that_ships_overrides_no_parameter_of_a_deployed_stack() -> None:
    """sam would set it in each deployment, whatever value the stack has."""
    assert deploy.configured() == {}


def test_a_stack_is_built_for_the_architecture_that_it_has() -> None:
    assert deploy.architecture({}, {}) == "arm64"
    assert deploy.architecture({}, {"Architecture": "x86_64"}) == "x86_64"
    given = {"Architecture": "arm64"}
    assert deploy.architecture(given, {"Architecture": "x86_64"}) == "arm64"


# ------------------------------------------------------------------ stacks and events


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("UPDATE_IN_PROGRESS", "wait until that ends"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name redress"),
        ("DELETE_FAILED", "make remove STACK=redress"),
    ],
)
def test_stack_that_cannot_be_deployed_now_is_left_alone(status: str, said: str) -> None:
    with pytest.raises(DeployError, match=said):
        deploy.require_ready(status, "redress")


@pytest.mark.parametrize(
    "status", [None, "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE"]
)
def test_stack_in_a_final_state_can_be_deployed(status: str | None) -> None:
    deploy.require_ready(status, "redress")


class Events:
    """CloudFormation, whose events come newest first and in pages."""

    def __init__(self, *events: tuple[int, str, str, str]) -> None:
        self.events = [
            {
                "Timestamp": BEGAN + timedelta(seconds=second),
                "LogicalResourceId": name,
                "ResourceType": "AWS::SQS::Queue",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
            for second, name, status, reason in reversed(events)
        ]

    def get_paginator(self, name: str) -> Events:
        assert name == "describe_stack_events"
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:
        yield from ({"StackEvents": [one]} for one in self.events)


def test_the_first_failures_of_this_deployment_are_said() -> None:
    events = Events(
        (-60, "Old", "CREATE_FAILED", "an earlier deployment"),
        (1, "Table", "CREATE_COMPLETE", ""),
        (2, "MailQueue", "CREATE_FAILED", "AccessDenied: not allowed to create a queue"),
        (2, "InboundQueue", "CREATE_FAILED", "Resource creation cancelled"),
        (3, "redress", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed: [MailQueue]"),
        (4, "MailBucket", "DELETE_FAILED", "The bucket is not empty"),
    )
    assert deploy.failures(events, "redress", BEGAN) == [
        "MailQueue (AWS::SQS::Queue): CREATE_FAILED: AccessDenied: not allowed to create a queue",
        "MailBucket (AWS::SQS::Queue): DELETE_FAILED: The bucket is not empty",
    ]


# ------------------------------------------------------------------ protection


POOL: dict[str, Any] = {
    "Id": "us-east-1_a1b2c3d4e",
    "Name": "redress-staff",
    "Arn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a1b2c3d4e",
    "CreationDate": BEGAN,
    "EstimatedNumberOfUsers": 7,
    "SchemaAttributes": [{"Name": "team", "AttributeDataType": "String", "Mutable": True}],
    "UsernameAttributes": ["email"],
    "UsernameConfiguration": {"CaseSensitive": False},
    "AutoVerifiedAttributes": ["email"],
    "MfaConfiguration": "OPTIONAL",
    "SmsVerificationMessage": "",
    "VerificationMessageTemplate": {"EmailSubject": "", "DefaultEmailOption": "CONFIRM_WITH_CODE"},
    "LambdaConfig": {},
    "UserPoolTags": {"product": "redress"},
    "Policies": {"PasswordPolicy": {"MinimumLength": 12, "TemporaryPasswordValidityDays": 7}},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True, "UnusedAccountValidityDays": 7},
}


def test_settings_of_a_pool_are_repeated_in_an_update() -> None:
    """UpdateUserPool resets some of what is left out, and refuses what is only to be read."""
    told = protection.settings_of(POOL) | {"UserPoolId": POOL["Id"]}
    model = get_session().get_service_model("cognito-idp").operation_model("UpdateUserPool")
    assert model.input_shape is not None
    validate_parameters(told, model.input_shape)
    assert told["AutoVerifiedAttributes"] == ["email"]
    assert told["UserPoolTags"] == {"product": "redress"}
    assert told["Policies"] == POOL["Policies"]
    assert told["PoolName"] == "redress-staff"
    assert told["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}, (
        "the password policy has the days; Cognito refuses them in both places"
    )


class Services:
    """A deployed stack whose protection can be switched."""

    def __init__(self) -> None:
        self.table, self.stack, self.pool = False, False, dict(POOL)

    def client(self, _: str) -> Services:
        return self

    def describe_table(self, TableName: str) -> dict[str, Any]:
        return {"Table": {"DeletionProtectionEnabled": self.table}}

    def update_table(self, TableName: str, DeletionProtectionEnabled: bool) -> None:
        assert self.table != DeletionProtectionEnabled, "DynamoDB refuses a change to the same"
        self.table = DeletionProtectionEnabled

    def describe_user_pool(self, UserPoolId: str) -> dict[str, Any]:
        return {"UserPool": self.pool}

    def update_user_pool(self, **told: Any) -> None:
        self.pool |= {"DeletionProtection": told["DeletionProtection"]}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"EnableTerminationProtection": self.stack}]}

    def update_termination_protection(
        self, StackName: str, EnableTerminationProtection: bool
    ) -> None:
        self.stack = EnableTerminationProtection


def test_protection_is_switched_on_and_is_safe_to_repeat() -> None:
    services = Services()
    outputs = {"TableName": "redress-Table", "UserPoolId": str(POOL["Id"])}
    made = Stack("redress", outputs, services.client)
    assert len(protection.protect(made)) == 3
    assert protection.protect(made) == []
    assert (services.table, services.stack) == (True, True)
    assert services.pool["DeletionProtection"] == "ACTIVE"


def test_stack_without_a_user_pool_of_its_own_is_protected_too() -> None:
    services = Services()
    made = Stack("redress", {"TableName": "redress-Table"}, services.client)
    assert len(protection.protect(made)) == 2


# ------------------------------------------------------------------ a run of the command


@dataclass
class Ran:
    """What `make deploy` runs and says. `after` has the parameters after each `sam deploy`."""

    told: list[list[str]] = field(default_factory=list)
    said: io.StringIO = field(default_factory=io.StringIO)
    after: list[dict[str, str]] = field(default_factory=list)
    now: Before = field(default_factory=lambda: Before(None, {}))

    def sam(self, command: list[str]) -> bool:
        self.told.append(command)
        if command[0] == "deploy":
            self.now = Before("CREATE_COMPLETE", self.after.pop(0))
        return True

    def options(self, command: str) -> list[list[str]]:
        return [one[1:] for one in self.told if one[0] == command]

    def deploy(self, given: dict[str, str], *, guided: bool) -> None:
        console = Console(file=self.said, width=1000)
        Deployment("redress", lambda name: None, console, self.sam).deploy(given, guided=guided)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    found = Ran()
    monkeypatch.setattr(deploy, "before", lambda cloudformation, name: found.now)
    monkeypatch.setattr(deploy, "finish", lambda made, was, began: [])
    monkeypatch.setattr(Deployment, "_versions_before", lambda self, known: {})
    monkeypatch.setattr(stacks, "described", lambda name, make: None)
    monkeypatch.setattr(removal, "removed_before", lambda clients, name: [])
    monkeypatch.setattr(changes, "template", lambda clients, name: {})
    return found


def test_architecture_that_sam_was_told_after_the_build_is_built_again(ran: Ran) -> None:
    ran.after = [{"Architecture": "x86_64"}, {"Architecture": "x86_64"}]
    ran.deploy({}, guided=True)
    assert ran.options("build") == [
        ["--parameter-overrides", "Architecture=arm64"],
        ["--parameter-overrides", "Architecture=x86_64"],
    ]
    first, second = ran.options("deploy")
    assert "--guided" in first
    assert "Answer n when sam asks" in ran.said.getvalue()
    assert "--guided" not in second
    assert 'Architecture="x86_64"' in second


def test_guide_offers_the_values_that_the_stack_has(ran: Ran) -> None:
    """Otherwise whoever accepts every offer resets the stack to the defaults of the template."""
    had = {"Architecture": "x86_64", "MailDomain": "in.example.org", "OfAnOldVersion": "1"}
    ran.now, ran.after = Before("UPDATE_COMPLETE", had), [had]
    ran.deploy({}, guided=True)
    [told] = ran.options("deploy")
    assert {'Architecture="x86_64"', 'MailDomain="in.example.org"'} <= {*told}
    assert not [one for one in told if "OfAnOldVersion" in one]


def test_data_of_a_removed_stack_is_named_before_a_new_stack_is_made(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Resource("Table", removal.TABLE, "redress-Table-1", "DELETE_SKIPPED")
    monkeypatch.setattr(removal, "removed_before", lambda clients, name: ["arn:redress"])
    monkeypatch.setattr(removal, "left_behind", lambda clients, stack: [table])
    monkeypatch.setattr(removal, "exists", lambda clients, one: True)
    ran.after = [{"Architecture": "arm64"}]
    ran.deploy({}, guided=False)
    said = ran.said.getvalue()
    assert "left the table redress-Table-1" in said
    assert "make restore STACK=redress" in said


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
def test_layer_of_a_creation_that_goes_on_without_sam_is_kept(
    monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """sam lost its connection. Functions that are created now need the layer."""
    monkeypatch.setattr(deploy, "before", lambda cloudformation, name: Before(status, {}))
    monkeypatch.setattr(deploy, "failures", lambda cloudformation, name, since: [])
    monkeypatch.setattr(versions, "prune_layer", lambda *given: pytest.fail("it is in use"))
    command = Deployment("redress", lambda name: None, Console(quiet=True), lambda told: False)
    with pytest.raises(DeployError, match=f"redress is {status}.* run the same command again"):
        command._failed(Before(None, {}), {}, BEGAN)


def test_stack_whose_table_is_being_exchanged_is_not_deployed(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = {"table": "redress-restored-1", "at": "2026-11-23T08:00:00Z"}
    monkeypatch.setattr(changes, "template", lambda *given: {"Metadata": {switching.MARK: mark}})
    ran.now = Before("UPDATE_COMPLETE", {})
    with pytest.raises(DeployError, match="make restore STACK=redress AT=2026-11-23T08:00:00Z"):
        ran.deploy({}, guided=False)
    assert ran.told == []


def test_house_that_could_not_be_read_is_refused_before_the_build(ran: Ran) -> None:
    """The stack has the dark colour, and the deployment names the light one."""
    ran.now = Before("UPDATE_COMPLETE", {"HouseColourDark": "#000000"})
    with pytest.raises(DeployError, match="nothing was deployed") as refused:
        ran.deploy({"HouseColour": "#ffcc00", "HouseName": "<b>"}, guided=False)
    said = str(refused.value)
    assert all(f"{name}: " in said for name in ("HouseName", "HouseColour", "HouseColourDark"))
    assert ran.told == []


def test_guided_deployment_names_what_pages_do_not_use(ran: Ran) -> None:
    """sam asks after the check."""
    ran.after = [{"Architecture": "arm64", "HouseColour": "#ffcc00"}]
    ran.deploy({}, guided=True)
    assert "Not used: HouseColour: #ffcc00 on the page" in ran.said.getvalue()
