"""Records what AWS would bill for, at `/_redress/meter`, while recording is on.

    PUT {"on": true}        starts a new recording; PUT {"on": false} stops it
    GET                     the recording: {"api_requests": [], "calls": [], "invocations": []}
    GET ?count              the number of records; it stays the same when nothing happens any more

An API request is a request to the deployed API, a call is a call of an AWS service, an invocation
is one run of a function. Calls are recorded inside the emulator's services, so the calls of state
machines are included. `by` names the caller: a function, MACHINE, or "" for a tool outside the
cloud. A DynamoDB call is recorded with the complete items before and after it, because Amazon bills
by their size. While recording is off, the only cost is one check of a flag.
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
    """One request to the deployed API; `bytes` is the size of the response with its headers."""

    method: str
    path: str
    status: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an AWS service.

    `request` is kept for DynamoDB calls; for a mail only its `Destination` is kept, for SQS only
    the queue. `before` and
    `after` hold each item that a write names, None where no item exists. `read` holds the items
    that a read returned, None for each key without an item.
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
    """One run of a function: `seconds` that its handler ran, and the lines of its log.

    `cpu_seconds` is the part of `seconds` in which the handler used the CPU. `source` is the
    caller: "api", "sqs", "stream", or "" for any other. `changed` has the sort keys of the items
    whose changes the stream reports.
    """

    function: str
    memory_mb: int
    seconds: float
    cpu_seconds: float
    cold: bool
    source: str
    log: list[str]
    changed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Records:
    api_requests: list[ApiRequest] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)

    def count(self) -> int:
        return len(self.api_requests) + len(self.calls) + len(self.invocations)


class Meter:
    """Wraps the emulator's HTTP app, its services and the processes of its functions."""

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
        """Wraps the emulator's services and the processes of its functions from now on."""
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
            kept = _kept(service, body)
            records.calls.append(Call(service, operation, _caller(headers), answered[0], kept))
            return answered

        return handle


class _Table:
    """One DynamoDB call: reads the items before it, and again after it."""

    def __init__(self, headers: dict[str, str], body: bytes | str) -> None:
        self._operation = headers.get("x-amz-target", "").rpartition(".")[2]
        self._by = _caller(headers)
        self._request: dict[str, Any] = json.loads(body or b"{}")
        self._written = list(named_by_write(self._operation, self._request))
        self._before = [_stored(*place) for place in self._written]

    def call(self, answered: tuple[int, Any, bytes]) -> Call:
        read = [_stored(*place) for place in named_by_read(self._operation, self._request)]
        if self._operation == "Query" and answered[0] == 200:
            found = json.loads(answered[2])
            read = [*(found["Items"] if "Items" in found else _counted(self._request))]
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
    """Yields the table and the key (or the complete item) of each item that a write names."""
    if operation in ("PutItem", "UpdateItem", "DeleteItem"):
        yield request["TableName"], request.get("Item") or request["Key"]
    if operation == "TransactWriteItems":
        for entry in request["TransactItems"]:
            (named,) = entry.values()
            yield named["TableName"], named.get("Item") or named["Key"]


def named_by_read(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, Item]]:
    """Yields the table and the key of each item that a read names; a query names none."""
    if operation == "GetItem":
        yield request["TableName"], request["Key"]
    if operation == "BatchGetItem":
        for table, wanted in request["RequestItems"].items():
            yield from ((table, key) for key in wanted["Keys"])


def _kept(service: str, body: bytes) -> dict[str, Any]:
    """What is kept of the request of another service than DynamoDB."""
    if service == "ses" and body:
        destination: dict[str, Any] = json.loads(body)["Destination"]
        return destination
    if service == "sqs" and body.startswith(b"{"):
        return {"QueueUrl": json.loads(body).get("QueueUrl", "")}
    return {}


def _counted(query: dict[str, Any]) -> list[Item]:
    """The items that a query with `Select=COUNT` has read. It is billed for them, too."""
    from ministack.services import dynamodb

    _, _, body = dynamodb._query(with_items(query))
    items: list[Item] = json.loads(body)["Items"]
    return items


def with_items(query: dict[str, Any]) -> dict[str, Any]:
    """The same query, whose answer has items also if it only asks how many there are."""
    return {name: value for name, value in query.items() if name != "Select"}


def _stored(table: str, key: Item) -> Item | None:
    """A copy of the current item, read from the emulator's memory; None if there is none."""
    from ministack.services import dynamodb

    found = dynamodb._get_item_by_key(dynamodb._tables[table.rpartition("/")[2]], key)
    item: Item | None = json.loads(json.dumps(found))
    return item


def _caller(headers: dict[str, str]) -> str:
    """The caller. Each function puts its name into its requests (`patches/worker.py`)."""
    if "user-agent" not in headers:
        return MACHINE
    found = re.search(r"\bapp/([\w-]+)", headers["user-agent"])
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
        changed=[one["dynamodb"]["Keys"]["sk"]["S"] for one in records if "dynamodb" in one],
    )


# ------------------------------------------------------------------------------ client functions


def switch(endpoint: str, *, on: bool) -> None:
    """Starts a new recording, or stops the current one."""
    body = json.dumps({"on": on}).encode()
    request = urllib.request.Request(endpoint + PATH, body, method="PUT")
    with urllib.request.urlopen(request, timeout=10):
        return


def size(endpoint: str) -> int:
    """The number of records so far; it stays the same when nothing happens any more."""
    with urllib.request.urlopen(f"{endpoint}{PATH}?count", timeout=10) as response:
        found: int = json.load(response)["count"]
    return found


def recorded(endpoint: str) -> Records:
    """Everything recorded since the recording was last started."""
    with urllib.request.urlopen(endpoint + PATH, timeout=60) as response:
        found = json.load(response)

    def read[T](kind: Callable[..., T], entries: Iterable[dict[str, Any]]) -> list[T]:
        return [kind(**entry) for entry in entries]

    return Records(
        read(ApiRequest, found["api_requests"]),
        read(Call, found["calls"]),
        read(Invocation, found["invocations"]),
    )
