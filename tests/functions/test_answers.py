"""The check of answers by the OpenAPI documents (`tests.answers`) finds each kind of fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redress.edge.http import answer
from tests.answers import DOCUMENTS, LARGEST_ANSWER, checked, faults
from tests.functions.conftest import BASE_ADDRESS
from tests.world import Context, load

ROUTE = "POST /tickets"
RECEIPT: dict[str, Any] = DOCUMENTS["public"]["paths"]["/tickets"]["post"]["responses"]["201"][
    "content"
]["application/json"]["example"]
LOCATION = {"Location": f"{BASE_ADDRESS}/t/token"}


def of(given: dict[str, Any]) -> list[str]:
    return faults(DOCUMENTS["public"], ROUTE, given)


def test_documented_answer_has_no_fault() -> None:
    assert of(answer(201, RECEIPT, LOCATION)) == []


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (answer(204, RECEIPT, LOCATION), "the status is not documented"),
        (answer(201, {**RECEIPT, "more": 1}, LOCATION), "'more' was unexpected"),
        (answer(201, RECEIPT | {"promises": [{"clock": "update"}]}, LOCATION), "'due_at' is a req"),
        (answer(201, RECEIPT | {"acknowledged": "no"}, LOCATION), "'no' is not of type"),
        (answer(201, RECEIPT, {"Content-Type": "text/html", **LOCATION}), "text/html is not docu"),
        (answer(201, RECEIPT, {"X-Debug": "1", **LOCATION}), "X-Debug is not documented"),
        (answer(201, RECEIPT, LOCATION | {"Referrer-Policy": "origin"}), "Referrer-Policy is"),
        (
            answer(201, RECEIPT, LOCATION | {"Access-Control-Allow-Origin": "*"}),
            "the gateway sends the headers of CORS",
        ),
    ],
)
def test_answer_that_the_document_does_not_allow_is_a_fault(
    given: dict[str, Any], fault: str
) -> None:
    assert any(fault in found for found in of(given)), of(given)


def test_answer_that_lambda_does_not_send_is_a_fault() -> None:
    largest = answer(404, "") | {"body": ""}
    largest["body"] = "a" * (LARGEST_ANSWER - len(json.dumps(largest)))
    assert not any("bytes" in fault for fault in faults(DOCUMENTS["public"], "$default", largest))
    larger = largest | {"body": largest["body"] + "a"}
    assert "of more than 6291556 bytes" in faults(DOCUMENTS["public"], "$default", larger)[0]


def test_answer_to_a_route_outside_the_document_is_a_refusal() -> None:
    assert faults(DOCUMENTS["public"], "$default", answer(404, {})) == []
    assert faults(DOCUMENTS["public"], "$default", answer(200, {})) != []


@pytest.mark.parametrize("function", ["customer", "intake", "staff"])
def test_handler_of_each_function_of_the_api_is_checked(function: str) -> None:
    assert hasattr(load(function).handler, "__wrapped__")


def test_checked_handler_raises_for_a_wrong_answer() -> None:
    handler = checked(lambda event, context: answer(200, {}), DOCUMENTS["public"])
    with pytest.raises(AssertionError, match="200: the status is not documented"):
        handler({"routeKey": ROUTE}, Context())
    assert json.loads(handler({"warm": True}, Context())["body"]) == {}
