"""Requests and answers in the form that an HTTP API of API Gateway uses (payload format 2.0).

An event has no key for a part that its request does not have: query, body or path parameters.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from redress.edge.problems import CONTENT_TYPE, Problem, plain, to_json

LONGEST_CHARACTER = 12
"""The most bytes of one character of a text. An emoji has 12 if JSON writes it as two escapes
(`\\ud83d\\ude00`), or if a form encodes each of its four bytes in per cent (`%F0%9F%98%80`)."""

MOST_CHARACTERS = 25_000
"""At least as many characters as the texts of one body may have together. A submission and a
resolution have the most: a text of 20,000 characters and some shorter ones."""

BODY_LIMIT = LONGEST_CHARACTER * MOST_CHARACTERS + 20_000
"""The most bytes of a body of JSON or of a form, with 20,000 bytes for what is not in a text. So a
text within its limit is accepted however it is encoded. API Gateway takes 10 MB (HTTP API quotas)
and Lambda 6 MB, in which API Gateway escapes or base64-encodes the body (Lambda quotas)."""

SECURITY = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
}
"""The headers of every answer. Links are secrets, so no cache may keep them and no other site may
learn them."""


Answer = dict[str, Any]
"""An answer of a function to API Gateway: statusCode, headers, body."""


class NoBaseAddress(RuntimeError):
    """The API was deployed without the stage variable that holds its address."""


def base_address(event: dict[str, Any]) -> str:
    """The address of the pages and the API, without a slash at the end, from the stage's variables.

    Every request contains the variables (template.yaml, `HttpApi`), so no call is needed to read
    them. The sender of a request can choose its Host header, but not the variables. Raises
    NoBaseAddress.
    """
    address: str = (event.get("stageVariables") or {}).get("base_address") or ""
    if not address:
        raise NoBaseAddress("the stage has no variable base_address")
    return address


def route_of(event: dict[str, Any]) -> tuple[str, str]:
    """The method and path of the route that API Gateway found, such as ("GET", "/t/{token}").

    ("", "") means that it found none. API Gateway has already matched the path and read its
    parameters. So a function only looks up its handler in a table
    (docs/decisions/008-libraries.md).
    """
    method, _, path = event["routeKey"].partition(" ")
    return (method, path) if path else ("", "")


def header(event: dict[str, Any], name: str) -> str:
    """A request header by its name in lower case, or ''."""
    value: str = (event.get("headers") or {}).get(name) or ""
    return value


def source_of(event: dict[str, Any]) -> str:
    """The IP address from which the request came, or '' if API Gateway named none."""
    about = event["requestContext"].get("http") or {}
    source: str = about.get("sourceIp") or ""
    return source


def body_of(event: dict[str, Any]) -> bytes:
    """The bytes of the body. Raises ValueError for broken base64."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError("the body is not base64") from error


class Refused(Exception):
    """The HTTP layer, not a use case, refuses the request. `problem` is the answer."""

    def __init__(self, found: Problem) -> None:
        super().__init__(found.detail)
        self.problem = found


def json_body(event: dict[str, Any], limit: int = BODY_LIMIT) -> Any:
    """The decoded JSON body. Raises Refused: 415 (media type), 413 (size) or 400 (not JSON)."""
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
        # RecursionError: a body within the limit can nest thousands of brackets.
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
