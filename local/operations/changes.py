"""Change a stack by a change set: create it, execute it, and wait until the change has ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from local.operations import quiet, versions
from local.operations.quiet import Clients
from local.operations.stacks import ALIAS

type Template = dict[str, Any]
type Tell = Callable[[str], None]

CHANGED_S = 3600.0
MOST_RUNS = 60
"""How often the reconciliation runs. One run begins at most 500 workflows anew."""
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class ChangeError(Exception):
    """A change of the stack failed, or cannot begin. The message says why, and what to do."""


def description(clients: Clients, stack: str) -> dict[str, Any]:
    """Return the description of a stack (name or id). Raises ClientError if there is none."""
    return dict(clients("cloudformation").describe_stacks(StackName=stack)["Stacks"][0])


def outputs(clients: Clients, stack: str) -> dict[str, str]:
    found = description(clients, stack).get("Outputs", [])
    return {one["OutputKey"]: one["OutputValue"] for one in found}


def template(clients: Clients, stack: str) -> Template:
    """Return the template of a stack (name or id), after its transform."""
    body = clients("cloudformation").get_template(StackName=stack, TemplateStage="Processed")
    found = body["TemplateBody"]
    # botocore reads JSON as ordered dictionaries.
    read: Template = json.loads(found if isinstance(found, str) else json.dumps(found))
    return read


def place(found: Template) -> str:
    """Return the bucket with the functions' code. Every deployed stack has one.

    Raises ChangeError if this one has none.
    """
    for one in found.get("Resources", {}).values():
        if one["Type"] == "AWS::Lambda::Function":
            bucket = one["Properties"].get("Code", {}).get("S3Bucket")
            if isinstance(bucket, str):
                return bucket
    raise ChangeError("the stack has no function whose code is in a bucket")


def stored(clients: Clients, bucket: str, key: str) -> bytes | None:
    """Return an object of a bucket; None if there is none."""
    try:
        found = clients("s3").get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if quiet.code(error) in ("NoSuchKey", "404"):
            return None
        raise
    content: bytes = found["Body"].read()
    return content


@dataclass(frozen=True, slots=True)
class Imported:
    """A resource to import: its logical id, its type, and what identifies it."""

    logical: str
    kind: str
    identifier: dict[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes one stack. Templates are stored in `bucket` below `folder`, as they are long."""

    clients: Clients
    name: str
    bucket: str
    folder: str
    pause: Callable[[float], None] = time.sleep

    def change(
        self,
        found: Template,
        imports: tuple[Imported, ...] = (),
        parameters: dict[str, str] | None = None,
    ) -> None:
        """Bring the stack to this template, or import resources, and wait for the end.

        Parameters keep their values, unless `parameters` has them. Raises ChangeError.
        """
        kind = "IMPORT" if imports else "UPDATE"
        formation, store = self.clients("cloudformation"), self.clients("s3")
        key = f"{self.folder}/template.json"
        store.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(found).encode())
        name = f"restore-{kind.lower()}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
        to_import = [
            {
                "ResourceType": one.kind,
                "LogicalResourceId": one.logical,
                "ResourceIdentifier": one.identifier,
            }
            for one in imports
        ]
        formation.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateURL=f"{store.meta.endpoint_url.rstrip('/')}/{self.bucket}/{key}",
            Parameters=[_parameter(one, parameters) for one in sorted(found.get("Parameters", {}))],
            Capabilities=["CAPABILITY_IAM"],
            **({"ResourcesToImport": to_import} if imports else {}),
        )
        if self._is_change(name):
            formation.execute_change_set(StackName=self.name, ChangeSetName=name)
            self._wait_until(f"{kind}_COMPLETE")

    def _is_change(self, name: str) -> bool:
        """Wait for a change set. Returns False if it contains no change."""
        formation, deadline = self.clients("cloudformation"), time.monotonic() + CHANGED_S
        while True:
            found = formation.describe_change_set(StackName=self.name, ChangeSetName=name)
            status, why = found["Status"], found.get("StatusReason", "")
            if status == "CREATE_COMPLETE" and found["ExecutionStatus"] == "AVAILABLE":
                return True
            if status == "FAILED" and any(one in why for one in NO_CHANGES):
                return False
            is_waiting = status in ("CREATE_PENDING", "CREATE_IN_PROGRESS")
            if not is_waiting or time.monotonic() > deadline:
                raise ChangeError(f"CloudFormation refuses the change set {name}: {why}")
            self.pause(2)

    def _wait_until(self, wanted: str) -> None:
        deadline = time.monotonic() + CHANGED_S
        while (status := self._status()).endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise ChangeError(f"the stack is still {status}. Repeat to wait again")
            self.pause(1)
        if status != wanted:
            raise ChangeError(f"the stack is {status}:\n{self._faults()}\nMend this, then repeat")

    def _status(self) -> str:
        return str(description(self.clients, self.name)["StackStatus"])

    def _faults(self) -> str:
        events = self.clients("cloudformation").describe_stack_events(StackName=self.name)
        failed = [
            f"  {one['LogicalResourceId']}: {one.get('ResourceStatusReason', '')}"
            for one in events["StackEvents"]
            if one["ResourceStatus"].endswith("_FAILED")
        ]
        return "\n".join(failed[:10]) or "  no event says why"


def _parameter(name: str, given: dict[str, str] | None) -> dict[str, Any]:
    if given is None:
        return {"ParameterKey": name, "UsePreviousValue": True}
    return {"ParameterKey": name, "ParameterValue": given[name]}


def begin_workflows(name: str, make: Callable[..., Any], tell: Tell) -> None:
    """Let the reconciliation of a stack begin every open ticket's workflow, until none is left.

    Raises ChangeError if it fails.
    """
    config = Config(read_timeout=910, retries={"max_attempts": 0})
    functions, function = make("lambda", config=config), f"{name}-repair"
    aliased = {"Qualifier": ALIAS} if versions.live(functions, [function]) else {}
    left = 0
    for _ in range(MOST_RUNS):
        # A function whose reserved concurrency was 0 a moment ago may still refuse calls.
        answer = quiet.patiently(
            lambda: functions.invoke(
                FunctionName=function, Payload=b'{"task": "reconcile"}', **aliased
            )
        )
        report = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise ChangeError(f"the reconciliation failed: {report}. Repeat")
        found = {key: number for key, number in report["found"].items() if number}
        tell(f"{report['open']} open tickets were compared: {found or 'no difference'}")
        left = report["left"]
        if left == 0:
            return
    raise ChangeError(f"{left} workflows are left. Repeat")
