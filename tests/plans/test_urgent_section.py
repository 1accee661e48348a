"""The section `urgent` of a plan: lookups, and the checks when it is published."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.rules import urgent
from redress.plans.rules.document import parse, scaled
from tests.builders import START, plan_1, plan_document

OF = {
    "kind": "urgent",
    "channel": "web",
    "priority": "urgent",
    "customer_type": "standard",
    "category": "product/defect",
    "language": "en",
}


def with_urgent(**section: Any) -> dict[str, Any]:
    document = plan_document() | {"version": 2}
    document["urgent"] |= section
    return document


def faults(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        parse(document, publishing_at=START)
    return {fault.pointer: fault.code for fault in refused.value.faults}


def test_plan_1_asks_for_the_post_mortem_of_an_urgent_ticket_within_three_working_days() -> None:
    promise = urgent.post_mortem(plan_1())
    assert promise is not None
    assert (promise.target_s, promise.calendar, promise.ladder) == (86_400, "office", "post_mortem")
    assert urgent.is_urgent(plan_1(), OF)
    assert not urgent.is_urgent(plan_1(), OF | {"kind": "complaint"})


def test_plan_without_the_section_asks_for_nothing() -> None:
    document = plan_document() | {"version": 2}
    del document["urgent"]
    plan = parse(document, publishing_at=START)
    assert (urgent.post_mortem(plan), list(urgent.promises(plan))) == (None, [])
    assert not urgent.is_urgent(plan, OF)


def test_section_without_a_condition_is_about_urgent_tickets() -> None:
    document = with_urgent()
    del document["urgent"]["when"]
    plan = parse(document, publishing_at=START)
    assert urgent.is_urgent(plan, OF)
    assert not urgent.is_urgent(plan, OF | {"kind": "inquiry"})


def test_every_fault_of_the_section_is_named() -> None:
    wrong = with_urgent(
        when={"kind": ["panic"], "colour": "red"},
        post_mortem={"within": "soon", "calendar": "lunar", "ladder": "promise", "size": 1},
        drill=True,
    )
    assert faults(wrong) == {
        "/urgent/drill": "unknown",
        "/urgent/when/kind": "unknown",
        "/urgent/when/colour": "unknown",
        "/urgent/post_mortem/size": "unknown",
        "/urgent/post_mortem/within": "duration_expected",
        "/urgent/post_mortem/calendar": "unknown",
        "/urgent/post_mortem/ladder": "not_of_tasks",
    }
    assert faults(with_urgent(post_mortem={})) == {
        "/urgent/post_mortem/within": "duration_expected",
        "/urgent/post_mortem/ladder": "unknown",
    }
    assert faults(with_urgent(when={})) == {"/urgent/when": "empty"}
    assert faults(plan_document() | {"version": 2, "urgent": []}) == {"/urgent": "object_expected"}


LABEL = {"zh-CN": "停售", "zh-TW": "停售", "en": "Stop the sale"}
TASK = {"name": "stop_sale", "team": "service", "title": LABEL, "text": LABEL}


def test_tasks_of_a_ticket_are_those_whose_conditions_it_meets() -> None:
    broken = TASK | {"name": "broken", "when": {"category": "product"}}
    late = TASK | {"name": "late", "when": {"category": "delivery"}}
    plan = parse(with_urgent(tasks=[TASK, broken, late]), publishing_at=START)
    assert [one["name"] for one in urgent.tasks_for(plan, OF)] == ["stop_sale", "broken"]
    assert list(urgent.tasks_for(plan, OF | {"kind": "complaint"})) == []
    assert list(urgent.tasks_for(plan_1(), OF)) == []


def test_time_of_a_task_counts_in_its_calendar() -> None:
    plan = parse(with_urgent(tasks=[TASK | {"within": "4h", "calendar": "office"}]))
    [entry] = urgent.tasks_for(plan, OF)
    # 09:00 in Shanghai; the office closes from 12 to 13.
    assert urgent.task_due(plan, entry, START) == START + timedelta(hours=5)
    assert urgent.task_due(plan, TASK, START) is None
    assert [at for at, _ in urgent.promises(plan)] == ["/urgent/post_mortem", "/urgent/tasks/0"]


def test_every_fault_of_the_tasks_is_named() -> None:
    wrong = {
        "name": "Stop it",
        "team": "moon",
        "title": {"en": "Two\nlines", "zh-CN": "停售"},
        "text": {"en": "", "zh-CN": "停售", "zh-TW": "停售", "fr": "Arrêter"},
        "when": {"kind": []},
        "within": "soon",
        "calendar": "lunar",
        "required": "yes",
        "shares": ["everything"],
        "owner": "a-mei",
    }
    tasks = [wrong, TASK, TASK, "ask somebody", TASK | {"name": "slow", "within": "721h"}]
    at = "/urgent/tasks"
    assert faults(with_urgent(tasks=tasks)) == {
        f"{at}/0/name": "name_expected",
        f"{at}/0/team": "unknown",
        f"{at}/0/title/en": "one_line",
        f"{at}/0/title/zh-TW": "text_expected",
        f"{at}/0/text/en": "text_expected",
        f"{at}/0/text/fr": "unknown",
        f"{at}/0/when/kind": "empty",
        f"{at}/0/within": "duration_expected",
        f"{at}/0/calendar": "unknown",
        f"{at}/0/required": "yes_or_no_expected",
        f"{at}/0/shares": "unknown",
        f"{at}/0/owner": "unknown",
        f"{at}/2/name": "twice",
        f"{at}/3": "object_expected",
        f"{at}/4/within": "too_long",
    }
    assert faults(with_urgent(tasks={})) == {at: "list_expected"}
    assert faults(with_urgent(tasks=[TASK | {"name": f"t{n}"} for n in range(6)])) == {
        at: "too_many"
    }
    assert faults(with_urgent(tasks=[TASK | {"calendar": "office"}])) == {
        f"{at}/0/within": "duration_expected"
    }
    assert faults(with_urgent(tasks=[TASK | {"shares": ["order", "order"]}])) == {
        f"{at}/0/shares": "twice"
    }


def test_plan_without_tasks_of_departments_opens_none() -> None:
    document = with_urgent(tasks=[TASK])
    del document["tasks"]
    assert faults(document) == {"/urgent/tasks": "no_tasks"}


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ({"within": "8h"}, {"/tasks/ladder": "unknown"}),
        ({"within": "soon", "ladder": "task"}, {"/tasks/within": "duration_expected"}),
        ({"within": "8h", "ladder": "task", "teams": []}, {"/tasks/teams": "object_expected"}),
        (
            {"within": "8h", "ladder": "task", "teams": {"service": 5}},
            {"/tasks/teams/service": "object_expected"},
        ),
    ],
)
def test_wrong_section_on_tasks_is_named_although_a_task_of_the_plan_needs_its_ladder(
    section: dict[str, Any], wrong: dict[str, str]
) -> None:
    document = with_urgent(tasks=[TASK | {"within": "2h"}]) | {"tasks": section}
    assert faults(document) == wrong


def test_task_that_is_due_in_years_is_a_mistake() -> None:
    document = with_urgent(tasks=[TASK | {"within": "8000h", "calendar": "office"}])
    document["tasks"]["most"] = "8000h"
    assert faults(document) == {"/urgent/tasks/0": "too_far"}


def test_paced_plan_shortens_the_times_of_the_section() -> None:
    paced = scaled(with_urgent(tasks=[TASK, TASK | {"name": "soon", "within": "1h"}]), 3600, 3)
    assert paced["urgent"]["post_mortem"]["within"] == "24s"
    assert [one.get("within") for one in paced["urgent"]["tasks"]] == [None, "5s"]


@pytest.mark.parametrize("notify", [None, [], ["agent"], ["agent", "supervisor"]])
def test_rung_that_brings_nobody_in_or_the_agent_is_refused(notify: list[str] | None) -> None:
    document = plan_document() | {"version": 2}
    rung = {"at": 0.1, "action": "join"} | ({} if notify is None else {"notify": notify})
    document["ladders"]["emergency"][0] = rung
    assert faults(document) == {"/ladders/emergency/0/notify": "leaders_expected"}


def test_nobody_joins_a_task_or_a_post_mortem() -> None:
    document = with_urgent()
    joining = {"at": 0.001, "action": "join", "notify": "manager"}
    document["ladders"]["post_mortem"].insert(0, joining)
    assert faults(document) == {"/urgent/post_mortem/ladder": "not_of_tasks"}


def test_nobody_joins_after_the_resolution() -> None:
    """Nobody works on the ticket then, and the mail to whom joins would be skipped."""
    document = plan_document() | {"version": 2}
    document["levels"]["complaint"]["promises"]["callback"]["ladder"] = "emergency"
    callback = {"within": "2h", "ladder": "emergency"}
    document["overrides"].append({"when": {"kind": ["urgent"]}, "promises": {"callback": callback}})
    last = len(document["overrides"]) - 1
    assert faults(document) == {
        "/levels/complaint/promises/callback/ladder": "nobody_joins",
        f"/overrides/{last}/promises/callback/ladder": "nobody_joins",
    }


def test_callback_that_is_added_without_a_ladder_has_the_usual_one_in_which_nobody_joins() -> None:
    document = plan_document() | {"version": 2}
    joining = {"at": 0.001, "action": "join", "notify": "supervisor"}
    document["ladders"]["promise"].insert(0, joining)
    for level in document["levels"].values():
        level["promises"].get("callback", {})["ladder"] = "task"
    added = {"when": {"kind": ["feedback"]}, "promises": {"callback": {"within": "24h"}}}
    document["overrides"].append(added)
    last = len(document["overrides"]) - 1
    assert faults(document) == {f"/overrides/{last}/promises/callback/ladder": "nobody_joins"}


def test_post_mortem_that_is_due_in_years_is_a_mistake() -> None:
    entry = {"within": "8000h", "calendar": "office", "ladder": "post_mortem"}
    assert faults(with_urgent(post_mortem=entry)) == {"/urgent/post_mortem": "too_far"}


def test_ladder_of_post_mortems_changes_nothing_of_the_ticket() -> None:
    document = with_urgent()
    document["ladders"]["post_mortem"][-1] |= {"priority": "high"}
    assert faults(document) == {"/urgent/post_mortem/ladder": "not_of_tasks"}
