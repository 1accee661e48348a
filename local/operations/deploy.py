"""Build and deploy a stack on AWS, and then do what its template cannot.

    python -m local.operations.deploy                                the stack redress
    python -m local.operations.deploy --stack redress --guided       the first time: sam asks
    python -m local.operations.deploy --parameters "MailsAtOnce=10 TimeZone=Europe/Berlin"

`sam build` and `sam deploy` do most of it, with your credentials and with `samconfig.toml`. A
parameter that you do not name keeps the value that the stack has. Afterwards every alias names what
is deployed, the stack and its data are protected against deletion, and old versions are deleted.
It is safe to repeat, after a failure too.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.operations import changes, house, protection, removal, stacks, switching, versions
from local.operations.stacks import Stack
from local.process import ROOT
from local.template import template

type Parameters = dict[str, str]
type Client = Callable[[str], Any]

CONFIGURATION = ROOT / "samconfig.toml"
SHOWN = 3
"""How many failures of a deployment are shown. Those that follow from the first only hide it."""
NEVER_WORKED = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}
"""States of a stack whose creation failed. It can only be deleted."""


SAVE_NOTHING = (
    "Answer n when sam asks whether to save the arguments. Otherwise samconfig.toml sets every "
    "parameter to today's value in each later deployment."
)


class DeployError(Exception):
    """The stack was not deployed, or not completely. The message says why and what to do."""


# ------------------------------------------------------------------------------ parameters


def parsed(text: str) -> Parameters:
    """Return the parameters in `Key=value Other="a value"`. Raises DeployError."""
    found: Parameters = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise DeployError(f"the parameters cannot be read: {error}") from error
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise DeployError(f"{word!r} is not a parameter: write Key=value")
        if name not in template()["Parameters"]:
            raise DeployError(f"the template has no parameter {name}")
        found[name] = value
    return found


def configured(path: Path = CONFIGURATION) -> Parameters:
    """Return the parameters that `samconfig.toml` names for a deployment."""
    return parsed(str(_option("parameter_overrides", path) or ""))


def _option(name: str, path: Path = CONFIGURATION) -> Any:
    if not path.exists():
        return None
    read = tomllib.loads(path.read_text(encoding="utf-8")).get("default", {})
    own, shared = (read.get(part, {}).get("parameters", {}) for part in ("deploy", "global"))
    found = own.get(name, shared.get(name))
    return " ".join(found) if isinstance(found, list) else found


def architecture(given: Mapping[str, str], before: Mapping[str, str]) -> str:
    """Return what to build for: as given, or as the stack was deployed, or the default."""
    default = template()["Parameters"]["Architecture"]["Default"]
    return given.get("Architecture") or before.get("Architecture") or str(default)


def written(parameters: Mapping[str, str]) -> list[str]:
    """Return parameters as `sam` takes them. It divides a value without quotes at its spaces."""
    escaped = {name: value.replace('"', '\\"') for name, value in parameters.items()}
    return [f'{name}="{value}"' for name, value in escaped.items()]


# ------------------------------------------------------------------------------ a stack before


@dataclass(frozen=True, slots=True)
class Before:
    """A stack before its deployment. `status` is None if there is none."""

    status: str | None
    parameters: Parameters


def before(cloudformation: Any, name: str) -> Before:
    """Return a stack as it is. A change set without a stack counts as none."""
    try:
        [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return Before(None, {})
        raise
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return Before(None, {})
    pairs = found.get("Parameters", [])
    known = {one["ParameterKey"]: one["ParameterValue"] for one in pairs}
    return Before(found["StackStatus"], known)


def require_ready(status: str | None, name: str) -> None:
    """Raise DeployError if a stack in this state cannot be deployed."""
    if status is None or status in NEVER_WORKED:
        return
    if status.endswith("_IN_PROGRESS"):
        raise DeployError(f"{name} is {status}: wait until that ends")
    if status == "UPDATE_ROLLBACK_FAILED":
        raise DeployError(
            f"{name} is {status}: read its events, remove the cause, and run "
            f"aws cloudformation continue-update-rollback --stack-name {name}"
        )
    if status == "DELETE_FAILED":
        raise DeployError(f"{name} is {status}: end its removal first, by make remove STACK={name}")


def clear(client: Client, name: str) -> None:
    """Delete what is left of a stack whose creation failed."""
    cloudformation = client("cloudformation")
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name)
    versions.prune_layer(client("lambda"), name, set())


def failures(cloudformation: Any, name: str, since: datetime) -> list[str]:
    """Return the first failures of a stack's last operation, each in one line."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    found: list[dict[str, Any]] = []
    for page in pages:
        for event in page["StackEvents"]:
            if event["Timestamp"] < since:
                return _first(found)
            found.append(event)
    return _first(found)


