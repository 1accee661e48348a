"""The staff API through its handler: sample events in, answers out, DynamoDB's rules from moto.

Every answer of every test is held against `openapi-staff.json`: its status must be documented for
the route, its body must fit the schema.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from io import StringIO
from itertools import product
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate

from redress import wiring
from redress.base.people import Actor, Member, Role
from redress.clocks.rules.clocks import ClockName
from redress.db.rows import Models
from redress.mail.incoming.store import IncomingRecord, MailState
from redress.plans.rules.plan import GRADATIONS, HOLDS, KINDS
from redress.plans.store import Plans
from redress.staff.rules import Presence
from redress.tickets.rules.steps import by_customer, by_staff, by_timer, opening
from redress.tickets.rules.steps.by_staff import CORRECTABLE
from redress.tickets.rules.ticket import EventType
from redress.tickets.store.tickets import AlsoWrite, TicketStore
from redress.workflow.cases.timers import TimerCase
from redress.workflow.store import ReconciliationReport, ReportStore
from tests.builders import BY_PHONE, NUMBER, Clock, plan_document, submission
from tests.functions.conftest import MEMBERS, REGION, TABLE, Context, Opener, Stores, altered, aws

DOCUMENT: dict[str, Any] = json.loads(
    resources.files("redress").joinpath("data/openapi-staff.json").read_bytes()
)
LIMIT = 65_536


def schema_errors(schema: dict[str, Any], value: Any) -> list[str]:
    rooted = {**schema, "components": DOCUMENT["components"]}
    validator = Draft202012Validator(rooted, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` into the document points to; anything else as it is."""
    while "$ref" in part:
        found: Any = DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def pointers(self) -> set[str]:
        """The fields that a problem names."""
        return {fault["pointer"] for fault in self.body["errors"]}

    @property
    def codes(self) -> dict[str, str]:
        return {fault["pointer"]: fault["code"] for fault in self.body["errors"]}


KEEP = object()
"""The value of the sample event stays."""


class Api:
    """Calls the handler with a sample event, changed where a test says so."""

    def __init__(
        self, module: ModuleType, sample: Callable[[str], dict[str, Any]], context: Context
    ) -> None:
        self.module, self._sample, self._context = module, sample, context

    def event(
        self,
        name: str,
        by: str | None = None,
        *,
        body: Any = KEEP,
        raw: str | None = None,
        claims: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        **path: str,
    ) -> dict[str, Any]:
        event = self._sample(f"staff-{name}")
        if by is not None:
            event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims_of(MEMBERS[by])
        if claims is not None:
            kept = event["requestContext"]["authorizer"]["jwt"]["claims"] | claims
            event["requestContext"]["authorizer"]["jwt"]["claims"] = {
                name: value for name, value in kept.items() if value is not None
            }
        if body is not KEEP:
            raw = json.dumps(body)
        return altered(event, body=raw, query=query, headers=headers, path=path)

    def send(self, event: dict[str, Any]) -> Reply:
        given = self.module.handler(event, self._context)
        headers = given["headers"]
        found = Reply(given["statusCode"], json.loads(given["body"]), headers)
        self._hold_to_document(event, found)
        return found

    def __call__(self, name: str, by: str | None = None, **changes: Any) -> Reply:
        return self.send(self.event(name, by, **changes))

    @staticmethod
    def _hold_to_document(event: dict[str, Any], found: Reply) -> None:
        method, _, path = event["routeKey"].partition(" ")
        route = DOCUMENT["paths"].get(path, {}).get(method.lower())
        if route is None:
            assert found.status == 404
            return
        answer = resolved(route["responses"][str(found.status)])
        content = answer["content"][found.headers["Content-Type"]]
        assert schema_errors(content["schema"], found.body) == []
        assert found.headers["Cache-Control"] == "no-store"
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert not any(name.startswith("Access-Control") for name in found.headers)


def claims_of(member: Member) -> dict[str, str]:
    """The claims of this member's ID token, as an HTTP API hands them over."""
    return {
        "sub": member.id,
        "cognito:groups": f"[{member.role}]",
        "custom:team": member.team,
        "custom:languages": ",".join(member.languages),
        "custom:capacity": str(member.capacity),
        "name": member.name,
        "email": member.email,
    }


