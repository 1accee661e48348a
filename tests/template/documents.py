"""The template as written, the template as deployed, and the state machines, for tests to read.

`expanded()` runs the SAM transform, so it returns the resources that CloudFormation gets. They
include roles, permissions and configurations that the template does not spell out.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.builders import ROOT

Resource = dict[str, Any]
MACHINES = sorted(path.name for path in (ROOT / "statemachines").glob("*.json"))
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
GIVEN = {
    "SenderAddress": "service@example.com",
    "OperatorAddress": "operations@example.com",
    "RunbookAddress": "https://redress.example/docs/runbooks",
    "UsernamesIgnoreCase": "true",
}
"""Values of the parameters that have no default."""


@cache
def _written() -> dict[str, Any]:
    document: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return document


def written() -> dict[str, Any]:
    """`template.yaml`, with short forms read as `{"Ref": ...}` and `{"Fn::...": ...}`."""
    return copy.deepcopy(_written())


class _NoManagedPolicies:
    """The transform asks this for policies that a template names. This template names none."""

    def load(self) -> dict[str, str]:
        return {}


@cache
def expanded() -> dict[str, Resource]:
    """The resources that the SAM transform creates from the template.

    Parameters have their defaults. GIVEN has values for those without one.
    """
    return packaged(code="key", layer="key", parameters={})


def packaged(*, code: str, layer: str, parameters: dict[str, str]) -> dict[str, Resource]:
    """The resources as `sam package` and the SAM transform make them, with these artifacts."""
    document = written()
    document["Globals"]["Function"]["CodeUri"] = f"s3://bucket/{code}"
    for resource in document["Resources"].values():
        for name in ("DefinitionUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                key = layer if name == "ContentUri" else "key"
                resource["Properties"][name] = f"s3://bucket/{key}"
    defaults = {
        name: str(p["Default"]) for name, p in document["Parameters"].items() if "Default" in p
    }
    parameters = GIVEN | defaults | parameters
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        deployed = transform(document, parameters, _NoManagedPolicies())
    resources: dict[str, Resource] = json.loads(json.dumps(deployed["Resources"]))
    return resources


def of_type(*types: str) -> dict[str, Resource]:
    """Deployed resources of these types, by logical id."""
    return {name: r for name, r in expanded().items() if r["Type"] in types}


def written_of_type(kind: str) -> dict[str, Resource]:
    return {name: r for name, r in written()["Resources"].items() if r["Type"] == kind}


def functions() -> dict[str, Resource]:
    """Properties of the deployed functions, by logical id."""
    return {name: r["Properties"] for name, r in of_type("AWS::Lambda::Function").items()}


def folder_of(logical_id: str) -> str:
    """The folder that a function is built from: `intake` for `IntakeFunction`."""
    return logical_id.removesuffix("Function").lower()


def refers_to(value: Any) -> str | None:
    """The logical id that a `Ref` or an `Fn::GetAtt` names; None for anything else."""
    match value:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [str(name), *_]}:
            return name
    return None


ALIAS = "Aliaslive"
"""What SAM adds to the logical id of a function for that of its alias `live`."""


def called(value: Any) -> str | None:
    """The logical id of the function whose alias a `Ref` names; None for anything else.

    A function without its alias is None too, because no caller may name it so.
    """
    name = refers_to(value) or ""
    return name.removesuffix(ALIAS) if name.endswith(ALIAS) else None


def strings(value: Any) -> Iterator[str]:
    """Every string value of a document, without the keys."""
    match value:
        case str():
            yield value
        case dict():
            for part in value.values():
                yield from strings(part)
        case list():
            for part in value:
                yield from strings(part)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Statement:
    """One statement that allows a role something. `role` is its logical id."""

    role: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: dict[str, Any]


def _possible(entries: list[Any]) -> Iterator[Resource]:
    """The entries of a list. Of an entry that depends on a condition, both forms."""
    for entry in entries:
        if "Fn::If" in entry:
            yield from _possible([one for one in entry["Fn::If"][1:] if "Ref" not in one])
        else:
            yield entry


@cache
def statements() -> tuple[Statement, ...]:
    """Every Allow of every role and managed policy of the stack, under any parameters."""
    found = []
    for name, resource in of_type("AWS::IAM::Role", "AWS::IAM::ManagedPolicy").items():
        properties = resource["Properties"]
        documents = [entry["PolicyDocument"] for entry in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            for entry in _possible(listed(document["Statement"])):
                if entry["Effect"] == "Allow":
                    found.append(
                        Statement(
                            role=name,
                            actions=tuple(listed(entry["Action"])),
                            resources=tuple(listed(entry["Resource"])),
                            condition=entry.get("Condition", {}),
                        )
                    )
    return tuple(found)


@cache
def machine(name: str) -> dict[str, Any]:
    """A state machine's definition, with its placeholders."""
    definition: dict[str, Any] = json.loads((ROOT / "statemachines" / name).read_text())
    return definition


def states_of(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state of a machine, including those inside maps and branches."""
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states_of(state["ItemProcessor"])
        for branch in state.get("Branches", ()):
            yield from states_of(branch)


def all_states() -> list[tuple[str, str, dict[str, Any]]]:
    """(machine, name, state) for every state of every machine."""
    return [(file, name, state) for file in MACHINES for name, state in states_of(machine(file))]


def tasks() -> list[tuple[str, str, dict[str, Any]]]:
    return [entry for entry in all_states() if entry[2]["Type"] == "Task"]


def waits_for_token(state: dict[str, Any]) -> bool:
    return str(state.get("Resource", "")).endswith(".waitForTaskToken")


def calls_function(state: dict[str, Any]) -> bool:
    return ":lambda:invoke" in str(state.get("Resource", ""))