def _first(newest_first: list[dict[str, Any]]) -> list[str]:
    said = []
    for event in reversed(newest_first):
        reason = event.get("ResourceStatusReason", "")
        # Resources that were in progress are cancelled when another one fails.
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
            kind, logical = event["ResourceType"], event["LogicalResourceId"]
            said.append(f"{logical} ({kind}): {event['ResourceStatus']}: {reason}")
    return said[:SHOWN]


# ------------------------------------------------------------------------------ the deployment


def finish(stack: Stack, was: versions.Versions, began: datetime) -> list[str]:
    """Complete what sam has deployed, and return what was done.

    The aliases name what is deployed, their records say what they named before (`was`), the stack
    and its data are protected, and old versions are deleted.
    """
    functions, cloudformation = stack.client("lambda"), stack.client("cloudformation")
    names = versions.functions_of(cloudformation, stack.name)
    versions.record(functions, was, versions.settle(functions, names), began)
    done = [f"Protected {what} against deletion." for what in protection.protect(stack)]
    old, layers = versions.prune(functions, cloudformation, stack.name)
    if old or layers:
        done.append(f"Deleted {old} old versions of functions and {layers} of the layer.")
    return done


@dataclass(frozen=True, slots=True)
class Deployment:
    """One run of the command.

    run  runs a command of sam, and returns whether it succeeded
    """

    name: str
    client: Client
    console: Console
    run: Callable[[list[str]], bool]

    def deploy(self, given: Parameters, *, guided: bool = False) -> Stack:
        """Build, deploy and complete. Raises DeployError with what failed."""
        cloudformation = self.client("cloudformation")
        known = before(cloudformation, self.name)
        require_ready(known.status, self.name)
        if known.status not in (None, *NEVER_WORKED):
            self._require_table()
        if known.status is None:
            self._tell_of_data()
        if known.status in NEVER_WORKED:
            self._say(f"The creation of {self.name} failed before ({known.status}); removing it.")
            clear(self.client, self.name)
            known = Before(None, {})
        asked = configured() | given
        if guided:
            # Otherwise sam offers the defaults of the template, not the values that the stack has.
            names = template()["Parameters"]
            asked = {n: value for n, value in known.parameters.items() if n in names} | asked
        if faults := house.faults(known.parameters | asked):
            raise DeployError("\n  ".join(["nothing was deployed", *faults]))
        target = architecture(asked, known.parameters)
        self._say(f"Building {self.name} for {target}.")
        if not self.run(["build", "--parameter-overrides", f"Architecture={target}"]):
            raise DeployError("the build failed; nothing was deployed")
        was = self._versions_before(known) if known.status else {}
        began = datetime.now(UTC)
        self._say(f"{'Updating' if known.status else 'Creating'} {self.name}.")
        if guided:
            self._say(SAVE_NOTHING)
        options = ["--parameter-overrides", *written(asked | {"Architecture": target})]
        options += ["--no-fail-on-empty-changeset", *(["--guided"] if guided else [])]
        if not guided and not sys.stdin.isatty():
            options.append("--no-confirm-changeset")
        if not self.run(["deploy", "--stack-name", self.name, *options]):
            self._failed(known, was, began)
        now = before(cloudformation, self.name)
        if now.status is None:
            raise DeployError(
                f"no stack {self.name} was deployed: the change set was not confirmed, or sam was "
                "told another name. Then complete that stack: make deploy STACK=NAME"
            )
        if guided and now.parameters.get("Architecture") != target:
            # The answer to sam's question came after the build.
            self._say(f"It was built for {target}, so it is built again.")
            return self.deploy({})
        # In a guided deployment sam asked after the check. Pages use the defaults instead of these.
        for fault in house.faults(now.parameters) if guided else ():
            self._say(f"Not used: {fault}")
        made = stacks.described(self.name, self.client)
        for line in finish(made, was, began):
            self._say(line)
        return made

    def _require_table(self) -> None:
        """Raise DeployError if a restore has put the table out of the stack.

        The template of the repository would make a new table, and it would be empty.
        """
        mark = switching.mark_of(changes.template(self.client, self.name))
        if mark:
            raise DeployError(
                f"a restore has not ended: make restore STACK={self.name} AT={mark['at']}"
            )

    def _tell_of_data(self) -> None:
        """Say if a removed stack with this name left its table, because a new stack has its own."""
        for stack_id in removal.removed_before(self.client, self.name):
            for one in removal.left_behind(self.client, stack_id):
                if one.kind == removal.TABLE and removal.exists(self.client, one):
                    self._say(
                        f"A removed stack {self.name} left the table {one.physical}. This makes a "
                        "new stack with an empty table. To create the removed one again instead: "
                        f"make restore STACK={self.name}"
                    )
                    return

    def _versions_before(self, known: Before) -> versions.Versions:
        """What the aliases name.

        If an earlier deployment failed, it left versions that nothing names, and CloudFormation
        fails to publish one like the last. So publish what is deployed; the aliases stay.
        """
        lambdas = self.client("lambda")
        names = versions.functions_of(self.client("cloudformation"), self.name)
        found = versions.live(lambdas, names)
        if "ROLLBACK" in str(known.status):
            for name in found:
                versions.publish(lambdas, name)
        return found

    def _failed(self, known: Before, was: versions.Versions, began: datetime) -> None:
        """Raise DeployError with the first failures, after taking back what was half done."""
        cloudformation = self.client("cloudformation")
        now = before(cloudformation, self.name).status
        why = failures(cloudformation, self.name, began) if now else []
        said = ["the deployment failed", *(why or ["sam says why, above"])]
        if now is not None and now.endswith("_IN_PROGRESS"):
            # sam has lost its connection, and CloudFormation goes on.
            said.append(
                f"{self.name} is {now}: wait until that ends, and run the same command again"
            )
        elif known.status is None and now in NEVER_WORKED:
            deleted = versions.prune_layer(self.client("lambda"), self.name, set())
            gone = "everything that it had created is deleted"
            left = f"{self.name} is {now}; look which resources are left in its events"
            said.append(gone if now == "ROLLBACK_COMPLETE" else left)
            said.append(f"{deleted} versions of the layer are deleted, too")
            said.append("remove the cause and run the same command again")
        elif now == "UPDATE_ROLLBACK_COMPLETE":
            versions.put_back(self.client("lambda"), was)
            said.append(f"{self.name} is as it was before")
        elif now is not None:
            said.append(f"{self.name} is {now}; run the same command again to complete it")
        raise DeployError("\n  ".join(said))

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def next_steps(stack: Stack) -> list[str]:
    """Return the addresses of a deployed stack, and what to do now."""
    found = stack.outputs
    lines = [f"Pages and API: {found['ApiUrl']}/"]
    if "UserPoolId" in found:
        lines.append(f"Staff sign in to the user pool {found['UserPoolId']}: docs/sign-in.md")
    return [
        *lines,
        "Now, if you have not yet:",
        "- confirm the subscription to the alarms: the mail to OperatorAddress has the link",
        "- verify SenderAddress or its domain in SES, and leave SES's sandbox",
        f"- check the deployed stack: make verify-aws STACK={stack.name}",
    ]