@pytest.fixture
def api(
    staff: dict[str, Member],
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> Api:
    return Api(load_function("staff"), sample, context)


@pytest.fixture
def logs(api: Api) -> Iterator[StringIO]:
    """What the function logs: its logger writes to the stream it found when it was imported."""
    handler = api.module.logger.registered_handler
    written = StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


@pytest.fixture
def scores_machine(table: str) -> None:
    """The machines that a request starts stand in moto; they do not run here."""
    for name in ("redress-scores", "redress-rehearsal"):
        aws("stepfunctions").create_state_machine(
            name=name,
            definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/machine",
        )


# -------------------------------------------------------------------- the document and the table


def test_document_is_valid_openapi_3_1() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


def test_document_and_routes_have_the_same_methods_paths_and_roles(api: Api) -> None:
    documented = {
        (method.upper(), path): set(route["x-roles"])
        for path, methods in DOCUMENT["paths"].items()
        for method, route in methods.items()
        if method != "parameters"
    }
    routes = api.module.ROUTES
    assert {key: {role.value for role in route.roles} for key, route in routes.items()} == (
        documented
    )


def test_examples_of_the_document_fit_their_schemas() -> None:
    checked = 0

    def walk(part: Any) -> None:
        nonlocal checked
        if isinstance(part, dict):
            if "schema" in part and "examples" in part and isinstance(part["examples"], dict):
                for name, example in part["examples"].items():
                    wrong = schema_errors(part["schema"], resolved(example)["value"])
                    assert wrong == [], f"{name}: {wrong}"
                    checked += 1
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(DOCUMENT)
    assert checked > 20


def test_serves_its_own_document(api: Api) -> None:
    found = api("openapi")
    assert found.status == 200
    assert found.body == DOCUMENT


def test_shipped_plan_fits_the_documented_schema() -> None:
    assert schema_errors({"$ref": "#/components/schemas/Plan"}, plan_document()) == []


def test_document_names_every_clock_event_and_choice_that_there_is() -> None:
    def choices(schema: str, field: str) -> set[str]:
        return set(DOCUMENT["components"]["schemas"][schema]["properties"][field]["enum"])

    assert choices("Promise", "clock") == set(ClockName)
    assert choices("Event", "type") == set(EventType)
    assert choices("Correction", "clock") == set(CORRECTABLE)
    assert choices("Hold", "reason") == set(HOLDS)
    assert choices("Classification", "kind") == set(KINDS)
    assert choices("Classification", "urgency") == set(GRADATIONS)
    assert choices("Classification", "impact") == set(GRADATIONS)


# -------------------------------------------------------------------- roles and identity

ALL = {"agent", "supervisor", "manager"}
LEADERS = {"supervisor", "manager"}
WHO_MAY = {
    "presence": ALL,
    "departure": LEADERS,
    "work": ALL,
    "ticket": ALL,
    "clocks": ALL,
    "promise": ALL,
    "hold": ALL,
    "participants": ALL,
    "release": ALL,
    "correction": LEADERS,
    "plan-move": LEADERS,
    "plan-schema": ALL,
    "reply": ALL,
    "note": ALL,
    "progress": ALL,
    "resolution": ALL,
    "callback": ALL,
    "assignment": ALL,
    "classification": ALL,
    "mail": ALL,
    "quarantine": LEADERS,
    "held-mail": LEADERS,
    "held-mail-release": LEADERS,
    "board": LEADERS,
    "rating": LEADERS,
    "scorecards-run": LEADERS,
    "scorecards": ALL,
    "scorecard": ALL,
    "plan": ALL,
    "plans": ALL,
    "plan-version": ALL,
    "plan-publish": {"manager"},
    "plan-moves": {"manager"},
    "rehearsal-begin": {"manager"},
    "rehearsal": {"manager"},
    "reconciliations": {"manager"},
    "reconciliation": {"manager"},
    "openapi": ALL,
}
"""Sample event -> roles that the route lets in."""


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
def test_route_lets_in_its_roles_and_no_others(
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


def test_role_is_checked_before_the_body_is_looked_at(api: Api) -> None:
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


@pytest.mark.parametrize("groups", ["[agent manager]", "[manager agent]", "[manager]"])
def test_takes_the_highest_role_of_the_groups(api: Api, groups: str) -> None:
    assert api("board", claims={"cognito:groups": groups}, query={"team": "service"}).status == 200


def test_capacity_is_five_when_the_token_says_none(api: Api, stores: Stores) -> None:
    assert api("presence", claims={"custom:capacity": None}).body["capacity"] == 5


# -------------------------------------------------------------------- bodies

WITH_BODY = (
    "presence",
    "reply",
    "note",
    "progress",
    "resolution",
    "callback",
    "assignment",
    "classification",
    "promise",
    "hold",
    "participants",
    "release",
    "correction",
    "plan-move",
    "rating",
    "plan-publish",
    "plan-moves",
    "rehearsal-begin",
)


def test_list_of_bodies_is_complete() -> None:
    documented = sum("requestBody" in json.dumps(path) for path in DOCUMENT["paths"].values())
    assert len(WITH_BODY) == documented


def test_refuses_a_body_that_is_not_declared_as_json(api: Api) -> None:
    found = api("reply", headers={"Content-Type": "text/plain"})
    assert (found.status, found.body["type"]) == (415, "urn:redress:problem:media-type")


@pytest.mark.parametrize(
    "raw", ["", "{", "nonsense", '{"text": "\\ud800"}', '{"version": 1e999}', "[" * 60_000]
)
def test_refuses_a_body_that_is_not_a_json_document(api: Api, raw: str) -> None:
    found = api("reply", raw=raw)
    assert (found.status, found.body["type"]) == (400, "urn:redress:problem:not-json")


def test_refuses_a_body_whose_base64_is_broken(api: Api) -> None:
    event = api.event("reply", raw="%%%")
    event["isBase64Encoded"] = True
    assert api.send(event).status == 400


def test_refuses_a_body_over_64_kb_and_takes_one_of_exactly_64_kb(
    api: Api, open_ticket: Opener
) -> None:
    number = open_ticket(agent="a-mei").number
    start, end = '{"text": "fine"', "}"
    fitting = start + " " * (LIMIT - len(start) - len(end)) + end
    assert api("note", raw=fitting, number=number).status == 200
    found = api("note", raw=fitting + " ", number=number)
    assert (found.status, found.body["type"]) == (413, "urn:redress:problem:too-large")


@pytest.mark.parametrize("value", [None, 1, "text", [], True])
def test_refuses_a_body_that_is_not_an_object(api: Api, value: Any) -> None:
    found = api("note", body=value)
    assert found.status == 422
    assert found.codes == {"": "object_expected"}


LONG = "x" * 20_001


@pytest.mark.parametrize(
    ("name", "body", "codes"),
    [
        ("presence", {}, {"/presence": "required"}),
        (
            "presence",
            {"presence": "lunch", "x": 1},
            {"/presence": "unknown_value", "/x": "unknown"},
        ),
        ("reply", {}, {"/version": "required", "/text": "required"}),
        (
            "reply",
            {"version": "3", "text": " \n", "wait_for_customer": "no", "colour": "red"},
            {
                "/version": "whole_number_expected",
                "/text": "required",
                "/wait_for_customer": "boolean_expected",
                "/colour": "unknown",
            },
        ),
        (
            "reply",
            {"version": 0, "text": 5},
            {"/version": "out_of_range", "/text": "text_expected"},
        ),
        (
            "reply",
            {"version": True, "text": LONG},
            {"/version": "whole_number_expected", "/text": "too_long"},
        ),
        (
            "reply",
            {"version": 1.5, "text": "a\x00b"},
            {"/version": "whole_number_expected", "/text": "control_characters"},
        ),
        ("note", {"version": 1}, {"/text": "required", "/version": "unknown"}),
        ("note", {"text": "fine", "a/b": True}, {"/a~1b": "unknown"}),
        ("progress", {"text": ""}, {"/version": "required", "/text": "required"}),
        (
            "resolution",
            {"outcome": "great", "remedy": 1, "root_cause": "x" * 2_001},
            {
                "/version": "required",
                "/text": "required",
                "/outcome": "unknown_value",
                "/remedy": "text_expected",
                "/root_cause": "too_long",
            },
        ),
        (
            "callback",
            {"outcome": "busy", "text": 3},
            {"/version": "required", "/outcome": "unknown_value", "/text": "text_expected"},
        ),
        (
            "assignment",
            {},
            {"/version": "required", "/agent": "required", "/reason": "required"},
        ),
        (
            "promise",
            {"by": "tomorrow"},
            {"/version": "required", "/by": "instant_expected", "/text": "required"},
        ),
        (
            "promise",
            {"version": 1, "by": "2026-11-24T10:00:00", "text": "Soon"},
            {"/by": "instant_expected"},
        ),
        (
            "hold",
            {"reason": "lunch", "text": 1},
            {"/version": "required", "/reason": "unknown_value", "/text": "text_expected"},
        ),
        (
            "participants",
            {"participants": ["a@example.com", 3, "x" * 255, "a\x00@example.com"]},
            {
                "/version": "required",
                "/participants/1": "text_expected",
                "/participants/2": "too_long",
                "/participants/3": "control_characters",
            },
        ),
        (
            "participants",
            {"version": 1, "participants": "a@example.com"},
            {"/participants": "list_expected"},
        ),
        ("participants", {}, {"/version": "required", "/participants": "required"}),
        ("release", {"reason": "x"}, {"/version": "required", "/reason": "unknown"}),
        (
            "correction",
            {"clock": "survey"},
            {
                "/version": "required",
                "/clock": "unknown_value",
                "/at": "required",
                "/reason": "required",
            },
        ),
        (
            "plan-move",
            {"plan_version": 0},
            {"/version": "required", "/plan_version": "out_of_range", "/reason": "required"},
        ),
        (
            "plan-move",
            {"version": 1, "plan_version": 10**1_100, "reason": "beyond any key of the table"},
            {"/plan_version": "out_of_range"},
        ),
        (
            "classification",
            {"kind": "praise", "urgency": "extreme", "impact": 3, "customer_type": 5},
            {
                "/version": "required",
                "/kind": "unknown_value",
                "/urgency": "unknown_value",
                "/impact": "unknown_value",
                "/customer_type": "text_expected",
                "/reason": "required",
            },
        ),
        (
            "assignment",
            {"version": 1, "agent": " ", "team": 1, "reason": "r"},
            {"/agent": "required", "/team": "text_expected"},
        ),
        (
            "classification",
            {"kind": "riot"},
            {"/version": "required", "/kind": "unknown_value", "/reason": "required"},
        ),
    ],
)
def test_names_every_wrong_field_at_once(
    api: Api, open_ticket: Opener, name: str, body: dict[str, Any], codes: dict[str, str]
) -> None:
    path = {} if name == "presence" else {"number": open_ticket(agent="a-mei").number}
    found = api(name, body=body, **path)
    assert found.status == 422
    assert found.codes == codes


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_FIELDS = ("version", "text", "outcome", "agent", "team", "reason", "kind", "presence", "attitude")
_BODIES = st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=8), _ANYTHING) | _ANYTHING


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.sampled_from([*WITH_BODY]), body=_BODIES)
def test_no_body_whatever_makes_the_function_fail(
    api: Api, open_ticket: Opener, name: str, body: Any
) -> None:
    if not open_ticket.opened:
        open_ticket(agent="a-mei")
    route = api.event(name)["routeKey"]
    path = {"number": open_ticket.opened[0]} if "{number}" in route else {}
    assert api(name, "wei", body=body, **path).status < 500


# -------------------------------------------------------------------- presence and lists


def test_presence_is_kept_with_who_it_is(api: Api, stores: Stores, clock: Clock) -> None:
    clock.advance(minutes=5)
    found = api("presence", "mei", body={"presence": "away"})
    assert found.status == 200
    assert found.body["presence"] == "away"
    assert found.body["since"] == clock.now().isoformat(timespec="milliseconds")
    assert [availability.agent for availability in stores.staff.present("complaints")] == ["a-jun"]
    api("presence", "mei", body={"presence": "available"}, claims={"custom:capacity": "7"})
    assert stores.staff.member("a-mei").capacity == 7
    assert stores.staff.availability("a-mei").presence is Presence.AVAILABLE


