"""Checks each answer of the API's functions against the OpenAPI documents.

`tests.world.load` puts the check around the handler of each function that serves the API, so no
test of a handler escapes it.
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from redress.edge.http import SECURITY

Document = dict[str, Any]
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

JSON = ("application/json", "application/problem+json")
UNLISTED = {*SECURITY, "Content-Type", "Content-Security-Policy", "Content-Language"}
"""Headers that the documents do not list by route. Every answer, or every page, has them."""


def read_document(name: str) -> Document:
    """The deployed document `openapi-{name}.json`."""
    text = resources.files("redress").joinpath(f"data/openapi-{name}.json").read_bytes()
    document: Document = json.loads(text)
    return document


DOCUMENTS = {name: read_document(name) for name in ("public", "staff", "machines")}


def resolved(document: Document, part: dict[str, Any]) -> dict[str, Any]:
    """The part of the document to which a `$ref` points. A part without `$ref` is unchanged."""
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def schema_errors(document: Document, schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value, by a schema of the document."""
    validator = _validator(json.dumps(schema), document["info"]["title"])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@cache
def _validator(schema: str, title: str) -> Any:
    [document] = [one for one in DOCUMENTS.values() if one["info"]["title"] == title]
    components = document["components"]
    if document is DOCUMENTS["public"]:
        components = _closed(components)
    rooted = {**json.loads(schema), "components": components}
    return Draft202012Validator(rooted, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _closed(part: Any) -> Any:
    """The schemas, in which an object that lists its fields has no others.

    Clients must accept fields that a later version adds, so the public document leaves its objects
    open. An answer that has a field without a description is still a fault.
    """
    match part:
        case {"type": "object", "properties": _}:
            closed = {name: _closed(value) for name, value in part.items()}
            return {"additionalProperties": False} | closed
        case dict():
            return {name: _closed(value) for name, value in part.items()}
        case list():
            return [_closed(value) for value in part]
    return part


LARGEST_ANSWER = 6_291_556
"""The most bytes of what a function returns (Lambda quotas: 6 MB, and what its error message
`Function.ResponseSizeTooLarge` names). API Gateway answers 500 for a larger one."""

DOCUMENT_OF = {"customer": ("public",), "intake": ("public",), "staff": ("staff", "machines")}
"""Function that serves the API -> the documents of its routes."""


def checked(handler: Handler, *documents: Document) -> Handler:
    """The handler, which raises AssertionError for an answer that no document allows.

    The document of a route is the one that has its path, or the first one.
    """

    @functools.wraps(handler)
    def answered(event: dict[str, Any], context: Any) -> dict[str, Any]:
        given = handler(event, context)
        if "routeKey" in event:
            _, _, path = event["routeKey"].partition(" ")
            document = next((one for one in documents if path in one["paths"]), documents[0])
            found = faults(document, event["routeKey"], unpacked(given))
            assert not found, "; ".join(found)
        return given

    return answered


def unpacked(given: dict[str, Any]) -> dict[str, Any]:
    """The answer as its client reads it: if it is compressed, the same one without compression."""
    if given.get("headers", {}).get("Content-Encoding") != "gzip":
        return given
    headers = {k: v for k, v in given["headers"].items() if k not in ("Content-Encoding", "Vary")}
    body = gzip.decompress(base64.b64decode(given["body"])).decode()
    return {"statusCode": given["statusCode"], "headers": headers, "body": body}


def faults(document: Document, route: str, given: dict[str, Any]) -> list[str]:
    """Everything in an answer of a route (`GET /staff/work`) that the document does not allow."""
    method, _, path = route.partition(" ")
    named = f"{route} {given['statusCode']}"
    if len(json.dumps(given, ensure_ascii=False).encode()) > LARGEST_ANSWER:
        return [f"{named}: an answer of more than {LARGEST_ANSWER} bytes"]
    operation = document["paths"].get(path, {}).get(method.lower())
    if operation is None:
        preflight = (route, given["statusCode"], given.get("body")) == ("$default", 204, None)
        allowed = given["statusCode"] in (404, 405) or preflight
        return [] if allowed else [f"{named}: the document has no such route"]
    response = operation["responses"].get(str(given["statusCode"]))
    if response is None:
        return [f"{named}: the status is not documented"]
    found = _faults(document, resolved(document, response), given)
    return [f"{named}: {fault}" for fault in found]


def _faults(document: Document, response: dict[str, Any], given: dict[str, Any]) -> list[str]:
    headers, body = given["headers"], given.get("body", "")
    found = [
        f"{name} is {headers.get(name)!r}"
        for name in ("X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security")
        if headers.get(name) != SECURITY[name]
    ]
    documented = {
        name.lower(): resolved(document, header)
        for name, header in response.get("headers", {}).items()
    }
    for name in headers:
        if name.lower() not in documented and name not in UNLISTED:
            found.append(f"the header {name} is not documented")
    present = {name.lower(): value for name, value in headers.items()}
    for name, header in documented.items():
        if name not in present:
            if header.get("required"):
                found.append(f"the header {name} is missing")
            continue
        value: Any = present[name]
        if header["schema"].get("type") == "integer" and value.isdigit():
            value = int(value)
        found += schema_errors(document, header["schema"], value)
    if any(name.startswith("access-control") for name in present):
        found.append("the gateway sends the headers of CORS, not the function")
    if "content" not in response:
        return found + ([f"the body {body[:40]!r} is not documented"] if body else [])
    media, _, _ = headers["Content-Type"].partition(";")
    if media not in response["content"]:
        return [*found, f"the media type {media} is not documented"]
    value = json.loads(body) if media in JSON else body
    return found + schema_errors(document, response["content"][media].get("schema", {}), value)
