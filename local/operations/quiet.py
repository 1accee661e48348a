"""Switch off what acts in a stack by itself, stop its executions, and switch it on again.

A stack acts without a request by its schedules, its event rules and the event source mappings of
its functions. A function whose reserved concurrency is 0 does nothing at all. Every step can be
repeated, and a resource that no longer exists needs no step.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

type Clients = Callable[[str], Any]

RULE = "AWS::Events::Rule"
SCHEDULE = "AWS::Scheduler::Schedule"
MAPPING = "AWS::Lambda::EventSourceMapping"
FUNCTION = "AWS::Lambda::Function"
MACHINE = "AWS::StepFunctions::StateMachine"

GONE = {"ResourceNotFoundException", "StateMachineDoesNotExist", "ExecutionDoesNotExist"}
BUSY = {"ThrottlingException", "TooManyRequestsException", "ResourceConflictException"} | {
    "ConflictException",
    "ResourceInUseException",
    "Throttling",
}
"""Errors after which the same call succeeds a moment later."""

TRIES = 12
WORKERS = 8
STOPS_A_SECOND = 100.0
"""How many executions are stopped in a second at most. In the larger regions Step Functions allows
200 a second, in others 25 (its quotas, "StopExecution"). It refuses what is above, and the pace is
halved then."""
SLOWEST = 5.0


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack: its logical id, its type, its name or ARN, and its status."""

    logical: str
    kind: str
    physical: str
    status: str


def resources(clients: Clients, stack: str) -> list[Resource]:
    """Return the resources of a stack (name or id) that were created."""
    pages = clients("cloudformation").get_paginator("list_stack_resources")
    return [
        Resource(
            one["LogicalResourceId"],
            one["ResourceType"],
            one["PhysicalResourceId"],
            one["ResourceStatus"],
        )
        for page in pages.paginate(StackName=stack)
        for one in page["StackResourceSummaries"]
        if one.get("PhysicalResourceId")
    ]


def code(error: ClientError) -> str:
    """Return the code of an error, such as `ThrottlingException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def patiently[T](
    call: Callable[[], T],
    pause: Callable[[float], None] = time.sleep,
    also: tuple[str, ...] = (),
) -> T:
    """Return what a call returns. A call that is refused for a moment is repeated.

    `also` are more codes of such refusals. Raises the last error after TRIES attempts, and every
    other error at once.
    """
    for attempt in range(TRIES):
        try:
            return call()
        except ClientError as error:
            if code(error) not in BUSY | {*also} or attempt == TRIES - 1:
                raise
            pause(min(8.0, 0.2 * 2**attempt) * random.uniform(0.5, 1))
    raise AssertionError("unreachable")


def unless_gone(call: Callable[[], Any], *also: str) -> bool:
    """Make a call patiently. Returns False if what it changes no longer exists.

    `also` are more codes of errors that say so.
    """
    try:
        patiently(call)
    except ClientError as error:
        if code(error) not in GONE | {*also}:
            raise
        return False
    return True


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that can be switched off and on: its kind, its name, and what to call it."""

    kind: str
    name: str


def switches(found: list[Resource]) -> list[Switch]:
    """Return what acts by itself: what starts work first, then the functions that would do it."""
    kinds = (SCHEDULE, RULE, MAPPING, FUNCTION)
    return [Switch(kind, _name(one)) for kind in kinds for one in found if one.kind == kind]


def _name(one: Resource) -> str:
    """Return the name in API calls. Some emulators report the ARN of a rule."""
    return one.physical.rpartition("/")[2] if one.kind == RULE else one.physical


def is_on(clients: Clients, switch: Switch) -> bool:
    """Whether something acts now. It does not if it no longer exists."""
    try:
        match switch.kind:
            case "AWS::Scheduler::Schedule":
                found = clients("scheduler").get_schedule(Name=switch.name)["State"]
                return bool(found == "ENABLED")
            case "AWS::Events::Rule":
                found = clients("events").describe_rule(Name=switch.name)["State"]
                return bool(found != "DISABLED")
            case "AWS::Lambda::EventSourceMapping":
                found = clients("lambda").get_event_source_mapping(UUID=switch.name)["State"]
                return bool(found not in ("Disabled", "Disabling", "Deleting"))
            case _:
                found = clients("lambda").get_function_concurrency(FunctionName=switch.name)
                return bool(found.get("ReservedConcurrentExecutions") != 0)
    except ClientError as error:
        if code(error) in GONE:
            return False
        raise


