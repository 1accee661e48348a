"""Other systems that use a connector of the deployed stack: a chat, or a telephone system."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from local.story import World
from tests.machines import signed_headers, webhook_headers


def connected(world: World, name: str, scopes: Sequence[str], **fields: Any) -> System:
    """A new connector with these scopes and fields, and the system that uses it."""
    id_ = f"{name}-{time.time_ns()}"
    about = {"name": f"The {name}", "team": None, "reason": "customers are there"} | fields
    made = world.manager.send("POST", "/connectors", {"id": id_, "scopes": list(scopes), **about})
    return System(world.base_url, made)


class System:
    """A chat or a telephone system. It uses the keys of a connector that a manager was shown."""

    def __init__(self, base_url: str, made: dict[str, Any]) -> None:
        self._base_url, self.id, self._count = base_url, made["connector"]["id"], 0
        self.take(made)

    def take(self, made: dict[str, Any]) -> None:
        """Use these keys from now on."""
        self._key_id, self.webhook_secret = made["keyid"], made["webhook_secret"]
        self.answers_secret = made.get("answers_secret", "")
        self._key = base64.b64decode(made["api_key"])

    def hand_over(self, delivery: str, message: str, text: str, **fields: Any) -> tuple[int, Any]:
        """Send a message of the customer as a webhook. `fields` replace those of the message."""
        customer = {"name": "Li Na", "email": f"li.na+{self.id}@example.com"}
        body: dict[str, Any] = {"conversation": "c-1", "message": message, "text": text}
        body |= {"channel": "chat", "language": "en", "customer": customer, "consent": True}
        return self._tell("messages", delivery, body | fields)

    def record_call(self, delivery: str, **fields: Any) -> tuple[int, Any]:
        """Send the record of a call as a webhook."""
        return self._tell("calls", delivery, fields)

    def report(self, delivery: str, **fields: Any) -> tuple[int, Any]:
        """Send a receipt of an answer as a webhook."""
        return self._tell("receipts", delivery, fields)

    def _tell(self, what: str, delivery: str, body: dict[str, Any]) -> tuple[int, Any]:
        raw = json.dumps(body).encode()
        headers = webhook_headers(self.webhook_secret, delivery, datetime.now(UTC), raw)
        return self._send("POST", f"/connectors/{self.id}/{what}", raw, headers)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a signed request."""
        self._count += 1
        raw = b"" if body is None else json.dumps(body).encode()
        nonce = None if body is None else f"nonce-{self._count}"
        url, at = self._base_url + path, datetime.now(UTC)
        headers = signed_headers(self._key_id, self._key, method, url, raw, at, nonce)
        return self._send(method, path, raw, headers)

    def _send(self, method: str, path: str, raw: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        url = self._base_url + path
        request = urllib.request.Request(url, raw or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as found:
                return found.status, json.load(found)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)
