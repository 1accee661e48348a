"""The part of Lambda's event filter grammar that the template uses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.filters import FEED, READERS, passes, patterns, reaches
from redress.workflow.subscribers import SUBSCRIBERS


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


def record(sk: str, name: str, **image: Any) -> dict[str, Any]:
    keys = {"pk": {"S": "TICKET#R-1"}, "sk": {"S": sk}}
    return {"eventName": name, "dynamodb": {"Keys": keys, "NewImage": keys | image}}


def readers_of(record: dict[str, Any]) -> list[str]:
    return [reader for reader in READERS if reaches(reader, record)]


def test_relay_starts_for_awake_timers_only() -> None:
    assert readers_of(record("TIMER", "MODIFY", awake={"S": "AWAKE#1"})) == ["relay"]
    assert readers_of(record("TIMER", "MODIFY")) == []
    assert readers_of(record("TICKET", "INSERT")) == []


def test_follower_starts_for_new_events_that_have_a_subscriber() -> None:
    for kind, subscribers in SUBSCRIBERS.items():
        new = record("EVENT#000001", "INSERT", type={"S": kind.value})
        assert readers_of(new) == (["follower"] if subscribers else []), kind
    assert readers_of(record("EVENT#000001", "MODIFY", type={"S": "opened"})) == []


def test_follower_starts_for_available_agents() -> None:
    assert readers_of(record("DUTY", "MODIFY", duty_pk={"S": "TEAM#service"})) == ["follower"]
    assert readers_of(record("DUTY", "MODIFY")) == []


def test_follower_starts_for_new_versions_of_tickets_only_if_the_feed_is_on() -> None:
    changed = record("TICKET", "MODIFY", version={"N": "2"})
    assert readers_of(changed) == []
    assert [reader for reader in READERS if reaches(reader, changed, {FEED})] == ["follower"]
    entry = {"eventName": "INSERT", "dynamodb": {"Keys": {"sk": {"S": "000000000012"}}}}
    assert not any(reaches(reader, entry, {FEED}) for reader in READERS), "no entry makes another"


def test_filters_are_not_longer_than_lambda_allows() -> None:
    for reader in READERS:
        found = patterns(reader, frozenset({FEED}))
        assert len(found) <= 5
        assert all(len(json.dumps(pattern)) <= 4096 for pattern in found)
