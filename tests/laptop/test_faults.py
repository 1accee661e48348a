"""The switch for faults changes what happens to the calls that a fault fits, and to no others."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

import pytest

from local.faults import (
    MACHINE,
    PATH,
    Call,
    ConnectionBroken,
    Do,
    Fault,
    FaultSwitch,
    Receive,
    Scope,
    Send,
    call_of,
)


class Cloud:
    """An app that records the bodies which reach it, behind a switch that kills no process."""

    def __init__(self) -> None:
        self.reached: list[bytes] = []
        self.killed: list[int] = []
        self.app = FaultSwitch(self._answer, self.killed.append)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    def ask(self, scope: Scope, body: bytes = b"") -> tuple[int, dict[bytes, bytes], bytes]:
        """Sends a request. Returns status, headers and body; raises ConnectionBroken."""
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        return sent[0]["status"], dict(sent[0]["headers"]), b"".join(m["body"] for m in sent[1:])

    def configure(self, method: str, *faults: Fault) -> Any:
        given = json.dumps([asdict(fault) for fault in faults]).encode()
        scope: Scope = {"type": "http", "method": method, "path": PATH, "headers": []}
        return json.loads(self.ask(scope, given)[2])


def request(
    operation: str = "PutItem", service: str = "dynamodb", app: str = "redress-mailer.4711"
) -> Scope:
    signature = f"AWS4-HMAC-SHA256 Credential=test/20261129/us-east-1/{service}/aws4_request, x"
    headers = [
        (b"authorization", signature.encode()),
        (b"x-amz-target", f"DynamoDB_20120810.{operation}".encode()),
        (b"user-agent", f"Boto3/1 md/x app/{app} redress".encode()),
    ]
    return {"type": "http", "method": "POST", "path": "/", "headers": headers}


def mail() -> Scope:
    scope = request(service="ses")
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"x-amz-target"]
    scope["path"] = "/v2/email/outbound-emails"
    return scope


def test_call_names_service_operation_function_and_process() -> None:
    assert call_of(request()) == Call("dynamodb", "PutItem", "redress-mailer", 4711)
    assert call_of(mail()) == Call("ses", "SendEmail", "redress-mailer", 4711)
    assert call_of(request(app="")).function == ""
    plain: Scope = {"method": "GET", "path": "/a", "headers": []}
    assert call_of(plain) == Call("", "GET", "", None)


def test_only_fitting_calls_are_refused_and_only_so_often() -> None:
    cloud = Cloud()
    fault = Fault(Do.REFUSE, "dynamodb", "PutItem", "redress-mailer", 2, "Throttled", 400)
    cloud.configure("PUT", fault)
    for other in (request("GetItem"), request(service="sqs"), request(app="redress-relay.1")):
        assert cloud.ask(other)[2] == b"done"
    for _ in range(2):
        status, headers, body = cloud.ask(request(), b"item")
        assert (status, headers[b"x-amzn-errortype"]) == (400, b"Throttled")
        assert json.loads(body)["__type"] == "Throttled"
    assert cloud.ask(request(), b"item")[2] == b"done"
    assert cloud.reached == [b"", b"", b"", b"item"]


def test_broken_call_has_no_effect_and_lost_answer_has_one() -> None:
    cloud = Cloud()
    for do, reached in ((Do.BREAK, []), (Do.LOSE, [b"item"])):
        cloud.configure("PUT", Fault(do))
        with pytest.raises(ConnectionBroken):
            cloud.ask(request(), b"item")
        assert cloud.reached == reached


def test_process_is_killed_before_or_after_its_call() -> None:
    cloud = Cloud()
    for do, reached in ((Do.KILL_BEFORE, []), (Do.KILL_AFTER, [b"item"])):
        cloud.configure("PUT", Fault(do))
        with pytest.raises(ConnectionBroken):
            cloud.ask(request(), b"item")
        assert cloud.reached == reached
    assert cloud.killed == [4711, 4711]


def test_tool_is_never_killed() -> None:
    cloud = Cloud()
    cloud.configure("PUT", Fault(Do.KILL_BEFORE))
    assert cloud.ask(request(app="tool"))[2] == b"done"
    assert cloud.killed == []


def test_held_call_arrives_late_and_held_answer_at_once() -> None:
    cloud = Cloud()
    for do in (Do.HOLD, Do.HOLD_ANSWER):
        cloud.configure("PUT", Fault(do, seconds=0.01))
        assert cloud.ask(request(), b"item")[2] == b"done"
    assert cloud.reached == [b"item", b"item"]


def test_faults_are_replaced_added_and_reported() -> None:
    cloud = Cloud()
    cloud.configure("PUT", Fault(Do.LOSE, "s3"))
    found = cloud.configure("POST", Fault(Do.REFUSE, "ses"))
    assert [(one["do"], one["service"]) for one in found["on"]] == [
        ("lose", "s3"),
        ("refuse", "ses"),
    ]
    tags = [{"Name": "ticket", "Value": "R-7K3M9-QW0X2"}]
    cloud.ask(mail(), json.dumps({"EmailTags": tags}).encode())
    assert cloud.configure("PUT") == {
        "on": [],
        "happened": [
            {
                "do": "refuse",
                "service": "ses",
                "operation": "SendEmail",
                "function": "redress-mailer",
                "tags": {"ticket": "R-7K3M9-QW0X2"},
            }
        ],
    }
    assert cloud.configure("DELETE")["happened"] == []


@pytest.mark.parametrize(
    ("do", "status", "reached"),
    [(Do.REFUSE, 400, 0), (Do.LOSE, 400, 1), (Do.HOLD, 200, 1)],
)
def test_own_calls_of_a_state_machine_have_faults_too(do: Do, status: int, reached: int) -> None:
    cloud, calls = Cloud(), []

    async def dynamodb(*call: Any) -> tuple[int, Any, bytes]:
        calls.append(call)
        return 200, {}, b"{}"

    handlers: dict[str, Any] = {"dynamodb": dynamodb}
    cloud.app.attach(handlers)
    cloud.configure("PUT", Fault(do, "dynamodb", "UpdateItem", MACHINE, code="Throttled"))
    headers = {"x-amz-target": "DynamoDB_20120810.UpdateItem"}

    def ask(headers: dict[str, str]) -> int:
        answered = asyncio.run(handlers["dynamodb"]("POST", "/", headers, b"{}", {}))
        return int(answered[0])

    assert ask(headers | {"user-agent": "app/redress-mailer.1"}) == 200, "a function has none"
    assert ask(headers) == status
    assert len(calls) == 1 + reached
    assert ask(headers) == 200, "only once"
