"""The doors of the API: what is opened is what functions answer and the documents say."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any

from tests.functions.conftest import load
from tests.template.documents import expanded, functions, of_type, written_of_type

Route = tuple[str, str]


@cache
def paths() -> dict[str, dict[str, Any]]:
    """Of the document that SAM makes; the default route is none of them."""
    body: dict[str, dict[str, Any]] = expanded()["HttpApi"]["Properties"]["Body"]["paths"]
    return {path: operations for path, operations in body.items() if path != DEFAULT}


DEFAULT = "$default"


@cache
def routes() -> dict[Route, str]:
    """(method, path) of everything the API answers -> logical id of the function behind it."""
    return {
        (method.upper(), path): _function_behind(operation)
        for path, operations in paths().items()
        for method, operation in operations.items()
    }


def _function_behind(operation: dict[str, Any]) -> str:
    integration = operation["x-amazon-apigateway-integration"]
    assert integration["payloadFormatVersion"] == "2.0"
    [function] = re.findall(r"\$\{(\w+)\.Arn\}", integration["uri"]["Fn::Sub"])
    return str(function)


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


def test_what_has_no_route_is_answered_by_the_pages() -> None:
    """A customer whose mail program has cut the link reads a page, not a machine's refusal."""
    [operation] = expanded()["HttpApi"]["Properties"]["Body"]["paths"][DEFAULT].values()
    assert _function_behind(operation) == "CustomerFunction"
    assert "security" not in operation


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
    components = expanded()["HttpApi"]["Properties"]["Body"]["components"]
    [authorizer] = components["securitySchemes"].items()
    name, definition = authorizer
    assert name == "Staff"
    read = definition["x-amazon-apigateway-authorizer"]
    assert (read["type"], read["identitySource"]) == ("jwt", "$request.header.Authorization")
    issuer = "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}"
    assert read["jwtConfiguration"] == {
        "issuer": {"Fn::Sub": issuer},
        "audience": [{"Ref": "UserPoolClient"}],
    }


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
    assert "AccessLogSettings" not in stage()


def test_every_door_is_throttled() -> None:
    settings = stage()["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "PublicRequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] > 0
    assert "RouteSettings" not in stage()


def stage() -> dict[str, Any]:
    """The only one: another would be the same doors, unthrottled."""
    [found] = of_type("AWS::ApiGatewayV2::Stage").values()
    assert found["Properties"]["StageName"] == "v1"
    properties: dict[str, Any] = found["Properties"]
    return properties


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
    told = stage()["StageVariables"]["base_address"]
    assert told == mailer["Environment"]["Variables"]["BASE_ADDRESS"]


# ------------------------------------------------------------------ deployable


def test_no_function_of_the_api_is_told_where_the_api_is() -> None:
    """The API names the functions: a circle that only the deployment would find."""
    for name in set(routes().values()):
        resource = written_of_type("AWS::Serverless::Function")[name]
        environment = json.dumps(resource["Properties"].get("Environment", {}))
        assert '"Ref": "HttpApi"' not in environment, name
        assert "${HttpApi" not in environment, name
