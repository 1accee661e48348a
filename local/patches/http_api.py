"""API Gateway's HTTP APIs: routes, stage variables, CORS, and the response to a failed function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ministack.services import apigateway, lambda_svc
from ministack.services.cloudformation import provisioners

from local.patches.checking import expect

_API = "AWS::ApiGatewayV2::Api"
_ANY = "x-amazon-apigateway-any-method"


def import_openapi_document() -> None:
    """An HTTP API gets what its OpenAPI document has: routes, authorizers, the origins of CORS.

    AWS: imports `Body` of AWS::ApiGatewayV2::Api (`DefinitionBody` of `HttpApi` in template.yaml).
    Emulator: ignores `Body`, so such an API has no routes.
    Patch: creates them with the emulator's own functions; an update replaces them all.
    """
    handlers = provisioners._RESOURCE_HANDLERS[_API]
    create, update = handlers["create"], handlers["update"]
    expect(create.__name__ == "_apigw_v2_api_create", f"{_API} is created by that")
    for name in ("_create_integration", "_create_authorizer", "_create_route"):
        arguments = getattr(apigateway, name).__code__.co_varnames[:2]
        expect(arguments == ("api_id", "data"), f"{name}(api_id, data)")

    def created(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, Any]:
        api_id, attributes = create(logical_id, _named(props), stack_name)
        _import(api_id, props)
        return api_id, attributes

    def updated(
        api_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, *rest: Any
    ) -> tuple[str, Any]:
        found, attributes = update(api_id, _named(old), _named(new), stack_name, *rest)
        _import(found, new)
        return found, attributes

    handlers |= {"create": created, "update": updated}


def _named(props: dict[str, Any]) -> dict[str, Any]:
    """The properties with `Name` set to the document's title; the emulator reads only `Name`."""
    title = (props.get("Body") or {}).get("info", {}).get("title")
    return props | {"Name": title} if title else props


def _import(api_id: str, props: dict[str, Any]) -> None:
    document = props.get("Body") or {}
    schemes = document.get("components", {}).get("securitySchemes", {})
    for store in (apigateway._routes, apigateway._integrations, apigateway._authorizers):
        store[api_id] = {}
    apigateway._apis[api_id].pop("corsConfiguration", None)
    if configured := document.get("x-amazon-apigateway-cors"):
        apigateway._apis[api_id]["corsConfiguration"] = configured
    authorizers = {
        name: _made(
            apigateway._create_authorizer, api_id, "authorizerId", _authorizer(name, scheme)
        )
        for name, scheme in schemes.items()
    }
    for route, operation in _operations(document):
        integration = operation["x-amazon-apigateway-integration"]
        made = _made(
            apigateway._create_integration,
            api_id,
            "integrationId",
            {
                "integrationType": integration["type"].upper(),
                "integrationUri": integration["uri"],
                "payloadFormatVersion": integration["payloadFormatVersion"],
            },
        )
        target = {"routeKey": route, "target": f"integrations/{made}"}
        asked = [name for entry in operation.get("security", []) for name in entry]
        guard = {"authorizationType": "JWT", "authorizerId": authorizers[asked[0]]} if asked else {}
        _made(apigateway._create_route, api_id, "routeId", target | guard)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields route key and operation of each route: `GET /t/{token}`, `$default`."""
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            named = "ANY" if method == _ANY else method.upper()
            yield path if path == "$default" else f"{named} {path}", operation


def _authorizer(name: str, scheme: dict[str, Any]) -> dict[str, Any]:
    read = scheme["x-amazon-apigateway-authorizer"]
    return {
        "name": name,
        "authorizerType": read["type"].upper(),
        "identitySource": [read["identitySource"]],
        "jwtConfiguration": read["jwtConfiguration"],
    }


def _made(create: Any, api_id: str, name: str, data: dict[str, Any]) -> str:
    """The id of the new resource. Raises RuntimeError with the emulator's message on refusal."""
    status, _, body = create(api_id, data)
    if status >= 400:
        raise RuntimeError(f"an HTTP API's {name} was refused: {body.decode()}")
    found: str = json.loads(body)[name]
    return found


