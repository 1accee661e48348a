"""The section `incidents` of a plan: who declares one, which spike proposes one, and when an open
one reminds its leaders."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.rules import incidents
from redress.plans.rules.document import parse
from redress.plans.rules.incidents import Spike
from tests.builders import START, plan_1, plan_document


def codes(section: Any) -> dict[str, str]:
    """The faults of a plan that is published with this section, by pointer."""
    try:
        parse(plan_document() | {"version": 2, "incidents": section}, publishing_at=START)
    except InvalidInput as invalid:
        return {fault.pointer: fault.code for fault in invalid.faults}
    return {}


def test_plan_1_lets_leaders_declare_and_a_spike_propose() -> None:
    assert not incidents.agents_declare(plan_1())
    assert incidents.spike(plan_1()) == Spike(20, 3600)
    assert incidents.remind_after_s(plan_1()) == 7 * 24 * 3600


def test_plan_without_the_section_has_no_spike_and_no_right_of_agents() -> None:
    document = {name: one for name, one in plan_document().items() if name != "incidents"}
    plan = parse(document)
    assert (incidents.agents_declare(plan), incidents.spike(plan)) == (False, None)
    assert incidents.remind_after_s(plan) is None


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ({}, {}),
        ({"agents_declare": True, "spike": {"tickets": 2, "within": "24h"}}, {}),
        ([], {"/incidents": "object_expected"}),
        ({"agents": True}, {"/incidents/agents": "unknown"}),
        ({"agents_declare": "yes"}, {"/incidents/agents_declare": "yes_or_no_expected"}),
        ({"spike": 20}, {"/incidents/spike": "object_expected"}),
        ({"remind_after": "72h"}, {}),
        ({"remind_after": 7}, {"/incidents/remind_after": "duration_expected"}),
        (
            {"spike": {"tickets": 1, "within": "25h", "of": "all"}},
            {
                "/incidents/spike/tickets": "out_of_range",
                "/incidents/spike/within": "too_long",
                "/incidents/spike/of": "unknown",
            },
        ),
        (
            {"spike": {}},
            {
                "/incidents/spike/tickets": "out_of_range",
                "/incidents/spike/within": "duration_expected",
            },
        ),
    ],
)
def test_every_fault_of_the_section_is_named(section: Any, wrong: dict[str, str]) -> None:
    assert codes(section) == wrong
