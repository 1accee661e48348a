"""moto's interpreter of state machines with a clock that a test controls.

In moto a token wait blocks a thread for its timeout in real seconds. Here it blocks until the token
is answered or until `Sleepers.time_out` ends it. Deadlines and start dates of executions use the
product's clock, so days pass as fast as the machine can act. Four more things differ from moto
5.2.5 and are as on AWS: a timeout that is not a whole number of at least 1 is refused; a token that
was answered or has timed out accepts no second answer; a stopped execution stays stopped; and if a
Lambda function raises, the task fails with the name of its exception.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component import eval_component
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk as aws_sdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback as callback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeTimedOut
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.backend.execution import Execution

PATIENCE_S = 30.0
"""Real seconds after which a test that waits for a machine fails; normally it takes less than 1."""

LONGEST_S = 99_999_999
"""The longest timeout that a task may have (Amazon States Language)."""


@dataclass(eq=False)
class Sleeper:
    """One armed wait: its execution, and its deadline on the product's clock."""

    execution: str
    deadline: datetime
    endpoint: Any

    @property
    def asleep(self) -> bool:
        """False as soon as the token is answered or has timed out."""
        return not self.endpoint._notify_event.is_set()


@dataclass
class Sleepers:
    """All waits, and the faults and races that a test plans for writes of tokens."""

    now: Callable[[], datetime]
    found: list[Sleeper] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)
    """Pauses before retries in seconds; they are recorded, not waited for."""
    refusals: list[str] = field(default_factory=list)
    """Errors for the next writes of a token, one each."""
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    """Functions to call just before the next writes of a token, one each."""

    def wait(self, env: Any, seconds: Any, endpoint: Any) -> Any:
        """Waits like a token wait. Returns the outcome, None on a timeout."""
        assert type(seconds) is int, f"a timeout of {seconds!r} s"
        assert 1 <= seconds <= LONGEST_S, f"a timeout of {seconds} s"
        name = env.states.context_object.context_object_data["Execution"]["Name"]
        self.found.append(Sleeper(name, self.now() + timedelta(seconds=seconds), endpoint))
        outcome = endpoint.wait(timeout=None)
        env.callback_pool_manager._pool.pop(endpoint.callback_id)
        return outcome

    def of(self, execution: str) -> Sleeper | None:
        """The wait in which this execution sleeps now, or None."""
        return next((s for s in self.found if s.execution == execution and s.asleep), None)

    def next_due(self, until: datetime) -> Sleeper | None:
        """The sleeper with the earliest deadline, if it is not after `until`."""
        due = [s for s in self.found if s.asleep and s.deadline <= until]
        return min(due, key=lambda sleeper: sleeper.deadline, default=None)

    def time_out(self, sleeper: Sleeper) -> None:
        """Ends this wait with States.Timeout."""
        sleeper.endpoint.interrupt_all()

    def release(self, execution: str) -> None:
        """Ends the waiting thread of a stopped execution."""
        for sleeper in self.found:
            if sleeper.execution == execution:
                sleeper.endpoint.interrupt_all()


class _PatientEvent(threading.Event):
    """The outer wait of a task: it never times out first; the inner wait alone decides."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(PATIENCE_S)


def hold_time(monkeypatch: pytest.MonkeyPatch, now: Callable[[], datetime]) -> Sleepers:
    """Makes moto's interpreter wait on the product's clock. Returns its waits."""
    sleepers = Sleepers(now)

    def wait_for_token(
        self: Any, env: Any, timeout_seconds: Any, callback_endpoint: Any, heartbeat_endpoint: Any
    ) -> Any:
        assert heartbeat_endpoint is None, "the product's waits have no heartbeat"
        outcome = sleepers.wait(env, timeout_seconds, callback_endpoint)
        return outcome or CallbackOutcomeTimedOut(callback_endpoint.callback_id)

    fail = Environment.set_error

    def fail_unless_stopped(self: Any, error: Any) -> None:
        if not isinstance(self.program_state(), ProgramStopped):
            fail(self, error)

    begin = Execution.__init__

    def begin_now(self: Any, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        self.start_date = now()

    stop = Execution.stop

    def stop_and_let_go(self: Any, *given: Any, **named: Any) -> None:
        stop(self, *given, **named)
        sleepers.release(self.name)

    monkeypatch.setattr(Execution, "__init__", begin_now)
    monkeypatch.setattr(Execution, "stop", stop_and_let_go)
    service = callback.StateTaskServiceCallback
    monkeypatch.setattr(service, "_eval_wait_for_task_token", wait_for_token)
    monkeypatch.setattr(Environment, "set_error", fail_unless_stopped)
    monkeypatch.setattr(execute_state, "threading", SimpleNamespace(Event=_PatientEvent))
    pausing = SimpleNamespace(sleep=sleepers.pauses_s.append)
    monkeypatch.setattr(retrier_decl, "time", pausing)
    _write_tokens(monkeypatch, sleepers)
    # It would log the complete state, about 8 kB, for each timeout.
    monkeypatch.setattr(eval_component.LOG, "disabled", True)
    return sleepers


def _write_tokens(monkeypatch: pytest.MonkeyPatch, sleepers: Sleepers) -> None:
    """Uses one client for all writes of tokens, and lets a test refuse or race each write."""
    make = boto_client_for
    clients: dict[str, Any] = {}

    def client_for(service: str, region: str, state_credentials: Any) -> Any:
        if service not in clients:
            clients[service] = make(
                service=service, region=region, state_credentials=state_credentials
            )
        client = clients[service]

        def update_item(**parameters: Any) -> Any:
            if sleepers.meanwhile:
                sleepers.meanwhile.pop(0)()
            if sleepers.refusals:
                raise _refusal(sleepers.refusals.pop(0))
            return client.update_item(**parameters)

        return SimpleNamespace(update_item=update_item)

    monkeypatch.setattr(aws_sdk, "boto_client_for", client_for)


def _refusal(code: str) -> ClientError:
    """A DynamoDB error as an SDK raises it: the name of its class becomes the machine's error."""
    named: type[ClientError] = type(code, (ClientError,), {})
    return named(
        {
            "Error": {"Code": code, "Message": "not now"},
            "ResponseMetadata": {
                "HTTPStatusCode": 400,
                "RequestId": "none",
                "HostId": "none",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "UpdateItem",
    )


def run_functions(
    monkeypatch: pytest.MonkeyPatch, handlers: dict[str, Callable[[dict[str, Any]], Any]]
) -> None:
    """Makes `lambda:invoke` call these handlers by the function's name, with JSON both ways.

    Only one handler runs at a time. The branches of a Map are threads in moto, and moto's
    transactions restore the complete table on failure, so two at once would lose each other's
    writes. DynamoDB's do not.
    """
    alone = threading.Lock()

    def invoke(parameters: dict[str, Any], region: str, state_credentials: Any) -> dict[str, Any]:
        handler = handlers[parameters["FunctionName"].rpartition(":")[2]]
        try:
            with alone:
                answer = handler(json.loads(parameters["Payload"]))
        except Exception as error:
            payload = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}
        return {"StatusCode": 200, "Payload": json.loads(json.dumps(answer))}

    monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", invoke)


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Waits in real time until the machine's threads have reached a state."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"after {PATIENCE_S} s still not: {what}"
        time.sleep(0.004)
