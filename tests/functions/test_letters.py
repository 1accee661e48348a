"""The command that lists dead letters in words and puts them back, with the real stream readers."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from local import letters
from local.letters import ALL, QUEUES, LettersError, known
from local.operations.stacks import NoStack, Stack, described, on_laptop
from redress.db import keys
from redress.staff.rules.availability import Presence
from redress.workflow.cases import follower
from tests.builders import NUMBER, ROOT, Clock, Life
from tests.functions.conftest import MEMBERS
from tests.streams import Stream
from tests.wired import ACCOUNT, REGION, TABLE, set_environment
from tests.world import Context, Stores, aws, create_idle_machine

Body = dict[str, Any]
SIGNALS, EVENTS, CALLS, MAIL, INBOUND, SEARCH = (queue.output for queue in QUEUES)
TICKETS, REHEARSALS, SCORES = (
    f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-{name}"
    for name in ("ticket", "rehearsal", "scores")
)


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:redress-{name}:$LATEST"


class Functions:
    """Lambda. Stream readers run for real; calls of other functions are recorded."""

    def __init__(self, load: Callable[[str], ModuleType], context: Context) -> None:
        self._load, self._context = load, context
        self.called: list[tuple[str, Any]] = []
        self.fault: Exception | None = None
        self.failing = False

    def invoke(self, FunctionName: str, Payload: bytes, InvocationType: str = "") -> Body:
        assert FunctionName.endswith(":live"), "the alias, which every caller names"
        name = FunctionName.removeprefix("redress-").removesuffix(":live")
        event = json.loads(Payload)
        if self.fault:
            raise self.fault
        if self.failing:
            said = json.dumps({"errorType": "Runtime.ExitError"}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(said)}
        self.called.append((name, event))
        if name in ("relay", "follower"):
            assert InvocationType == "", "whether it succeeded must be known"
            answer = self._load(name).handler(event, self._context)
            return {"Payload": io.BytesIO(json.dumps(answer).encode())}
        assert InvocationType == "Event", "Lambda repeats it and sets it aside again"
        return {"Payload": io.BytesIO(b"")}


@dataclass
class Client:
    """A client that records the operations that were called: {"sqs:receive_message"}."""

    service: str
    real: Any
    used: set[str]

    @property
    def exceptions(self) -> Any:
        return self.real.exceptions

    def __getattr__(self, operation: str) -> Any:
        self.used.add(f"{self.service}:{operation}")
        return getattr(self.real, operation)


@dataclass
class Office:
    """The stack's dead-letter queues, and the command."""

    functions: Functions
    stack: Stack = field(init=False)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        urls = {
            name: aws("sqs").create_queue(QueueName=name)["QueueUrl"]
            for name in (SIGNALS, EVENTS, CALLS, MAIL, INBOUND, SEARCH)
        }
        for name in ("MailQueueUrl", "InboundQueueUrl", "SearchQueueUrl"):
            urls[name] = aws("sqs").create_queue(QueueName=name)["QueueUrl"]
        outputs = {
            "TableName": TABLE,
            "TicketMachineArn": TICKETS,
            "RehearsalMachineArn": REHEARSALS,
            "ScoresMachineArn": SCORES,
            "TimeZone": "Asia/Shanghai",
        }
        clients = {
            name: Client(name, self.functions if name == "lambda" else aws(name), self.used)
            for name in ("sqs", "dynamodb", "dynamodbstreams", "lambda", "stepfunctions")
        }
        self.stack = Stack("redress", urls | outputs, clients.__getitem__)

    def url(self, output: str) -> str:
        return self.stack.outputs[output]

    def put(self, output: str, body: Any, fault: str = "") -> str:
        """Set a message aside. Returns the part of its id that names it."""
        attributes = {"fault": {"DataType": "String", "StringValue": fault}} if fault else {}
        text = body if isinstance(body, str) else json.dumps(body)
        sent = aws("sqs").send_message(
            QueueUrl=self.url(output), MessageBody=text, MessageAttributes=attributes
        )
        return str(sent["MessageId"][:8])

    def left(self, output: str) -> list[str]:
        """The visible messages of a queue."""
        found = aws("sqs").receive_message(
            QueueUrl=self.url(output), MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [message["Body"] for message in found.get("Messages", [])]

    def name_of(self, output: str) -> str:
        """The part of the id of the queue's only message that names it."""
        [message] = aws("sqs").receive_message(
            QueueUrl=self.url(output), MaxNumberOfMessages=10, VisibilityTimeout=0
        )["Messages"]
        return str(message["MessageId"][:8])

    def run(self, back: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> tuple[int, str]:
        """The command's exit code and output."""
        out = io.StringIO()
        console = Console(file=out, soft_wrap=True, highlight=False, markup=False)
        return letters.run(self.stack, back, drop, console), out.getvalue()


@pytest.fixture
def office(
    table: str,
    context: Context,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> Office:
    monkeypatch.setattr(letters, "WAIT_S", 0)
    monkeypatch.setattr(follower, "ACKNOWLEDGE_AFTER_S", 0)
    made = Office(Functions(load_function, context))
    set_environment(
        monkeypatch,
        TICKET_MACHINE_ARN=TICKETS,
        MAIL_QUEUE_URL=made.url("MailQueueUrl"),
        DEAD_LETTER_QUEUE_URL=made.url(EVENTS),
    )
    for name in ("redress-ticket", "redress-scores"):
        create_idle_machine(name)
    return made


@pytest.fixture
def opened(office: Office, stores: Stores, clock: Clock) -> Life:
    life = Life(clock).open()
    stores.tickets.open(life.last, life.last.after.created_at)
    return life


def record_letter(sk: str, pk: str = f"TICKET#{NUMBER}", fault: str = "KeyError") -> Body:
    return {"keys": {"pk": {"S": pk}, "sk": {"S": sk}}, "sequence": "111", "fault": fault}


def call_letter(function: str, payload: Body) -> Body:
    return {
        "version": "1.0",
        "timestamp": "2026-11-23T01:00:00.000Z",
        "requestContext": {
            "requestId": "5f0e3a52",
            "functionArn": function_arn(function),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "secret words", "errorType": "Failed"},
    }


def batch_letter(reader: str, records: list[Body]) -> Body:
    described_table = aws("dynamodb").describe_table(TableName=TABLE)["Table"]
    stream = described_table["LatestStreamArn"]
    shards = aws("dynamodbstreams").describe_stream(StreamArn=stream)["StreamDescription"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return {
        "requestContext": {
            "requestId": "5f0e3a52",
            "functionArn": function_arn(reader),
            "condition": "MaxRecordAgeExceeded",
            "approximateInvokeCount": 1400,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "version": "1.0",
        "timestamp": "2026-11-24T00:00:00.000Z",
        "DDBStreamBatchInfo": {
            "shardId": shards["Shards"][0]["ShardId"],
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "approximateArrivalOfFirstRecord": "2026-11-23T01:00:00Z",
            "approximateArrivalOfLastRecord": "2026-11-23T01:00:09Z",
            "batchSize": len(numbers),
            "streamArn": stream,
        },
    }


def started(machine: str) -> dict[str, Any]:
    """The input of each execution, by its name."""
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{machine}"
    found = aws("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    return {
        one["name"]: json.loads(
            aws("stepfunctions").describe_execution(executionArn=one["executionArn"])["input"]
        )
        for one in found
    }


# ------------------------------------------------------------------------------ records


def test_empty_queues_say_so(office: Office) -> None:
    assert office.run() == (0, "The dead-letter queues are empty.\n")


@pytest.mark.parametrize("queue", [SIGNALS, CALLS], ids=["its queue", "the version before"])
def test_signal_is_sent_again(office: Office, opened: Life, queue: str) -> None:
    office.put(queue, record_letter(keys.TIMER))
    code, said = office.run()
    assert code == 0
    assert f"a signal to the workflow of ticket {NUMBER}" in said
    assert "fault: KeyError" in said
    assert started("redress-ticket") == {}, "a list changes nothing"
    assert len(office.left(queue)) == 1, "the message is visible again"
    assert office.run((ALL,))[0] == 0
    assert list(started("redress-ticket")) == [f"{NUMBER}-1"]
    assert office.left(queue) == []


@pytest.mark.parametrize("queue", [EVENTS, CALLS], ids=["its queue", "the version before"])
def test_messages_after_an_event_are_sent_again(office: Office, opened: Life, queue: str) -> None:
    office.put(queue, record_letter("EVENT#000001"))
    assert f"what follows from event 1 of ticket {NUMBER}" in office.run()[1]
    office.run((ALL,))
    [job] = office.left("MailQueueUrl")
    assert json.loads(job)["template"] == "acknowledgement"
    assert office.left(queue) == []


def test_freed_room_of_an_agent_drains_the_queue(
    office: Office, stores: Stores, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.staff.record(MEMBERS["mei"], Presence.AVAILABLE, clock.now())
    requests: list[Any] = []
    monkeypatch.setattr(
        follower.FollowerCase, "_request", lambda self, request: requests.append(request)
    )
    office.put(EVENTS, record_letter(keys.AVAILABILITY, keys.agent_pk("a-mei")))
    assert office.run((ALL,))[0] == 0
    assert [request.team for request in requests] == ["complaints"]


def test_record_whose_item_is_gone_is_done(office: Office) -> None:
    office.put(EVENTS, record_letter("EVENT#000001"))
    assert office.run((ALL,))[0] == 0
    assert office.functions.called == []
    assert office.left(EVENTS) == []


def test_record_that_fails_again_is_a_letter_again(office: Office, opened: Life) -> None:
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(NUMBER)}, "sk": {"S": "EVENT#000001"}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": "no JSON"}},
    )
    name = office.put(EVENTS, record_letter("EVENT#000001"))
    office.run((ALL,))
    [letter] = office.left(EVENTS)
    assert json.loads(letter)["keys"] == record_letter("EVENT#000001")["keys"]
    assert name not in office.run()[1], "the new letter has an id of its own"


# ------------------------------------------------------------------------------ calls

CONTACT = "11111111-1111-1111-1111-111111111111"
CONTACT_EVENT = {
    "source": "aws.connect",
    "detail-type": "Amazon Connect Contact Event",
    "detail": {"contactId": CONTACT, "eventType": "QUEUED"},
}
GIVEN_UP = {
    "requestContext": {"functionArn": function_arn("hotline"), "condition": "RecordAgeExceeded"},
    "KinesisBatchInfo": {
        "shardId": "shardId-000000000006",
        "batchSize": 3,
        "approximateArrivalOfFirstRecord": "2026-11-23T01:00:00.000Z",
        "streamArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/contact-records",
    },
}


@pytest.mark.parametrize(
    ("letter", "said"),
    [
        (
            {
                "contact": CONTACT,
                "sequence": "1",
                "fault": "InvalidInput",
                "faults": ["/hold_s: too_long", "\u001b[31m"],
            },
            [f"the record of the contact {CONTACT}", "(/hold_s: too_long, ?)", "InvalidInput"],
        ),
        ({"contact": "", "sequence": "1", "fault": "ValueError"}, ["of the contact ? of Amazon"]),
        (GIVEN_UP, ["3 contact records of Amazon Connect since 2026-11-23T01:00:00.000Z"]),
    ],
)
def test_contact_record_is_sent_again_by_amazon_connect_alone(
    office: Office, letter: Body, said: list[str]
) -> None:
    office.put(CALLS, letter)
    told = office.run(())[1]
    assert [one for one in (*said, "let Amazon Connect send it again") if one not in told] == []
    office.run((ALL,))
    assert office.functions.called == []
    assert len(office.left(CALLS)) == 1


@pytest.mark.parametrize("delivered", [True, False])
def test_contact_event_is_passed_to_the_hotline_again(office: Office, delivered: bool) -> None:
    context = {"functionArn": function_arn("hotline"), "condition": "RetriesExhausted"}
    call = {"requestContext": context, "requestPayload": CONTACT_EVENT}
    office.put(CALLS, call if delivered else CONTACT_EVENT)
    assert f"an event of the contact {CONTACT} of Amazon Connect" in office.run(())[1]
    office.run((ALL,))
    assert office.functions.called == [("hotline", CONTACT_EVENT)]
    assert office.left(CALLS) == []


# ------------------------------------------------------------------------------ files

FILE = "9f86d081884c7d65"


def created(key: str) -> Body:
    """An event of S3, as EventBridge passes it on."""
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "redress-files"}, "object": {"key": key, "size": 5}},
    }


UPLOAD, COPY = created(f"uploads/{NUMBER}/{FILE}"), created(f"files/{NUMBER}/{FILE}")
OF_GUARDDUTY = {
    "source": "aws.guardduty",
    "detail-type": "GuardDuty Malware Protection Object Scan Result",
    "detail": {"s3ObjectDetails": {"objectKey": f"files/{NUMBER}/{FILE}"}},
}
VERDICT = {"responsePayload": {"judged": NUMBER, "file": FILE, "verdict": "clean"}}


@pytest.mark.parametrize(
    ("function", "payload", "what"),
    [
        ("checker", UPLOAD, f"an upload to ticket {NUMBER}"),
        ("scanner", COPY, f"the scan of a file of ticket {NUMBER}"),
        ("checker", OF_GUARDDUTY, f"GuardDuty's verdict on a file of ticket {NUMBER}"),
        ("checker", VERDICT, f"the scanner's verdict on a file of ticket {NUMBER}"),
        (
            "checker",
            {"refer": NUMBER, "files": [FILE]},
            f"the files of a message of ticket {NUMBER}",
        ),
        ("checker", {"held": NUMBER, "file": FILE}, f"a verdict on a file of ticket {NUMBER}"),
    ],
    ids=["upload", "scan", "guardduty", "verdict", "refer", "held"],
)
def test_call_about_a_file_is_told_in_words_and_made_again(
    office: Office, function: str, payload: Body, what: str
) -> None:
    office.put(CALLS, call_letter(function, payload))
    said = office.run()[1]
    assert what in said
    assert FILE not in said, "the id of a file says nothing to the reader"
    assert office.run((ALL,))[0] == 0
    assert office.functions.called == [(function, payload)]
    assert office.left(CALLS) == []


@pytest.mark.parametrize(
    ("function", "event"), [("checker", UPLOAD), ("scanner", COPY), ("checker", OF_GUARDDUTY)]
)
def test_event_about_a_file_that_eventbridge_could_not_deliver_is_delivered(
    office: Office, function: str, event: Body
) -> None:
    office.put(CALLS, event)
    assert office.run((ALL,))[0] == 0
    assert office.functions.called == [(function, event)]


def test_event_about_an_object_that_is_no_file_is_not_put_back(office: Office) -> None:
    office.put(CALLS, created("uploads/../secret"))
    assert "of no known kind" in office.run()[1]
    office.run((ALL,))
    assert office.functions.called == []


# ------------------------------------------------------------------------------ batches


def test_batch_is_read_from_the_stream_and_passed_to_its_reader(
    office: Office, opened: Life
) -> None:
    records = Stream(TABLE, REGION, readers=()).records()
    office.put(EVENTS, batch_letter("follower", records))
    said = office.run()[1]
    assert f"{len(records)} stream records since 2026-11-23T01:00:00Z, which follower gave" in said
    assert office.run((ALL,))[0] == 0
    assert [name for name, _ in office.functions.called] == ["follower"]
    passed = [
        one["dynamodb"]["Keys"]["sk"]["S"] for one in office.functions.called[0][1]["Records"]
    ]
    assert passed == [keys.TICKET, keys.TIMER, keys.event_sk(1)], (
        "the records that a reader may follow"
    )
    assert len(office.left("MailQueueUrl")) == 1
    assert office.left(EVENTS) == []


def test_batch_that_the_relay_of_the_version_before_gave_up_goes_to_both_readers(
    office: Office, opened: Life
) -> None:
    office.put(CALLS, batch_letter("relay", Stream(TABLE, REGION, readers=()).records()))
    assert office.run((ALL,))[0] == 0
    assert [name for name, _ in office.functions.called] == ["relay", "follower"]
    assert list(started("redress-ticket")) == [f"{NUMBER}-1"]
    assert len(office.left("MailQueueUrl")) == 1


def test_batch_ends_with_its_last_record(office: Office, opened: Life) -> None:
    records = Stream(TABLE, REGION, readers=()).records()
    last = [one["dynamodb"]["Keys"]["sk"]["S"] for one in records].index(keys.TIMER)
    office.put(SIGNALS, batch_letter("relay", records[: last + 1]))
    office.run((ALL,))
    [(_, event)] = office.functions.called
    passed = [one["dynamodb"]["Keys"]["sk"]["S"] for one in event["Records"]]
    assert passed == [keys.TICKET, keys.TIMER]


def test_empty_page_of_a_shard_is_not_its_end(
    office: Office, opened: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB may return a page without records, although more records follow."""
    office.put(EVENTS, batch_letter("follower", Stream(TABLE, REGION, readers=()).records()))
    streams, real, pages = aws("dynamodbstreams"), aws("dynamodbstreams").get_records, iter("ab")

    def get_records(**given: Any) -> Any:
        if next(pages, None):
            return {"Records": [], "NextShardIterator": given["ShardIterator"]}
        return real(**given)

    monkeypatch.setattr(streams, "get_records", get_records)
    assert office.run((ALL,))[0] == 0
    assert len(office.left("MailQueueUrl")) == 1


def test_batch_whose_last_record_does_not_come_stays(
    office: Office, opened: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.put(EVENTS, batch_letter("follower", Stream(TABLE, REGION, readers=()).records()))
    monkeypatch.setattr(aws("dynamodbstreams"), "get_records", lambda **given: {"Records": []})
    code, said = office.run((ALL,))
    assert code == 1
    assert "stays: the stream did not return the last record of the batch" in said
    assert office.functions.called == []
    assert len(office.left(EVENTS)) == 1


@pytest.mark.parametrize(
    ("queue", "reader", "task"), [(SIGNALS, "relay", "sweep"), (EVENTS, "follower", "reconcile")]
)
def test_batch_that_left_the_stream_starts_the_sweep_or_the_reconciliation(
    office: Office,
    opened: Life,
    monkeypatch: pytest.MonkeyPatch,
    queue: str,
    reader: str,
    task: str,
) -> None:
    streams = aws("dynamodbstreams")
    office.put(queue, batch_letter(reader, Stream(TABLE, REGION, readers=()).records()))

    def trimmed(**parameters: Any) -> Any:
        raise streams.exceptions.TrimmedDataAccessException({"Error": {}}, "GetRecords")

    monkeypatch.setattr(streams, "get_records", trimmed)
    assert f"if the stream has them no more, repair runs {task}" in office.run()[1]
    assert office.run((ALL,))[0] == 0
    assert office.functions.called == [("repair", {"task": task})]
    assert office.left(queue) == []


# ------------------------------------------------------------------------------ calls, schedules


CALLED = [
    ("assigner", {"ticket": NUMBER}, f"the request to find an agent for ticket {NUMBER}"),
    ("assigner", {"team": "complaints"}, "offer the queue of the team complaints"),
    ("repair", {"task": "reconcile"}, "the task reconcile"),
    (
        "repair",
        {
            "detail-type": "x",
            "detail": {"stateMachineArn": TICKETS, "name": f"{NUMBER}-1", "status": "FAILED"},
        },
        f"the end of the execution {NUMBER}-1 (FAILED)",
    ),
]


@pytest.mark.parametrize(("function", "payload", "words"), CALLED)
def test_asynchronous_call_is_made_again(
    office: Office, function: str, payload: Body, words: str
) -> None:
    office.put(CALLS, call_letter(function, payload))
    said = office.run()[1]
    assert words in said
    assert f"a call of redress-{function}" in said
    assert "fault: Failed" in said
    assert "secret words" not in said
    assert office.run((ALL,))[0] == 0
    assert office.functions.called == [(function, payload)]
    assert office.left(CALLS) == []


def test_end_of_an_execution_is_reported_to_repair(
    office: Office, sample: Callable[[str], Body]
) -> None:
    event = sample("repair-execution-ended")
    office.put(CALLS, event)
    assert f"the end of the execution {NUMBER}-1 (ABORTED)" in office.run()[1]
    assert office.run((ALL,))[0] == 0
    assert office.functions.called == [("repair", event)]


@pytest.mark.parametrize(
    ("name", "what", "effect"),
    [
        (
            "repair-execution-ended",
            f"the end of the execution {NUMBER}-1 (ABORTED)",
            "the next generation starts, unless it did so already",
        ),
        (
            "repair-rehearsal-ended",
            "the end of the rehearsal or move 5f0e3a528f3c4c43 (ABORTED)",
            "it marks the job as failed, unless the job is over",
        ),
        (
            "repair-scoring-ended",
            "the end of the scoring run 9d4a2f6e-7a51-4b0e-9c55-0c1d7f3b9d10 (FAILED)",
            "it starts the run again, unless this was the last repeat, and mails operations",
        ),
    ],
)
def test_end_of_an_execution_says_what_its_machine_makes_of_it(
    office: Office, sample: Callable[[str], Body], name: str, what: str, effect: str
) -> None:
    office.put(CALLS, sample(name))
    said = office.run()[1]
    assert f": {what}\n" in said
    assert f"put back: calls repair with it: {effect}" in said
    office.run((), (office.name_of(CALLS),))
    office.put(CALLS, call_letter("repair", sample(name)))
    said = office.run()[1]
    assert f": {what}, a call of redress-repair\n" in said
    assert f"put back: calls the function again, asynchronously: {effect}" in said


def test_end_of_an_execution_of_an_unknown_machine_promises_nothing(
    office: Office, sample: Callable[[str], Body]
) -> None:
    event = sample("repair-execution-ended")
    event["detail"].pop("stateMachineArn")
    office.put(CALLS, event)
    said = office.run()[1]
    assert "of no known kind" in said
    assert "next generation" not in said


@pytest.mark.parametrize(
    ("sent", "month"),
    [
        (datetime(2026, 11, 30, 22, 0, tzinfo=UTC), "2026-11"),  # 1 December in Shanghai
        (datetime(2026, 12, 2, 21, 59, tzinfo=UTC), "2026-11"),
        (datetime(2026, 12, 31, 22, 0, tzinfo=UTC), "2026-12"),
    ],
)
def test_scoring_is_started_for_the_month_before_the_message(
    office: Office, sent: datetime, month: str
) -> None:
    queue = next(one for one in QUEUES if one.output == CALLS)
    message = letters.Message(queue, "an-id", "a receipt", sent, '{"period": "previous"}', "")
    letter = letters.letter_of(office.stack, message)
    assert letter.then == f"starts the scoring of {month}"
    for _ in range(2):
        assert letter.back is not None
        letter.back()
    assert started("redress-scores") == {"letter-an-id": {"period": month}}


@pytest.mark.parametrize(
    ("task", "function"), [("reconcile", "repair"), ("review_plan", "planreview")]
)
def test_scheduled_task_is_called(office: Office, task: str, function: str) -> None:
    office.put(CALLS, {"task": task})
    assert f"the scheduled task {task}" in office.run()[1]
    office.run((ALL,))
    assert office.functions.called == [(function, {"task": task})]


# ------------------------------------------------- messages of the two mail queues

JOB = {"number": NUMBER, "event": 4, "template": "reply", "audience": "customer"}


def test_mail_returns_to_its_queue(office: Office) -> None:
    office.put(MAIL, JOB)
    office.put(MAIL, {"held": "complaints", "digest": 3})
    office.put(INBOUND, {"Records": [{"s3": {"object": {"key": "inbound/a"}}}]})
    said = office.run()[1]
    assert f"the mail reply to customer, ticket {NUMBER}, event 4" in said
    assert "the digest of held mail for the team complaints" in said
    assert "a mail that came in" in said
    assert office.run((ALL,))[0] == 0
    assert sorted(map(len, (office.left("MailQueueUrl"), office.left("InboundQueueUrl")))) == [1, 2]
    assert json.dumps(JOB) in office.left("MailQueueUrl")
    assert office.left(MAIL) == office.left(INBOUND) == []


def test_ticket_that_was_not_indexed_returns_to_the_search_queue(office: Office) -> None:
    office.put(SEARCH, {"number": NUMBER})
    office.put(SEARCH, {"month": "2026-01", "shard": 0, "cursor": ""})
    office.put(SEARCH, {"other": 1})
    said = office.run()[1]
    assert f"the request to index ticket {NUMBER}" in said
    assert "the request to index the tickets since 2026-01" in said
    office.run((ALL,))
    assert len(office.left("SearchQueueUrl")) == 2
    assert [json.loads(one) for one in office.left(SEARCH)] == [{"other": 1}]


def test_mail_with_a_fault_is_put_back_only_if_it_is_named(office: Office) -> None:
    named = office.put(MAIL, JOB, fault="NotAJob")
    code, said = office.run((ALL,))
    assert code == 0
    assert "fault: NotAJob" in said
    assert "0 put back" in said
    assert office.left("MailQueueUrl") == []
    assert office.run((named,))[0] == 0
    assert office.left("MailQueueUrl") == [json.dumps(JOB)]


# ------------------------------------------------------------------------------ faults


def test_message_of_no_known_kind_is_not_shown_and_only_dropped(office: Office) -> None:
    names = [office.put(EVENTS, body) for body in ("Dear Sir", "[1]", {"keys": None, "fault": "x"})]
    office.put(CALLS, record_letter("TICKET", "SOMETHING"))
    office.put(CALLS, {"requestContext": {}, "requestPayload": {"ticket": NUMBER}})
    office.put(CALLS, {"requestContext": {}, "DDBStreamBatchInfo": {"shardId": "a"}})
    said = office.run((ALL,))[1]
    assert "Dear" not in said
    assert said.count("of no known kind") == 6
    with pytest.raises(LettersError, match=f"cannot be put back: {names[0]}"):
        office.run((names[0],))
    assert len(office.left(EVENTS)) == 3
    assert office.run((), (names[0],))[0] == 0
    assert "Dear Sir" not in office.left(EVENTS)
    assert len(office.left(EVENTS)) == 2


@pytest.mark.parametrize(
    "body",
    [
        "null",
        record_letter("TIMER") | {"keys": {"pk": {"S": "TICKET"}, "sk": {"S": 5}}},
        record_letter("TIMER") | {"keys": {"pk": {"S": 5}, "sk": {"S": "TIMER"}}},
        {"requestContext": {"functionArn": 5}, "requestPayload": {}},
        {"detail-type": "Step Functions Execution Status Change", "detail": {"name": []}},
        {"period": "previous", "task": None, "keys": [[]], "fault": "x"},
        {
            "DDBStreamBatchInfo": dict.fromkeys(letters.BATCH_NAMES),
            "requestContext": {"functionArn": "arn:aws:lambda:x:1:function:redress-relay"},
        },
    ],
)
def test_message_of_another_shape_does_not_end_the_command(
    office: Office, opened: Life, body: Body
) -> None:
    office.put(CALLS, body)
    office.put(SIGNALS, record_letter(keys.TIMER))
    said = office.run((ALL,))[1]
    assert "no known kind" in said or "which relay gave up" in said or "failed" in said, said
    assert "1 put back" in said
    assert list(started("redress-ticket")) == [f"{NUMBER}-1"]
    assert len(office.left(CALLS)) == 1, "it is visible again"


def test_queue_that_cannot_be_read_hides_no_message_of_another(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.put(SIGNALS, record_letter(keys.TIMER))
    monkeypatch.setitem(office.stack.outputs, INBOUND, office.url(INBOUND) + "-gone")
    with pytest.raises(ClientError):
        office.run()
    assert len(office.left(SIGNALS)) == 1


def test_hidden_messages_are_counted_and_the_queues_are_not_called_empty(office: Office) -> None:
    office.put(CALLS, {"task": "reconcile"})
    office.put(MAIL, JOB)
    calls = next(one for one in QUEUES if one.output == CALLS)
    [hidden] = letters.messages(office.stack, calls)
    said = office.run()[1]
    assert "calls: asynchronous ones, ends of executions, schedules: about 1 hidden" in said
    assert "for up to 5 minutes" in said
    assert "the mail reply to customer" in said
    code, said = office.run((ALL,))
    assert code == 0
    assert "1 put back, 0 deleted, 0 stay" in said
    assert "empty" not in said
    letters.show_again(office.stack, hidden)
    said = office.run()[1]
    assert "hidden" not in said
    assert "the scheduled task reconcile" in said


def test_every_wrong_name_is_reported_and_nothing_is_changed(office: Office, opened: Life) -> None:
    good = office.put(SIGNALS, record_letter(keys.TIMER))
    with pytest.raises(LettersError) as caught:
        office.run((good, "abc", "0123456789"))
    assert "'abc' is too short" in str(caught.value)
    assert "'0123456789' begins 0 ids of messages" in str(caught.value)
    assert office.functions.called == []
    assert len(office.left(SIGNALS)) == 1, "it is visible again"


def test_message_stays_if_its_service_refuses_and_the_others_are_put_back(
    office: Office, opened: Life
) -> None:
    office.functions.fault = ClientError({"Error": {"Code": "ServiceException"}}, "Invoke")
    office.put(SIGNALS, record_letter(keys.TIMER))
    office.put(MAIL, JOB)
    code, said = office.run((ALL,))
    assert code == 1
    assert "stays: ServiceException" in said
    assert "1 put back, 0 deleted, 1 stay" in said
    assert len(office.left(SIGNALS)) == 1
    assert len(office.left("MailQueueUrl")) == 1


def test_message_stays_if_its_function_fails(office: Office, opened: Life) -> None:
    office.functions.failing = True
    office.put(SIGNALS, record_letter(keys.TIMER))
    assert "stays: redress-relay failed: Runtime.ExitError" in office.run((ALL,))[1]
    assert len(office.left(SIGNALS)) == 1


def test_message_stays_if_a_service_still_refuses_the_reader(
    office: Office, opened: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessageBatch")

    def refused(self: Any, queue_url: str, part: Any) -> list[tuple[Any, Exception]]:
        return [(change, refusal) for change, _ in part]

    monkeypatch.setattr(follower.FollowerCase, "_refused", refused)
    office.put(EVENTS, record_letter("EVENT#000001"))
    code, said = office.run((ALL,))
    assert code == 1
    assert "a service still refuses what redress-follower sends" in said
    assert len(office.left(EVENTS)) == 1


def test_letters_are_listed_by_queue_with_the_time(office: Office) -> None:
    office.put(MAIL, JOB)
    office.put(CALLS, {"task": "reconcile"})
    said = office.run()[1]
    assert said.index("calls: asynchronous ones, ends of executions, schedules: 1") < said.index(
        "outgoing mail: 1"
    )
    assert f"since {datetime.now(UTC):%Y-%m-%d}" in said


def test_command_needs_exactly_the_permissions_that_the_runbook_lists(
    office: Office, opened: Life
) -> None:
    records = Stream(TABLE, REGION, readers=()).records()
    for queue, body in (
        (SIGNALS, record_letter(keys.TIMER)),
        (EVENTS, batch_letter("follower", records)),
        (CALLS, call_letter("assigner", {"ticket": NUMBER})),
        (CALLS, {"period": "2026-11"}),
        (MAIL, JOB),
    ):
        office.put(queue, body)
    assert office.run((ALL,))[0] == 0
    office.put(MAIL, JOB)
    office.run()
    prefixes = {"stepfunctions": "states", "dynamodbstreams": "dynamodb"}
    names = {"invoke": "InvokeFunction"}
    called = {
        f"{prefixes.get(service, service)}:"
        + names.get(operation, "".join(word.capitalize() for word in operation.split("_")))
        for service, _, operation in (one.partition(":") for one in office.used)
    }
    text = (ROOT / "docs/runbooks/dead-letters.md").read_text()
    listed = set(re.findall(r"`([a-z]+:[A-Z]\w+)`", text.partition("What the operator needs")[2]))
    assert listed == called | {"cloudformation:DescribeStacks"}


# ------------------------------------------------------------------------------ the stack


def test_stack_is_found_by_its_outputs(office: Office) -> None:
    outputs = {name: {"Value": value} for name, value in office.stack.outputs.items()}
    topic = {"Topic": {"Type": "AWS::SNS::Topic"}}
    template = json.dumps({"Resources": topic, "Outputs": outputs})
    aws("cloudformation").create_stack(StackName="mine", TemplateBody=template)
    found = described("mine", aws)
    assert (found.outputs, found.function("relay")) == (office.stack.outputs, "mine-relay")
    outputs.pop("TimeZone")
    template = json.dumps({"Resources": topic, "Outputs": outputs})
    aws("cloudformation").create_stack(StackName="older", TemplateBody=template)
    with pytest.raises(LettersError, match="lacks outputs: TimeZone"):
        known(described("older", aws))


def test_laptop_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NoStack, match="make up"):
        on_laptop(tmp_path)


def test_queues_of_the_command_are_the_dead_letter_queues_of_the_template() -> None:
    from local.template import template

    outputs = {name for name in template()["Outputs"] if "DeadLetter" in name}
    assert outputs == {queue.output for queue in QUEUES}


def test_schedules_set_aside_what_they_could_not_start() -> None:
    """Sweep and upkeep need no letter: the next runs within five minutes and does the same."""
    from local.template import template

    schedules = {
        name: one["Properties"]["Target"]
        for name, one in template()["Resources"].items()
        if one["Type"] == "AWS::Scheduler::Schedule"
    }
    without = {name for name, target in schedules.items() if "DeadLetterConfig" not in target}
    assert without == {"SweepSchedule", "UpkeepSchedule"}
