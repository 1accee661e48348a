"""`python -m bench.load`: clients in a process of their own, who ask and wait, over and over.

Standard input is JSON: {"port", "clients", "seconds", "request", "mark", "answer"}. Each request is
the text of `request` with every `mark` in it replaced by digits drawn anew, over a connection of
its own; each answer must begin with `answer`. Prints {"done", "seconds"}: how many were answered,
and the time from the first request to the last answer.

Plain sockets: a client must take little of the machine that it shares with what it measures.
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
    """An answer that was not the expected one; the message is its beginning."""


def ask(port: int, request: bytes) -> bytes:
    """The whole answer to one request, which asks for the connection to be closed after it."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def client(given: dict[str, Any], until: float) -> int:
    """How many requests were answered; one that was begun in time is waited for."""
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
