"""What a stream record reports, and how a reader answers for a batch of records."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from redress.base.errors import Unavailable
from redress.db import encoding, keys, retry
from redress.tickets.rules.feed import Change
from redress.tickets.store import items
from redress.workflow.stream import (
    AFTER_TABLE_S,
    ASIDE_S,
    LAST_CALL_S,
    CapacityFreed,
    EventAdded,
    NotTried,
    StreamReader,
    TicketChanged,
    TimerChanged,
    stream_change_of,
)
from tests.builders import MEI, NUMBER, START, Life
from tests.workflow.services import Service


def record(
    name: str, new: encoding.Item | None, old: encoding.Item | None = None
) -> dict[str, Any]:
    """A record as the stream delivers it, from items in plain values."""
    some = new or old
    assert some is not None
    change: dict[str, Any] = {
        "Keys": encoding.item_to_dynamodb({"pk": some["pk"], "sk": some["sk"]}),
        "SequenceNumber": "111",
    }
    if new is not None:
        change["NewImage"] = encoding.item_to_dynamodb(new)
    if old is not None:
        change["OldImage"] = encoding.item_to_dynamodb(old)
    return {"eventName": name, "dynamodb": change}


def timer_row(**attributes: Any) -> encoding.Item:
    row = {"pk": keys.ticket_pk(NUMBER), "sk": keys.TIMER, "gen": 1, "seq": 1}
    return row | {"phase": "first_response"} | attributes


AWAKE = {"awake": keys.awake_pk(0), "awake_since": START.isoformat()}


@pytest.mark.parametrize("name", ["INSERT", "MODIFY"])
def test_record_of_an_awake_timer_reports_a_changed_timer(name: str) -> None:
    assert stream_change_of(record(name, timer_row(**AWAKE))) == TimerChanged(NUMBER)


def test_record_of_a_timer_that_fell_asleep_reports_nothing() -> None:
    assert stream_change_of(record("MODIFY", timer_row(), timer_row(**AWAKE))) is None


def test_record_of_a_new_event_reports_the_event_with_its_document(life: Life) -> None:
    event = life.open().events[0]
    item = items.event_item(life.ticket, event, life.plan)
    change = stream_change_of(record("INSERT", item))
    assert isinstance(change, EventAdded)
    assert change.number == NUMBER
    assert items.event_of(change.doc) == event


def test_record_of_an_event_that_is_written_again_reports_nothing(life: Life) -> None:
    event = opening_item(life)
    assert stream_change_of(record("MODIFY", event, event)) is None


def opening_item(life: Life) -> encoding.Item:
    """The item of the event that opens the ticket."""
    opened = life.open().last
    return items.event_item(opened.after, opened.events[0], opened.plan)


def duty_row(load: int = 0, capacity: int = 2, present: bool = True) -> encoding.Item:
    row: encoding.Item = {
        "pk": keys.agent_pk("a-mei"),
        "sk": keys.AVAILABILITY,
        "team": "complaints",
        "load": load,
        "capacity": capacity,
    }
    return row | ({"duty_pk": keys.team_pk("complaints")} if present else {})


FREED = [
    # before, after, whether the queue may drain
    (None, duty_row(), True),
    (None, duty_row(load=2), False),
    (None, duty_row(present=False), False),
    (duty_row(present=False), duty_row(load=1), True),
    (duty_row(present=False), duty_row(load=2), False),
    (duty_row(load=2), duty_row(load=1), True),
    (duty_row(load=1), duty_row(load=0), True),
    (duty_row(load=2), duty_row(load=2, capacity=3), True),
    (duty_row(load=0), duty_row(load=1), False),
    (duty_row(load=1), duty_row(load=1), False),
    (duty_row(load=3), duty_row(load=2), False),
    (duty_row(load=1), duty_row(load=1, capacity=1), False),
    (duty_row(), duty_row(present=False), False),
]


@pytest.mark.parametrize(("before", "after", "freed"), FREED)
def test_queue_drains_when_an_agent_becomes_available_or_gets_room(
    before: encoding.Item | None, after: encoding.Item, freed: bool
) -> None:
    change = stream_change_of(record("MODIFY" if before else "INSERT", after, before))
    assert change == (CapacityFreed("complaints", MEI.id) if freed else None)


def test_records_of_other_items_and_removals_report_nothing(life: Life) -> None:
    change = life.open().last
    rows = [
        items.idempotency_item("a key", "print", "{}", change),
        {"pk": keys.ticket_pk(NUMBER), "sk": keys.mail_sk("000001.acknowledgement.customer")},
        {"pk": keys.facts_pk("a-mei", "2026-11"), "sk": keys.fact_sk(NUMBER, 1)},
        {"pk": keys.STAFF, "sk": keys.agent_pk("a-mei"), "doc": "{}"},
    ]
    assert [stream_change_of(record("INSERT", row)) for row in rows] == [None] * len(rows)
    for row in (
        *rows,
        timer_row(**AWAKE),
        items.event_item(change.after, change.events[0], change.plan),
    ):
        assert stream_change_of(record("REMOVE", None, row)) is None


def test_record_of_a_snapshot_reports_the_version_and_the_team(life: Life) -> None:
    new = items.snapshot_item(life.open().last.after)
    assert stream_change_of(record("INSERT", new)) == TicketChanged(Change(NUMBER, 1, "complaints"))
    moved = items.snapshot_item(life.reassign(None, "service").last.after)
    assert stream_change_of(record("MODIFY", moved, new)) == TicketChanged(
        Change(NUMBER, 2, "service", "complaints")
    )


def test_record_of_a_snapshot_with_the_same_version_reports_nothing(life: Life) -> None:
    row = items.snapshot_item(life.open().last.after)
    assert stream_change_of(record("MODIFY", row, row)) is None


@pytest.mark.parametrize(
    "broken",
    [
        {},
        record("INSERT", {"pk": keys.ticket_pk(NUMBER), "sk": keys.TICKET, "version": 1}),
        record("INSERT", {"pk": keys.ticket_pk(NUMBER), "sk": keys.TICKET, "doc": "{}"}),
        record(
            "INSERT", {"pk": keys.ticket_pk(NUMBER), "sk": keys.TICKET, "version": 1, "doc": "{}"}
        ),
        {"eventName": "INSERT", "dynamodb": {}},
        {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "x"}}}},
        record("INSERT", {"pk": "SOMETHING", "sk": keys.TIMER, **AWAKE}),
        record("INSERT", {"pk": "TICKET#", "sk": keys.event_sk(1), "doc": "{}"}),
        record("INSERT", {"pk": keys.ticket_pk(NUMBER), "sk": keys.event_sk(1)}),
        record("INSERT", {"pk": keys.agent_pk("a"), "sk": keys.AVAILABILITY, "duty_pk": "TEAM#x"}),
    ],
)
def test_malformed_record_raises_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        stream_change_of(broken)


# ------------------------------------------------------------------------------ reading

DEAD = "https://queue.example.com/dead"


class Following:
    """A reader of TIMERs. `faults` are raised for the tickets that they name.

    Following a change takes `each_takes` of the `seconds_left`.
    """

    def __init__(self, **faults: Exception) -> None:
        self.queue, self.followed, self.faults = Service(), list[str](), faults
        self.seconds_left, self.each_takes = 30.0, 0.0
        self.table_s, self.age = list[float](), timedelta(0)
        self.reader = StreamReader(
            "relay",
            Logger(service="test"),
            (TimerChanged,),
            self.follow,
            (self.queue, DEAD),
            lambda: self.seconds_left,
            lambda: START + self.age,
        )

    def follow(self, change: TimerChanged) -> None:
        self.followed.append(change.number)
        self.table_s.append(retry.time_left())
        self.seconds_left -= self.each_takes
        if change.number in self.faults:
            raise self.faults[change.number]

    def letters(self) -> list[Any]:
        for operation, given in self.queue.calls:
            assert (operation, given["QueueUrl"]) == ("send_message", DEAD)
        return [json.loads(given["MessageBody"]) for _, given in self.queue.calls]


def of_ticket(number: str, sequence: str) -> dict[str, Any]:
    found = record("MODIFY", {"pk": keys.ticket_pk(number), "sk": keys.TIMER, **AWAKE})
    found["dynamodb"]["SequenceNumber"] = sequence
    return found


REFUSED = ClientError({"Error": {"Code": "ThrottlingException"}}, "StartExecution")


def test_every_record_of_a_batch_is_tried_and_the_first_failed_one_is_reported() -> None:
    found = Following(b=REFUSED, c=REFUSED)
    batch = [of_ticket(name, number) for name, number in zip("abcd", "2345", strict=True)]
    assert found.reader.read(batch) == {"batchItemFailures": [{"itemIdentifier": "3"}]}
    assert found.followed == ["a", "b", "c", "d"]


def test_first_record_is_reported_even_if_its_sequence_number_is_shorter() -> None:
    """The stream continues at the lowest number that is reported. Later numbers may be longer."""
    found = Following(a=REFUSED, b=REFUSED)
    answer = found.reader.read([of_ticket("a", "999"), of_ticket("b", "1000")])
    assert answer == {"batchItemFailures": [{"itemIdentifier": "999"}]}


def test_reader_with_too_little_time_left_reports_the_first_record_that_it_did_not_try() -> None:
    found = Following()
    found.each_takes = 6
    batch = [of_ticket(name, number) for name, number in zip("abcd", "2345", strict=True)]
    assert found.reader.read(batch) == {"batchItemFailures": [{"itemIdentifier": "4"}]}
    assert found.followed == ["a", "b"]


def test_record_that_failed_before_the_time_ran_out_is_the_one_that_is_reported() -> None:
    found = Following(a=REFUSED)
    found.each_takes = 12
    answer = found.reader.read([of_ticket("a", "2"), of_ticket("b", "3")])
    assert (answer, found.followed) == ({"batchItemFailures": [{"itemIdentifier": "2"}]}, ["a"])


def test_first_record_is_tried_however_little_time_is_left() -> None:
    found = Following()
    found.seconds_left = 1
    answer = found.reader.read([of_ticket("a", "2"), of_ticket("b", "3")])
    assert (answer, found.followed) == ({"batchItemFailures": [{"itemIdentifier": "3"}]}, ["a"])


def test_calls_of_the_table_leave_time_for_the_signal() -> None:
    found = Following()
    found.reader.read([of_ticket("a", "2")])
    assert found.table_s == [pytest.approx(30 - AFTER_TABLE_S, abs=1)]


def test_records_of_the_other_reader_are_left_to_it(life: Life) -> None:
    found = Following()
    event = record("INSERT", opening_item(life))
    assert found.reader.read([event, record("INSERT", duty_row())]) == {"batchItemFailures": []}
    assert (found.followed, found.letters()) == ([], [])


def test_record_set_aside_keeps_its_keys_and_none_of_its_content(life: Life) -> None:
    found = Following()
    opened = record("INSERT", opening_item(life))
    del opened["dynamodb"]["NewImage"]["doc"]
    assert found.reader.read([opened, of_ticket("a", "112")]) == {"batchItemFailures": []}
    assert found.letters() == [
        {
            "keys": {"pk": {"S": keys.ticket_pk(NUMBER)}, "sk": {"S": "EVENT#000001"}},
            "sequence": "111",
            "fault": "KeyError",
        }
    ]
    assert found.followed == ["a"]


def test_record_without_keys_can_be_set_aside() -> None:
    found = Following()
    found.reader.read([{"dynamodb": {}}])
    assert [letter["fault"] for letter in found.letters()] == ["KeyError"]


def test_record_that_cannot_be_set_aside_is_delivered_again_and_holds_back_no_other() -> None:
    found = Following(a=ValueError("damaged"))
    found.queue.fault = REFUSED
    broken = of_ticket("c", "4")
    del broken["dynamodb"]["Keys"]
    batch = [of_ticket("a", "2"), of_ticket("b", "3"), broken, of_ticket("d", "5")]
    assert found.reader.read(batch) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert found.followed == ["a", "b", "d"]


# ------------------------------------------------------------------------------ sent together


class Collecting(Following):
    """A reader that sends what follows from a batch together. `faults` are what it returns then.

    A fault of the ticket `all` is raised instead. The delivery takes `delivery_takes` seconds.
    """

    def __init__(self, **faults: Exception) -> None:
        super().__init__()
        self.sent, self.has_time, self.delivery_takes = list[str](), list[bool](), 0.0
        self.not_sent = faults
        self.reader = StreamReader(
            "follower",
            Logger(service="test"),
            (TimerChanged,),
            self.follow,
            (self.queue, DEAD),
            lambda: self.seconds_left,
            lambda: START + self.age,
            deliver=self.deliver,
        )

    def deliver(self, has_time: Callable[[float], bool]) -> dict[TimerChanged, Exception]:
        self.has_time.append(has_time(0.0))
        self.table_s.append(retry.time_left())
        self.seconds_left -= self.delivery_takes
        self.has_time.append(has_time(0.0))
        if "all" in self.not_sent:
            raise self.not_sent["all"]
        self.sent = [number for number in self.followed if number not in self.not_sent]
        return {TimerChanged(number): fault for number, fault in self.not_sent.items()}


BATCH = [of_ticket(name, number) for name, number in zip("abcd", "2345", strict=True)]


def test_what_follows_from_a_batch_is_sent_after_its_last_record() -> None:
    found = Collecting()
    assert found.reader.read(BATCH) == {"batchItemFailures": []}
    assert found.sent == found.followed == ["a", "b", "c", "d"]


def test_records_whose_messages_were_not_sent_come_again_or_are_set_aside() -> None:
    found = Collecting(b=KeyError("doc"), c=REFUSED, d=NotTried())
    assert found.reader.read(BATCH) == {"batchItemFailures": [{"itemIdentifier": "4"}]}
    [letter] = found.letters()
    assert (letter["keys"]["pk"]["S"], letter["fault"]) == (keys.ticket_pk("b"), "KeyError")


def test_mistake_while_a_batch_is_sent_sets_its_records_aside() -> None:
    """A repeat would fail as well, and all later records of the shard would wait for it."""
    found = Collecting(all=KeyError("doc"))
    assert found.reader.read(BATCH) == {"batchItemFailures": []}
    assert [letter["sequence"] for letter in found.letters()] == ["2", "3", "4", "5"]


def test_delivery_learns_when_too_little_time_is_left_and_nothing_is_set_aside_then() -> None:
    found = Collecting(b=KeyError("doc"))
    found.delivery_takes = found.seconds_left - ASIDE_S + 0.1
    assert found.reader.read(BATCH) == {"batchItemFailures": [{"itemIdentifier": "3"}]}
    assert (found.has_time, found.letters()) == ([True, False], [])


def test_record_that_is_done_with_is_not_set_aside_again_by_a_mistake_while_sending() -> None:
    found = Collecting(all=KeyError("doc"))
    found.faults = {"b": KeyError("doc")}
    assert found.reader.read(BATCH) == {"batchItemFailures": []}
    assert [letter["sequence"] for letter in found.letters()] == ["3", "2", "4", "5"]


# ------------------------------------------------------------------------------ the feed


class Feeding(Following):
    """A reader of TIMERs that also writes the feed, or cannot write it because of `fault`."""

    def __init__(self, fault: Exception | None = None, **faults: Exception) -> None:
        super().__init__(**faults)
        self.entries, self.fault = list[list[Change]](), fault
        self.seconds_left = 40.0
        self.reader = StreamReader(
            "follower",
            Logger(service="test"),
            (TimerChanged,),
            self.follow,
            (self.queue, DEAD),
            lambda: self.seconds_left,
            lambda: START + self.age,
            self.append,
        )

    def append(self, changes: list[Change]) -> None:
        self.table_s.append(retry.time_left())
        if self.fault is not None:
            raise self.fault
        self.entries.append(changes)


def of_snapshot(number: str, sequence: str, version: int = 1) -> dict[str, Any]:
    row = {"pk": keys.ticket_pk(number), "sk": keys.TICKET, "version": version}
    found = record("MODIFY", row | {"doc": '{"team":"complaints"}'})
    found["dynamodb"]["SequenceNumber"] = sequence
    return found


def test_changed_tickets_of_a_batch_are_one_entry_after_everything_else() -> None:
    found = Feeding()
    batch = [of_snapshot("a", "1"), of_ticket("a", "2"), of_snapshot("b", "3")]
    assert found.reader.read([*batch, of_snapshot("a", "4", 2), of_snapshot("a", "5")]) == {
        "batchItemFailures": []
    }
    one = Change("a", 1, "complaints")
    assert found.entries == [[one, Change("b", 1, "complaints"), Change("a", 2, "complaints")]], (
        "a repeated record adds nothing"
    )
    assert found.followed == ["a"]


def test_batch_without_a_changed_ticket_writes_no_entry() -> None:
    found = Feeding()
    found.reader.read([of_ticket("a", "2")])
    assert found.entries == []


def test_reader_without_a_feed_ignores_changed_tickets() -> None:
    found = Following()
    assert found.reader.read([of_snapshot("a", "1")]) == {"batchItemFailures": []}
    assert (found.followed, found.letters()) == ([], [])


@pytest.mark.parametrize("fault", [REFUSED, ValueError("a mistake"), Unavailable()])
def test_feed_that_cannot_be_written_repeats_its_records_and_holds_back_nothing_else(
    fault: Exception,
) -> None:
    found = Feeding(fault)
    batch = [of_ticket("a", "2"), of_snapshot("a", "3"), of_ticket("b", "4"), of_snapshot("b", "5")]
    assert found.reader.read(batch) == {"batchItemFailures": [{"itemIdentifier": "3"}]}
    assert (found.followed, found.letters()) == (["a", "b"], [])


def test_feed_gets_what_was_tried_when_the_time_runs_out() -> None:
    found = Feeding()
    found.each_takes = 11
    batch = [of_snapshot("a", "2"), of_ticket("a", "3"), of_ticket("b", "4"), of_snapshot("b", "5")]
    assert found.reader.read(batch) == {"batchItemFailures": [{"itemIdentifier": "4"}]}
    assert found.entries == [[Change("a", 1, "complaints")]]
    assert found.table_s[-1] == pytest.approx(29 - LAST_CALL_S, abs=1)


def test_refused_signal_writes_the_feed_and_its_repeat_writes_it_again() -> None:
    found = Feeding(a=REFUSED)
    batch = [of_ticket("a", "2"), of_snapshot("a", "3")]
    assert found.reader.read(batch) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    found.faults.clear()
    assert found.reader.read(batch) == {"batchItemFailures": []}
    assert found.entries == [[Change("a", 1, "complaints")]] * 2
