"""Declarations of bodies: functions read a body, and OpenAPI describes it, by the same one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from local.openapi import schemas
from redress.base.errors import InvalidInput
from redress.edge.bodies import (
    Body,
    Field,
    Flag,
    Instant,
    NamedTexts,
    OneOf,
    OptionalOneOf,
    OptionalText,
    Text,
    TextOr,
    TextOrNull,
    Texts,
    Unread,
    UnreadBody,
    Whole,
)
from redress.edge.http import Refused

ABSENT = object()
"""Stands for a field that is absent from the body."""

ACCEPTED: list[tuple[Field, Any, Any]] = [
    (Whole("f", 1), 1, 1),
    (Whole("f", 1, 3), 3, 3),
    (Whole("f", 1, 3), 3.0, 3),
    (Text("f", 4), "four", "four"),
    (Text("f", 9), " \u200bfour\u202e\u200b ", "four"),
    (OptionalText("f", 4), "four", "four"),
    (OptionalText("f", 4), "\u200b\u2060", ""),
    (OptionalText("f", 4), "", ""),
    (OptionalText("f", 4), None, None),
    (OptionalText("f", 4), ABSENT, None),
    (TextOr("f", 4, "g"), "four", "four"),
    (NamedTexts("f", ("a", "b"), 4), {"a": "four"}, {"a": "four"}),
    (NamedTexts("f", ("a", "b"), 4), None, {}),
    (NamedTexts("f", ("a", "b"), 4), ABSENT, {}),
    (TextOrNull("f", 4), "four", "four"),
    (TextOrNull("f", 4), None, None),
    (Texts("f", 20, 2, "email"), [], []),
    (Texts("f", 20, 2, "email"), ["a@example.com"], ["a@example.com"]),
    (OneOf("f", ("a", "b")), "b", "b"),
    (OptionalOneOf("f", ("a", "b")), "a", "a"),
    (OptionalOneOf("f", ("a", "b")), None, None),
    (OptionalOneOf("f", ("a", "b")), ABSENT, None),
    (Flag("f"), True, True),
    (Flag("f"), ABSENT, False),
    (Instant("f"), "2026-11-24T09:00:00+08:00", datetime(2026, 11, 24, 1, tzinfo=UTC)),
    (Unread("f", "Plan"), {"version": 2}, {"version": 2}),
]
"""A field, its value in a body, and the value that the handler gets."""


@pytest.mark.parametrize("field", [Text("f", 4), OptionalText("f", 4), TextOrNull("f", 4)])
def test_length_of_a_text_is_that_of_the_stored_text(field: Field) -> None:
    assert Body("Example", (field,)).read(event({"f": "\u200b four\n"})) == {"f": "four"}


REFUSED: list[tuple[Field, Any, str]] = [
    (Whole("f", 1), ABSENT, "required"),
    (Whole("f", 1), None, "required"),
    (Whole("f", 1), 0, "out_of_range"),
    (Whole("f", 1, 3), 4, "out_of_range"),
    (Whole("f", 1), "1", "whole_number_expected"),
    (Whole("f", 1), True, "whole_number_expected"),
    (Text("f", 4), ABSENT, "required"),
    (Text("f", 4), "", "required"),
    (Text("f", 4), "fives", "too_long"),
    (Text("f", 4), 4, "text_expected"),
    (Text("f", 4), "\x00", "control_characters"),
    (Whole("f", 1), 1.5, "whole_number_expected"),
    (OptionalText("f", 4), "fives", "too_long"),
    (OptionalText("f", 4), 4, "text_expected"),
    (TextOrNull("f", 4), ABSENT, "required"),
    (TextOrNull("f", 4), "", "required"),
    (TextOrNull("f", 4), "fives", "too_long"),
    (TextOr("f", 4, "g"), "fives", "too_long"),
    (NamedTexts("f", ("a", "b"), 4), "a", "object_expected"),
    (NamedTexts("f", ("a", "b"), 4), {"c": "four"}, "unknown"),
    (NamedTexts("f", ("a", "b"), 4), {"a": "fives"}, "too_long"),
    (NamedTexts("f", ("a", "b"), 4), {"a": None}, "text_expected"),
    (NamedTexts("f", ("a", "b"), 4), {"a": ""}, "required"),
    (Texts("f", 20, 2, "email"), ABSENT, "required"),
    (Texts("f", 20, 2, "email"), "a@example.com", "list_expected"),
    (Texts("f", 20, 2, "email"), [1], "text_expected"),
    (OneOf("f", ("a", "b")), "c", "unknown_value"),
    (OneOf("f", ("a", "b")), ["a"], "unknown_value"),
    (OneOf("f", ("a", "b")), None, "required"),
    (OptionalOneOf("f", ("a", "b")), "c", "unknown_value"),
    (Flag("f"), "yes", "boolean_expected"),
    (Instant("f"), ABSENT, "required"),
    (Instant("f"), "tomorrow", "instant_expected"),
    (Instant("f"), 5, "instant_expected"),
]
"""A field, its value in a body, and the code of the fault."""

STRICTER: list[tuple[Field, Any, str]] = [
    (Text("f", 4), "  ", "required"),
    (Text("f", 4), "\u200b\u3164", "required"),
    (Text("f", 4), "a\x1b", "control_characters"),
    (Text("f", 4), "a\x9b", "control_characters"),
    (OptionalText("f", 4), "a\x00", "control_characters"),
    (TextOr("f", 4, "g"), ABSENT, "required"),
    (NamedTexts("f", ("a", "b"), 4), {"a": " "}, "required"),
    (TextOrNull("f", 4), "\ufeff", "required"),
    (Text("f", 4), "a\x00", "control_characters"),
    (TextOrNull("f", 4), " ", "required"),
    (Instant("f"), "2026-11-24T09:00:00", "instant_expected"),
]
"""Like REFUSED, for rules that a JSON Schema cannot express."""


def event(given: Any, content_type: str = "application/json") -> dict[str, Any]:
    return {"headers": {"content-type": content_type}, "body": json.dumps(given)}


def object_with(value: Any) -> dict[str, Any]:
    return {} if value is ABSENT else {"f": value}


def fits_schema(body: Body, value: dict[str, Any]) -> bool:
    checker = Draft202012Validator.FORMAT_CHECKER
    others = {"components": {"schemas": {"Plan": {"type": "object"}}}}
    validator = Draft202012Validator(schemas.body(body, {}, {}) | others, format_checker=checker)
    return bool(validator.is_valid(value))


@pytest.mark.parametrize(("field", "value", "read"), ACCEPTED)
def test_body_returns_a_value_that_its_schema_allows(field: Field, value: Any, read: Any) -> None:
    body = Body("Example", (field,))
    assert body.read(event(object_with(value))) == {"f": read}
    assert fits_schema(body, object_with(value))


@pytest.mark.parametrize(("field", "value", "code"), REFUSED)
def test_body_refuses_a_value_that_its_schema_does_not_allow(
    field: Field, value: Any, code: str
) -> None:
    body = Body("Example", (field,))
    with pytest.raises(InvalidInput) as refused:
        body.read(event(object_with(value)))
    assert [fault.code for fault in refused.value.faults] == [code]
    assert not fits_schema(body, object_with(value))


@pytest.mark.parametrize(("field", "value", "code"), STRICTER)
def test_body_refuses_a_value_by_a_rule_that_a_schema_cannot_express(
    field: Field, value: Any, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Body("Example", (field,)).read(event(object_with(value)))
    assert [fault.code for fault in refused.value.faults] == [code]


def test_body_reports_every_wrong_field_and_every_unknown_one() -> None:
    body = Body("Example", (Whole("version", 1), Text("text", 10), Texts("to", 3, 5, "email")))
    with pytest.raises(InvalidInput) as refused:
        body.read(event({"version": 0, "to": ["abc", "abcd"], "more/than": 1}))
    assert {fault.pointer: fault.code for fault in refused.value.faults} == {
        "/version": "out_of_range",
        "/text": "required",
        "/to/1": "too_long",
        "/more~1than": "unknown",
    }


def test_body_with_two_fields_that_exclude_each_other_names_one_of_them() -> None:
    body = Body("Example", (TextOr("text", 9, "template"), OptionalText("template", 9)))
    assert body.read(event({"template": "a"})) == {"text": None, "template": "a"}
    with pytest.raises(InvalidInput) as refused:
        body.read(event({"text": "a", "template": "b"}))
    [fault] = refused.value.faults
    assert (fault.pointer, fault.code) == ("/template", "not_both")
    assert fault.detail == "either a text or a template, not both"


def test_body_that_is_not_an_object_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        Body("Example", ()).read(event([]))
    assert [fault.code for fault in refused.value.faults] == ["object_expected"]


def test_body_over_its_limit_or_of_another_media_type_is_refused() -> None:
    body = UnreadBody("Plan", limit=8)
    assert body.read(event({"a": 1})) == {"a": 1}
    with pytest.raises(Refused) as large:
        body.read(event({"abcd": 1}))
    assert large.value.problem.status == 413
    with pytest.raises(Refused) as other:
        body.read(event({}, "text/plain"))
    assert other.value.problem.status == 415


def test_text_for_a_field_that_is_not_declared_raises_an_error() -> None:
    with pytest.raises(schemas.UnusedText):
        schemas.body(Body("Example", (Flag("f"),)), {"g": "What is not there"}, {})


def test_field_without_a_schema_raises_an_error() -> None:
    with pytest.raises(TypeError):
        schemas.body(Body("Example", (Field("f"),)), {}, {})
