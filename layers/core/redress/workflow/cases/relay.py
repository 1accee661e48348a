"""After a change of a ticket's TIMER, send the signal to its workflow: start it or wake it.

A stream record only says that something changed. The relay reads the current TIMER and decides what
to do. Late, repeated and reordered records therefore do no harm. Nothing else is done here, so no
other work delays a signal (`follower` sends mail jobs and requests to the assigner).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from redress.tickets.rules.ticket import Phase
from redress.tickets.store.timers import Armed, Timer, TimerStore
from redress.workflow import messages as workflow_messages
from redress.workflow.cases.timers import sleep_of
from redress.workflow.stream import TimerChanged

NEXT_WAIT: dict[Phase, Phase] = {
    Phase.ACKNOWLEDGEMENT: Phase.FIRST_RESPONSE,
    Phase.FIRST_RESPONSE: Phase.RESOLUTION,
    Phase.RESOLUTION: Phase.CALLBACK,
    Phase.CALLBACK: Phase.SURVEY,
    Phase.SURVEY: Phase.CLOSED,
}
"""Maps each wait of the state machine `ticket.asl.json` to the wait that follows it. The waits are
named by their phases. A template test compares this table with the state machine."""

MOVED = "ClocksMoved"
"""The error that the relay sends to a sleeping state machine. It wakes the machine, which then
checks the clocks. It is a signal, not a failure."""


class RelayCase:
    """Starts and wakes the executions of the ticket machine with the ARN `machine`."""

    def __init__(
        self,
        timers: TimerStore,
        step_functions: Any,
        machine: str,
        now: Callable[[], datetime],
    ) -> None:
        self._timers, self._sfn, self._machine, self._now = timers, step_functions, machine, now

    def follow(self, change: TimerChanged) -> None:
        """Send the signal for a change. This can be repeated safely.

        Raises NotFound, or the error of a failing service.
        """
        self.signal(change.number)

    def signal(self, number: str) -> None:
        """Start or wake the workflow of a ticket, unless it sleeps until the right time.

        The workflow of a closed ticket is woken for the last time, and its awake marker is removed.
        """
        timer = self._timers.get(number)
        if timer.awake_since is None or timer.asleep:
            return
        if timer.armed is None:
            self._start(timer)
            return
        self._wake(timer, timer.armed)
        if timer.phase is Phase.CLOSED:
            self._timers.clear_awake(number, timer.gen, timer.seq)

    def _start(self, timer: Timer) -> None:
        """Start the execution of this generation.

        Its name is made of ticket number and generation, so Step Functions starts it only once.
        """
        try:
            self._sfn.start_execution(
                stateMachineArn=self._machine,
                name=execution_name(timer.number, timer.gen),
                input=workflow_messages.encode(sleep_of(timer, self._now())),
            )
        except self._sfn.exceptions.ExecutionAlreadyExists:
            return  # started by an earlier delivery of this record, or by the sweep

    def _wake(self, timer: Timer, armed: Armed) -> None:
        """End the armed wait: let the machine go to the next wait, or let it check the clocks.

        If the wait is over already, this does nothing. After a wait that timed out, the machine has
        checked the clocks itself. If the execution has ended, the sweep finds the ticket.
        """
        if NEXT_WAIT.get(armed.phase) is timer.phase:
            output = workflow_messages.encode(sleep_of(timer, self._now()))
            self._answer(self._sfn.send_task_success, taskToken=armed.token, output=output)
        else:
            self.wake(armed)

    def wake(self, armed: Armed) -> bool:
        """Wake the machine that sleeps in this wait, so that it checks the clocks.

        Returns False if the wait is over.
        """
        return self._answer(
            self._sfn.send_task_failure,
            taskToken=armed.token,
            error=MOVED,
            cause="the ticket's clocks changed",
        )

    def _answer(self, send: Callable[..., Any], **answer: str) -> bool:
        """Answer a task token. Returns False if the task is over."""
        over = (
            self._sfn.exceptions.TaskTimedOut,
            self._sfn.exceptions.TaskDoesNotExist,
            self._sfn.exceptions.InvalidToken,
        )
        try:
            send(**answer)
        except over:
            return False
        return True


def execution_name(number: str, gen: int) -> str:
    """The name of the execution of this ticket and generation: `R-7K3M9-QW0X2-1`."""
    return f"{number}-{gen}"


def ticket_of_execution(name: str) -> tuple[str, int]:
    """The ticket number and generation of an execution, from its name.

    Raises ValueError if the name has another form.
    """
    number, _, gen = name.rpartition("-")
    if not number:
        raise ValueError(f"{name!r} is not the name of a ticket's execution")
    return number, int(gen)
