"""Create a removed stack again around the data that it left: `make restore STACK=redress`.

CloudFormation knows the template and the parameters of a removed stack for 90 days. Table, bucket,
user pool and secret become the first resources of a new stack by an import; the rest is created by
an update. The new stack has another API address.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local.operations import changes, quiet, removal, stacks, switching
from local.operations.changes import ChangeError, Changes, Imported, Tell, Template
from local.operations.quiet import Resource

IDENTIFIED_BY = {
    removal.TABLE: "TableName",
    removal.BUCKET: "BucketName",
    removal.POOL: "UserPoolId",
    removal.SECRET: "Id",
}
"""The types that hold data, and the property that identifies a resource for an import."""
NOT_IMPORTED = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
"""The statuses of a stack whose import was refused or rolled back."""
GONE_AGAIN = (removal.DELETED, "IMPORT_ROLLBACK_COMPLETE")
"""The statuses of a resource that is not in the stack any more after that."""
MARK = "CreatedAgainFrom"
"""Key of the note in the template's `Metadata` until the rest of the stack is created."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What is needed to create a stack again: its template, parameters, and what it left."""

    template: Template
    parameters: dict[str, str]
    left: tuple[Imported, ...]

    def encode(self) -> bytes:
        left = [[one.logical, one.kind, one.identifier] for one in self.left]
        content = {"template": self.template, "parameters": self.parameters, "left": left}
        return json.dumps(content).encode()

    @classmethod
    def decode(cls, text: bytes) -> Removed:
        read = json.loads(text)
        left = tuple(Imported(*one) for one in read["left"])
        return cls(read["template"], read["parameters"], left)


def only_data(before: Template, left: tuple[Imported, ...], mark: dict[str, str]) -> Template:
    """Return a template that has only what was left, to import it.

    A property that refers to another resource is left out; the update adds it. Every other property
    stays as it is: a secret whose `GenerateSecretString` came later would get another value.
    """
    names = {one.logical for one in left}
    others = set(before["Resources"]) - names
    resources = {}
    for name in names:
        one = before["Resources"][name]
        properties = {
            key: value
            for key, value in one.get("Properties", {}).items()
            if not others & set(references(value))
        }
        kept = ("Type", "Condition", "DeletionPolicy", "UpdateReplacePolicy")
        resources[name] = {key: one[key] for key in kept if key in one} | {"Properties": properties}
    sections = ("AWSTemplateFormatVersion", "Description", "Parameters", "Mappings", "Conditions")
    template = {section: before[section] for section in sections if section in before}
    return template | {"Metadata": {MARK: mark}, "Resources": resources}


