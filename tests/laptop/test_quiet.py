"""Calls that a service refuses for a moment are repeated, at a rate that the service accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from local.operations import quiet, removal
from local.operations.quiet import Pace, Resource


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Call")


def failing(*codes: str) -> Callable[[], str]:
    """A call that is refused with these codes, one after the other, and then succeeds."""
    left = list(codes)

    def call() -> str:
        if left:
            raise refused(left.pop(0))
        return "done"

    return call


def test_throttled_call_is_repeated_with_longer_pauses() -> None:
    pauses = list[float]()

    done = quiet.patiently(failing(*["ThrottlingException"] * 5), pauses.append)

    assert done == "done"
    assert len(pauses) == 5
    assert max(pauses[:2]) < pauses[4] <= 8


def test_throttling_that_does_not_end_is_raised() -> None:
    with pytest.raises(ClientError, match="ThrottlingException"):
        quiet.patiently(failing(*["ThrottlingException"] * quiet.TRIES), lambda _: None)


def test_other_refusal_is_raised_at_once() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        quiet.patiently(failing("AccessDenied"), lambda _: pytest.fail("no pause"))


def test_resource_that_is_gone_needs_no_step() -> None:
    assert not quiet.unless_gone(failing("ResourceNotFoundException"))
    assert quiet.unless_gone(failing())


def test_pace_bounds_the_rate_and_is_halved_after_a_refusal() -> None:
    now, pauses = [0.0], list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    pace = Pace(10, lambda: now[0], pause)
    for _ in range(4):
        pace.wait()
    assert pauses == pytest.approx([0.1, 0.1, 0.1])
    pace.slow_down()
    assert pace.a_second == pytest.approx(5)
    for _ in range(10):
        pace.slow_down()
    assert pace.a_second == quiet.SLOWEST


class Ses:
    """Knows which receipt rule set is active in the account."""

    def __init__(self, active: str | None) -> None:
        self.active = active

    def describe_active_receipt_rule_set(self) -> dict[str, Any]:
        return {"Metadata": {"Name": self.active}, "Rules": []} if self.active else {}

    def set_active_receipt_rule_set(self) -> None:
        self.active = None


def plan(*resources: Resource) -> removal.Plan:
    return removal.Plan("redress", "arn:redress", "UPDATE_COMPLETE", False, [*resources], [])


RULES = Resource("ReceiptRuleSet", removal.RULE_SET, "redress", "CREATE_COMPLETE")


@pytest.mark.parametrize(("active", "after"), [("redress", None), ("other", "other"), (None, None)])
def test_only_the_receipt_rule_set_of_this_stack_is_deactivated(
    active: str | None, after: str | None
) -> None:
    mail, said = Ses(active), list[str]()

    removal._leave_receipt_rules(lambda _: mail, plan(RULES), said.append)

    assert mail.active == after
    assert bool(said) == (active == "redress")


def test_stack_without_incoming_mail_asks_ses_nothing() -> None:
    removal._leave_receipt_rules(lambda name: pytest.fail(name), plan(), print)


class Formation:
    """Describes one stack that is in this status."""

    def __init__(self, status: str) -> None:
        self.status = status

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        return {"Stacks": [{"StackId": "arn:redress", "StackStatus": self.status}]}


def test_running_deployment_is_not_disturbed() -> None:
    with pytest.raises(removal.RemovalError, match="UPDATE_IN_PROGRESS: wait"):
        removal.planned(lambda _: Formation("UPDATE_IN_PROGRESS"), "redress")


class Failed(Formation):
    """Describes a stack whose deletion failed at one resource."""

    def get_paginator(self, _: str) -> Failed:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        failed = {
            "LogicalResourceId": "MailBucket",
            "ResourceType": "AWS::S3::Bucket",
            "ResourceStatus": "DELETE_FAILED",
            "ResourceStatusReason": "The bucket you tried to delete is not empty",
        }
        done = {"LogicalResourceId": "Queue", "ResourceStatus": "DELETE_COMPLETE"}
        return [{"StackResourceSummaries": [done, failed]}]


def test_resource_that_cannot_be_deleted_is_named_with_its_reason() -> None:
    said = r"Mend this, then repeat:\n  MailBucket \(AWS::S3::Bucket\): The bucket you .* not empty"
    with pytest.raises(removal.RemovalError, match=said):
        removal.wait_until_deleted(lambda _: Failed("DELETE_FAILED"), "arn:redress")


@pytest.mark.parametrize(("typed", "agreed"), [("redress", True), ("yes", False), ("", False)])
def test_only_the_name_of_the_stack_confirms(typed: str, agreed: bool) -> None:
    assert removal.confirmed(plan(), Console(quiet=True), lambda _: typed) is agreed


class Logs:
    """Has log groups of two stacks. The name of one stack begins with that of the other."""

    def get_paginator(self, _: str) -> Logs:
        return self

    def paginate(self, logGroupNamePrefix: str) -> list[dict[str, Any]]:
        names = ("/aws/lambda/redress-relay", "/aws/lambda/redress-desk-relay")
        found = [one for one in names if one.startswith(logGroupNamePrefix)]
        return [{"logGroups": [{"logGroupName": one, "storedBytes": 1} for one in found]}]


def test_no_command_deletes_the_logs_of_another_stack() -> None:
    kept = removal._logs(lambda _: Logs(), "redress", {"/aws/lambda/redress-relay"})
    assert kept is not None
    assert kept.commands == (
        "aws logs delete-log-group --log-group-name /aws/lambda/redress-relay",
    )


def test_deletion_that_somebody_began_without_the_command_is_not_left_waiting_for_sleepers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CloudFormation deletes a state machine when its executions have ended, in up to a year."""
    machine = Resource("TicketWorkflow", quiet.MACHINE, "arn:ticket", "DELETE_IN_PROGRESS")
    begun = removal.Plan("redress", "arn:redress", "DELETE_IN_PROGRESS", False, [machine], [])
    stopped = list[str]()

    def stop(clients: Any, machines: list[str], cause: str, tell: Callable[[str], None]) -> int:
        stopped.extend(machines)
        return 1

    monkeypatch.setattr(quiet, "stop_executions", stop)
    monkeypatch.setattr(removal, "wait_until_deleted", lambda clients, stack: None)
    removal.remove(lambda name: pytest.fail(name), begun, lambda line: None)
    assert stopped == ["arn:ticket"]
