"""Stubs of the services that a benchmark needs besides the store, and a server that takes mail.

All answer at once and check nothing. They replace services that run on machines of their own, so
they must take as little as possible of this one.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import stack
from local.template import template

TABLE = "redress-bench"
KEY = "a key for benchmarks only"


@dataclass
class Tally:
    """A counter that several threads may increment."""

    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, number: int = 1) -> None:
        with self.lock:
            self.count += number


@dataclass
class Services:
    """The stub's address, the messages in its mail queue, and how many mails it took."""

    address: str
    jobs: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    mails: Tally = field(default_factory=Tally)

    def answer(self, path: str, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and content of the response to a call."""
        match target.rpartition(".")[2], path:
            case "GetSecretValue", _ if body.get("VersionStage") != "AWSPREVIOUS":
                # The key was never rotated, so there is no previous one.
                return 200, {"SecretString": KEY, "Name": "key", "ARN": "arn:aws:x:y:z:k"}
            case "SendMessageBatch", _:
                for entry in body["Entries"]:
                    self.jobs.put(entry["MessageBody"])
                ids = [entry["Id"] for entry in body["Entries"]]
                return 200, {"Successful": [{"Id": one, "MessageId": one} for one in ids]}
            case "StartExecution", _:
                return 200, {"executionArn": f"arn:aws:x:y:z:e:{body['name']}", "startDate": 0}
            case "", "/v2/email/outbound-emails":
                self.mails.add()
                return 200, {"MessageId": "a mail"}
            case "", _ if path.endswith("/invocations"):
                return 202, {}
        return 400, {"__type": "ResourceNotFoundException", "message": "none"}


class _Calls(socketserver.StreamRequestHandler):
    """One kept connection of an AWS client. `http.server` would cost ten times as much."""

    services: Services
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while request := self.rfile.readline():
            path = request.split(b" ")[1].decode()
            headers = {}
            while line := self.rfile.readline().strip():
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip().decode()
            if headers.get(b"expect"):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self.rfile.read(int(headers.get(b"content-length", 0)))
            target = headers.get(b"x-amz-target", "")
            status, content = self.services.answer(path, target, json.loads(body or b"{}"))
            raw = json.dumps(content).encode()
            head = f"HTTP/1.1 {status} .\r\nContent-Type: application/x-amz-json-1.1\r\n"
            self.wfile.write(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)


class _Mails(socketserver.StreamRequestHandler):
    """The part of SMTP that a client without errors needs."""

    sink: Sink
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            match line[:4].upper():
                case b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                    self.sink.mails.add()
                    self.wfile.write(b"250 taken\r\n")
                case b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                case _:
                    self.wfile.write(b"250 sink\r\n")


@dataclass
class Sink:
    """A mail server on this port of 127.0.0.1, and how many mails it took."""

    port: int = 0
    mails: Tally = field(default_factory=Tally)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    # Clients keep their connections open, so do not wait for their threads at the end.
    block_on_close = False
    request_queue_size = 64


@contextlib.contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """Runs a server with this handler and yields its port of 127.0.0.1."""
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


@contextlib.contextmanager
def stub() -> Iterator[Services]:
    """Runs the stub: link key, mail queue, state machine, functions to invoke, and SES.

    All other calls are answered with ResourceNotFoundException.
    """
    services = Services("")
    with _serving(type("Calls", (_Calls,), {"services": services})) as port:
        services.address = f"http://127.0.0.1:{port}"
        yield services


@contextlib.contextmanager
def mail_sink() -> Iterator[Sink]:
    sink = Sink()
    with _serving(type("Mails", (_Mails,), {"sink": sink})) as sink.port:
        yield sink


def environment_of(engine: str, others: str, built: Path) -> dict[str, str]:
    """Environment in which a built function finds this engine, these services and time zones.

    `_value_of` says which value every other variable of the template has.
    """
    variables = {
        name: _value_of(value)
        for resource in template()["Resources"].values()
        for name, value in resource.get("Properties", {})
        .get("Environment", {})
        .get("Variables", {})
        .items()
    }
    return variables | {
        "TABLE": TABLE,
        "LOG_LEVEL": "INFO",
        "CALL_TIMEOUT_S": "8",
        "POWERTOOLS_METRICS_NAMESPACE": "Redress",
        "PYTHONTZPATH": str(built / "CoreLayer" / "python" / "tzdata" / "zoneinfo"),
        "BASE_ADDRESS": "https://help.example.org",
        "MAIL_DOMAIN": "in.example.org",
        "SENDER_ADDRESS": "service@example.org",
        "AWS_REGION": stack.REGION,
        "AWS_DEFAULT_REGION": stack.REGION,
        "AWS_ACCESS_KEY_ID": stack.KEY,
        "AWS_SECRET_ACCESS_KEY": stack.KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": others,
        "AWS_ENDPOINT_URL_DYNAMODB": engine,
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
    }


def _value_of(given: Any) -> str:
    """The default of the parameter that a variable refers to, or a number as the template has it.

    Any other value is "any".
    """
    if not isinstance(given, str):
        return "any"
    if given.isdigit():
        return given
    return str(template()["Parameters"].get(given, {}).get("Default", "any"))
