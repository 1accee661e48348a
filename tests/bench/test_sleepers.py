"""The count of what runs while nothing is due meets no schedule, and starts them again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from bench.sleepers import Quiet, quiet_figures, schedules_paused
from local.template import template
from tests.wired import ACCOUNT, enter
from tests.world import KEEP_SESSION, aws

TARGET = {
    "Arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:redress-repair",
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/scheduler",
    "Input": '{"task": "sweep"}',
}


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    enter(monkeypatch)
    with mock_aws(config=KEEP_SESSION):
        client = aws("scheduler")
        for name, state in (("sweep", "ENABLED"), ("reconcile", "ENABLED"), ("off", "DISABLED")):
            client.create_schedule(
                Name=name,
                State=state,
                Description=f"the schedule {name}",
                ScheduleExpression="cron(30 3 * * ? *)",
                ScheduleExpressionTimezone="Asia/Shanghai",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target=TARGET,
            )
        yield client


def schedules(scheduler: Any) -> dict[str, dict[str, Any]]:
    names = [one["Name"] for one in scheduler.list_schedules()["Schedules"]]
    found = {name: scheduler.get_schedule(Name=name) for name in names}
    changing = ("ResponseMetadata", "LastModificationDate")
    return {
        name: {key: value for key, value in one.items() if key not in changing}
        for name, one in found.items()
    }


def test_no_schedule_runs_while_the_count_runs_and_all_run_again_afterwards(
    scheduler: Any,
) -> None:
    before = schedules(scheduler)
    with schedules_paused(scheduler):
        assert {one["State"] for one in schedules(scheduler).values()} == {"DISABLED"}
    assert schedules(scheduler) == before


def test_schedules_run_again_after_a_count_that_failed(scheduler: Any) -> None:
    before = schedules(scheduler)
    with pytest.raises(RuntimeError), schedules_paused(scheduler):
        raise RuntimeError("the cloud is gone")
    assert schedules(scheduler) == before


def test_template_starts_functions_on_time_by_schedules_only() -> None:
    """A rule with a rate would not be paused."""
    resources = template()["Resources"].values()
    rules = [one for one in resources if one["Type"] == "AWS::Events::Rule"]
    assert not any("ScheduleExpression" in rule["Properties"] for rule in rules)
    assert any(one["Type"] == "AWS::Scheduler::Schedule" for one in resources)


def test_any_other_invocation_fails_the_benchmark() -> None:
    missed = quiet_figures(Quiet(30.0, {"redress-workflow": 1}, {"DynamoDB_20120810.GetItem": 2}))
    assert [figure.met for figure in missed] == [False, False]
    good = quiet_figures(Quiet(30.0, {}, {}))
    assert [figure.met for figure in good] == [True, True]