# ------------------------------------------------------------------------------ the command


def sam(region: str) -> Callable[[list[str]], bool]:
    """Return a function that runs a command of sam in this region and shows what it says."""
    folder = str(Path(sys.executable).parent)
    # Settings of make do not belong to the make that sam runs.
    shell = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment = shell | {
        "PATH": f"{folder}{os.pathsep}{shell['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
    }

    def run(command: list[str]) -> bool:
        # Otherwise samconfig.toml could name another region.
        full = ["sam", *command, "--region", region]
        return subprocess.run(full, cwd=ROOT, env=environment, check=False).returncode == 0

    return run


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.operations.deploy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--stack", help="name of the stack (default: samconfig.toml, or redress)")
    parser.add_argument("--guided", action="store_true", help="let sam ask for every parameter")
    parser.add_argument("--parameters", default="", help='such as "MailsAtOnce=10 OnAws=true"')
    given = parser.parse_args(arguments)
    console = Console()
    try:
        parameters = parsed(given.parameters)
        session: Any = boto3.Session()
        # As the other commands: the region of the shell or the profile comes first.
        region = os.environ.get("AWS_REGION") or session.region_name or _option("region")
        if not region:
            raise DeployError("no region: set AWS_DEFAULT_REGION, or one in your profile")
        name = given.stack or str(_option("stack_name") or "redress")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", name):
            raise DeployError(f"{name!r} is not the name of a stack")
        _, make = stacks.reached(name)
        client = stacks.shared(lambda service: make(service, region_name=region))
        run = Deployment(name, client, console, sam(region))
        made = run.deploy(parameters, guided=given.guided)
    except (DeployError, BotoCoreError, ClientError) as error:
        console.print(f"Failed: {error}", style="red", markup=False, highlight=False)
        return 1
    for line in next_steps(made):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
