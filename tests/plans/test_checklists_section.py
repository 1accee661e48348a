"""The section `checklists` of a plan: lookups, and the checks when a plan is published."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.plans.rules import checklists
from redress.plans.rules.checklists import MOST_CHECKLISTS, MOST_ITEMS, TEXT_LIMIT
from redress.plans.rules.document import parse
from tests.builders import START, plan_1, plan_document

TEXT = {"zh-CN": "证件", "zh-TW": "證件", "en": "A document"}


def item(**fields: Any) -> dict[str, Any]:
    return {"id": "identity", "kind": "material", "text": TEXT} | fields


def with_checklists(**section: Any) -> dict[str, Any]:
    return plan_document() | {"version": 2, "checklists": section}


def faults(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        parse(document, publishing_at=START)
    return {fault.pointer: fault.code for fault in refused.value.faults}


def test_plan_1_has_checklists_for_two_categories_of_service_requests() -> None:
    plan = plan_1()
    for category in ("account/personal_data", "payment/invoice"):
        items = checklists.of(plan, "service_request", category)
        assert {one.kind for one in items} == {"material", "note", "step"}
        assert all(set(one.text) == set(LANGUAGES) for one in items)
    assert plan_document()["sources"]["/checklists"].startswith("ours")


def test_only_service_requests_of_a_category_with_a_checklist_have_one() -> None:
    plan = plan_1()
    assert checklists.of(plan, "complaint", "account/personal_data") == ()
    assert checklists.of(plan, "service_request", "account/security") == ()
    assert checklists.of(plan, "service_request", None) == ()


def test_checklist_of_a_first_level_is_that_of_its_second_levels_without_one() -> None:
    own = item(id="own")
    plan = parse(with_checklists(**{"account": [item()], "account/security": [own]}))

    def ids(category: str) -> list[str]:
        return [one.id for one in checklists.of(plan, "service_request", category)]

    assert (ids("account"), ids("account/personal_data")) == (["identity"], ["identity"])
    assert ids("account/security") == ["own"]


def test_plan_without_the_section_has_no_checklists() -> None:
    document = plan_document()
    del document["checklists"]
    plan = parse(document)
    assert checklists.of(plan, "service_request", "account/personal_data") == ()
    assert checklists.label(plan, "account/personal_data", "identity")["en"] == "identity"


def test_item_is_required_unless_the_plan_says_that_it_is_not() -> None:
    plan = parse(with_checklists(account=[item(), item(id="more", required=False)]))
    required = [one.required for one in checklists.of(plan, "service_request", "account")]
    assert required == [True, False]


def test_every_fault_of_the_section_is_named() -> None:
    wrong = with_checklists(
        **{
            "moon": [item()],
            "account": [],
            "payment": ["identity"],
            "order": [
                item(id="No Id", colour="red"),
                item(id="twice"),
                item(id="twice", kind="dance"),
                item(id="four", required="yes", answer=1),
                item(id="five", answer=True),
                item(id="six", text={"en": "two\nlines", "zh-CN": "", "fr": "Un document"}),
                item(id="seven", text=TEXT | {"en": "x" * (TEXT_LIMIT + 1)}),
            ],
        }
    )
    assert faults(wrong) == {
        "/checklists/moon": "unknown_category",
        "/checklists/account": "list_expected",
        "/checklists/payment/0": "object_expected",
        "/checklists/order/0/id": "name_expected",
        "/checklists/order/0/colour": "unknown",
        "/checklists/order/2/id": "twice",
        "/checklists/order/2/kind": "unknown",
        "/checklists/order/3/required": "yes_or_no_expected",
        "/checklists/order/3/answer": "yes_or_no_expected",
        "/checklists/order/4/answer": "only_of_notes",
        "/checklists/order/5/text/en": "one_line",
        "/checklists/order/5/text/zh-CN": "text_expected",
        "/checklists/order/5/text/zh-TW": "text_expected",
        "/checklists/order/5/text/fr": "unknown",
        "/checklists/order/6/text/en": "too_long",
    }
    assert faults(plan_document() | {"version": 2, "checklists": []}) == {
        "/checklists": "object_expected"
    }


def test_numbers_of_checklists_and_of_their_items_are_bounded() -> None:
    many = [item(id=f"item_{number}") for number in range(MOST_ITEMS + 1)]
    assert parse(with_checklists(account=many[1:]), publishing_at=START)
    assert faults(with_checklists(account=many)) == {"/checklists/account": "too_many"}
    names = [f"made_up_{number}" for number in range(MOST_CHECKLISTS + 1)]
    found = faults(with_checklists(**{name: [item()] for name in names}))
    assert found["/checklists"] == "too_many"


def test_checklist_for_a_category_that_is_not_offered_for_service_requests_is_refused() -> None:
    document = with_checklists(account=[item()])
    for entry in document["categories"]:
        if entry["name"] == "account":
            entry["kinds"] = ["complaint"]
    assert faults(document)["/checklists/account"] == "category_not_offered"
