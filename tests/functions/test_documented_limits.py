"""The limits in the OpenAPI documents are those of the functions, on both sides of each limit.

The documents are made from the constants that the functions enforce. These tests read each limit
from the deployed document and send the values at it and just beyond it to the handler.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from redress.base.people import Member
from tests.answers import DOCUMENTS, resolved
from tests.builders import Clock
from tests.functions.gateway import Caller, Route, caller, example, furnish, parameters, routes
from tests.world import Stores

JSON = "application/json"
Schema = dict[str, Any]
Case = tuple[Any, bool]
"""A value, and whether it is within the limits."""


ABSENT = (
    "/staff/tickets/{number}/mails/{event}/acceptance",
    "/staff/rehearsals/{id}",
    "/staff/tasks/{number}/{id}",
    "/staff/tickets/{number}/checklist/{id}",
    "/staff/tickets/{number}/remedies/{id}",
    "/staff/incidents/{id}",
    "/tickets/{number}/checklist/{item}",
    "/connectors/{id}/receipts",
)
"""Beginnings of paths that name something that the table does not have. Their answer is 404 for any
content."""


def is_absent(path: str) -> bool:
    return path.startswith(ABSENT)


@pytest.fixture
def call(staff: dict[str, Member], stores: Stores, clock: Clock) -> Caller:
    furnish(stores, clock)
    return caller(clock)


def choices(document: Schema, schema: Schema) -> list[Schema]:
    """The schemas of which a value must fit one, without references."""
    found = resolved(document, schema)
    if "anyOf" in found:
        return [one for part in found["anyOf"] for one in choices(document, part)]
    return [found]


def cases(document: Schema, schema: Schema) -> Iterator[Case]:
    """Values at each limit of a schema, and just beyond it."""
    for one in choices(document, schema):
        if "enum" in one:
            yield from ((value, True) for value in one["enum"])
            yield "no such choice", False
        elif "maxLength" in one and "format" not in one:
            yield "a" * one["maxLength"], True
            yield "a" * (one["maxLength"] + 1), False
            yield "\x00", False
            if one.get("minLength"):
                yield "", False
        if "examples" in one and "pattern" in one:
            yield from ((value, True) for value in one["examples"])
            yield f"{one['examples'][0]}#", False
        if "minimum" in one:
            yield one["minimum"], True
            yield one["minimum"] - 1, False
        if "maximum" in one:
            yield one["maximum"], True
            yield one["maximum"] + 1, False
        if "maxItems" in one:
            yield [f"{number}@example.com" for number in range(one["maxItems"])], True
            yield [f"{number}@example.com" for number in range(one["maxItems"] + 1)], False


def fields(document: Schema, schema: Schema, at: str = "") -> Iterator[tuple[str, Schema]]:
    """JSON pointer and schema of each field of an object, and of the objects in it."""
    for name, field in resolved(document, schema).get("properties", {}).items():
        yield f"{at}/{name}", field
        yield from fields(document, field, f"{at}/{name}")


UPLOAD_OF_AN_ITEM = ("/tickets/{number}/files", "/item")

LIMITED = {
    route: [
        (pointer, value, fits)
        for pointer, field in fields(DOCUMENTS[route[0]], request["content"][JSON]["schema"])
        # The content of a bulk depends on its act (tests/functions/staff/test_bulk.py). An upload
        # is for an item that the ticket has, or there is no such item.
        if not pointer.startswith("/content/") and (route[2], pointer) != UPLOAD_OF_AN_ITEM
        for value, fits in cases(DOCUMENTS[route[0]], field)
    ]
    for route in routes()
    if not is_absent(route[2])
    if (request := DOCUMENTS[route[0]]["paths"][route[2]][route[1]].get("requestBody"))
    if JSON in request["content"]
    if not resolved(DOCUMENTS[route[0]], request["content"][JSON]["schema"]).get("$schema")
}
"""Operation -> the cases of its body: a field, a value for it, and whether the value is within its
limits. The value is at a documented limit of the field or just beyond it."""


def by_route(route: Route) -> str:
    return f"{route[0]} {route[1]} {route[2]}"


def with_value(body: Any, pointer: str, value: Any) -> Any:
    """A copy of a body in which this field has this value."""
    changed = copy.deepcopy(body)
    *path, name = pointer.split("/")[1:]
    place = changed
    for step in path:
        place = place.setdefault(step, {})
    place[name] = value
    return changed


def faults(answer: dict[str, Any]) -> dict[str, str]:
    """Pointer -> code of each fault in a problem."""
    return {one["pointer"]: one["code"] for one in json.loads(answer["body"]).get("errors", [])}


@pytest.mark.parametrize("route", LIMITED, ids=by_route)
def test_field_is_refused_beyond_its_documented_limit_only(call: Caller, route: Route) -> None:
    """What is refused comes first, because what is accepted changes what the table has."""
    for pointer, value, fits in sorted(LIMITED[route], key=lambda case: case[2]):
        answer = call(route, body=with_value(example(route), pointer, value))
        found, case = faults(answer), f"{pointer}: {str(value)[:80]!r}"
        if fits:
            assert found.get(pointer) not in BY_FORM, case
        else:
            assert answer["statusCode"] == 422, case
            assert any(name.startswith(pointer) for name in found), (case, found)


BY_FORM = (
    *("too_long", "too_many", "out_of_range", "unknown_value", "control_characters"),
    *("text_expected", "whole_number_expected"),
)
"""Codes of faults that the form of one value decides, so that the document can say them."""

QUERIED = {
    route: [
        (one, value, fits)
        for one in parameters(route)
        if one["in"] != "path"
        for value, fits in cases(DOCUMENTS[route[0]], one["schema"])
    ]
    for route in routes()
    if not is_absent(route[2])
}


@pytest.mark.parametrize("route", [route for route in QUERIED if QUERIED[route]], ids=by_route)
def test_query_and_key_are_refused_beyond_their_documented_limits_only(
    call: Caller, route: Route
) -> None:
    for parameter, value, fits in sorted(QUERIED[route], key=lambda case: case[2]):
        answer = call(route, parameter["in"], parameter["name"], str(value))
        found, case = faults(answer), f"{parameter['name']}: {str(value)[:80]!r}"
        if fits:
            assert answer["statusCode"] < 500, case
            codes = {code for at, code in found.items() if parameter["name"] in at}
            # A right value can still contradict the parameters that the request does not have.
            assert codes <= {"contradicts", "required"}, case
        else:
            assert answer["statusCode"] == 422, case
            assert parameter["name"] in str(found), case


def test_limits_are_read_from_each_document() -> None:
    assert {document for document, _, _ in LIMITED} == {"public", "staff", "machines"}
    assert sum(map(len, LIMITED.values())) > 500
    assert sum(map(len, QUERIED.values())) > 100
