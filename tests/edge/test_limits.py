"""Limits of bodies: a text within its limit is accepted however it is encoded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from local.openapi.functions import load
from redress.edge.bodies import Body, Field, OptionalText, Text, Texts
from redress.edge.http import BODY_LIMIT, LONGEST_CHARACTER, MOST_CHARACTERS, json_body
from redress.plans.store.plans import LARGEST_DOCUMENT
from redress.tickets.rules.steps.table import SURVEY_TEXT_LIMIT, TEXT_LIMIT
from redress.tickets.rules.submission import (
    DESCRIPTION_LIMIT,
    EMAIL_LIMIT,
    NAME_LIMIT,
    ORDER_LIMIT,
    PHONE_LIMIT,
    REMEDY_LIMIT,
    SUBJECT_LIMIT,
)

EMOJI = "😀"
ITEM_LIMIT = 409_600
"""DynamoDB's limit for an item, in bytes (Service, account and table quotas)."""


def characters(field: Field) -> int:
    """The most characters of the texts in a field."""
    match field:
        case Text() | OptionalText():
            return field.limit
        case Texts():
            return field.limit * field.most
    return 0


def declared_bodies() -> Iterator[Body]:
    [routes] = load("staff", "routes")
    yield from (one.body for one in routes.ROUTES.values() if isinstance(one.body, Body))


@pytest.mark.parametrize("body", [*declared_bodies()], ids=lambda body: body.name)
def test_texts_of_a_staff_body_fit_into_the_limit_of_bodies(body: Body) -> None:
    if body.limit == BODY_LIMIT:  # a body with a limit of its own may have longer texts
        assert sum(map(characters, body.fields)) <= MOST_CHARACTERS
    texts = {one.name: EMOJI * characters(one) for one in body.fields if characters(one)}
    assert len(json.dumps(texts)) <= body.limit


SUBMITTED = {
    "subject": SUBJECT_LIMIT,
    "description": DESCRIPTION_LIMIT,
    "wished_remedy": REMEDY_LIMIT,
    "order": ORDER_LIMIT,
    "name": NAME_LIMIT,
    "email": EMAIL_LIMIT,
    "phone": PHONE_LIMIT,
}
LONGEST = {
    "submission": SUBMITTED,
    "message": {"text": TEXT_LIMIT},
    "survey": {"comment": SURVEY_TEXT_LIMIT, "suggestion": SURVEY_TEXT_LIMIT},
}
"""The public bodies with texts: the most characters of each text."""


@pytest.mark.parametrize("name", LONGEST)
def test_texts_of_a_public_body_fit_into_the_limit_as_json_and_as_a_form(name: str) -> None:
    texts = {field: EMOJI * limit for field, limit in LONGEST[name].items()}
    assert sum(LONGEST[name].values()) <= MOST_CHARACTERS
    assert len(json.dumps(texts, indent=4)) <= BODY_LIMIT
    assert len(urlencode(texts)) <= BODY_LIMIT
    assert len(urlencode({field: "\r\n" * limit for field, limit in LONGEST[name].items()})) <= (
        BODY_LIMIT
    )


@pytest.mark.parametrize("character", ["a", "é", "汉", EMOJI, "\n", '"', "\\"])
def test_no_character_is_longer_than_the_longest(character: str) -> None:
    everything_escaped = "".join(
        f"\\u{unit:04x}" for unit in memoryview(character.encode("utf-16-le")).cast("H")
    )
    assert json.loads(f'"{everything_escaped}"') == character
    assert len(everything_escaped) <= LONGEST_CHARACTER
    in_a_form = "".join(f"%{byte:02X}" for byte in character.encode())
    assert len(in_a_form) <= LONGEST_CHARACTER


def test_longest_texts_fit_into_an_item_of_the_table() -> None:
    """An item stores texts as UTF-8. JSON adds at most a backslash to a character."""
    longest: dict[str, Any] = {name: EMOJI * limit for name, limit in SUBMITTED.items()}
    assert len(json.dumps(longest, ensure_ascii=False).encode()) < ITEM_LIMIT / 2
    escaped = {name: '"' * limit for name, limit in SUBMITTED.items()}
    assert len(json.dumps(escaped).encode()) < ITEM_LIMIT / 2


def test_largest_plan_fits_into_a_body_however_it_is_written() -> None:
    [route] = load("staff", "route")
    assert route.PLAN_LIMIT >= 6 * LARGEST_DOCUMENT
    # Lambda takes 6 MB, and API Gateway adds at most a backslash to each escape of six bytes.
    assert route.PLAN_LIMIT * 7 / 6 < 6_000_000
    body = '{"note": "' + "\\u0061" * LARGEST_DOCUMENT + '"}'
    event = {"headers": {"content-type": "application/json"}, "body": body}
    assert len(json_body(event, route.PLAN_LIMIT)["note"]) == LARGEST_DOCUMENT
