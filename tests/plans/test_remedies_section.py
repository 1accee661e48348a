"""The sections `remedies` and `causes` of a plan: lookups, and the checks when it is published."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.plans.rules import remedies
from redress.plans.rules.document import parse
from tests.builders import START, plan_document

LABEL = dict.fromkeys(LANGUAGES, "x")


def with_remedies(**section: Any) -> dict[str, Any]:
    document = plan_document()
    document["remedies"] |= section
    return document


def faults(document: dict[str, Any]) -> dict[str, str]:
    document |= {"version": 2}
    with pytest.raises(InvalidInput) as refused:
        parse(document, publishing_at=START)
    return {fault.pointer: fault.code for fault in refused.value.faults}


def test_kind_inherits_what_the_plan_does_not_say_of_it() -> None:
    kinds = {"gift": {"label": LABEL, "amount": "internal", "calendar": "office"}}
    plan = parse(with_remedies(kinds=kinds) | {"version": 2}, publishing_at=START)
    given = remedies.promise(plan, "gift")
    assert (given.target_s, given.calendar, given.ladder) == (168 * 3600, "office", "remedy")
    assert remedies.promise(plan, "unknown").calendar == "always"


def test_plan_without_the_sections_has_no_remedies_and_no_causes() -> None:
    document = plan_document() | {"version": 2}
    del document["remedies"], document["causes"]
    plan = parse(document, publishing_at=START)
    assert not remedies.has_remedies(plan)
    assert (remedies.kinds(plan), list(remedies.promises(plan))) == ((), [])
    assert plan.causes == {}


def test_every_fault_of_the_sections_is_named() -> None:
    wrong = with_remedies(
        within="soon",
        calendar="lunar",
        ladder="promise",
        most="1 day",
        size=3,
        approval={"within": "0s", "who": "me"},
        bounds={"CNY": -1, "RMB": 5, "USD": 1.5},
        kinds={
            "refund": {"label": LABEL | {"en": "two\nlines"}, "amount": "some", "price": 1},
            "Gift": {"label": LABEL, "amount": "none"},
            "gift": {"amount": "none", "within": "x"},
        },
    ) | {"causes": {"seal": {"en": "A seal"}, "No Name": LABEL}}
    assert faults(wrong) == {
        "/remedies/size": "unknown",
        "/remedies/within": "duration_expected",
        "/remedies/calendar": "unknown",
        "/remedies/ladder": "not_of_tasks",
        "/remedies/most": "duration_expected",
        "/remedies/approval/who": "unknown",
        "/remedies/approval/within": "duration_expected",
        "/remedies/approval/ladder": "unknown",
        "/remedies/bounds/CNY": "whole_number_expected",
        "/remedies/bounds/RMB": "unknown",
        "/remedies/bounds/USD": "whole_number_expected",
        "/remedies/kinds/refund/label/en": "one_line",
        "/remedies/kinds/refund/amount": "unknown",
        "/remedies/kinds/refund/price": "unknown",
        "/remedies/kinds/Gift": "names_expected",
        "/remedies/kinds/gift/label": "object_expected",
        "/remedies/kinds/gift/label/zh-CN": "text_expected",
        "/remedies/kinds/gift/label/zh-TW": "text_expected",
        "/remedies/kinds/gift/label/en": "text_expected",
        "/remedies/kinds/gift/within": "duration_expected",
        "/causes/seal/zh-CN": "text_expected",
        "/causes/seal/zh-TW": "text_expected",
        "/causes/No Name": "names_expected",
    }
    assert faults(with_remedies(bounds={}, kinds={})) == {
        "/remedies/bounds": "required",
        "/remedies/kinds": "required",
    }


def test_remedy_that_is_due_in_years_is_a_mistake() -> None:
    kinds = {"gift": {"label": LABEL, "amount": "none", "within": "8000h", "calendar": "office"}}
    assert faults(with_remedies(kinds=kinds)) == {"/remedies/kinds/gift": "too_far"}


def test_ladder_of_remedies_changes_nothing_of_the_ticket() -> None:
    for name, at in (("remedy", "/remedies/ladder"), ("approval", "/remedies/approval/ladder")):
        document = plan_document()
        document["ladders"][name][-1] |= {"priority": "high"}
        assert faults(document) == {at: "not_of_tasks"}
