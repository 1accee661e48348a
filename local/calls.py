"""Counts the calls of AWS APIs that reach the laptop's cloud: what something costs while idle.

`GET /_redress/calls` answers {"DynamoDB_20120810.GetItem": 12, "AWSStepFunctions.StartExecution":
3, ...}: calls since the start by their `X-Amz-Target`. Services without one (Lambda, S3, API
Gateway) are counted together as `other`; what the emulator does within itself is not counted.
"""

from __future__ import annotations

import json
import urllib.request
from collections import Counter

from local.faults import App, Receive, Scope, Send, answer

PATH = "/_redress/calls"
TABLE_CALLS = "DynamoDB_20120810."
"""How the names of a table's calls begin."""


class CallCounter:
    """Stands before the emulator and counts what comes in."""

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
    """All calls of this cloud so far."""
    with urllib.request.urlopen(endpoint + PATH, timeout=10) as response:
        return Counter(json.load(response))
