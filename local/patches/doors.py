"""API Gateway: which token opens a door, and what is said when a function fails behind it."""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway_v1

from local.patches.checking import expect


def take_id_tokens_only() -> None:
    """A Cognito authorizer without scopes takes ID tokens only.

    AWS: an access token is for methods with scopes; elsewhere it is unauthorized.
    Emulator: takes both.
    Mended: after all of the emulator's own checks.
    """
    original = apigateway_v1._validate_cognito_authorizer
    names = original.__code__.co_varnames[:5]
    expect(
        names == ("authorizer", "method_obj", "headers", "query_params", "stage"),
        "_validate_cognito_authorizer(authorizer, method_obj, headers, query_params, stage)",
    )

    async def validate(authorizer: Any, method: Any, headers: Any, query: Any, stage: Any) -> Any:
        claims, error = await original(authorizer, method, headers, query, stage)
        if error is not None or method.get("authorizationScopes"):
            return claims, error
        if claims.get("token_use") != "id":
            return None, apigateway_v1._gw_error("UNAUTHORIZED", "Unauthorized")
        return claims, None

    apigateway_v1._validate_cognito_authorizer = validate


def answer_errors_as_the_api_says() -> None:
    """An API's own responses to errors, written in its definition, are taken.

    AWS: `x-amazon-apigateway-gateway-responses` (SAM's `GatewayResponses`) is part of the import.
    Emulator: has gateway responses, but does not import them.
    Mended: each is put right after the import, before the API is deployed to its stage.
    """
    original = apigateway_v1._import_rest_api
    expect(
        original.__code__.co_varnames[:2] == ("spec", "base_data"), "_import_rest_api(spec, ...)"
    )
    expect(callable(apigateway_v1._put_gateway_response), "_put_gateway_response")

    def load(spec: dict[str, Any], base: dict[str, Any] | None = None) -> str:
        api_id: str = original(spec, base)
        responses = spec.get("x-amazon-apigateway-gateway-responses") or {}
        for kind, response in responses.items():
            status, _, body = apigateway_v1._put_gateway_response(api_id, kind, response)
            if status >= 400:
                raise RuntimeError(f"gateway response {kind} was refused: {body.decode()}")
        return api_id

    apigateway_v1._import_rest_api = load


def say_nothing_of_failures() -> None:
    """A function that raised is answered with the stage's response for server errors.

    AWS: 502 and {"message": "Internal server error"}, or what the API's DEFAULT_5XX response says;
    nothing of the exception reaches the caller.
    Emulator: 502 with the exception's message and stack trace.
    Mended: through the emulator's own gateway responses.
    """
    original = apigateway_v1._invoke_lambda_proxy_v1
    shape = apigateway_v1._lambda_proxy_response
    expect(original.__code__.co_flags & 0x80, "_invoke_lambda_proxy_v1 is a coroutine")
    customized = apigateway_v1._gateway_responses

    def silent(result: dict[str, Any]) -> tuple[Any, str | None]:
        response, error = shape(result)
        return response, "Internal server error" if error else None

    async def invoke(integration: Any, api_id: str, *rest: Any, **named: Any) -> Any:
        answer = await original(integration, api_id, *rest, **named)
        failed = isinstance(answer, tuple) and answer[0] == 502 and answer[2] == _SILENT
        if failed and "DEFAULT_5XX" in customized.get(api_id, {}):
            return apigateway_v1._gw_error("DEFAULT_5XX", "Internal server error")
        return answer

    apigateway_v1._lambda_proxy_response = silent
    apigateway_v1._invoke_lambda_proxy_v1 = invoke


_SILENT = b'{"message": "Internal server error"}'
