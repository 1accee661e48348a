"""Counts the AWS API calls that reach the local cloud, to show what an idle system costs.

`GET /_redress/calls` answers {"DynamoDB_20120810.GetItem": 12, "AWSStepFunctions.StartExecution":
3, ...}: the calls since the start, by their `X-Amz-Target`. Calls without this header (Lambda, S3,
API Gateway) are counted together as `other`. Calls inside the emulator are not counted.
"""

from __future__ import annotations

import json
import urllib.request
from collections import Counter

from local.faults import App, Receive, Scope, Send, answer

PATH = "/_redress/calls"
TABLE_CALLS = "DynamoDB_20120810."
"""Prefix of the names of DynamoDB calls."""


class CallCounter:
    """Wraps the emulator and counts the requests that it receives."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._calls: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == PATH:
            await answer(send, 200, self._calls)
        else:
            target = next(
                (value for name, value in scope["headers"] if name == b"x-amz-target"), b""
            )
            self._calls[target.decode("latin-1") or "other"] += 1
            await self._app(scope, receive, send)


def counted(endpoint: str) -> Counter[str]:
    """Return how often each operation was called since this cloud started."""
    with urllib.request.urlopen(endpoint + PATH, timeout=10) as response:
        return Counter(json.load(response))
