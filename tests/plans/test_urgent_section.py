"""The section `urgent` of a plan: lookups, and the checks when it is published."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.rules import urgent
from redress.plans.rules.document import parse
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


def test_post_mortem_that_is_due_in_years_is_a_mistake() -> None:
    entry = {"within": "8000h", "calendar": "office", "ladder": "post_mortem"}
    assert faults(with_urgent(post_mortem=entry)) == {"/urgent/post_mortem": "too_far"}


def test_ladder_of_post_mortems_changes_nothing_of_the_ticket() -> None:
    document = with_urgent()
    document["ladders"]["post_mortem"][-1] |= {"priority": "high"}
    assert faults(document) == {"/urgent/post_mortem/ladder": "not_of_tasks"}
