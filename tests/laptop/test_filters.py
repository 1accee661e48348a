"""The grammar of event filters, as far as the template uses it."""

from __future__ import annotations

from typing import Any

import pytest

from local.filters import passes, reaches_relay


def test_every_name_must_match_and_one_entry_of_each_list() -> None:
    pattern = {"kind": ["a", "b"], "in": {"sk": [{"prefix": "EVENT#"}]}}
    assert passes({"kind": "b", "in": {"sk": "EVENT#1"}, "more": 1}, pattern)
    assert not passes({"kind": "c", "in": {"sk": "EVENT#1"}}, pattern)
    assert not passes({"kind": "a", "in": {"sk": "TIMER"}}, pattern)
    assert not passes({"kind": "a", "in": None}, pattern)


def test_what_must_be_there_and_what_must_not() -> None:
    assert passes({"a": 1}, {"a": [{"exists": True}], "b": [{"exists": False}]})
    assert not passes({"b": 1}, {"a": [{"exists": True}]})
    assert not passes({"a": 1}, {"a": [{"exists": False}]})


@pytest.mark.parametrize("pattern", [{"a": [{"suffix": "x"}]}, {"a": "x"}])
def test_rule_that_is_not_known_is_not_passed_over(pattern: Any) -> None:
    with pytest.raises(TypeError):
        passes({"a": "x"}, pattern)


def test_relay_is_started_by_what_the_template_lets_through() -> None:
    def record(sk: str, name: str, **image: Any) -> dict[str, Any]:
        keys = {"pk": {"S": "TICKET#R-1"}, "sk": {"S": sk}}
        return {"eventName": name, "dynamodb": {"Keys": keys, "NewImage": keys | image}}

    assert reaches_relay(record("EVENT#000001", "INSERT"))
    assert not reaches_relay(record("EVENT#000001", "MODIFY"))
    assert reaches_relay(record("TIMER", "MODIFY", awake={"S": "AWAKE#1"}))
    assert not reaches_relay(record("TIMER", "MODIFY"))
    assert not reaches_relay(record("TICKET", "INSERT"))
