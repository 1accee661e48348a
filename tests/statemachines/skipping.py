"""Run moto's interpreter of state machines with a clock that a test controls.

In moto a wait for a task token blocks a thread for its timeout in real seconds. Here it blocks
until the token is answered or until `Sleepers.time_out` ends it. Deadlines and start dates of
executions use the test's clock, so a test can skip days. Five more patches make moto 5.2.5 behave
like AWS:

- A timeout that is not a whole number of at least 1 is refused.
- A token accepts no answer after it was answered or has timed out.
- A stopped execution remains stopped.
- An execution is described with the machine's definition and date of update when it began.
- If a Lambda function raises an exception, the task fails with the name of the exception.
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
from moto.core.responses import ActionResult
from moto.stepfunctions import models
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
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeTimedOut
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.responses import StepFunctionResponse

PATIENCE_S = 30.0
"""A test fails if it waits this long for a machine, in real seconds. Less than 1 is normal."""

LONGEST_S = 99_999_999
"""The longest timeout that a task may have (Amazon States Language)."""


@dataclass(eq=False)
class Sleeper:
    """One wait for a token: its execution, and its deadline on the test's clock."""

    execution: str
    deadline: datetime
    endpoint: Any

    @property
    def asleep(self) -> bool:
        """Whether the wait continues: the token was not answered and has not timed out."""
        return not self.endpoint._notify_event.is_set()


@dataclass
class Sleepers:
    """All waits for tokens. A test can also make the next writes of tokens fail or race."""

    now: Callable[[], datetime]
    found: list[Sleeper] = field(default_factory=list)
    pauses_s: list[float] = field(default_factory=list)
    """The pauses before retries and in Wait states, in seconds. The machine does not really wait
    for them."""
    refusals: list[str] = field(default_factory=list)
    """Error codes. Each of the next writes of a token fails with one of them."""
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    """Functions. One of them is called right before each of the next writes of a token."""

    def wait(self, env: Any, seconds: Any, endpoint: Any) -> Any:
        """Blocks until the token is answered or times out. Returns the answer, None on timeout."""
        assert type(seconds) is int, f"a timeout of {seconds!r} s"
        assert 1 <= seconds <= LONGEST_S, f"a timeout of {seconds} s"
        name = env.states.context_object.context_object_data["Execution"]["Name"]
        self.found.append(Sleeper(name, self.now() + timedelta(seconds=seconds), endpoint))
        answer = endpoint.wait(timeout=None)
        env.callback_pool_manager._pool.pop(endpoint.callback_id)
        return answer

    def of(self, execution: str) -> Sleeper | None:
        """The wait in which this execution sleeps now; None if it does not sleep."""
        return next((s for s in self.found if s.execution == execution and s.asleep), None)

    def next_due(self, until: datetime) -> Sleeper | None:
        """The wait with the earliest deadline up to `until`; None if there is none."""
        due = [s for s in self.found if s.asleep and s.deadline <= until]
        return min(due, key=lambda sleeper: sleeper.deadline, default=None)

    def time_out(self, sleeper: Sleeper) -> None:
        """Ends this wait; its task fails with States.Timeout."""
        sleeper.endpoint.interrupt_all()

    def release(self, execution: str) -> None:
        """Ends the waits of a stopped execution, so that their threads end."""
        for sleeper in self.found:
            if sleeper.execution == execution:
                sleeper.endpoint.interrupt_all()


class _PatientEvent(threading.Event):
    """Replaces the event on which moto waits for a whole task, and ignores the task's timeout.

    So only `Sleepers.wait`, which runs inside the task, can end a task by timeout.
    """

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(PATIENCE_S)


def hold_time(monkeypatch: pytest.MonkeyPatch, now: Callable[[], datetime]) -> Sleepers:
    """Makes moto's interpreter wait on the test's clock. Returns the object that has its waits."""
    sleepers = Sleepers(now)

    def wait_for_token(
        self: Any, env: Any, timeout_seconds: Any, callback_endpoint: Any, heartbeat_endpoint: Any
    ) -> Any:
        assert heartbeat_endpoint is None, "the product's waits have no heartbeat"
        answer = sleepers.wait(env, timeout_seconds, callback_endpoint)
        return answer or CallbackOutcomeTimedOut(callback_endpoint.callback_id)

    fail = Environment.set_error

    def fail_unless_stopped(self: Any, error: Any) -> None:
        if not isinstance(self.program_state(), ProgramStopped):
            fail(self, error)

    begin = Execution.__init__

    def begin_now(self: Any, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        self.start_date = now()

    stop = Execution.stop

    def stop_and_release(self: Any, *given: Any, **named: Any) -> None:
        stop(self, *given, **named)
        sleepers.release(self.name)

    def describe_used(self: Any) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        machine = execution.state_machine
        return ActionResult(
            {
                "stateMachineArn": machine.arn,
                "name": machine.name,
                "definition": machine.definition,
                "roleArn": execution.role_arn,
                "updateDate": machine.update_date,
            }
        )

    monkeypatch.setattr(models, "utcnow", now)
    # moto describes the present machine, and without the date of its update.
    response = StepFunctionResponse
    monkeypatch.setattr(response, "describe_state_machine_for_execution", describe_used)
    monkeypatch.setattr(Execution, "__init__", begin_now)
    monkeypatch.setattr(Execution, "stop", stop_and_release)
    service = callback.StateTaskServiceCallback
    monkeypatch.setattr(service, "_eval_wait_for_task_token", wait_for_token)
    monkeypatch.setattr(Environment, "set_error", fail_unless_stopped)
    monkeypatch.setattr(execute_state, "threading", SimpleNamespace(Event=_PatientEvent))
    pausing = SimpleNamespace(sleep=sleepers.pauses_s.append)
    monkeypatch.setattr(retrier_decl, "time", pausing)

    def pause(state: WaitFunction, env: Any, wait_seconds: int) -> None:
        sleepers.pauses_s.append(wait_seconds)

    monkeypatch.setattr(WaitFunction, "_wait_interval", pause)
    _intercept_token_writes(monkeypatch, sleepers)
    # For each timeout moto would log the complete state, about 8 kB.
    monkeypatch.setattr(eval_component.LOG, "disabled", True)
    return sleepers


def _intercept_token_writes(monkeypatch: pytest.MonkeyPatch, sleepers: Sleepers) -> None:
    """Lets a test make each write of a token fail or race. All writes use one client."""
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
    """A DynamoDB error in a class named after its code. moto uses that name as the error's name."""
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
    """Makes `lambda:invoke` call these handlers by the name of the function.

    Payloads and answers are converted to JSON and back. Only one handler runs at a time. In moto
    each iteration of a Map runs in a thread, and a failed transaction restores the complete table.
    So it would undo the writes of other threads. DynamoDB does not do that.
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
    """Waits in real time until `holds` returns True. `what` describes it in the error."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"after {PATIENCE_S} s still not: {what}"
        time.sleep(0.004)
