"""Deployments and rollbacks move the aliases of all functions together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from local.operations import rollback, versions
from local.operations.stacks import Stack
from local.operations.versions import CannotRollBack, Record, record_of

T0 = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
NAMES = ["redress-mailer", "redress-staff"]


class NotFound(Exception):
    """What Lambda raises for an alias that does not exist."""


@dataclass
class Function:
    """A function of Lambda, with the code from which it publishes."""

    code: str
    versions: dict[int, dict[str, Any]] = field(default_factory=dict)
    alias: dict[str, Any] | None = None
    next: int = 1


class Lambda:
    """The part of Lambda's API that versions need, with its rules about publishing."""

    class exceptions:
        ResourceNotFoundException = NotFound

    def __init__(self, *names: str) -> None:
        self.now = T0
        self.functions = {name: Function("code 0") for name in names}
        self.layers = {1: "core:1"}
        self.refused: set[str] = set()

    def publish_version(self, FunctionName: str) -> dict[str, Any]:
        function = self.functions[FunctionName]
        last = max(function.versions, default=None)
        if last is not None and function.versions[last]["code"] == function.code:
            return function.versions[last]
        number, function.next = function.next, function.next + 1
        function.versions[number] = {
            "Version": str(number),
            "FunctionArn": f"arn:{FunctionName}:{number}",
            "LastModified": self.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Layers": [{"Arn": f"core:{max(self.layers)}"}],
            "code": function.code,
        }
        return function.versions[number]

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, Any]:
        alias = self.functions[FunctionName].alias
        if alias is None:
            raise NotFound(Name)
        return alias

    def update_alias(
        self, FunctionName: str, Name: str, FunctionVersion: str, Description: str | None = None
    ) -> None:
        if FunctionName in self.refused:
            raise RuntimeError("throttled")
        function = self.functions[FunctionName]
        assert int(FunctionVersion) in function.versions
        said = Description if Description is not None else (function.alias or {}).get("Description")
        function.alias = {"FunctionVersion": FunctionVersion, "Description": said or ""}

    def delete_function(self, FunctionName: str, Qualifier: str) -> None:
        function = self.functions[FunctionName]
        assert function.alias is None or function.alias["FunctionVersion"] != Qualifier
        del function.versions[int(Qualifier)]

    def delete_layer_version(self, LayerName: str, VersionNumber: int) -> None:
        del self.layers[VersionNumber]

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        return {"Layers": [{"Arn": f"core:{max(self.layers)}"}]}

    def get_waiter(self, name: str) -> Any:
        assert name == "function_updated_v2"
        return self

    def wait(self, FunctionName: str) -> None:
        assert FunctionName in self.functions

    def get_paginator(self, name: str) -> Pages:
        return Pages(self, name)

    # ---------------------------------------------------------------- what is deployed

    def sam_deploy(self, **codes: str) -> None:
        """What CloudFormation does for functions whose artifact or properties changed."""
        self.now += timedelta(hours=1)
        for short, code in codes.items():
            name = f"redress-{short}"
            self.functions.setdefault(name, Function("")).code = code
            version = self.publish_version(name)["Version"]
            self.update_alias(name, "live", version)

    def deploy(self, *, parameter: str = "", **codes: str) -> None:
        """What `make deploy` does. A parameter changes the mailer, and SAM does not notice."""
        was = versions.live(self, sorted(self.functions))
        self.sam_deploy(**codes)
        if parameter:
            self.functions["redress-mailer"].code += parameter
        now = versions.settle(self, sorted(self.functions))
        versions.record(self, was, now, self.now)

    def live(self) -> dict[str, int]:
        found = versions.live(self, sorted(self.functions))
        return {name.removeprefix("redress-"): int(version) for name, version in found.items()}


