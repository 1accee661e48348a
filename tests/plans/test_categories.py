"""Tests of a plan's categories: which a ticket can get, and what they are called."""

from __future__ import annotations

import pytest

from redress.base.errors import FAULT_DETAIL_LIMIT
from redress.base.languages import LANGUAGES
from redress.plans.rules import categories
from redress.plans.rules.document import parse
from redress.plans.rules.plan import KINDS, Plan
from tests.builders import plan_document


def of_complaints() -> Plan:
    """Plan 1, but its first category (product) is offered for complaints only."""
    document = plan_document()
    document["categories"][0]["kinds"] = "complaint"
    return parse(document)


def all_of(plan: Plan) -> list[str]:
    known = categories.parents(plan.categories)
    return [*known, *(f"{name}/{sub}" for name, subs in known.items() for sub in subs)]


def test_every_category_of_plan_1_is_accepted_for_every_kind(plan: Plan) -> None:
    assert "product/defect" in all_of(plan)
    for category in all_of(plan):
        assert len(category) <= categories.LIMIT
        for kind in KINDS:
            assert categories.fault_of(plan.categories, category, kind) is None


@pytest.mark.parametrize(
    "wrong",
    ["", "toy", "product/", "product/late", "/defect", "product/defect/x", "Product", 7, []],
)
def test_an_unknown_category_is_refused_with_the_known_ones(plan: Plan, wrong: object) -> None:
    fault = categories.fault_of(plan.categories, wrong, "complaint")
    assert fault is not None
    assert fault.code == "unknown_category"
    for name, subs in categories.parents(plan.categories).items():
        assert f"{name}[/{'|'.join(subs)}]" in fault.detail
    assert len(fault.detail) <= FAULT_DETAIL_LIMIT


def test_a_category_is_refused_for_a_kind_for_which_it_is_not_offered() -> None:
    known = of_complaints().categories
    assert categories.fault_of(known, "product/defect", "complaint") is None
    assert categories.fault_of(known, "product/defect", None) is None
    assert categories.fault_of(known, "delivery", "inquiry") is None
    refused = categories.fault_of(known, "product", "inquiry")
    assert refused is not None
    assert refused.code == "category_not_offered"


def test_a_plan_without_the_section_has_no_categories() -> None:
    document = plan_document()
    del document["categories"]
    plan = parse(document)
    assert plan.categories == ()
    refused = categories.fault_of(plan.categories, "product", "complaint")
    assert refused is not None
    assert refused.code == "unknown_category"


def test_a_category_is_called_by_its_labels_and_an_unknown_name_by_itself(plan: Plan) -> None:
    known = plan.categories
    assert categories.labels(known, "product/defect") == {
        "zh-CN": "商品 / 质量问题",
        "zh-TW": "商品 / 品質問題",
        "en": "Product / Defect",
    }
    assert categories.labels(known, "product")["zh-CN"] == "商品"
    assert categories.labels(known, "product/gone")["en"] == "Product / gone"
    assert categories.labels(known, "gone/defect")["en"] == "gone / defect"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_choices_of_plan_1_differ_within_each_list(plan: Plan, language: str) -> None:
    listed = list(categories.choices(plan.categories, language))
    assert len({label for _, label, _ in listed}) == len(listed)
    for _, _, subs in listed:
        assert len({label for _, label in subs}) == len(subs)
