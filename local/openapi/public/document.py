"""The OpenAPI document of the public API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from local.openapi import schemas
from local.openapi.files import texts
from local.openapi.public import pages, tickets
from local.openapi.public.route import PublicRoute
from local.openapi.public.tickets import Action, Problem, Throttled
from local.openapi.values import TICKET
from redress.base.errors import MOST_FAULTS, POINTER_LIMIT
from redress.base.idempotency import KEY_LIMIT
from redress.edge.http import BODY_LIMIT

Document = dict[str, Any]

SUBJECTS = {"tickets": tickets, "pages": pages}

FORM = "application/x-www-form-urlencoded"
ALWAYS = (429, 500)
"""Error statuses of every route."""

PARAMETERS: dict[str, Any] = {
    "number": str,
    "file": str,
    "item": str,
    "token": str,
    "action": Action,
    "name": str,
    "kind": str,
    "lang": str,
    "sent": str,
}
"""Parameters of paths and queries: name -> type."""


def routes() -> Iterator[PublicRoute]:
    """Every public route."""
    for subject in SUBJECTS.values():
        yield from subject.ROUTES


def document() -> Document:
    """The complete document."""
    limits = {
        "body_limit": BODY_LIMIT,
        "most_faults": MOST_FAULTS,
        "pointer_limit": POINTER_LIMIT,
    }
    common = texts("public", "common.yaml", **limits)
    subjects = {name: texts("public", f"{name}.yaml", **limits) for name in SUBJECTS}
    paths: dict[str, dict[str, Any]] = {}
    for name, subject in SUBJECTS.items():
        entries = dict(subjects[name]["routes"])
        for route in subject.ROUTES:
            operation = _Operation(route, entries.pop(route.name), subjects[name], common).made()
            paths.setdefault(route.path, {})[route.method.lower()] = operation
        if entries:
            raise schemas.UnusedText(f"{name}.yaml: {sorted(entries)}")
    fields = {
        name: described
        for subject in subjects.values()
        for name, described in subject.get("fields", {}).items()
    }
    known = schemas.answers(SUBJECTS.values(), fields)
    return {
        "openapi": "3.1.0",
        "info": common["info"],
        "servers": common["servers"],
        "tags": [{"name": name, "description": text} for name, text in common["tags"].items()],
        "paths": paths,
        "components": {
            "securitySchemes": common["securitySchemes"],
            "schemas": schemas.referred(known, paths),
        },
    }


class _Operation:
    """Builds the operation of one route in the document."""

    def __init__(
        self,
        route: PublicRoute,
        entry: dict[str, Any],
        subject: dict[str, Any],
        common: dict[str, Any],
    ) -> None:
        self._route, self._entry, self._subject, self._common = route, entry, subject, common

    @property
    def _is_api(self) -> bool:
        return self._route.path.startswith(("/tickets", "/links"))

    def made(self) -> dict[str, Any]:
        route, entry = self._route, self._entry
        parameters = list(self._parameters())
        found: dict[str, Any] = {
            "tags": ["tickets" if self._is_api else "pages"],
            "summary": entry["summary"],
            "description": entry["description"],
        }
        found |= {"parameters": parameters} if parameters else {}
        found["security"] = [{"link": []}, {"linkInQuery": []}] if route.needs_link else []
        found |= {"requestBody": self._request()} if route.body is not None else {}
        statuses = sorted({*route.refusals, *ALWAYS})
        refusals = {str(status): self._refusal(status) for status in statuses}
        return {
            "operationId": schemas.camel_case(route.name),
            **found,
            "responses": {str(route.status): self._answer(), **refusals},
        }

    def _parameters(self) -> Iterator[dict[str, Any]]:
        described = self._subject.get("parameters", {})
        if self._route.name == "submit":
            yield {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LIMIT},
                "example": "7c6d0f5e-55a1-4a3c-9a53-0d6c1f6a1b2c",
            }
        if 304 in self._route.refusals:
            yield {
                "name": "If-None-Match",
                "in": "header",
                "description": "`*`, or the entity tags of what the client has",
                "schema": {"type": "string"},
            }
        in_path = re.findall(r"{(\w+)}", self._route.path)
        for name in (*in_path, *self._route.query):
            yield {
                "name": name,
                "in": "path" if name in in_path else "query",
                **({"required": True} if name in in_path else {}),
                **({"description": described[name]} if name in described else {}),
                "schema": _schema(PARAMETERS[name]) | _FORMS.get(name, {}),
                **({"example": TICKET} if name == "number" else {}),
            }

    def _request(self) -> dict[str, Any]:
        media = "application/json" if self._is_api else FORM
        content = {"schema": _schema(self._route.body)}
        content["example"] = self._entry["request"]
        return {"required": bool(self._route.body_required), "content": {media: content}}

    def _answer(self) -> dict[str, Any]:
        route, entry = self._route, self._entry
        found: dict[str, Any] = {"description": entry["answer"]}
        if headers := self._common["headers"].get(route.name):
            found["headers"] = headers
        if route.answer is None:
            return found
        content = {"schema": _schema(route.answer)}
        name = getattr(route.answer, "__name__", "str")
        content["example"] = entry.get("example") or self._subject["examples"][name]
        images = {media for media in route.other_media if media.startswith("image/")}
        others = {media: {} if media in images else content for media in route.other_media}
        return found | {"content": {route.media: content} | others}

    def _refusal(self, status: int) -> dict[str, Any]:
        common = self._common["refusals"]
        if status == 429:
            content = {"schema": _schema(Throttled), "example": common["throttled_example"]}
            return {"description": common["throttled"], "content": {"application/json": content}}
        if status == 304:
            headers = self._common["headers"][self._route.name]
            return {"description": common["unchanged"], "headers": headers}
        usual = common["api" if self._is_api else "page"]
        text = self._entry.get("refusals", {}).get(str(status)) or usual[str(status)]
        if status in (500, 503) and self._route.keeps_post:
            text = common["kept"]
        if self._is_api:
            media, schema = "application/problem+json", _schema(Problem)
            example = self._common["problems"][str(status)]
        else:
            media, schema = pages.HTML, {"type": "string"}
            example = self._subject["examples"]["str"]
        content = {media: {"schema": schema, "example": example}}
        if status == 404 and not self._is_api:
            # Another path than that of a route is answered as the client accepts it.
            problem = {"schema": _schema(Problem), "example": self._common["problems"]["404"]}
            content["application/problem+json"] = problem
        after = {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}
        return {
            "description": text,
            **({"headers": {"Retry-After": after}} if status == 503 else {}),
            "content": content,
        }


_FORMS = {"number": {"pattern": "^R-[0-9A-Z]{5}-[0-9A-Z]{5}$"}}
"""Customers copy a ticket number from a link, so only the canonical form is accepted."""


def _schema(kind: Any) -> dict[str, Any]:
    """A reference to an object's schema, or the schema of another type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {"$ref": schemas.REFERENCE.format(name=kind.__name__)}
    return schemas.of_type(kind)
