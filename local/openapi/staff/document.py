"""The OpenAPI documents of the staff API and of machines' part of it.

They are made from the declarations of `functions/staff/routes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from local.openapi import schemas
from local.openapi.files import texts
from local.openapi.functions import load
from local.openapi.staff import problems
from local.openapi.staff.parameters import PARAMETERS
from local.openapi.staff.problems import (
    ALWAYS,
    NAMES,
    OF_THE_GATEWAY,
    SIGNED_IN,
    WITH_A_BODY,
    Message,
    Problem,
)
from redress.base.errors import MOST_FAULTS, POINTER_LIMIT
from redress.base.people import Role
from redress.edge.bodies import Body, UnreadBody
from redress.edge.http import BODY_LIMIT
from redress.staff.cases.board import BOARD_LIMIT, QUEUE_LIMIT
from redress.tickets.cases.listing import COUNT_LIMIT
from redress.tickets.rules.listing import MOST_READ
from redress.tickets.rules.remedies import MOST_REMEDIES
from redress.tickets.rules.tasks import MOST_OPEN, MOST_TASKS
from redress.tickets.store.feed import KEPT_DAYS

Document = dict[str, Any]


def document() -> Document:
    """The complete document of the staff API."""
    routes, declared = load("staff", "routes", "route")
    return _document(routes.SUBJECTS, declared, "common.yaml", OF_THE_GATEWAY)


def machines() -> Document:
    """The complete document of the routes of machines. The function answers their 401 itself."""
    routes, declared = load("staff", "routes", "route")
    return _document(routes.OF_MACHINES, declared, "common_machines.yaml", (429,))


def _document(
    subjects_of_routes: Any, declared: Any, common_file: str, of_the_gateway: tuple[int, ...]
) -> Document:
    """A document. Each subject of routes has a module and a YAML file here.

    API Gateway itself answers with the statuses `of_the_gateway`.
    """
    names = [module.__name__.rpartition(".")[2] for module in subjects_of_routes]
    limits = {
        "board_limit": BOARD_LIMIT,
        "body_limit": BODY_LIMIT,
        "count_limit": COUNT_LIMIT,
        "most_faults": MOST_FAULTS,
        "most_open": MOST_OPEN,
        "most_read": MOST_READ,
        "most_remedies": MOST_REMEDIES,
        "most_tasks": MOST_TASKS,
        "plan_limit": declared.PLAN_LIMIT,
        "pointer_limit": POINTER_LIMIT,
        "kept_days": KEPT_DAYS,
        "queue_limit": QUEUE_LIMIT,
    }
    common = texts("staff", common_file, **limits)
    subjects = {name: texts("staff", f"{name}.yaml", **limits) for name in names}
    # A subject may use the answers of others.
    used = [name for subject in subjects.values() for name in subject.get("uses", ())]
    described = subjects | {name: texts("staff", f"{name}.yaml", **limits) for name in used}
    answers = [import_module(f"local.openapi.staff.{name}") for name in described]
    given = {
        name: one for sub in described.values() for name, one in sub.get("examples", {}).items()
    }
    examples = {
        name: _summary(subject, name) | {"value": _extended(example, given)}
        for subject in described.values()
        for name, example in subject.get("examples", {}).items()
    }
    paths: dict[str, dict[str, Any]] = {}
    for route, entry in _routes(subjects_of_routes, subjects):
        operation = _operation(route, entry, common, examples)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    responses = {
        name: _problem(common["problems"][name], by_gateway=status in of_the_gateway)
        for status, name in NAMES.items()
        if name in common["problems"]
    }
    named = {
        str(one["$ref"]).rpartition("/")[2]
        for path in paths.values()
        for operation in path.values()
        for one in operation.get("parameters", ())
    }
    parameters = {
        name: one for name, one in _parameters(common["parameters"]).items() if name in named
    }
    declarations = [route for module in subjects_of_routes for route in module.ROUTES]
    known = _schemas(declarations, answers, described, common, all_texts=not used)
    shown = _shown(paths)
    return {
        "openapi": "3.1.0",
        "info": common["info"],
        "servers": common["servers"],
        "security": common["security"],
        "tags": [{"name": name, "description": text} for name, text in common["tags"].items()],
        "paths": paths,
        "components": {
            "securitySchemes": common["securitySchemes"],
            "parameters": parameters,
            "headers": common["headers"],
            "responses": responses,
            "examples": {name: one for name, one in examples.items() if not used or name in shown},
            "schemas": schemas.referred(known, [paths, parameters, responses]),
        },
    }


def _extended(example: Any, given: dict[str, Any]) -> Any:
    """An example in which each object that `extends` another one has the fields of that one.

    The names in its `without` are left out.
    """
    if not isinstance(example, dict):
        return example
    words = ("extends", "without")
    own = {name: _extended(value, given) for name, value in example.items() if name not in words}
    if "extends" not in example:
        return own
    found: dict[str, Any] = given[example["extends"]] | own
    return {name: value for name, value in found.items() if name not in example.get("without", ())}


def _shown(part: Any) -> set[str]:
    """The names of the examples to which a part of a document refers."""
    prefix, found, left = "#/components/examples/", set[str](), [part]
    while left:
        match left.pop():
            case {"$ref": str(reference)} if reference.startswith(prefix):
                found.add(reference.removeprefix(prefix))
            case dict() as members:
                left += members.values()
            case list() as items:
                left += items
    return found


def _summary(subject: dict[str, Any], example: str) -> dict[str, str]:
    summary = subject.get("summaries", {}).get(example)
    return {"summary": summary} if summary else {}


def _routes(modules: Any, subjects: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each route with its texts. They have the name of the Python function that serves it."""
    for module in modules:
        subject = module.__name__.rpartition(".")[2]
        entries = dict(subjects[subject]["routes"])
        for route in module.ROUTES:
            yield route, entries.pop(route.run.__name__)
        if entries:
            raise schemas.UnusedText(f"{subject}.yaml: {sorted(entries)}")


