"""The section of a plan that classifies tickets: which rules are published, and what they say."""

from __future__ import annotations

from typing import Any

import pytest

from local import plans as files
from redress.base.languages import LANGUAGES
from redress.plans.rules.classification import why_of
from redress.plans.rules.document import parse, scaled
from tests.builders import START, plan_1, plan_document
from tests.plans.test_document import faults

WHY = dict.fromkeys(LANGUAGES, "a reason")


def published(*rules: Any, **section: Any) -> set[tuple[str, str]]:
    """The faults of plan 1 with these rules instead of its own."""
    document = plan_document() | {"classification": {"rules": list(rules)} | section}
    found: set[tuple[str, str]] = faults(document, publishing=True)
    return found


def rule(**parts: Any) -> dict[str, Any]:
    good = {"name": "a_rule", "when": {"channel": "web"}, "set": {"impact": "high"}, "why": WHY}
    return good | parts


def test_rules_of_plan_1_are_published_as_they_are() -> None:
    assert parse(files.load(files.SOURCE), publishing_at=START).classification["rules"]
    names = [one["name"] for one in plan_1().classification["rules"]]
    assert len(set(names)) == len(names)
    assert why_of(plan_1().classification, names[0]) is not None
    assert why_of(plan_1().classification, "no_such_rule") is None


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"name": "A rule"}, {("/name", "name_expected")}),
        ({"colour": "red"}, {("/colour", "unknown")}),
        ({"when": {}}, {("/when", "required")}),
        ({"when": {"weather": "rain"}}, {("/when/weather", "unknown")}),
        ({"when": {"channel": "pigeon"}}, {("/when/channel", "unknown")}),
        ({"when": {"kind": []}}, {("/when/kind", "list_expected")}),
        ({"when": {"category": "toys"}}, {("/when/category", "unknown")}),
        ({"when": {"order": "lost"}}, {("/when/order", "unknown")}),
        ({"when": {"words": {}}}, {("/when/words", "required")}),
        ({"when": {"words": {"fr": ["feu"]}}}, {("/when/words/fr", "unknown")}),
        ({"when": {"words": {"en": ["a", "A"]}}}, {("/when/words/en/1", "twice")}),
        ({"when": {"also": {"en": []}}}, {("/when/also", "required")}),
        ({"when": {"words": {"en": [" a"]}}}, {("/when/words/en/0", "text_expected")}),
        ({"when": {"words": {"en": ["a…b…c"]}}}, {("/when/words/en/0", "gap_expected")}),
        ({"when": {"words": {"en": ["…a"]}}}, {("/when/words/en/0", "gap_expected")}),
        ({"when": {"words": {"en": ["x" * 61]}}}, {("/when/words/en/0", "too_long")}),
        ({"when": {"sender": []}}, {("/when/sender", "list_expected")}),
        ({"when": {"sender": ["Li@x.example"]}}, {("/when/sender/0", "address_expected")}),
        (
            {"when": {"earlier": {"at_least": 21, "within": "a month"}}},
            {
                ("/when/earlier/at_least", "whole_number_expected"),
                ("/when/earlier/within", "duration_expected"),
            },
        ),
        ({"set": {}}, {("/set", "required")}),
        ({"set": {"language": "en"}}, {("/set/language", "unknown")}),
        ({"set": {"urgency": "huge"}}, {("/set/urgency", "unknown")}),
        ({"set": {"category": "product/toys"}}, {("/set/category", "unknown")}),
        ({"set": {"customer_type": "king"}}, {("/set/customer_type", "unknown")}),
        (
            {"why": {"en": "a\nb"}},
            {
                ("/why/en", "one_line"),
                ("/why/zh-CN", "text_expected"),
                ("/why/zh-TW", "text_expected"),
            },
        ),
    ],
)
def test_rule_with_a_mistake_is_not_published(
    parts: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    found = published(rule(**parts))
    assert {(at.removeprefix("/classification/rules/0"), code) for at, code in found} >= expected
    assert all(at.startswith("/classification/rules/0") for at, _ in found)


def test_every_mistake_of_the_section_is_named_at_once() -> None:
    assert published(rule(), rule(), "x", language={"detect": ["web"], "guess": True}, more=1) == {
        ("/classification/rules/1/name", "twice"),
        ("/classification/rules/2", "object_expected"),
        ("/classification/language/detect", "unknown"),
        ("/classification/language/guess", "unknown"),
        ("/classification/more", "unknown"),
    }


def test_paced_plan_counts_earlier_tickets_in_a_shorter_time() -> None:
    rules = {
        one["name"]: one for one in scaled(plan_document(), 3600, 2)["classification"]["rules"]
    }
    assert rules["complains_again"]["when"]["earlier"]["within"] == "12m"
