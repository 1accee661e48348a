"""Put a stack's table back to a time: `make restore STACK=redress AT=2026-11-23T08:00:00Z`.

The stack stays, with its addresses, user pool, secret and bucket. Its table is exchanged for one
that DynamoDB restores to that time; the old table stays outside of the stack. The command first
says what it will do. It finds out what is done already, so after a failure it is repeated with the
same time.

With --give-up, a restore that has not yet exchanged the table is given up. Without a time, a stack
that was removed is created again around the data that it left.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.operations import changes, quiet, stacks, switching, versions
from local.operations.changes import CHANGED_S, ChangeError, Changes, Imported, Tell, Template
from local.operations.quiet import Switch
from local.operations.recreation import Recreation
from local.operations.stacks import NoStack
from local.operations.switching import NotSwitchable

SETTLED = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
"""The statuses in which a stack can be updated, and resources imported."""
RESTORED_S = 24 * 3600.0
"""How long a restore may take. DynamoDB names no limit; most take less than an hour."""
BEFORE = timedelta(hours=1)
"""Mails that came in this long before the time are processed again too: the worker may have been
late. A mail that was processed before the time has a record, so it has no second effect."""


class RestoreError(ChangeError):
    """The restore cannot go on. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the command stores before it changes anything, in the bucket with the functions' code.

    `table` is the table of the stack. `source` is the one from which DynamoDB restores: the same,
    unless the time is before an earlier restore. `template` is the processed template, and `on` is
    what was switched on.
    """

    table: str
    source: str
    template: Template
    on: list[Switch]

    def encode(self) -> bytes:
        names = {"table": self.table, "source": self.source}
        return json.dumps(names | {"template": self.template, "on": _pairs(self.on)}).encode()

    @classmethod
    def decode(cls, text: bytes) -> Before:
        read = json.loads(text)
        on = [Switch(*one) for one in read["on"]]
        return cls(read["table"], read["source"], read["template"], on)


def _pairs(switches: list[Switch]) -> list[list[str]]:
    return [[one.kind, one.name] for one in switches]


class Restore:
    """One restore of a stack to a time. Each step looks whether it is done already."""

    def __init__(
        self,
        name: str,
        make: Callable[..., Any],
        at: datetime,
        tell: Tell,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.at, self._make = name, at, make
        self._clients, self._tell, self._pause = stacks.shared(make), tell, pause
        self.target = f"{name}-restored-{at:%Y%m%dT%H%M%SZ}"

    # ---------------------------------------------------------------- what there is

    def template(self) -> Template:
        """Return the template of the stack, after its transform."""
        return changes.template(self._clients, self.name)

    def check(self) -> None:
        """Raise RestoreError unless the stack can be changed, and restored to this time."""
        status = self._stack()["StackStatus"]
        if status not in SETTLED:
            raise RestoreError(f"the stack {self.name} is {status}: wait or mend this, then repeat")
        mark = switching.mark_of(self.template())
        if mark and mark["table"] != self.target:
            raise RestoreError(
                f"a restore to {mark['at']} has not ended: end it first (AT={mark['at']})"
            )
        if mark is None and self._is_left_over():
            raise RestoreError(
                f"{self.target} was the table of the stack after an earlier restore, and has "
                "changed since. Choose a time that is a second earlier or later"
            )
        self.source()

    def _is_left_over(self) -> bool:
        """Whether a restore to this time has ended, and the stack has another table now."""
        return self._stored(self._end) is not None and not self._is_exchanged()

    def source(self) -> str:
        """Return the table from which DynamoDB restores: that of the stack at the time.

        The recovery of a restored table begins with the restore. For a time before that, it is the
        table that the restore has replaced. Raises RestoreError if no table knows the time.
        """
        if (before := self.before()) is not None:
            return before.source
        table, said = self._physical_table(), list[str]()
        while True:
            earliest, latest = self._window(table)
            if earliest <= self.at <= latest:
                return table
            said.append(
                f"the table {table} can be restored to a time from {earliest:%Y-%m-%dT%H:%M:%SZ} "
                f"to {latest:%Y-%m-%dT%H:%M:%SZ}"
            )
            replaced = self._stored(f"restores/{table}/before.json")
            if self.at > latest or replaced is None:
                raise RestoreError("; ".join(said))
            table = Before.decode(replaced).table

    def _window(self, table: str) -> tuple[datetime, datetime]:
        """Return the earliest and the latest time to which a table can be restored, in UTC.

        Raises RestoreError if point-in-time recovery of the table is off.
        """
        found = self._clients("dynamodb").describe_continuous_backups(TableName=table)
        window = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if window.get("PointInTimeRecoveryStatus") != "ENABLED":
            raise RestoreError(f"point-in-time recovery of the table {table} is off")
        earliest = window["EarliestRestorableDateTime"].astimezone(UTC)
        latest = window["LatestRestorableDateTime"].astimezone(UTC)
        return earliest, latest

    def _stack(self) -> dict[str, Any]:
        return changes.description(self._clients, self.name)

    def outputs(self) -> dict[str, str]:
        return changes.outputs(self._clients, self.name)

    def _physical_table(self) -> str:
        found = self._clients("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=switching.TABLE
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def _place(self) -> str:
        return changes.place(self.template())

    @property
    def _key(self) -> str:
        return f"restores/{self.target}"

    def before(self) -> Before | None:
        """Return what an earlier run stored; None if this is the first."""
        found = self._stored(f"{self._key}/before.json")
        return None if found is None else Before.decode(found)

    def _stored(self, key: str) -> bytes | None:
        return changes.stored(self._clients, self._place(), key)

    # ---------------------------------------------------------------- the steps

    def run(self, after: Callable[[], None] = lambda: None) -> None:
        """Do every step that is not done yet. `after` runs when the functions have the table.

        Raises RestoreError, TimeoutError, NotSwitchable, or the error of a service.
        """
        before = self.before()
        if before is None or not self._has_begun_exchange():
            before = self._remember(before)
        if not self._is_exchanged():
            self._keep_quiet(before)
            self._restore(before)
            self._complete(before)
            self._exchange(before)
        self._move_aliases()
        after()
        self._go_on(before.on)
        changes.begin_workflows(self.name, self._make, self._tell)
        self._read_mail_again()
        self._name_lost(before)
        self._clients("s3").put_object(Bucket=self._place(), Key=self._end, Body=b"{}")
        self._tell(f"the table {before.table} is no longer used, and is kept")

    def _name_lost(self, before: Before) -> None:
        """Name the tickets that were opened after the time. Only the old table has them."""
        pages = (
            self._clients("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=before.table,
                FilterExpression="#type = :opened",
                ProjectionExpression="pk, doc",
                ExpressionAttributeNames={"#type": "type"},
                ExpressionAttributeValues={":opened": {"S": "opened"}},
            )
        )
        lost, unreadable = [], []
        for page in pages:
            for item in page["Items"]:
                number = item["pk"]["S"].removeprefix("TICKET#")
                try:
                    opened = datetime.fromisoformat(json.loads(item["doc"]["S"])["at"])
                except (KeyError, TypeError, ValueError):
                    # The damage may be the reason for the restore.
                    unreadable.append(number)
                    continue
                if opened > self.at:
                    lost.append((opened, number))
        if unreadable:
            self._tell(f"unknown when these were opened, look for them: {', '.join(unreadable)}")
        self._tell(f"{len(lost)} tickets were opened after the time; only {before.table} has them")
        for opened, number in sorted(lost):
            self._tell(f"  {number}, opened at {opened.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")

    @property
    def _end(self) -> str:
        return f"{self._key}/ended.json"

    def has_ended(self) -> bool:
        """Whether an earlier run did every step, and the stack still has this table."""
        return self._stored(self._end) is not None and self._is_exchanged()

    def _remember(self, earlier: Before | None) -> Before:
        """Store how the stack is, until its table is exchanged.

        A stack can have changed since an `earlier` attempt. What an attempt has switched off, to
        this time or to another, counts as on.
        """
        off = self._switched_off()
        switches = quiet.switches(quiet.resources(self._clients, self.name))
        on = [one for one in switches if one in off or quiet.is_on(self._clients, one)]
        source = self.source() if earlier is None else earlier.source
        before = Before(self._physical_table(), source, self.template(), on)
        store, bucket = self._clients("s3"), self._place()
        store.put_object(Bucket=bucket, Key=self._off, Body=json.dumps(_pairs(on)).encode())
        store.put_object(Bucket=bucket, Key=f"{self._key}/before.json", Body=before.encode())
        return before

    @property
    def _off(self) -> str:
        """The key of the list of what a restore of this stack, to any time, has switched off."""
        return f"restores/{self.name}-switched-off.json"

    def _switched_off(self) -> list[Switch]:
        found = self._stored(self._off)
        return [] if found is None else [Switch(*one) for one in json.loads(found)]

    def give_up(self) -> None:
        """Switch on again what a restore has switched off.

        Raises RestoreError if a restore has begun to exchange the table. It must be ended.
        """
        if mark := switching.mark_of(self.template()):
            raise RestoreError(f"the table is being exchanged: end that restore (AT={mark['at']})")
        folder = f"restores/{self._physical_table()}"
        has_begun = self._stored(f"{folder}/before.json") is not None
        if has_begun and self._stored(f"{folder}/ended.json") is None:
            raise RestoreError(
                f"the stack has the table {self._physical_table()} already: end that restore (AT= "
                "is the time in its name)"
            )
        off = self._switched_off()
        if not off:
            self._tell("nothing is switched off by a restore")
            return
        self._go_on(off)
        changes.begin_workflows(self.name, self._make, self._tell)

    def _keep_quiet(self, before: Before) -> None:
        """Switch everything off, so that nothing is promised or mailed that will be lost."""
        for one in before.on:
            quiet.turn(self._clients, one, on=False)
        found = quiet.resources(self._clients, self.name)
        quiet.wait_until_off(self._clients, [one for one in before.on if one.kind == quiet.MAPPING])
        self._tell(f"switched off: {len(before.on)} schedules, rules, mappings and functions")
        machines = [one.physical for one in found if one.kind == quiet.MACHINE]
        stopped = quiet.stop_executions(
            self._clients, machines, "The table is restored.", self._tell
        )
        self._tell(f"no execution runs ({stopped} stopped)")
        self._forget_jobs()

    def _forget_jobs(self) -> None:
        """Empty the mail queue. Its jobs may name events that the restored table does not have.

        The reconciliation asks again for mails of events that it has and that have no record.
        """
        queue = self.outputs()["MailQueueUrl"]
        try:
            self._clients("sqs").purge_queue(QueueUrl=queue)
        except ClientError as error:
            if "PurgeQueueInProgress" not in quiet.code(error):
                raise
        self._tell("the mail queue is empty")

    def _restore(self, before: Before) -> None:
        database = self._clients("dynamodb")
        if self._table() is None:
            database.restore_table_to_point_in_time(
                SourceTableName=before.source,
                TargetTableName=self.target,
                RestoreDateTime=self.at,
            )
            self._tell(f"DynamoDB restores {before.source} to {self.target}")
        self._wait_until_active(RESTORED_S)

    def _table(self) -> dict[str, Any] | None:
        try:
            found = self._clients("dynamodb").describe_table(TableName=self.target)["Table"]
        except ClientError as error:
            if quiet.code(error) in quiet.GONE:
                return None
            raise
        return dict(found)

    def _wait_until_active(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            found = self._table() or {}
            if found.get("TableStatus") == "ACTIVE":
                return found
            if time.monotonic() > deadline:
                raise RestoreError(f"the table {self.target} is not active yet. Repeat to wait")
            self._pause(5)

    def _complete(self, before: Before) -> None:
        """Switch on what a restore leaves out: stream, time to live, recovery, protection, tags."""
        database, found = self._clients("dynamodb"), self._wait_until_active(RESTORED_S)
        wanted = before.template["Resources"][switching.TABLE]["Properties"]
        if not found.get("StreamSpecification", {}).get("StreamEnabled"):
            database.update_table(
                TableName=self.target,
                StreamSpecification={"StreamEnabled": True} | wanted["StreamSpecification"],
            )
            found = self._wait_until_active(CHANGED_S)
        life = database.describe_time_to_live(TableName=self.target)["TimeToLiveDescription"]
        if life["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
            database.update_time_to_live(
                TableName=self.target,
                TimeToLiveSpecification={
                    "Enabled": True,
                    "AttributeName": wanted["TimeToLiveSpecification"]["AttributeName"],
                },
            )
        quiet.patiently(
            lambda: database.update_continuous_backups(
                TableName=self.target,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            ),
            also=("ContinuousBackupsUnavailableException",),
        )
        old = database.describe_table(TableName=before.table)["Table"]
        if old.get("DeletionProtectionEnabled") and not found.get("DeletionProtectionEnabled"):
            quiet.patiently(
                lambda: database.update_table(TableName=self.target, DeletionProtectionEnabled=True)
            )
        tags = [
            tag
            for page in database.get_paginator("list_tags_of_resource").paginate(
                ResourceArn=old["TableArn"]
            )
            for tag in page["Tags"]
            if not tag["Key"].startswith("aws:")
        ]
        if tags:
            database.tag_resource(ResourceArn=found["TableArn"], Tags=tags)
        self._wait_until_active(CHANGED_S)
        self._tell("the table has its stream, time to live, recovery, protection and tags")

    def _has_begun_exchange(self) -> bool:
        return switching.mark_of(self.template()) is not None or self._is_exchanged()

    def _is_exchanged(self) -> bool:
        """Whether the restored table is the stack's table, under the template from before."""
        if switching.mark_of(self.template()):
            return False
        return self._physical_table() == self.target

    def _exchange(self, before: Before) -> None:
        """Exchange the table in three changes of the stack (`switching`)."""
        template = self.template()
        found = self._wait_until_active(CHANGED_S)
        target = {
            "Ref": self.target,
            "Arn": found["TableArn"],
            "StreamArn": found["LatestStreamArn"],
        }
        mark = {"table": self.target, "at": f"{self.at:%Y-%m-%dT%H:%M:%SZ}"}
        switched = switching.without_table(before.template, target, mark)
        stack = Changes(self._clients, self.name, self._place(), self._key, self._pause)
        if switching.mark_of(template) is None:
            stack.change(switched)
            self._tell("everything uses the restored table; the old one has left the stack")
            template = switched
        if switching.TABLE not in template["Resources"]:
            table = Imported(switching.TABLE, "AWS::DynamoDB::Table", {"TableName": self.target})
            stack.change(switching.with_table(switched, before.template), (table,))
            self._tell("the restored table is part of the stack")
        stack.change(before.template)
        self._tell("the stack has its template from before")

    # ---------------------------------------------------------------- after the exchange

    def _move_aliases(self) -> None:
        """Let the alias of each function name a version that has the restored table.

        A version keeps the environment with which it was published, and that names the old table.
        So no alias goes back to an earlier one: its record has no version before it. Functions of
        a stack of an earlier version have no alias.
        """
        functions = self._clients("lambda")
        names = versions.functions_of(self._clients("cloudformation"), self.name)
        now = versions.settle(functions, versions.live(functions, names))
        versions.record(functions, {}, now, datetime.now(UTC))
        self._tell(f"{len(now)} aliases name versions with the restored table")

    def _go_on(self, switches: list[Switch]) -> None:
        """Switch on what was on before: functions first, what starts work last."""
        for one in reversed(switches):
            quiet.turn(self._clients, one, on=True)
        self._clients("s3").put_object(Bucket=self._place(), Key=self._off, Body=b"[]")
        self._tell(f"switched on: {len(switches)} schedules, rules, mappings and functions")

    def _read_mail_again(self) -> None:
        """Let mails that came in since the time be processed again. The bucket has them all."""
        outputs, number, entries = self.outputs(), 0, list[dict[str, str]]()
        since = self.at - BEFORE
        pages = self._clients("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=outputs["MailBucketName"], Prefix="inbound/"):
            for one in page.get("Contents", []):
                came = one["LastModified"].astimezone(UTC)
                if came < since:
                    continue
                record = {
                    "eventTime": came.isoformat(),
                    "s3": {"object": {"key": quote_plus(one["Key"])}},
                }
                number += 1
                body = json.dumps({"Records": [record]})
                entries.append({"Id": str(number), "MessageBody": body})
                if len(entries) == 10:
                    self._send(outputs["InboundQueueUrl"], entries)
                    entries = []
        if entries:
            self._send(outputs["InboundQueueUrl"], entries)
        self._tell(f"{number} mails that came in since {since:%Y-%m-%dT%H:%M:%SZ} are read again")

    def _send(self, queue: str, entries: list[dict[str, str]]) -> None:
        answer = self._clients("sqs").send_message_batch(QueueUrl=queue, Entries=entries)
        if failed := answer.get("Failed"):
            raise RestoreError(f"the queue of incoming mail refused {len(failed)} messages. Repeat")


# ------------------------------------------------------------------------------ the command


def moment(text: str) -> datetime:
    """Return the time of a text such as 2026-11-23T08:00:00Z, to the second.

    Raises argparse.ArgumentTypeError if it is none, or has no time zone.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-11-23T08:00:00Z")
    return found.astimezone(UTC).replace(microsecond=0)


STEPS = """The stack {name} gets its table as it was at {at}. The command will:
  1. switch off schedules, rules, event source mappings and functions: customers get an error
  2. stop all executions, and empty the mail queue
  3. restore {source} to {target} (minutes to hours)
  4. exchange the table in the stack, in three changes; the old table stays outside of the stack
  5. switch everything on, and let the reconciliation begin every open ticket's workflow anew
  6. read the mails again that came in since then
What was entered after {at}, other than by mail, is lost. What fell due after it happens again, with
its mails (docs/runbooks/restore.md says which)."""


AGAIN = """The stack {name} was removed. The command will:
  1. create a stack {name} that has what the removed one left: {left}
  2. create everything else, with the template and the parameters of the removed stack
  3. let the reconciliation begin every open ticket's workflow anew
The API gets another address. Links in mails from before lead to the old one, unless the parameter
BaseAddress was set and that domain is mapped to the new API."""


def create_again(again: Recreation, out: Console, *, yes: bool, after: Callable[[], None]) -> int:
    """Show the steps, ask, and create a removed stack again. Returns the exit status."""
    what = again.found()
    if what is None:
        out.print(
            f"There is nothing to do: the stack {again.name} exists. Name a time to restore (AT=). "
            "If an earlier run has ended before its last step, run the reconciliation "
            "(docs/runbooks/reconciliation.md)."
        )
        return 0
    left = ", ".join(f"{one.logical} {next(iter(one.identifier.values()))}" for one in what.left)
    out.print(AGAIN.format(name=again.name, left=left))
    if not agreed(again.name, out, yes=yes):
        return 1
    again.run(what, after)
    return 0


GIVE_UP = """A restore of {name} that has not yet exchanged the table is given up. The command will:
  1. switch on what the restore has switched off
  2. let the reconciliation begin every open ticket's workflow anew
The table that DynamoDB has restored stays; delete it if nobody needs it."""


def give_up(restore: Restore, out: Console, *, yes: bool) -> int:
    """Show the steps, ask, and do them. Returns the exit status."""
    out.print(GIVE_UP.format(name=restore.name))
    if not agreed(restore.name, out, yes=yes):
        return 1
    restore.give_up()
    return 0


def agreed(name: str, out: Console, *, yes: bool) -> bool:
    """Whether the operator typed the name of the stack, or said YES=1."""
    if yes:
        return True
    try:
        if input(f"Type the name of the stack ({name}): ") == name:
            return True
    except EOFError:
        out.print("nobody answers here: repeat with YES=1")
    out.print("Nothing was changed.")
    return False


def run(restore: Restore, out: Console, *, yes: bool, after: Callable[[], None]) -> int:
    """Show the steps, ask, and do them. Returns the exit status."""
    restore.check()
    if restore.has_ended():
        out.print(f"There is nothing to do: the stack has the table {restore.target}.")
        return 0
    out.print(
        STEPS.format(
            name=restore.name,
            at=f"{restore.at:%Y-%m-%dT%H:%M:%SZ}",
            source=restore.source(),
            target=restore.target,
        )
    )
    if not agreed(restore.name, out, yes=yes):
        return 1
    restore.run(after)
    return 0


def _publish(directory: Path, name: str, make: Callable[..., Any]) -> None:
    """Tell the local cloud the address of its pages, as after each deployment there."""
    from local import process, stack

    cloud, outputs = process.find(directory), changes.outputs(make, name)
    if cloud is None:
        raise NoStack("the local cloud does not run")
    stack.publish_address(cloud, outputs)
    file = directory / "outputs.json"
    known = json.loads(file.read_text(encoding="utf-8")) | outputs
    known["base_url"] = stack.address_of(cloud, outputs)
    file.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.operations.restore",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stack", help="name of a stack on AWS (default: the one on this laptop)")
    parser.add_argument("--at", type=moment, help="2026-11-23T08:00:00Z; none: a removed stack")
    parser.add_argument(
        "--give-up", action="store_true", help="switch on what a restore switched off"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--directory", type=Path, default=stacks.LAPTOP, help="of the local stack")
    given = parser.parse_args()
    out = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        name, make = stacks.reached(given.stack, given.directory)
        after = (lambda: None) if given.stack else partial(_publish, given.directory, name, make)

        def tell(line: str) -> None:
            out.print(f"  {line}")

        if given.give_up:
            restore = Restore(name, make, datetime.now(UTC), tell)
            return give_up(restore, out, yes=given.yes)
        if given.at is None:
            again = Recreation(name, make, tell)
            return create_again(again, out, yes=given.yes, after=after)
        return run(Restore(name, make, given.at, tell), out, yes=given.yes, after=after)
    except (NoStack, ChangeError, NotSwitchable, TimeoutError) as error:
        out.print(str(error), style="red")
    except ClientError as error:
        said = error.response.get("Error", {}).get("Message", "")
        code = quiet.code(error)
        out.print(
            f"refused: {error.operation_name} {code}: {said}. Mend this, then repeat", style="red"
        )
    except (BotoCoreError, OSError) as error:
        out.print(f"no answer: {type(error).__name__}. Repeat", style="red")
    return 1


if __name__ == "__main__":
    sys.exit(main())
