"""Faults that a real AWS account does not produce on request, in front of the local cloud.

The local cloud answers at `/_redress/faults`:

    GET     {"on": [<the faults that are on>], "happened": [<what happened so far>]}
    PUT     a list of faults, which replaces all others; `[]` turns all faults off
    POST    a list of faults, which are added
    DELETE  forgets what happened

A fault is an object with the fields of `Fault`. For example, SES refuses the next three mails:

    {"service": "ses", "do": "refuse", "code": "MessageRejected", "times": 3}

Faults reach every HTTP request to a service, of functions and of tools, and the calls of DynamoDB
that a state machine makes itself. Its calls of functions stay inside the emulator.

Tests use `refuse_mail` and `accept_mail`; `make chaos` uses all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = "/_redress/faults"
SEND_EMAIL = ("POST", "/v2/email/outbound-emails")
_SERVICE = re.compile(rb"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/aws4_request")
_CALLER = re.compile(rb"\bapp/([\w-]+)(?:\.(\d+))?")


MACHINE = "a state machine"
"""The caller of a state machine's own calls."""

type Handler = Callable[..., Awaitable[tuple[int, Any, bytes]]]


class Do(StrEnum):
    """What a fault does to a call."""

    REFUSE = "refuse"
    """The service answers with an error. The call has no effect."""
    LOSE = "lose"
    """The call takes effect, and the connection breaks before the answer arrives."""
    BREAK = "break"
    """The connection breaks before the call reaches the service. It has no effect."""
    HOLD = "hold"
    """The call reaches the service `seconds` late."""
    HOLD_ANSWER = "hold_answer"
    """The call takes effect at once, and its answer arrives `seconds` late."""
    KILL_BEFORE = "kill_before"
    """The process that calls is killed. The call has no effect."""
    KILL_AFTER = "kill_after"
    """The call takes effect, and the process that called is killed before it learns of it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the next calls that it fits.

    do         one of `Do`
    service    the service's name in signatures: "dynamodb", "sqs", "ses", "states", "s3", "lambda",
               "sns", "secretsmanager"; "" fits all
    operation  the name of the operation, such as "UpdateItem"; for a service without such names
               (S3, Lambda) the HTTP method; "" fits all
    function   the name of the function that calls, or MACHINE; "" fits all callers
    times      how many calls it hits, then it is off; None for all calls
    code       the error code of REFUSE, as JSON, so not for S3; `status` is the HTTP status
    seconds    how long HOLD and HOLD_ANSWER take
    """

    do: str
    service: str = ""
    operation: str = ""
    function: str = ""
    times: int | None = 1
    code: str = "ThrottlingException"
    status: int = 400
    seconds: float = 0.0

    def fits(self, call: Call) -> bool:
        return all(
            wanted in ("", found)
            for wanted, found in (
                (self.service, call.service),
                (self.operation, call.operation),
                (self.function, call.function),
            )
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a service. `function` is "" and `pid` None for a tool."""

    service: str
    operation: str
    function: str
    pid: int | None


@dataclass(frozen=True, slots=True)
class Happened:
    """One fault that hit a call. `tags` are the tags of the mail, if the call sends one."""

    do: str
    service: str
    operation: str
    function: str
    tags: dict[str, str]


class ConnectionBroken(Exception):
    """Ends a request without an answer; the server closes the connection."""


class FaultSwitch:
    """Wraps the emulator and changes what happens to a call that a fault fits."""

    def __init__(self, app: App, kill: Callable[[int], None] | None = None) -> None:
        """`kill` ends a process; a test replaces it."""
        self._app, self._kill = app, kill or _kill
        self._faults: list[Fault] = []
        self._happened: list[Happened] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == PATH:
            await self._configure(scope["method"], receive, send)
        elif self._faults and (fault := self._take(call := call_of(scope))):
            body = await body_of(receive)
            self._happened.append(
                Happened(fault.do, call.service, call.operation, call.function, _tags(call, body))
            )
            await self._happen(fault, call, scope, body, send)
        else:
            await self._app(scope, receive, send)

    def attach(self, handlers: dict[str, Handler]) -> None:
        """Wraps the emulator's DynamoDB, for the calls of state machines, which are no requests.

        These calls have no connection that could break. A call that is not refused or held takes
        effect, and then fails with the fault's error.
        """
        handle = handlers["dynamodb"]

        async def answered(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
        ) -> tuple[int, Any, bytes]:
            fault = None
            if self._faults and "user-agent" not in headers:
                operation = headers.get("x-amz-target", "").rpartition(".")[2]
                fault = self._take(Call("dynamodb", operation, MACHINE, None))
            if fault is None:
                return await handle(method, path, headers, body, query)
            self._happened.append(Happened(fault.do, "dynamodb", operation, MACHINE, {}))
            if fault.do in (Do.HOLD, Do.HOLD_ANSWER):
                await asyncio.sleep(fault.seconds)
                return await handle(method, path, headers, body, query)
            if fault.do != Do.REFUSE:
                await handle(method, path, headers, body, query)
            content = {"__type": fault.code, "message": "refused by the fault switch"}
            return fault.status, {"x-amzn-errortype": fault.code}, json.dumps(content).encode()

        handlers["dynamodb"] = answered

    async def _configure(self, method: str, receive: Receive, send: Send) -> None:
        if method in ("PUT", "POST"):
            given = [Fault(**one) for one in json.loads(await body_of(receive) or b"[]")]
            self._faults = given if method == "PUT" else [*self._faults, *given]
        elif method == "DELETE":
            self._happened.clear()
        found = {
            "on": [asdict(one) for one in self._faults],
            "happened": [asdict(one) for one in self._happened],
        }
        await answer(send, 200, found)

    def _take(self, call: Call) -> Fault | None:
        """The first fault that fits the call, or None; counts down its `times`."""
        for index, fault in enumerate(self._faults):
            if fault.fits(call) and (call.pid or fault.do not in (Do.KILL_BEFORE, Do.KILL_AFTER)):
                if fault.times is not None:
                    left = replace(fault, times=fault.times - 1)
                    self._faults[index : index + 1] = [left] if left.times else []
                return fault
        return None

    async def _happen(
        self, fault: Fault, call: Call, scope: Scope, body: bytes, send: Send
    ) -> None:
        receive = _again(body)
        match Do(fault.do):
            case Do.REFUSE:
                content = {"__type": fault.code, "message": "refused by the fault switch"}
                await answer(send, fault.status, content, error=fault.code)
            case Do.BREAK:
                await self._break(send)
            case Do.LOSE:
                await self._app(scope, receive, _into([]))
                await self._break(send)
            case Do.HOLD:
                await asyncio.sleep(fault.seconds)
                await self._app(scope, receive, send)
            case Do.HOLD_ANSWER:
                kept: list[MutableMapping[str, Any]] = []
                await self._app(scope, receive, _into(kept))
                await asyncio.sleep(fault.seconds)
                for message in kept:
                    await send(message)
            case Do.KILL_BEFORE:
                self._kill(call.pid or 0)
                await self._break(send)
            case Do.KILL_AFTER:
                await self._app(scope, receive, _into([]))
                self._kill(call.pid or 0)
                await self._break(send)

    @staticmethod
    async def _break(send: Send) -> None:
        """Begins an answer and never ends it, so that the caller's connection breaks."""
        head = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise ConnectionBroken


def call_of(scope: Scope) -> Call:
    """What an HTTP request to the emulator calls, and who calls.

    The service is in the signature, the operation in `X-Amz-Target`. A function puts its name and
    the id of its process into the user agent (`patches/worker.py`).
    """
    headers = dict(scope["headers"])
    service = _SERVICE.search(headers.get(b"authorization", b""))
    target = headers.get(b"x-amz-target", b"").rpartition(b".")[2].decode("latin-1")
    sends = (scope["method"], scope["path"]) == SEND_EMAIL
    caller = _CALLER.search(headers.get(b"user-agent", b""))
    return Call(
        service=service[1].decode("latin-1") if service else "",
        operation="SendEmail" if sends else target or scope["method"],
        function=caller[1].decode("latin-1") if caller else "",
        pid=int(caller[2]) if caller and caller[2] else None,
    )


def _tags(call: Call, body: bytes) -> dict[str, str]:
    if call.operation != "SendEmail":
        return {}
    return {one["Name"]: one["Value"] for one in json.loads(body).get("EmailTags", [])}


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _again(body: bytes) -> Receive:
    """A `receive` that gives the body of a request that was read already."""
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False}
    ]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _into(kept: list[MutableMapping[str, Any]]) -> Send:
    """A `send` that keeps the messages of an answer."""

    async def send(message: MutableMapping[str, Any]) -> None:
        kept.append(message)

    return send


