"""DynamoDB Local through plain HTTP requests, so a benchmark's own work costs little.

The engine checks no signature, so requests are not signed. For a batch of items a boto3 client
takes longer than the engine itself.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from local import stack
from local.meter import Call, Item, named_by_read, named_by_write, with_items

TABLE_API, STREAM_API = "DynamoDB_20120810", "DynamoDBStreams_20120810"


class RefusedError(RuntimeError):
    """The engine refused a request; the message is its answer."""


class Engine:
    """One connection to the engine, for one request at a time."""

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
        """Sends a request in the format of an AWS client. Returns status and body."""
        headers = self._headers | {"X-Amz-Target": target}
        self._connection.request("POST", "/", content, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def call(self, operation: str, **content: Any) -> dict[str, Any]:
        """The result of an operation; raises RefusedError unless the status is 200."""
        status, body = self.send(f"{self._api}.{operation}", json.dumps(content).encode())
        if status != 200:
            raise RefusedError(f"{operation}: {body.decode()}")
        found: dict[str, Any] = json.loads(body)
        return found

    def item(self, table: str, named: Item) -> Item | None:
        """The current item with this key, or None. `named` may be a key or a complete item."""
        key = {name: named[name] for name in ("pk", "sk")}
        answer = self.call("GetItem", TableName=table, Key=key, ConsistentRead=True)
        found: Item | None = answer.get("Item")
        return found

    def close(self) -> None:
        self._connection.close()


def seen(engine: Engine, target: str, content: bytes) -> tuple[Call, bytes]:
    """Forwards one call of the table. Returns what Amazon bills it by, and the response's body.

    The items that the call names are read before and after it, so nothing else may write to them
    at the same time.
    """
    operation, request = target.rpartition(".")[2], json.loads(content)
    places = list(named_by_write(operation, request))
    before = [engine.item(*place) for place in places]
    status, body = engine.send(target, content)
    after = [engine.item(*place) for place in places]
    read = [engine.item(*place) for place in named_by_read(operation, request)]
    if operation == "Query" and status == 200:
        found = json.loads(body)
        if "Items" not in found:  # it asks how many there are, and is billed for what it reads
            found = engine.call("Query", **with_items(request))
        read = found["Items"]
    return Call("dynamodb", operation, "", status, request, before, after, read), body
