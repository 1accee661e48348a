"""Reassignment to an agent or to the queue of a team."""

from __future__ import annotations

from copy import replace

import pytest

from redress.base.errors import AgentNotFree
from redress.base.people import Member, Role
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps import by_system
from redress.wiring import assigner
from tests.builders import Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api
from tests.world import Act, Opener, Stores


def test_reassignment_moves_the_ticket_and_the_load(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": "a-jun", "reason": "same batch"}
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["assignee"]) == (200, "a-jun")
    assert (stores.staff.availability("a-mei").load, stores.staff.availability("a-jun").load) == (
        0,
        1,
    )
    event = stores.tickets.history(ticket.number)[-1]
    assert (event.by.id, event.data["from"], event.data["why"]) == (
        "a-mei",
        "a-mei",
        "same batch",
    )


def test_agent_at_full_capacity_gets_no_ticket(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    for _ in range(MEMBERS["jun"].capacity):
        open_ticket(agent="a-jun")
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": "a-jun", "reason": "same batch"}
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:agent-not-free")
    assert stores.tickets.get(ticket.number) == ticket
    assert stores.staff.availability("a-jun").load == MEMBERS["jun"].capacity


def test_agent_who_is_away_gets_no_ticket(api: Api, open_ticket: Opener) -> None:
    api("presence", "jun", body={"presence": "away"})
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": "a-jun", "reason": "same batch"}
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:agent-not-free")


@pytest.mark.parametrize(
    ("version", "status", "kind"), [(1, 409, "version-conflict"), (99, 422, "invalid-input")]
)
def test_version_is_checked_before_it_is_said_that_an_agent_is_not_free(
    api: Api, open_ticket: Opener, version: int, status: int, kind: str
) -> None:
    """What the caller decided on was another ticket, or there never was such a version."""
    api("presence", "jun", body={"presence": "away"})
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": None, "reason": "same batch"}
    assert api("assignment", "mei", body=body, number=ticket.number).status == 200
    body |= {"version": version, "agent": "a-jun"}
    found = api("assignment", "lin", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (status, f"urn:redress:problem:{kind}")


@pytest.mark.parametrize("agent", ["nobody", "s-lin", "m-wei"])
def test_assignee_must_be_a_known_agent(api: Api, open_ticket: Opener, agent: str) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": agent, "reason": "same batch"}
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.codes) == (422, {"/agent": "unknown_agent"})


def test_ticket_goes_back_to_the_queue_of_another_team(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {
        "version": ticket.version,
        "agent": None,
        "team": "service",
        "reason": "an order matter",
    }
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["assignee"], found.body["team"]) == (200, None, "service")
    assert stores.lists.queued("service") == [ticket.number]
    assert api("ticket", "mei", number=ticket.number).status == 404


def test_unknown_team_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": None, "team": "moon", "reason": "far away"}
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.codes) == (422, {"/team": "unknown_team"})


def test_unknown_team_reads_no_members(
    api: Api, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent may name any team, and there may be many members."""
    ticket = open_ticket(agent="a-mei")
    read: list[object] = []
    monkeypatch.setattr("redress.staff.store.StaffStore.members", read.append)
    body = {"version": ticket.version, "agent": None, "team": "moon", "reason": "far away"}
    assert api("assignment", "mei", body=body, number=ticket.number).status == 422
    assert read == []


def refusals(api: Api, number: str, version: int, agent: str) -> dict[str, int]:
    """The statuses with which each call refuses to give a ticket to an agent."""
    given = {"agent": agent, "reason": "same batch"}
    handed = api("assignment", "mei", body={"version": version, **given}, number=number)
    bulk = {
        "act": "reassign",
        "content": given,
        "tickets": [{"number": number, "version": version}],
    }
    many = api("bulk", "lin", body=bulk, headers={"Idempotency-Key": "k"})
    return {"assignment": handed.status, "bulk": many.status}


@pytest.mark.parametrize(
    "member",
    [
        MEMBERS["lin"],
        MEMBERS["wei"],
        replace(MEMBERS["jun"], role=Role.SUPERVISOR, managed=True, revision=1),
        replace(MEMBERS["jun"], left=True),
        replace(MEMBERS["jun"], suspended=True),
    ],
    ids=["supervisor", "manager", "was an agent", "left", "suspended"],
)
def test_ticket_is_never_given_to_somebody_who_may_not_reply(
    api: Api, open_ticket: Opener, stores: Stores, act: Act, clock: Clock, member: Member
) -> None:
    """Story 6: only agents at work reply, whatever the presence of the others is."""
    held, queued = open_ticket(agent="a-mei"), open_ticket()
    for agent in (MEMBERS["mei"], MEMBERS["jun"]):
        stores.staff.set_presence(agent, Presence.AWAY, clock.now())
    stores.staff.record(member, Presence.AVAILABLE, clock.now())

    router = assigner.assignment()
    assert router.assign(queued.number) is None
    assert router.assign(queued.number, [member.id]) is None, "a drain names who came"
    assert router.drain("complaints", member.id) == []
    assert api("next", member.name, headers={"Idempotency-Key": "k"}).status == 403
    assert refusals(api, held.number, held.version, member.id) == {"assignment": 422, "bulk": 422}
    with pytest.raises(AgentNotFree):  # they were an agent when the router read them
        act(queued, by_system.assign, member.id, "longest without")
    assert stores.tickets.get(held.number) == held
    assert stores.tickets.get(queued.number).assignee is None
    assert stores.staff.availability(member.id).load == 0
