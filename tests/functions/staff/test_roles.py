"""Who may call a route, and who may see and change a ticket."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from redress.tickets.rules.ticket import Ticket
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import CHANGES, KEEP, REMEDY_ACTS, WHO_MAY, Api, with_remedy
from tests.world import Opener, Stores


def test_every_route_has_a_sample_event_and_a_line_in_the_table_of_roles(
    api: Api, sample: Callable[[str], dict[str, Any]]
) -> None:
    sampled = {
        tuple(event["routeKey"].split()) for event in (sample(f"staff-{name}") for name in WHO_MAY)
    }
    assert sampled == set(api.module.ROUTES)


@pytest.mark.parametrize(
    ("name", "by"), list(product(WHO_MAY, ("mei", "lin", "wei"))), ids=lambda value: value
)
def test_route_admits_its_roles_and_no_others(
    api: Api, open_ticket: Opener, scores_machine: None, name: str, by: str
) -> None:
    number = open_ticket(agent="a-mei").number
    path = {"number": number} if "{number}" in api.event(name)["routeKey"] else {}
    found = api(name, by, **path)
    if MEMBERS[by].role in WHO_MAY[name]:
        assert found.status != 403
        assert found.status < 500
    else:
        assert found.status == 403
        assert found.body["type"] == "urn:redress:problem:forbidden"


def test_role_is_checked_before_the_body(api: Api) -> None:
    assert api("plan-publish", "mei", raw="{").status == 403


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"token_use": "access"}, "ID token"),
        ({"token_use": None}, "ID token"),
        ({"sub": None}, "sub"),
        ({"sub": "a#b"}, "sub"),
        ({"sub": ""}, "sub"),
        ({"name": "  "}, "name"),
        ({"email": "nobody"}, "email"),
        ({"cognito:groups": None}, "cognito:groups"),
        ({"cognito:groups": "[]"}, "cognito:groups"),
        ({"cognito:groups": "[managers admin]"}, "cognito:groups"),
        ({"cognito:groups": "supermanager"}, "cognito:groups"),
        ({"custom:team": None}, "custom:team"),
        ({"custom:team": "complaints#0"}, "custom:team"),
        ({"custom:languages": None}, "custom:languages"),
        ({"custom:languages": "zh-CN,klingon"}, "custom:languages"),
        ({"custom:capacity": "-1"}, "custom:capacity"),
        ({"custom:capacity": "many"}, "custom:capacity"),
        ({"custom:capacity": "101"}, "custom:capacity"),
    ],
)
def test_refuses_claims_that_are_forged_missing_or_malformed(
    api: Api, claims: dict[str, Any], named: str
) -> None:
    found = api("presence", claims=claims)
    assert found.status == 403
    assert named in found.body["detail"]


@pytest.mark.parametrize(
    "authorizer", [None, {}, {"jwt": None}, {"jwt": {}}, {"jwt": {"claims": "sub=a-mei"}}]
)
def test_refuses_an_event_without_claims(api: Api, authorizer: Any) -> None:
    event = api.event("work")
    event["requestContext"]["authorizer"] = authorizer
    assert api.send(event).status == 403


def test_names_every_claim_that_is_missing_at_once(api: Api) -> None:
    claims = {"sub": "a/b", "name": None, "cognito:groups": "[admins]", "custom:team": None}
    found = api("presence", claims=claims)
    assert found.status == 403
    assert found.body["detail"] == (
        "the claims 'sub', 'name', 'cognito:groups', 'custom:team' are missing or malformed "
        "('sub' has at most 255 letters, digits and -._~@|:+=): ask your administrator"
    )


def test_names_one_missing_claim(api: Api) -> None:
    found = api("presence", claims={"name": None})
    wanted = "the claim 'name' is missing or malformed: ask your administrator"
    assert found.body["detail"] == wanted


@pytest.mark.parametrize("groups", ["[agent manager]", "[manager agent]", "[manager]"])
def test_highest_role_of_the_groups_counts(api: Api, groups: str) -> None:
    assert api("board", claims={"cognito:groups": groups}, query={"team": "service"}).status == 200


def test_capacity_is_five_if_the_token_has_none(api: Api, stores: Stores) -> None:
    assert api("presence", claims={"custom:capacity": None}).body["capacity"] == 5


@pytest.mark.parametrize("name", [*CHANGES, "note", "ticket", "clocks"])
@pytest.mark.parametrize("by", ["tao", "hua"])
def test_ticket_of_another_team_is_not_found(
    api: Api, open_ticket: Opener, stores: Stores, name: str, by: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    body: Any = KEEP
    if name in CHANGES:
        body = CHANGES[name] | {"version": ticket.version}
    found = api(name, by, body=body, number=ticket.number)
    assert found.status == (404 if MEMBERS[by].role in WHO_MAY[name] else 403)
    assert stores.tickets.get(ticket.number) == ticket


@pytest.mark.parametrize("name", CHANGES)
def test_ticket_of_another_agent_is_forbidden(
    api: Api, noted: Callable[..., Ticket], stores: Stores, name: str
) -> None:
    ticket = noted()
    event = str(ticket.version)
    if name in REMEDY_ACTS:
        ticket = with_remedy(stores, ticket)
    path = {"number": ticket.number, "event": event}
    body = CHANGES[name] | {"version": ticket.version}
    assert api(name, "jun", body=body, **path).status == 403
    assert stores.tickets.get(ticket.number) == ticket


@pytest.mark.parametrize("by", ["lin", "wei"])
def test_supervisor_and_manager_act_on_tickets_of_their_agents(
    api: Api, open_ticket: Opener, by: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "I took a look myself."}
    found = api("reply", by, body=body, number=ticket.number)
    assert found.status == 200
    assert found.body["assignee"] == "a-mei"


def test_manager_sees_tickets_of_every_team(api: Api, open_ticket: Opener) -> None:
    number = open_ticket("inquiry", agent="a-tao").number
    assert api("ticket", "wei", number=number).status == 200
