"""The routes of the API in `template.yaml`: the part of the file between two comments.

API Gateway imports them. They have no schemas, because an HTTP API validates no bodies and accepts
no OpenAPI 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from local.openapi import functions
from local.openapi.public import document as public
from local.process import ROOT

TEMPLATE = ROOT / "template.yaml"
BEGIN = "# made by `make openapi` from the declarations of routes; not edited by hand"
END = "# end of the routes"
INDENT = " " * 10

AUTHORIZER = "Staff"
DEFAULT = "$default"


def written() -> str:
    """The template with the declared routes. Raises ValueError if a comment is missing."""
    text = TEMPLATE.read_text("utf-8")
    before, begin, rest = text.partition(f"{INDENT}{BEGIN}\n")
    _, end, after = rest.partition(f"{INDENT}{END}\n")
    if not begin or not end:
        raise ValueError(f"{TEMPLATE.name} has no place for the routes")
    return before + begin + "".join(f"{INDENT}{line}\n" for line in _lines()) + end + after


def _lines() -> Iterator[str]:
    """The lines of the routes. A YAML anchor defines the integration of each function once."""
    named: set[str] = set()
    path = None
    for path_of, method, function, secured in sorted(_routes(), key=lambda route: route[0]):
        if path_of != path:
            path = path_of
            yield f'"{path}":'
        variables = re.findall(r"{(\w+)}", path)
        parameters = [f"{{ name: {name}, in: path, required: true }}" for name in variables]
        yield f"  {method}:"
        if parameters:
            yield f"    parameters: [{', '.join(parameters)}]"
        if secured:
            yield f"    security: [{{ {AUTHORIZER}: [] }}]"
        if path == DEFAULT:
            yield "    isDefaultRoute: true"
        yield "    responses: {}"
        if function in named:
            yield f"    x-amazon-apigateway-integration: *{function}"
            continue
        named.add(function)
        yield f"    x-amazon-apigateway-integration: &{function}"
        yield "      type: aws_proxy"
        yield "      httpMethod: POST"
        yield '      payloadFormatVersion: "2.0"'
        yield f"      uri: !Sub {_uri(function)}"


def _uri(function: str) -> str:
    name = f"{function.title()}Function"
    return (
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
        f"${{{name}.Alias}}/invocations"
    )


def _routes() -> Iterator[tuple[str, str, str, bool]]:
    """Every route, and the default route for all other requests.

    Gives path, method, function, and whether the caller must have signed in.
    """
    yield DEFAULT, "x-amazon-apigateway-any-method", "customer", False
    for public_route in public.routes():
        yield public_route.path, public_route.method.lower(), public_route.function, False
    [routes] = functions.load("staff", "routes")
    for route in routes.ROUTES.values():
        yield route.path, route.method.lower(), "staff", bool(route.roles)
    for route in routes.MACHINE_ROUTES.values():
        # The function checks the signature. An authorizer does not see the body.
        yield route.path, route.method.lower(), "staff", False
