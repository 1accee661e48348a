"""Remove a stack: `make remove STACK=redress`. What contains data stays.

The command first says what goes, what stays and what that costs a month. After a confirmation it
switches off what acts by itself, stops all executions, and deletes the stack. It can be repeated at
any time: after a failure it does what is left. It also removes a stack whose creation failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.operations import changes, quiet, stacks
from local.operations.quiet import Clients, Resource
from local.operations.stacks import NoStack

TABLE = "AWS::DynamoDB::Table"
BUCKET = "AWS::S3::Bucket"
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - the name of a type
POOL = "AWS::Cognito::UserPool"
GROUP = "AWS::Cognito::UserPoolGroup"
LAYER = "AWS::Lambda::LayerVersion"
LOGS = "AWS::Logs::LogGroup"
RULE_SET = "AWS::SES::ReceiptRuleSet"

RETAINING = ("Retain", "RetainExceptOnCreate")

GB = 2**30
TABLE_GB = 0.25 + 0.20
"""US$ a month for a GB in the table, with point-in-time recovery (`data/prices.json`)."""
BUCKET_GB = 0.023
"""US$ a month for a GB in S3 Standard, us-east-1 (https://aws.amazon.com/s3/pricing/)."""
LOGS_GB = 0.03
"""US$ a month for a GB of stored logs (https://aws.amazon.com/cloudwatch/pricing/)."""
SECRET_MONTH = 0.40
MOST_PAGES = 100
"""How many pages of 1,000 object versions are counted. A listing costs US$0.005 for 1,000 pages."""

DELETED = "DELETE_COMPLETE"
WAIT_S = 3600.0


class RemovalError(Exception):
    """The stack cannot be removed now. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that stays after the removal, its size in words, US$ a month, and how it goes."""

    what: str
    name: str
    size: str
    month: float
    commands: tuple[str, ...]


# ------------------------------------------------------------------------------ what there is


def described(clients: Clients, stack: str) -> dict[str, Any] | None:
    """Return the description of a stack (name or id). None if none has this name."""
    try:
        found = clients("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if quiet.code(error) == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return dict(found[0]) if found and found[0]["StackStatus"] != DELETED else None


def removed_before(clients: Clients, name: str) -> list[str]:
    """Return the ids of the removed stacks with this name, the newest first.

    CloudFormation knows a removed stack for 90 days. A creation that failed is one of them, too.
    """
    pages = clients("cloudformation").get_paginator("list_stacks")
    found = [
        one
        for page in pages.paginate(StackStatusFilter=[DELETED])
        for one in page["StackSummaries"]
        if one["StackName"] == name
    ]
    newest_first = sorted(found, key=lambda one: one["CreationTime"], reverse=True)
    return [str(one["StackId"]) for one in newest_first]


def left_behind(clients: Clients, stack_id: str) -> list[Resource]:
    """Return what a deletion of this stack, or the rollback of its creation, kept.

    Its deleted log groups are in the list too, because a late call creates one again.
    """
    pages = clients("cloudformation").get_paginator("describe_stack_events")
    found: dict[str, Resource] = {}
    for page in pages.paginate(StackName=stack_id):
        for one in page["StackEvents"]:
            physical, status = one.get("PhysicalResourceId"), one["ResourceStatus"]
            is_log = status == DELETED and one["ResourceType"] == LOGS
            if physical and (status == "DELETE_SKIPPED" or is_log):
                found[physical] = Resource(
                    one["LogicalResourceId"], one["ResourceType"], physical, status
                )
    return list(found.values())


def kept(clients: Clients, name: str, found: list[Resource]) -> list[Kept]:
    """Return those of these resources that stay and exist, and the layers and logs of the stack."""
    tell = _kinds()
    names = dict.fromkeys((one.kind, one.physical) for one in found if one.kind in tell)
    stays = [tell[kind](clients, physical) for kind, physical in names]
    logs = {one.physical for one in found if one.kind == LOGS}
    return [one for one in (*stays, _layers(clients, name), _logs(clients, name, logs)) if one]


def _kinds() -> dict[str, Callable[[Clients, str], Kept | None]]:
    return {TABLE: _table, BUCKET: _bucket, SECRET: _secret, POOL: _pool}


def exists(clients: Clients, one: Resource) -> bool:
    """Whether something that holds data is still there."""
    return _kinds()[one.kind](clients, one.physical) is not None


def _size(size: float) -> str:
    if size >= GB:
        return f"{size / GB:.1f} GB"
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size / 1024:.0f} KB"


def _table(clients: Clients, name: str) -> Kept | None:
    database = clients("dynamodb")
    try:
        found = database.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if quiet.code(error) in quiet.GONE:
            return None
        raise
    size = found.get("TableSizeBytes", 0) + sum(
        index.get("IndexSizeBytes", 0) for index in found.get("GlobalSecondaryIndexes", [])
    )
    return Kept(
        "table",
        name,
        f"{_size(size)} (DynamoDB counts it every six hours)",
        size / GB * TABLE_GB,
        (
            f"aws dynamodb update-table --table-name {name} --no-deletion-protection-enabled",
            f"aws dynamodb delete-table --table-name {name}",
        ),
    )


def _bucket(clients: Clients, name: str) -> Kept | None:
    store, size, number, pages = clients("s3"), 0, 0, 0
    try:
        for page in store.get_paginator("list_object_versions").paginate(Bucket=name):
            size += sum(one["Size"] for one in page.get("Versions", []))
            number += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
            pages += 1
            if pages == MOST_PAGES:
                break
    except ClientError as error:
        if quiet.code(error) in {"NoSuchBucket", "404"}:
            return None
        raise
    more = "more than " if pages == MOST_PAGES else ""
    return Kept(
        "bucket",
        name,
        f"{more}{_size(size)} in {number} versions of objects",
        size / GB * BUCKET_GB,
        (
            f"BUCKET={name}",
            "for KIND in Versions DeleteMarkers; do",
            '  while OLD="$(aws s3api list-object-versions --bucket "$BUCKET" --output json \\',
            "      --max-items 500 \\",
            '      --query "{Objects: $KIND[].{Key: Key, VersionId: VersionId}}")" \\',
            '      && grep -q VersionId <<<"$OLD"; do',
            '    aws s3api delete-objects --bucket "$BUCKET" --delete "$OLD"',
            "  done",
            "done",
            'aws s3api delete-bucket --bucket "$BUCKET"',
        ),
    )


def _secret(clients: Clients, name: str) -> Kept | None:
    try:
        found = clients("secretsmanager").describe_secret(SecretId=name)
    except ClientError as error:
        if quiet.code(error) in quiet.GONE:
            return None
        raise
    if found.get("DeletedDate"):
        return None  # it is deleted already, and can be recovered for some days
    command = f"aws secretsmanager delete-secret --secret-id {name}"
    return Kept("secret", name, "the key of the links", SECRET_MONTH, (command,))


def _pool(clients: Clients, name: str) -> Kept | None:
    try:
        found = clients("cognito-idp").describe_user_pool(UserPoolId=name)["UserPool"]
    except ClientError as error:
        if quiet.code(error) in quiet.GONE:
            return None
        raise
    return Kept(
        "user pool",
        name,
        f"{found.get('EstimatedNumberOfUsers', 0)} members of staff",
        0.0,
        (
            f"POOL={name}",
            'aws cognito-idp update-user-pool --user-pool-id "$POOL" \\',
            "  --deletion-protection INACTIVE",
            'aws cognito-idp delete-user-pool --user-pool-id "$POOL"',
        ),
    )


def has_group(clients: Clients, pool: str, group: str) -> bool:
    """Whether a user pool has this group."""
    try:
        clients("cognito-idp").get_group(UserPoolId=pool, GroupName=group)
    except ClientError as error:
        if quiet.code(error) in quiet.GONE:
            return False
        raise
    return True


def _layers(clients: Clients, name: str) -> Kept | None:
    layer = f"{name}-core"
    pages = clients("lambda").get_paginator("list_layer_versions").paginate(LayerName=layer)
    versions = [one["Version"] for page in pages for one in page["LayerVersions"]]
    if not versions:
        return None
    listed = " ".join(str(version) for version in sorted(versions))
    return Kept(
        "layer versions",
        layer,
        f"{len(versions)}",
        0.0,
        (
            f"for VERSION in {listed}; do",
            f'  aws lambda delete-layer-version --layer-name {layer} --version-number "$VERSION"',
            "done",
        ),
    )


def _logs(clients: Clients, name: str, own: set[str]) -> Kept | None:
    """Return the log groups of the stack that a call after the deletion created again.

    A group with the same prefix may be that of another stack, such as `redress-desk`, so `own` has
    the complete names.
    """
    prefixes = (
        f"/aws/lambda/{name}-",
        f"/aws/vendedlogs/states/{name}-",
        f"/aws/vendedlogs/apigateway/{name}",
    )
    pages = clients("logs").get_paginator("describe_log_groups")
    groups = [
        group
        for prefix in prefixes
        for page in pages.paginate(logGroupNamePrefix=prefix)
        for group in page["logGroups"]
        if group["logGroupName"] in own
    ]
    if not groups:
        return None
    size = sum(group.get("storedBytes", 0) for group in groups)
    names = [group["logGroupName"] for group in groups]
    return Kept(
        "log groups",
        f"{len(names)} of {name}",
        _size(size),
        size / GB * LOGS_GB,
        tuple(f"aws logs delete-log-group --log-group-name {one}" for one in names),
    )


# ------------------------------------------------------------------------------ what is done


@dataclass(frozen=True, slots=True)
class Plan:
    """What a removal will do: the stack's id and status, its resources, and what stays."""

    name: str
    stack_id: str
    status: str
    protected: bool
    resources: list[Resource]
    stays: list[Kept]

    def of(self, kind: str) -> list[str]:
        return [one.physical for one in self.resources if one.kind == kind]


def planned(clients: Clients, name: str) -> Plan | None:
    """Return what is to be done; None if no stack has this name.

    Raises RemovalError if another operation of the stack runs.
    """
    stack = described(clients, name)
    if stack is None:
        return None
    status = stack["StackStatus"]
    if status.endswith("_IN_PROGRESS") and status not in (
        "DELETE_IN_PROGRESS",
        "REVIEW_IN_PROGRESS",
    ):
        raise RemovalError(f"the stack {name} is {status}: wait until that has ended, then repeat")
    found = quiet.resources(clients, stack["StackId"])
    there = [one for one in found if one.status not in (DELETED, "DELETE_SKIPPED")]
    # Of a creation that failed, resources may have been kept that the stack no longer has.
    skipped = left_behind(clients, stack["StackId"])
    # Layers and logs go with the stack or are counted after it; only data is shown before.
    retained = _retained(clients, stack["StackId"])
    data = [one for one in (*there, *skipped) if one.logical in retained or one in skipped]
    stays = [one for one in kept(clients, name, data) if one.what != "log groups"]
    return Plan(
        name,
        stack["StackId"],
        status,
        bool(stack.get("EnableTerminationProtection")),
        there,
        stays,
    )


def _retained(clients: Clients, stack: str) -> set[str]:
    """Return the logical ids of the resources that stay when the stack is deleted."""
    try:
        found = changes.template(clients, stack).get("Resources", {})
    except ClientError as error:
        if quiet.code(error) == "ValidationError":
            return set()  # a stack whose first change set was not executed has no template
        raise
    return {name for name, one in found.items() if one.get("DeletionPolicy") in RETAINING}


def remove(clients: Clients, plan: Plan, tell: Callable[[str], None]) -> None:
    """Do it. Every step can be repeated. Raises RemovalError if CloudFormation cannot delete."""
    if plan.status != "DELETE_IN_PROGRESS":
        switches = quiet.switches(plan.resources)
        for one in switches:
            quiet.turn(clients, one, on=False)
        tell(f"switched off: {_counted(switches)}")
        quiet.wait_until_off(clients, switches)
    # A deletion that somebody began without this command waits for the executions.
    machines = plan.of(quiet.MACHINE)
    number = quiet.stop_executions(clients, machines, "The stack is removed.", tell)
    tell(f"no execution runs ({number} stopped)")
    _leave_receipt_rules(clients, plan, tell)
    if plan.status != "DELETE_IN_PROGRESS":
        if plan.protected:
            clients("cloudformation").update_termination_protection(
                StackName=plan.stack_id, EnableTerminationProtection=False
            )
            tell("termination protection is off")
        clients("cloudformation").delete_stack(StackName=plan.stack_id)
    tell("CloudFormation deletes the stack")
    wait_until_deleted(clients, plan.stack_id)


def _counted(switches: list[quiet.Switch]) -> str:
    words = {
        quiet.SCHEDULE: "schedules",
        quiet.RULE: "event rules",
        quiet.MAPPING: "event source mappings",
        quiet.FUNCTION: "functions",
    }
    numbers = {word: sum(one.kind == kind for one in switches) for kind, word in words.items()}
    return ", ".join(f"{number} {word}" for word, number in numbers.items())


def _leave_receipt_rules(clients: Clients, plan: Plan, tell: Callable[[str], None]) -> None:
    """Deactivate the receipt rule set if the active one is this stack's.

    SES refuses to delete the active one.
    """
    own = plan.of(RULE_SET)
    if not own:
        return
    mail = clients("ses")
    active = mail.describe_active_receipt_rule_set().get("Metadata", {}).get("Name")
    if active in own:
        mail.set_active_receipt_rule_set()
        tell(f"the receipt rule set {active} is no longer active: SES refuses mail to this domain")


def wait_until_deleted(clients: Clients, stack_id: str, seconds: float = WAIT_S) -> None:
    """Wait for the end of a deletion. Raises RemovalError if it fails or takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        stack = described(clients, stack_id)
        if stack is None:
            return
        if stack["StackStatus"] == "DELETE_FAILED":
            raise RemovalError(_why(clients, stack_id))
        if time.monotonic() > deadline:
            raise RemovalError("CloudFormation still deletes the stack. Repeat to wait again")
        time.sleep(2)


def _why(clients: Clients, stack_id: str) -> str:
    """Return which resources CloudFormation could not delete, and its reasons."""
    pages = clients("cloudformation").get_paginator("list_stack_resources")
    failed = [
        f"  {one['LogicalResourceId']} ({one['ResourceType']}): "
        f"{one.get('ResourceStatusReason', 'no reason given')}"
        for page in pages.paginate(StackName=stack_id)
        for one in page["StackResourceSummaries"]
        if one["ResourceStatus"] == "DELETE_FAILED"
    ]
    return "CloudFormation could not delete everything. Mend this, then repeat:\n" + "\n".join(
        failed
    )


# ------------------------------------------------------------------------------ what is said


def show_plan(plan: Plan, out: Console) -> None:
    """Print what will happen, and what stays."""
    out.print(f"The stack {plan.name} is {plan.status}. The command will:", style="bold")
    switches = quiet.switches(plan.resources)
    out.print(f"  - switch off {_counted(switches)}")
    out.print(f"  - stop all executions of {len(plan.of(quiet.MACHINE))} state machines")
    if plan.of(RULE_SET):
        out.print("  - deactivate the receipt rule set, if it is the active one of the account")
    if plan.protected:
        out.print("  - switch off the termination protection of the stack")
    out.print(f"  - delete the stack with its {len(plan.resources)} resources")
    out.print("Promises to customers are no longer kept after that, and no mail is answered.")
    show_kept(plan.stays, out, commands=False)


def show_kept(stays: list[Kept], out: Console, *, commands: bool) -> None:
    """Print what stays, what it costs, and, if asked for, how to remove it."""
    if not stays:
        out.print("Nothing stays that costs anything.", style="bold")
        return
    total = sum(one.month for one in stays)
    out.print(f"These stay, for US${total:.2f} a month (prices of us-east-1):", style="bold")
    for one in stays:
        out.print(f"  - {one.what} {one.name}: {one.size}, US${one.month:.2f}")
    if commands:
        out.print("\nTo remove them too, for ever:", style="bold")
        for one in stays:
            for line in one.commands:
                out.print(f"    {line}", soft_wrap=True, markup=False, highlight=False)
        out.print(
            "DynamoDB keeps a backup of a table with point-in-time recovery for 35 days after its "
            "deletion, at no cost. The functions' code stays in the bucket of the AWS SAM CLI."
        )


def confirmed(plan: Plan, out: Console, ask: Callable[[str], str] = input) -> bool:
    """Whether the operator typed the name of the stack."""
    try:
        return ask(f"Type the name of the stack ({plan.name}) to remove it: ") == plan.name
    except EOFError:
        out.print("nobody answers here: repeat with YES=1")
        return False


def run(name: str, clients: Clients, out: Console, *, yes: bool) -> int:
    """Remove a stack. Returns the exit status: 0 if it is gone, 1 if it is not."""
    plan = planned(clients, name)
    if plan is None:
        left = [
            one for before in removed_before(clients, name) for one in left_behind(clients, before)
        ]
        out.print(f"There is nothing to do: no stack has the name {name}.", style="bold")
        show_kept(kept(clients, name, left), out, commands=True)
        return 0
    show_plan(plan, out)
    if not yes and not confirmed(plan, out):
        out.print("Nothing was changed.")
        return 1
    remove(clients, plan, lambda line: out.print(f"  {line}", markup=False, highlight=False))
    out.print(f"The stack {name} is removed.", style="bold")
    show_kept(kept(clients, name, left_behind(clients, plan.stack_id)), out, commands=True)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.operations.removal",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stack", help="name of a stack on AWS (default: the one on this laptop)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--directory", type=Path, default=stacks.LAPTOP, help="of the local stack")
    given = parser.parse_args()
    out = Console(highlight=False, soft_wrap=True)
    try:
        name, make = stacks.reached(given.stack, given.directory)
        return run(name, stacks.shared(make), out, yes=given.yes)
    except (NoStack, RemovalError, TimeoutError) as error:
        out.print(str(error), style="red", markup=False)
    except ClientError as error:
        said = error.response.get("Error", {}).get("Message", "")
        out.print(
            f"refused: {error.operation_name} {quiet.code(error)}: {said}. Mend this, then repeat",
            style="red",
            markup=False,
        )
    except (BotoCoreError, OSError) as error:
        out.print(f"no answer: {type(error).__name__}. Repeat", style="red")
    return 1


if __name__ == "__main__":
    sys.exit(main())
