"""The part of Lambda's event filter grammar that the template uses."""

from __future__ import annotations

from typing import Any

import pytest

from local.filters import passes, reaches_relay


def test_record_passes_if_every_name_matches_one_entry_of_its_list() -> None:
    pattern = {"kind": ["a", "b"], "in": {"sk": [{"prefix": "EVENT#"}]}}
    assert passes({"kind": "b", "in": {"sk": "EVENT#1"}, "more": 1}, pattern)
    assert not passes({"kind": "c", "in": {"sk": "EVENT#1"}}, pattern)
    assert not passes({"kind": "a", "in": {"sk": "TIMER"}}, pattern)
    assert not passes({"kind": "a", "in": None}, pattern)


def test_exists_rule_requires_presence_or_absence() -> None:
    assert passes({"a": 1}, {"a": [{"exists": True}], "b": [{"exists": False}]})
    assert not passes({"b": 1}, {"a": [{"exists": True}]})
    assert not passes({"a": 1}, {"a": [{"exists": False}]})


@pytest.mark.parametrize("pattern", [{"a": [{"suffix": "x"}]}, {"a": "x"}])
def test_unknown_rule_raises(pattern: Any) -> None:
    with pytest.raises(TypeError):
        passes({"a": "x"}, pattern)


def test_relay_starts_for_new_events_and_awake_timers_only() -> None:
    def record(sk: str, name: str, **image: Any) -> dict[str, Any]:
        keys = {"pk": {"S": "TICKET#R-1"}, "sk": {"S": sk}}
        return {"eventName": name, "dynamodb": {"Keys": keys, "NewImage": keys | image}}

    assert reaches_relay(record("EVENT#000001", "INSERT"))
    assert not reaches_relay(record("EVENT#000001", "MODIFY"))
    assert reaches_relay(record("TIMER", "MODIFY", awake={"S": "AWAKE#1"}))
    assert not reaches_relay(record("TIMER", "MODIFY"))
    assert not reaches_relay(record("TICKET", "INSERT"))
