"""What follows from the contact records and contact events of Amazon Connect."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.connectors.rules import call as plain
from redress.connectors.rules.amazon_connect import (
    MOST_PARTS,
    Ignored,
    Part,
    PlainRecord,
    merged,
    read_event,
    read_record,
    records,
)
from tests import amazon_connect as connect
from tests.amazon_connect import FIRST, INSTANCE, SECOND, clock, contact

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


def part(document: dict[str, Any]) -> Part:
    is_event = "detail" in document
    found = (read_event if is_event else read_record)(document, INSTANCE)
    assert isinstance(found, Part)
    return found


def known(*documents: dict[str, Any]) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for one in documents:
        parts = merged(parts, part(one))
    return parts


def told(*documents: dict[str, Any]) -> dict[str, Any]:
    """The body of each record, by contact, or why there is none. Each body is valid."""
    found: dict[str, Any] = {}
    for id_, record in records(known(*documents)).items():
        if isinstance(record, PlainRecord):
            plain.parse(record.body, NOW)
        found[id_] = record if isinstance(record, Ignored) else record.body
    return found


def seconds(body: dict[str, Any]) -> dict[str, float]:
    return plain.parse(body, NOW).call.seconds


# ------------------------------------------------------------------ one contact


def test_record_says_menu_queue_talk_hold_and_work_apart() -> None:
    """Story 15. AgentInteractionDuration of Amazon Connect has no time on hold either."""
    document = contact()
    body = told(document)[FIRST]
    assert seconds(body) == {"menu": 20, "queue": 4, "talk": 166, "hold": 30, "after": 32}
    agent, queue = document["Agent"], document["Queue"]
    assert seconds(body)["talk"] == agent["AgentInteractionDuration"]
    assert seconds(body)["hold"] == agent["CustomerHoldDuration"]
    assert seconds(body)["after"] == agent["AfterContactWorkDuration"]
    assert seconds(body)["queue"] == queue["Duration"]
    assert body == {
        "call": FIRST,
        "conversation": FIRST,
        "updated": "2026-11-23T00:59:02.000Z",
        "result": "answered",
        "phone": "+8613800138000",
        "began": "2026-11-23T00:54:00.000Z",
        "left_menu": "2026-11-23T00:54:20.000Z",
        "answered": "2026-11-23T00:54:24.000Z",
        "hold_s": 30,
        "ended": "2026-11-23T00:57:40.000Z",
        "after_work_ended": "2026-11-23T00:58:12.000Z",
        "menu": "2",
        "queue": "Repairs",
        "language": "en",
        "agent": "Mei@Example.com",
        "recording": document["Recording"]["Location"],
    }


def test_agent_who_transferred_the_call_out_talked_until_they_left_it() -> None:
    """The customer goes on with somebody outside the instance for twenty minutes."""
    document = contact(
        Agent=connect.of_agent("00:20:32", "00:28:12", "00:28:17", CustomerHoldDuration=221),
        Queue={"EnqueueTimestamp": clock("00:14:46")},
        InitiationTimestamp=clock("00:12:59"),
        TransferCompletedTimestamp=clock("00:28:12"),
        TransferredToEndpoint={"Address": "+8613900139000", "Type": "TELEPHONE_NUMBER"},
        DisconnectTimestamp=clock("00:47:28"),
    )
    found = seconds(told(document)[FIRST])
    assert found == {"menu": 107, "queue": 346, "talk": 239, "hold": 221, "after": 5}


def test_caller_who_hangs_up_first_ends_the_talk() -> None:
    document = contact(Agent=connect.of_agent("00:54:24", "00:57:50", "00:58:12"))
    body = told(document)[FIRST]
    assert body["ended"] == "2026-11-23T00:57:40.000Z"


def test_hold_that_rounding_makes_longer_than_the_call_is_cut() -> None:
    longer = {"CustomerHoldDuration": 197}
    assert told(contact(Agent=longer))[FIRST]["hold_s"] == 196
    [record] = records(known(contact(Agent={"CustomerHoldDuration": 300}))).values()
    assert isinstance(record, PlainRecord)
    with pytest.raises(InvalidInput, match="hold_s"):
        plain.parse(record.body, NOW)


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({}, "abandoned_in_queue"),
        ({"DisconnectReason": None}, "abandoned_in_queue"),
        ({"DisconnectReason": "CONTACT_FLOW_DISCONNECT"}, "missed"),
        ({"DisconnectReason": "TELECOM_PROBLEM"}, "missed"),
        ({"Queue": None}, "abandoned_in_menu"),
        (
            {"Queue": None, "DisconnectReason": "CONTACT_FLOW_DISCONNECT"},
            "a flow ended the call before it was in a queue",
        ),
        (
            {"TransferCompletedTimestamp": clock("00:55:00")},
            "the call was transferred out of the instance before an agent answered",
        ),
    ],
)
def test_call_that_no_agent_answered(fields: dict[str, Any], result: str) -> None:
    found = told(connect.abandoned(**fields))[FIRST]
    assert (found if isinstance(found, Ignored) else found["result"]) == result


@pytest.mark.parametrize(
    ("fields", "result", "answered"),
    [
        ({}, "answered", "2026-11-23T00:54:30.000Z"),
        ({"ConnectedToSystemTimestamp": None}, "missed", None),
        ({"AnsweringMachineDetectionStatus": "VOICEMAIL_BEEP"}, "missed", None),
        ({"AnsweringMachineDetectionStatus": "HUMAN_ANSWERED"}, "answered", None),
        ({"Agent": None}, "no agent took part in this call to a customer", None),
    ],
)
def test_call_to_a_customer(fields: dict[str, Any], result: str, answered: str | None) -> None:
    """The customer answers after the agent began to dial."""
    dialled = {"InitiationMethod": "OUTBOUND", "ConnectedToSystemTimestamp": clock("00:54:30")}
    found = told(contact(**(dialled | {"Queue": None} | fields)))[FIRST]
    if isinstance(found, Ignored):
        assert found == result
        return
    assert (found["direction"], found["result"]) == ("outbound", result)
    assert answered is None or found["answered"] == answered


@pytest.mark.parametrize("method", ["MONITOR", "EXTERNAL_OUTBOUND", "DISCONNECT", "FROM_2030"])
def test_contact_beside_or_after_the_call_has_no_record(method: str) -> None:
    assert told(contact(InitiationMethod=method)) == {FIRST: Ignored.BESIDE}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"Channel": "CHAT"}, Ignored.OTHER_CHANNEL),
        ({"Channel": "TASK"}, Ignored.OTHER_CHANNEL),
        ({"InstanceARN": f"{INSTANCE}0"}, Ignored.OTHER_INSTANCE),
        ({"ContactId": None, "EventType": "HEART_BEAT"}, Ignored.NO_CONTACT),
    ],
)
def test_what_is_no_call_of_the_instance_is_ignored(fields: dict[str, Any], why: Ignored) -> None:
    assert read_record(contact(**fields), INSTANCE) is why


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        {"Address": "anonymous", "Type": "TELEPHONE_NUMBER"},
        {"Address": "sip:li@example.com", "Type": "VOIP"},
        {"Address": None, "Type": "TELEPHONE_NUMBER"},
    ],
)
def test_hidden_number_is_no_number(endpoint: Any) -> None:
    assert "phone" not in told(contact(CustomerEndpoint=endpoint))[FIRST]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Recordings": []}, True),
        ({"Recordings": None, "Recording": None}, False),
        ({"Recordings": [{"Location": "b/k", "Status": "DELETED"}], "Recording": None}, False),
    ],
)
def test_recording_is_where_it_lies_in_s3(fields: dict[str, Any], expected: bool) -> None:
    assert ("recording" in told(contact(**fields))[FIRST]) is expected


def test_only_a_recording_of_sound_in_s3_counts() -> None:
    listed = [
        {"Location": "x", "MediaStreamType": "CHAT", "Status": "AVAILABLE", "StorageType": "S3"},
        {
            "Location": "stream",
            "MediaStreamType": "AUDIO",
            "Status": "AVAILABLE",
            "StorageType": "KINESIS_VIDEO_STREAM",
        },
        {
            "Location": "bucket/one.wav",
            "MediaStreamType": "AUDIO",
            "Status": "AVAILABLE",
            "StorageType": "Amazon S3",
        },
    ]
    assert told(contact(Recordings=listed))[FIRST]["recording"] == "bucket/one.wav"


def test_texts_that_people_chose_never_make_a_record_wrong() -> None:
    attributes = {"redress_menu": "2\n3", "redress_language": "xx"}
    document = contact(
        Queue={"Name": "q" * 256}, Attributes=attributes, Agent={"Username": "a\u0000b"}
    )
    body = told(document)[FIRST]
    assert (body["queue"], body["menu"]) == ("q" * 200, "2 3")
    assert "agent" not in body
    assert "language" not in body


def test_record_lists_every_fault_and_no_value() -> None:
    wrong = contact(
        ContactId=None,
        InitiationTimestamp="yesterday",
        DisconnectTimestamp=None,
        LastUpdateTimestamp=7,
        Agent={"CustomerHoldDuration": "long", "ConnectedToAgentTimestamp": "now"},
        PreviousContactId="p" * 300,
        DisconnectReason=["x"],
    )
    with pytest.raises(InvalidInput) as caught:
        read_record(wrong, INSTANCE)
    assert {fault.pointer: fault.code for fault in caught.value.faults} == {
        "/ContactId": "required",
        "/InitiationTimestamp": "instant_expected",
        "/LastUpdateTimestamp": "instant_expected",
        "/DisconnectTimestamp": "required",
        "/Agent/CustomerHoldDuration": "number_expected",
        "/Agent/ConnectedToAgentTimestamp": "instant_expected",
        "/PreviousContactId": "too_long",
        "/DisconnectReason": "text_expected",
    }
    assert "yesterday" not in str(caught.value.faults)


@pytest.mark.parametrize("document", [None, [], "x", {}, {"InstanceARN": INSTANCE}])
def test_what_is_no_record_is_refused(document: Any) -> None:
    with pytest.raises(InvalidInput):
        read_record(document, INSTANCE)


# ------------------------------------------------------------------ events


@pytest.mark.parametrize(
    ("name", "queued", "answered", "ended"),
    [
        ("connected-to-agent", "17:29:04", "17:29:09", None),
        ("disconnected", "17:29:04", "17:29:09", "17:18:37"),
        ("first-form", None, "18:43:48", None),
    ],
)
def test_published_events_are_read(
    name: str, queued: str | None, answered: str | None, ended: str | None
) -> None:
    event = connect.published(f"event-{name}")
    detail = event["detail"]
    of = detail.get("instanceArn") or detail["instanceARN"]
    found = read_event(event, of)
    assert isinstance(found, Part)
    assert (found.id, found.whole) == (detail["contactId"], False)
    assert found.call == detail.get("initialContactId", detail["contactId"])
    times = [found.queued, found.answered, found.ended]
    assert [one and f"{one:%H:%M:%S}" for one in times] == [queued, answered, ended]
    assert read_event(event, INSTANCE.replace("us-east-1", "us-east-2")) is Ignored.OTHER_INSTANCE


def test_event_alone_records_nothing_because_it_has_no_number() -> None:
    answered = connect.event("CONNECTED_TO_AGENT", "00:54:24")
    assert told(answered) == {FIRST: Ignored.NO_RECORD}


def test_event_without_a_contact_is_refused() -> None:
    event = connect.event("QUEUED", "00:54:20")
    del event["detail"]["contactId"], event["time"]
    with pytest.raises(InvalidInput) as caught:
        read_event(event, INSTANCE)
    assert [fault.pointer for fault in caught.value.faults] == ["/contactId", "/time"]


def test_record_replaces_what_events_told_and_later_events_tell_nothing() -> None:
    queued = connect.event("QUEUED", "00:54:21")
    ended = connect.event("DISCONNECTED", "00:57:41", disconnectTimestamp=clock("00:57:41"))
    alone = told(contact())
    assert told(queued, ended, contact()) == told(contact(), queued, ended) == alone


def test_newest_record_of_a_contact_counts() -> None:
    newer = contact(LastUpdateTimestamp=clock("00:59:30"), Queue={"Name": "Refunds"})
    for documents in permutations([contact(), newer, newer]):
        assert told(*documents)[FIRST]["queue"] == "Refunds"
    again = contact(Queue={"Name": "Refunds"})
    assert told(contact(), again)[FIRST]["queue"] == "Repairs", "the first of one time counts"


def test_call_has_a_bounded_number_of_contacts() -> None:
    documents = [
        contact(ContactId=f"c-{number}", InitialContactId=FIRST) for number in range(MOST_PARTS)
    ]
    parts = known(*documents)
    assert merged(parts, part(documents[0])) == parts
    with pytest.raises(InvalidInput, match="InitialContactId"):
        merged(parts, part(contact()))


# ------------------------------------------------------------------ more than one contact


def test_each_agent_of_a_transferred_call_has_a_record_with_their_own_times() -> None:
    first, second = connect.transferred()
    found = told(first, second)
    assert [found[one]["agent"] for one in (FIRST, SECOND)] == [
        "Mei@Example.com",
        "jun@example.com",
    ]
    assert [found[one]["conversation"] for one in (FIRST, SECOND)] == [FIRST, FIRST]
    assert seconds(found[FIRST]) == {"menu": 20, "queue": 4, "talk": 60, "hold": 0, "after": 156}
    assert seconds(found[SECOND]) == {"menu": 5, "queue": 30, "talk": 105, "hold": 0, "after": 10}
    both = [one for one in records(known(first, second)).values() if isinstance(one, PlainRecord)]
    assert [one.picked_up for one in both] == [True, False]
    assert {one.since for one in both} == {datetime(2026, 11, 23, 0, 54, tzinfo=UTC)}


def test_pick_up_counts_from_the_first_queue_of_a_call_that_a_flow_moved() -> None:
    first, second = connect.overflowed()
    found = told(first, second)
    assert found[FIRST] is Ignored.GOES_ON
    assert found[SECOND]["left_menu"] == "2026-11-23T00:54:20.000Z"
    assert seconds(found[SECOND]) == {"menu": 20, "queue": 40, "talk": 160, "hold": 0, "after": 32}


def test_record_that_knows_more_of_its_call_is_newer() -> None:
    first, second = connect.overflowed()
    alone, event = told(second)[SECOND], connect.event("QUEUED", "00:54:20")
    told_early = told(event, second)[SECOND]
    complete = told(event, second, first)[SECOND]
    assert alone["left_menu"] == "2026-11-23T00:54:50.000Z"
    assert told_early["left_menu"] == complete["left_menu"] == "2026-11-23T00:54:20.000Z"
    assert alone["updated"] < told_early["updated"] < complete["updated"]


def test_queued_callback_of_the_guide_is_a_call_to_the_customer() -> None:
    first, second = connect.callback()
    found = told(first, second)
    assert found[FIRST] is Ignored.GOES_ON
    body = found[SECOND]
    assert (body["direction"], body["result"]) == ("outbound", "answered")
    assert body["began"] == "2026-11-23T00:40:10.000Z"
    assert body["answered"] == "2026-11-23T00:40:25.000Z"
    assert seconds(body) == {"queue": 15, "talk": 275, "hold": 0, "after": 10}


def test_queued_callback_that_no_agent_made_is_a_missed_call() -> None:
    first, second = connect.callback()
    body = told(first, second | {"Agent": None})[SECOND]
    assert (body["result"], body.get("direction", "inbound")) == ("missed", "inbound")


def test_call_that_ended_in_a_flow_for_ended_calls_was_abandoned() -> None:
    """The next contact is the flow after the end, in which nobody waits."""
    first = connect.abandoned(NextContactId=SECOND)
    assert told(first) == {FIRST: Ignored.GOES_ON}, "nobody knows yet"
    after = connect.abandoned(
        ContactId=SECOND,
        InitialContactId=FIRST,
        PreviousContactId=FIRST,
        InitiationMethod="DISCONNECT",
        InitiationTimestamp=clock("00:57:40"),
    )
    found = told(after, first)
    assert (found[FIRST]["result"], found[SECOND]) == ("abandoned_in_queue", Ignored.BESIDE)


def test_caller_who_hung_up_in_the_queue_of_a_transfer_was_answered_before() -> None:
    first, second = connect.transferred()
    lost = second | {"Agent": None, "Recording": None, "Recordings": None}
    found = told(first, lost)
    assert (found[FIRST]["result"], found[SECOND]["result"]) == ("answered", "abandoned_in_queue")
    assert found[SECOND]["began"] == "2026-11-23T00:55:20.000Z"


def test_transfer_of_a_call_to_a_customer_is_one_too() -> None:
    first, second = connect.transferred()
    dialled = {"InitiationMethod": "OUTBOUND", "Queue": None}
    found = told(first | dialled, second)
    assert [found[one]["direction"] for one in (FIRST, SECOND)] == ["outbound", "outbound"]


@pytest.mark.parametrize("call", [connect.transferred, connect.overflowed, connect.callback])
def test_order_in_which_contacts_come_changes_nothing(call: Any) -> None:
    first, second = call()
    queued = connect.event("QUEUED", "00:54:20")
    changed = first | {"LastUpdateTimestamp": clock("00:59:59"), "Attributes": {"surveyed": "Y"}}
    documents = [first, second, queued, changed, second]
    found = [
        {
            id_: body if isinstance(body, Ignored) else body | {"updated": ""}
            for id_, body in told(*one).items()
        }
        for one in permutations(documents)
    ]
    assert len(found) == 120
    assert all(one == found[0] for one in found)
