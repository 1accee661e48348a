"""The section `fields` of a plan: what is valid, and how values are read."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.rules import fields
from redress.plans.rules.document import parse
from tests.builders import START, plan_document

LABEL = {"zh-CN": "颜色", "zh-TW": "顏色", "en": "Colour"}
RED = {"name": "red", "label": {"zh-CN": "红", "zh-TW": "紅", "en": "Red"}}
COLOUR = {"name": "colour", "label": LABEL, "type": "choice", "values": [RED]}


def faults(*section: Any) -> dict[str, str]:
    """The faults of publishing plan 1 with this section, by pointer."""
    try:
        parse(plan_document() | {"fields": list(section)}, publishing_at=START)
    except InvalidInput as invalid:
        return {fault.pointer: fault.code for fault in invalid.faults}
    return {}


def test_plan_without_the_section_is_valid_and_has_no_fields() -> None:
    document = plan_document()
    del document["fields"]
    assert parse(document, publishing_at=START).fields == ()


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (COLOUR, {}),
        (COLOUR | {"kinds": ["complaint"], "categories": ["product/defect"]}, {}),
        (COLOUR | {"kinds": "complaint", "categories": "product", "on_form": True}, {}),
        (7, {"/fields/0": "object_expected"}),
        (COLOUR | {"name": "Colour"}, {"/fields/0/name": "name_expected"}),
        (COLOUR | {"type": "colour"}, {"/fields/0/type": "unknown"}),
        (COLOUR | {"type": "date"}, {"/fields/0/values": "contradicts"}),
        (COLOUR | {"values": []}, {"/fields/0/values": "list_expected"}),
        (COLOUR | {"values": [RED, RED]}, {"/fields/0/values/1/name": "twice"}),
        (COLOUR | {"kinds": []}, {"/fields/0/kinds": "list_expected"}),
        (COLOUR | {"categories": []}, {"/fields/0/categories": "list_expected"}),
        (COLOUR | {"categories": ["tea"]}, {"/fields/0/categories/0": "unknown_category"}),
        (COLOUR | {"on_form": "yes"}, {"/fields/0/on_form": "yes_or_no_expected"}),
        (COLOUR | {"required": True}, {"/fields/0/required": "unknown"}),
    ],
)
def test_publishing_names_every_fault_of_a_field(entry: Any, expected: dict[str, str]) -> None:
    assert faults(entry) == expected


def test_names_are_unique_and_labels_are_in_three_languages() -> None:
    other = COLOUR | {"label": {"en": "Colour"}}
    found = faults(COLOUR, other)
    assert found.keys() == {"/fields/1/name", "/fields/1/label/zh-CN", "/fields/1/label/zh-TW"}


def test_fields_are_those_of_the_kind_and_the_category() -> None:
    section = [
        COLOUR | {"name": "all"},
        COLOUR | {"name": "complaints", "kinds": ["complaint"]},
        COLOUR | {"name": "products", "categories": ["product"]},
        COLOUR | {"name": "defects", "categories": ["product/defect"]},
    ]
    plan = parse(plan_document() | {"fields": section})

    def names(kind: str | None, category: str | None) -> list[str]:
        return [field["name"] for field in plan.fields_for(kind, category)]

    assert names(None, None) == ["all", "complaints", "products", "defects"]
    assert names("inquiry", "") == ["all"]
    assert names("complaint", "product") == ["all", "complaints", "products"]
    assert names("inquiry", "product/defect") == ["all", "products", "defects"]
    assert names("inquiry", "products") == ["all"]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("text", " KX 42 ", "KX 42"),
        ("text", "two\nlines", None),
        ("text", "x" * 501, None),
        ("number", "12", "12"),
        ("number", "１２.50", "12.5"),
        ("number", "-0", "0"),
        ("number", "-003.0", "-3"),
        ("number", "007", "7"),
        ("number", "10", "10"),
        ("number", "1,5", None),
        ("number", "many", None),
        ("number", "1e5", None),
        ("date", "2026-11-03", "2026-11-03"),
        ("date", "2026/11/3", "2026-11-03"),
        ("date", "2026年11月3日", "2026-11-03"),
        ("date", "２０２６．１１．３", "2026-11-03"),
        ("date", "2026-02-30", None),
        ("date", "3 November", None),
        ("choice", "red", "red"),
        ("choice", " 紅 ", "red"),
        ("choice", "Red", "red"),
        ("choice", "blue", None),
    ],
)
def test_value_of_a_text_is_read_as_people_write_it(
    type_: str, text: str, value: str | None
) -> None:
    assert fields.value_of(COLOUR | {"type": type_}, text) == value