def pass_stage_variables() -> None:
    """The event of a function holds the variables of the stage that it was called through.

    AWS: payload format 2.0 has them in `stageVariables`, which is absent if there are none.
    Emulator: leaves them out.
    Patch: adds them where the emulator passes the event to the function.
    """
    original = apigateway.run_reentrant
    expect("run_reentrant" in apigateway._invoke_lambda_proxy.__code__.co_names, "run_reentrant")

    async def run(function: Any, record: Any, event: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(event, dict) and event.get("version") == "2.0":
            context = event["requestContext"]
            variables = apigateway._get_stage_variables(context["apiId"], context["stage"])
            event = event | ({"stageVariables": variables} if variables else {})
        return await original(function, record, event, *rest, **named)

    apigateway.run_reentrant = run


def answer_cors_as_documented() -> None:
    """Requests from other origins get the headers of CORS, and a route may answer a preflight.

    AWS: if an API has a CORS configuration and no route for OPTIONS, API Gateway answers OPTIONS
    with 204. A route such as `$default` catches OPTIONS too, with and without a configuration.
    Responses to a listed origin get the configured headers, and those of the function are ignored.
    Their names are in small letters, as HTTP/2 wants all names.
    The headers of a preflight need the request header Access-Control-Request-Method.
    Source: API Gateway Developer Guide, "Configure CORS for HTTP APIs in API Gateway". It does not
    say whether API Gateway's own errors get the headers.
    Emulator: answers each OPTIONS itself, with 403 if nothing is configured or the origin is not
    listed. It keeps the headers of the function.
    Patch: passes OPTIONS on as `options`, which the emulator does not know, and writes it in
    capitals again where it looks for the route and makes the event. Its own errors get the headers.
    """
    execute, match = apigateway._handle_execute_in_scope, apigateway._match_route
    invoke, headers_for = apigateway._invoke_lambda_proxy, apigateway._cors_response_headers
    names = execute.__code__.co_names
    for name in ("_match_route", "_invoke_lambda_proxy", "_cors_preflight_response"):
        expect(name in names, f"_handle_execute_in_scope calls {name}")
    expect(match.__code__.co_varnames[:3] == ("api_id", "method", "path"), "_match_route")
    expect(invoke.__code__.co_varnames[4] == "method", "_invoke_lambda_proxy(..., method)")
    expect(execute.__code__.co_varnames[:5] == _EXECUTE, "_handle_execute_in_scope")

    async def executed(
        api_id: str, stage: str, path: str, method: str, headers: dict[str, str], *rest: Any
    ) -> Any:
        passed = "options" if method == "OPTIONS" else method
        status, given, body = await execute(api_id, stage, path, passed, headers, *rest)
        configured = apigateway._apis.get(api_id, {}).get("corsConfiguration")
        if not configured:
            return status, given, body
        asked = {name.lower(): value for name, value in headers.items()}
        preflight = method == "OPTIONS" and "access-control-request-method" in asked
        kept = {
            name: value
            for name, value in given.items()
            if not name.lower().startswith("access-control-")
        }
        if method == "OPTIONS" and not match(api_id, method, "/" + path.lstrip("/")):
            status, kept, body = 204, {}, b""
        added = headers_for(configured, asked.get("origin", ""))
        if preflight and added:
            added["Access-Control-Allow-Methods"] = ",".join(configured.get("allowMethods", []))
            added["Access-Control-Allow-Headers"] = ",".join(configured.get("allowHeaders", []))
            added["Access-Control-Max-Age"] = str(configured.get("maxAge", 0))
        if method != "OPTIONS" or preflight:
            kept |= {name.lower(): value for name, value in added.items()}
        return status, kept, body

    async def invoked(
        integration: Any, api_id: str, stage: str, path: str, method: str, *rest: Any, **named: Any
    ) -> Any:
        return await invoke(integration, api_id, stage, path, method.upper(), *rest, **named)

    apigateway._handle_execute_in_scope = executed
    apigateway._match_route = lambda api_id, method, path: match(api_id, method.upper(), path)
    apigateway._invoke_lambda_proxy = invoked


_EXECUTE = ("api_id", "stage", "path", "method", "headers")


def hide_failure_details() -> None:
    """If a function raises, the caller gets status 500 and no details.

    AWS: an HTTP API answers 500 and {"message": "Internal Server Error"}.
    Emulator: answers 502 with the exception's message and stack trace.
    Patch: replaces the response where the emulator makes it from the function's result.
    """
    original = lambda_svc.lambda_execute_result_to_api_proxy_response
    names = apigateway._invoke_lambda_proxy.__code__.co_names
    expect(original.__name__ in names, f"_invoke_lambda_proxy calls {original.__name__}")

    def shape(result: dict[str, Any]) -> tuple[Any, str | None]:
        if result.get("error"):
            return {"statusCode": 500, "body": _FAILED}, None
        answer: tuple[Any, str | None] = original(result)
        return answer

    lambda_svc.lambda_execute_result_to_api_proxy_response = shape


_FAILED = json.dumps({"message": "Internal Server Error"})
