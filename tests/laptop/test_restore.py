"""A restore refuses what cannot succeed before it changes anything, and continues what it began."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.operations import changes, quiet, removal, restore, switching
from local.operations.changes import ChangeError
from local.operations.quiet import Resource, Switch
from local.operations.recreation import Recreation
from local.operations.restore import Before, Restore, RestoreError

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
TARGET = "redress-restored-20261123T080000Z"


class Account:
    """What the services of an account answer, for one stack whose table can be restored."""

    def __init__(self) -> None:
        self.status, self.table, self.recovery = "UPDATE_COMPLETE", "redress-Table-1", "ENABLED"
        self.template: dict[str, Any] = {
            "Resources": {
                "Worker": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {"Code": {"S3Bucket": "code", "S3Key": "worker"}},
                },
                "Table": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"},
            }
        }
        self.objects: dict[str, bytes] = {}
        self.window = (AT - timedelta(days=35), AT + timedelta(hours=1))
        self.windows: dict[str, tuple[datetime, datetime]] = {}

    def __call__(self, service: str, **_: Any) -> Account:
        return self

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self.status, "Outputs": []}]}

    def get_template(self, **_: Any) -> dict[str, Any]:
        return {"TemplateBody": self.template}

    def describe_stack_resource(self, **_: Any) -> dict[str, Any]:
        return {"StackResourceDetail": {"PhysicalResourceId": self.table}}

    def describe_continuous_backups(self, TableName: str) -> dict[str, Any]:
        earliest, latest = self.windows.get(TableName, self.window)
        found: dict[str, Any] = {"PointInTimeRecoveryStatus": self.recovery}
        if self.recovery == "ENABLED":
            found |= {"EarliestRestorableDateTime": earliest, "LatestRestorableDateTime": latest}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": found}}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": Key}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def one(account: Account) -> Restore:
    return Restore("redress", account, AT, lambda line: None)


def test_time_within_the_window_is_accepted(one: Restore) -> None:
    one.check()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: setattr(found, "status", "UPDATE_IN_PROGRESS"), "is UPDATE_IN_PROGRESS"),
        (lambda found: setattr(found, "status", "ROLLBACK_COMPLETE"), "is ROLLBACK_COMPLETE"),
        (lambda found: setattr(found, "recovery", "DISABLED"), "recovery of the table .* is off"),
        (
            lambda found: setattr(found, "window", (AT + timedelta(hours=1), AT)),
            "from 2026-11-23T09:00:00Z to",
        ),
        (
            lambda found: setattr(found, "window", (AT - timedelta(days=1), AT - timedelta(1))),
            "to 2026-11-22T08:00:00Z",
        ),
    ],
)
def test_restore_that_cannot_succeed_is_refused(
    account: Account, one: Restore, change: Callable[[Account], None], said: str
) -> None:
    change(account)
    with pytest.raises(RestoreError, match=said):
        one.check()


def test_other_restore_that_has_not_ended_must_be_ended_first(
    account: Account, one: Restore
) -> None:
    mark = {"table": "redress-restored-1", "at": "2026-11-20T08:00:00Z"}
    account.template["Metadata"] = {switching.MARK: mark}
    with pytest.raises(RestoreError, match="AT=2026-11-20T08:00:00Z"):
        one.check()


def test_restore_that_began_is_continued_whatever_the_window_is_now(
    account: Account, one: Restore
) -> None:
    switched = [Switch(quiet.RULE, "ended")]
    before = Before("redress-Table-1", "redress-Table-1", account.template, switched)
    account.objects[f"restores/{TARGET}/before.json"] = before.encode()
    account.window = (AT + timedelta(days=1), AT + timedelta(days=2))

    one.check()

    assert one.before() == before


def test_restore_has_ended_only_while_the_stack_has_its_table(
    account: Account, one: Restore
) -> None:
    assert not one.has_ended()
    account.objects[f"restores/{TARGET}/ended.json"] = b"{}"
    assert not one.has_ended(), "a later restore has put another table in its place"
    account.table = TARGET
    assert one.has_ended()


def replaced(account: Account, table: str, by: str) -> None:
    """Let an earlier restore have put one table in the place of another."""
    before = Before(table, table, account.template, [])
    account.objects[f"restores/{by}/before.json"] = before.encode()
    account.objects[f"restores/{by}/ended.json"] = b"{}"
    account.table = by


def test_time_before_an_earlier_restore_is_read_from_the_table_that_it_replaced(
    account: Account, one: Restore
) -> None:
    """An operator restored to a wrong time. The recovery of the restored table begins only then."""
    replaced(account, "redress-Table-1", by="wrong")
    account.windows["wrong"] = (AT + timedelta(minutes=1), AT + timedelta(minutes=30))
    one.check()
    assert one.source() == "redress-Table-1"

    account.windows["wrong"] = (AT - timedelta(minutes=1), AT + timedelta(minutes=30))
    assert one.source() == "wrong"

    account.windows["wrong"] = (AT - timedelta(minutes=2), AT - timedelta(minutes=1))
    with pytest.raises(RestoreError, match="the table wrong can be restored"):
        one.source()  # the table from before goes on to exist, but has another history


def test_table_of_an_earlier_restore_to_the_same_time_is_not_taken_again(
    account: Account, one: Restore
) -> None:
    account.objects[f"restores/{TARGET}/ended.json"] = b"{}"
    with pytest.raises(RestoreError, match="a second earlier or later"):
        one.check()


RELAY, SWEEP = Switch(quiet.FUNCTION, "redress-relay"), Switch(quiet.SCHEDULE, "sweep")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> set[Switch]:
    """What is switched on in the stack. A test may change it, as its operator does."""
    found = {RELAY, SWEEP}

    def turn(_: Any, switch: Switch, on: bool) -> bool:
        (found.add if on else found.discard)(switch)
        return True

    resources = [Resource(one.name, one.kind, one.name, "CREATE_COMPLETE") for one in found]
    monkeypatch.setattr(quiet, "resources", lambda clients, name: resources)
    monkeypatch.setattr(quiet, "is_on", lambda clients, switch: switch in found)
    monkeypatch.setattr(quiet, "turn", turn)
    monkeypatch.setattr(changes, "begin_workflows", lambda *given: None)
    return found


def interrupted(one: Restore) -> Before:
    """Switch everything off as a restore does, and end there."""
    before = one._remember(one.before())
    for switch in before.on:
        quiet.turn(one._clients, switch, on=False)
    return before


def test_restore_to_another_time_switches_on_what_the_first_attempt_switched_off(
    account: Account, one: Restore, on: set[Switch]
) -> None:
    interrupted(one)
    assert on == set()
    other = Restore("redress", account, AT - timedelta(minutes=5), lambda line: None)

    assert set(interrupted(other).on) == {RELAY, SWEEP}

    other._go_on(interrupted(other).on)
    assert on == {RELAY, SWEEP}


def test_restore_that_begins_again_takes_the_template_that_the_stack_has_now(
    account: Account, one: Restore, on: set[Switch]
) -> None:
    """The operator gave up, deployed, and restores to the same time after all."""
    interrupted(one)
    account.template = account.template | {"Description": "the next version"}

    assert interrupted(one).template["Description"] == "the next version"


def test_restore_that_is_given_up_leaves_the_stack_as_it_was(
    account: Account, one: Restore, on: set[Switch]
) -> None:
    on.discard(SWEEP)  # the operator had switched it off
    interrupted(one)

    one.give_up()

    assert on == {RELAY}
    one.give_up()
    assert on == {RELAY}


def test_restore_that_exchanges_the_table_cannot_be_given_up(
    account: Account, one: Restore, on: set[Switch]
) -> None:
    interrupted(one)
    mark = {"table": TARGET, "at": "2026-11-23T08:00:00Z"}
    account.template["Metadata"] = {switching.MARK: mark}
    with pytest.raises(RestoreError, match="AT=2026-11-23T08:00:00Z"):
        one.give_up()

    account.template.pop("Metadata")
    account.table = TARGET
    with pytest.raises(RestoreError, match=f"the table {TARGET} already"):
        one.give_up()
    assert on == set()


def test_damaged_item_does_not_hide_the_tickets_that_are_lost(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(number: str, doc: str) -> dict[str, Any]:
        return {"pk": {"S": f"TICKET#{number}"}, "doc": {"S": doc}}

    items = [
        opened("R-DAMAGED", "{"),
        opened("R-LOST", json.dumps({"at": "2026-11-23T08:00:01+00:00"})),
        opened("R-KEPT", json.dumps({"at": "2026-11-23T08:00:00+00:00"})),
    ]
    pages = SimpleNamespace(paginate=lambda **_: [{"Items": items}])
    monkeypatch.setattr(Account, "get_paginator", lambda self, name: pages, raising=False)
    said = list[str]()

    Restore("redress", account, AT, said.append)._name_lost(Before("old", "old", {}, []))

    assert said == [
        "unknown when these were opened, look for them: R-DAMAGED",
        "1 tickets were opened after the time; only old has them",
        "  R-LOST, opened at 2026-11-23T08:00:01Z",
    ]


def test_stack_without_the_code_of_a_function_in_a_bucket_is_refused(
    account: Account, one: Restore
) -> None:
    account.template["Resources"].pop("Worker")
    with pytest.raises(ChangeError, match="whose code is in a bucket"):
        one.check()


@pytest.mark.parametrize("text", ["2026-11-23T08:00:00Z", "2026-11-23T16:00:00.7+08:00"])
def test_time_is_read_to_the_second(text: str) -> None:
    assert restore.moment(text) == AT


@pytest.mark.parametrize("text", ["2026-11-23T08:00:00", "yesterday", "-", ""])
def test_time_without_a_zone_or_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no time such as"):
        restore.moment(text)


def test_stored_state_is_read_back() -> None:
    before = Before("t", "s", {"Resources": {}}, [Switch(quiet.SCHEDULE, "sweep")])
    assert Before.decode(before.encode()) == before
    assert json.loads(before.encode())["on"] == [[quiet.SCHEDULE, "sweep"]]


def remove(patch: pytest.MonkeyPatch, gone: set[str]) -> None:
    """Let the services tell of a removed stack, and of what it left. `gone` was deleted since."""
    template = {
        "Resources": {
            "Table": {"Type": removal.TABLE},
            "UserPool": {"Type": removal.POOL, "Condition": "HasUserPool"},
            "Queue": {"Type": "AWS::SQS::Queue"},
        }
    }
    events = [
        Resource("Table", removal.TABLE, "restored", "DELETE_SKIPPED"),
        Resource("UserPool", removal.POOL, "pool", "DELETE_SKIPPED"),
        Resource("Code", removal.LAYER, "layer", "DELETE_SKIPPED"),
        Resource("Table", removal.TABLE, "damaged", "DELETE_SKIPPED"),
    ]
    parameters = [{"ParameterKey": "TimeZone", "ParameterValue": "Asia/Taipei"}]
    patch.setattr(removal, "described", lambda clients, name: None)
    patch.setattr(removal, "removed_before", lambda clients, name: ["arn:failed", "arn:redress"])
    left = {"arn:redress": events, "arn:failed": []}
    patch.setattr(removal, "left_behind", lambda clients, stack: left[stack])
    patch.setattr(removal, "exists", lambda clients, one: one.physical not in gone)
    patch.setattr(changes, "template", lambda clients, stack: template)
    patch.setattr(changes, "description", lambda clients, stack: {"Parameters": parameters})


def again() -> Recreation:
    return Recreation("redress", lambda service: pytest.fail(service), print)


def test_removed_stack_is_created_around_the_table_that_it_had_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remove(monkeypatch, gone=set())

    what = again().found()

    assert what is not None
    assert what.parameters == {"TimeZone": "Asia/Taipei"}
    assert {one.logical: one.identifier for one in what.left} == {
        "Table": {"TableName": "restored"},
        "UserPool": {"UserPoolId": "pool"},
    }


@pytest.mark.parametrize(("gone", "named"), [("restored", "Table"), ("pool", "UserPool")])
def test_stack_whose_data_was_deleted_is_not_created_again(
    monkeypatch: pytest.MonkeyPatch, gone: str, named: str
) -> None:
    """A new pool would make new members of staff, who own no tickets."""
    remove(monkeypatch, gone={gone})
    with pytest.raises(ChangeError, match=f"is not there any more: {named}"):
        again().found()


def test_stack_that_nobody_removed_is_not_created(monkeypatch: pytest.MonkeyPatch) -> None:
    remove(monkeypatch, gone=set())
    monkeypatch.setattr(removal, "removed_before", lambda clients, name: [])
    with pytest.raises(ChangeError, match="none was removed lately"):
        again().found()


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_stack_whose_import_failed_is_no_reason_to_stop(
    monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    remove(monkeypatch, gone=set())
    described = {"StackStatus": status, "StackId": "arn:new"}
    monkeypatch.setattr(removal, "described", lambda clients, name: described)
    monkeypatch.setattr(quiet, "resources", lambda clients, stack: [])
    assert again().found() is not None


def test_stack_that_works_is_not_created_again_although_an_import_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remove(monkeypatch, gone=set())
    described = {"StackStatus": "IMPORT_ROLLBACK_COMPLETE", "StackId": "arn:redress"}
    monkeypatch.setattr(removal, "described", lambda clients, name: described)
    there = [Resource("Queue", "AWS::SQS::Queue", "queue", "UPDATE_COMPLETE")]
    monkeypatch.setattr(quiet, "resources", lambda clients, stack: there)
    assert again().found() is None
