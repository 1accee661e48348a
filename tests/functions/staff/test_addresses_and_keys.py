"""Paths, queries and headers of any length and content: they never cause a server error."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redress.base.idempotency import KEY_LIMIT
from redress.tickets.rules.steps import by_customer
from tests.examples import TIMES
from tests.functions.staff.api import WHO_MAY, Api
from tests.world import Act, Opener

SAMPLES = sorted(WHO_MAY)

ODD = (
    "x" * 1_018,
    "x" * 1_019,
    "x" * 2_049,
    "x" * 9_000,
    "汉" * 700,
    "😀" * 300,
    "../../etc/passwd",
    "a#b",
    "a/b",
    " ",
    "\x00",
    "\x1b[31m",
    "\u202e",
    "\ud800",
    "0",
    "-1",
    "1e9",
    "99999999999999999999",
    "１",
    "0000-01",
    "0001-01",
    "9999-12",
    "2026-13",
    "0001-01-01",
    "9999-12-31",
    "2026-W49-1",
    "previous",
    "null",
    "R-00000-00000",
    "r-iiiii-ooooo",
    "0" * 16,
    "0" * 40,
    "nobody",
)
"""Contents of a path part, such as what is too long for a key of DynamoDB (1,024 bytes of a sort
key, 2,048 of a partition key)."""


def parts_of(api: Api, name: str) -> list[str]:
    """The variables in the path of a sample event."""
    return re.findall(r"{(\w+)}", api.event(name)["routeKey"])


@pytest.mark.usefixtures("scores_machine")
@pytest.mark.parametrize("name", SAMPLES)
def test_path_part_of_any_form_leads_to_nothing_or_to_a_fault(api: Api, name: str) -> None:
    for part in parts_of(api, name):
        for odd in ODD:
            event = api.event(name, "wei")
            event["pathParameters"] = event["pathParameters"] | {part: odd}
            event["rawPath"] = quote(odd, errors="surrogatepass")
            found = api.send(event)
            expected = (200, 202, 404, 422) if odd in ("previous", "0" * 40) else (404, 422)
            assert found.status in expected, f"{part} {odd!r}"


@pytest.mark.usefixtures("scores_machine")
@settings(
    max_examples=150 * TIMES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), name=st.sampled_from(SAMPLES))
def test_no_path_part_and_no_query_causes_a_server_error(
    api: Api, data: st.DataObject, name: str
) -> None:
    anything = st.text(st.characters(), min_size=1, max_size=30) | st.sampled_from(ODD)
    parts: dict[str, Any] = {part: data.draw(anything) for part in parts_of(api, name)}
    query = data.draw(
        st.dictionaries(
            st.sampled_from(
                ["limit", "cursor", "team", "reason", "unseen", "language", "format", "x"]
            ),
            anything,
        )
    )
    event = api.event(name, "wei") | {"queryStringParameters": query}
    if parts:
        event["pathParameters"] = parts
    assert api.send(event).status < 500


@pytest.mark.parametrize("team", ["x" * 2_100, "a b", "团队", "\x00"])
@pytest.mark.parametrize("name", ["board", "quarantine"])
def test_team_that_cannot_exist_is_a_fault_for_a_manager_and_forbidden_for_others(
    api: Api, name: str, team: str
) -> None:
    found = api(name, "wei", query={"team": team, "limit": "3"})
    assert (found.status, found.codes) == (422, {"/team": "unknown_team"})
    assert api(name, "lin", query={"team": team}).status == 403


KEYED = {
    "scorecards-run": ("wei", 202),
    "rehearsal-begin": ("wei", 202),
    "plan-moves": ("wei", 202),
    "next": ("mei", 200),
    "opening": ("mei", 201),
    "splitting": ("mei", 201),
    "bulk": ("mei", 200),
    "incident-declaration": ("wei", 201),
}
"""The sample events of the routes that take an Idempotency-Key, with who may call the route, and
the status of the answer."""


def test_list_of_routes_with_a_key_is_complete(api: Api) -> None:
    keyed = {key for key, route in api.module.ROUTES.items() if route.headers}
    assert {tuple(api.event(name)["routeKey"].split(" ")) for name in KEYED} == keyed


@pytest.fixture
def with_two_messages(open_ticket: Opener, act: Act) -> str:
    """The number of a ticket of the agent Mei. Its event 3 is another message of the customer."""
    ticket = open_ticket(agent="a-mei")
    return act(ticket, by_customer.write, "And my invoice?").number


@pytest.mark.usefixtures("scores_machine")
@pytest.mark.parametrize("name", KEYED)
@pytest.mark.parametrize("key", ["k" * (KEY_LIMIT + 1), "k" * 5_000, "a\tb", "\u202ea", "\x7f"])
def test_key_that_is_too_long_or_cannot_be_printed_is_a_fault(
    api: Api, with_two_messages: str, name: str, key: str
) -> None:
    by, _ = KEYED[name]
    path = {"number": with_two_messages} if name == "splitting" else {"version": "1"}
    found = api(name, by, headers={"Idempotency-Key": key}, **path)
    assert (found.status, found.codes) == (422, {"#Idempotency-Key": "key_expected"})


@pytest.mark.usefixtures("scores_machine")
@pytest.mark.parametrize("name", KEYED)
def test_key_of_the_longest_length_is_accepted(api: Api, with_two_messages: str, name: str) -> None:
    headers = {"Idempotency-Key": "k" * KEY_LIMIT}
    by, status = KEYED[name]
    path = {"number": with_two_messages} if name == "splitting" else {"version": "1"}
    assert api(name, by, headers=headers, **path).status == status


def test_faults_of_the_key_and_of_the_body_are_reported_together(api: Api) -> None:
    headers = {"Idempotency-Key": "k" * 300}
    found = api("rehearsal-begin", "wei", headers=headers, body={"plan": {}, "month": "2026-10"})
    assert (found.status, found.codes) == (
        422,
        {"#Idempotency-Key": "key_expected", "/month": "unknown"},
    )
