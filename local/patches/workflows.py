"""Step Functions: timeouts, task tokens, throttling errors and idempotent starts."""

from __future__ import annotations

import contextvars
import functools
import heapq
import inspect
import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import stepfunctions

from local.patches.checking import expect

type State = dict[str, Any]
type Execution = dict[str, Any]

# The execution that this thread runs, for functions that do not receive it as an argument.
_current: contextvars.ContextVar[Execution | None] = contextvars.ContextVar(
    "execution", default=None
)
# Statuses set from outside the execution's thread; a failing task must not overwrite them.
_ENDED = frozenset({"ABORTED", "TIMED_OUT"})
# The tokens that each execution waits for, by its ARN.
_awaited: defaultdict[str, set[str]] = defaultdict(set)
# The machine's definition, role and date of update when each execution began, by its ARN.
_begun_with: dict[str, dict[str, Any]] = {}


def honour_timeout_paths() -> None:
    """A task's `TimeoutSecondsPath` is honoured; unsupported fields fail at once.

    AWS: a task's timeout may be a path into its input; the value must be a whole number >= 1.
    Emulator: ignores the field, so the task waits for its token for ever.
    Patch: resolves the path before the task starts. Any value but a whole number of at least 1
    fails the task with `States.Runtime`. The emulator ignores heartbeats too, and Redress does not
    use them: a state that asks for one fails instead of passing by luck.
    """
    original = stepfunctions._execute_task
    expect(
        original.__code__.co_varnames[:4] == ("state_def", "raw_input", "execution", "ctx"),
        "_execute_task(state_def, raw_input, execution, ctx)",
    )
    failed = stepfunctions._ExecutionError

    def execute(state: State, given: object, execution: Execution, context: State) -> object:
        if "HeartbeatSeconds" in state or "HeartbeatSecondsPath" in state:
            raise failed("States.Runtime", "the local cloud keeps no heartbeats")
        path = state.get("TimeoutSecondsPath")
        if path is not None:
            chosen = stepfunctions._apply_input_path(state, given, context)
            seconds = stepfunctions._resolve_path_or_ctx(path, chosen, context)
            if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1:
                cause = (
                    f"TimeoutSecondsPath {path} must be a whole number of at least 1: {seconds!r}"
                )
                raise failed("States.Runtime", cause)
            state = state | {"TimeoutSeconds": seconds}
        return original(state, given, execution, context)

    stepfunctions._execute_task = execute


def end_stopped_executions() -> None:
    """A stopped or timed-out execution keeps its status, and its tasks end.

    AWS: the tasks end with the execution, later answers to their tokens are refused, and the
    history ends.
    Emulator: a task keeps waiting, and an error in it turns ABORTED into FAILED.
    Patch: withdraws the tokens of an ended execution, which wakes the waiting thread. A thread that
    returns to an ended execution exits silently.
    """
    run, task = stepfunctions._run_execution, stepfunctions._execute_task
    callback, stop = stepfunctions._invoke_with_callback, stepfunctions._stop_execution
    expect(
        callback.__code__.co_varnames[:4] == ("resource", "input_data", "token", "state_def"),
        "_invoke_with_callback(resource, input_data, token, state_def)",
    )

    def run_known(arn: str) -> None:
        _current.set(stepfunctions._executions.get(arn))
        run(arn)

    def execute(state: State, given: object, execution: Execution, context: State) -> object:
        try:
            return task(state, given, execution, context)
        finally:
            leave_if_ended(execution)

    def wait(resource: str, data: object, token: str, state: State) -> object:
        execution = _current.get()
        arn = execution["executionArn"] if execution else ""
        _awaited[arn].add(token)
        try:
            return callback(resource, data, token, state)
        finally:
            _awaited[arn].discard(token)
            if not _awaited[arn]:
                _awaited.pop(arn, None)
            leave_if_ended(execution or {})

    def stopped(data: dict[str, Any]) -> object:
        response = stop(data)
        arn = data.get("executionArn", "")
        if stepfunctions._executions.get(arn, {}).get("status") == "ABORTED":
            withdraw(arn)
        return response

    stepfunctions._run_execution = run_known
    stepfunctions._execute_task = execute
    stepfunctions._invoke_with_callback = wait
    stepfunctions._stop_execution = stopped