@dataclass
class Pages:
    """The paginators of Lambda and CloudFormation, in pages of one entry."""

    of: Lambda
    name: str

    def paginate(self, FunctionName: str = "", **_: str) -> Iterator[dict[str, Any]]:
        if self.name == "list_versions_by_function":
            yield {"Versions": [{"Version": "$LATEST", "FunctionArn": "arn"}]}
            for one in self.of.functions[FunctionName].versions.values():
                yield {"Versions": [one]}
        elif self.name == "list_layer_versions":
            for number, arn in sorted(self.of.layers.items()):
                yield {"LayerVersions": [{"Version": number, "LayerVersionArn": arn}]}
        else:
            assert self.name == "list_stack_resources"
            for name in self.of.functions:
                one = {"ResourceType": "AWS::Lambda::Function", "PhysicalResourceId": name}
                yield {"StackResourceSummaries": [one]}


@pytest.fixture
def functions() -> Lambda:
    """Two functions that were deployed twice: version 1, then version 2."""
    made = Lambda(*NAMES)
    made.deploy(mailer="code 1", staff="code 1")
    made.deploy(mailer="code 2", staff="code 2")
    assert made.live() == {"mailer": 2, "staff": 2}
    return made


def roll_back(functions: Lambda, to: datetime | None = None) -> None:
    stack = Stack("redress", {}, lambda _: functions)
    rollback.back(stack, to, functions.now, Console(quiet=True))


# ------------------------------------------------------------------ records


@pytest.mark.parametrize(
    "said",
    [
        Record("12", "11", "deployed", "2026-11-30T06:00:00Z"),
        Record("1", None, "deployed", "2026-11-30T06:00:00Z"),
        Record("11", "12", "rolled back", "2026-11-30T06:00:00Z"),
    ],
)
def test_record_is_read_as_it_was_written(said: Record) -> None:
    assert record_of(said.text()) == said


@pytest.mark.parametrize("text", [None, "", "blue", "version 12", "version x after y, deployed z"])
def test_description_of_another_kind_is_no_record(text: str | None) -> None:
    assert record_of(text) is None


# ------------------------------------------------------------------ deployments


def test_value_of_a_parameter_moves_the_alias_of_the_function_that_has_it(
    functions: Lambda,
) -> None:
    functions.deploy(parameter=" and another sender")
    assert functions.live() == {"mailer": 3, "staff": 2}


def test_deployment_without_a_change_publishes_nothing_and_keeps_the_way_back(
    functions: Lambda,
) -> None:
    functions.deploy()
    functions.deploy(mailer="code 2")
    assert functions.live() == {"mailer": 2, "staff": 2}
    roll_back(functions)
    assert functions.live() == {"mailer": 1, "staff": 1}


def test_aliases_go_back_after_a_deployment_that_failed(functions: Lambda) -> None:
    was = versions.live(functions, NAMES)
    functions.sam_deploy(mailer="broken")
    versions.put_back(functions, was)
    assert functions.live() == {"mailer": 2, "staff": 2}


# ------------------------------------------------------------------ rollbacks


def test_rollback_moves_every_alias_to_the_version_before(functions: Lambda) -> None:
    roll_back(functions)
    assert functions.live() == {"mailer": 1, "staff": 1}


def test_function_that_the_last_deployment_did_not_move_stays(functions: Lambda) -> None:
    functions.deploy(staff="code 3")
    roll_back(functions)
    assert functions.live() == {"mailer": 2, "staff": 2}


def test_second_rollback_goes_no_further(functions: Lambda) -> None:
    functions.deploy(mailer="code 3", staff="code 3")
    roll_back(functions)
    with pytest.raises(CannotRollBack, match="it is back already, from 3"):
        roll_back(functions)
    assert functions.live() == {"mailer": 2, "staff": 2}


def test_rollback_that_failed_half_way_is_completed_by_the_next(functions: Lambda) -> None:
    functions.refused = {"redress-staff"}
    with pytest.raises(RuntimeError):
        roll_back(functions)
    assert functions.live() == {"mailer": 1, "staff": 2}
    functions.refused = set()
    roll_back(functions)
    assert functions.live() == {"mailer": 1, "staff": 1}