def _operation(
    route: Any, entry: dict[str, Any], common: dict[str, Any], examples: dict[str, Any]
) -> dict[str, Any]:
    roles = [role.value for role in Role if role in route.roles]
    signed = Role.MACHINE in route.roles
    who = f"Roles: {', '.join(roles)}." if roles else common["who"]["everybody"]
    if signed:
        who = f"Scope: {route.scope.value}." if route.scope else common["who"]["machines"]
    description = [
        entry.get("description", ""),
        common["who"][entry["who"]] if "who" in entry else "",
        who,
    ]
    parameters = [{"$ref": f"#/components/parameters/{name}"} for name in _named(route, entry)]
    statuses = {
        *ALWAYS,
        *(SIGNED_IN if roles else ()),
        *(WITH_A_BODY if route.body else ()),
        *route.problems,
    }
    refusals = {
        str(status): {"$ref": f"#/components/responses/{NAMES[status]}"}
        for status in sorted(statuses)
    }
    return {
        "operationId": schemas.camel_case(route.run.__name__),
        "tags": [entry["tag"]],
        "summary": entry["summary"],
        "description": " ".join(part for part in description if part),
        **({} if signed else {"x-roles": roles}),
        **({"x-scope": route.scope.value} if route.scope else {}),
        **({} if roles else {"security": []}),
        **({"security": entry["security"]} if "security" in entry else {}),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _request(route.body, entry, examples)} if route.body else {}),
        "responses": {
            str(route.status): _answer(route, entry, examples),
            **{
                str(status): _answer(route, entry | {"answer": text}, examples)
                for status, text in entry.get("also", {}).items()
            },
            **refusals,
        },
    }


def _named(route: Any, entry: dict[str, Any]) -> Iterator[str]:
    """The names in the document of a route's parameters."""
    by_name: dict[str, str] = {}
    for name, parameter in PARAMETERS.items():
        by_name.setdefault(parameter.name, name)
    by_name |= entry.get("parameters", {})
    yield from (by_name[name] for name in re.findall(r"{(\w+)}", route.path))
    yield from (by_name[name] for name in (*route.query, *route.headers))


