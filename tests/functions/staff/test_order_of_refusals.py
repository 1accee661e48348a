"""One order of refusals on every route with a body (docs/decisions/025-order-of-refusals.md).

A request of these tests deserves two refusals: one of a rank and one of the rank after it. It must
get the earlier one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from redress.incidents.rules import Done, Incident, IncidentChange
from redress.incidents.store import IncidentStore
from redress.inspections.rules import DrawnList
from redress.inspections.store import InspectionStore
from redress.tickets.rules.ticket import State, Ticket
from redress.wiring import stores as wired_stores
from tests.builders import Clock
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile
from tests.functions.staff.api import (
    CHANGES,
    INCIDENT,
    ITEM_ACTS,
    REMEDY_ACTS,
    TASK_ACTS,
    WHO_MAY,
    Api,
    Reply,
)
from tests.world import Opener, Stores

BROKEN: list[dict[str, Any]] = [
    {"body": {"colour": "red"}},
    {"body": [1]},
    {"raw": "{"},
    {"raw": " " * 2_600_000},
    {"headers": {"Content-Type": "text/plain"}},
]
"""Requests with wrong content: each is refused with another status."""
BY_FORM = (422, 422, 400, 413, 415)

CONNECTORS = (
    "connector-make",
    "connector-change",
    "connector-rotation",
    "connector-key-end",
    "connector-suspension",
    "connector-reinstatement",
)

OF_INCIDENTS = ("incident-word", "incident-notice", "incident-post-mortem")

WITH_BODY = (
    *CHANGES,
    "note",
    "reminder",
    "inspection-check",
    "bulk",
    "upload",
    "draft",
    "opening",
    "viewing",
    "address-clearance",
    "presence",
    "shift-plan",
    "invitation",
    "member-change",
    "suspension",
    "reinstatement",
    *CONNECTORS,
    "rating",
    "plan-publish",
    "plan-moves",
    "rehearsal-begin",
    "customer-edit",
    "customer-contact",
    "customer-contact-removal",
    "customer-note",
    "customer-consent",
    "customer-identity",
    "customer-identity-withdrawal",
    "customer-distinct",
    "customer-merge",
    "customer-unmerge",
    "relationship-call",
    "relationship-call-resumption",
    "relationship-call-owner",
    *TASK_ACTS,
    *ITEM_ACTS,
    "incident-declaration",
    *OF_INCIDENTS,
)


@pytest.fixture
def call(api: Api, noted: Callable[..., Ticket], clock: Clock) -> Callable[..., Reply]:
    """Calls a route about a ticket of mei that has a stranger's mail as its last event.

    There are two customers, one of them for routes about a customer, the connector `crm`, and an
    inspection list of the day before that has the ticket. lin has declared the incident of the
    sample events.
    """
    api("connector-make", "wei")
    found = Incident(INCIDENT, "complaints", "Seals", "Rubber", clock.now(), "s-lin", "")
    entry = IncidentChange(1, Done.DECLARED, clock.now(), "s-lin")
    IncidentStore(wired_stores.models()).declare(found, entry)
    ticket = noted()
    wired_stores.customers().write([new(profile(LI_NA, EMAIL)), new(profile(WANG_WEI, PHONE))])
    drawn = DrawnList(
        ticket.team,
        date(2026, 11, 22),
        ticket.created_at,
        "m-wei",
        1,
        5,
        complete=True,
        entries={"web": (ticket.number,)},
    )
    InspectionStore(wired_stores.models()).put(drawn)
    usual = {
        "number": ticket.number,
        "entry": ticket.number,
        "event": str(ticket.version),
        "version": "1",
    }

    def send(name: str, by: str, **changes: Any) -> Reply:
        return api(name, by, **(usual | changes))

    return send


def test_list_of_routes_with_a_body_is_complete(api: Api) -> None:
    with_body = {key for key, route in api.module.ROUTES.items() if route.body is not None}
    assert {tuple(api.event(name)["routeKey"].split(" ")) for name in WITH_BODY} == with_body


BY_THE_PLAN = ("incident-declaration",)
"""The plan says whether agents may do it, so the use case refuses it."""


@pytest.mark.parametrize(
    "name",
    [one for one in WITH_BODY if "agent" not in WHO_MAY[one] and one not in BY_THE_PLAN],
)
def test_role_is_refused_before_anything_else(call: Callable[..., Reply], name: str) -> None:
    nowhere = {"number": "R-00000-00000", "id": "0" * 40, "agent": "nobody", "version": "9"}
    for broken in ({}, *BROKEN):
        assert call(name, "mei", **broken).status == 403
        assert call(name, "mei", **nowhere, **broken).status == 403


@pytest.mark.parametrize(
    "name", [*CHANGES, "note", "reminder", "upload", "draft", "address-clearance"]
)
def test_ticket_that_is_not_there_or_not_visible_is_refused_before_the_content(
    api: Api, call: Callable[..., Reply], open_ticket: Opener, name: str
) -> None:
    elsewhere = open_ticket("inquiry", agent="a-tao")
    for number in ("R-00000-00000", "x" * 2_000, elsewhere.number):
        for broken in ({}, {"body": {"version": 1}}, *BROKEN):
            assert call(name, "lin", number=number, **broken).status == 404
    ghosts = {"version": 1, "agent": "nobody", "team": "moon", "reason": "r"}
    assert call("assignment", "lin", number=elsewhere.number, body=ghosts).status == 404
    plan = {"version": 1, "plan_version": 7, "reason": "r"}
    assert call("plan-move", "lin", number=elsewhere.number, body=plan).status == 404


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("acceptance", {"event": "1"}),
        ("acceptance", {"event": "99999"}),
        ("rating", {"agent": "nobody"}),
        ("plan-moves", {"version": "9"}),
    ],
)
def test_other_things_in_the_path_are_looked_up_before_rights_and_content(
    call: Callable[..., Reply], name: str, path: dict[str, str]
) -> None:
    by = {"acceptance": "jun", "rating": "lin", "plan-moves": "wei"}[name]
    for broken in ({}, *BROKEN):
        assert call(name, by, **path, **broken).status == 404


@pytest.mark.parametrize("name", CONNECTORS[1:])
def test_connector_that_is_not_there_is_refused_before_the_content(
    call: Callable[..., Reply], name: str
) -> None:
    for broken in ({}, *BROKEN):
        for id_ in ("erp", "No Id", "x" * 2_000):
            assert call(name, "wei", id=id_, **broken).status == 404
    if name == "connector-key-end":
        for broken in BROKEN:
            assert call(name, "wei", generation="7", **broken).status == 404


def proposed(call: Callable[..., Reply], name: str) -> int:
    """Propose a remedy if an act on one is tested. Returns the version of the ticket then."""
    if name not in REMEDY_ACTS:
        return 3
    body = {"version": 3} | CHANGES["remedy-proposal"] | {"amount": 50_000}
    found = call("remedy-proposal", "mei", body=body)
    assert found.status == 200
    version: int = found.body["version"]
    return version


@pytest.mark.parametrize("name", [name for name in CHANGES if "agent" in WHO_MAY[name]])
def test_right_to_act_is_checked_before_the_content_and_the_version(
    call: Callable[..., Reply], name: str
) -> None:
    proposed(call, name)
    stale, future = {"version": 1}, {"version": 999}
    for broken in ({"body": CHANGES[name] | stale}, {"body": CHANGES[name] | future}, *BROKEN):
        assert call(name, "jun", **broken).status == 403


def test_right_to_rate_is_checked_before_the_content(call: Callable[..., Reply]) -> None:
    for broken in ({}, *BROKEN):
        for whom in ("a-tao", "s-lin", "m-wei"):
            assert call("rating", "lin", agent=whom, period="2026-99", **broken).status == 403


@pytest.mark.parametrize("name", TASK_ACTS)
def test_task_that_is_not_there_is_refused_before_the_content(
    call: Callable[..., Reply], name: str
) -> None:
    for broken in ({}, *BROKEN):
        assert call(name, "wei", **broken).status == 404


@pytest.mark.parametrize("name", ITEM_ACTS)
def test_item_that_is_not_there_is_refused_before_rights_and_content(
    call: Callable[..., Reply], open_ticket: Opener, name: str
) -> None:
    request = open_ticket("service_request", agent="a-tao", category="account/personal_data")
    for broken in ({}, *BROKEN):
        for by in ("mei", "jun", "wei"):
            assert call(name, by, **broken).status == 404
        for id_ in ("photo", "No Id", "x" * 2_000):
            assert call(name, "wei", number=request.number, id=id_, **broken).status == 404


@pytest.mark.parametrize("name", OF_INCIDENTS)
def test_incident_that_is_not_there_is_refused_before_the_content(
    call: Callable[..., Reply], name: str
) -> None:
    for broken in ({}, *BROKEN):
        for id_ in ("0" * 16, "No Id", "x" * 2_000):
            assert call(name, "wei", id=id_, **broken).status == 404


@pytest.mark.parametrize("name", WITH_BODY)
def test_wrong_content_has_its_own_status_if_nothing_earlier_is_wrong(
    call: Callable[..., Reply], open_ticket: Opener, name: str
) -> None:
    if name in ITEM_ACTS:
        request = open_ticket("service_request", agent="a-tao", category="account/personal_data")
        of_item = {"number": request.number, "id": "identity"}
        given = [call(name, "wei", **of_item, **broken).status for broken in BROKEN]
        assert tuple(given) == BY_FORM
        return
    if name in TASK_ACTS:
        asked = {"version": 3} | CHANGES["task-opening"]
        assert call("task-opening", "mei", body=asked).status == 200
    proposed(call, name)
    given = [call(name, "wei", agent="a-mei", **broken).status for broken in BROKEN]
    assert tuple(given) == BY_FORM


WRONG: dict[str, dict[str, Any]] = {
    "reply": {"text": " "},
    "progress": {"text": ""},
    "task-opening": {"team": "nobody", "title": "A seal", "text": " "},
    "resolution": {"text": "Done.", "outcome": "upheld"},
    "callback": {"outcome": "dissatisfied", "text": ""},
    "assignment": {"agent": "nobody", "reason": "r"},
    "accepting": {"x": 1},
    "declining": {"reason": " "},
    "classification": {"customer_type": "king", "reason": "r"},
    "tags": {"tags": [" "]},
    "fields": {"fields": {"nothing": "x"}},
    "promise": {"by": "2026-11-20T00:00:00Z", "text": "By last week."},
    "hold": {"reason": "holiday", "text": "x"},
    "participants": {"participants": ["nobody"]},
    "about": {"members": ["nobody"], "reason": "r"},
    "mentions-end": {"members": ["nobody"], "reason": "r"},
    "acceptance": {"x": 1},
    "counting": {"event": 0},
    "linking": {"kind": "cousin", "ticket": "R-0M4C1-Z2Y3X", "reason": "r"},
    "unlinking": {"kind": "related", "ticket": "x", "reason": " "},
    "merging": {"into": "R-0M4C1-Z2Y3X", "into_version": 0, "reason": "r"},
    "unmerging": {"reason": " "},
    "splitting": {"events": [99], "subject": "x", "kind": "inquiry", "reason": "r"},
    "unsplitting": {"ticket": "x", "reason": " "},
    "duplicate-dismissal": {"ticket": "x", "reason": " "},
    "incident-joining": {"incident": "0" * 16, "reason": "r"},
    "incident-leaving": {"reason": " "},
    "release": {"x": 1},
    "correction": {"clock": "first_response", "at": "2026-01-01T00:00:00Z", "reason": "r"},
    "plan-move": {"plan_version": 7, "reason": "r"},
    "remedy-proposal": {"kind": "cruise", "text": "x", "reason": "r"},
    "remedy-approval": {"due_at": "2026-11-20T00:00:00Z"},
    "remedy-refusal": {"reason": " "},
    "remedy-withdrawal": {"reason": "r", "text": "你没有得到通知。"},
    "remedy-completion": {"proof": "x", "file": "0" * 16},
    "post-mortem": {"happened": "It burnt.", "cause": "A thermostat."},
    "ticket-customer": {"customer": "0" * 24, "reason": "r"},
    "macro": {"dry_run": "yes"},
}
"""Content that is wrong, if possible for a reason that only the use case or the step finds."""


SPEAKING = (
    "reply",
    "progress",
    "resolution",
    "callback",
    "promise",
    "hold",
    "splitting",
    "correction",
    "macro",
    "remedy-proposal",
    "remedy-approval",
    "remedy-withdrawal",
)
"""The changes that conflict with a reply that the caller has not read."""


def test_wrong_content_is_listed_for_every_change() -> None:
    assert set(WRONG) == set(CHANGES)


@pytest.mark.parametrize("name", WRONG)
def test_content_is_refused_before_an_old_version(call: Callable[..., Reply], name: str) -> None:
    version = proposed(call, name)
    reply = {"version": version, "text": "We are on it."}
    assert call("reply", "mei", body=reply).status == 200
    found = call(name, "lin", body=WRONG[name] | {"version": 1})
    assert found.status == 422
    right = call(name, "lin", body=CHANGES[name] | {"version": 1})
    if name in SPEAKING:
        assert (right.status, right.body["type"]) == (409, "urn:redress:problem:version-conflict")


@pytest.mark.parametrize(
    ("name", "wrong", "codes"),
    [
        ("participants", {"participants": ["x"]}, {"/participants/0": "email_expected"}),
        ("assignment", {"agent": "nobody", "reason": "r"}, {"/agent": "unknown_agent"}),
        ("plan-move", {"plan_version": 7, "reason": "r"}, {"/plan_version": "unknown_plan"}),
    ],
)
def test_version_that_does_not_exist_is_reported_with_the_other_faults_of_the_content(
    call: Callable[..., Reply], name: str, wrong: dict[str, Any], codes: dict[str, str]
) -> None:
    found = call(name, "lin", body=wrong | {"version": 999})
    assert (found.status, found.codes) == (422, {"/version": "unknown_version"} | codes)


WITH_ANOTHER = ("linking", "unlinking", "merging", "unsplitting", "duplicate-dismissal")
"""Changes that name another ticket, which does not exist in these tests: that is wrong content."""


@pytest.fixture
def closed(call: Callable[..., Reply], stores: Stores) -> Ticket:
    """Closes the ticket: it is resolved, and nobody answers the calls."""
    done = {"text": "Done.", "outcome": "upheld", "remedy": "new", "root_cause": "seal"}
    found = call("resolution", "mei", body={"version": 3} | done)
    while found.body["state"] != State.CLOSED:
        body = {"version": found.body["version"], "outcome": "no_answer"}
        found = call("callback", "mei", body=body)
        assert found.status == 200
    return stores.tickets.get(found.body["number"])


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in WRONG
        if name not in ("ticket-customer", "about", "incident-joining", *WITH_ANOTHER, *REMEDY_ACTS)
        and name != "splitting"  # the only message of the ticket is not split off
    ],
)
def test_content_and_version_are_refused_before_the_state(
    call: Callable[..., Reply], closed: Ticket, name: str
) -> None:
    current = {"version": closed.version}
    assert call(name, "lin", body=WRONG[name] | current).status == 422
    stale = call(name, "lin", body=CHANGES[name] | {"version": 3})
    refusal = "macro-refused" if name == "macro" else "not-allowed-now"
    first = "version-conflict" if name in SPEAKING else refusal
    assert (stale.status, stale.body["type"]) == (409, f"urn:redress:problem:{first}")
    future = call(name, "lin", body=CHANGES[name] | {"version": 999})
    assert (future.status, future.codes) == (422, {"/version": "unknown_version"})
    now = call(name, "lin", body=CHANGES[name] | current)
    assert (now.status, now.body["type"]) == (409, f"urn:redress:problem:{refusal}")


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("quarantine", {"team": "service", "limit": "0", "cursor": "?", "reason": "x"}),
        ("board", {"team": "service"}),
    ],
)
def test_list_of_another_team_is_forbidden_before_its_query_is_read(
    api: Api, name: str, query: dict[str, str]
) -> None:
    assert api(name, "lin", query=query).status == 403


def test_query_of_a_thing_that_is_not_there_is_not_read(api: Api) -> None:
    unknown = api("rehearsal", "wei", id="0" * 16, query={"format": "xml"})
    assert unknown.status == 404
    assert api("clocks", "mei", number="R-00000-00000", query={"language": "xx"}).status == 404
    card = api("scorecard", "lin", agent="a-tao", period="nonsense")
    assert card.status == 404
    assert api("scorecard", "lin", agent="a-mei", period="nonsense").status == 422
