"""A WSGI application that turns requests into events for a handler, as API Gateway does.

It runs in the folder of a built function, so it imports only the standard library and the handler.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from http import HTTPStatus
from importlib import import_module
from typing import Any

HANDLER = import_module("app").handler
REASONS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class Context:
    """The attributes of Lambda's context that handlers read."""

    function_name = "redress"
    function_version = "1"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:redress"

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    answer = HANDLER(event_of(environ), Context())
    body = answer["body"].encode()
    headers = [*answer["headers"].items(), ("Content-Length", str(len(body)))]
    start_response(REASONS[answer["statusCode"]], headers)
    return [body]


def event_of(environ: dict[str, Any]) -> dict[str, Any]:
    """The event that an HTTP API sends to its function for this request."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers["content-type"] = environ["CONTENT_TYPE"]
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": f"/v1{path}",
        "rawQueryString": "",
        "headers": headers,
        "stageVariables": {"base_address": "https://help.example.org"},
        "requestContext": {
            "http": {
                "method": method,
                "path": f"/v1{path}",
                "protocol": "HTTP/1.1",
                "sourceIp": environ["REMOTE_ADDR"],
                "userAgent": "bench",
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": f"{method} {path}",
            "stage": "v1",
        },
        "body": environ["wsgi.input"].read().decode(),
        "isBase64Encoded": False,
    }
