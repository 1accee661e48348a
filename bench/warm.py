"""Warm requests: processor time, calls and units of each hot route, beside the bare transaction.

Each function runs as `sam build` made it, in a process of its own that answers one event after the
other against DynamoDB Local; the bare transaction is the one with which the product opens a ticket,
by a full client of botocore, in a process of the same kind. Rounds are interleaved; a figure is the
median of the rounds' processor time for one request, which another busy process disturbs less than
the clock on the wall. Staff's list shows TICKETS tickets, to which the replies go; the status page
is of another, which was answered ANSWERS times and does not grow.

Calls and units are counted in a pass of its own, through a door that asks the engine for what each
call consumes; it says nothing of a transaction whose condition failed, and counts the indexes of a
transaction twice, as Amazon does not. What Amazon bills is `make bench ONLY=life`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from rich.console import Console
from rich.progress import track

from bench.cold import sample
from bench.report import Figure, Machine, compared
from bench.services import TABLE, environment_of, stub
from bench.serving import REFERENCES, Function, functions
from bench.throughput import transaction
from local import dynamodb_local, stack
from local.template import table_definition

ABOUT = "processor time, calls and units of warm requests, beside the bare transaction"
LIMIT_S = 120
ROUNDS = 15
REQUESTS = 40
"""Of each route in a round."""
WARMING = 150
TICKETS = 10
ANSWERS = 2
MOST = 1.3
"""The goal for an intake: of the processor time of the bare transaction."""
BARE, FIRST, REPEATED = "bare transaction", "intake", "intake, repeated"

Event = dict[str, Any]


@dataclass
class Route:
    """A hot route: who answers it, and the next event for it, made anew for each request."""

    name: str
    function: Function
    event: Callable[[], Event]
    status: int
    heard: Callable[[Any], None] = lambda body: None
    taken: list[float] = field(default_factory=list)

    def ask(self) -> None:
        answer = self.function.invoke(self.event())
        assert answer["statusCode"] == self.status, f"{self.name}: {answer}"
        self.heard(answer["body"])

    def round(self, requests: int) -> None:
        began = self.function.cpu_s
        for _ in range(requests):
            self.ask()
        self.taken.append((self.function.cpu_s - began) / requests * 1000)

    @property
    def cpu_ms(self) -> float:
        return statistics.median(self.taken)


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures; leaves no process behind, however it ends. `directory` is not needed."""
    rounds, requests = max(3, round(ROUNDS * scale)), max(5, round(REQUESTS * scale))
    built = stack.build()
    with dynamodb_local.running() as engine, stub() as others, counting(engine) as door:
        client: Any = boto3.client("dynamodb", endpoint_url=engine)
        client.create_table(**table_definition(TABLE))
        with routes(built, environment_of(engine, others.address, built)) as found:
            for route in found:
                for _ in range(max(5, round(WARMING * scale))):
                    route.ask()
            for _ in track(range(rounds), "rounds", console=console):
                for route in found:
                    route.round(requests)
            machine.note_load("after the rounds")
            times = {route.name: route.cpu_ms for route in found}
        with routes(built, environment_of(door.address, others.address, built)) as found:
            costs = {route.name: cost(route, door) for route in found}
    return [*time_figures(times), *cost_figures(costs)]


def time_figures(times: dict[str, float]) -> list[Figure]:
    bare = (BARE, times[BARE])
    rows = [
        compared(f"{name}: processor time", took, "ms", bare, most=MOST if name == FIRST else None)
        for name, took in times.items()
    ]
    first = (FIRST, times[FIRST])
    again = "intake, repeated: of a first's time"
    return [*rows, compared(again, times[REPEATED], "ms", first, most=1.0)]


def cost_figures(costs: dict[str, Cost]) -> list[Figure]:
    rows = []
    for name, found in costs.items():
        rows.append(Figure(f"{name}: calls of the table", found.calls))
        rows.append(Figure(f"{name}: read units", found.reads))
        rows.append(Figure(f"{name}: write units", found.writes))
    return rows


# ------------------------------------------------------------------------------ routes


@contextlib.contextmanager
def routes(built: Path, environment: dict[str, str]) -> Iterator[list[Route]]:
    """The hot routes, over tickets that are made first."""
    layer = built / "CoreLayer" / "python"
    with contextlib.ExitStack() as leaving:
        folder = Path(leaving.enter_context(tempfile.TemporaryDirectory()))

        def started(path: Path, more: dict[str, str] | None = None) -> Function:
            given = environment | (more or {})
            [one] = leaving.enter_context(functions(1, (path, layer), given))
            return one

        bare = started(REFERENCES / "bare", transaction(folder))
        intake = started(built / "IntakeFunction")
        staff, customer = started(built / "StaffFunction"), started(built / "CustomerFunction")
        assigner = started(built / "AssignerFunction")
        arrive(staff)
        (watched, token), *made = [opened(intake) for _ in range(1 + TICKETS)]
        for number in (watched, *(number for number, _ in made)):
            assert assigner.invoke({"ticket": number}) == {"assigned": 1}, number
        answers = Replies(staff, [watched])
        for _ in range(ANSWERS):
            answers.heard(staff.invoke(answers.next())["body"])
        replies = Replies(staff, [number for number, _ in made])
        key = uuid.uuid4().hex
        yield [
            Route(BARE, bare, dict, 201),
            Route(FIRST, intake, submission, 201),
            Route(REPEATED, intake, lambda: submission(key), 201),
            Route("status page", customer, lambda: status(token), 200),
            Route("staff's list", staff, work, 200),
            Route("reply", staff, replies.next, 200, replies.heard),
        ]