def turn(clients: Clients, switch: Switch, on: bool) -> bool:
    """Switch something on or off. Returns False if it no longer exists."""
    match switch.kind:
        case "AWS::Scheduler::Schedule":
            return unless_gone(lambda: _turn_schedule(clients("scheduler"), switch.name, on))
        case "AWS::Events::Rule":
            events = clients("events")
            call = events.enable_rule if on else events.disable_rule
            return unless_gone(lambda: call(Name=switch.name))
        case "AWS::Lambda::EventSourceMapping":
            functions = clients("lambda")
            return unless_gone(
                lambda: functions.update_event_source_mapping(UUID=switch.name, Enabled=on)
            )
        case _:
            functions = clients("lambda")
            if on:
                return unless_gone(
                    lambda: functions.delete_function_concurrency(FunctionName=switch.name)
                )
            return unless_gone(
                lambda: functions.put_function_concurrency(
                    FunctionName=switch.name, ReservedConcurrentExecutions=0
                )
            )


def _turn_schedule(scheduler: Any, name: str, on: bool) -> None:
    """Change the state of a schedule. UpdateSchedule replaces all values, so all are sent."""
    found = scheduler.get_schedule(Name=name)
    kept = {
        "ActionAfterCompletion",
        "Description",
        "EndDate",
        "FlexibleTimeWindow",
        "GroupName",
        "KmsKeyArn",
        "Name",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "StartDate",
        "Target",
    }
    content = {key: value for key, value in found.items() if key in kept and value != ""}
    scheduler.update_schedule(**content, State="ENABLED" if on else "DISABLED")


def wait_until_off(clients: Clients, all_switches: list[Switch], seconds: float = 120) -> None:
    """Wait until no mapping delivers any more. Lambda disables one within a minute.

    Raises TimeoutError with the names of those that still deliver.
    """
    deadline = time.monotonic() + seconds
    left = [one.name for one in all_switches if one.kind == MAPPING]
    while left:
        left = [name for name in left if not _is_quiet(clients("lambda"), name)]
        if left and time.monotonic() > deadline:
            raise TimeoutError(f"still deliver after {seconds:.0f} s: {', '.join(left)}")
        if left:
            time.sleep(1)


def _is_quiet(functions: Any, mapping: str) -> bool:
    try:
        state = functions.get_event_source_mapping(UUID=mapping)["State"]
    except ClientError as error:
        if code(error) in GONE:
            return True
        raise
    return bool(state not in ("Enabled", "Enabling", "Creating", "Updating", "Disabling"))


class Pace:
    """Lets callers continue at a bounded rate, which is halved when a service refuses calls."""

    def __init__(
        self,
        a_second: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval, self._clock, self._pause = 1 / a_second, clock, pause
        self._next = clock()
        self._lock = threading.Lock()

    @property
    def a_second(self) -> float:
        return 1 / self._interval

    def wait(self) -> None:
        with self._lock:
            now = self._clock()
            turn = max(self._next, now)
            self._next = turn + self._interval
        if turn > now:
            self._pause(turn - now)

    def slow_down(self) -> None:
        with self._lock:
            self._interval = min(2 * self._interval, 1 / SLOWEST)


def running(states: Any, machine: str) -> Iterator[list[str]]:
    """Yield the running executions of a machine, page by page, until a listing has none.

    Whoever iterates must stop them: the first page is listed again and again, because stopped
    executions leave it. Yields nothing if the machine no longer exists.
    """
    while True:
        try:
            page = patiently(
                lambda: states.list_executions(
                    stateMachineArn=machine, statusFilter="RUNNING", maxResults=1000
                )
            )
        except ClientError as error:
            if code(error) in GONE:
                return
            raise
        found = [one["executionArn"] for one in page["executions"]]
        if not found:
            return
        yield found


def stop_executions(
    clients: Clients,
    machines: list[str],
    cause: str,
    tell: Callable[[str], None] = lambda line: None,
    pace: Pace | None = None,
) -> int:
    """Stop all running executions of these machines. Returns how many were stopped.

    The list of executions may be seconds old, so it can name some that were stopped already.
    Raises TimeoutError if executions keep running although they were stopped.
    """
    states, pace = clients("stepfunctions"), pace or Pace(STOPS_A_SECOND)
    stopped = set[str]()

    def stop(arn: str) -> None:
        def call() -> Any:
            pace.wait()
            try:
                return states.stop_execution(executionArn=arn, error="Operations", cause=cause)
            except ClientError as error:
                if code(error) in BUSY:
                    pace.slow_down()
                raise

        unless_gone(call, "ValidationException")

    for machine in machines:
        again = 0
        for page in running(states, machine):
            fresh = [arn for arn in page if arn not in stopped]
            again = 0 if fresh else again + 1
            if again > 60:
                raise TimeoutError(f"{len(page)} executions of {machine} run on after a stop")
            if not fresh:
                time.sleep(1)
                continue
            with ThreadPoolExecutor(WORKERS) as pool:
                list(pool.map(stop, fresh))
            stopped.update(fresh)
            tell(f"{len(stopped)} executions stopped")
    return len(stopped)
