"""Warm requests: CPU time, calls and units of each hot route, compared with the bare transaction.

Each function runs as `sam build` made it, in its own process, which answers one event after another
against DynamoDB Local. The bare transaction is the one with which the product opens a ticket, sent
by a full botocore client in the same kind of process. Rounds are interleaved. A figure is the
median of the rounds' CPU time for one request; other busy processes disturb it less than wall-clock
time. The staff's list shows TICKETS tickets, and the replies go to these. The status page shows
another ticket, which was answered ANSWERS times and does not grow.

Calls and units are counted in a separate pass, through a proxy that reads the items that each call
names before and after it. Units follow Amazon's rules (`units`), for refused transactions too.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console
from rich.progress import track

from bench import bill
from bench.engine import Engine, seen
from bench.events import Event, opened, sample, status, submission
from bench.report import Figure, Machine, at_most, compared, exactly
from bench.services import TABLE, environment_of, stub
from bench.serving import REFERENCES, Function, functions
from bench.throughput import transaction
from local import dynamodb_local, stack
from local.meter import Call
from local.template import table_definition

ABOUT = "CPU time, calls and units of warm requests, compared with the bare transaction"
LIMIT_S = 120
ROUNDS = 15
REQUESTS = 40
"""Requests of each route in a round."""
WARMING = 150
TICKETS = 10
ANSWERS = 2
MOST = 1.0
"""The goal for an intake, as a multiple of the bare transaction's CPU time."""
BARE, FIRST, REPEATED = "bare transaction", "intake", "intake, repeated"


@dataclass
class Route:
    """A hot route: the function that serves it, and a function that makes its next event."""

    name: str
    function: Function
    event: Callable[[], Event]
    status: int
    on_answer: Callable[[Any], None] = lambda body: None
    taken: list[float] = field(default_factory=list)

    def ask(self) -> None:
        answer = self.function.invoke(self.event())
        assert answer["statusCode"] == self.status, f"{self.name}: {answer}"
        self.on_answer(answer["body"])

    def round(self, requests: int) -> None:
        began = self.function.cpu_s
        for _ in range(requests):
            self.ask()
        self.taken.append((self.function.cpu_s - began) / requests * 1000)

    @property
    def cpu_ms(self) -> float:
        return statistics.median(self.taken)


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures; leaves no process behind. `directory` is unused: nothing is deployed."""
    rounds, requests = max(3, round(ROUNDS * scale)), max(5, round(REQUESTS * scale))
    built = stack.build()
    with dynamodb_local.running() as engine, stub() as others, counting(engine) as proxy:
        client: Any = boto3.client("dynamodb", endpoint_url=engine)
        table = table_definition(TABLE)
        client.create_table(**table)
        with routes(built, environment_of(engine, others.address, built)) as found:
            for route in found:
                for _ in range(max(5, round(WARMING * scale))):
                    route.ask()
            for _ in track(range(rounds), "rounds", console=console):
                for route in found:
                    route.round(requests)
            machine.note_load("after the rounds")
            times = {route.name: route.cpu_ms for route in found}
        with routes(built, environment_of(proxy.address, others.address, built)) as found:
            indexes = table["GlobalSecondaryIndexes"]
            costs = {route.name: cost(route, proxy, indexes) for route in found}
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
    """Calls and units. They are exact, and so are their goals.

    A first intake writes exactly what the bare transaction writes, and a repeated one costs at most
    as much as a first.
    """
    rows = []
    for name, found in costs.items():
        calls, reads = f"{name}: calls of the table", f"{name}: read units"
        writes = f"{name}: write units"
        if name == REPEATED:
            first = costs[FIRST]
            rows.append(at_most(calls, found.calls, "", first.calls))
            rows.append(at_most(reads, found.reads, "", first.reads))
            rows.append(at_most(writes, found.writes, "", first.writes))
            continue
        rows.append(Figure(calls, found.calls))
        rows.append(Figure(reads, found.reads))
        if name == FIRST:
            rows.append(exactly(writes, found.writes, "", costs[BARE].writes))
        else:
            rows.append(Figure(writes, found.writes))
    return rows


# ------------------------------------------------------------------------------ routes


@contextlib.contextmanager
def routes(built: Path, environment: dict[str, str]) -> Iterator[list[Route]]:
    """Opens and assigns the tickets, and yields the hot routes over them."""
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
            answers.note_version(staff.invoke(answers.next())["body"])
        replies = Replies(staff, [number for number, _ in made])
        key = uuid.uuid4().hex
        yield [
            Route(BARE, bare, dict, 201),
            Route(FIRST, intake, submission, 201),
            Route(REPEATED, intake, lambda: submission(key), 201),
            Route("status page", customer, lambda: status(token), 200),
            Route("staff's list", staff, work, 200),
            Route("reply", staff, replies.next, 200, replies.note_version),
        ]


def as_agent(event: Event) -> Event:
    """Gives the event's agent capacity for the tickets of both passes."""
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
    """Makes replies to each ticket in turn, each with the ticket's current version."""

    def __init__(self, staff: Function, numbers: list[str]) -> None:
        self._versions = dict.fromkeys(numbers, 0)
        for number in numbers:
            event = as_agent(sample("staff-reply"))
            event["routeKey"] = "GET /staff/tickets/{number}"
            event["pathParameters"] = {"number": number}
            self.note_version(staff.invoke(event)["body"])

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

    def note_version(self, body: str) -> None:
        ticket = json.loads(body)
        self._versions.pop(ticket["number"], None)
        self._versions[ticket["number"]] = ticket["version"]


# ------------------------------------------------------------------------------ calls and units


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request costs: calls of the table, and the units that Amazon bills for them."""

    calls: int
    reads: float
    writes: int


@dataclass
class CountingProxy:
    """A proxy in front of the engine, at `address`, that records the calls."""

    address: str = ""
    passed: list[Call] = field(default_factory=list)


def cost(route: Route, proxy: CountingProxy, indexes: Sequence[Any]) -> Cost:
    """The cost of a second request; the first still reads the plan."""
    route.ask()
    proxy.passed.clear()
    route.ask()
    return billed(proxy.passed, indexes)


def billed(calls: Sequence[Call], indexes: Sequence[Any]) -> Cost:
    return Cost(
        len(calls),
        sum(bill.read(call) for call in calls),
        sum(bill.written(call, indexes) for call in calls),
    )


@contextlib.contextmanager
def counting(engine: str) -> Iterator[CountingProxy]:
    """Runs a proxy to the engine, for one request at a time."""
    found = CountingProxy()

    class Through(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            call, body = seen(behind, self.headers["X-Amz-Target"], content)
            found.passed.append(call)
            self.send_response(call.status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Writes no log."""

    with contextlib.closing(Engine(engine, stack.REGION)) as behind:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Through)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield found
        finally:
            server.shutdown()
            server.server_close()
