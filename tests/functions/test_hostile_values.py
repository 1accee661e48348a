"""No path part, query, header or key of any length or character leads to a server error.

Each value is sent to each route of both documents, in each of its parameters, and in headers that
every route reads. `gateway` passes it on decoded, as API Gateway does.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redress.base.errors import DETAIL_LIMIT, MOST_FAULTS, POINTER_LIMIT
from redress.base.people import Member
from tests.builders import NUMBER, Clock
from tests.examples import examples
from tests.functions.gateway import Caller, Route, caller, example, furnish, parameters, routes
from tests.world import Stores

LENGTHS = (0, 1, 64, 65, 200, 201, 255, 256, 1018, 1019, 1024, 1025, 2047, 2048)
"""Bytes around the limits of names, keys and sort keys, and more than any of them."""

CHARACTERS = ("a", "9", "#", "\x00", "\x1f", "\x7f", "\x85", "é", "漢", "\U0001f600", "\u202e", "%")
WHOLE = ("..", "null", "-1", "1e9", "99999999999999999999", "%2e%2e%2f", "%00", "+", " ", "\ufeff")
HEADERS = (
    "Accept",
    "Accept-Language",
    "Content-Type",
    "Idempotency-Key",
    "Authorization",
    "X-None",
)


def of_bytes(character: str, length: int) -> str:
    """A text of this many bytes in UTF-8, or of a few fewer."""
    return character * (length // len(character.encode()))


VALUES = st.one_of(
    st.builds(of_bytes, st.sampled_from(CHARACTERS), st.sampled_from(LENGTHS)),
    st.sampled_from(WHOLE),
    st.text(max_size=40),
    st.builds(quote, st.text(max_size=20)),
    st.builds("{}{}".format, st.just(NUMBER), st.text(max_size=3)),
)


KEY_LIMITS = {"pk": 2048, "sk": 1024}
"""The most bytes of a partition key and of a sort key (DynamoDB's constraints). None is empty."""


CONDITION = re.compile(r"(#?\w+)[ ,]+(?:[=<>]+ +)?(:\w+)")
"""An attribute and its value in a condition, by name: `#0 = :0`, `begins_with (#1, :1)`.

ExpressionAttributeNames and ExpressionAttributeValues of the request say what the names stand for.
"""


def check_keys(operation: str, given: dict[str, Any]) -> None:
    """Raise ClientError as DynamoDB does for a key of a wrong length. moto accepts most of them."""
    keys = [given[name] for name in ("Key", "Item") if name in given]
    values = given.get("ExpressionAttributeValues", {})
    for name, value_name in CONDITION.findall(given.get("KeyConditionExpression", "")):
        attribute = given.get("ExpressionAttributeNames", {}).get(name, name)
        if value_name in values:
            keys.append({"pk" if attribute.endswith("pk") else "sk": values[value_name]})
    for request in given.get("RequestItems", {}).values():
        keys += request.get("Keys", [])
    for item in given.get("TransactItems", ()):
        keys += [part[name] for part in item.values() for name in ("Key", "Item") if name in part]
    for key in keys:
        for name, limit in KEY_LIMITS.items():
            text = key.get(name, {}).get("S")
            if text is not None and not 0 < len(text.encode()) <= limit:
                message = f"the size of {name} is not from 1 to {limit} bytes"
                error: Any = {"Error": {"Code": "ValidationException", "Message": message}}
                raise ClientError(error, operation)


@pytest.fixture
def call(
    staff: dict[str, Member], stores: Stores, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Caller:
    """Calls the gateway in front of a table that refuses keys as DynamoDB does."""
    furnish(stores, clock)
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def checked(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name == "dynamodb":
            check_keys(operation, given)
        return original(client, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", checked)
    return caller(clock)


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route[1]} {route[2]}")
def test_value_of_any_length_in_a_parameter_is_no_server_error(call: Caller, route: Route) -> None:
    documented = [(one["in"], one["name"]) for one in parameters(route)]
    places = {*documented, ("query", "token"), ("header", "Idempotency-Key")}
    for place, name in sorted(places):
        for value in (*(of_bytes("a", length) for length in LENGTHS), of_bytes("漢", 1024)):
            answer = call(route, place, name, value)
            assert answer["statusCode"] < 500, (place, name, len(value.encode()))


@settings(examples(400), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), route=st.sampled_from(routes()), value=VALUES)
def test_any_value_in_any_place_is_no_server_error(
    call: Caller, data: st.DataObject, route: Route, value: str
) -> None:
    documented = [(one["in"], one["name"]) for one in parameters(route)]
    others = [*(("header", name) for name in HEADERS), ("query", "unknown")]
    place, name = data.draw(st.sampled_from([*documented, *others]))
    assert call(route, place, name, value)["statusCode"] < 500


def with_faults(body: dict[str, Any], pointer: str, fault: Any) -> dict[str, Any]:
    """A copy of a body in which the field at `pointer` is `fault`; `""` is the body itself."""
    if not pointer:
        return {**body, **fault}
    return {**body, pointer: {**body[pointer], **fault} if isinstance(fault, dict) else fault}


UNKNOWN = {f"~{number:x}": 0 for number in range(25_000)}
"""Fields that no body has. Each needs few bytes, and its fault needs many."""

BODIES = [
    pytest.param(route, pointer, fault, id=f"{route[2]} {pointer}")
    for route, pointer, fault in (
        (("public", "post", "/tickets"), "", UNKNOWN),
        (("public", "post", "/tickets"), "contact", UNKNOWN),
        (("public", "post", "/tickets"), "", {"\x00" * 50_000: 0}),
        (("public", "post", "/tickets/{number}/messages"), "", UNKNOWN),
        (("public", "post", "/tickets/{number}/survey"), "", UNKNOWN),
        (("staff", "put", "/staff/tickets/{number}/participants"), "participants", [0] * 150_000),
        (("staff", "put", "/staff/ratings/{period}/{agent}"), "", UNKNOWN),
        (("staff", "post", "/staff/bulk"), "tickets", [0] * 150_000),
        (("staff", "post", "/staff/bulk"), "content", UNKNOWN),
        (("staff", "post", "/staff/rehearsals"), "plan", {f"~{n:x}": 0 for n in range(200_000)}),
        (("staff", "post", "/staff/plans"), "", {f"~{n:x}": 0 for n in range(200_000)}),
    )
]
"""Bodies within the limit of their size, with as many faults as they can have."""


@pytest.mark.parametrize(("route", "pointer", "fault"), BODIES)
def test_body_with_any_number_of_faults_gets_an_answer_that_lambda_sends(
    call: Caller, route: Route, pointer: str, fault: Any
) -> None:
    answer = call(route, body=with_faults(example(route), pointer, fault))
    assert answer["statusCode"] == 422
    found = json.loads(answer["body"])
    assert 0 < len(found["errors"]) <= MOST_FAULTS + 1
    assert max(len(one["pointer"]) for one in found["errors"]) <= POINTER_LIMIT
    assert len(found["detail"]) <= DETAIL_LIMIT


def test_key_of_a_wrong_length_is_refused_as_dynamodb_does() -> None:
    """moto accepts such a key, so the tests above would find nothing without `check_keys`."""
    fits = {"pk": {"S": "a" * 2048}, "sk": {"S": "a" * 1024}}
    check_keys("GetItem", {"Key": fits})
    for wrong in ({"pk": {"S": "a" * 2049}}, {"sk": {"S": "a" * 1025}}, {"sk": {"S": ""}}):
        with pytest.raises(ClientError):
            check_keys("GetItem", {"Key": fits | wrong})
        with pytest.raises(ClientError):
            check_keys("PutItem", {"Item": fits | wrong})
    asked: dict[str, Any] = {
        "KeyConditionExpression": "(#0 = :0 AND begins_with (#1, :1))",
        "ExpressionAttributeNames": {"#0": "open_pk", "#1": "open_sk"},
    }
    check_keys(
        "Query", {**asked, "ExpressionAttributeValues": {":0": fits["pk"], ":1": fits["sk"]}}
    )
    with pytest.raises(ClientError):
        check_keys("Query", {**asked, "ExpressionAttributeValues": {":1": {"S": "a" * 1025}}})
