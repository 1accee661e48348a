"""Which signals the relay sends after a change of a TIMER. All services are stand-ins."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from redress.tickets.rules.ticket import Phase
from redress.tickets.store.timers import Armed, Timer
from redress.workflow.cases.relay import (
    MOVED,
    NEXT_WAIT,
    RelayCase,
    execution_name,
    ticket_of_execution,
)
from redress.workflow.stream import TimerChanged
from tests.builders import NUMBER, START, Clock
from tests.workflow.services import Exceptions, Service


@dataclass
class Timers:
    """The part of the timer store that the relay uses."""

    timer_now: Timer
    cleared: list[tuple[str, int, int]] = field(default_factory=list)

    def get(self, number: str) -> Timer:
        assert number == self.timer_now.number
        return self.timer_now

    def clear_awake(self, number: str, gen: int, seq: int) -> bool:
        self.cleared.append((number, gen, seq))
        return True


MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:redress-ticket"


class Relay:
    """A relay with one TIMER and with a stand-in for Step Functions."""

    def __init__(self, timer: Timer | None = None) -> None:
        self.tickets, self.machine = Timers(timer or a_timer()), Service()
        self.case = RelayCase(
            self.tickets,  # type: ignore[arg-type]
            self.machine,
            MACHINE,
            Clock().now,
        )


def a_timer(
    phase: Phase = Phase.FIRST_RESPONSE,
    armed: Armed | None = None,
    *,
    seq: int = 2,
    awake: bool = True,
    wake_in: timedelta | None = timedelta(seconds=90),
) -> Timer:
    return Timer(
        number=NUMBER,
        gen=3,
        seq=seq,
        phase=phase,
        next_wake=START + wake_in if wake_in is not None else None,
        armed=armed,
        awake_since=START if awake else None,
    )


# -------------------------------------------------------------------------------- the workflow


def test_ticket_without_a_workflow_gets_one_that_knows_how_long_to_sleep() -> None:
    relay = Relay(a_timer(Phase.ACKNOWLEDGEMENT, seq=1))
    relay.case.follow(TimerChanged(NUMBER))
    [(operation, given)] = relay.machine.calls
    assert operation == "start_execution"
    assert given["name"] == f"{NUMBER}-3"
    assert given["stateMachineArn"] == MACHINE
    assert json.loads(given["input"]) == {
        "ticket": NUMBER,
        "gen": 3,
        "seq": 1,
        "phase": "acknowledgement",
        "wait": 90,
    }


@pytest.mark.parametrize(
    ("wake_in", "wait"),
    [
        (timedelta(milliseconds=1), 1),
        (timedelta(seconds=1, milliseconds=1), 2),
        (timedelta(seconds=-5), 1),
        (timedelta(0), 1),
        (None, 90 * 86_400),
    ],
)
def test_workflow_sleeps_at_least_a_second_and_never_wakes_before_its_time(
    wake_in: timedelta | None, wait: int
) -> None:
    relay = Relay(a_timer(wake_in=wake_in))
    relay.case.signal(NUMBER)
    assert json.loads(relay.machine.calls[0][1]["input"])["wait"] == wait


def test_start_of_a_workflow_that_was_already_started_does_nothing() -> None:
    relay = Relay()
    relay.machine.fault = Exceptions.ExecutionAlreadyExists()
    relay.case.signal(NUMBER)
    assert len(relay.machine.calls) == 1


@pytest.mark.parametrize(
    "timer",
    [
        a_timer(awake=False),
        a_timer(armed=Armed("token", 2, Phase.FIRST_RESPONSE)),
        a_timer(armed=Armed("token", 2, Phase.FIRST_RESPONSE), awake=False),
    ],
    ids=["no marker", "armed for this seq", "asleep"],
)
def test_workflow_that_sleeps_until_the_right_time_is_not_woken(timer: Timer) -> None:
    relay = Relay(timer)
    relay.case.signal(NUMBER)
    assert relay.machine.calls == []


@pytest.mark.parametrize("phase", NEXT_WAIT)
def test_expected_next_phase_sends_the_machine_to_the_next_wait(phase: Phase) -> None:
    relay = Relay(a_timer(NEXT_WAIT[phase], Armed("token", 1, phase)))
    relay.case.signal(NUMBER)
    [(operation, given)] = relay.machine.calls
    assert (operation, given["taskToken"]) == ("send_task_success", "token")
    assert json.loads(given["output"])["phase"] == NEXT_WAIT[phase]


@pytest.mark.parametrize(
    ("slept_in", "now"),
    [
        (Phase.RESOLUTION, Phase.RESOLUTION),  # the next rung is due earlier
        (Phase.ACKNOWLEDGEMENT, Phase.RESOLUTION),  # answered before it was acknowledged
        (Phase.CALLBACK, Phase.RESOLUTION),  # reopened
        (Phase.CALLBACK, Phase.CLOSED),  # withdrawn
    ],
)
def test_any_other_phase_makes_the_machine_check_the_clocks(slept_in: Phase, now: Phase) -> None:
    relay = Relay(a_timer(now, Armed("token", 1, slept_in)))
    relay.case.signal(NUMBER)
    [(operation, given)] = relay.machine.calls
    assert (operation, given["taskToken"], given["error"]) == (
        "send_task_failure",
        "token",
        MOVED,
    )


@pytest.mark.parametrize(
    "over", [Exceptions.TaskTimedOut, Exceptions.TaskDoesNotExist, Exceptions.InvalidToken]
)
@pytest.mark.parametrize("phase", [Phase.FIRST_RESPONSE, Phase.RESOLUTION])
def test_signal_to_a_wait_that_is_over_does_nothing(over: type[Exception], phase: Phase) -> None:
    relay = Relay(a_timer(phase, Armed("token", 1, Phase.FIRST_RESPONSE)))
    relay.machine.fault = over()
    relay.case.signal(NUMBER)
    assert len(relay.machine.calls) == 1


def test_error_of_a_service_that_rejects_a_signal_is_raised() -> None:
    relay = Relay(a_timer(Phase.RESOLUTION, Armed("token", 1, Phase.FIRST_RESPONSE)))
    relay.machine.fault = ConnectionError("down")
    with pytest.raises(ConnectionError):
        relay.case.signal(NUMBER)


def test_workflow_of_a_closed_ticket_is_woken_once_more_and_its_awake_marker_removed() -> None:
    relay = Relay(a_timer(Phase.CLOSED, Armed("token", 1, Phase.SURVEY), wake_in=None))
    relay.case.signal(NUMBER)
    assert [operation for operation, _ in relay.machine.calls] == ["send_task_success"]
    assert relay.tickets.cleared == [(NUMBER, 3, 2)]


def test_awake_marker_of_an_open_ticket_is_not_removed() -> None:
    relay = Relay(a_timer(Phase.SURVEY, Armed("token", 1, Phase.CALLBACK)))
    relay.case.signal(NUMBER)
    assert relay.tickets.cleared == []


# -------------------------------------------------------------------------------- names


def test_execution_is_named_by_its_ticket_and_generation() -> None:
    assert ticket_of_execution(execution_name(NUMBER, 12)) == (NUMBER, 12)


@pytest.mark.parametrize("name", ["", "by-hand", "7", "-7", NUMBER])
def test_name_of_an_execution_that_was_started_by_hand_names_no_ticket(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message does not matter
        ticket_of_execution(name)
