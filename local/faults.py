"""A switch for faults that a real AWS account does not produce on request: SES refuses mail.

The local cloud answers at `/_redress/faults`:

    GET                                     the faults that are on
    PUT {"ses": {"code": "MessageRejected", "status": 400, "times": 3}}
                                            SES refuses the next 3 sends; without `times`, all sends
    PUT {}                                  turns all faults off

Tests use `refuse_mail` and `accept_mail`.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = "/_redress/faults"
SEND_EMAIL = ("POST", "/v2/email/outbound-emails")


class FaultSwitch:
    """Wraps the emulator and answers in its place where a fault is on."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._faults: dict[str, dict[str, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == PATH:
            if scope["method"] == "PUT":
                self._faults = json.loads(await body_of(receive) or b"{}")
            await answer(send, 200, self._faults)
        elif (scope["method"], scope["path"]) == SEND_EMAIL and (fault := self._take("ses")):
            await body_of(receive)
            code = fault.get("code", "MessageRejected")
            message = {"message": fault.get("message", "refused by the fault switch")}
            await answer(send, int(fault.get("status", 400)), message, error=code)
        else:
            await self._app(scope, receive, send)

    def _take(self, name: str) -> dict[str, Any] | None:
        """The fault that is on, or None; counts down its `times`."""
        fault = self._faults.get(name)
        if fault is not None and fault.get("times") is not None:
            fault["times"] -= 1
            if fault["times"] <= 0:
                del self._faults[name]
        return fault


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


def refuse_mail(
    endpoint: str, code: str = "MessageRejected", status: int = 400, times: int | None = None
) -> None:
    """Makes SES refuse every mail, or the next `times` mails, with this error code of its API."""
    _put(endpoint, {"ses": {"code": code, "status": status, "times": times}})


def accept_mail(endpoint: str) -> None:
    """Turns all faults off."""
    _put(endpoint, {})


def _put(endpoint: str, faults: dict[str, Any]) -> None:
    request = urllib.request.Request(endpoint + PATH, json.dumps(faults).encode(), method="PUT")
    with urllib.request.urlopen(request, timeout=10):
        return