def leave_if_ended(execution: Execution) -> None:
    """Ends this thread if its execution has ended in the meantime."""
    if execution.get("status") in _ENDED:
        # The emulator would turn an Exception into a failure; SystemExit ends a thread silently.
        raise SystemExit


def withdraw(arn: str) -> None:
    """Removes the tokens that this execution waits for, and wakes the waiting threads."""
    for token in list(_awaited.get(arn, ())):
        info = stepfunctions._task_tokens.pop(token, None)
        if info is not None:
            info["event"].set()


class Deadlines:
    """Calls functions at given times from one single thread, because thousands may be waiting."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        with self._changed:
            self._count += 1
            heapq.heappush(self._calls, (time.monotonic() + seconds, self._count, call))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._calls or self._calls[0][0] > time.monotonic():
                    due = self._calls[0][0] - time.monotonic() if self._calls else None
                    self._changed.wait(due)
                call = heapq.heappop(self._calls)[2]
            call()


def end_executions_at_their_timeout() -> None:
    """A state machine's own `TimeoutSeconds` ends its executions as TIMED_OUT.

    AWS: the status becomes TIMED_OUT, an event on the default bus reports it, and tasks end.
    Emulator: ignores the field.
    Patch: one thread keeps the deadlines of all executions.
    """
    run = stepfunctions._run_execution
    deadlines = Deadlines()

    def end(arn: str) -> None:
        execution = stepfunctions._executions.get(arn)
        if execution is None or execution["status"] != "RUNNING":
            return
        execution["status"] = "TIMED_OUT"
        execution["stopDate"] = now_iso()
        stepfunctions._add_event(
            execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}}
        )
        stepfunctions._emit_execution_status_event(execution)
        withdraw(arn)

    def run_until(arn: str) -> None:
        execution = stepfunctions._executions.get(arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn"))
        seconds = json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
        if seconds is not None:
            # The emulator finds its stores by the account and region in the caller's context.
            deadlines.after(seconds, functools.partial(contextvars.copy_context().run, end, arn))
        run(arn)

    stepfunctions._run_execution = run_until


def make_starts_idempotent() -> None:
    """Starting a running execution again with the same input returns the running one.

    AWS: StartExecution is idempotent while the execution runs and the input is the same. Otherwise
    it is refused with ExecutionAlreadyExists.
    Emulator: always refuses.
    Patch: looks for the running execution first.
    """
    original = stepfunctions._start_execution
    expect("exec_arn in _executions" in _source(original), "a known name is refused")

    def start(data: dict[str, Any]) -> object:
        machine = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", ""))
        if machine is not None and data.get("name"):
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{data['name']}"
            running = stepfunctions._executions.get(arn)
            same = running is not None and running["input"] == data.get("input", "{}")
            if same and running["status"] == "RUNNING":
                return json_response({"executionArn": arn, "startDate": running["startDate"]})
        return original(data)

    stepfunctions._start_execution = start


def describe_machines_of_executions() -> None:
    """`DescribeStateMachineForExecution` answers the definition that the execution uses.

    AWS: answers the definition and the role with which the execution began, and as `updateDate`
    when the machine was updated to them, or created.
    Emulator: answers the present definition and role, and the date of creation.
    Patch: keeps all three for each execution when it begins.
    """
    update, start = stepfunctions._update_state_machine, stepfunctions._start_execution
    describe = stepfunctions._describe_state_machine_for_execution
    expect('sm["revisionId"] = new_uuid()' in _source(update), "an update makes a new revision")
    expect('sm["definition"]' in _source(describe), "the present definition is answered")

    def updated(data: dict[str, Any]) -> object:
        machine = stepfunctions._state_machines.get(data.get("stateMachineArn")) or {}
        before = machine.get("revisionId")
        response = update(data)
        if machine.get("revisionId") != before:
            machine["updateDate"] = now_iso()
        return response

    def started(data: dict[str, Any]) -> Any:
        status, headers, body = start(data)
        arn = json.loads(body).get("executionArn", "")
        if status == 200 and arn not in _begun_with:
            execution = stepfunctions._executions[arn]
            machine = stepfunctions._state_machines[execution["stateMachineArn"]]
            _begun_with[arn] = {
                "definition": machine["definition"],
                "roleArn": machine["roleArn"],
                "updateDate": machine.get("updateDate", machine["creationDate"]),
            }
        return status, headers, body

    def described(data: dict[str, Any]) -> Any:
        status, headers, body = describe(data)
        used = _begun_with.get(data.get("executionArn", ""))
        if status == 200 and used is not None:
            body = json.dumps(json.loads(body) | used).encode()
        return status, headers, body

    stepfunctions._update_state_machine = updated
    stepfunctions._start_execution = started
    stepfunctions._describe_state_machine_for_execution = described


def refuse_late_task_answers() -> None:
    """A late answer to a task is refused with TaskTimedOut.

    AWS: answers `TaskTimedOut` if the token has expired or its task is closed, and `InvalidToken`
    if the text never was a token.
    Emulator: answers `TaskDoesNotExist` in both cases. A second answer replaces the first if it
    comes before the execution has woken up.
    Patch: tokens are UUIDs here, so a UUID that is unknown or already answered belongs to a closed
    task.
    """
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        original = getattr(stepfunctions, name)
        expect('"TaskDoesNotExist"' in _source(original), f"{name} refuses an unknown token")

        def send(data: dict[str, Any], original: Callable[..., object] = original) -> object:
            token = data.get("taskToken")
            info = stepfunctions._task_tokens.get(token)
            if info is not None and not info["event"].is_set():
                return original(data)
            try:
                uuid.UUID(str(token))
            except ValueError:
                message = f"Invalid Token: '{token}'"
                return error_response_json("InvalidToken", message, 400)
            message = "Task Timed Out: 'Provided task does not exist anymore'"
            return error_response_json("TaskTimedOut", message, 400)

        setattr(stepfunctions, name, send)


def name_throttling_errors() -> None:
    """If a task's function is throttled, the task fails with `Lambda.TooManyRequestsException`.

    AWS: uses this name, and the state machines retry it.
    Emulator: uses `Lambda.Unknown`, which no state machine retries. A thousand timers due at once
    would then end executions that continue on AWS.
    Patch: recognises throttling by its reason in the error's cause.
    """
    original = stepfunctions._call_lambda
    expect('"Lambda.Unknown"' in _source(original), "_call_lambda names what it does not know")

    def call(reference: str, event: object) -> object:
        try:
            return original(reference, event)
        except stepfunctions._ExecutionError as error:
            if error.error == "Lambda.Unknown" and "InvocationLimitExceeded" in error.cause:
                name = "Lambda.TooManyRequestsException"
                raise stepfunctions._ExecutionError(name, error.cause) from error
            raise

    stepfunctions._call_lambda = call


def _source(function: Callable[..., object]) -> str:
    """The source text of a function, to check that it is the expected one."""
    return inspect.getsource(function)


def honour_limits_of_maps() -> None:
    """A map may read from its input how many of its items run at once.

    AWS: `MaxConcurrencyPath` is a path to a whole number; 0 means as many as possible.
    Emulator: ignores the field, so all items run at once.
    Patch: resolves the path before the map starts. Any other value fails the execution.
    """
    original = stepfunctions._run_map_items
    expect(
        original.__code__.co_varnames[:4] == ("state_def", "raw_input", "execution", "ctx"),
        "_run_map_items(state_def, raw_input, execution, ctx)",
    )
    failed = stepfunctions._ExecutionError

    def run(state: State, given: object, execution: Execution, context: State) -> object:
        path = state.get("MaxConcurrencyPath")
        if path is not None:
            chosen = stepfunctions._apply_input_path(state, given, context)
            limit = stepfunctions._resolve_path_or_ctx(path, chosen, context)
            if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
                cause = f"MaxConcurrencyPath {path} must be a whole number: {limit!r}"
                raise failed("States.Runtime", cause)
            state = state | {"MaxConcurrency": limit}
        return original(state, given, execution, context)

    stepfunctions._run_map_items = run
