"""The sample events in `events/`: every trigger has one, and a test replays each."""

from __future__ import annotations

import ast
import json
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.builders import ROOT
from tests.template.documents import calls_function, folder_of, functions, machine, states_of
from tests.template.test_api import routes

SAMPLES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "events").iterdir())
}
REQUESTS = [name for name, event in SAMPLES.items() if "routeKey" in event]


def function_of(sample: str) -> str:
    """The folder of the function that a sample is for: `staff` for `staff-board`."""
    return sample.partition("-")[0]


def test_every_function_has_a_sample_and_every_sample_a_function() -> None:
    assert {function_of(name) for name in SAMPLES} == {folder_of(name) for name in functions()}


def test_every_route_has_a_sample_and_every_sample_request_a_route() -> None:
    sampled = {
        (function_of(name), tuple(SAMPLES[name]["routeKey"].split()))
        for name in REQUESTS
        if name != "customer-elsewhere"
    }
    assert sampled == {(folder_of(function), route) for route, function in routes().items()}
    assert SAMPLES["customer-elsewhere"]["routeKey"] == "$default"


@pytest.mark.parametrize(
    ("file", "called"),
    [("scores.asl.json", {"scoring"}), ("rehearsal.asl.json", {"rehearsal", "mover"})],
)
def test_every_task_of_a_machine_has_a_sample_with_every_field_that_its_state_sends(
    file: str, called: set[str]
) -> None:
    sent = [
        state["Parameters"]["Payload"]
        for _, state in states_of(machine(file))
        if calls_function(state)
    ]
    sampled = {e["task"]: set(e) for name, e in SAMPLES.items() if function_of(name) in called}
    assert sampled == {
        payload["task"]: {field.removesuffix(".$") for field in payload} for payload in sent
    }


@pytest.mark.parametrize("name", REQUESTS)
def test_repeated_fields_of_a_sample_request_agree(name: str) -> None:
    """API Gateway sends some values in two places, and a function may read either."""
    event = SAMPLES[name]
    context = event["requestContext"]
    method, _, path = event["routeKey"].partition(" ")
    if path:
        assert context["http"]["method"] == method
        filled = path.format(**event.get("pathParameters", {}))
        assert event["rawPath"] == f"/{context['stage']}{filled}"
    assert context["http"]["path"] == event["rawPath"]
    assert context["http"]["userAgent"] == event["headers"]["user-agent"]
    assert context["routeKey"] == event["routeKey"]
    assert dict(parse_qsl(event["rawQueryString"])) == event.get("queryStringParameters", {})
    assert [one for one in event["headers"] if one != one.lower()] == []
    assert None not in event.values()
    without = ("staff-openapi", "staff-machine-")  # the function checks the signature of a machine
    signed_in = function_of(name) == "staff" and not name.startswith(without)
    assert ("authorizer" in context) == signed_in


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_named_by_a_test_of_a_function(name: str) -> None:
    assert name in named()


@cache
def named() -> set[str]:
    """All strings in the tests of functions, which include the names of the samples they replay.

    For a test that writes f"staff-{name}", each string is also added to the beginning `staff-`.
    """
    found: set[str] = set()
    for path in (ROOT / "tests/functions").rglob("*.py"):
        texts, beginnings = set[str](), {""}
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                    beginnings.add(text)
                case ast.Constant(value=str(text)):
                    texts.add(text)
        found |= {beginning + text for beginning in beginnings for text in texts}
    return found
