"""Agents accept and decline tickets that were assigned to them."""

from __future__ import annotations

import pytest

from redress.tickets.rules.ticket import EventType
from redress.wiring import assigner
from tests.functions.staff.api import Api
from tests.world import Opener, Stores


def test_reading_a_ticket_does_not_accept_it_and_accepting_does(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei", offered=True)
    read = api("ticket", "mei", number=ticket.number)
    assert read.body["unaccepted_since"] == "2026-11-23T01:00:00.000Z"
    assert "accept" in read.body["can"]
    assert "accept" not in api("ticket", "lin", number=ticket.number).body["can"]
    assert stores.tickets.get(ticket.number) == ticket

    body = {"version": ticket.version}
    found = api("accepting", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["unaccepted_since"]) == (200, None)
    last = stores.tickets.history(ticket.number)[-1]
    assert (last.type, last.by.id) == (EventType.ACCEPTED, "a-mei")
    assert stores.staff.availability("a-mei").load == 1


@pytest.mark.parametrize("name", ["accepting", "declining"])
def test_only_the_agent_of_a_ticket_accepts_or_declines_it(
    api: Api, open_ticket: Opener, name: str
) -> None:
    ticket = open_ticket(agent="a-mei", offered=True)
    body = {"version": ticket.version, "reason": "x"} if name == "declining" else None
    found = api(name, "lin", body=body or {"version": ticket.version}, number=ticket.number)
    assert found.status == 403


def test_declined_ticket_frees_its_agent_and_is_not_offered_to_them_again(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei", offered=True)
    body = {"version": ticket.version, "reason": "I know nothing about pumps"}
    found = api("declining", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["assignee"]) == (200, None)
    assert found.body["declined_by"] == ["a-mei"]
    assert stores.staff.availability("a-mei").load == 0
    assert assigner.assignment().assign(ticket.number) == "a-jun"


def test_agent_declines_as_many_tickets_a_day_as_the_plan_allows(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """The count is a part of the ticket's transaction, so two calls at once cannot exceed it."""
    most = stores.plans.current().handing_over.declines_a_day
    for _ in range(most):
        ticket = open_ticket(agent="a-mei", offered=True)
        body = {"version": ticket.version, "reason": "not now"}
        assert api("declining", "mei", body=body, number=ticket.number).status == 200
    last = open_ticket(agent="a-mei", offered=True)
    body = {"version": last.version, "reason": "not now"}
    found = api("declining", "mei", body=body, number=last.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert "a leader decides" in found.body["detail"]
    assert stores.tickets.get(last.number) == last
    given_back = {"version": last.version, "agent": None, "reason": "not now"}
    assert api("assignment", "mei", body=given_back, number=last.number).status == 409
    assert api("assignment", "lin", body=given_back, number=last.number).status == 200
