"""`python -m bench.load`: clients in their own process that send one request after another.

Standard input is JSON: {"port", "clients", "seconds", "request", "mark", "answer"}. Each request is
the text of `request`, with every `mark` in it replaced by new random digits, over a new connection.
Each response must begin with `answer`. Prints {"done", "seconds"}: the number of responses, and the
time from the first request to the last response.

It uses plain sockets, because a client shares the machine with what it measures and must take
little of it.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PATIENCE_S = 60


class Refused(RuntimeError):
    """A response was not the expected one; the message is its beginning."""


def ask(port: int, request: bytes) -> bytes:
    """Sends one request, which must ask to close the connection. Returns the complete response."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def client(given: dict[str, Any], until: float) -> int:
    """Sends requests until `until`, and waits for the last. Returns how many were answered."""
    request, mark = given["request"].encode(), given["mark"].encode()
    wanted = given["answer"].encode()
    done = 0
    while time.monotonic() < until:
        digits = secrets.token_hex(len(mark) // 2).encode()
        answer = ask(given["port"], request.replace(mark, digits))
        if not answer.startswith(wanted):
            raise Refused(answer[:500].decode(errors="replace"))
        done += 1
    return done


def run(given: dict[str, Any]) -> dict[str, float]:
    count = given["clients"]
    with ThreadPoolExecutor(count) as pool:
        began = time.monotonic()
        until = began + given["seconds"]
        done = sum(pool.map(client, [given] * count, [until] * count))
    return {"done": done, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
