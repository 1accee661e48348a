"""Request bodies that are refused, and how the problem reports each wrong field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redress.edge.http import BODY_LIMIT
from redress.wiring import stores
from tests.answers import DOCUMENTS
from tests.customers.builders import LI_NA, new, profile
from tests.examples import TIMES
from tests.functions.staff.api import ITEM_ACTS, REMEDY_ACTS, TASK_ACTS, Api
from tests.world import Opener

WITH_BODY = (
    "presence",
    "shift-plan",
    "reply",
    "note",
    "reminder",
    "task-opening",
    "remedy-proposal",
    *REMEDY_ACTS,
    "post-mortem",
    "inspection-check",
    "progress",
    "resolution",
    "callback",
    "assignment",
    "accepting",
    "declining",
    "classification",
    "tags",
    "fields",
    "promise",
    "hold",
    "participants",
    "about",
    "mentions-end",
    "viewing",
    "address-clearance",
    "acceptance",
    "counting",
    "linking",
    "unlinking",
    "merging",
    "unmerging",
    "splitting",
    "unsplitting",
    "duplicate-dismissal",
    "incident-declaration",
    "incident-word",
    "incident-notice",
    "incident-post-mortem",
    "incident-joining",
    "incident-leaving",
    "release",
    "correction",
    "plan-move",
    "invitation",
    "member-change",
    "suspension",
    "reinstatement",
    "connector-make",
    "connector-change",
    "connector-rotation",
    "connector-key-end",
    "connector-suspension",
    "connector-reinstatement",
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
    "ticket-customer",
    "macro",
    "bulk",
    "rating",
    "plan-publish",
    "plan-moves",
    "rehearsal-begin",
    "upload",
    "draft",
    "opening",
    *TASK_ACTS,
    *ITEM_ACTS,
)


def test_list_of_bodies_is_complete() -> None:
    documented = sum(
        "requestBody" in json.dumps(path) for path in DOCUMENTS["staff"]["paths"].values()
    )
    assert len(WITH_BODY) == documented


@pytest.fixture
def number(open_ticket: Opener) -> str:
    """The number of a ticket of the agent mei."""
    return open_ticket(agent="a-mei").number


def test_refuses_a_body_that_is_not_declared_as_json(api: Api, number: str) -> None:
    found = api("reply", "mei", number=number, headers={"Content-Type": "text/plain"})
    assert (found.status, found.body["type"]) == (415, "urn:redress:problem:media-type")


@pytest.mark.parametrize(
    "raw", ["", "{", "nonsense", '{"text": "\\ud800"}', '{"version": 1e999}', "[" * 60_000]
)
def test_refuses_a_body_that_is_not_a_json_document(api: Api, number: str, raw: str) -> None:
    found = api("reply", "mei", number=number, raw=raw)
    assert (found.status, found.body["type"]) == (400, "urn:redress:problem:not-json")


def test_refuses_a_body_whose_base64_is_broken(api: Api, number: str) -> None:
    event = api.event("reply", "mei", number=number, raw="%%%")
    event["isBase64Encoded"] = True
    assert api.send(event).status == 400


def test_refuses_a_body_over_the_limit_and_accepts_one_of_exactly_the_limit(
    api: Api, number: str
) -> None:
    start, end = '{"text": "fine"', "}"
    fitting = start + " " * (BODY_LIMIT - len(start) - len(end)) + end
    assert api("note", "mei", raw=fitting, number=number).status == 200
    found = api("note", "mei", raw=fitting + " ", number=number)
    assert (found.status, found.body["type"]) == (413, "urn:redress:problem:too-large")


@pytest.mark.parametrize("value", [None, 1, "text", [], True])
def test_refuses_a_body_that_is_not_an_object(api: Api, number: str, value: Any) -> None:
    found = api("note", "mei", number=number, body=value)
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
        (
            "tags",
            {"tags": ["kettle", 3, "x" * 41, "a\x00b"]},
            {
                "/version": "required",
                "/tags/1": "text_expected",
                "/tags/2": "too_long",
                "/tags/3": "control_characters",
            },
        ),
        ("tags", {"version": 1, "tags": ["a"] * 21}, {"/tags": "too_many"}),
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
def test_reports_all_wrong_fields_together(
    api: Api, open_ticket: Opener, name: str, body: dict[str, Any], codes: dict[str, str]
) -> None:
    path = {} if name == "presence" else {"number": open_ticket(agent="a-mei").number}
    found = api(name, "lin", body=body, **path)
    assert found.status == 422
    assert found.codes == codes


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


_FIELDS = (
    *("version", "text", "outcome", "agent", "team", "reason", "kind", "presence", "attitude"),
    *("revision", "name", "languages", "needs", "hours", "value", "other", "customer", "until"),
)


_BODIES = st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=8), _ANYTHING) | _ANYTHING


@settings(
    max_examples=120 * TIMES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.sampled_from([*WITH_BODY]), body=_BODIES)
def test_no_body_causes_a_server_error(api: Api, open_ticket: Opener, name: str, body: Any) -> None:
    if not open_ticket.opened:
        open_ticket(agent="a-mei")
        stores.customers().write([new(profile(LI_NA))])
    route = api.event(name)["routeKey"]
    path = {"number": open_ticket.opened[0]} if "{number}" in route else {}
    assert api(name, "wei", body=body, **path).status < 500
