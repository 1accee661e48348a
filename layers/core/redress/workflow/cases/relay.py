"""What follows a change: the stream's consumer signals workflows and enqueues, nothing else.

A record only says that something moved; what to do is decided from the current state, so late,
double and reordered records do no harm. Everything slow stands behind a queue, so that nothing
stands before a timer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
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
from redress.workflow.cases.timers import sleep_of
from redress.workflow.subscribers import Message, messages_after

FOLLOWS: dict[Phase, Phase] = {
    Phase.ACKNOWLEDGEMENT: Phase.FIRST_RESPONSE,
    Phase.FIRST_RESPONSE: Phase.RESOLUTION,
    Phase.RESOLUTION: Phase.CALLBACK,
    Phase.CALLBACK: Phase.SURVEY,
    Phase.SURVEY: Phase.CLOSED,
}
"""The successor of each wait in `ticket.asl.json`; a template test holds the two together."""

MOVED = "ClocksMoved"
"""The error by which a sleeping machine is told to look: not a fault, a wake-up call."""

BATCH = 10
ACKNOWLEDGE_AFTER_S = 1
"""The workflow starts at the same moment as this mail is enqueued. An acknowledgement that comes
before the workflow sleeps is no harm, but costs it a look: two transitions more a ticket."""


@dataclass(frozen=True, slots=True)
class TimerChanged:
    """The timer of a ticket moved: its machine must be started, or must look."""

    number: str


@dataclass(frozen=True, slots=True)
class EventAdded:
    """An event was added to a ticket: mails may follow, a queue may have a new ticket."""

    number: str
    doc: str


@dataclass(frozen=True, slots=True)
class CapacityFreed:
    """An agent of this team came or got room: its queue may drain."""

    team: str


StreamChange = TimerChanged | EventAdded | CapacityFreed


def stream_change_of(record: dict[str, Any]) -> StreamChange | None:
    """What a stream record tells; None for one that nothing follows from.

    Raises KeyError or ValueError for a record that is not one of ours.
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
    if "duty_pk" not in new:
        return None
    room = int(new["capacity"]["N"]) - int(new["load"]["N"])
    before = int(old["capacity"]["N"]) - int(old["load"]["N"]) if old and "duty_pk" in old else 0
    return CapacityFreed(new["team"]["S"]) if room > max(before, 0) else None


class NotTaken(Exception):
    """A queue took only a part: all is sent again, and doubles do no harm."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Where signals and messages go: ARN of the ticket machine, URLs of queues, name of the
    function that assigns."""

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
        """Do what follows from one hint. Safe to repeat; raises when a service does not take it."""
        match change:
            case TimerChanged(number):
                self.signal(number)
            case EventAdded(number, doc):
                self._deliver(messages_after(number, items.event_of(doc)))
            case CapacityFreed(team):
                self.drain([team])

    # ---------------------------------------------------------------- the workflow

    def signal(self, number: str) -> None:
        """Bring the workflow of a ticket in step with its timer: start it, wake it, or let it be.

        A closed ticket's machine is woken for the last time and its marker taken away.
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
        """Start the execution of this generation; its name makes a second start a non-event."""
        try:
            self._sfn.start_execution(
                stateMachineArn=self._targets.ticket_machine_arn,
                name=execution_name(timer.number, timer.gen),
                input=json.dumps(asdict(sleep_of(timer, self._now()))),
            )
        except self._sfn.exceptions.ExecutionAlreadyExists:
            return  # started before: by an earlier delivery of this record, or by the sweep

    def _wake(self, timer: Timer, armed: Armed) -> None:
        """Send the armed wait on to its successor, or tell the machine to look."""
        # A wait that is over woke by itself and looks anyway; a dead one is found by the sweep.
        if FOLLOWS.get(armed.phase) is timer.phase:
            output = json.dumps(asdict(sleep_of(timer, self._now())))
            self._answer(self._sfn.send_task_success, taskToken=armed.token, output=output)
        else:
            self.wake(armed)

    def wake(self, armed: Armed) -> bool:
        """Wake the machine that sleeps in this wait, to look; False when nobody sleeps in it."""
        return self._answer(
            self._sfn.send_task_failure,
            taskToken=armed.token,
            error=MOVED,
            cause="the clocks moved: look",
        )

    def _answer(self, send: Callable[..., Any], **answer: str) -> bool:
        """Answer a task token; False when its task is over."""
        gone = (
            self._sfn.exceptions.TaskTimedOut,
            self._sfn.exceptions.TaskDoesNotExist,
            self._sfn.exceptions.InvalidToken,
        )
        try:
            send(**answer)
        except gone:
            return False
        return True

    # ---------------------------------------------------------------- the queues

    def drain(self, teams: Iterable[str]) -> None:
        """Let the queues of these teams be offered to their agents."""
        self._deliver([DrainQueue(team) for team in teams])

    def _deliver(self, messages: Sequence[Message]) -> None:
        """Hand each message to its function. Raises when a service does not take one."""
        self._enqueue([message for message in messages if isinstance(message, MailJob)])
        for message in messages:
            if not isinstance(message, MailJob):
                self._request(message)

    def _request(self, request: AssignmentRequest) -> None:
        """Invoke the assigner asynchronously. A request that is lost is made up for by the sweep,
        which drains every queue."""
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
                raise NotTaken(f"{len(failed)} messages were not taken by the queue")

    def dead_letter(self, record: dict[str, Any], fault: str) -> None:
        """Set a record aside that no retry can help: its keys and the fault, never its content."""
        body = {
            "keys": record.get("dynamodb", {}).get("Keys"),
            "sequence": record.get("dynamodb", {}).get("SequenceNumber"),
            "fault": fault,
        }
        self._sqs.send_message(
            QueueUrl=self._targets.dead_letter_queue_url, MessageBody=json.dumps(body)
        )


def execution_name(number: str, gen: int) -> str:
    """`R-7K3M9-QW0X2-1`: one execution per ticket and generation."""
    return f"{number}-{gen}"


def ticket_of_execution(name: str) -> tuple[str, int]:
    """Ticket and generation of an execution's name; raises ValueError for any other name."""
    number, _, gen = name.rpartition("-")
    if not number:
        raise ValueError(f"{name!r} is not the name of a ticket's execution")
    return number, int(gen)
