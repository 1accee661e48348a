"""The style sheet, the logo, the OpenAPI document, and the answer to a path without a route."""

from __future__ import annotations

import base64
import re
from functools import cache
from http import HTTPStatus
from typing import NoReturn

import msgspec
from rendering import (
    LOGO,
    SCRIPT,
    STYLE,
    digest_of,
    guarded,
    house,
    logo,
    respond,
    script,
    style,
)
from web_request import WebRequest

from redress.base import shipped
from redress.base.errors import (
    NotFound,
)
from redress.edge.http import (
    SECURITY,
    Answer,
    Refused,
    problem,
)
from redress.edge.problems import plain


def document(request: WebRequest) -> Answer:
    """Return the OpenAPI document of all public routes."""
    body = shipped.read("openapi-public.json").decode()
    return _cacheable(request, "application/json", body, digest_of(body.encode()), "max-age=300")


def asset(request: WebRequest) -> Answer:
    """Return the style sheet, the script of the page of files, or the logo.

    There are no other names, so none can be a path.
    """
    own, name = house(), request.path["name"]
    if name == STYLE:
        media, file = "text/css; charset=utf-8", style(own)
    elif name == SCRIPT:
        media, file = "text/javascript; charset=utf-8", script()
    elif name == LOGO and (picture := logo(own)):
        media, file = "image/png", picture
    else:
        return guarded(request, _no_page)
    # A URL with the right digest always means this content, so browsers may keep it for a year.
    # Any other URL may return new content after the next deployment.
    same = request.query("v") == file.digest
    kept = "public, max-age=31536000, immutable" if same else "public, max-age=3600"
    if name != LOGO:
        return _cacheable(request, media, file.content.decode(), file.digest, kept)
    encoded = base64.b64encode(file.content).decode()
    return _cacheable(request, media, encoded, file.digest, kept, is_base64=True)


def _cacheable(
    request: WebRequest, media: str, body: str, digest: str, kept: str, *, is_base64: bool = False
) -> Answer:
    """Return a file that browsers may keep, or 304 if the browser has the same content already.

    `digest` is that of the content, and `kept` the value of Cache-Control. A 304 has the headers
    that the 200 would have, apart from those that describe the content (RFC 9110, 15.4.5).
    """
    tag = f'"{digest}"'
    headers = {**SECURITY, "Cache-Control": kept, "ETag": tag}
    if _is_known(request.header("if-none-match"), tag):
        return {"statusCode": HTTPStatus.NOT_MODIFIED, "headers": headers}
    return respond(200, media, body, headers) | ({"isBase64Encoded": True} if is_base64 else {})


def _is_known(given: str, tag: str) -> bool:
    """Whether an If-None-Match header names this entity tag (RFC 9110, 13.1.2).

    It is `*`, or a list of entity tags. A weak tag (`W/"x"`) stands for the same content here.
    """
    return given.strip() == "*" or tag in re.findall('(?:W/)?("[^"]*")', given)


def without_route(request: WebRequest) -> Answer:
    """Answer a request that no route of the API matches: as JSON, or as a page to a browser.

    API Gateway sends it here for every method and path (`$default`). RFC 9110, 15.5.6: if the path
    has routes with other methods, the answer is 405 and `Allow` names them. Otherwise it is 404.

    `$default` catches preflight requests of browsers too. API Gateway adds the headers of CORS to
    the answer if the origin is one of AllowedOrigins (template.yaml), but a browser also requires a
    status of success.
    """
    if request.method == "OPTIONS" and request.header("access-control-request-method"):
        return {"statusCode": HTTPStatus.NO_CONTENT, "headers": SECURITY}
    methods = ", ".join(_methods_of(request))
    if methods:
        title, detail = "The path has no such method", f"it has {methods}"
        found = plain(405, "method-not-allowed", title, detail, Allow=methods)
    else:
        found = plain(404, "not-found", "There is nothing here", "no route")

    def refuse() -> NoReturn:
        raise Refused(found)

    if "text/html" in request.header("accept"):
        return guarded(request, refuse)
    return problem(found)


def _methods_of(request: WebRequest) -> list[str]:
    """Return the methods of the routes whose path fits, of customers and of staff."""
    asked = request.event["rawPath"].removeprefix(f"/{request.event['requestContext']['stage']}")
    fitting = [methods for path, methods in _paths() if path.fullmatch(asked)]
    return sorted({method for methods in fitting for method in methods})


@cache
def _paths() -> list[tuple[re.Pattern[str], list[str]]]:
    """Return the pattern and the methods of each path in the deployed OpenAPI documents.

    Only a request without a route needs them, so no cold start of a route waits for them.
    """
    found = []
    for name in ("openapi-public.json", "openapi-staff.json"):
        text = shipped.read(name)
        for path, operations in msgspec.json.decode(text)["paths"].items():
            pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
            found.append((pattern, [method.upper() for method in operations]))
    return found


def _no_page() -> NoReturn:
    raise NotFound("there is no such page")
