"""The API has the routes that functions declare and that the OpenAPI documents describe."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from local.openapi.__main__ import made
from local.openapi.functions import load as from_function
from local.openapi.public import document as public
from tests.answers import DOCUMENTS, resolved, schema_errors
from tests.builders import ROOT
from tests.template.documents import called, expanded, functions, of_type, written, written_of_type
from tests.world import load

Route = tuple[str, str]


def body() -> dict[str, Any]:
    """The document that defines the API."""
    found: dict[str, Any] = expanded()["HttpApi"]["Properties"]["Body"]
    return found


@cache
def paths() -> dict[str, dict[str, Any]]:
    """The paths of the document that defines the API, without the default route."""
    return {path: operations for path, operations in body()["paths"].items() if path != DEFAULT}


DEFAULT = "$default"


@cache
def routes() -> dict[Route, str]:
    """The logical id of the function behind each (method, path) of the API."""
    return {
        (method.upper(), path): _function_behind(operation)
        for path, operations in paths().items()
        for method, operation in operations.items()
    }


def _function_behind(operation: dict[str, Any]) -> str:
    integration = operation["x-amazon-apigateway-integration"]
    assert integration["payloadFormatVersion"] == "2.0"
    [function] = re.findall(r"\$\{(\w+)Aliaslive\}/invocations$", integration["uri"]["Fn::Sub"])
    return str(function)


def routes_of(function: str) -> set[Route]:
    return {route for route, behind in routes().items() if behind == function}


# ------------------------------------------------------------------ template and functions


def cors() -> dict[str, Any]:
    """The configuration of CORS that an API with listed origins has."""
    condition, configured, otherwise = body()["x-amazon-apigateway-cors"]["Fn::If"]
    assert (condition, otherwise) == ("HasAllowedOrigins", {"Ref": "AWS::NoValue"})
    found: dict[str, Any] = configured
    return found


def test_pages_of_listed_origins_may_call_the_api_and_no_others() -> None:
    assert cors()["allowOrigins"] == {"Ref": "AllowedOrigins"}
    assert "allowCredentials" not in cors(), "a client sends its token in a header"
    assert written()["Parameters"]["AllowedOrigins"]["Default"] == ""
    for document in DOCUMENTS.values():
        assert "AllowedOrigins" in document["info"]["description"]


def test_other_origins_may_use_each_method_and_header_of_the_api() -> None:
    assert set(cors()["allowMethods"]) == {method for method, _ in routes()}
    assert len(cors()["allowHeaders"]) == len(set(cors()["allowHeaders"]))
    assert {"authorization", "content-type", *read_headers()} <= set(cors()["allowHeaders"])


SAFE = {"accept", "accept-encoding", "accept-language", "access-control-request-method"}
"""Headers that a page may send, or that a browser sends, without permission."""


def read_headers() -> set[str]:
    """The names of the request headers that the functions of the API read."""
    folders = [ROOT / "functions" / name for name in ("customer", "intake", "staff")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    files += (ROOT / "layers/core/redress/edge").rglob("*.py")
    texts = [path.read_text() for path in files]
    named = {name for text in texts for name in re.findall(r'\bheader\([^()]*?"([a-z-]+)"', text)}
    assert {"if-none-match", "idempotency-key", "accept-language"} <= named, "the search finds them"
    return named - SAFE


def test_other_origins_may_read_each_documented_header_of_an_answer() -> None:
    always_readable = {"cache-control", "content-language", "content-type", "content-length"}
    protects_pages = {"x-content-type-options", "referrer-policy", "strict-transport-security"} | {
        "content-security-policy"
    }
    documented = {
        name.lower()
        for document in DOCUMENTS.values()
        for path in document["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
        for name in resolved(document, response).get("headers", {})
    }
    assert documented - always_readable - protects_pages <= set(cors()["exposeHeaders"])


@pytest.mark.parametrize(
    "origin",
    [
        "https://desk.example.org",
        "https://desk.example.org:8443",
        "https://xn--fiq228c.example",
        "http://localhost",
        "http://localhost:5173",
        "",
    ],
)
def test_origin_as_a_browser_writes_it_can_be_allowed(origin: str) -> None:
    assert accepts("AllowedOrigins", origin)
    assert accepts("AllowedOrigins", f"https://first.example.org,{origin}") is bool(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*.example.org",
        "https://desk.example.org/",
        "https://desk.example.org/app",
        "https://Desk.example.org",
        "https://desk.example.org:443",
        "https://desk.example.org:0",
        "http://desk.example.org",
        "http://localhost:80",
        "http://localhost.example.org",
        "https://user@desk.example.org",
        "https://",
        "null",
        "desk.example.org",
    ],
)
def test_origin_that_no_browser_sends_or_that_allows_too_much_is_refused(origin: str) -> None:
    assert not accepts("AllowedOrigins", origin)
    assert not accepts("AllowedOrigins", f"{origin},https://last.example.org")
    assert not accepts("AllowedOrigins", f"https://first.example.org,{origin}")


def accepts(parameter: str, value: str) -> bool:
    return re.fullmatch(written()["Parameters"][parameter]["AllowedPattern"], value) is not None


@pytest.mark.parametrize("path", list(made()), ids=lambda path: path.name)
def test_file_is_as_the_routes_declare(path: Path) -> None:
    assert path.read_text("utf-8") == made()[path], "run `make openapi`"


def test_no_route_is_declared_twice() -> None:
    [routes] = from_function("staff", "routes")
    assert len(routes.ROUTES) == sum(len(subject.ROUTES) for subject in routes.SUBJECTS)
    of_machines = sum(len(subject.ROUTES) for subject in routes.OF_MACHINES)
    assert len(routes.MACHINE_ROUTES) == of_machines
    declared = [(route.method, route.path) for route in public.routes()]
    assert len(declared) == len(set(declared))


def test_staff_api_has_the_routes_that_its_function_serves() -> None:
    function = load("staff")
    assert routes_of("StaffFunction") == set(function.ROUTES) | set(function.MACHINE_ROUTES)


def test_customers_api_has_the_routes_that_its_function_serves() -> None:
    assert routes_of("CustomerFunction") == set(load("customer").ROUTES)


def test_public_routes_are_declared_under_the_names_of_the_functions_that_serve_them() -> None:
    served = {key: run.__name__ for key, run in load("customer").ROUTES.items()}
    declared = {
        (route.method, route.path): route.name
        for route in public.routes()
        if route.function == "customer"
    }
    assert declared == served


def test_intake_has_one_route() -> None:
    assert routes_of("IntakeFunction") == {("POST", "/tickets")}


def test_no_other_function_answers_the_api() -> None:
    assert set(routes().values()) == {"CustomerFunction", "IntakeFunction", "StaffFunction"}


def test_request_without_a_route_is_answered_by_the_pages() -> None:
    """A customer whose mail program shortened a link sees a page and not JSON."""
    [operation] = expanded()["HttpApi"]["Properties"]["Body"]["paths"][DEFAULT].values()
    assert _function_behind(operation) == "CustomerFunction"
    assert operation["isDefaultRoute"] is True
    assert "security" not in operation


# ------------------------------------------------------------------ what the API may call

POLICY_LIMIT = 20_480
"""Bytes of a function's resource policy, which holds all of its permissions (Lambda's quota)."""


def callers(function: str) -> list[str]:
    """The routes from which the API may call a function: `STAGE/METHOD/path`, `*` for anything."""
    prefix = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/"
    sources = [
        permission["Properties"]["SourceArn"]["Fn::Sub"]
        for permission in of_type("AWS::Lambda::Permission").values()
        if permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
        and called(permission["Properties"]["FunctionName"]) == function
    ]
    assert all(source.startswith(prefix) for source in sources)
    return [source.removeprefix(prefix) for source in sources]


def test_api_may_call_each_function_for_all_of_its_routes_and_staff_for_no_others() -> None:
    for (method, path), function in routes().items():
        called = f"v1/{method}{path}"
        assert any(fnmatchcase(called, source) for source in callers(function)), called
        assert any(fnmatchcase(called, source) for source in callers("StaffFunction")) == (
            function == "StaffFunction"
        )
    assert any(fnmatchcase("v1/$default", source) for source in callers("CustomerFunction"))


def test_permissions_of_a_function_do_not_grow_with_its_routes() -> None:
    """A permission takes up to 400 bytes of the policy, so fifty routes cannot have one each."""
    for function in set(routes().values()):
        beginnings = {path.split("/")[1] for _, path in routes_of(function)}
        most = len(beginnings) if function == "StaffFunction" else 1
        assert len(callers(function)) == most
        assert 400 * len(callers(function)) < POLICY_LIMIT / 10


# ------------------------------------------------------------------ who may call


def test_every_route_names_its_method() -> None:
    """ANY would open methods that nobody meant to open, and the local cloud does not support it."""
    methods = {method for method, _ in routes()}
    assert methods <= {"GET", "POST", "PUT"}


def test_only_routes_of_people_require_a_sign_in() -> None:
    """Those of machines do not: the function checks the signature, which covers the body."""
    machines = documented("openapi-machines.json")
    for (method, path), function in routes().items():
        asked = paths()[path][method.lower()].get("security", [])
        if path == "/staff/openapi.json":  # it holds no secret, and generators read it
            assert asked == []
        elif (method, path) in machines:
            assert function == "StaffFunction"
            assert path.startswith(("/machines/", "/connectors/"))
            assert asked == [], (method, path)
        elif function == "StaffFunction":
            assert path.startswith("/staff/")
            assert asked == [{"Staff": []}], (method, path)
        else:
            assert not path.startswith("/staff")
            assert asked == [], (method, path)


def test_staff_sign_in_with_the_user_pool_or_with_another_issuer() -> None:
    [authorizer] = body()["components"]["securitySchemes"].items()
    name, definition = authorizer
    assert name == "Staff"
    read = definition["x-amazon-apigateway-authorizer"]
    assert (read["type"], read["identitySource"]) == ("jwt", "$request.header.Authorization")
    issuer = "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}"
    assert read["jwtConfiguration"] == {
        "issuer": {"Fn::If": ["HasUserPool", {"Fn::Sub": issuer}, {"Ref": "StaffIssuer"}]},
        "audience": [
            {"Fn::If": ["HasUserPool", {"Ref": "UserPoolClient"}, {"Ref": "StaffAudience"}]}
        ],
    }


def test_paths_with_a_variable_at_the_same_place_give_it_the_same_name() -> None:
    """A deployment fails if the API has both /a/{x} and /a/{y}."""
    names: dict[str, set[str]] = {}
    for path in paths():
        parts = path.split("/")
        for index, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault("/".join(parts[:index]), set()).add(part)
    assert {parent: found for parent, found in names.items() if len(found) > 1} == {}


def test_every_route_is_throttled() -> None:
    settings = stage()["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "PublicRequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] > 0
    assert "RouteSettings" not in stage()


def stage() -> dict[str, Any]:
    """The properties of the only stage. Another one would serve the same routes unthrottled."""
    [found] = of_type("AWS::ApiGatewayV2::Stage").values()
    assert found["Properties"]["StageName"] == "v1"
    properties: dict[str, Any] = found["Properties"]
    return properties


# ------------------------------------------------------------------ documents

OPERATIONS = {"get", "put", "post", "delete", "patch", "head", "options"}


def documented(name: str) -> set[Route]:
    """(method, path) of every operation of a deployed OpenAPI document."""
    text = resources.files("redress").joinpath(f"data/{name}").read_text()
    return {
        (method.upper(), path)
        for path, item in json.loads(text)["paths"].items()
        for method in item
        if method in OPERATIONS
    }


def test_staff_document_describes_every_route_of_staff_and_no_other() -> None:
    staff, machines = documented("openapi-staff.json"), documented("openapi-machines.json")
    assert staff | machines == routes_of("StaffFunction")
    assert not staff & machines


def test_public_document_describes_every_public_route_and_no_other() -> None:
    public = routes_of("IntakeFunction") | routes_of("CustomerFunction")
    assert documented("openapi-public.json") == public


@pytest.mark.parametrize(
    ("name", "server"),
    [("openapi-public.json", "."), ("openapi-staff.json", ".."), ("openapi-machines.json", "..")],
)
def test_server_of_a_document_is_the_stage_that_serves_it(name: str, server: str) -> None:
    """A client resolves it against the address of the document (OpenAPI 3.1, Server Object)."""
    text = resources.files("redress").joinpath(f"data/{name}").read_text()
    assert [one["url"] for one in json.loads(text)["servers"]] == [server]
    [(_, path)] = [route for route in documented(name) if route[1].endswith("openapi.json")]
    stage = "https://abcde12345.execute-api.us-east-1.amazonaws.com/v1"
    assert urljoin(stage + path, server) == f"{stage}/"


@pytest.mark.parametrize("name", [f"openapi-{name}.json" for name in DOCUMENTS])
def test_every_operation_documents_how_the_gateway_throttles(name: str) -> None:
    """An HTTP API answers 429 itself, without Retry-After."""
    document = json.loads(resources.files("redress").joinpath(f"data/{name}").read_text())
    for method, path in documented(name):
        response = document["paths"][path][method.lower()]["responses"]["429"]
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        assert "Retry-After" not in response.get("headers", {}), (method, path)
        [(media, content)] = response["content"].items()
        assert media == "application/json"
        [schema] = content["schema"].values()
        properties = document["components"]["schemas"][schema.rpartition("/")[2]]["properties"]
        assert set(properties) == {"message"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_body_and_each_answer_has_an_example_that_fits_its_schema(name: str) -> None:
    document, lacking = DOCUMENTS[name], []
    for method, path in documented(f"openapi-{name}.json"):
        operation = document["paths"][path][method.lower()]
        parts = [operation["requestBody"]] if "requestBody" in operation else []
        parts += [resolved(document, one) for one in operation["responses"].values()]
        for part in parts:
            for media, content in part.get("content", {}).items():
                if media.startswith("image/"):  # JSON has no form for its bytes
                    continue
                examples = [
                    resolved(document, one)["value"] for one in content.get("examples", {}).values()
                ]
                examples += [content["example"]] if "example" in content else []
                lacking += [] if examples else [f"{method} {path}: {media}"]
                for example in examples:
                    assert schema_errors(document, content["schema"], example) == [], (method, path)
    assert lacking == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_operations_and_schemas_have_names_for_generated_clients(name: str) -> None:
    """Generators lose an answer with a reference into a part of another schema."""
    document = DOCUMENTS[name]
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(ids) == len(set(ids))
    tags = {one["name"] for one in document["tags"]}
    assert {tag for one in operations for tag in one["tags"]} == tags
    references = re.findall(r'"\$ref": "([^"]*)"', json.dumps(document))
    assert {one for one in references if not re.fullmatch(r"#/components/\w+/\w+", one)} == set()


def test_requests_and_mails_have_the_same_base_address() -> None:
    mailer = functions()["MailerFunction"]
    of_requests = stage()["StageVariables"]["base_address"]
    assert of_requests == mailer["Environment"]["Variables"]["BASE_ADDRESS"]


# ------------------------------------------------------------------ deployable


def test_no_function_of_the_api_has_the_address_of_the_api() -> None:
    """The API refers to the functions. Only a deployment would find a reference back."""
    for name in set(routes().values()):
        resource = written_of_type("AWS::Serverless::Function")[name]
        environment = json.dumps(resource["Properties"].get("Environment", {}))
        assert '"Ref": "HttpApi"' not in environment, name
        assert "${HttpApi" not in environment, name
