"""Which messages the follower sends after changes. All services are stand-ins."""

from __future__ import annotations

import json
from copy import replace
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from redress.db import encoding, keys
from redress.tickets.rules.steps import by_customer, by_staff
from redress.workflow.cases.follower import FollowerCase, LeftToSweep, NotIndexed
from redress.workflow.stream import CapacityFreed, EventAdded, NotTaken, NotTried, StreamReader
from tests.builders import BY_PHONE, MEI, NUMBER, Life
from tests.workflow.services import Service

Faults = dict[EventAdded | CapacityFreed, Exception]
MAIL_QUEUE, ASSIGNER = "https://queue.example.com/mail", "redress-assigner"
SEARCH_QUEUE = "https://queue.example.com/search"


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
        return self.case.deliver(lambda: next(left, None) is not None)

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
    assert (len(jobs(follower)), len(assignments(follower))) == (23, 1)
    assert list(faults) == batch[1:]
    assert {type(fault) for fault in faults.values()} == {NotTried}


def test_first_message_is_sent_however_little_time_is_left(life: Life) -> None:
    follower, batch = Follower(), burst(life, 23)
    faults = follower.deliver(*batch, calls=1)
    assert len(jobs(follower)) == 10
    assert list(faults) == [*batch[10:], *batch[:10]]


CHECKER = "redress-checker"
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
