"""The function `hotline`, from the batch of a Kinesis data stream and from the event of
EventBridge to the ticket."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from redress.base.errors import InvalidInput
from redress.connectors.cases.calls import CallCases
from redress.db import keys
from redress.tickets.rules.ticket import Event, EventType
from redress.wiring import clients
from tests import amazon_connect as connect
from tests.amazon_connect import FIRST, INSTANCE, SECOND, SEQUENCE, clock, contact
from tests.wired import TABLE, set_environment
from tests.world import Context, Stores, aws, logged_by

NOTHING: dict[str, Any] = {"batchItemFailures": []}


class Hotline:
    """The function, the queue for what it sets aside, and the tickets."""

    def __init__(self, function: Any, stores: Stores, dead: str) -> None:
        self.function, self.stores, self.dead = function, stores, dead

    def __call__(self, *documents: Any, seconds_left: int = 60) -> Any:
        event = connect.kinesis(*documents)
        return self.function.handler(event, Context(seconds_left=seconds_left))

    def numbers(self) -> list[str]:
        found = aws("dynamodb").scan(TableName=TABLE)["Items"]
        return [keys.number_of(one["pk"]["S"]) for one in found if one["sk"]["S"] == "TICKET"]

    def calls(self) -> list[Event]:
        return [
            event
            for number in self.numbers()
            for event in self.stores.tickets.history(number)
            if event.type is EventType.CALL_RECORDED
        ]

    def set_aside(self) -> list[Any]:
        found = aws("sqs").receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10)
        return [json.loads(one["Body"]) for one in found.get("Messages", [])]


@pytest.fixture
def hotline(
    stores: Stores,
    staff: Any,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> Hotline:
    dead = aws("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    set_environment(monkeypatch, CONNECT_INSTANCE_ARN=INSTANCE, DEAD_LETTER_QUEUE_URL=dead)
    return Hotline(load_function("hotline"), stores, dead)


def test_record_opens_a_ticket_and_a_repeat_changes_nothing(
    hotline: Hotline, sample: Callable[[str], Any]
) -> None:
    for _ in range(2):
        assert hotline.function.handler(sample("hotline-records"), Context()) == NOTHING
    [call] = hotline.calls()
    assert (call.data["agent"], call.data["id"]) == ("a-mei", FIRST)
    assert call.data["recording"].startswith("recordings-bucket/connect/house/CallRecordings/")


def test_event_and_record_are_one_call_in_either_order(
    hotline: Hotline, sample: Callable[[str], Any]
) -> None:
    event = sample("hotline-event")
    assert hotline.function.handler(event, Context()) == {}
    assert hotline.numbers() == []
    hotline(contact())
    hotline.function.handler(event, Context())
    assert len(hotline.calls()) == 1


def test_parts_of_a_transferred_call_come_in_one_batch(hotline: Hotline) -> None:
    first, second = connect.transferred()
    assert hotline(second, first) == NOTHING
    assert {one.data["agent"] for one in hotline.calls()} == {"a-mei", "a-jun"}
    assert len(hotline.numbers()) == 1


def test_bad_record_is_set_aside_without_its_content_and_stops_no_other(
    hotline: Hotline, sample: Callable[[str], Any]
) -> None:
    with logged_by(hotline.function) as log:
        assert hotline.function.handler(sample("hotline-poison"), Context()) == NOTHING
    assert hotline.set_aside() == [
        {
            "contact": FIRST,
            "sequence": str(SEQUENCE),
            "fault": "InvalidInput",
            "faults": ["/LastUpdateTimestamp: instant_expected"],
        }
    ]
    assert len(hotline.numbers()) == 1
    assert "yesterday" not in log.getvalue()


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[]", b'"x"', b"{}", b"null", b"[[[[", b"NaN"])
def test_what_is_no_record_is_set_aside(hotline: Hotline, data: bytes) -> None:
    assert hotline(data, contact()) == NOTHING
    assert [one["contact"] for one in hotline.set_aside()] == [""]
    assert len(hotline.numbers()) == 1


def test_record_that_is_wrong_only_as_a_call_is_set_aside_with_every_fault(
    hotline: Hotline,
) -> None:
    later = "2026-11-23T03:00:00Z"
    times = {"AfterContactWorkStartTimestamp": later, "AfterContactWorkEndTimestamp": later}
    assert hotline(contact(DisconnectTimestamp=later, Agent=times)) == NOTHING
    [aside] = hotline.set_aside()
    assert aside["faults"] == ["/ended: in_the_future", "/after_work_ended: in_the_future"]
    assert hotline.numbers() == []


def test_log_has_no_number_and_no_name(hotline: Hotline) -> None:
    with logged_by(hotline.function) as log:
        hotline(contact(Agent={"Username": "Steve.Lusk"}), connect.abandoned(ContactId=SECOND))
        hotline(contact(Channel="CHAT"), contact(ContactId="x", InitiationMethod="MONITOR"))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["message"] for line in lines] == [
        "a contact is recorded",
        "no member of staff has the agent's username",
        "a contact is recorded",
        "ignored",
        "nothing is recorded of a contact",
    ]
    assert [line.get("why") for line in lines[3:]] == [
        "it is no call",
        "it is beside the call or after it",
    ]
    assert {line["contact"] for line in lines} == {FIRST, SECOND, "x"}
    for secret in ("13800138000", "Steve", "Repairs"):
        assert secret not in log.getvalue()


def test_log_names_a_time_that_cannot_be_right(hotline: Hotline) -> None:
    early = {"AfterContactWorkEndTimestamp": connect.clock("00:57:00")}
    with logged_by(hotline.function) as log:
        hotline(contact(Agent=early))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    [line] = [one for one in lines if one["level"] == "WARNING"]
    assert (line["contact"], line["times"]) == (FIRST, ["after_work_ended"])
    assert line["message"] == "times that cannot be right are not recorded"


def test_record_is_delivered_again_while_the_table_refuses(
    hotline: Hotline, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = CallCases.take

    def refuse(cases: CallCases, machine: Any, body: Any, *rest: Any) -> Any:
        if body["call"] == FIRST:
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "TransactWriteItems")
        return original(cases, machine, body, *rest)

    documents = [connect.abandoned(ContactId=SECOND), contact(), contact(ContactId="third")]
    with monkeypatch.context() as patch:
        patch.setattr(CallCases, "take", refuse)
        answer = hotline(*documents)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(SEQUENCE + 1)}]}
    assert {one.data["id"] for one in hotline.calls()} == {SECOND, "third"}
    assert hotline(*documents[1:]) == NOTHING
    assert sorted(one.data["id"] for one in hotline.calls()) == sorted([FIRST, SECOND, "third"])
    assert hotline.set_aside() == []


def test_record_that_cannot_be_set_aside_is_delivered_again(
    hotline: Hotline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "SendMessage")

    monkeypatch.setattr(clients.client("sqs", retries=0), "send_message", refuse)
    answer = hotline(b"{", contact())
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(SEQUENCE)}]}
    assert len(hotline.numbers()) == 1


def test_batch_ends_in_time_and_the_rest_is_delivered_again(hotline: Hotline) -> None:
    answer = hotline(contact(), contact(ContactId=SECOND), seconds_left=19)
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(SEQUENCE + 1)}]}
    assert len(hotline.numbers()) == 1


def test_event_that_is_wrong_fails_the_call_so_that_lambda_sets_it_aside(hotline: Hotline) -> None:
    event = connect.event("QUEUED", "00:54:20")
    event["detail"]["contactId"] = ["x"]
    with logged_by(hotline.function) as log, pytest.raises(InvalidInput):
        hotline.function.handler(event, Context())
    assert "/contactId: text_expected" in log.getvalue()


def test_record_of_another_instance_is_ignored(hotline: Hotline) -> None:
    assert hotline(contact(InstanceARN=INSTANCE.replace("12345678-", "87654321-"))) == NOTHING
    assert (hotline.numbers(), hotline.set_aside()) == ([], [])


def test_late_record_says_when_the_call_was(hotline: Hotline) -> None:
    hotline(connect.abandoned(LastUpdateTimestamp=clock("00:59:00")))
    [call] = hotline.calls()
    assert call.data["seconds"] == {"menu": 20.0, "queue": 200.0}


def test_warm_up_takes_nothing(hotline: Hotline) -> None:
    assert hotline.function.handler({"warm": True}, Context()) == {"warm": True}
