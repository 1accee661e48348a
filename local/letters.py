"""List what lies in the dead-letter queues, in words, and put it back.

    python -m local.letters                            the stack on this laptop
    python -m local.letters --stack redress            a stack on AWS, with your credentials
    python -m local.letters --back 1                   put back everything that can succeed
    python -m local.letters --back 3f2a9c1b,77d0e4a2   put back these, also those with a fault
    python -m local.letters --drop 3f2a9c1b            delete it; nothing is put back

A message is named by the beginning of its id. Unless `--drop` names it, it is deleted only after it
was put back. Everything may be put back twice: signals, assignments and mail jobs have no second
effect, and the scoring of a month has one execution per message. Messages contain ids and names of
faults, never texts or addresses; a message that is of no known kind is not shown.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.operations import stacks
from local.operations.stacks import ALIAS, NoStack, Stack
from redress.db import keys
from redress.files.messages import file_in

ALL = "1"
LEAST_ID = 6
"""The fewest characters of an id that name a message."""
WAIT_S = 1
"""Long polling asks every server of SQS, so no message is overlooked."""
HIDDEN_S = 300
"""How long a message is hidden while this command works with it."""
MOST = 500
"""The most messages of a queue that one run reads."""
BATCH_NAMES = ("streamArn", "shardId", "startSequenceNumber", "endSequenceNumber")
"""What a description of a batch must have, so that its records can be read from the stream."""
TOGETHER = 20
"""Stream records that a reader gets at once. Lambda takes 6 MB in a call, and an event may be as
long as the text of a mail."""
PAGES = 200
"""How many pages of a shard are read for one batch. DynamoDB may return empty pages."""

Body = dict[str, Any]
Work = Callable[[], None]


class LettersError(Exception):
    """The command cannot do what it was asked for. The message is for the person who asked."""


class NotPutBack(Exception):
    """A message could not be put back and stays where it is. The message says why."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A dead-letter queue: the output of the stack with its URL, and what lies there."""

    output: str
    what: str