def _request(
    body: Body | UnreadBody, entry: dict[str, Any], examples: dict[str, Any]
) -> dict[str, Any]:
    parts = {
        field: examples[name]["value"] for field, name in entry.get("request_examples", {}).items()
    }
    given = {name: {"value": parts | one} for name, one in entry.get("request", {}).items()}
    if not given and body.name in examples:
        given = {body.name: {"$ref": f"#/components/examples/{body.name}"}}
    content = {"schema": _reference(body.name)} | ({"examples": given} if given else {})
    return {"required": True, "content": {"application/json": content}}


def _answer(route: Any, entry: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    given = {name: {"value": example} for name, example in entry.get("examples", {}).items()}
    if not given and route.answer in examples:
        given = {route.answer: {"$ref": f"#/components/examples/{route.answer}"}}
    content: dict[str, Any] = {"schema": _reference(route.answer)}
    content |= {"examples": given} if given else {}
    table = {
        "schema": {"type": "string", "description": entry.get("table")},
        "example": entry.get("table_example"),
    }
    return {
        "description": entry["answer"],
        "headers": _headers(entry.get("location")) | entry.get("headers", {}),
        "content": {
            "application/json": content,
            **({"text/csv": table} if "table" in entry else {}),
        },
    }


def _headers(location: dict[str, str] | None) -> dict[str, Any]:
    headers: dict[str, Any] = {"Cache-Control": {"$ref": "#/components/headers/NoStore"}}
    if location is not None:
        address = {"type": "string", "format": "uri-reference", "examples": [location["example"]]}
        headers["Location"] = {"description": location["description"], "schema": address}
    return headers


def _problem(entry: dict[str, Any], *, by_gateway: bool) -> dict[str, Any]:
    examples = {name: {"value": example} for name, example in entry["examples"].items()}
    if by_gateway:
        content = {"schema": _reference(Message.__name__), "examples": examples}
        return {
            "description": entry["description"],
            **({"headers": entry["headers"]} if "headers" in entry else {}),
            "content": {"application/json": content},
        }
    content = {"schema": _reference(Problem.__name__), "examples": examples}
    return {
        "description": entry["description"],
        "headers": _headers(None) | entry.get("headers", {}),
        "content": {"application/problem+json": content},
    }


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": schemas.REFERENCE.format(name=name)}


def _parameters(descriptions: dict[str, str]) -> dict[str, Any]:
    if unused := set(descriptions) - set(PARAMETERS):
        raise schemas.UnusedText(f"common.yaml: {sorted(unused)}")
    return {
        name: {
            "name": parameter.name,
            "in": parameter.place,
            **({"required": True} if parameter.required or parameter.place == "path" else {}),
            **({"description": descriptions[name]} if name in descriptions else {}),
            "schema": schemas.of_type(parameter.type),
        }
        for name, parameter in PARAMETERS.items()
    }


def _schemas(
    routes: Any,
    answers: list[ModuleType],
    subjects: dict[str, Any],
    common: dict[str, Any],
    *,
    all_texts: bool,
) -> dict[str, Any]:
    """The schemas of bodies, from their declared fields, and of answers, from their classes.

    Without `all_texts`, texts about bodies that no route here has are left out. Otherwise they are
    an error.
    """
    descriptions = {
        name: fields
        for subject in subjects.values()
        for name, fields in subject.get("fields", {}).items()
    } | common["schemas"]
    bodies = [route.body for route in routes if isinstance(route.body, Body)]
    described = {body.name: descriptions.pop(body.name, {}) for body in bodies}
    if not all_texts:
        classes = {name for module in [problems, *answers] for name in vars(module)}
        descriptions = {name: one for name, one in descriptions.items() if name in classes}
    return schemas.answers([problems, *answers], descriptions) | {
        body.name: schemas.body(body, described[body.name], common["fields"]) for body in bodies
    }
