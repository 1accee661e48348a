"""How stored plans are read: without the words that only classifying needs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from redress.base.errors import InvalidInput, Unreadable
from redress.plans.rules.document import parse
from redress.plans.rules.reader import Undecoded
from redress.plans.store.plans import Plans, for_parsing
from tests.builders import Clock, plan_1, plan_document


class Stored:
    """A table in which each item of a plan is this text."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def plan_document(self, sort: str) -> str | None:
        return self.text


def encoded(**sections: Any) -> str:
    return msgspec.json.encode(plan_document() | sections).decode()


@pytest.mark.parametrize("stored", [None, encoded()])
def test_no_function_decodes_words_before_it_classifies(stored: str | None) -> None:
    plan = Plans(Stored(stored), Clock().now).latest()
    section = plan.classification
    assert isinstance(section, Undecoded)
    assert "_section" not in vars(section)
    assert section["rules"] == plan_document()["classification"]["rules"]
    assert section == plan_1().classification
    assert plan == plan_1()


def test_plan_without_words_classifies_nothing() -> None:
    document = plan_document()
    del document["classification"]
    plan = parse(for_parsing(msgspec.json.encode(document)))
    assert not plan.classification


@pytest.mark.parametrize("section", [None, [], "rules", 1])
def test_stored_plan_whose_words_are_no_object_is_refused_when_it_is_read(section: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(for_parsing(encoded(classification=section)))
    assert [(one.pointer, one.code) for one in refused.value.faults] == [
        ("/classification", "object_expected")
    ]


def test_stored_plan_with_damaged_words_is_unreadable_before_anybody_classifies() -> None:
    before, name, words = encoded().partition('"classification":')
    damaged = before + name + words.replace('"words":{', '"words":{{', 1)
    assert damaged != encoded()
    with pytest.raises(Unreadable):
        Plans(Stored(damaged), Clock().now).get(1)
