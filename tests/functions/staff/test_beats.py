"""Beats of clients, and the presences that a member can set."""

from __future__ import annotations

import pytest

from redress.db import keys
from redress.staff.rules.availability import Presence
from tests.builders import Clock
from tests.functions.staff.api import Api
from tests.world import Stores


@pytest.mark.parametrize("presence", ["busy", "away", "offline"])
def test_only_an_available_agent_is_offered_tickets(
    api: Api, stores: Stores, presence: str
) -> None:
    found = api("presence", "mei", body={"presence": presence})
    assert (found.status, found.body["presence"]) == (200, presence)
    assert [one.agent for one in stores.staff.present("complaints", 100)] == ["a-jun"]


def test_beat_says_when_the_next_one_is_expected_and_changes_no_presence(
    api: Api, stores: Stores, clock: Clock
) -> None:
    before = stores.staff.availability("a-mei")
    clock.advance(minutes=1)
    found = api("beat", "mei")
    assert (found.status, found.body) == (
        200,
        {"presence": "available", "since": "2026-11-23T01:00:00.000Z", "again_within_s": 60},
    )
    assert stores.staff.availability("a-mei") == before


def test_beat_brings_nobody_back_and_tells_the_client(api: Api, stores: Stores) -> None:
    """A client also beats when a laptop wakes up and nobody is there: its member stays offline."""
    api("presence", "mei", body={"presence": "offline"})
    assert api("beat", "mei").body["presence"] == "offline"
    assert stores.staff.availability("a-mei").presence is Presence.OFFLINE
    assert keys.BEAT not in {row.sk for row in stores.staff._models.beat.query("AGENT#a-mei")}


def test_member_who_never_set_a_presence_is_offline(api: Api, stores: Stores) -> None:
    row = stores.staff._models.availability
    row(keys.agent_pk("a-mei"), keys.AVAILABILITY).delete()
    assert api("beat", "mei").body == {"presence": "offline", "since": None, "again_within_s": 60}