def submission(key: str = "") -> Event:
    event = sample("intake-submit")
    event["headers"]["idempotency-key"] = key or uuid.uuid4().hex
    return event


def opened(intake: Function) -> tuple[str, str]:
    """Number and token of a new ticket."""
    receipt = json.loads(intake.invoke(submission())["body"])
    return receipt["number"], receipt["token"]


def status(token: str) -> Event:
    event = sample("customer-status")
    event["pathParameters"] = {"token": token}
    return event


def as_agent(event: Event) -> Event:
    """By an agent with room for the tickets of both passes."""
    event["requestContext"]["authorizer"]["jwt"]["claims"]["custom:capacity"] = str(
        2 * (1 + TICKETS)
    )
    return event


def arrive(staff: Function) -> None:
    event = as_agent(sample("staff-presence"))
    event["body"] = json.dumps({"presence": "available"})
    answer = staff.invoke(event)
    assert answer["statusCode"] == 200, answer


def work() -> Event:
    event = as_agent(sample("staff-work"))
    event["queryStringParameters"] = {"limit": str(TICKETS)}
    return event


class Replies:
    """One reply after the other, to each ticket in turn, each with the version that it has then."""

    def __init__(self, staff: Function, numbers: list[str]) -> None:
        self._versions = dict.fromkeys(numbers, 0)
        for number in numbers:
            event = as_agent(sample("staff-reply"))
            event["routeKey"] = "GET /staff/tickets/{number}"
            event["pathParameters"] = {"number": number}
            self.heard(staff.invoke(event)["body"])

    def next(self) -> Event:
        number = next(iter(self._versions))
        event = as_agent(sample("staff-reply"))
        event["pathParameters"] = {"number": number}
        event["body"] = json.dumps(
            {
                "version": self._versions[number],
                "text": "我们今天会重新寄出。",
                "wait_for_customer": False,
            }
        )
        return event

    def heard(self, body: str) -> None:
        told = json.loads(body)
        self._versions.pop(told["number"], None)
        self._versions[told["number"]] = told["version"]


# ------------------------------------------------------------------------------ calls and units


@dataclass
class Cost:
    """Of one request: calls of the table, and the units that the engine says they consumed."""

    calls: int = 0
    reads: float = 0.0
    writes: float = 0.0


@dataclass
class Door:
    """Stands before the engine at `address` and adds up what passes."""

    address: str = ""
    passed: Cost = field(default_factory=Cost)


def cost(route: Route, door: Door) -> Cost:
    """Of the second request: the first meets a function that has not read the plan yet."""
    route.ask()
    door.passed = counted = Cost()
    route.ask()
    door.passed = Cost()
    return counted


def units(target: str, content: dict[str, Any]) -> tuple[float, float]:
    """Read and write units of an answer with its ConsumedCapacity."""
    told = content.get("ConsumedCapacity") or []
    total = sum(one["CapacityUnits"] for one in (told if isinstance(told, list) else [told]))
    reads = target.rpartition(".")[2] in {"GetItem", "BatchGetItem", "Query", "TransactGetItems"}
    return (total, 0.0) if reads else (0.0, total)


@contextlib.contextmanager
def counting(engine: str) -> Iterator[Door]:
    """A door to the engine that asks it for what each call consumes."""
    found = Door()
    place = urlsplit(engine).netloc

    class Through(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            target = self.headers["X-Amz-Target"]
            asked["ReturnConsumedCapacity"] = "TOTAL"
            sent = {name: self.headers[name] for name in ("X-Amz-Target", "Authorization")}
            sent |= {"Content-Type": self.headers["Content-Type"], "Host": place}
            sent["X-Amz-Date"] = self.headers["X-Amz-Date"]
            engine_side = http.client.HTTPConnection(place, timeout=10)
            engine_side.request("POST", "/", json.dumps(asked).encode(), sent)
            answer = engine_side.getresponse()
            body = answer.read()
            engine_side.close()
            reads, writes = units(target, json.loads(body))
            found.passed.calls += 1
            found.passed.reads += reads
            found.passed.writes += writes
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Through)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
