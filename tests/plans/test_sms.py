"""The plan's section for short messages."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.connectors.rules.connector import ID
from redress.plans.rules import document as documents
from redress.plans.rules.document import parse
from tests.builders import plan_document


def test_plan_without_the_section_writes_no_short_messages() -> None:
    assert parse(plan_document()).sms is None
    assert parse(plan_document() | {"sms": {}}).sms is None


def test_section_names_the_connector() -> None:
    assert parse(plan_document() | {"sms": {"connector": "sms"}}).sms == "sms"


@pytest.mark.parametrize(
    ("section", "pointer"),
    [
        ({"connector": "No Id"}, "/sms/connector"),
        ({"connector": 1}, "/sms/connector"),
        ({"connector": "sms", "more": 1}, "/sms/more"),
        ("sms", "/sms"),
    ],
)
def test_fault_of_the_section_is_named(section: Any, pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(plan_document() | {"sms": section})
    assert pointer in {fault.pointer for fault in refused.value.faults}


def test_form_of_the_id_is_that_of_connectors() -> None:
    assert documents.CONNECTOR.pattern == ID
