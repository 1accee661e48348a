"""Tests of the JSON Schema of service plans: publishing refuses everything that it refuses."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from local import plans as files
from redress.base.errors import InvalidInput
from redress.plans.rules.document import parse, scaled
from redress.plans.rules.templates import VARIABLES as TEMPLATE_VARIABLES
from tests.builders import START, plan_document
from tests.examples import examples
from tests.plans.test_document import (
    FAULTY,
    JSON,
    LABEL,
    PATHS,
    WRONG_FORMS,
    Break,
    changed_anywhere,
    drop,
    put,
)

SCHEMA = json.loads(resources.files("redress").joinpath("data/plan.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


ALL_DAY = "00:00-24:00"
VARIABLES = [*TEMPLATE_VARIABLES, *(f"{{{name}}}" for name in TEMPLATE_VARIABLES)]


def refused(document: Any) -> bool:
    """Whether publishing refuses a document."""
    try:
        parse(document, publishing_at=START)
    except InvalidInput:
        return True
    return False


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "document",
    [plan_document(), files.load(files.SOURCE), scaled(plan_document(), 3600, 2)],
    ids=["the JSON that ships", "the YAML source", "paced"],
)
def test_shipped_plans_match_the_schema(document: dict[str, Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize("pace", [1, 60, 86_400])
def test_a_paced_plan_matches_the_schema_at_any_pace(pace: int) -> None:
    assert VALIDATOR.is_valid(scaled(plan_document(), pace, 2))


FIRST_RESPONSE = ("levels", "inquiry", "promises", "first_response")
OFFICE = ("calendars", "office")
BREACH = {"at": 1, "action": "breach"}
MISTAKES: dict[str, Break] = {
    "a promise of 0 hours": put(*FIRST_RESPONSE, "within", value="0h0m"),
    "a promise in words": put(*FIRST_RESPONSE, "within", value="one day"),
    "units in the wrong order": put(*FIRST_RESPONSE, "within", value="30m1h"),
    "half an hour as a decimal number": put(*FIRST_RESPONSE, "within", value="0.5h"),
    "a promise with an unknown field": put(*FIRST_RESPONSE, "colour", value="red"),
    "a survey without a callback": drop("levels", "inquiry", "promises", "callback"),
    "a field of the form that is not known": put("form", "fields", value=["shoe_size"]),
    "a field of the form that is named twice": put("form", "fields", value=["order"] * 2),
    "a low survey score above the scale": put("survey", "low", value=6),
    "half a low survey score": put("survey", "low", value=1.5),
    "a domain with a capital letter": put("mail", "domains", value=["Shop.example"]),
    "an address instead of a domain": put("mail", "domains", value=["help@shop.example"]),
    "an address without its domain": put("mail", "doors", value={"help@": "complaint"}),
    "an hour without a leading zero": put(*OFFICE, "week", "monday", value=["9:00-12:00"]),
    "an hour after 24:00": put(*OFFICE, "week", "monday", value=["09:00-24:30"]),
    "an office that never opens": put(*OFFICE, "week", value={"monday": [], "sunday": []}),
    "a calendar with the name of the built-in one": put(
        "calendars", "always", value={"week": {"monday": ["09:00-12:00"]}}
    ),
    "make-up days without their hours": drop(*OFFICE, "make_up"),
    "an exception with an invalid date": put(*OFFICE, "exceptions", value={"tomorrow": []}),
    "a day without a leading zero": put("review_by", value="2027-5-3"),
    "an effective day without a time": put("effective_from", value="2027-01-01"),
    "an effective time without an offset": put("effective_from", value="2027-01-01T00:00:00"),
    "a home region in small letters": put("home_region", value="tw"),
    "a home region that no number has": put("home_region", value="XX"),
    "a language of mail that is not known": put("mail", value={"languages": ["fr"]}),
    "a language of mail that is named twice": put("mail", value={"languages": ["en", "en"]}),
    "no language of mail": put("mail", value={"languages": []}),
    "a name in capitals": put("ladders", "Mine", value=[BREACH]),
    "a ladder without a breach": put("ladders", "mine", value=[{"at": 1, "action": "remind"}]),
    "a ladder with two breaches": put("ladders", "mine", value=[BREACH, BREACH]),
    "a breach before the due time": put("ladders", "mine", value=[BREACH | {"at": 0.9}]),
    "a quiet breach": put("ladders", "mine", value=[BREACH | {"quiet": True}]),
    "a category without a label": drop("categories", 0, "label"),
    "a category without an English label": drop("categories", 0, "label", "en"),
    "a label of two lines": put("categories", 0, "label", "en", value="Pro\nduct"),
    "a category for no kind": put("categories", 0, "kinds", value=[]),
    "a sub-category of a sub-category": put("categories", 0, "sub", 0, "sub", value=[]),
    "grades that do not begin at 0": put("score", "grades", 3, "minimum", value=10),
    "no overall question": put("questionnaire", "questions", value=[{"name": "speed"}]),
    "a repeated question": put(
        "questionnaire", "questions", value=[{"name": "overall"}, *[{"name": "speed"}] * 2]
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_by_the_schema_and_by_publishing(name: str) -> None:
    """The validator ignores `format`, as most editors do."""
    document = plan_document()
    MISTAKES[name](document)
    assert not Draft202012Validator(SCHEMA).is_valid(document)
    assert refused(document)


UNUSUAL: dict[str, Break] = {
    "a duration with leading zeros": put(*FIRST_RESPONSE, "within", value="00h05m"),
    "a duration of ninety minutes": put(*FIRST_RESPONSE, "within", value="90m"),
    "a year": put(*FIRST_RESPONSE, value={"within": "8784h"}),
    "one reason instead of a list": put(*FIRST_RESPONSE, "pauses", value="part"),
    "the same reason twice": put(*FIRST_RESPONSE, "pauses", value=["part", "part"]),
    "a breach at 1.0": put("ladders", "mine", value=[BREACH | {"at": 1.0, "quiet": False}]),
    "a rung at twice the target": put(
        "ladders", "mine", value=[BREACH, {"at": 2, "action": "escalate", "priority": None}]
    ),
    "open one day of the week": put("calendars", "market", value={"week": {"sunday": [ALL_DAY]}}),
    "holidays without make-up days": put(
        "calendars", "shop", value={"week": {"monday": [ALL_DAY]}, "days": {"2026-10-01": False}}
    ),
    "effective in UTC, to the millisecond": put("effective_from", value="2027-01-01T00:00:00.000Z"),
    "without an effective time and a review": lambda document: document.update(
        effective_from=None, review_by=None
    ),
    "without all optional sections": lambda document: [
        document.pop(name) for name in set(document) - set(SCHEMA["required"]) - {"calendars"}
    ],
    "a category for one kind instead of a list": put("categories", 0, "kinds", value="complaint"),
    "a category without sub-categories": lambda document: document.update(
        categories=[{"name": "product", "label": LABEL}],
        classification={},
        conflict={},
        checklists={},
    ),
    "another home region": put("home_region", value="TW"),
    "other languages of mail": put("mail", value={"languages": ["zh-HK", "ja", "ko"]}),
    "complete addresses and domains": put(
        "mail", value={"doors": {"help@shop.example": "complaint"}, "domains": ["shop.example"]}
    ),
    "empty sections": lambda document: document.update(
        routing={}, templates={}, questionnaire={}, sampling={}, retention={}, sources={}
    ),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_notation_that_publishing_accepts_matches_the_schema(name: str) -> None:
    document = plan_document()
    UNUSUAL[name](document)
    assert not refused(document)
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_the_schema_finds_most_faults_that_publishing_finds() -> None:
    seen = 0
    for change, _ in (FAULTY | WRONG_FORMS).values():
        document = plan_document()
        change(document)
        wrong = not VALIDATOR.is_valid(document)
        seen += wrong
        assert not wrong or refused(document)
    assert seen > len(FAULTY | WRONG_FORMS) * 4 / 5


@given(st.lists(st.sampled_from(["{", "}", "{{", "}}", ":", "!", ".", "\n", "x", *VARIABLES])))
def test_the_schema_and_publishing_accept_the_same_templates(
    parts: list[str],
) -> None:
    text = "".join(parts)
    document = plan_document()
    document["templates"]["greeting"]["en"] = text
    assert VALIDATOR.is_valid(document) == (not refused(document))
    if not refused(document):
        text.format(**dict.fromkeys(TEMPLATE_VARIABLES, ""))


@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=2))
@examples(150)
def test_publishing_refuses_everything_that_the_schema_refuses(
    changes: list[tuple[tuple[str | int, ...], Any]],
) -> None:
    document = changed_anywhere(changes)
    if not VALIDATOR.is_valid(document):
        assert refused(document)