QUEUES = (
    Queue("SignalDeadLetterQueueUrl", "signals to workflows"),
    Queue("EventDeadLetterQueueUrl", "messages that follow from events"),
    Queue("DeadLetterQueueUrl", "calls: asynchronous ones, ends of executions, schedules"),
    Queue("MailDeadLetterQueueUrl", "outgoing mail"),
    Queue("InboundDeadLetterQueueUrl", "incoming mail"),
    Queue("SearchDeadLetterQueueUrl", "tickets to index"),
)
SOURCES = {
    "MailDeadLetterQueueUrl": "MailQueueUrl",
    "InboundDeadLetterQueueUrl": "InboundQueueUrl",
    "SearchDeadLetterQueueUrl": "SearchQueueUrl",
}
"""The queue from which the messages of a dead-letter queue came: the outputs with their URLs."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a dead-letter queue.

    id     the id that SQS gave it
    sent   when it was set aside
    fault  the fault that was recorded with it; "" if none was
    """

    queue: Queue
    id: str
    receipt: str
    sent: datetime
    body: str
    fault: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, in words, and how it is put back.

    what     what it is, with the ticket's number if it has one
    fault    why it was set aside; "" if nothing is known
    then     what putting back does
    back     puts it back; None if that is not possible. Raises NotPutBack or an error of boto3
    by_name  whether it is put back only if its id is named, because it would fail again
    """

    message: Message
    what: str
    fault: str
    then: str
    back: Work | None
    by_name: bool = False


# ------------------------------------------------------------------------------ the queues


def messages(stack: Stack, queue: Queue) -> list[Message]:
    """The messages of a queue, oldest first. They are hidden for HIDDEN_S."""
    found: dict[str, Message] = {}
    while len(found) < MOST:
        answer = stack.client("sqs").receive_message(
            QueueUrl=stack.outputs[queue.output],
            MaxNumberOfMessages=10,
            WaitTimeSeconds=WAIT_S,
            VisibilityTimeout=HIDDEN_S,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        if not answer.get("Messages"):
            break
        for one in answer["Messages"]:
            found[one["MessageId"]] = _message(queue, one)
    return sorted(found.values(), key=lambda message: (message.sent, message.id))


def size(stack: Stack, queue: Queue) -> int:
    """About how many messages a queue has, with those that are hidden or not delivered yet.

    SQS counts them right only a minute after the last change (GetQueueAttributes).
    """
    states = ("", "NotVisible", "Delayed")
    names = [f"ApproximateNumberOfMessages{state}" for state in states]
    found = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs[queue.output], AttributeNames=names
    )["Attributes"]
    return sum(int(found[name]) for name in names)


def _message(queue: Queue, one: Body) -> Message:
    attributes = {
        name.lower().replace("_", ""): value.get("StringValue", "")
        for name, value in one.get("MessageAttributes", {}).items()
    }
    milliseconds = int(one["Attributes"]["SentTimestamp"])
    return Message(
        queue,
        one["MessageId"],
        one["ReceiptHandle"],
        datetime.fromtimestamp(milliseconds / 1000, UTC),
        one["Body"],
        attributes.get("fault") or attributes.get("errorcode", ""),
    )


def show_again(stack: Stack, message: Message) -> None:
    """End the time in which a message is hidden."""
    stack.client("sqs").change_message_visibility(
        QueueUrl=stack.outputs[message.queue.output],
        ReceiptHandle=message.receipt,
        VisibilityTimeout=0,
    )


def delete(stack: Stack, message: Message) -> None:
    stack.client("sqs").delete_message(
        QueueUrl=stack.outputs[message.queue.output], ReceiptHandle=message.receipt
    )


# ------------------------------------------------------------------------------ in words


def letter_of(stack: Stack, message: Message) -> Letter:
    """What a message is and how it is put back."""
    try:
        return _letter_of(stack, message)
    except Exception:
        # A body may have any shape. One that is not understood must not end the command, which
        # would leave all messages hidden.
        return _unknown(message)


def _unknown(message: Message) -> Letter:
    return Letter(message, "of no known kind", message.fault, "nothing; look at it in SQS", None)


def _letter_of(stack: Stack, message: Message) -> Letter:
    if message.queue.output == "SearchDeadLetterQueueUrl":
        return _of_search(stack, message)
    if message.queue.output in SOURCES:
        return _of_mail(stack, message)
    try:
        body = json.loads(message.body)
    except ValueError:
        body = None
    match body:
        case {"DDBStreamBatchInfo": dict(batch), "requestContext": dict(context)}:
            if _function_of(context) and _is_batch(batch):
                return _of_batch(stack, message, batch, context)
        case {"KinesisBatchInfo": dict(lost)}:
            return _of_contact_records(message, lost)
        case {"contact": str(contact), "fault": str(fault)}:
            return _of_contact_record(message, contact, fault, body.get("faults"))
        case {"keys": _, "fault": str(fault)}:
            return _of_record(stack, message, body.get("keys"), str(body.get("sequence")), fault)
        case {"requestContext": dict(context), "requestPayload": dict(payload)}:
            if _function_of(context):
                answered = body.get("responsePayload")
                return _of_call(stack, message, context, payload, answered)
        case {"detail-type": "Step Functions Execution Status Change", "detail": dict(detail)}:
            return _of_execution(stack, message, body, detail)
        case {"detail-type": "Amazon Connect Contact Event", "detail": dict(detail)}:
            return _of_contact_event(stack, message, body, detail)
        case {"detail-type": str(), "detail": dict()} if (found := _of_file(body)) is not None:
            return _of_file_event(stack, message, body, found)
        case {"period": str(period)}:
            return _of_month(stack, message, period)
        case {"task": str(task)}:
            return _of_task(stack, message, task)
    return _unknown(message)


def _of_search(stack: Stack, message: Message) -> Letter:
    """A message of the search queue."""
    match json.loads(message.body):
        case {"number": str(number)}:
            what = f"the request to index ticket {_number(number)}"
        case {"month": str(month)}:
            what = f"the request to index the tickets since {_word(month)}"
        case _:
            return _unknown(message)

    def back() -> None:
        url = stack.outputs[SOURCES[message.queue.output]]
        stack.client("sqs").send_message(QueueUrl=url, MessageBody=message.body)

    then = "returns it to the search queue, where it is tried again"
    return Letter(message, what, message.fault, then, back)


def _of_mail(stack: Stack, message: Message) -> Letter:
    """A message of the mail queue or of the inbound queue."""
    outgoing = message.queue.output == "MailDeadLetterQueueUrl"
    what = "a mail that came in" if not outgoing else "a message that is no mail job"
    try:
        body = json.loads(message.body)
    except ValueError:
        body = None
    match body:
        case {"number": str(number), "event": int(event), "template": str(template), **rest}:
            audience = _word(str(rest.get("audience", "?")))
            what = (
                f"the mail {_word(template)} to {audience}, ticket {_number(number)}, event {event}"
            )
        case {"held": str(team)}:
            what = f"the digest of held mail for the team {_word(team)}"
        case {"links": str()} if outgoing:
            what = "a mail with the links of an address's open tickets"
        case {"mail": dict(mail)} if outgoing:
            what = f"SES's report on the mail {_word(str(mail.get('messageId', '?')))}"
    source = SOURCES[message.queue.output]

    def back() -> None:
        url = stack.outputs[source]
        stack.client("sqs").send_message(QueueUrl=url, MessageBody=message.body)

    again = f"returns it to the {'mail' if outgoing else 'inbound'} queue, where it is tried again"
    if message.fault:
        again += ". It fails again unless its fault was mended, so it must be named"
    return Letter(message, what, message.fault, again, back, by_name=bool(message.fault))


def _of_record(stack: Stack, message: Message, item: Any, sequence: str, fault: str) -> Letter:
    """One record that a reader of the stream set aside."""
    try:
        pk, sk = str(item["pk"]["S"]), str(item["sk"]["S"])
        of_agent = sk == keys.AVAILABILITY
        about = "an agent's availability" if of_agent else f"ticket {keys.number_of(pk)}"
    except (KeyError, TypeError, ValueError):
        return Letter(message, "a change of an item of no known kind", fault, "nothing", None)
    reader, kind = "follower", "MODIFY"
    if sk == keys.TIMER:
        reader, what = "relay", f"a signal to the workflow of {about}"
    elif sk.startswith(keys.EVENT_PREFIX):
        kind = "INSERT"
        event = sk.removeprefix(keys.EVENT_PREFIX).lstrip("0")
        what = f"what follows from event {_word(event)} of {about}"
    elif sk == keys.TICKET:
        what = f"an entry of the feed of changes about {about}"
    elif of_agent:
        what = "a request to drain a team's queue, after an agent got room"
    else:
        return Letter(message, f"a change of {about}", fault, "nothing", None)

    def back() -> None:
        found = stack.client("dynamodb").get_item(
            TableName=stack.outputs["TableName"],
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            ConsistentRead=True,
        )
        if "Item" not in found:
            return  # the item is gone, so nothing follows from it
        change = {"Keys": item, "NewImage": found["Item"], "SequenceNumber": sequence}
        _read(stack, stack.function(reader), [{"eventName": kind, "dynamodb": change}])

    return Letter(message, what, fault, f"invokes {reader} with the item as it is now", back)


def _of_batch(stack: Stack, message: Message, batch: Body, context: Body) -> Letter:
    """A batch of stream records that Lambda gave up. Its records may still be in the stream."""
    reader = _function_of(context)
    name = reader.removeprefix(f"{stack.name}-")
    # A relay of the version before 30 November 2026 also did what the follower does now.
    both = name == "relay" and message.queue.output == "DeadLetterQueueUrl"
    readers = [reader, stack.function("follower")] if both else [reader]
    since = str(batch.get("approximateArrivalOfFirstRecord", "?"))
    count = _word(str(batch.get("batchSize", "?")))
    what = f"{count} stream records since {_word(since)}, which {name} gave up"
    without = "sweep" if readers == [stack.function("relay")] else "reconcile"

    def back() -> None:
        records = _records(stack, batch)
        if records is None:
            _call(stack, stack.function("repair"), {"task": without})
            return
        for function in readers:
            for some in batched(records, TOGETHER, strict=False):
                _read(stack, function, list(some))

    then = f"reads them from the stream again and passes them to {' and '.join(readers)}; "
    then += f"if the stream has them no more, repair runs {without}"
    return Letter(message, what, str(context.get("condition", "")), then, back)


def _of_call(stack: Stack, message: Message, context: Body, payload: Body, answered: Any) -> Letter:
    """An asynchronous call of a function that failed in every attempt."""
    function = _function_of(context)
    about, effect = "a task", ""
    match payload:
        case {"ticket": str(number)}:
            about = f"the request to find an agent for ticket {_number(number)}"
        case {"team": str(team)}:
            about = f"the request to offer the queue of the team {_word(team)}"
        case {"task": str(task)}:
            about = f"the task {_word(task)}"
        case {"detail-type": "Amazon Connect Contact Event", "detail": dict(detail)}:
            about, effect = _contact_event(detail), f": {_TELLS_ONCE}"
        case {"detail": dict(detail)} if (end := _end(stack, detail)) is not None:
            about, effect = end[0], f": {end[1]}"
        case _ if (found := _of_file(payload)) is not None:
            about, effect = found[0], f": {found[1]}"
    fault = str(answered.get("errorType", "")) if isinstance(answered, dict) else ""
    return Letter(
        message,
        f"{about}, a call of {function}",
        fault or str(context.get("condition", "")),
        f"calls the function again, asynchronously{effect}",
        lambda: _call(stack, function, payload),
    )


_ASK_AGAIN = "nothing; let Amazon Connect send it again (docs/runbooks/dead-letters.md)"
_TELLS_ONCE = "nothing changes if its call is recorded"


def _contact_event(detail: Body) -> str:
    return f"an event of the contact {_word(str(detail.get('contactId', '?')))} of Amazon Connect"


def _of_contact_event(stack: Stack, message: Message, event: Body, detail: Body) -> Letter:
    """A contact event that EventBridge could not deliver."""
    function = stack.function("hotline")
    return Letter(
        message,
        _contact_event(detail),
        message.fault,
        f"calls {function} with it: {_TELLS_ONCE}",
        lambda: _call(stack, function, event),
    )


def _of_contact_record(message: Message, contact: str, fault: str, faults: Any) -> Letter:
    """A contact record that could not be taken. The message does not have its content."""
    listed = ", ".join(_fault(one) for one in faults if isinstance(one, str)) if faults else ""
    what = f"the record of the contact {_word(contact or '?')} of Amazon Connect"
    return Letter(message, f"{what} ({listed})" if listed else what, fault, _ASK_AGAIN, None)


def _of_contact_records(message: Message, batch: Body) -> Letter:
    """A batch of contact records that Lambda gave up."""
    count, since = batch.get("batchSize", "?"), batch.get("approximateArrivalOfFirstRecord", "?")
    what = f"{_word(str(count))} contact records of Amazon Connect since {_word(str(since))}"
    return Letter(message, f"{what}, which hotline gave up", message.fault, _ASK_AGAIN, None)


def _of_file(event: Body) -> tuple[str, str] | None:
    """A message about a file in words, and what is done with it; None if it is no such message."""
    again = "nothing changes if the ticket has its verdict"
    match event:
        case {"detail-type": "Object Created", "detail": {"object": {"key": str(key)}}}:
            if (found := file_in(key)) is None:
                return None
            folder, number, _ = found
            if folder == "uploads":
                return f"an upload to ticket {number}", "it is checked, unless it was already"
            return f"the scan of a file of ticket {number}", "it is scanned again"
        case {"detail": {"s3ObjectDetails": {"objectKey": str(key)}}}:
            if (found := file_in(key)) is None:
                return None
            return f"GuardDuty's verdict on a file of ticket {found[1]}", again
        case {"responsePayload": {"judged": str(number)}}:
            return f"the scanner's verdict on a file of ticket {_number(number)}", again
        case {"refer": str(number)}:
            return f"the files of a message of ticket {_number(number)}", "they are copied"
        case {"held": str(number)}:
            return f"the question for a verdict on a file of ticket {_number(number)}", again
    return None


def _of_file_event(stack: Stack, message: Message, event: Body, found: tuple[str, str]) -> Letter:
    """An event about a file that EventBridge could not deliver."""
    scan = "the scan of" in found[0]
    function = stack.function("scanner" if scan else "checker")
    return Letter(
        message,
        found[0],
        message.fault,
        f"calls {function} with it: {found[1]}",
        lambda: _call(stack, function, event),
    )


def _of_execution(stack: Stack, message: Message, event: Body, detail: Body) -> Letter:
    """The end of an execution, which EventBridge could not report to the function repair."""
    end = _end(stack, detail)
    if end is None:
        return _unknown(message)
    return Letter(
        message,
        end[0],
        message.fault,
        f"calls repair with it: {end[1]}",
        lambda: _call(stack, stack.function("repair"), event),
    )


def _end(stack: Stack, detail: Body) -> tuple[str, str] | None:
    """The end of an execution in words, and what the function repair does after it.

    `detail` is that of the event. None if the machine is not of this stack.
    """
    said = f"{_word(str(detail.get('name')))} ({_word(str(detail.get('status')))})"
    machine, of = detail.get("stateMachineArn"), stack.outputs
    if machine == of["TicketMachineArn"]:
        then = "the next generation starts, unless it did so already"
        return f"the end of the execution {said}", then
    if machine == of["RehearsalMachineArn"]:
        then = "it marks the job as failed, unless the job is over"
        return f"the end of the rehearsal or move {said}", then
    if machine == of["ScoresMachineArn"]:
        then = "it starts the run again, unless this was the last repeat, and mails operations"
        return f"the end of the scoring run {said}", then
    return None


def _of_month(stack: Stack, message: Message, period: str) -> Letter:
    """The scoring of a month, which its schedule could not start."""
    previous = period == "previous"
    month = _month_before(message.sent, stack.outputs["TimeZone"]) if previous else _word(period)

    def back() -> None:
        machines = stack.client("stepfunctions")
        try:
            machines.start_execution(
                stateMachineArn=stack.outputs["ScoresMachineArn"],
                name=f"letter-{message.id}",
                input=json.dumps({"period": month}),
            )
        except machines.exceptions.ExecutionAlreadyExists:
            return  # an earlier run of this command started it

    then = f"starts the scoring of {month}"
    return Letter(message, f"the scoring of the month {month}", message.fault, then, back)


def _of_task(stack: Stack, message: Message, task: str) -> Letter:
    """A daily task, which its schedule could not start."""
    function, effect = "repair", ""
    if task == "review_plan":
        function, effect = "planreview", "; it mails operations if a reminder is due on this day"
    return Letter(
        message,
        f"the scheduled task {_word(task)}",
        message.fault,
        f"calls {function} with it, asynchronously{effect}",
        lambda: _call(stack, stack.function(function), {"task": task}),
    )


# ------------------------------------------------------------------------------ putting back


def _read(stack: Stack, function: str, records: list[Body]) -> None:
    """Let a reader of the stream process records. Raises NotPutBack if it did not."""
    answer = stack.client("lambda").invoke(
        FunctionName=f"{function}:{ALIAS}", Payload=json.dumps({"Records": records}).encode()
    )
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise NotPutBack(f"{function} failed: {_word(str(said.get('errorType', '?')))}")
    if said["batchItemFailures"]:
        raise NotPutBack(f"a service still refuses what {function} sends; see its log")


def _call(stack: Stack, function: str, payload: Body) -> None:
    """Call a function asynchronously. If it fails again, Lambda sets the call aside again."""
    stack.client("lambda").invoke(
        FunctionName=f"{function}:{ALIAS}",
        InvocationType="Event",
        Payload=json.dumps(payload).encode(),
    )


def _records(stack: Stack, batch: Body) -> list[Body] | None:
    """The records of a batch, read from the stream, in the shape of a Lambda event's `Records`.

    Records of items that no reader follows are left out. None if the stream has the batch no more:
    it keeps records for 24 hours. The command is a third reader of the shard for this moment. If
    DynamoDB throttles, boto3 and Lambda try again. Raises NotPutBack if the last record of the
    batch did not come.
    """
    streams, end = stack.client("dynamodbstreams"), int(batch["endSequenceNumber"])
    errors = streams.exceptions
    gone = errors.TrimmedDataAccessException, errors.ResourceNotFoundException
    found: list[Body] = []
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=batch["streamArn"],
            ShardId=batch["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=batch["startSequenceNumber"],
        )["ShardIterator"]
        for _ in range(PAGES):
            answer = streams.get_records(ShardIterator=iterator, Limit=1000)
            for record in answer["Records"]:
                number = int(record["dynamodb"]["SequenceNumber"])
                if number <= end and _is_followed(record["dynamodb"]["Keys"]["sk"]["S"]):
                    found.append(json.loads(json.dumps(record, default=_seconds)))
                if number >= end:
                    return found
            iterator = answer.get("NextShardIterator")
            if iterator is None:
                break
    except gone:
        return None
    raise NotPutBack("the stream did not return the last record of the batch")


def _is_followed(sk: str) -> bool:
    """Whether a reader may follow changes of items with this sort key."""
    others = (keys.TIMER, keys.AVAILABILITY, keys.TICKET)
    return sk in others or sk.startswith(keys.EVENT_PREFIX)


def _seconds(at: datetime) -> int:
    """A time as stream records in a Lambda event have it."""
    return int(at.timestamp())


def _month_before(at: datetime, zone: str) -> str:
    """The month before an instant in a time zone: "2026-11"."""
    first = at.astimezone(ZoneInfo(zone)).replace(day=1)
    return (first - timedelta(days=1)).strftime("%Y-%m")


def _is_batch(batch: Body) -> bool:
    """Whether a description of a batch is complete, so that its records can be read."""
    texts = all(isinstance(batch.get(name), str) for name in BATCH_NAMES)
    return texts and batch["endSequenceNumber"].isdecimal()


def _function_of(context: Body) -> str:
    """The name of the function in a description of an invocation, without version."""
    return str(context.get("functionArn", "")).partition(":function:")[2].partition(":")[0]


def _number(text: str) -> str:
    return text if re.fullmatch(r"[A-Z0-9-]{1,20}", text) else "?"


def _word(text: str) -> str:
    """A name or a time from a message; "?" if it is anything else, which is not for a terminal."""
    return text if re.fullmatch(r"[\w.:+-]{1,100}", text, re.ASCII) else "?"


def _fault(text: str) -> str:
    """A field and what is wrong with it, as in `/Agent/Username: too_long`; "?" if it is not."""
    return text if re.fullmatch(r"[\w/~.-]{0,200}: [a-z_]{1,40}", text, re.ASCII) else "?"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "?"))


# ------------------------------------------------------------------------------ the command


def console() -> Console:
    return Console(soft_wrap=True, highlight=False, markup=False)


def run(stack: Stack, back: Sequence[str], drop: Sequence[str], out: Console) -> int:
    """List the letters, put back and drop those that are named. Return how many did not succeed.

    `back` may be [ALL]. Raises LettersError, before anything is changed, if a name fits no letter
    or several, or if a letter cannot be put back.
    """
    letters: list[Letter] = []
    touched: set[str] = set()
    hidden = 0
    try:
        for queue in QUEUES:
            # Before this run hides messages itself.
            all_of_them = size(stack, queue)
            found = messages(stack, queue)
            letters += [letter_of(stack, one) for one in found]
            if len(found) < min(all_of_them, MOST):
                hidden += all_of_them - len(found)
                about = f"{queue.what}: about {all_of_them - len(found)} hidden"
                out.print(f"{about}, for up to {HIDDEN_S // 60} minutes", style="bold")
        if hidden:
            out.print(
                "  Another run of this command has them or was killed, or SQS counts them late."
            )
        chosen = named(letters, drop), wanted(letters, back)
        failed = 0
        for letter in chosen[0]:
            delete(stack, letter.message)
            touched.add(letter.message.id)
        for letter in chosen[1]:
            assert letter.back is not None
            try:
                letter.back()
                delete(stack, letter.message)
                touched.add(letter.message.id)
            except (NotPutBack, ClientError, BotoCoreError) as error:
                failed += 1
                why = _code(error) if isinstance(error, ClientError) else str(error)
                out.print(f"{letter.message.id[:8]}  stays: {why}", style="red")
        done = len(touched) - len(chosen[0])
        if back or drop:
            out.print(f"{done} put back, {len(chosen[0])} deleted, {failed} stay for another try")
    finally:
        for letter in letters:
            if letter.message.id not in touched:
                show_again(stack, letter.message)
    left = [letter for letter in letters if letter.message.id not in touched]
    if not left and not hidden:
        out.print("The dead-letter queues are empty.")
    show(left, out)
    return failed


def wanted(letters: Sequence[Letter], back: Sequence[str]) -> list[Letter]:
    """The letters to put back. Raises LettersError."""
    if list(back) == [ALL]:
        return [one for one in letters if one.back is not None and not one.by_name]
    chosen = named(letters, back)
    if stuck := [one.message.id[:8] for one in chosen if one.back is None]:
        raise LettersError(f"cannot be put back: {', '.join(stuck)}. DROP deletes a message")
    return chosen


def named(letters: Sequence[Letter], names: Sequence[str]) -> list[Letter]:
    """The letters whose ids begin with these names. Raises LettersError that names every fault."""
    chosen, faults = [], []
    for name in names:
        found = [one for one in letters if one.message.id.startswith(name)]
        if len(name) < LEAST_ID:
            faults.append(f"{name!r} is too short: give {LEAST_ID} characters of the id or more")
        elif len(found) != 1:
            faults.append(f"{name!r} begins {len(found)} ids of messages")
        else:
            chosen += found
    if faults:
        raise LettersError("; ".join(faults))
    return chosen


def show(letters: Sequence[Letter], out: Console) -> None:
    """Print the letters by queue."""
    for queue in QUEUES:
        mine = [letter for letter in letters if letter.message.queue is queue]
        if mine:
            more = " or more" if len(mine) >= MOST else ""
            out.print(f"{queue.what}: {len(mine)}{more}", style="bold")
        for letter in mine:
            since = letter.message.sent.strftime("%Y-%m-%d %H:%M:%S UTC")
            out.print(f"  {letter.message.id[:8]}  since {since}: {letter.what}")
            if letter.fault:
                out.print(f"            fault: {_word(letter.fault)}")
            out.print(f"            put back: {letter.then}")


def known(stack: Stack) -> Stack:
    """Return the stack. Raises LettersError if it lacks outputs that this command needs."""
    needed = {*(queue.output for queue in QUEUES), *SOURCES.values()}
    needed |= {"TableName", "TimeZone"}
    needed |= {f"{machine}MachineArn" for machine in ("Ticket", "Rehearsal", "Scores")}
    if missing := sorted(needed - stack.outputs.keys()):
        lacks = f"the stack {stack.name} lacks outputs: {', '.join(missing)}"
        raise LettersError(f"{lacks}. Deploy it again")
    return stack


def _ids(text: str) -> list[str]:
    return [one for one in re.split(r"[,\s]+", text) if one]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.letters",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stack", help="name of a stack on AWS (default: the one on this laptop)")
    parser.add_argument("--back", type=_ids, default=[], help="ids to put back; 1: all that can be")
    parser.add_argument("--drop", type=_ids, default=[], help="ids to delete")
    parser.add_argument("--directory", type=Path, default=stacks.LAPTOP, help="of the local stack")
    given = parser.parse_args()
    out = console()
    try:
        stack = known(stacks.found(given.stack, given.directory))
        return 1 if run(stack, given.back, given.drop, out) else 0
    except (LettersError, NoStack) as error:
        out.print(str(error), style="red")
    except ClientError as error:
        out.print(f"refused: {error.operation_name} {_code(error)}", style="red")
    except (BotoCoreError, OSError) as error:
        out.print(f"no answer: {type(error).__name__}", style="red")
    return 1


if __name__ == "__main__":
    sys.exit(main())