async def body_of(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def answer(send: Send, status: int, content: object, error: str = "") -> None:
    """Sends JSON in place of the emulator's answer; `error` is an AWS error code."""
    headers = [(b"content-type", b"application/json")]
    if error:
        headers.append((b"x-amzn-errortype", error.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


# ------------------------------------------------------------------------------ client functions


def refuse_mail(
    endpoint: str, code: str = "MessageRejected", status: int = 400, times: int | None = None
) -> None:
    """Makes SES refuse every mail, or the next `times` mails, with this error code of its API."""
    fault = Fault(Do.REFUSE, "ses", code=code, status=status, times=times)
    _call(endpoint, "PUT", [asdict(fault)])


def accept_mail(endpoint: str) -> None:
    """Turns all faults off."""
    turn_off(endpoint)


def turn_on(endpoint: str, faults: Iterable[Fault]) -> None:
    """Adds faults to those that are on."""
    _call(endpoint, "POST", [asdict(fault) for fault in faults])


def turn_off(endpoint: str) -> None:
    """Turns all faults off."""
    _call(endpoint, "PUT", [])


def on(endpoint: str) -> list[Fault]:
    """The faults that are on."""
    return [Fault(**one) for one in _call(endpoint, "GET")["on"]]


def happened(endpoint: str) -> list[Happened]:
    """The faults that hit a call since this cloud started."""
    return [Happened(**one) for one in _call(endpoint, "GET")["happened"]]


def _call(endpoint: str, method: str, content: object = None) -> Any:
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(endpoint + PATH, data, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)
