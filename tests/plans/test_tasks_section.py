"""The section `tasks` of a plan: lookups, and the checks when a plan is published."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.rules import tasks
from redress.plans.rules.document import parse
from tests.builders import START, plan_document


def with_tasks(**section: Any) -> dict[str, Any]:
    document = plan_document()
    document["tasks"] = {"within": "2h", "ladder": "task"} | section
    return document


def faults(document: dict[str, Any]) -> dict[str, str]:
    document |= {"version": 2}
    with pytest.raises(InvalidInput) as refused:
        parse(document, publishing_at=START)
    return {fault.pointer: fault.code for fault in refused.value.faults}


def test_department_inherits_what_the_plan_does_not_say_of_it() -> None:
    team = {"service": {"calendar": "office"}}
    plan = parse(with_tasks(teams=team) | {"version": 2}, publishing_at=START)
    assert [(p.target_s, p.calendar, p.ladder) for _, p in tasks.promises(plan)] == [
        (7200, "always", "task"),
        (7200, "office", "task"),
    ]
    assert (tasks.most_s(plan), tasks.urge_every_s(plan)) == (366 * 86_400, 86_400)


def test_plan_without_the_section_has_no_tasks() -> None:
    document = plan_document() | {"version": 2}
    del document["tasks"]
    plan = parse(document, publishing_at=START)
    assert not tasks.has_tasks(plan)
    assert (tasks.ladder(plan, "service"), list(tasks.promises(plan))) == ("", [])


def test_every_fault_of_the_section_is_named() -> None:
    wrong = with_tasks(
        within="soon",
        calendar="lunar",
        ladder="promise",
        most="1 day",
        urge_every=24,
        size=3,
        teams={"warehouse": {"within": "0s", "title": "x"}, "service": {"ladder": "none"}},
    )
    assert faults(wrong) == {
        "/tasks/size": "unknown",
        "/tasks/within": "duration_expected",
        "/tasks/calendar": "unknown",
        "/tasks/ladder": "not_of_tasks",
        "/tasks/most": "duration_expected",
        "/tasks/urge_every": "duration_expected",
        "/tasks/teams/warehouse": "unknown_team",
        "/tasks/teams/warehouse/title": "unknown",
        "/tasks/teams/warehouse/within": "duration_expected",
        "/tasks/teams/service/ladder": "unknown",
    }
    document = plan_document()
    document["tasks"] = {"teams": []}
    assert faults(document) == {
        "/tasks/within": "duration_expected",
        "/tasks/ladder": "unknown",
        "/tasks/teams": "object_expected",
    }


def test_task_that_is_due_in_years_is_a_mistake() -> None:
    assert faults(with_tasks(within="8000h", calendar="office")) == {"/tasks": "too_far"}


def test_ladder_of_tasks_changes_nothing_of_the_ticket() -> None:
    """A rung of a promise can return the ticket to the queue. A task of a department must not."""
    for rung in ({"priority": "high"}, {"reassign": True}, {"watch": ["manager"]}):
        document = with_tasks()
        document["ladders"]["task"][-1] |= rung
        assert faults(document) == {"/tasks/ladder": "not_of_tasks"}
