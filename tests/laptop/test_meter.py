"""The meter's records: the caller of a request, the items written, the source of an invocation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from ministack.services import dynamodb

from local import meter
from local.faults import Receive, Scope, Send
from local.meter import MACHINE, ApiRequest, Meter

KEY = {"pk": {"S": "TICKET#R-1"}, "sk": {"S": "TIMER"}}


def test_caller_is_a_function_a_state_machine_or_an_external_tool() -> None:
    functions = "Botocore/1.43 ua/2.1 os/linux md/x app/redress-relay redress"
    assert meter._caller({"user-agent": functions}) == "redress-relay"
    assert meter._caller({"user-agent": "Boto3/1.43 md/Botocore#1.43"}) == ""
    assert meter._caller({}) == MACHINE


@pytest.mark.parametrize(
    ("operation", "request_", "wanted"),
    [
        ("PutItem", {"TableName": "t", "Item": KEY}, [("t", KEY)]),
        ("UpdateItem", {"TableName": "t", "Key": KEY}, [("t", KEY)]),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "t", "Item": KEY}},
                    {"Update": {"TableName": "t", "Key": KEY}},
                ]
            },
            [("t", KEY), ("t", KEY)],
        ),
        ("GetItem", {"TableName": "t", "Key": KEY}, []),
    ],
)
def test_written_items_are_read_from_the_request(
    operation: str, request_: dict[str, Any], wanted: Iterable[Any]
) -> None:
    assert list(meter.named_by_write(operation, request_)) == wanted


def test_query_that_counts_is_recorded_with_the_items_that_it_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its answer has none of them, and DynamoDB bills their size."""
    asked: list[dict[str, Any]] = []

    def query(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        asked.append(request)
        return 200, {}, json.dumps({"Items": [KEY], "Count": 1}).encode()

    monkeypatch.setattr(dynamodb, "_query", query)
    counting = {"TableName": "t", "KeyConditionExpression": "pk = :pk", "Select": "COUNT"}
    headers = {"x-amz-target": "DynamoDB_20120810.Query"}
    seen = meter._Table(headers, json.dumps(counting))
    found = seen.call((200, {}, b'{"Count": 1}'))
    assert (found.request, found.read) == (counting, [KEY])
    assert asked == [{"TableName": "t", "KeyConditionExpression": "pk = :pk"}]


def test_invocation_records_its_source_duration_and_log() -> None:
    config = {"FunctionName": "redress-relay", "MemorySize": 512}
    said = {"seconds": 0.02, "cpu_seconds": 0.01, "cold_start": False, "log": "one\ntwo\n"}
    found = meter._invocation(config, {"Records": [{"dynamodb": {"Keys": KEY}}]}, said)
    assert (found.source, found.log) == ("stream", ["one", "two"])
    assert (found.seconds, found.cpu_seconds, found.memory_mb) == (0.02, 0.01, 512)
    assert meter._invocation(config, {"Records": [{"body": "x"}]}, said).source == "sqs"
    assert meter._invocation(config, {"routeKey": "GET /"}, said).source == "api"
    assert meter._invocation(config, {"task": "sweep"}, said).source == ""


def test_api_requests_are_recorded_only_while_the_meter_is_on() -> None:
    async def product(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"a", b"bc")]})
        await send({"type": "http.response.body", "body": b"made", "more_body": True})
        await send({"type": "http.response.body", "body": b"!"})

    app = Meter(product)

    def ask(method: str, path: str, body: object = None, query: bytes = b"") -> Any:
        sent: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": json.dumps(body).encode()}

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))

        scope = {"type": "http", "method": method, "path": path, "query_string": query}
        asyncio.run(app(scope, receive, send))
        return b"".join(sent)

    path = "/restapis/x/v1/_user_request_/tickets"
    assert ask("POST", path) == b"made!"
    assert json.loads(ask("GET", meter.PATH, query=b"count")) == {"count": 0}
    ask("PUT", meter.PATH, {"on": True})
    ask("POST", path)
    ask("PUT", meter.PATH, {"on": False})
    ask("POST", path)
    found = json.loads(ask("GET", meter.PATH))
    assert [ApiRequest(**one) for one in found["api_requests"]] == [
        ApiRequest("POST", "/tickets", 201, 5 + 7)
    ]
    assert (found["calls"], found["invocations"]) == ([], [])
