"""The doors of the API: what is opened is what functions answer and the documents say."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any

import pytest

from tests.functions.conftest import load
from tests.template.documents import expanded, functions, of_type, written, written_of_type

Route = tuple[str, str]


@cache
def paths() -> dict[str, dict[str, Any]]:
    body: dict[str, dict[str, Any]] = expanded()["Api"]["Properties"]["Body"]["paths"]
    return body


@cache
def routes() -> dict[Route, str]:
    """(method, path) of everything the API answers -> logical id of the function behind it."""
    found = {}
    for path, operations in paths().items():
        for method, operation in operations.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            [function] = re.findall(r"\$\{(\w+)\.Arn\}", uri)
            found[method.upper(), path] = function
    return found


def routes_of(function: str) -> set[Route]:
    return {route for route, behind in routes().items() if behind == function}


# ------------------------------------------------------------------ template and functions


def test_the_staff_api_opens_what_its_table_of_routes_serves() -> None:
    assert routes_of("StaffFunction") == set(load("staff").ROUTES)


def test_the_customers_doors_open_what_the_function_serves() -> None:
    assert routes_of("CustomerFunction") == set(load("customer").ROUTES)


def test_the_intake_has_one_door() -> None:
    assert routes_of("IntakeFunction") == {("POST", "/tickets")}


def test_nobody_else_answers_the_api() -> None:
    assert set(routes().values()) == {"CustomerFunction", "IntakeFunction", "StaffFunction"}


# ------------------------------------------------------------------ who may come in


def test_every_method_is_named() -> None:
    """ANY would open what nobody thought of; the laptop's cloud does not know it either."""
    methods = {method for method, _ in routes()}
    assert methods <= {"GET", "POST", "PUT"}


def test_every_door_of_staff_asks_who_is_there_and_no_public_one_does() -> None:
    for (method, path), function in routes().items():
        asked = paths()[path][method.lower()].get("security", [])
        if function == "StaffFunction":
            assert path.startswith("/staff/")
            assert asked == [{"Staff": []}], (method, path)
        else:
            assert not path.startswith("/staff")
            assert asked == [], (method, path)


def test_staff_are_known_by_the_user_pool() -> None:
    components = expanded()["Api"]["Properties"]["Body"]["components"]
    [authorizer] = components["securitySchemes"].items()
    name, definition = authorizer
    assert name == "Staff"
    assert definition["x-amazon-apigateway-authtype"] == "cognito_user_pools"
    assert definition["x-amazon-apigateway-authorizer"]["providerARNs"] == [
        {"Fn::GetAtt": ["UserPool", "Arn"]}
    ]


def test_brothers_in_the_tree_of_paths_name_their_variable_alike() -> None:
    """API Gateway refuses /a/{x} beside /a/{y}, at the deployment."""
    names: dict[str, set[str]] = {}
    for path in paths():
        parts = path.split("/")
        for index, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault("/".join(parts[:index]), set()).add(part)
    assert {parent: found for parent, found in names.items() if len(found) > 1} == {}


def test_nothing_records_the_paths_in_which_links_carry_their_secret() -> None:
    stage = expanded()["Apiv1Stage"]["Properties"]
    assert "AccessLogSetting" not in stage
    assert stage["TracingEnabled"] is False
    for setting in stage["MethodSettings"]:
        assert not setting.get("DataTraceEnabled", False)
        assert setting.get("LoggingLevel", "OFF") == "OFF"


def test_there_is_one_stage_and_no_second_unthrottled_one() -> None:
    """SAM names another stage in the deployment itself unless the OpenAPI version is set."""
    stages = [r for r in expanded().values() if r["Type"] == "AWS::ApiGateway::Stage"]
    deployments = [r for r in expanded().values() if r["Type"] == "AWS::ApiGateway::Deployment"]
    assert [stage["Properties"]["StageName"] for stage in stages] == ["v1"]
    assert len(deployments) == 1
    assert "StageName" not in deployments[0]["Properties"]


def test_every_door_is_throttled() -> None:
    [settings] = expanded()["Apiv1Stage"]["Properties"]["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "PublicRequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] > 0


# ------------------------------------------------------------------ one shape of errors


def gateway_responses() -> dict[str, Any]:
    found: dict[str, Any] = written()["Resources"]["Api"]["Properties"]["GatewayResponses"]
    return found


@pytest.mark.parametrize("name", sorted(gateway_responses()))
def test_what_the_gateway_itself_refuses_has_the_shape_of_every_error(name: str) -> None:
    response = gateway_responses()[name]
    kind = response["ResponseParameters"]["Headers"]["Content-Type"]
    assert kind == "'application/problem+json'"
    template = response["ResponseTemplates"]["application/json"]
    # API Gateway's own words, quoted by itself
    problem = json.loads(template.replace("$context.error.messageString", '"in its words"'))
    assert {"type", "title", "detail"} <= set(problem) <= {"type", "title", "status", "detail"}
    assert problem.get("status") == response.get("StatusCode")
    assert problem["type"].startswith("urn:redress:problem:")
    if problem.get("status") in (429, 503):
        assert "Retry-After" in response["ResponseParameters"]["Headers"]


def test_whatever_the_gateway_refuses_is_covered() -> None:
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN"} <= set(
        gateway_responses()
    )


# ------------------------------------------------------------------ documents

OPERATIONS = {"get", "put", "post", "delete", "patch", "head", "options"}


def documented(name: str) -> set[Route]:
    """(method, path) of every operation of an OpenAPI document that ships."""
    text = resources.files("redress").joinpath(f"data/{name}").read_text()
    return {
        (method.upper(), path)
        for path, item in json.loads(text)["paths"].items()
        for method in item
        if method in OPERATIONS
    }


def test_the_staff_document_describes_every_door_of_staff_and_no_other() -> None:
    assert documented("openapi-staff.json") == routes_of("StaffFunction")


def test_the_public_document_describes_every_public_door_and_no_other() -> None:
    public = routes_of("IntakeFunction") | routes_of("CustomerFunction")
    assert documented("openapi-public.json") == public


def test_every_request_and_every_mail_tell_the_same_address() -> None:
    mailer = functions()["MailerFunction"]
    [stage] = of_type("AWS::ApiGateway::Stage").values()
    told = stage["Properties"]["Variables"]["base_address"]
    assert told == mailer["Environment"]["Variables"]["BASE_ADDRESS"]


# ------------------------------------------------------------------ deployable


def test_no_function_of_the_api_is_told_where_the_api_is() -> None:
    """The API names the functions: a circle that only the deployment would find."""
    for name in set(routes().values()):
        resource = written_of_type("AWS::Serverless::Function")[name]
        environment = json.dumps(resource["Properties"].get("Environment", {}))
        assert '"Ref": "Api"' not in environment, name
        assert "${Api" not in environment, name
