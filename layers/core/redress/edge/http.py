"""Requests as an HTTP API of API Gateway hands them over, and answers as it takes them.

Payload format 2.0: what a request lacks (a query, a body, path parameters) its event lacks too.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from redress.edge.problems import CONTENT_TYPE, Problem, plain, to_json

BODY_LIMIT = 64 * 1024
"""Bytes of a JSON body: three times the longest text that a ticket takes."""

SECURITY = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
}
"""On every answer: links are secrets, so nothing is kept by caches or told to other sites."""


Answer = dict[str, Any]
"""An answer as API Gateway takes it from a function: statusCode, headers, body."""


class NoBaseAddress(RuntimeError):
    """The API was deployed without the stage variable that says where it is."""


def base_address(event: dict[str, Any]) -> str:
    """Where the pages and the API are, without a slash at the end: the stage says it.

    It comes with every request (template.yaml, `HttpApi`), so nothing is fetched for it, and it is
    no word of the sender's, as the Host header is. Raises NoBaseAddress when it is not there.
    """
    address: str = (event.get("stageVariables") or {}).get("base_address") or ""
    if not address:
        raise NoBaseAddress("the stage has no variable base_address")
    return address


def route_of(event: dict[str, Any]) -> tuple[str, str]:
    """(method, path) of the route that API Gateway found, ("GET", "/t/{token}"); of none: ("", "").

    It has matched the path and read its parts before a function is called, so functions look their
    handler up in a table (docs/decisions/008-libraries.md).
    """
    method, _, path = event["routeKey"].partition(" ")
    return (method, path) if path else ("", "")


def header(event: dict[str, Any], name: str) -> str:
    """A request header by its lower-case name, as an HTTP API hands them over; '' for none."""
    value: str = (event.get("headers") or {}).get(name) or ""
    return value


def body_of(event: dict[str, Any]) -> bytes:
    """The request's body as it was sent; raises ValueError when its base64 is broken."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError("the body is not base64") from error


class Refused(Exception):
    """The request is wrong as HTTP, before any use case was asked; `problem` is the answer."""

    def __init__(self, found: Problem) -> None:
        super().__init__(found.detail)
        self.problem = found


def json_body(event: dict[str, Any], limit: int = BODY_LIMIT) -> Any:
    """The decoded JSON body; raises Refused with 415 (not JSON's media type), 413 or 400."""
    media = header(event, "content-type").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Refused(plain(415, "media-type", "Not JSON", "send Content-Type: application/json"))
    try:
        raw = body_of(event)
    except ValueError as error:
        detail = "the body cannot be decoded"
        raise Refused(plain(400, "not-json", "Not JSON", detail)) from error
    if len(raw) > limit:
        detail = f"a body has at most {limit} bytes"
        raise Refused(plain(413, "too-large", "Too large", detail))
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # RecursionError: thousands of nested brackets fit into the limit.
        detail = "the body is not a JSON document"
        raise Refused(plain(400, "not-json", "Not JSON", detail)) from error


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Answer:
    """A JSON answer."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", **SECURITY, **(headers or {})},
        "body": msgspec.json.encode(body).decode(),
    }


def problem(found: Problem) -> Answer:
    """A problem as application/problem+json."""
    return answer(found.status, to_json(found), {"Content-Type": CONTENT_TYPE, **found.headers})
