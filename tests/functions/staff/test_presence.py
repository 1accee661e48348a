"""Presence and departure of the staff."""

from __future__ import annotations

from redress.base.instants import written
from redress.staff.rules.availability import Presence
from tests.builders import Clock
from tests.functions.staff.api import CHANGES, Api
from tests.world import Opener, Stores


def test_presence_is_stored_with_the_members_capacity(
    api: Api, stores: Stores, clock: Clock
) -> None:
    clock.advance(minutes=5)
    found = api("presence", "mei", body={"presence": "away"})
    assert found.status == 200
    assert (found.body["presence"], found.body["capacity"]) == ("away", 2)
    assert found.body["since"] == written(clock.now())
    assert [availability.agent for availability in stores.staff.present("complaints", 100)] == [
        "a-jun"
    ]
    api("presence", "mei", body={"presence": "available"}, claims={"custom:capacity": "7"})
    assert stores.staff.availability("a-mei").capacity == 2
    assert stores.staff.availability("a-mei").presence is Presence.AVAILABLE


def test_open_tickets_of_a_departed_agent_return_to_the_queue(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    held, resolved = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    api("resolution", "mei", number=resolved.number, body=CHANGES["resolution"] | {"version": 2})
    found = api("departure", "lin", agent="a-mei")
    assert found.body == {"agent": "a-mei", "queued": [held.number], "taken_over": []}
    assert stores.tickets.get(held.number).assignee is None
    assert stores.tickets.get(resolved.number).assignee == "a-mei"
    assert [availability.agent for availability in stores.staff.present("complaints", 100)] == [
        "a-jun"
    ]
    assert stores.staff.availability("a-mei").load == 0
    assert stores.staff.member("a-mei").left
    assert api("departure", "lin", agent="a-mei").body["queued"] == []
    assert api("presence", "mei", body={"presence": "available"}).status == 403
    assert stores.staff.member("a-mei").left


def test_departure_is_recorded_by_the_teams_supervisor_or_a_manager(api: Api) -> None:
    assert api("departure", "lin", agent="a-nobody").status == 404
    assert api("departure", "lin", agent="a-tao").status == 403
    assert api("departure", "wei", agent="a-tao").status == 200


def test_supervisor_says_only_of_the_teams_agents_that_they_left(api: Api, stores: Stores) -> None:
    for by, member, status in (
        ("lin", "m-wei", 403),
        ("lin", "s-lin", 403),
        ("lin", "s-hua", 403),
        ("wei", "m-wei", 403),
        ("wei", "s-lin", 200),
    ):
        assert api("departure", by, agent=member).status == status, (by, member)
    assert stores.staff.member("s-lin").left
    assert not stores.staff.member("m-wei").left
