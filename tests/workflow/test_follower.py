"""Which messages the follower sends after changes. All services are stand-ins."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from copy import replace
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError, ReadTimeoutError

from local.template import template
from redress.db import encoding, keys
from redress.tickets.rules.steps import by_customer, by_staff
from redress.workflow.cases.follower import FollowerCase, LeftToSweep, NotIndexed
from redress.workflow.stream import (
    FEED_S,
    CapacityFreed,
    EventAdded,
    NotTaken,
    NotTried,
    StreamReader,
)
from tests.builders import BY_PHONE, MEI, NUMBER, START, Life
from tests.workflow.services import Service

Faults = dict[EventAdded | CapacityFreed, Exception]
MAIL_QUEUE, ASSIGNER = "https://queue.example.com/mail", "redress-assigner"
SEARCH_QUEUE = "https://queue.example.com/search"
CHECKER = "redress-checker"


class Follower:
    """A follower with stand-ins for all services."""

    def __init__(self, search_queue: str = "", checker: str = "") -> None:
        self.queue, self.functions = Service(), Service()
        self.case = FollowerCase(
            self.queue, self.functions, MAIL_QUEUE, ASSIGNER, search_queue, checker
        )

    def deliver(self, *changes: EventAdded | CapacityFreed, calls: int = 1_000) -> Faults:
        """Deliver a batch of changes, with time for so many calls."""
        left = iter(range(calls - 1))
        for change in changes:
            self.case.follow(change)
        return self.case.deliver(lambda kept: next(left, None) is not None)

    def follow(self, change: EventAdded | CapacityFreed) -> None:
        """Deliver one change. Raises its fault."""
        for fault in self.deliver(change).values():
            raise fault


def last_event(life: Life) -> EventAdded:
    """The change that the record of the last event reports."""
    return EventAdded(NUMBER, encoding.encode(life.last.events[-1]))


def jobs(follower: Follower) -> list[dict[str, Any]]:
    found = []
    for operation, given in follower.queue.calls:
        assert operation == "send_message_batch"
        assert given["QueueUrl"] == MAIL_QUEUE
        assert len({entry["Id"] for entry in given["Entries"]}) == len(given["Entries"])
        found += [json.loads(entry["MessageBody"]) for entry in given["Entries"]]
    return found


def assignments(follower: Follower) -> list[dict[str, Any]]:
    for operation, given in follower.functions.calls:
        assert (operation, given["InvocationType"]) == ("invoke", "Event")
        assert given["FunctionName"] == ASSIGNER
    return [json.loads(given["Payload"]) for _, given in follower.functions.calls]


def test_opened_ticket_is_acknowledged_and_offered_to_agents(life: Life) -> None:
    follower = Follower()
    follower.follow(last_event(life.open()))
    assert jobs(follower) == [
        {"number": NUMBER, "event": 1, "template": "acknowledgement", "audience": "customer"}
    ]
    assert assignments(follower) == [{"ticket": NUMBER}]


def test_mail_job_contains_no_personal_data(life: Life) -> None:
    follower = Follower()
    follower.follow(last_event(life.open().reply()))
    assert [set(job) for job in jobs(follower)] == [{"number", "event", "template", "audience"}]


def test_ticket_that_is_queued_again_is_offered_again(life: Life) -> None:
    follower = Follower()
    follower.follow(last_event(life.open().assign().reassign(None)))
    assert (jobs(follower), assignments(follower)) == ([], [{"ticket": NUMBER}])


def test_decision_whom_a_complaint_is_about_offers_it_to_agents(life: Life) -> None:
    follower = Follower()
    follower.follow(last_event(life.open().doubt_about().is_about()))
    assert assignments(follower) == [{"ticket": NUMBER}]


def test_note_sends_no_message(life: Life) -> None:
    follower = Follower()
    follower.follow(last_event(life.open().note()))
    assert follower.queue.calls == follower.functions.calls == []


def test_ticket_with_a_new_text_is_indexed_after_its_mails(life: Life) -> None:
    follower = Follower(SEARCH_QUEUE)
    follower.follow(last_event(life.open().reply()))
    (mails, _), (operation, given) = follower.queue.calls
    assert mails == operation == "send_message_batch"
    assert given["QueueUrl"] == SEARCH_QUEUE
    assert [json.loads(one["MessageBody"]) for one in given["Entries"]] == [{"number": NUMBER}]


def test_record_whose_search_message_is_refused_is_set_aside_and_the_next_is_followed(
    life: Life,
) -> None:
    """A repeated record would hold back the mails of all later records."""
    follower, dead = Follower(SEARCH_QUEUE), Service()
    follower.queue.fault = ClientError({"Error": {"Code": "Throttling"}}, "SendMessageBatch")
    event = life.open().assign().note().last.events[-1]
    record = {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {"pk": {"S": f"TICKET#{NUMBER}"}, "sk": {"S": keys.event_sk(event.number)}},
            "NewImage": {"doc": {"S": encoding.encode(event)}},
            "SequenceNumber": "1",
        },
    }
    reader: StreamReader[EventAdded | CapacityFreed] = StreamReader(
        "follower",
        Logger(service="test"),
        (EventAdded, CapacityFreed),
        follower.case.follow,
        (dead, "https://queue.example.com/dead"),
        lambda: 30.0,
        life.clock.now,
        deliver=follower.case.deliver,
    )
    assert reader.read([record]) == {"batchItemFailures": []}
    [(operation, given)] = dead.calls
    assert operation == "send_message"
    assert json.loads(given["MessageBody"])["fault"] == "NotIndexed"


def test_breach_is_mailed_to_everybody_that_the_ladder_names(life: Life) -> None:
    follower = Follower()
    life.open(contact=BY_PHONE).wait(minutes=29).wake().wait(minutes=1).wake()
    follower.follow(last_event(life))
    assert [(job["template"], job["audience"]) for job in jobs(follower)] == [
        ("breach", "agent"),
        ("breach", "supervisor"),
    ]
    assert len(follower.queue.calls) == 1


def test_message_that_the_queue_rejects_makes_the_record_fail(life: Life) -> None:
    follower = Follower()
    follower.queue.answer = {"Failed": [{"Id": "0", "Code": "InternalError"}]}
    with pytest.raises(NotTaken, match="InternalError"):
        follower.follow(last_event(life.open()))
    assert assignments(follower) == [{"ticket": NUMBER}]


def test_agent_with_room_lets_the_queue_of_the_team_drain() -> None:
    follower = Follower()
    follower.follow(CapacityFreed("complaints", MEI.id))
    assert assignments(follower) == [{"team": "complaints", "agent": MEI.id}]


REFUSED = ClientError({"Error": {"Code": "ServiceException"}}, "Invoke")


def test_refused_mail_queue_does_not_hold_back_the_request_for_an_agent(life: Life) -> None:
    follower = Follower()
    follower.queue.fault = REFUSED
    with pytest.raises(ClientError):
        follower.follow(last_event(life.open()))
    assert assignments(follower) == [{"ticket": NUMBER}]


def test_refused_assigner_holds_back_no_mail_and_leaves_the_ticket_to_the_sweep(
    life: Life,
) -> None:
    follower = Follower()
    follower.functions.fault = REFUSED
    with pytest.raises(LeftToSweep):
        follower.follow(last_event(life.open()))
    assert [job["template"] for job in jobs(follower)] == ["acknowledgement"]


def test_sweep_is_told_that_the_assigner_refused() -> None:
    follower = Follower()
    follower.functions.fault = REFUSED
    with pytest.raises(ClientError):
        follower.case.drain(["complaints"])


def of(number: str, change: EventAdded) -> EventAdded:
    """The same event of another ticket."""
    return EventAdded(number, change.doc)


def test_assigner_that_refused_is_not_asked_again_in_the_same_batch(life: Life) -> None:
    follower = Follower()
    follower.functions.fault = REFUSED
    opened, room = last_event(life.open()), CapacityFreed("complaints", MEI.id)
    batch: list[EventAdded | CapacityFreed]
    batch = [opened, of("R-00000-00001", opened), of("R-00000-00002", opened), room]
    faults = follower.deliver(*batch)
    assert list(faults) == batch
    assert {type(fault) for fault in faults.values()} == {LeftToSweep}
    assert (len(jobs(follower)), len(assignments(follower))) == (3, 1)


def test_change_that_needs_no_agent_is_not_left_to_the_sweep(life: Life) -> None:
    follower = Follower()
    follower.functions.fault = REFUSED
    opened = last_event(life.open())
    faults = follower.deliver(opened, last_event(life.assign().reply()))
    assert list(faults) == [opened]
    assert jobs(follower)[-1]["template"] == "reply"


def burst(life: Life, tickets: int) -> list[EventAdded]:
    opened = last_event(life.open())
    return [of(f"R-00000-{n:05}", opened) for n in range(tickets)]


def test_mails_of_a_batch_go_out_together_and_before_all_requests(life: Life) -> None:
    follower, order = Follower(SEARCH_QUEUE), list[str]()
    follower.queue.calls, follower.functions.calls = Noted(order), Noted(order)
    assert follower.deliver(*burst(life, 23)) == {}
    assert order == [*["send_message_batch"] * 3, *["invoke"] * 23, *["send_message_batch"] * 3]
    sizes = [len(given["Entries"]) for _, given in follower.queue.calls]
    assert sizes == [10, 10, 3] * 2


class Noted(list[tuple[str, dict[str, Any]]]):
    """The calls of one service, which are also noted in the order of all services."""

    def __init__(self, order: list[str]) -> None:
        super().__init__()
        self.order = order

    def append(self, call: tuple[str, dict[str, Any]]) -> None:
        super().append(call)
        self.order.append(call[0])


def test_ticket_with_several_texts_in_a_batch_is_indexed_once(life: Life) -> None:
    follower = Follower(SEARCH_QUEUE)
    follower.deliver(last_event(life.open()), last_event(life.assign().reply()))
    [indexed] = [given for _, given in follower.queue.calls if given["QueueUrl"] == SEARCH_QUEUE]
    assert len(indexed["Entries"]) == 1


def test_only_the_changes_whose_mails_were_rejected_come_again(life: Life) -> None:
    follower, batch = Follower(SEARCH_QUEUE), burst(life, 3)
    follower.queue.answer = {"Failed": [{"Id": "1", "Code": "InternalError"}]}
    faults = follower.deliver(*batch)
    assert isinstance(faults[batch[1]], NotTaken)
    assert len(assignments(follower)) == 3, "the assigner is asked all the same"
    [_, indexed] = [given for _, given in follower.queue.calls]
    assert [json.loads(one["MessageBody"])["number"] for one in indexed["Entries"]] == [
        batch[0].number,
        batch[2].number,
    ]


def test_mail_with_which_a_call_is_wrong_holds_back_no_others(life: Life) -> None:
    """A call of one entry is refused as a whole if its content is."""
    follower, batch = Follower(), burst(life, 3)
    wrong = ClientError({"Error": {"Code": "InvalidParameterValue"}}, "SendMessageBatch")
    taken: list[str] = []

    def send(Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        numbers = [json.loads(one["MessageBody"])["number"] for one in Entries]
        if batch[1].number in numbers:
            raise wrong
        taken.extend(numbers)
        return {}

    follower.queue.__dict__["send_message_batch"] = send
    assert follower.deliver(*batch) == {batch[1]: wrong}
    assert taken == [batch[0].number, batch[2].number]


def test_changes_for_which_no_time_is_left_come_again(life: Life) -> None:
    follower, batch = Follower(), burst(life, 23)
    faults = follower.deliver(*batch, calls=4)
    assert (len(jobs(follower)), len(assignments(follower))) == (23, 2)
    assert list(faults) == batch[2:]
    assert {type(fault) for fault in faults.values()} == {NotTried}


def test_first_change_is_followed_however_little_time_is_left(life: Life) -> None:
    follower, batch = Follower(), burst(life, 23)
    faults = follower.deliver(*batch, calls=1)
    assert (len(jobs(follower)), assignments(follower)) == (10, [{"ticket": batch[0].number}])
    assert list(faults) == [*batch[10:], *batch[1:10]]


# ------------------------------------------------------------------------------ slow receivers


class Slow(Service):
    """A service of which each call takes `takes` seconds of `left`, by the receiver.

    A receiver that takes `SILENT_S` does not answer.
    """

    def __init__(self, left: list[float], takes: dict[str, float]) -> None:
        super().__init__()
        self._left, self._takes = left, takes

    def __getattr__(self, operation: str) -> Any:
        noted = super().__getattr__(operation)

        def call(**given: Any) -> Any:
            took = self._takes.get(given.get("QueueUrl") or given["FunctionName"], 0.02)
            self._left[0] -= took
            noted(**given)
            if took == SILENT_S:
                raise ReadTimeoutError(endpoint_url="https://example.com")
            return {}

        return call


SILENT_S = 5.0
"""A new connection and no answer."""
TIMEOUT_S = float(template()["Resources"]["FollowerFunction"]["Properties"]["Timeout"])
DEAD_QUEUE = "https://queue.example.com/dead"


def read_slowly(
    batch: list[EventAdded], takes: dict[str, float], *, feed: bool
) -> tuple[int, Slow, Slow]:
    """Read a batch as often as Lambda delivers it. Returns how often, and the services.

    It is an error if a run gets no further, or has no time to answer.
    """
    records: list[dict[str, Any]] = [
        {
            "eventName": "INSERT",
            "dynamodb": {
                "Keys": {"pk": {"S": f"TICKET#{one.number}"}, "sk": {"S": keys.event_sk(1)}},
                "NewImage": {"doc": {"S": one.doc}},
                "SequenceNumber": str(place),
            },
        }
        for place, one in enumerate(batch)
    ]
    left = [TIMEOUT_S]
    queues, functions = Slow(left, takes), Slow(left, takes)
    for run in itertools.count(1):
        left[0] = TIMEOUT_S
        case = FollowerCase(queues, functions, MAIL_QUEUE, ASSIGNER, SEARCH_QUEUE, CHECKER)

        def deliver(
            has_time: Callable[[float], bool], case: FollowerCase = case
        ) -> dict[Any, Exception]:
            faults = case.deliver(has_time)
            return {of: one for of, one in faults.items() if not isinstance(one, LeftToSweep)}

        reader: StreamReader[EventAdded | CapacityFreed] = StreamReader(
            "follower",
            Logger(service="test"),
            (EventAdded, CapacityFreed),
            case.follow,
            (queues, DEAD_QUEUE),
            lambda: left[0],
            lambda: START,
            (lambda changes: None) if feed else None,
            deliver,
        )
        failed = reader.read(records)["batchItemFailures"]
        assert left[0] > (FEED_S if feed else 0), "there is time for the feed and the answer"
        if not failed:
            return run, queues, functions
        done = [one["dynamodb"]["SequenceNumber"] for one in records].index(
            failed[0]["itemIdentifier"]
        )
        assert done, "the batch goes on"
        records = records[done:]
    raise AssertionError


def mailed(life: Life, tickets: int) -> list[EventAdded]:
    """Tickets that came by mail with attachments: every receiver gets a message."""
    [opened] = life.open().last.events
    event = replace(opened, data=opened.data | {"mail": {"attachments": [{"id": 1}]}})
    doc = encoding.encode(event)
    return [EventAdded(f"R-00000-{n:05}", doc) for n in range(tickets)]


def count(service: Slow, receiver: str) -> int:
    given = [one for _, one in service.calls]
    return sum(receiver in (one.get("QueueUrl"), one.get("FunctionName")) for one in given)


@pytest.mark.parametrize("feed", [False, True])
@pytest.mark.parametrize(
    "silent",
    [[SEARCH_QUEUE], [CHECKER], [ASSIGNER, CHECKER], [SEARCH_QUEUE, ASSIGNER, CHECKER]],
    ids=["search", "checker", "functions", "all but mails"],
)
def test_receiver_that_does_not_answer_is_called_once_and_holds_back_nothing(
    life: Life, silent: list[str], feed: bool
) -> None:
    """What it should get is set aside, or left to the sweep. No mail is sent twice."""
    batch = mailed(life, 100)
    runs, queues, functions = read_slowly(batch, dict.fromkeys(silent, SILENT_S), feed=feed)
    assert (runs, count(queues, MAIL_QUEUE)) == (1, 10)
    assert {count(queues, one) + count(functions, one) for one in silent} == {1}
    assert count(queues, DEAD_QUEUE) == len(batch)


@pytest.mark.parametrize("takes", [0.2, 1.0, 2.5])
def test_batch_goes_on_while_all_receivers_are_slow(life: Life, takes: float) -> None:
    receivers = (MAIL_QUEUE, ASSIGNER, SEARCH_QUEUE, CHECKER)
    batch = mailed(life, 40)
    runs, queues, functions = read_slowly(batch, dict.fromkeys(receivers, takes), feed=True)
    assert (runs > 1) == (takes > 0.5)
    assert count(queues, DEAD_QUEUE) == 0
    assert count(functions, CHECKER) >= len(batch)


def test_mail_queue_that_does_not_answer_is_called_once_in_a_batch(life: Life) -> None:
    follower, batch = Follower(), burst(life, 23)
    follower.queue.fault = ReadTimeoutError(endpoint_url="https://example.com")
    faults = follower.deliver(*batch)
    assert len(follower.queue.calls) == 1
    assert faults == dict.fromkeys(batch, follower.queue.fault)


FILE = {"id": "9f86d081884c7d65", "name": "x.pdf", "size": 1, "type": "application/pdf"}


def note_with_a_file(life: Life) -> EventAdded:
    change = by_staff.note(life.ticket, life.plan, MEI, "See", life.clock.now(), files=[FILE])
    return last_event(life.take(change))


def test_checker_is_told_of_the_files_of_a_message_of_staff(life: Life) -> None:
    follower = Follower(checker=CHECKER)
    follower.follow(note_with_a_file(life.open()))
    [(operation, given)] = follower.functions.calls
    assert (operation, given["FunctionName"]) == ("invoke", CHECKER)
    assert json.loads(given["Payload"]) == {"refer": NUMBER, "files": [FILE["id"]]}


def test_checker_is_not_told_of_files_that_are_attached_already(life: Life) -> None:
    follower = Follower(checker=CHECKER)
    change = by_customer.attach(life.open().ticket, life.plan, [FILE], life.clock.now())
    follower.follow(last_event(life.take(change)))
    assert follower.functions.calls == []
    assert [job["template"] for job in jobs(follower)] == ["customer_wrote"]


def test_without_files_the_checker_is_not_called(life: Life) -> None:
    follower = Follower()
    follower.follow(note_with_a_file(life.open()))
    assert follower.functions.calls == []


def test_files_whose_message_the_checker_refuses_are_left_to_the_sweep(life: Life) -> None:
    """They are in the list of held files, which the sweep asks for. Other messages are sent."""
    follower = Follower(SEARCH_QUEUE, checker=CHECKER)
    follower.functions.fault = ClientError({"Error": {"Code": "TooManyRequests"}}, "Invoke")
    with pytest.raises(LeftToSweep):
        follower.follow(note_with_a_file(life.open()))
    assert [given["QueueUrl"] for _, given in follower.queue.calls] == [SEARCH_QUEUE]


def test_attachments_of_a_mail_reach_the_checker_though_its_words_cannot_be_indexed(
    life: Life,
) -> None:
    """The record is set aside, so nothing would repeat the message to the checker."""
    follower = Follower(SEARCH_QUEUE, checker=CHECKER)
    [opened] = life.open().last.events
    mailed = replace(opened, data=opened.data | {"mail": {"attachments": [{"id": 1}]}})

    def send(QueueUrl: str, **_: Any) -> dict[str, Any]:
        if QueueUrl == SEARCH_QUEUE:
            raise ClientError({"Error": {"Code": "Throttling"}}, "SendMessageBatch")
        return {}

    follower.queue.__dict__["send_message_batch"] = send
    faults = follower.deliver(EventAdded(NUMBER, encoding.encode(mailed)))
    assert [type(fault) for fault in faults.values()] == [NotIndexed]
    payloads = [json.loads(given["Payload"]) for _, given in follower.functions.calls]
    assert {"mailed": NUMBER, "event": 1} in payloads
