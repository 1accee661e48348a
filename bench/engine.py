"""DynamoDB Local by plain requests: what a benchmark does itself should cost little.

It checks no signature, so none is made. A client of AWS takes longer over a batch of items than the
engine.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from local import stack
from local.meter import Call, Item, named_by_read, named_by_write

TABLE_API, STREAM_API = "DynamoDB_20120810", "DynamoDBStreams_20120810"


class RefusedError(RuntimeError):
    """The engine did not do what it was asked to; the message is its answer."""


class Engine:
    """One connection to it, for one request at a time."""

    def __init__(self, address: str, region: str, api: str = TABLE_API) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
        self._api = api
        scope = f"{stack.KEY}/20260101/{region}/dynamodb/aws4_request"
        self._headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, "
            "Signature=none",
            "Content-Type": "application/x-amz-json-1.0",
        }

    def send(self, target: str, content: bytes) -> tuple[int, bytes]:
        """A request as a client makes it; the status and the body of its answer."""
        headers = self._headers | {"X-Amz-Target": target}
        self._connection.request("POST", "/", content, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def call(self, operation: str, **content: Any) -> dict[str, Any]:
        """What an operation answers; raises RefusedError."""
        status, body = self.send(f"{self._api}.{operation}", json.dumps(content).encode())
        if status != 200:
            raise RefusedError(f"{operation}: {body.decode()}")
        found: dict[str, Any] = json.loads(body)
        return found

    def item(self, table: str, named: Item) -> Item | None:
        """The item of this key as it is now; a whole item will do for its key."""
        key = {name: named[name] for name in ("pk", "sk")}
        answer = self.call("GetItem", TableName=table, Key=key, ConsistentRead=True)
        found: Item | None = answer.get("Item")
        return found

    def close(self) -> None:
        self._connection.close()


def seen(engine: Engine, target: str, content: bytes) -> tuple[Call, bytes]:
    """Passes on one call of the table: what Amazon bills it by, and the body of its answer.

    The items that it names are read before and after it, so nothing else may write meanwhile.
    """
    operation, request = target.rpartition(".")[2], json.loads(content)
    places = list(named_by_write(operation, request))
    before = [engine.item(*place) for place in places]
    status, body = engine.send(target, content)
    after = [engine.item(*place) for place in places]
    read = [engine.item(*place) for place in named_by_read(operation, request)]
    if operation == "Query" and status == 200:
        read = json.loads(body)["Items"]
    return Call("dynamodb", operation, "", status, request, before, after, read), body
