"""The published JSON Schema of service plans: what it refuses, the product refuses as well."""

from __future__ import annotations

import copy
import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from local import plans as files
from redress.rules.errors import InvalidInput
from redress.rules.plan import parse, scaled
from tests.builders import plan_document
from tests.unit.test_plan import BROKEN, JSON, PATHS, SHAPES, put

SCHEMA = json.loads(resources.files("redress").joinpath("data/plan.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


def refused(document: Any) -> bool:
    """Whether publishing refuses a document."""
    try:
        parse(document, publishing=True)
    except InvalidInput:
        return True
    return False


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "document",
    [plan_document(), files.load(files.SOURCE), scaled(plan_document(), 3600, 2)],
    ids=["the JSON that ships", "the YAML that it is made of", "paced"],
)
def test_plans_that_ship_fit_it(document: dict[str, Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_most_of_what_is_wrong_with_a_plan_is_seen_by_an_editor_with_the_schema() -> None:
    seen = 0
    for change, _ in (BROKEN | SHAPES).values():
        document = plan_document()
        change(document)
        wrong = not VALIDATOR.is_valid(document)
        seen += wrong
        assert not wrong or refused(document)
    assert seen > len(BROKEN | SHAPES) / 2


@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=2))
@settings(max_examples=150)
def test_whatever_the_schema_refuses_is_not_published(
    changes: list[tuple[tuple[str | int, ...], Any]],
) -> None:
    document = plan_document()
    for path, value in changes:
        try:
            put(*path, value=copy.deepcopy(value))(document)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    if not VALIDATOR.is_valid(document):
        assert refused(document)