def test_whoever_left_gets_no_work_and_their_tickets_go_back_to_the_queue(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    held, resolved = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    api("resolution", "mei", number=resolved.number, body=CHANGES["resolution"] | {"version": 2})
    found = api("departure", "lin", agent="a-mei")
    assert found.body == {"agent": "a-mei", "queued": [held.number]}
    assert stores.tickets.get(held.number).assignee is None
    assert stores.tickets.get(resolved.number).assignee == "a-mei"
    assert [availability.agent for availability in stores.staff.present("complaints")] == ["a-jun"]
    assert stores.staff.availability("a-mei").load == 0
    assert stores.staff.member("a-mei").left
    assert api("departure", "lin", agent="a-mei").body["queued"] == []
    api("presence", "mei", body={"presence": "available"})
    assert not stores.staff.member("a-mei").left


def test_departure_is_told_by_the_own_supervisor_or_a_manager_of_a_known_member(api: Api) -> None:
    assert api("departure", "lin", agent="a-nobody").status == 404
    assert api("departure", "lin", agent="a-tao").status == 403
    assert api("departure", "wei", agent="a-tao").status == 200


def test_work_list_shows_what_is_due_next_first(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    feedback = open_ticket("feedback", agent="a-mei", language="en")
    clock.advance(minutes=1)
    complaint = open_ticket("complaint", agent="a-mei")
    open_ticket("urgent", agent="a-jun")
    found = api("work", "mei", query={})
    assert [item["number"] for item in found.body["items"]] == [complaint.number, feedback.number]
    assert found.body["next"] is None
    first = found.body["items"][0]
    assert first["due_at"] == (clock.now() + timedelta(minutes=30)).isoformat(
        timespec="milliseconds"
    )
    assert first["version"] == complaint.version


def test_work_list_is_read_page_by_page_without_gap_or_repeat(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    expected = []
    for _ in range(5):
        expected.append(open_ticket("inquiry", agent="a-tao").number)
        clock.advance(seconds=1)
    seen: list[str] = []
    cursor = None
    for _ in range(4):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        found = api("work", "tao", query=query)
        assert found.status == 200
        seen += [item["number"] for item in found.body["items"]]
        cursor = found.body["next"]
        if cursor is None:
            break
    assert seen == expected
    assert cursor is None


@pytest.mark.parametrize("limit", ["0", "26", "-1"])
def test_work_list_refuses_a_limit_out_of_range(api: Api, limit: str) -> None:
    assert api("work", query={"limit": limit}).pointers == {"/limit"}


@pytest.mark.parametrize(
    "cursor", ["nonsense", "!!", "TUVPVw==", "OTk5OSNSLU5PVC1BLU5VTUJFUg==", "é", "x" * 5_000]
)
def test_work_list_names_limit_and_cursor_when_both_are_wrong(api: Api, cursor: str) -> None:
    found = api("work", query={"limit": "ten", "cursor": cursor})
    assert found.status == 422
    assert found.pointers == {"/limit", "/cursor"}


def test_resolved_tickets_leave_the_work_list(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    body = {"version": ticket.version, "text": "The lid is a spare part."}
    assert api("resolution", "tao", body=body, number=ticket.number).status == 200
    assert api("work", "tao", query={}).body["items"] == []


# -------------------------------------------------------------------- the board


def test_board_shows_who_is_present_and_what_is_near_its_limit(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    near = open_ticket("complaint", agent="a-mei")
    clock.advance(minutes=16)
    open_ticket("complaint")
    api("presence", "jun", body={"presence": "away"})
    found = api("board", "lin")
    assert found.status == 200
    assert [(one["name"], one["load"]) for one in found.body["present"]] == [("mei", 1)]
    assert (found.body["queued"], found.body["open"]) == (1, 2)
    assert [
        (line["number"], line["clock"], line["overdue"]) for line in found.body["near_limit"]
    ] == [(near.number, "reaction", False)]
    clock.advance(minutes=15)
    found = api("board", "lin")
    assert [line["overdue"] for line in found.body["near_limit"]] == [True, False]


def near_limit(api: Api) -> list[tuple[str, bool]]:
    found = api("board", "wei", query={"team": "service"})
    return [(line["clock"], line["overdue"]) for line in found.body["near_limit"]]


def test_nights_and_weekends_bring_a_promise_of_office_hours_no_nearer_to_its_limit(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    clock.moment = datetime(2026, 11, 27, 7, 30, tzinfo=UTC)  # Friday 15:30 in Shanghai
    open_ticket("inquiry", agent="a-tao")  # 8 h of office time: until Monday 15:30
    clock.advance(hours=2, minutes=29)
    assert near_limit(api) == []
    clock.moment = datetime(2026, 11, 29, 16, 0, tzinfo=UTC)
    assert near_limit(api) == [], "the weekend is over in wall time, of office time 2 h 30 min are"
    clock.moment = datetime(2026, 11, 30, 2, 29, tzinfo=UTC)
    assert near_limit(api) == []
    clock.moment = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)
    assert near_limit(api) == [("first_response", False)], "4 h: half of it"
    clock.moment = datetime(2026, 11, 30, 7, 31, tzinfo=UTC)
    assert near_limit(api) == [("first_response", True)]


def test_a_night_does_not_hide_a_promise_that_was_near_its_limit_at_closing_time(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    clock.moment = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday 13:00 in Shanghai
    open_ticket("inquiry", agent="a-tao")
    clock.moment = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # closing time, 5 of 8 h are used up
    assert near_limit(api) == [("first_response", False)]
    clock.advance(hours=12)
    assert near_limit(api) == [("first_response", False)]


def test_what_a_customer_waits_for_stands_on_the_board_whatever_clock_it_is(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    number = open_ticket("service_request", agent="a-tao").number
    version = api("reply", "tao", number=number, body={"version": 2, "text": "We look"}).body[
        "version"
    ]
    due = (clock.now() + timedelta(hours=2)).isoformat()
    body = {"version": version, "by": due, "text": "By eleven"}
    assert api("promise", "tao", number=number, body=body).status == 200
    clock.advance(hours=1)
    assert near_limit(api) == [("own_word", False)]
    clock.advance(days=2)
    assert near_limit(api)[0] == ("own_word", True)


def test_board_of_another_team_is_for_managers_only(api: Api) -> None:
    assert api("board", "lin", query={"team": "service"}).status == 403
    assert api("board", "wei", query={"team": "service"}).body["team"] == "service"


def test_board_is_of_the_own_team_when_none_is_named(api: Api) -> None:
    assert api("board", "hua", query={}).body["team"] == "service"


# -------------------------------------------------------------------- reading a ticket


def test_ticket_is_read_with_promises_timeline_mails_and_escalation(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    stores.tickets.claim_mail(
        ticket.number, "000001.acknowledgement.customer", clock.now(), timedelta(minutes=1)
    )
    stores.tickets.record_mail(
        ticket.number, "000001.acknowledgement.customer", "failed", clock.now(), fault="throttled"
    )
    clock.advance(minutes=31)
    TimerCase(stores.tickets, stores.plans, clock.now).act_on_due_clocks(ticket.number, 1)
    found = api("ticket", "mei", number=ticket.number)
    assert found.status == 200
    promises = {promise["clock"]: promise for promise in found.body["promises"]}
    assert promises["reaction"]["state"] == "overdue"
    assert promises["reaction"]["due_at"] == "2026-11-23T01:30:00.000+00:00"
    assert promises["resolution"]["state"] == "running"
    assert found.body["escalation"] == "supervisor"
    assert [event["type"] for event in found.body["timeline"]][:2] == ["opened", "assigned"]
    fired = [event for event in found.body["timeline"] if event["type"] == "rung_fired"]
    assert {event["by"]["role"] for event in fired} == {"system"}
    assert ("reaction", "breach") in [
        (event["data"]["clock"], event["data"]["action"]) for event in fired
    ]
    assert found.body["version"] == found.body["timeline"][-1]["number"]
    assert found.body["mails"] == [
        {
            "key": "000001.acknowledgement.customer",
            "state": "failed",
            "at": "2026-11-23T01:00:00.000+00:00",
            "attempts": 1,
            "fault": "throttled",
        }
    ]


def test_ticket_number_is_read_as_a_person_writes_it(api: Api, open_ticket: Opener) -> None:
    number = open_ticket(agent="a-mei").number
    found = api("ticket", "mei", number=number.lower().replace("0", "o").replace("1", "l"))
    assert found.body["number"] == number


@pytest.mark.parametrize("number", ["R-00000-00000", "nonsense", "R-7K3M9", "%2e%2e"])
def test_unknown_ticket_is_not_found(api: Api, number: str) -> None:
    assert api("ticket", "wei", number=number).status == 404


def test_words_of_a_customer_after_the_resolution_are_counted_and_read(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    number = open_ticket("inquiry", agent="a-tao").number
    solved = {"version": 2, "text": "It was the seal."}
    resolution = api("resolution", "tao", number=number, body=solved).body["resolution"]
    assert resolution["contacts_after"] == 0
    ticket, plan = stores.tickets.get(number), stores.plans.current()
    stores.tickets.commit(
        by_customer.write(ticket, plan, "One more thing", clock.now()), clock.now()
    )
    found = api("ticket", "tao", number=number).body
    assert (found["state"], found["resolution"]["contacts_after"]) == ("resolved", 1)
    said = found["timeline"][-1]
    assert (said["type"], said["data"]["text"]) == ("customer_wrote", "One more thing")


CHANGES: dict[str, dict[str, Any]] = {
    "reply": {"text": "We are on it."},
    "progress": {"text": "We are looking into it."},
    "resolution": {
        "text": "Replaced.",
        "outcome": "upheld",
        "remedy": "replacement",
        "root_cause": "seal",
    },
    "callback": {"outcome": "no_answer"},
    "assignment": {"agent": None, "reason": "too much"},
    "classification": {"kind": "urgent", "reason": "scalded"},
    "promise": {"by": "2026-11-24T10:00:00+08:00", "text": "By tomorrow at ten."},
    "hold": {"reason": "part", "text": "The pump is on its way."},
    "participants": {"participants": ["wang.wei@example.com"]},
    "release": {},
    "correction": {
        "clock": "first_response",
        "at": "2026-11-23T09:00:00+08:00",
        "reason": "called",
    },
    "plan-move": {"plan_version": 1, "reason": "as promised"},
}
"""Every change that names a version, with a right body but for the version."""


def test_table_of_changes_is_complete(api: Api) -> None:
    with_version = {
        name
        for name in WHO_MAY
        if "version" in api.event(name).get("body", "")
        and name not in ("plan-publish", "rehearsal-begin")
    }
    assert with_version == set(CHANGES)


@pytest.mark.parametrize("name", [*CHANGES, "note", "ticket", "clocks"])
@pytest.mark.parametrize("by", ["tao", "hua"])
def test_ticket_of_another_team_is_not_there(
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
    api: Api, open_ticket: Opener, stores: Stores, name: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES[name] | {"version": ticket.version}
    assert api(name, "jun", body=body, number=ticket.number).status == 403
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


# -------------------------------------------------------------------- why it is due then


def test_the_clocks_of_a_ticket_say_why_they_are_due_and_what_moved_them(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(hours=2)
    asked = {"version": ticket.version, "text": "Which model?", "wait_for_customer": True}
    api("reply", "mei", body=asked, number=ticket.number)
    clock.advance(hours=3)
    found = api("clocks", "jun", query={"language": "en"}, number=ticket.number)

    assert found.status == 200
    assert (found.body["language"], found.body["at"]) == ("en", "2026-11-23T06:00:00.000+00:00")
    told = {(one["clock"], one["round"]): one for one in found.body["clocks"]}
    resolution, reaction = told["resolution", 1], told["reaction", 1]
    assert resolution["sentence"].startswith(
        "Paused since Mon 23 Nov 2026 11:00 (Asia/Shanghai) while waiting for the customer; 2 h are"
    )
    assert (resolution["elapsed_s"], resolution["paused_s"]) == (7_200, 10_800)
    assert [
        (entry["what"], entry["event"]["type"], entry["event"]["by"])
        for entry in resolution["entries"]
    ] == [
        ("begun", "opened", {"role": "customer", "id": None}),
        ("paused", "replied", {"role": "agent", "id": "a-mei"}),
    ]
    assert {rung["due_at"] for rung in resolution["rungs_to_come"]} == {None}
    assert (reaction["state"], reaction["calendar"]["hours"]) == ("missed", "around the clock")
    assert not {"text", "data"} & set(json.dumps(found.body).split('"')), "no word that was said"


def test_the_rungs_of_a_clock_are_told_with_what_they_did(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    number = open_ticket(agent="a-mei").number
    clock.advance(minutes=31)
    TimerCase(stores.tickets, stores.plans, clock.now).act_on_due_clocks(number, 1)
    (reaction,) = [
        one
        for one in api("clocks", "wei", number=number).body["clocks"]
        if one["clock"] == "reaction"
    ]
    assert [rung["action"] for rung in reaction["rungs_fired"]] == ["remind", "remind", "breach"]
    assert reaction["rungs_fired"][-1]["notify"] == ["agent", "supervisor"]
    assert reaction["rungs_fired"][-1]["fired_at"] == "2026-11-23T01:31:00.000+00:00"
    assert [rung["action"] for rung in reaction["rungs_to_come"]] == ["escalate"]
    assert reaction["rungs_to_come"][0]["due_at"] == "2026-11-23T01:45:00.000+00:00"
    assert (reaction["state"], reaction["breached"], reaction["held_by"]) == (
        "overdue",
        True,
        "a-mei",
    )


def test_the_clocks_are_told_in_the_first_language_of_whoever_asks(
    api: Api, open_ticket: Opener
) -> None:
    number = open_ticket("inquiry", agent="a-tao").number
    own = api("clocks", "tao", query={}, number=number)
    assert own.body["language"] == "zh-TW"
    calendars = {one["clock"]: one["calendar"] for one in own.body["clocks"]}
    assert calendars["first_response"]["hours"] == "週一至週五09:00-12:00、13:00-18:00"
    assert calendars["first_response"]["week"][0]["open"] == ["09:00-12:00", "13:00-18:00"]
    other = api("clocks", "tao", query={"language": "zh-CN"}, number=number)
    assert other.body["clocks"][0]["sentence"].startswith("应于2026年11月23日（周一）09:05")


@pytest.mark.parametrize("language", ["de", "", "zh"])
def test_the_clocks_are_told_in_no_language_that_is_not_spoken_here(
    api: Api, open_ticket: Opener, language: str
) -> None:
    found = api("clocks", query={"language": language}, number=open_ticket().number)
    assert (found.status, found.codes) == (422, {"/language": "unknown_language"})


def test_the_clocks_of_a_ticket_that_was_moved_are_told_under_both_plans(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    document = plan_document() | {"version": 2}
    document["levels"]["inquiry"]["promises"]["first_response"] = {"within": "2h"}
    stores.staff.publish_plan(document, 2, 1)
    old, new = stores.plans.get(1), stores.plans.get(2)
    moved = by_staff.move_to_plan(
        ticket, old, new, Actor(Role.MANAGER, "m-wei"), "a new contract", clock.advance(hours=1)
    )
    stores.tickets.commit(moved, clock.now())
    (first,) = [
        one
        for one in api("clocks", "tao", number=ticket.number).body["clocks"]
        if one["clock"] == "first_response"
    ]
    assert [(e["what"], e["calendar"], e["target_s"], e["why"]) for e in first["entries"]] == [
        ("begun", "office", 28_800, None),
        ("replanned", "always", 7_200, "a new contract"),
    ]


# -------------------------------------------------------------------- changing a ticket


def test_reply_opens_the_ticket_and_keeps_the_first_response(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(minutes=12)
    body = {"version": ticket.version, "text": "  您好，明天换货。 "}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert found.status == 200
    assert found.body["version"] == ticket.version + 1
    assert found.body["state"] == "open"
    states = {promise["clock"]: promise["state"] for promise in found.body["promises"]}
    assert states["reaction"] == states["first_response"] == "kept"
    event = stores.tickets.history(ticket.number)[-1]
    assert (event.type, event.by.id, event.data["text"]) == (
        EventType.REPLIED,
        "a-mei",
        "您好，明天换货。",
    )


def test_reply_that_asks_the_customer_pauses_the_resolution_promise(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "A picture, please?", "wait_for_customer": True}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert found.body["state"] == "waiting"
    states = {promise["clock"]: promise["state"] for promise in found.body["promises"]}
    assert states["resolution"] == "paused"


def test_progress_is_a_reaction_but_not_the_first_response(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "We are asking the warehouse."}
    found = api("progress", "mei", body=body, number=ticket.number)
    states = {promise["clock"]: promise["state"] for promise in found.body["promises"]}
    assert (states["reaction"], states["first_response"]) == ("kept", "running")
    assert found.body["state"] == "new"


def test_who_takes_part_is_there_until_they_are_taken_out(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "participants": ["Wang.Wei@example.com"]}
    found = api("participants", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["participants"]) == (200, ["wang.wei@example.com"])
    again = api(
        "participants", "mei", body=body | {"version": ticket.version + 1}, number=ticket.number
    )
    assert again.body["version"] == ticket.version + 1
    wrong = body | {"version": ticket.version + 1, "participants": ["li.na@example.com", "x"]}
    refused = api("participants", "mei", body=wrong, number=ticket.number)
    assert refused.status == 422
    assert {fault["pointer"]: fault["code"] for fault in refused.body["errors"]} == {
        "/participants/0": "is_customer",
        "/participants/1": "email_expected",
    }
    none = body | {"version": ticket.version + 1, "participants": []}
    assert api("participants", "mei", body=none, number=ticket.number).body["participants"] == []


def test_two_agents_at_once_one_wins_and_the_other_is_told_the_current_version(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "First."}
    assert api("reply", "mei", body=body, number=ticket.number).status == 200
    found = api("reply", "lin", body=body | {"text": "Second."}, number=ticket.number)
    assert found.status == 409
    assert found.body["type"] == "urn:redress:problem:version-conflict"
    assert found.body["current_version"] == ticket.version + 1
    replies = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.REPLIED]
    assert [event.data["text"] for event in replies] == ["First."]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Lets something happen once, between the next read of a ticket and its write."""
    commit = TicketStore.commit

    def arrange(happens: Callable[[], Any]) -> None:
        def slower(store: TicketStore, change: Any, now: Any) -> None:
            monkeypatch.setattr(TicketStore, "commit", commit)
            happens()
            commit(store, change, now)

        monkeypatch.setattr(TicketStore, "commit", slower)

    return arrange


def test_agent_who_wins_between_read_and_write_of_the_other_makes_a_conflict(
    api: Api, open_ticket: Opener, stores: Stores, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Slower."}
    faster = body | {"text": "Faster."}
    meanwhile(lambda: api("reply", "lin", body=faster, number=ticket.number))
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["current_version"]) == (409, ticket.version + 1)
    replies = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.REPLIED]
    assert [event.data["text"] for event in replies] == ["Faster."]


def test_reminder_that_fires_between_read_and_write_makes_no_conflict(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    meanwhile: Callable[[Callable[[], Any]], None],
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(minutes=16)
    timers = TimerCase(stores.tickets, stores.plans, clock.now)
    meanwhile(lambda: timers.act_on_due_clocks(ticket.number, 1))
    body = {"version": ticket.version, "text": "Done while the reminder fired."}
    found = api("reply", "mei", body=body, number=ticket.number)
    types = [event.type for event in stores.tickets.history(ticket.number)]
    assert found.status == 200
    assert types[-2:] == [EventType.RUNG_FIRED, EventType.REPLIED]


def test_second_click_is_told_of_the_first(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Once."}
    event = api.event("reply", "mei", body=body, number=ticket.number)
    assert [api.send(copy.deepcopy(event)).status for _ in range(2)] == [200, 409]


def test_customer_who_wrote_meanwhile_makes_a_conflict(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    wrote = by_customer.write(ticket, stores.plans.current(), "It got worse!", clock.now())
    stores.tickets.commit(wrote, clock.now())
    body = {"version": ticket.version, "text": "All is well."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["current_version"]) == (409, ticket.version + 1)


def test_reminder_that_fired_in_between_makes_no_conflict(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(minutes=16)
    TimerCase(stores.tickets, stores.plans, clock.now).act_on_due_clocks(ticket.number, 1)
    moved_on = stores.tickets.get(ticket.number).version
    assert moved_on > ticket.version
    body = {"version": ticket.version, "text": "I had this open for a while."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["version"]) == (200, moved_on + 1)


@pytest.mark.parametrize("name", CHANGES)
def test_change_on_an_old_version_is_told_the_current_one_and_changes_nothing(
    api: Api, open_ticket: Opener, stores: Stores, name: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    first = {"version": ticket.version, "text": "We are on it."}
    assert api("reply", "mei", number=ticket.number, body=first).status == 200
    now = stores.tickets.get(ticket.number)
    body = CHANGES[name] | {"version": ticket.version}
    found = api(name, "lin", number=ticket.number, body=body)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert found.body["current_version"] == now.version
    assert stores.tickets.get(ticket.number) == now


def test_version_that_does_not_exist_yet_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version + 1, "text": "From the future."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.codes) == (422, {"/version": "unknown_version"})


def test_notes_do_not_collide_and_any_agent_of_the_team_may_write_one(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    for by in ("mei", "jun", "lin"):
        assert api("note", by, body={"text": f"by {by}"}, number=ticket.number).status == 200
    notes = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.NOTED]
    assert [(note.by.id, note.data["text"]) for note in notes] == [
        ("a-mei", "by mei"),
        ("a-jun", "by jun"),
        ("s-lin", "by lin"),
    ]


def test_a_note_that_is_repeated_is_there_once(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    for by, text in (("mei", "call again"), ("mei", " call again"), ("jun", "call again")):
        assert api("note", by, body={"text": text}, number=ticket.number).status == 200
    notes = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.NOTED]
    assert [note.by.id for note in notes] == ["a-mei", "a-jun"]


def test_complaint_resolved_without_outcome_remedy_and_root_cause_names_all_three(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Done."}
    found = api("resolution", "mei", body=body, number=ticket.number)
    assert found.status == 422
    assert found.pointers == {"/outcome", "/remedy", "/root_cause"}


def test_resolution_of_a_complaint_is_kept_and_asks_the_customer(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(hours=3)
    body = CHANGES["resolution"] | {"version": ticket.version}
    found = api("resolution", "mei", body=body, number=ticket.number)
    assert found.status == 200
    assert found.body["state"] == "resolved"
    assert found.body["resolution"] == {
        "at": clock.now().isoformat(timespec="milliseconds"),
        "by": "a-mei",
        "team": "complaints",
        "outcome": "upheld",
        "remedy": "replacement",
        "root_cause": "seal",
        "contacts_after": 0,
    }
    states = {promise["clock"]: promise["state"] for promise in found.body["promises"]}
    assert (states["reaction"], states["resolution"], states["callback"]) == (
        "missed",
        "kept",
        "running",
    )


def test_inquiry_is_resolved_with_words_alone(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    body = {"version": ticket.version, "text": "Yes, it is dishwasher safe."}
    assert api("resolution", "tao", body=body, number=ticket.number).body["state"] == "resolved"


def test_closed_ticket_takes_no_reply(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("feedback", agent="a-tao")
    body = {"version": ticket.version, "text": "Thank you."}
    closed = api("resolution", "tao", body=body, number=ticket.number).body
    assert (closed["state"], closed["closure"]) == ("closed", "answered")
    body["version"] = closed["version"]
    found = api("reply", "tao", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


# -------------------------------------------------------------------- callbacks


@pytest.fixture
def resolved_by_phone(api: Api, open_ticket: Opener) -> dict[str, Any]:
    """A resolved complaint of a customer who can only be called."""
    ticket = open_ticket(agent="a-mei", contact=BY_PHONE)
    body = CHANGES["resolution"] | {"version": ticket.version}
    found: dict[str, Any] = api("resolution", "mei", body=body, number=ticket.number).body
    return found


def test_callback_that_must_be_made_stays_on_the_work_list(
    api: Api, resolved_by_phone: dict[str, Any]
) -> None:
    items = api("work", "mei", query={}).body["items"]
    assert [item["number"] for item in items] == [resolved_by_phone["number"]]


def test_callback_with_a_content_customer_confirms(
    api: Api, resolved_by_phone: dict[str, Any]
) -> None:
    body = {"version": resolved_by_phone["version"], "outcome": "confirmed"}
    found = api("callback", "mei", body=body, number=resolved_by_phone["number"])
    assert (found.status, found.body["state"]) == (200, "confirmed")


def test_callback_with_a_dissatisfied_customer_reopens_with_higher_priority(
    api: Api, resolved_by_phone: dict[str, Any]
) -> None:
    body = {
        "version": resolved_by_phone["version"],
        "outcome": "dissatisfied",
        "text": "The new one leaks as well.",
    }
    found = api("callback", "mei", body=body, number=resolved_by_phone["number"])
    assert found.status == 200
    assert (found.body["state"], found.body["priority"], found.body["round"]) == (
        "open",
        "urgent",
        2,
    )
    assert found.body["assignee"] is None


def test_callback_with_a_dissatisfied_customer_needs_their_words(
    api: Api, resolved_by_phone: dict[str, Any]
) -> None:
    body = {"version": resolved_by_phone["version"], "outcome": "dissatisfied"}
    found = api("callback", "mei", body=body, number=resolved_by_phone["number"])
    assert (found.status, found.codes) == (422, {"/text": "required"})


def test_callback_without_answer_closes_after_the_last_attempt_of_the_plan(
    api: Api, resolved_by_phone: dict[str, Any], stores: Stores
) -> None:
    version, number = resolved_by_phone["version"], resolved_by_phone["number"]
    states = []
    for _ in range(stores.plans.current().callback.attempts):
        body = {"version": version, "outcome": "no_answer"}
        found = api("callback", "mei", body=body, number=number).body
        version = found["version"]
        states.append(found["state"])
    assert states == ["resolved", "resolved", "closed"]
    assert found["closure"] == "unconfirmed"


def test_callback_before_resolution_is_not_possible(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "outcome": "confirmed"}
    found = api("callback", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


# -------------------------------------------------------------------- assignment, classification


def test_reassigning_moves_the_ticket_and_the_load(
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


def test_full_agent_is_not_given_more(api: Api, open_ticket: Opener, stores: Stores) -> None:
    for _ in range(MEMBERS["jun"].capacity):
        open_ticket(agent="a-jun")
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": "a-jun", "reason": "same batch"}
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:agent-not-free")
    assert stores.tickets.get(ticket.number) == ticket
    assert stores.staff.availability("a-jun").load == MEMBERS["jun"].capacity


def test_absent_agent_is_not_given_anything(api: Api, open_ticket: Opener) -> None:
    api("presence", "jun", body={"presence": "away"})
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": "a-jun", "reason": "same batch"}
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:agent-not-free")


@pytest.mark.parametrize("agent", ["nobody", "s-lin", "m-wei"])
def test_agent_who_is_unknown_or_none_is_refused(api: Api, open_ticket: Opener, agent: str) -> None:
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
    assert stores.tickets.queued("service") == [ticket.number]
    assert api("ticket", "mei", number=ticket.number).status == 404


def test_team_that_does_not_exist_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": None, "team": "moon", "reason": "far away"}
    found = api("assignment", "mei", body=body, number=ticket.number)
    assert (found.status, found.codes) == (422, {"/team": "unknown_team"})


def test_correcting_the_kind_plans_the_promises_anew(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    body = {"version": ticket.version, "kind": "urgent", "reason": "somebody was scalded"}
    found = api("classification", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["kind"], found.body["assignee"]) == (200, "urgent", "a-mei")
    promises = {promise["clock"]: promise for promise in found.body["promises"]}
    assert promises["first_response"]["due_at"] == (
        ticket.created_at + timedelta(minutes=5)
    ).isoformat(timespec="milliseconds")
    assert promises["reaction"]["state"] == "cancelled"


def test_kind_that_another_team_handles_queues_the_ticket_there(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    body = {"version": ticket.version, "kind": "inquiry", "reason": "only a question"}
    found = api("classification", "mei", body=body, number=ticket.number)
    assert (found.body["team"], found.body["assignee"]) == ("service", None)


# -------------------------------------------------------------------- scores

THIS_MONTH = "2026-11"


def scored(agent: str) -> None:
    """What the scores machine does for one agent."""
    cases = wiring.scoring_cases()
    month = cases.list_agents(THIS_MONTH)
    outcome = cases.score_agent(agent, month.period, month.preview, month.plan_version)
    cases.finish(
        month.period,
        month.preview,
        month.plan_version,
        [{"agent": agent, "outcome": outcome.outcome}],
    )


def test_rating_is_kept_and_a_second_one_takes_its_place(api: Api, clock: Clock) -> None:
    first = api("rating", "lin")
    assert (first.status, first.body["by"], first.body["revision"]) == (200, "s-lin", 1)
    assert first.body["at"] == clock.now().isoformat(timespec="milliseconds")
    again = api("rating", "lin", body={"attitude": 3, "knowledge": 3})
    assert (again.body["attitude"], again.body["comment"], again.body["revision"]) == (3, "", 2)


def test_rating_names_every_wrong_field_and_the_month_at_once(api: Api) -> None:
    body = {"attitude": 6, "knowledge": "good", "comment": 1, "mood": 5}
    found = api("rating", "lin", body=body, period="2027-01")
    assert found.status == 422
    assert found.pointers == {"/attitude", "/knowledge", "/comment", "/mood", "/period"}


@pytest.mark.parametrize(
    ("by", "agent", "status"),
    [("lin", "a-tao", 403), ("lin", "s-lin", 403), ("lin", "a-nobody", 404), ("wei", "a-tao", 200)],
)
def test_rating_is_for_the_agents_of_the_own_team(
    api: Api, by: str, agent: str, status: int
) -> None:
    assert api("rating", by, agent=agent).status == status


def test_run_asked_for_twice_with_one_key_begins_once(api: Api, scores_machine: None) -> None:
    first, second = api("scorecards-run", "wei"), api("scorecards-run", "wei")
    assert first.status == second.status == 202
    assert first.body == second.body
    assert first.body["period"] == "2026-10"
    arn = wiring.settings().scores_machine_arn
    executions = aws("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    assert [execution["name"] for execution in executions] == [first.body["execution"]]


@pytest.mark.parametrize("name", ["scorecards", "scorecard", "scorecards-run"])
@pytest.mark.parametrize("period", ["2026-13", "november", "2027-01"])
def test_month_that_is_none_or_has_not_begun_is_refused(api: Api, name: str, period: str) -> None:
    found = api(name, "wei", period=period)
    assert (found.status, found.pointers) == (422, {"/period"})


def test_scorecard_lists_the_evidence_behind_each_component(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["resolution"] | {"version": ticket.version}
    assert api("resolution", "mei", body=body, number=ticket.number).status == 200
    scored("a-mei")
    found = api("scorecard", "mei", period=THIS_MONTH)
    assert found.status == 200
    assert found.body["preview"] is True
    parts = {part["name"]: part for part in found.body["components"]}
    assert {line["number"] for line in parts["lasting_resolution"]["evidence"]} == {ticket.number}
    assert {line["fact"] for line in parts["response_promises"]["evidence"]} == {
        "reaction",
        "first_response",
    }
    assert parts["supervisor_rating"]["reason"] == "not_rated"


def test_scorecards_are_listed_to_whom_they_concern(api: Api) -> None:
    for agent in ("a-mei", "a-jun", "a-tao"):
        scored(agent)
    seen = {}
    for by in ("mei", "lin", "wei"):
        found = api("scorecards", by, period=THIS_MONTH)
        assert found.status == 200
        seen[by] = [card["agent"] for card in found.body["cards"]]
        assert (found.body["last_run"] is None) == (by == "mei")
    assert seen == {
        "mei": ["a-mei"],
        "lin": ["a-jun", "a-mei"],
        "wei": ["a-jun", "a-mei", "a-tao"],
    }


def test_scorecard_of_another_agent_is_not_there(api: Api) -> None:
    scored("a-jun")
    assert api("scorecard", "mei", period=THIS_MONTH, agent="a-jun").status == 404
    assert api("scorecard", "lin", period=THIS_MONTH, agent="a-jun").status == 200
    assert api("scorecard", "hua", period=THIS_MONTH, agent="a-jun").status == 404


# -------------------------------------------------------------------- plans


def test_plan_is_read_and_the_next_version_published(api: Api, stores: Stores) -> None:
    assert api("plan").body == plan_document()
    found = api("plan-publish")
    assert found.status == 201
    assert found.body["version"] == 2
    assert api("plan").body["note"] == found.body["note"]


def test_invalid_plan_is_refused_whole_with_all_its_faults(api: Api) -> None:
    plan = plan_document() | {"version": 2, "surprise": 1}
    plan["levels"]["urgent"]["promises"]["first_response"]["within"] = "soon"
    plan["score"]["weights"]["satisfaction"] = 40
    plan["ladders"]["promise"][0]["action"] = "shout"
    plan["time_zone"] = "Mars/Olympus"
    found = api("plan-publish", body=plan)
    assert found.status == 422
    assert found.pointers == {
        "/surprise",
        "/levels/urgent/promises/first_response/within",
        "/score/weights",
        "/ladders/promise/0/action",
        "/time_zone",
    }
    assert api("plan").body == plan_document()


def test_the_schema_of_plans_is_served_and_the_plan_fits_it(api: Api) -> None:
    schema = api("plan-schema").body
    assert [
        error.message for error in Draft202012Validator(schema).iter_errors(plan_document())
    ] == []


def test_a_plan_to_come_holds_for_tickets_that_begin_after_its_effective_time(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    plan = plan_document() | {"version": 2, "effective_from": tomorrow.isoformat()}
    assert api("plan-publish", body=plan).status == 201
    assert api("plan").body["version"] == 1
    assert open_ticket().plan_version == 1
    third = plan_document() | {"version": 3, "effective_from": clock.now().isoformat()}
    assert api("plan-publish", body=third).codes == {"/effective_from": "too_early"}
    at_once = plan_document() | {"version": 3}
    assert api("plan-publish", body=at_once).codes == {"/effective_from": "too_early"}
    clock.advance(days=1)
    assert api("plan").body["version"] == 2
    assert open_ticket().plan_version == 2


def test_faults_of_holidays_of_versions_and_of_the_rest_are_told_at_once(api: Api) -> None:
    plan = plan_document() | {"version": 9, "note": ""}
    plan["calendars"]["office"]["holidays"]["country"] = "XX"
    assert api("plan-publish", body=plan).pointers == {"/calendars/office/holidays", "/note"}
    plan = plan_document() | {"version": 9}
    assert api("plan-publish", body=plan).pointers == {"/version"}


def test_a_ticket_is_moved_to_a_published_plan_with_new_deadlines(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    api("plan-publish")
    found = api("plan-move", "lin", number=ticket.number)
    assert (found.status, found.body["plan_version"]) == (200, 2)
    promise = next(one for one in found.body["promises"] if one["clock"] == "first_response")
    due = ticket.created_at + timedelta(hours=12)
    assert promise["target_s"] == 12 * 3600
    assert promise["due_at"] == due.isoformat(timespec="milliseconds")
    moved = stores.tickets.history(ticket.number)[-1]
    assert (moved.type, moved.by.id, moved.data["from"]) == (EventType.PLAN_CHANGED, "s-lin", 1)
    unknown = CHANGES["plan-move"] | {"version": moved.number, "plan_version": 7}
    assert api("plan-move", "lin", number=ticket.number, body=unknown).codes == {
        "/plan_version": "unknown_plan"
    }
    same = CHANGES["plan-move"] | {"version": moved.number, "plan_version": 2}
    assert api("plan-move", "lin", number=ticket.number, body=same).codes == {
        "/plan_version": "same_plan"
    }


def test_a_ticket_is_not_moved_to_a_plan_before_its_effective_time(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    later = clock.now() + timedelta(hours=1)
    plan = plan_document() | {"version": 2, "effective_from": later.isoformat()}
    assert api("plan-publish", body=plan).status == 201
    found = api("plan-move", "lin", number=ticket.number)
    assert (found.status, found.codes) == (422, {"/plan_version": "not_effective_yet"})
    assert stores.tickets.get(ticket.number) == ticket
    clock.moment = later
    assert api("plan-move", "lin", number=ticket.number).body["plan_version"] == 2


# -------------------------------------------------------------------- holds, own words, corrections


def states_of(found: Reply) -> dict[str, str]:
    """How each promise of a ticket stands."""
    return {promise["clock"]: promise["state"] for promise in found.body["promises"]}


def test_a_hold_pauses_what_the_plan_says_until_the_customer_writes(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket("service_request", agent="a-tao")
    number = ticket.number
    replied = api("reply", "tao", number=number, body={"version": 2, "text": "We look."}).body
    held = api("hold", "tao", number=number, body=CHANGES["hold"] | {"version": replied["version"]})
    states = {promise["clock"]: promise["state"] for promise in held.body["promises"]}
    assert (held.body["on_hold"], states["resolution"]) == ("part", "paused")
    plan = stores.plans.current()
    written = by_customer.write(stores.tickets.get(number), plan, "And?", clock.now())
    stores.tickets.commit(written, clock.now())
    found = api("ticket", "tao", number=number).body
    states = {promise["clock"]: promise["state"] for promise in found["promises"]}
    assert states["resolution"] == states["next_reply"] == "running"
    assert found["unanswered_since"] is not None
    released = api("release", "tao", number=number, body={"version": found["version"]})
    assert released.body["on_hold"] is None
    again = api("release", "tao", number=number, body={"version": released.body["version"]})
    assert again.status == 409


def test_a_hold_lets_the_resolution_of_a_complaint_run_on(api: Api, open_ticket: Opener) -> None:
    number = open_ticket("complaint", agent="a-mei").number
    api("reply", "mei", number=number, body={"version": 2, "text": "We look."})
    held = api("hold", "mei", number=number, body=CHANGES["hold"] | {"version": 3})
    assert (held.status, held.body["on_hold"]) == (200, "part")
    assert states_of(held)["resolution"] == "running"


def test_a_hold_counts_no_hour_but_those_in_which_a_word_of_the_customer_waits(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    number = open_ticket("service_request", agent="a-tao").number

    def done(name: str, **body: Any) -> Reply:
        version = stores.tickets.get(number).version
        found = api(name, "tao", number=number, body=body | {"version": version})
        assert found.status == 200
        return found

    done("reply", text="We look.")
    assert states_of(done("hold", **CHANGES["hold"]))["resolution"] == "paused"
    clock.advance(hours=1)
    asked = by_customer.write(
        stores.tickets.get(number), stores.plans.current(), "When?", clock.now()
    )
    stores.tickets.commit(asked, clock.now())
    assert states_of(api("ticket", "tao", number=number))["resolution"] == "running"
    clock.advance(hours=1)
    answered = done("reply", text="On Thursday.")
    assert (answered.body["on_hold"], states_of(answered)["resolution"]) == ("part", "paused")
    clock.advance(hours=4)
    released = done("release")
    resolution = next(one for one in released.body["promises"] if one["clock"] == "resolution")
    # 40 office hours from Monday 09:00 end on Friday at 18:00. Four of them are not counted (09-10,
    # 11-12, 13-15), so it is due four office hours later: on Monday at 14:00, behind the lunch.
    assert (resolution["state"], resolution["due_at"]) == (
        "running",
        "2026-11-30T06:00:00.000+00:00",
    )


def test_a_hold_before_the_first_reply_is_not_possible(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("service_request", agent="a-tao")
    found = api(
        "hold", "tao", number=ticket.number, body=CHANGES["hold"] | {"version": ticket.version}
    )
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


@pytest.mark.parametrize("by", ["2026-11-23T08:59:59+08:00", "2027-12-01T09:00:00+08:00"])
def test_an_own_word_is_given_for_the_coming_year(api: Api, open_ticket: Opener, by: str) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["promise"] | {"version": ticket.version, "by": by}
    found = api("promise", "mei", number=ticket.number, body=body)
    assert (found.status, found.codes) == (422, {"/by": "not_in_time"})


def test_an_own_word_is_a_promise_until_the_answer(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["promise"] | {"version": ticket.version}
    told = api("promise", "mei", number=ticket.number, body=body).body
    word = next(promise for promise in told["promises"] if promise["clock"] == "own_word")
    assert (word["due_at"], word["state"]) == ("2026-11-24T02:00:00.000+00:00", "running")
    clock.advance(hours=1)
    reply = {"version": told["version"], "text": "Here it is."}
    kept = api("reply", "mei", number=ticket.number, body=reply).body["promises"]
    assert {promise["clock"]: promise["state"] for promise in kept}["own_word"] == "kept"


def test_a_correction_takes_a_breach_back(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(hours=25)
    plan = stores.plans.current()
    late = by_timer.act_on_due_rungs(ticket, plan, clock.now())
    assert late is not None
    stores.tickets.commit(late, clock.now())
    missed = api("ticket", "lin", number=ticket.number).body
    body = CHANGES["correction"] | {"version": missed["version"]}
    found = api("correction", "lin", number=ticket.number, body=body).body
    states = {promise["clock"]: promise["state"] for promise in found["promises"]}
    assert (found["state"], states["first_response"]) == ("open", "kept")
    assert not stores.tickets.get(ticket.number).clocks[ClockName.FIRST_RESPONSE].breached


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"at": "2026-11-23T09:00:01+08:00"}, {"/at": "not_in_time"}),
        ({"at": "2026-11-23T08:59:59+08:00"}, {"/at": "not_in_time"}),
        ({"clock": "next_reply"}, {"/clock": "unknown_clock"}),
    ],
    ids=["to come", "before the ticket was there", "a clock that never ran"],
)
def test_a_correction_of_what_cannot_have_been_is_refused(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    changed: dict[str, str],
    codes: dict[str, str],
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["correction"] | {"version": ticket.version} | changed
    found = api("correction", "lin", number=ticket.number, body=body)
    assert (found.status, found.codes) == (422, codes)
    assert stores.tickets.get(ticket.number) == ticket


def test_a_correction_is_no_agents_to_make(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["correction"] | {"version": ticket.version}
    assert api("correction", "mei", number=ticket.number, body=body).status == 403
    assert stores.tickets.get(ticket.number) == ticket


def test_urgency_impact_and_type_of_customer_are_corrected_on_their_own(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    body = {"version": ticket.version, "urgency": "high", "impact": "high", "reason": "scalded"}
    found = api("classification", "tao", number=ticket.number, body=body).body
    assert (found["priority"], found["kind"]) == ("urgent", "inquiry")
    body = {"version": found["version"], "customer_type": "king", "reason": "important"}
    wrong = api("classification", "tao", number=ticket.number, body=body)
    assert wrong.codes == {"/customer_type": "unknown_customer_type"}
    nothing = {"version": found["version"], "reason": "none"}
    same = api("classification", "tao", number=ticket.number, body=nothing)
    assert same.codes == {"/kind": "same_kind"}


def test_the_versions_are_listed_with_who_published_them_and_how_they_stand(
    api: Api, stores: Stores, clock: Clock
) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    later = (clock.now() + timedelta(days=2)).isoformat()
    published = clock.advance(hours=1).isoformat(timespec="milliseconds")
    for version, effective in ((2, None), (3, tomorrow.isoformat()), (4, later)):
        plan = plan_document() | {"version": version, "note": f"Number {version}"}
        plan |= {"effective_from": effective}
        found = api("plan-publish", body=plan)
        assert (found.status, found.headers["Location"]) == (201, f"plans/{version}")
    clock.moment = tomorrow
    listed = api("plans", "mei").body
    assert [(one["version"], one["state"]) for one in listed["items"]] == [
        (4, "pending"),
        (3, "current"),
        (2, "past"),
        (1, "past"),
    ]
    assert listed["items"][1] == {
        "version": 3,
        "note": "Number 3",
        "effective_from": tomorrow.isoformat(timespec="milliseconds"),
        "review_by": "2027-05-23",
        "published_at": published,
        "published_by": "m-wei",
        "state": "current",
    }
    assert (listed["items"][3]["published_at"], listed["items"][3]["published_by"]) == (None, None)
    assert listed["next"] is None


def test_the_versions_come_in_pages(api: Api, stores: Stores) -> None:
    """Version 3 is of a time when nobody kept who published: it is read out of itself."""
    for version in range(2, 6):
        if version == 3:
            plan = plan_document() | {"version": 3, "note": "Before"}
            stores.staff.publish_plan(plan, 3, 2)
        else:
            assert api("plan-publish", body=plan_document() | {"version": version}).status == 201
    seen: list[int] = []
    query = {"limit": "2"}
    for _ in range(3):
        page = api("plans", query=query).body
        seen += [one["version"] for one in page["items"]]
        query = {"limit": "2", "cursor": page["next"]}
    assert (seen, page["next"]) == ([5, 4, 3, 2, 1], None)
    before = next(one for one in api("plans").body["items"] if one["version"] == 3)
    assert (before["note"], before["published_by"]) == ("Before", None)


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"limit": "0"}, {"/limit": "out_of_range"}),
        ({"limit": "26"}, {"/limit": "out_of_range"}),
        ({"cursor": "5"}, {"/cursor": "unknown_cursor"}),
        ({"cursor": "MA=="}, {"/cursor": "unknown_cursor"}),
        (
            {"limit": "many", "cursor": "OTk5OSNSLTdLM005LVFXMFgy"},
            {"/limit": "whole_number_expected", "/cursor": "unknown_cursor"},
        ),
    ],
    ids=["none", "too many", "no cursor", "version 0", "the cursor of another list"],
)
def test_a_page_of_versions_that_there_cannot_be_is_refused(
    api: Api, query: dict[str, str], codes: dict[str, str]
) -> None:
    found = api("plans", query=query)
    assert (found.status, found.codes) == (422, codes)


def test_a_list_of_versions_reads_no_whole_plan(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in range(2, 5):
        assert api("plan-publish", body=plan_document() | {"version": version}).status == 201
    read: list[int] = []
    whole = Plans.document

    def document(plans: Plans, version: int) -> dict[str, Any]:
        read.append(version)
        return whole(plans, version)

    monkeypatch.setattr(Plans, "document", document)
    assert len(api("plans").body["items"]) == 4
    assert read == [1], "plan 1 is in no table"


def test_any_version_is_read_as_it_was_published(api: Api) -> None:
    plan = plan_document() | {"version": 2, "note": "Another"}
    api("plan-publish", body=plan)
    assert api("plan-version", "mei").body == plan_document()
    assert api("plan-version", "mei", version="2").body == plan


@pytest.mark.parametrize("version", ["2", "0", "01", "x", "100000", "٢"])
def test_a_version_that_was_never_published_is_not_there(api: Api, version: str) -> None:
    assert api("plan-version", version=version).status == 404


def test_publishing_says_what_is_worth_a_look(api: Api) -> None:
    plan = plan_document() | {"version": 2}
    plan["calendars"]["office"]["holidays"]["years"] = [2026, 2049]
    [note] = api("plan-publish", body=plan).body["notes"]
    assert "2049" in note
    plan = plan_document() | {"version": 3}
    plan["calendars"]["office"]["holidays"]["years"] = [2026]
    assert api("plan-publish", body=plan).body["notes"] == []


def test_a_published_plan_has_a_day_of_review(api: Api) -> None:
    plan = plan_document() | {"version": 2, "review_by": None}
    assert api("plan-publish", body=plan).status == 201
    assert api("plan").body["review_by"] == "2027-05-25"
    late = plan_document() | {"version": 3, "review_by": "2027-11-23"}
    assert api("plan-publish", body=late).codes == {"/review_by": "not_in_time"}


def test_a_plan_may_be_larger_than_other_bodies_but_not_than_an_item(
    api: Api, stores: Stores
) -> None:
    plan = plan_document() | {"version": 2, "sources": {"text": "x" * 400_000}}
    found = api("plan-publish", body=plan)
    assert (found.status, found.codes) == (422, {"": "too_large"})
    assert stores.plans.latest().version == 1
    plan["sources"]["text"] = "x" * 380_000
    assert api("plan-publish", body=plan).status == 201
    assert api("plan").body == plan
    body = json.dumps(plan) + " " * (1024 * 1024)
    assert api("plan-publish", raw=body).status == 413


@pytest.mark.parametrize("version", [1, 3])
def test_plan_of_another_than_the_next_version_is_refused(api: Api, version: int) -> None:
    found = api("plan-publish", body=plan_document() | {"version": version})
    assert (found.status, found.codes) == (422, {"/version": "next_version"})


# -------------------------------------------------------------------- the function itself


def test_warm_up_answers_at_once(api: Api, context: Context) -> None:
    assert api.module.handler({"warm": True}, context) == {"warm": True}


@pytest.mark.parametrize("route", ["GET /staff/nothing", "DELETE /staff/plan", "GET /", "$default"])
def test_whatever_is_no_route_does_not_exist(api: Api, route: str) -> None:
    found = api.send(api.event("work") | {"routeKey": route})
    assert (found.status, found.headers["Content-Type"]) == (404, "application/problem+json")


def test_unexpected_fault_is_answered_without_its_cause_and_logged_with_its_place_not_its_words(
    api: Api, monkeypatch: pytest.MonkeyPatch, logs: StringIO
) -> None:
    def broken() -> None:
        raise KeyError("a secret of the inside") from ValueError("another")

    monkeypatch.setattr(wiring, "staff_cases", broken)
    found = api("work")
    assert found.status == 500
    assert "secret" not in json.dumps(found.body)
    (failure,) = [line for line in logs.getvalue().splitlines() if '"failed"' in line]
    assert json.loads(failure)["fault"] == "KeyError < ValueError"
    assert json.loads(failure)["where"][-1].endswith(" broken")
    assert "secret" not in logs.getvalue()


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://dynamodb.example"),
        ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem"),
        ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem"),
    ],
)
def test_store_that_does_not_answer_is_told_with_retry_after(
    api: Api, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    number = open_ticket(agent="a-mei").number
    file = wiring._models().file

    def down(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(file, "query", down)
    monkeypatch.setattr("redress.db.retry.time.sleep", lambda _: None)
    found = api("ticket", "mei", number=number)
    assert found.status == 503
    assert int(found.headers["Retry-After"]) >= 1


def test_logs_name_the_ticket_and_nobody(api: Api, open_ticket: Opener, logs: StringIO) -> None:
    ticket = open_ticket(agent="a-mei")
    api(
        "reply",
        "mei",
        body={"version": ticket.version, "text": "A word in confidence."},
        number=ticket.number,
    )
    api("ticket", "mei", number=ticket.number)
    written = logs.getvalue()
    assert f'"ticket":"{ticket.number}"' in written
    for secret in ("confidence", "Li Na", "li.na@", "mei@", "eyJ", "kettle"):
        assert secret not in written


def test_counts_failures_and_nothing_else(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api("work")
    api("board", "mei")
    assert "CloudWatchMetrics" not in capsys.readouterr().out

    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(wiring.staff_cases(), "work", broken)
    assert api("work").status == 500
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (counted,) = [line for line in lines if "RequestsFailed" in line]
    assert counted["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Redress"
    assert (counted["service"], counted["RequestsFailed"]) == ("staff", [1.0])


# -------------------------------------------------------------------- reconciliations


@pytest.fixture
def runs(stores: Stores) -> list[ReconciliationReport]:
    """Twenty-seven nightly runs, the oldest first; the last day has one by hand, too."""
    store = ReportStore(Models(TABLE, REGION))
    first = datetime(2026, 10, 28, 19, 30, tzinfo=UTC)  # 03:30 of the 29th in Shanghai
    begun = [first + timedelta(days=day) for day in range(26)]
    begun.append(begun[-1] + timedelta(hours=12))
    reports = [
        ReconciliationReport(
            at,
            "5f0e3a52",
            first,
            ("complaints", "service"),
            ended_at=at + timedelta(seconds=4),
            found={"followed": 1},
            examples={"followed": [NUMBER]},
        )
        for at in begun
    ]
    for report in reports:
        store.save(report)
    return reports


def test_the_last_reconciliations_are_listed_newest_first(
    api: Api, runs: list[ReconciliationReport]
) -> None:
    first = api("reconciliations").body
    assert [one["began_at"] for one in first["items"]] == [
        run.began_at.isoformat(timespec="milliseconds") for run in reversed(runs[2:])
    ]
    newest = first["items"][0]
    assert newest["found"] == {"followed": 1}
    assert newest["examples"] == {"followed": [NUMBER]}
    assert len(api("reconciliations", query={"limit": "3"}).body["items"]) == 3
    for limit in ("0", "26", "x"):
        found = api("reconciliations", query={"limit": limit})
        assert (found.status, found.pointers) == (422, {"/limit"})


def test_the_reconciliation_of_a_day_is_the_last_that_began_on_it(
    api: Api, runs: list[ReconciliationReport]
) -> None:
    def begun(day: str) -> str | None:
        found: str | None = api("reconciliation", date=day).body.get("began_at")
        return found

    assert begun("2026-10-29") == "2026-10-28T19:30:00.000+00:00", "of Shanghai's day"
    assert begun("2026-11-23") == runs[-1].began_at.isoformat(timespec="milliseconds")
    for day in ("2026-10-28", "2026-11-24", "2026-02-30", "9999-12-31", "0001-01-01", "yesterday"):
        assert api("reconciliation", date=day).status == 404, day


def test_before_the_first_run_there_is_nothing_to_read(api: Api) -> None:
    assert api("reconciliations").body == {"items": []}
    assert api("reconciliation").status == 404


@pytest.mark.parametrize("name", ["mei", "lin"])
def test_only_managers_read_reconciliations(
    api: Api, runs: list[ReconciliationReport], name: str
) -> None:
    assert api("reconciliations", name).status == 403
    assert api("reconciliation", name).status == 403


# ------------------------------------------------------------------------------ mails

HELD_MAIL = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"


@pytest.fixture
def opened_by_mail(stores: Stores, clock: Clock) -> str:
    """A ticket that came by mail with two attachments, of which one is not handed out."""
    given = submission("complaint")
    source = {
        "id": HELD_MAIL,
        "key": "inbound/a",
        "attachments": [
            {"id": 1, "name": "收据.pdf", "type": "application/pdf", "size": 9},
            {"id": 2, "name": "x.exe", "type": "a/b", "size": 9, "refused": "type"},
        ],
    }
    change = opening.open_ticket(given, NUMBER, stores.plans.current(), clock.now(), source)
    stores.tickets.open(change, AlsoWrite(once=()))
    return NUMBER


def test_a_mail_is_opened_by_links_that_save_it(api: Api, opened_by_mail: str) -> None:
    found = api("mail", "lin", number=opened_by_mail, event="1")
    assert found.status == 200
    original = found.body["original"]
    assert "/inbound/a?" in original
    assert "X-Amz-Expires=300" in original
    assert "attachment" in original
    receipt, program = found.body["attachments"]
    assert f"/attachments/{HELD_MAIL}/1?" in receipt["url"]
    assert "response-content-type=application%2Fpdf" in receipt["url"]
    assert "%25E6%2594%25B6%25E6%258D%25AE.pdf" in receipt["url"], "saved under its own name"
    assert (program["url"], program["refused"]) == (None, "type")


@pytest.mark.parametrize("event", ["2", "0", "x", "99999"])
def test_what_did_not_come_by_mail_has_no_mail(
    api: Api, stores: Stores, opened_by_mail: str, event: str
) -> None:
    assert api("mail", "lin", number=opened_by_mail, event=event).status == 404


def test_another_teams_mails_are_not_there(api: Api, opened_by_mail: str) -> None:
    assert api("mail", "hua", number=opened_by_mail, event="1").status == 404


def _held(number: int, clock: Clock, **fields: Any) -> IncomingRecord:
    usual: dict[str, Any] = {
        "identity": f"{number:040x}",
        "state": MailState.QUARANTINED,
        "key": f"inbound/{number}",
        "received_at": clock.now() + timedelta(seconds=number),
        "sender": "li.na@example.com",
        "sender_name": "",
        "subject": "Away",
        "excerpt": "I am away",
        "reason": "automatic",
    }
    record = IncomingRecord(**(usual | fields))
    wiring.incoming().hold(record)
    return record


def test_the_quarantine_is_read_page_by_page_newest_first(api: Api, clock: Clock) -> None:
    for number in range(5):
        _held(number, clock)
    met: list[str] = []
    query = {"limit": "2"}
    for _ in range(4):
        page = api("quarantine", "lin", query=query)
        assert page.status == 200
        met += [mail["id"] for mail in page.body["items"]]
        if page.body["next"] is None:
            break
        query = {"limit": "2", "cursor": page.body["next"]}
    assert met == [f"{number:040x}" for number in (4, 3, 2, 1, 0)]


def test_a_held_mail_says_why_and_is_opened_by_links(api: Api, clock: Clock) -> None:
    record = _held(1, clock, flags=("disowned",), because=("subject",))
    found = api("held-mail", "lin", id=record.identity)
    assert (found.status, found.body["reason"]) == (200, "automatic")
    assert (found.body["flags"], found.body["because"]) == (["disowned"], ["subject"])
    assert f"/read/{record.identity}.json?" in found.body["links"]["read"]
    unread = _held(2, clock, reason="unreadable")
    assert api("held-mail", "lin", id=unread.identity).body["links"]["read"] is None
    # What was read of it after a mending lies under another name, with the ticket.
    wiring.incoming().rewrite(replace(unread, state=MailState.OPENED, number=NUMBER))
    assert api("held-mail", "lin", id=unread.identity).body["links"]["read"] is None


def test_a_release_is_asked_for_in_the_queue(
    api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = aws("sqs").create_queue(QueueName="redress-inbound")["QueueUrl"]
    monkeypatch.setenv("INBOUND_QUEUE_URL", queue)
    wiring.settings.cache_clear()
    record = _held(1, clock)
    assert api("held-mail-release", "lin", id=record.identity).status == 202
    [message] = aws("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"]) == {"release": record.identity, "by": "s-lin"}
    virus = _held(2, clock, reason="virus")
    assert api("held-mail-release", "lin", id=virus.identity).status == 409
    gone = _held(3, clock)
    wiring.incoming().rewrite(replace(gone, state=MailState.OPENED, number=NUMBER))
    assert api("held-mail-release", "lin", id=gone.identity).status == 409
    assert "Messages" not in aws("sqs").receive_message(QueueUrl=queue)


@pytest.mark.parametrize("identity", ["x", "0" * 39, "0" * 40, "9F86" * 10])
def test_what_never_was_in_quarantine_is_not_there(api: Api, identity: str) -> None:
    assert api("held-mail", "lin", id=identity).status == 404
    assert api("held-mail-release", "lin", id=identity).status == 404