def references(node: Any) -> Iterator[str]:
    """Yield the names to which a part of a template refers: resources, parameters, pseudo ones."""
    if isinstance(node, list):
        for one in node:
            yield from references(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield str(value)
            elif key == "Fn::GetAtt":
                yield value.split(".")[0] if isinstance(value, str) else str(value[0])
            elif key == "Fn::Sub":
                text = value if isinstance(value, str) else value[0]
                yield from re.findall(r"\$\{(\w+)[.}]", text)
                yield from references(value)
            else:
                yield from references(value)


class Recreation:
    """Creates one removed stack again. Each step looks whether it is done already."""

    def __init__(
        self,
        name: str,
        make: Callable[..., Any],
        tell: Tell,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self._make, self._tell, self._pause = name, make, tell, pause
        self._clients = stacks.shared(make)

    def found(self) -> Removed | None:
        """Return what to create again; None if the stack is there and complete.

        Raises ChangeError if a removed stack is not known, or its data is not there any more.
        """
        stack = removal.described(self._clients, self.name)
        if stack is not None and not self._is_empty(stack):
            mark = changes.template(self._clients, self.name).get("Metadata", {}).get(MARK)
            if mark is None:
                return None
            stored = changes.stored(self._clients, mark["bucket"], mark["key"])
            if stored is None:
                raise ChangeError(f"s3://{mark['bucket']}/{mark['key']} is missing")
            return Removed.decode(stored)
        removed = removal.removed_before(self._clients, self.name)
        if not removed:
            raise ChangeError(f"no stack has the name {self.name}, and none was removed lately")
        for stack_id in removed:
            # A later creation that failed is a removed stack too, but it left nothing.
            left = removal.left_behind(self._clients, stack_id)
            if any(one.kind == removal.TABLE for one in left):
                return self._removed(stack_id, left)
        raise ChangeError(f"no removed stack with the name {self.name} has left a table")

    def _is_empty(self, stack: dict[str, Any]) -> bool:
        """Whether this is what an import left that was refused or rolled back."""
        if stack["StackStatus"] not in NOT_IMPORTED:
            return False
        there = quiet.resources(self._clients, stack["StackId"])
        return all(one.status in GONE_AGAIN for one in there)

    def _removed(self, stack_id: str, events: list[Resource]) -> Removed:
        template = changes.template(self._clients, stack_id)
        described = changes.description(self._clients, stack_id)
        parameters = {
            one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])
        }
        left: dict[str, Imported] = {}
        missing = list[str]()
        for one in events:  # the newest first
            key = IDENTIFIED_BY.get(one.kind)
            if key is None or one.logical not in template["Resources"]:
                continue
            if one.logical in left or one.logical in missing:
                continue  # what a restore has put out of the stack earlier
            if removal.exists(self._clients, one):
                left[one.logical] = Imported(one.logical, one.kind, {key: one.physical})
            else:
                missing.append(one.logical)
        if missing or switching.TABLE not in left:
            what = ", ".join(missing or [switching.TABLE])
            raise ChangeError(f"what the stack {self.name} left is not there any more: {what}")
        left |= {one.logical: one for one in self._groups(template, left)}
        return Removed(template, parameters, tuple(left.values()))

    def _groups(self, template: Template, left: dict[str, Imported]) -> Iterator[Imported]:
        """Yield the groups that stayed in the user pool. Stacks of earlier versions left none."""
        pools = [one.identifier["UserPoolId"] for one in left.values() if one.kind == removal.POOL]
        for logical, one in template["Resources"].items():
            if one["Type"] == removal.GROUP and one.get("DeletionPolicy") in removal.RETAINING:
                name = one["Properties"]["GroupName"]
                for pool in pools:
                    if removal.has_group(self._clients, pool, name):
                        identifier = {"UserPoolId": pool, "GroupName": name}
                        yield Imported(logical, removal.GROUP, identifier)

    def run(self, what: Removed, after: Callable[[], None] = lambda: None) -> None:
        """Do every step that is not done yet. `after` runs when the stack is complete."""
        bucket, folder = changes.place(what.template), f"restores/{self.name}-created-again"
        stack = Changes(self._clients, self.name, bucket, folder, self._pause)
        mark = {"bucket": bucket, "key": f"{folder}/removed.json"}
        existing = removal.described(self._clients, self.name)
        if existing is not None and self._is_empty(existing):
            self._clients("cloudformation").delete_stack(StackName=existing["StackId"])
            removal.wait_until_deleted(self._clients, existing["StackId"])
            self._tell("the empty stack of an earlier attempt is deleted")
            existing = None
        if existing is None:
            self._clients("s3").put_object(Bucket=bucket, Key=mark["key"], Body=what.encode())
            stack.change(only_data(what.template, what.left, mark), what.left, what.parameters)
            names = ", ".join(one.logical for one in what.left)
            self._tell(f"a stack {self.name} has what the removed one left: {names}")
        stack.change(what.template)
        self._tell("everything else is created")
        after()
        changes.begin_workflows(self.name, self._make, self._tell)
        address = changes.outputs(self._clients, self.name).get("ApiUrl")
        self._tell(f"the API has a new address: {address}")
