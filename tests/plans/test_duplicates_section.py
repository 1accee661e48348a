"""The section `duplicates` of a plan: which tickets are compared, and how similar they must be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.rules.document import parse
from redress.plans.rules.duplicates import LEAST_SIMILARITY, MOST_DAYS, Likeness, likeness
from tests.builders import START, plan_1, plan_document


def codes(section: Any) -> dict[str, str]:
    """The faults of a plan that is published with this section, by pointer."""
    try:
        parse(plan_document() | {"version": 2, "duplicates": section}, publishing_at=START)
    except InvalidInput as invalid:
        return {fault.pointer: fault.code for fault in invalid.faults}
    return {}


def test_plan_1_compares_tickets_of_a_week() -> None:
    found = likeness(plan_1())
    assert found == Likeness(7, 40)
    assert found.within == timedelta(days=7)


def test_plan_without_the_section_proposes_nothing() -> None:
    document = {name: one for name, one in plan_document().items() if name != "duplicates"}
    assert likeness(parse(document)) is None


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ({"days": 1, "similarity": LEAST_SIMILARITY}, {}),
        ({"days": MOST_DAYS, "similarity": 100}, {}),
        ([], {"/duplicates": "object_expected"}),
        (
            {"days": MOST_DAYS + 1, "similarity": 101, "merge": True},
            {
                "/duplicates/days": "whole_number_expected",
                "/duplicates/similarity": "whole_number_expected",
                "/duplicates/merge": "unknown",
            },
        ),
        (
            {"days": 0, "similarity": LEAST_SIMILARITY - 1},
            {
                "/duplicates/days": "whole_number_expected",
                "/duplicates/similarity": "whole_number_expected",
            },
        ),
        (
            {},
            {
                "/duplicates/days": "whole_number_expected",
                "/duplicates/similarity": "whole_number_expected",
            },
        ),
    ],
)
def test_every_fault_of_the_section_is_named(section: Any, wrong: dict[str, str]) -> None:
    assert codes(section) == wrong