def test_deployment_after_a_rollback_moves_every_alias_forward(functions: Lambda) -> None:
    roll_back(functions)
    functions.deploy()
    assert functions.live() == {"mailer": 2, "staff": 2}, "the same sources again"
    roll_back(functions)
    functions.deploy(staff="code 3")
    assert functions.live() == {"mailer": 2, "staff": 3}
    roll_back(functions)
    assert functions.live() == {"mailer": 1, "staff": 1}, "as it was before that deployment"


def test_rollback_after_a_plain_sam_deploy_goes_to_what_was_recorded(functions: Lambda) -> None:
    functions.sam_deploy(staff="code 3")
    functions.sam_deploy(staff="code 4")
    roll_back(functions)
    assert functions.live() == {"mailer": 2, "staff": 2}


def test_rollback_without_records_goes_to_the_next_older_version() -> None:
    functions = Lambda(*NAMES)
    functions.sam_deploy(mailer="code 1", staff="code 1")
    functions.sam_deploy(staff="code 2")
    roll_back(functions)
    assert functions.live() == {"mailer": 1, "staff": 1}


def test_new_function_stays_in_a_rollback(functions: Lambda) -> None:
    functions.deploy(staff="code 3", widget="code 3")
    roll_back(functions)
    assert functions.live() == {"mailer": 2, "staff": 2, "widget": 1}


def test_rollback_of_the_first_deployment_says_that_there_is_nothing_before() -> None:
    functions = Lambda(*NAMES)
    functions.deploy(mailer="code 1", staff="code 1")
    with pytest.raises(CannotRollBack, match="it is new"):
        roll_back(functions)


def test_rollback_moves_nothing_if_one_version_is_gone(functions: Lambda) -> None:
    del functions.functions["redress-staff"].versions[1]
    with pytest.raises(CannotRollBack, match="version 1 of redress-staff is gone: kept are 2 of"):
        roll_back(functions)
    assert functions.live() == {"mailer": 2, "staff": 2}


def test_rollback_to_a_time_takes_the_versions_of_that_time(functions: Lambda) -> None:
    functions.deploy(staff="code 3")
    functions.deploy(mailer="code 4")
    roll_back(functions, T0 + timedelta(hours=3, minutes=30))
    assert functions.live() == {"mailer": 2, "staff": 3}
    with pytest.raises(CannotRollBack, match="has no version of 2026-11-30T06:30:00Z: kept are"):
        roll_back(functions, T0 + timedelta(minutes=30))


@pytest.mark.parametrize("text", ["yesterday", "2026-11-29", "2026-11-29T18:00"])
def test_time_needs_a_zone(text: str) -> None:
    with pytest.raises(CannotRollBack, match="not a time with a zone"):
        rollback.time_of(text)
    assert rollback.time_of("2026-11-29T18:00+08:00") == datetime(2026, 11, 29, 10, tzinfo=UTC)


# ------------------------------------------------------------------ pruning


def test_old_versions_are_deleted_but_not_what_a_rollback_needs() -> None:
    functions = Lambda(*NAMES)
    for number in range(1, 7):
        functions.layers[number] = f"core:{number}"
        codes = {"mailer": f"code {number}"} | ({"staff": "code 1"} if number == 1 else {})
        functions.deploy(**codes)
    assert versions.prune(functions, functions, "redress") == (3, 2)
    assert list(functions.functions["redress-mailer"].versions) == [4, 5, 6]
    assert list(functions.functions["redress-staff"].versions) == [1]
    assert list(functions.layers) == [1, 4, 5, 6], "the first one is that of the staff function"
    roll_back(functions)
    assert functions.live() == {"mailer": 5, "staff": 1}
    assert versions.prune(functions, functions, "redress") == (0, 0)


def test_version_that_an_alias_names_is_kept_however_old_it_is(functions: Lambda) -> None:
    for number in range(3, 7):
        functions.deploy(mailer=f"code {number}")
    functions.update_alias("redress-mailer", "live", "1", "somebody moved it")
    versions.prune(functions, functions, "redress")
    assert list(functions.functions["redress-mailer"].versions) == [1, 4, 5, 6]
    assert functions.live() == {"mailer": 1, "staff": 2}
