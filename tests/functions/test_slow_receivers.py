"""Relay and follower while a service refuses or holds back calls, with the clients that they use.

A server on this machine stands for SQS, Lambda and Step Functions. So the retries and timeouts of
botocore take as long as they do on AWS.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest

from local.template import template
from redress.db import encoding, keys
from redress.wiring import stores
from tests.builders import START, Life
from tests.wired import enter, forget_wiring
from tests.workflow.test_follower import last_event
from tests.workflow.test_relay import Timers, a_timer
from tests.workflow.test_stream import AWAKE, record, timer_row
from tests.world import Context

READERS = {
    name: template()["Resources"][f"{name.title()}Function"]["Properties"]
    for name in ("follower", "relay")
}
TIMEOUT_S = {name: float(reader["Timeout"]) for name, reader in READERS.items()}
[CALL_S] = {reader["Environment"]["Variables"]["CALL_TIMEOUT_S"] for reader in READERS.values()}

Event = dict[str, Any]


class Services:
    """A server that answers every operation. `refused` operations get 429, `held` ones no answer.

    `seen` has the time of each request, in seconds since the server began, and its operation.
    """

    def __init__(self) -> None:
        self.refused, self.held = set[str](), set[str]()
        self.seen = list[tuple[float, str]]()
        self._began, self._over = time.monotonic(), threading.Event()
        services = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                target = self.headers.get("X-Amz-Target", "lambda.Invoke")
                status, answer = services.answer(target.rpartition(".")[2], body)
                if status == 0:
                    return
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Write nothing: what the server saw is in `seen`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, operation: str, body: bytes) -> tuple[int, Event]:
        """The status and body of an answer. The status 0 stands for none."""
        self.seen.append((time.monotonic() - self._began, operation))
        if operation in self.held:
            self._over.wait()
            return 0, {}
        if operation in self.refused:
            return 429, {"__type": "TooManyRequestsException", "message": "Rate exceeded"}
        if operation == "Invoke":
            return 202, {}
        if operation == "SendMessageBatch":
            return 200, {"Successful": [], "Failed": []}
        return 200, {"executionArn": "arn:x", "startDate": START.timestamp()}

    def count(self) -> Counter[str]:
        return Counter(operation for _, operation in self.seen)

    def times(self, operation: str) -> list[float]:
        return [at for at, seen in self.seen if seen == operation]

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


class Clocked(Context):
    """Lambda's context with the time that is really left."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return round(1000 * (self._end - time.monotonic()))


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    found = Services()
    queue = f"{found.url}/queue"
    enter(
        monkeypatch,
        TICKET_MACHINE_ARN="arn:aws:states:us-east-1:123456789012:stateMachine:redress-ticket",
        MAIL_QUEUE_URL=queue,
        DEAD_LETTER_QUEUE_URL=queue,
        ASSIGNER_FUNCTION="redress-assigner",
        CALL_TIMEOUT_S=CALL_S,
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
    forget_wiring(keep=())
    yield found
    found.close()
    forget_wiring(keep=())


def opened(count: int) -> Event:
    """The records of newly opened tickets, as the follower gets them."""
    doc = last_event(Life().open()).doc
    return {"Records": [_numbered(n, {"sk": keys.event_sk(1), "doc": doc}) for n in range(count)]}


def signals(count: int) -> Event:
    """The records of TIMERs that changed, as the relay gets them."""
    return {"Records": [_numbered(n, timer_row(**AWAKE)) for n in range(count)]}


def _numbered(n: int, item: encoding.Item) -> Event:
    found = record("INSERT", item | {"pk": keys.ticket_pk(f"R-7K3M9-QW0{n:02}")})
    found["dynamodb"]["SequenceNumber"] = str(100 + n)
    return found


@pytest.fixture
def any_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The TIMER of every ticket: its workflow must be started."""

    class Every(Timers):
        def get(self, number: str) -> Any:
            return self.timer_now

    monkeypatch.setattr(stores, "timers", lambda: Every(a_timer()))


Load = Callable[[str], ModuleType]


def test_throttled_assigner_is_asked_once_in_a_batch_and_delays_no_mail(
    services: Services, load_function: Load
) -> None:
    services.refused.add("Invoke")
    answer = load_function("follower").handler(opened(12), Clocked(TIMEOUT_S["follower"]))
    assert answer == {"batchItemFailures": []}
    assert services.count() == {"SendMessageBatch": 2, "Invoke": 1}
    mails = services.times("SendMessageBatch")
    assert mails[-1] < services.times("Invoke")[0], "the mails go before the requests"


def test_assigner_that_holds_a_request_delays_no_mail_and_is_not_asked_again(
    services: Services, load_function: Load
) -> None:
    services.held.add("Invoke")
    answer = load_function("follower").handler(opened(12), Clocked(TIMEOUT_S["follower"]))
    assert answer == {"batchItemFailures": []}
    assert services.count() == {"SendMessageBatch": 2, "Invoke": 1}
    mails = services.times("SendMessageBatch")
    assert mails[-1] < services.times("Invoke")[0]


def test_next_batch_asks_the_assigner_again(services: Services, load_function: Load) -> None:
    services.refused.add("Invoke")
    load_function("follower").handler(opened(2), Clocked(TIMEOUT_S["follower"]))
    services.refused.clear()
    load_function("follower").handler(opened(2), Clocked(TIMEOUT_S["follower"]))
    assert services.count() == {"SendMessageBatch": 2, "Invoke": 3}


each_reader = pytest.mark.parametrize(
    ("function", "batch", "operation", "calls"),
    [("follower", opened, "SendMessageBatch", 2), ("relay", signals, "StartExecution", 12)],
)
"""`calls` send 12 records: ten mails with one call, one signal with one call."""


@each_reader
def test_throttled_reader_tries_every_record_once(
    services: Services,
    load_function: Load,
    any_timer: None,
    function: str,
    batch: Callable[[int], Event],
    operation: str,
    calls: int,
) -> None:
    """The stream repeats the records. Retries of the client would fill the function's time."""
    services.refused.add(operation)
    context = Clocked(TIMEOUT_S[function])
    answer = load_function(function).handler(batch(12), context)
    assert context.get_remaining_time_in_millis() > 10_000
    assert answer == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert services.count()[operation] == calls


@each_reader
def test_reader_whose_receiver_does_not_answer_ends_with_a_checkpoint_before_its_timeout(
    services: Services,
    load_function: Load,
    any_timer: None,
    function: str,
    batch: Callable[[int], Event],
    operation: str,
    calls: int,
) -> None:
    services.held.add(operation)
    context = Clocked(TIMEOUT_S[function])
    answer = load_function(function).handler(batch(12), context)
    assert context.get_remaining_time_in_millis() > 10_000
    assert answer == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert services.count()[operation] <= calls
    assert services.count()[operation] < 12
