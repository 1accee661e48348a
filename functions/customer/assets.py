"""The style sheet, the OpenAPI document, and the page for a path that has no route."""

from __future__ import annotations

import mimetypes
from http import HTTPStatus
from importlib import resources
from typing import NoReturn

from rendering import HERE, digest_of, guarded, respond
from web_request import WebRequest

from redress.base.errors import (
    NotFound,
)
from redress.edge.http import (
    SECURITY,
    Answer,
    problem,
)
from redress.edge.problems import plain


def document(request: WebRequest) -> Answer:
    """Return the OpenAPI document of all public routes."""
    body = resources.files("redress").joinpath("data/openapi-public.json").read_text("utf-8")
    return respond(200, "application/json", body, {**SECURITY, "Cache-Control": "max-age=300"})


def asset(request: WebRequest) -> Answer:
    """Return a style sheet.

    The name is looked up among the files that exist. It is never joined to a path, so it cannot
    lead out of the folder.
    """
    found = {path.name: path for path in (HERE / "assets").iterdir()}.get(request.path["name"])
    if found is None:
        return guarded(request, _no_page)
    text = found.read_text("utf-8")
    media = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    digest = digest_of(text)
    # A URL with the right digest always means this content, so browsers may keep it for a year.
    # Any other URL may return new content after the next deployment.
    same = request.query("v") == digest
    kept = "public, max-age=31536000, immutable" if same else "public, max-age=3600"
    headers = {**SECURITY, "Cache-Control": kept, "ETag": f'"{digest}"'}
    return respond(200, f"{media}; charset=utf-8", text, headers)


def not_found(request: WebRequest) -> Answer:
    if "text/html" in request.header("accept"):
        return guarded(request, _no_page)
    return problem(plain(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here", "no route"))


def _no_page() -> NoReturn:
    raise NotFound("there is no such page")
