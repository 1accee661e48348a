"""The OpenAPI document and the routes of the staff API, and how the function answers errors."""

from __future__ import annotations

import json
from importlib import resources
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from openapi_spec_validator import validate

from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.plan import GRADATIONS, HOLDS, KINDS
from redress.tickets.rules.steps.by_staff import CORRECTABLE
from redress.tickets.rules.ticket import EventType
from redress.wiring import staff as staff_wiring
from redress.wiring import stores as wired_stores
from tests.answers import DOCUMENTS, schema_errors
from tests.builders import plan_document
from tests.functions.staff.api import CHANGES, ITEM_ACTS, WHO_MAY, Api
from tests.world import Context, Opener

DOCUMENT = DOCUMENTS["staff"]


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


def test_serves_its_own_document(api: Api) -> None:
    """Generators of clients read it, and it holds no secret. So it needs no sign-in."""
    event = api.event("openapi")
    assert "authorizer" not in event["requestContext"]
    found = api.send(event)
    assert found.status == 200
    assert found.body == DOCUMENT


def test_shipped_plan_fits_the_documented_schema() -> None:
    assert schema_errors(DOCUMENT, {"$ref": "#/components/schemas/Plan"}, plan_document()) == []


def test_documented_plan_has_the_fields_of_the_published_schema() -> None:
    schema = json.loads(resources.files("redress").joinpath("data/plan.schema.json").read_text())
    documented = DOCUMENT["components"]["schemas"]["Plan"]
    assert set(documented["properties"]) == set(schema["properties"])
    assert set(documented["required"]) == set(schema["required"])


def test_document_lists_all_clocks_events_and_choices() -> None:
    def choices(schema: str) -> set[str]:
        return set(DOCUMENT["components"]["schemas"][schema]["enum"])

    assert choices("ClockName") == set(ClockName)
    assert choices("EventType") == set(EventType)
    assert choices("HoldReason") == set(HOLDS)
    assert choices("Kind") == set(KINDS)
    assert choices("Gradation") == set(GRADATIONS)
    correction = DOCUMENT["components"]["schemas"]["Correction"]["properties"]["clock"]
    assert set(correction["enum"]) == set(CORRECTABLE)


def test_table_of_changes_is_complete(api: Api) -> None:
    with_version = {
        name
        for name in WHO_MAY
        if "version" in api.event(name).get("body", "")
        and name not in ("plan-publish", "rehearsal-begin", "bulk")
    }
    assert with_version == set(CHANGES) | set(ITEM_ACTS)


def test_warm_up_event_is_answered_at_once(api: Api, context: Context) -> None:
    assert api.module.handler({"warm": True}, context) == {"warm": True}


@pytest.mark.parametrize("route", ["GET /staff/nothing", "DELETE /staff/plan", "GET /", "$default"])
def test_unknown_route_is_not_found(api: Api, route: str) -> None:
    found = api.send(api.event("work") | {"routeKey": route})
    assert (found.status, found.headers["Content-Type"]) == (404, "application/problem+json")


def test_unexpected_error_is_logged_with_its_place_and_without_its_message(
    api: Api, monkeypatch: pytest.MonkeyPatch, logs: StringIO
) -> None:
    def broken() -> None:
        raise KeyError("an internal secret") from ValueError("another")

    monkeypatch.setattr(staff_wiring, "staff_cases", broken)
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
@pytest.mark.usefixtures("at_once")
def test_store_failure_is_answered_with_503_and_retry_after(
    api: Api, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    number = open_ticket(agent="a-mei").number
    file = wired_stores.models().file

    def down(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(file, "query", down)
    found = api("ticket", "mei", number=number)
    assert found.status == 503
    assert int(found.headers["Retry-After"]) >= 1


def test_logs_contain_the_ticket_number_and_no_personal_data(
    api: Api, open_ticket: Opener, logs: StringIO
) -> None:
    ticket = open_ticket(agent="a-mei")
    api(
        "reply",
        "mei",
        body={"version": ticket.version, "text": "This is in confidence."},
        number=ticket.number,
    )
    api("ticket", "mei", number=ticket.number)
    written = logs.getvalue()
    assert f'"ticket":"{ticket.number}"' in written
    for secret in ("confidence", "Li Na", "li.na@", "mei@", "eyJ", "kettle"):
        assert secret not in written


def test_answers_are_logged_and_counted_in_no_metric(
    api: Api, capsys: pytest.CaptureFixture[str], logs: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API Gateway itself counts the answers that say that we failed."""
    api("board", "mei")

    def broken(*_: object) -> None:
        raise RuntimeError("an internal error")

    monkeypatch.setattr(staff_wiring.staff_cases(), "work", broken)
    assert api("work").status == 500
    assert '"status":500' in logs.getvalue()
    assert "CloudWatchMetrics" not in capsys.readouterr().out
