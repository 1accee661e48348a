"""Records what AWS would bill for, while it is switched on, at `/_redress/meter`.

    PUT {"on": true}        begins anew; PUT {"on": false} ends it
    GET                     what was recorded: {"api_requests": [], "calls": [], "invocations": []}
    GET ?count              how many records there are: whether anything still happens

A door is a request of the deployed API, a call is one of a service, an invocation is one of a
function. Calls are recorded where a service takes them, so those that a state machine makes within
the emulator are seen too; `by` is the function that called, MACHINE, or "" for a tool outside.
What the table was asked is recorded with the items as they were before and after, whole: that is
what Amazon bills by. Off, it costs a look at a flag.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from local.faults import App, Receive, Scope, Send, answer, body_of

PATH = "/_redress/meter"
API_PATH = "/_user_request_"
MACHINE = "a state machine"
SERVICES = ("dynamodb", "sqs", "sns", "secretsmanager", "ssm", "states", "lambda", "s3")

type Item = dict[str, Any]
type Handler = Callable[..., Awaitable[tuple[int, Any, bytes]]]


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request of the deployed API; `bytes` is its answer, the head included."""

    method: str
    path: str
    status: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a service. `request` is kept of the table, and of a mail to whom it goes.

    `before` and `after`: each item that a write names, None where there is none. `read`: the items
    that a read met, with None for each key that leads to nothing.
    """

    service: str
    operation: str
    by: str
    status: int
    request: dict[str, Any] = field(default_factory=dict)
    before: list[Item | None] = field(default_factory=list)
    after: list[Item | None] = field(default_factory=list)
    read: list[Item | None] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation of a function: how long its handler ran, and the lines of its own log.

    `cpu_seconds` are those of the `seconds` in which it computed. `source` is what called: api,
    sqs, stream, or "".
    """

    function: str
    memory_mb: int
    seconds: float
    cpu_seconds: float
    cold: bool
    source: str
    log: list[str]


@dataclass(slots=True)
class Records:
    api_requests: list[ApiRequest] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)

    def count(self) -> int:
        return len(self.api_requests) + len(self.calls) + len(self.invocations)


