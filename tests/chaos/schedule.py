"""The faults of a run, in order, from its seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from local.faults import MACHINE, Do, Fault

CALLS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "intake": (("dynamodb", "TransactWriteItems"), ("dynamodb", "GetItem")),
    "customer": (
        ("dynamodb", "TransactWriteItems"),
        ("dynamodb", "Query"),
        ("dynamodb", "GetItem"),
    ),
    "staff": (
        ("dynamodb", "TransactWriteItems"),
        ("dynamodb", "UpdateItem"),
        ("dynamodb", "GetItem"),
        ("dynamodb", "BatchGetItem"),
    ),
    "relay": (
        ("dynamodb", "GetItem"),
        ("states", "StartExecution"),
        ("states", "SendTaskSuccess"),
        ("states", "SendTaskFailure"),
    ),
    "follower": (("sqs", "SendMessageBatch"), ("lambda", "POST")),
    "assigner": (("dynamodb", "TransactWriteItems"), ("dynamodb", "BatchGetItem")),
    "mailer": (
        ("dynamodb", "UpdateItem"),
        ("dynamodb", "BatchGetItem"),
        ("dynamodb", "TransactWriteItems"),
        ("ses", "SendEmail"),
    ),
    "inbound": (
        ("s3", "GET"),
        ("s3", "PUT"),
        ("dynamodb", "BatchGetItem"),
        ("dynamodb", "TransactWriteItems"),
    ),
    "workflow": (("dynamodb", "TransactWriteItems"), ("dynamodb", "GetItem")),
    "repair": (("dynamodb", "UpdateItem"), ("states", "DescribeExecution")),
}
"""The calls that each function makes, as service and operation (see `local.faults.Fault`)."""

OF_MACHINES = (Do.REFUSE, Do.LOSE, Do.HOLD)
"""What can happen to the write with which a state machine arms a wait."""

THROTTLES: Mapping[str, str] = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "ses": "TooManyRequestsException",
    "lambda": "TooManyRequestsException",
}
"""The code with which a service throttles; ThrottlingException for the others."""
BROKEN = "InternalServerErrorException"
"""The code with which a service says that it is broken, with status 500."""
HOLDS_S = (0.5, 2.0, 9.0)
"""Seconds of a hold. The last one is longer than the functions wait for an answer."""
EVERY_S = 1.2
"""Seconds between two faults, on average."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens at one time: a fault that is turned on, a stopped execution, or wrong clocks.

    `choice` is a number from 0 to 1 that chooses among what exists then. `clocks` has the seconds
    by which the clock of each named function is wrong from now on.
    """

    at_s: float
    what: str
    fault: Fault | None = None
    choice: float = 0.0
    clocks: Mapping[str, float] | None = None


FAULT, STOP, RESTART, CLOCKS = "fault", "stopped execution", "restart", "wrong clocks"


def scheduled(seed: int, seconds: float, stack: str, skew_s: float) -> list[Disturbance]:
    """The disturbances of a run of so many seconds, in order.

    Every call is hit by each kind of fault before any is hit by the same kind again, in random
    order. So a long run kills each function before and after each of its calls. The cloud is
    restarted once in five minutes, at least once. `stack` begins the names of functions.
    """
    choose = random.Random(f"faults {seed}")
    found = [Disturbance(0.0, CLOCKS, clocks=_clocks(choose, stack, skew_s, list(CALLS)))]
    faults, at = _faults(choose, stack), 0.0
    while (at := at + choose.uniform(0.5, 1.5) * EVERY_S) < seconds:
        found.append(Disturbance(at, FAULT, fault=next(faults)))
    at = 0.0
    while (at := at + choose.uniform(2, 10)) < seconds:
        found.append(Disturbance(at, STOP, choice=choose.random()))
    restarts = max(1, int(seconds // 300))
    for index in range(restarts):
        begin, length = index * seconds / restarts, seconds / restarts
        found.append(Disturbance(begin + choose.uniform(0.4, 0.7) * length, RESTART))
        some = choose.sample(list(CALLS), 3)
        clocks = _clocks(choose, stack, skew_s, some)
        found.append(Disturbance(begin + choose.uniform(0.1, 0.9) * length, CLOCKS, clocks=clocks))
    return sorted(found, key=lambda one: one.at_s)


def _clocks(
    choose: random.Random, stack: str, skew_s: float, functions: list[str]
) -> dict[str, float]:
    """A third of the functions are right, the others are wrong by up to `skew_s`, either way."""
    return {
        f"{stack}-{name}": choose.choice((0.0, 1.0, -1.0)) * round(choose.uniform(0.2, 1) * skew_s)
        for name in functions
    }


def _faults(choose: random.Random, stack: str) -> Iterator[Fault]:
    calls = [(name, *call) for name, made in CALLS.items() for call in made]
    while True:
        kinds = [(do, call) for do in Do for call in calls]
        kinds += [(do, (MACHINE, "dynamodb", "UpdateItem")) for do in OF_MACHINES]
        choose.shuffle(kinds)
        for do, (function, service, operation) in kinds:
            if do is Do.REFUSE and service == "s3":
                continue  # it answers with XML
            throttled = choose.random() < 0.5
            code = THROTTLES.get(service, "ThrottlingException") if throttled else BROKEN
            yield Fault(
                do,
                service,
                operation,
                function if function == MACHINE else f"{stack}-{function}",
                times=choose.choice((1, 1, 2, 4)) if do is Do.REFUSE else 1,
                code=code,
                status=400 if throttled else 500,
                seconds=choose.choice(HOLDS_S),
            )
