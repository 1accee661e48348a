"""After a change of the table, send signals to workflows and messages to other functions.

The relay reads the table's stream. A stream record only says that something changed. The relay, or
the receiver of its message, reads the current state and decides what to do. Late, repeated and
reordered records therefore do no harm. Other functions do the slow work, so it cannot delay a
signal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.db import keys
from redress.mail.outgoing import messages as mail_messages
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.table import ACKNOWLEDGEMENT
from redress.staff import messages as assignment_messages
from redress.staff.messages import AssignmentRequest, DrainQueue
from redress.tickets.rules.ticket import Phase
from redress.tickets.store import items
from redress.tickets.store.timers import Armed, Timer, TimerStore
from redress.workflow import messages as workflow_messages
from redress.workflow.cases.timers import sleep_of
from redress.workflow.subscribers import Message, messages_after

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

BATCH = 10
"""The maximum number of messages in one SendMessageBatch, from the API reference."""

ACKNOWLEDGE_AFTER_S = 1
"""The delay of the acknowledgement in seconds. The workflow starts when this mail is enqueued, and
the delay gives it time to fall asleep. An earlier acknowledgement would do no harm. But a workflow
that is still awake would check the clocks once more, which costs two state transitions."""


@dataclass(frozen=True, slots=True)
class TimerChanged:
    """The TIMER of a ticket changed: its workflow must be started or woken."""

    number: str


@dataclass(frozen=True, slots=True)
class EventAdded:
    """An event was added to a ticket: mails may follow, or an agent must be found."""

    number: str
    doc: str
    """The event as stored."""


@dataclass(frozen=True, slots=True)
class CapacityFreed:
    """An agent of this team became available or got room, so the team's queue can be drained."""

    team: str


StreamChange = TimerChanged | EventAdded | CapacityFreed


def stream_change_of(record: dict[str, Any]) -> StreamChange | None:
    """The change that a stream record reports, or None if nothing follows from it.

    Raises KeyError or ValueError for a record that cannot come from this table.
    """
    image = record["dynamodb"].get("NewImage")
    sk = record["dynamodb"]["Keys"]["sk"]["S"]
    pk = record["dynamodb"]["Keys"]["pk"]["S"]
    if image is None:
        return None
    if sk == keys.TIMER:
        return TimerChanged(keys.number_of(pk)) if "awake" in image else None
    if sk.startswith(keys.EVENT_PREFIX):
        if record["eventName"] != "INSERT":
            return None
        return EventAdded(keys.number_of(pk), image["doc"]["S"])
    if sk == keys.AVAILABILITY:
        return _capacity_freed(image, record["dynamodb"].get("OldImage"))
    return None


def _capacity_freed(new: dict[str, Any], old: dict[str, Any] | None) -> CapacityFreed | None:
    """CapacityFreed if the agent has more room than before. An agent who is away has no room."""
    if "duty_pk" not in new:
        return None
    room = int(new["capacity"]["N"]) - int(new["load"]["N"])
    before = int(old["capacity"]["N"]) - int(old["load"]["N"]) if old and "duty_pk" in old else 0
    return CapacityFreed(new["team"]["S"]) if room > max(before, 0) else None


class NotTaken(Exception):
    """A queue rejected some messages of a batch.

    All messages of the batch are sent again later. Repeated messages do no harm.
    """


@dataclass(frozen=True, slots=True)
class Targets:
    """The receivers of signals and messages, as ARN, URL or function name."""

    ticket_machine_arn: str
    mail_queue_url: str
    assigner_function: str
    dead_letter_queue_url: str


class RelayCase:
    def __init__(
        self,
        timers: TimerStore,
        step_functions: Any,
        sqs: Any,
        functions: Any,
        targets: Targets,
        now: Callable[[], datetime],
    ) -> None:
        self._timers, self._sfn, self._sqs = timers, step_functions, sqs
        self._functions, self._targets, self._now = functions, targets, now

    def follow(self, change: StreamChange) -> None:
        """Send the signal or messages for a change. This can be repeated safely.

        Raises the error of a failing service.
        """
        match change:
            case TimerChanged(number):
                self.signal(number)
            case EventAdded(number, doc):
                self._deliver(messages_after(number, items.event_of(doc)))
            case CapacityFreed(team):
                self.drain([team])

    # ---------------------------------------------------------------- the workflow

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
                stateMachineArn=self._targets.ticket_machine_arn,
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

    # ---------------------------------------------------------------- messages

    def drain(self, teams: Iterable[str]) -> None:
        """Ask the assigner to offer the queued tickets of these teams to their agents."""
        self._deliver([DrainQueue(team) for team in teams])

    def _deliver(self, messages: Sequence[Message]) -> None:
        """Send each message to its function. Raises the error of a failing service."""
        self._enqueue([message for message in messages if isinstance(message, MailJob)])
        for message in messages:
            if not isinstance(message, MailJob):
                self._request(message)

    def _request(self, request: AssignmentRequest) -> None:
        """Invoke the assigner asynchronously.

        If the request is lost, the ticket waits for the sweep, which drains every queue.
        """
        self._functions.invoke(
            FunctionName=self._targets.assigner_function,
            InvocationType="Event",
            Payload=assignment_messages.encode(request),
        )

    def _enqueue(self, jobs: Sequence[MailJob]) -> None:
        for start in range(0, len(jobs), BATCH):
            entries = [
                {
                    "Id": str(index),
                    "MessageBody": mail_messages.encode(job),
                    "DelaySeconds": ACKNOWLEDGE_AFTER_S if job.template == ACKNOWLEDGEMENT else 0,
                }
                for index, job in enumerate(jobs[start : start + BATCH])
            ]
            answer = self._sqs.send_message_batch(
                QueueUrl=self._targets.mail_queue_url, Entries=entries
            )
            if failed := answer.get("Failed"):
                raise NotTaken(f"the queue rejected {len(failed)} messages")

    def dead_letter(self, record: dict[str, Any], fault: str) -> None:
        """Report a record that no retry can process to the dead-letter queue.

        The message has the keys, the sequence number and the fault, but not the record's content.
        """
        body = {
            "keys": record.get("dynamodb", {}).get("Keys"),
            "sequence": record.get("dynamodb", {}).get("SequenceNumber"),
            "fault": fault,
        }
        self._sqs.send_message(
            QueueUrl=self._targets.dead_letter_queue_url, MessageBody=json.dumps(body)
        )


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