class Meter:
    """Stands before the emulator, around its services and around its functions' processes."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._records: Records | None = None
        self._last = Records()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == PATH:
            if scope["method"] == "PUT":
                self._switch(on=json.loads(await body_of(receive))["on"])
            whole = scope["method"] == "GET" and scope["query_string"] != b"count"
            found: object = asdict(self._last) if whole else {"count": self._last.count()}
            await answer(send, 200, found)
        elif self._records is not None and API_PATH in scope["path"]:
            await self._watch(self._records, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _switch(self, on: bool) -> None:
        if on:
            self._last = Records()
        self._records = self._last if on else None

    async def _watch(self, records: Records, scope: Scope, receive: Receive, send: Send) -> None:
        status, size = 0, 0

        async def sending(message: Any) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += sum(len(name) + len(value) + 4 for name, value in message.get("headers", ()))
            size += len(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, sending)
        path = scope["path"].partition(API_PATH)[2] or "/"
        records.api_requests.append(ApiRequest(scope["method"], path, status, size))

    # ---------------------------------------------------------------- services and functions

    def attach(self, handlers: dict[str, Handler]) -> None:
        """Stands around the emulator's services and its functions' processes from now on."""
        from ministack.core import lambda_runtime
        from ministack.services import ses_v2

        for service in SERVICES:
            handlers[service] = self._around(service, handlers[service])
        ses_v2.handle_request = self._around("ses", ses_v2.handle_request)
        worker = lambda_runtime.Worker
        invoke = worker.invoke

        def invoked(process: Any, event: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
            response: dict[str, Any] = invoke(process, event, *arguments, **named)
            if self._records is not None:
                self._records.invocations.append(_invocation(process.config, event, response))
            return response

        worker.invoke = invoked

    def _around(self, service: str, handler: Handler) -> Handler:
        async def handle(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
        ) -> tuple[int, Any, bytes]:
            records = self._records
            if records is None:
                return await handler(method, path, headers, body, query)
            if service == "dynamodb":
                seen = _Table(headers, body)
                answered = await handler(method, path, headers, body, query)
                records.calls.append(seen.call(answered))
                return answered
            answered = await handler(method, path, headers, body, query)
            operation = headers.get("x-amz-target", "").rpartition(".")[2] or f"{method} {path}"
            kept = json.loads(body)["Destination"] if service == "ses" and body else {}
            records.calls.append(Call(service, operation, _caller(headers), answered[0], kept))
            return answered

        return handle


class _Table:
    """One call of the table, seen before and after it."""

    def __init__(self, headers: dict[str, str], body: bytes | str) -> None:
        self._operation = headers.get("x-amz-target", "").rpartition(".")[2]
        self._by = _caller(headers)
        self._request: dict[str, Any] = json.loads(body or b"{}")
        self._written = list(named_by_write(self._operation, self._request))
        self._before = [_stored(*place) for place in self._written]

    def call(self, answered: tuple[int, Any, bytes]) -> Call:
        read = [_stored(*place) for place in named_by_read(self._operation, self._request)]
        if self._operation == "Query" and answered[0] == 200:
            read = json.loads(answered[2])["Items"]
        return Call(
            "dynamodb",
            self._operation,
            self._by,
            answered[0],
            self._request,
            self._before,
            [_stored(*place) for place in self._written],
            read,
        )


def named_by_write(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, Item]]:
    """Table and key, or whole item, of everything that a write of the table names."""
    if operation in ("PutItem", "UpdateItem", "DeleteItem"):
        yield request["TableName"], request.get("Item") or request["Key"]
    if operation == "TransactWriteItems":
        for entry in request["TransactItems"]:
            (named,) = entry.values()
            yield named["TableName"], named.get("Item") or named["Key"]


def named_by_read(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, Item]]:
    """Table and key of everything that a read of the table names; a query names nothing."""
    if operation == "GetItem":
        yield request["TableName"], request["Key"]
    if operation == "BatchGetItem":
        for table, wanted in request["RequestItems"].items():
            yield from ((table, key) for key in wanted["Keys"])


def _stored(table: str, key: Item) -> Item | None:
    """An item as it is now, of the emulator's own memory: a copy."""
    from ministack.services import dynamodb

    found = dynamodb._get_item_by_key(dynamodb._tables[table.rpartition("/")[2]], key)
    item: Item | None = json.loads(json.dumps(found))
    return item


def _caller(headers: dict[str, str]) -> str:
    """The function's name, which its environment puts into each request (`patches/worker.py`)."""
    if "user-agent" not in headers:
        return MACHINE
    found = re.search(r"\bapp/(\S+)", headers["user-agent"])
    return found[1] if found else ""


def _invocation(
    config: dict[str, Any], event: dict[str, Any], response: dict[str, Any]
) -> Invocation:
    records = event.get("Records", []) if isinstance(event, dict) else []
    streamed = any("dynamodb" in one for one in records)
    source = "stream" if streamed else "sqs" if records else "api" if "routeKey" in event else ""
    return Invocation(
        function=config["FunctionName"],
        memory_mb=int(config["MemorySize"]),
        seconds=response.get("seconds", 0.0),
        cpu_seconds=response.get("cpu_seconds", 0.0),
        cold=bool(response.get("cold_start")),
        source=source,
        log=response.get("log", "").splitlines(),
    )


# ------------------------------------------------------------------------------ for those who ask


def switch(endpoint: str, *, on: bool) -> None:
    """Begin to record anew, or end it."""
    body = json.dumps({"on": on}).encode()
    request = urllib.request.Request(endpoint + PATH, body, method="PUT")
    with urllib.request.urlopen(request, timeout=10):
        return


def size(endpoint: str) -> int:
    """How many records there are: it stands still when nothing happens any more."""
    with urllib.request.urlopen(f"{endpoint}{PATH}?count", timeout=10) as response:
        found: int = json.load(response)["count"]
    return found


def recorded(endpoint: str) -> Records:
    """Everything since the meter was switched on last."""
    with urllib.request.urlopen(endpoint + PATH, timeout=60) as response:
        found = json.load(response)

    def read[T](kind: Callable[..., T], entries: Iterable[dict[str, Any]]) -> list[T]:
        return [kind(**entry) for entry in entries]

    return Records(
        read(ApiRequest, found["api_requests"]),
        read(Call, found["calls"]),
        read(Invocation, found["invocations"]),
    )
