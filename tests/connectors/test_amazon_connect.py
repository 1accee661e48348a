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
from tests.amazon_connect import FIRST, INSTANCE, SECOND, THIRD, clock, contact

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


@pytest.mark.parametrize("held", [197, 300, 900_000])
def test_hold_that_is_longer_than_the_call_is_cut(held: int) -> None:
    """Because of rounding, or because the customer hung up during the hold."""
    body = told(contact(Agent={"CustomerHoldDuration": held}))[FIRST]
    assert seconds(body) == {"menu": 20, "queue": 4, "talk": 0, "hold": 196, "after": 32}


@pytest.mark.parametrize("worked", ["2026-11-24T00:54:01Z", "2026-11-25T23:00:00Z"])
def test_work_after_a_call_that_ends_days_later_moves_no_time_of_the_call(worked: str) -> None:
    """An agent forgot to close the contact: Amazon Connect allows work without an end."""
    found = records(known(contact(Agent={"AfterContactWorkEndTimestamp": worked})))[FIRST]
    assert isinstance(found, PlainRecord)
    assert found.left_out == ("after_work_ended",)
    whole = told(contact())[FIRST]
    assert found.body == {name: whole[name] for name in whole if name != "after_work_ended"}
    assert seconds(found.body) == {"menu": 20, "queue": 4, "talk": 166, "hold": 30}


def test_work_after_a_call_that_ends_a_day_after_it_began_is_recorded() -> None:
    day = {"AfterContactWorkEndTimestamp": "2026-11-24T00:54:00Z"}
    found = records(known(contact(Agent=day)))[FIRST]
    assert isinstance(found, PlainRecord)
    assert found.left_out == ()
    assert found.body["began"] == "2026-11-23T00:54:00.000Z"
    assert found.body["after_work_ended"] == "2026-11-24T00:54:00.000Z"


def test_work_after_a_call_whose_begin_is_wrong_is_recorded() -> None:
    found = records(known(contact(InitiationTimestamp="2026-11-20T00:00:00Z")))[FIRST]
    assert isinstance(found, PlainRecord)
    assert (found.left_out, seconds(found.body)["after"]) == ((), 32)


def test_work_that_ended_before_the_call_is_left_out() -> None:
    found = records(known(contact(Agent={"AfterContactWorkEndTimestamp": clock("00:57:00")})))
    body = found[FIRST]
    assert isinstance(body, PlainRecord)
    assert (body.left_out, "after_work_ended" in body.body) == (("after_work_ended",), False)


def test_agent_talks_until_they_leave_an_external_warm_transfer() -> None:
    """TransferCompletedTimestamp is when the endpoint picked up, while the caller was on hold."""
    document = connect.transferred_out()
    found = seconds(told(document)[FIRST])
    assert found == {"menu": 20, "queue": 10, "talk": 130, "hold": 100, "after": 30}
    assert found["talk"] == document["Agent"]["AgentInteractionDuration"]
    short = connect.transferred_out(CustomerHoldDuration=20, AgentInteractionDuration=210)
    assert seconds(told(short)[FIRST])["talk"] == 210
    assert seconds(told(short)[FIRST])["after"] == 30


def test_transfer_ends_the_talk_of_an_agent_without_after_contact_work() -> None:
    document = connect.transferred_out(
        AfterContactWorkStartTimestamp=None, AfterContactWorkEndTimestamp=None
    )
    assert told(document)[FIRST]["ended"] == "2026-11-23T00:10:50.000Z"
    assert seconds(told(document)[FIRST])["talk"] == 0, "the caller was on hold all the time"


@pytest.mark.parametrize("method", ["INBOUND", "OUTBOUND", "CALLBACK"])
def test_times_that_do_not_fit_each_other_never_make_a_record_wrong(method: str) -> None:
    """Each time may be missing, or be before all others. No call is lost because of that."""
    early = clock("00:00:01")
    places = ("InitiationTimestamp", "ConnectedToSystemTimestamp", "DisconnectTimestamp")
    of_agents = ("ConnectedToAgentTimestamp", "AfterContactWorkStartTimestamp")
    wrong: list[dict[str, Any]] = [{name: early} for name in places]
    wrong += [{"Agent": {name: early}} for name in (*of_agents, "AfterContactWorkEndTimestamp")]
    wrong += [{"Agent": {name: None}} for name in (*of_agents, "AfterContactWorkEndTimestamp")]
    wrong += [{"Queue": {"EnqueueTimestamp": early}}, {"TransferCompletedTimestamp": early}]
    wrong += [{"InitiationTimestamp": "2026-11-20T00:00:00Z"}]
    for fields in wrong:
        assert told(contact(InitiationMethod=method, **fields)), fields


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


def test_ticket_that_a_flow_or_an_agent_names_is_in_the_record() -> None:
    attributes = {"redress_ticket": "r-7k3m9-qwox2"}
    assert told(contact(Attributes=attributes))[FIRST]["ticket"] == "R-7K3M9-QW0X2"
    for value in ("", "the old one", 7, None, "R-7K3M9-QW0X2 R-7K3M9-QW0X3"):
        assert "ticket" not in told(contact(Attributes={"redress_ticket": value}))[FIRST]


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


def asked(*documents: dict[str, Any]) -> dict[str, str]:
    """From when on the customer was to be called back, by contact."""
    found = records(known(*documents))
    return {
        id_: f"{record.asked:%H:%M:%S}"
        for id_, record in found.items()
        if isinstance(record, PlainRecord) and record.asked is not None
    }


def test_queued_callback_that_no_agent_made_is_a_missed_call() -> None:
    first, second = connect.callback()
    body = told(first, second | {"Agent": None})[SECOND]
    assert (body["result"], body.get("direction", "inbound")) == ("missed", "inbound")


def test_queued_callback_was_due_when_its_delay_was_over() -> None:
    first, second = connect.callback()
    assert asked(first, second) == asked(second) == {SECOND: "00:38:39"}


def test_queued_callback_that_the_customer_did_not_pick_up_is_still_to_be_made() -> None:
    first, second = connect.callback()
    nobody = second | {"ConnectedToSystemTimestamp": None}
    body = told(first, nobody)[SECOND]
    assert (body["direction"], body["result"]) == ("outbound", "missed")
    assert asked(first, nobody) == {SECOND: "00:38:39"}


def test_attempt_after_which_the_customer_is_called_again_is_not_the_callback() -> None:
    first, nobody, reached = connect.retried()
    found = told(first, nobody, reached)
    assert [found[one]["result"] for one in (SECOND, THIRD)] == ["missed", "answered"]
    assert asked(first, nobody, reached) == {THIRD: "00:38:39"}
    picked_up = records(known(first, nobody, reached))[THIRD]
    assert isinstance(picked_up, PlainRecord)
    assert picked_up.picked_up, "the agent of the first attempt spoke with nobody"
    assert asked(first, nobody) == {}, "nobody knows yet"


def test_attempt_days_after_the_callback_was_asked_for_is_recorded() -> None:
    """Amazon Connect allows a delay of three days before the callback is queued, and as much
    between attempts."""
    _, second = connect.callback()
    early = {"InitiationTimestamp": "2026-11-20T00:37:00Z", "ConnectedToSystemTimestamp": None}
    body = told(second | early)[SECOND]
    assert body["began"] == body.get("left_menu", body["began"]) == "2026-11-23T00:40:25.000Z"
    assert seconds(body) == {"queue": 275}
    reached = told(second | {"InitiationTimestamp": "2026-11-20T00:37:00Z"})[SECOND]
    assert reached["began"] == "2026-11-23T00:40:10.000Z"


def test_callback_that_dials_the_customer_first_is_a_call_to_the_customer() -> None:
    first, waits, dialled = connect.customer_first()
    found = told(first, waits, dialled)
    assert found[FIRST] is found[SECOND] is Ignored.GOES_ON
    body = found[THIRD]
    assert (body["direction"], body["result"], body["agent"]) == (
        "outbound",
        "answered",
        "Mei@Example.com",
    )
    times = {name: body[name][11:19] for name in ("began", "left_menu", "answered", "ended")}
    assert times == {
        "began": "00:40:10",
        "left_menu": "00:40:15",
        "answered": "00:40:25",
        "ended": "00:45:00",
    }
    assert seconds(body) == {"menu": 5, "queue": 10, "talk": 275, "hold": 0, "after": 10}
    assert asked(first, waits, dialled) == {THIRD: "00:38:39"}
    assert told(first, waits) == {FIRST: Ignored.GOES_ON, SECOND: Ignored.GOES_ON}


@pytest.mark.parametrize(
    ("fields", "direction", "result"),
    [
        ({"ConnectedToSystemTimestamp": None, "Queue": None}, "outbound", "missed"),
        ({"AnsweringMachineDetectionStatus": "VOICEMAIL_BEEP"}, "outbound", "missed"),
        ({"DisconnectReason": "CUSTOMER_DISCONNECT"}, "outbound", "abandoned_in_queue"),
        ({"DisconnectReason": "TELECOM_PROBLEM"}, "outbound", "missed"),
    ],
)
def test_customer_who_was_dialled_first_and_spoke_with_nobody_is_still_to_be_called(
    fields: dict[str, Any], direction: str, result: str
) -> None:
    first, waits, dialled = connect.customer_first()
    lost = dialled | {"Agent": None, "Recording": None, "Recordings": None} | fields
    body = told(first, waits, lost)[THIRD]
    assert (body["direction"], body["result"]) == (direction, result)
    assert asked(first, waits, lost) == {THIRD: "00:38:39"}


def test_callback_that_never_dialled_the_customer_is_a_missed_call() -> None:
    first, waits, _ = connect.customer_first()
    body = told(first, waits | {"NextContactId": None})[SECOND]
    assert (body["result"], "direction" in body) == ("missed", False)


def test_callback_that_a_flow_moves_to_another_queue_still_has_to_reach_the_customer() -> None:
    first, second = connect.callback()
    moves = second | {"NextContactId": THIRD, "Agent": None, "ConnectedToSystemTimestamp": None}
    moved = second | {
        "ContactId": THIRD,
        "PreviousContactId": SECOND,
        "InitiationMethod": "QUEUE_TRANSFER",
        "InitiationTimestamp": clock("00:38:45"),
    }
    found = told(first, moves, moved)
    assert found[SECOND] is Ignored.GOES_ON
    assert (found[THIRD]["direction"], found[THIRD]["answered"][11:19]) == ("outbound", "00:40:25")
    nobody = told(first, moves, moved | {"ConnectedToSystemTimestamp": None})
    assert nobody[THIRD]["result"] == "missed"


def test_transfer_of_a_callback_is_no_callback() -> None:
    first, second = connect.callback()
    second |= {"NextContactId": THIRD}
    third = connect.transferred()[1] | {"ContactId": THIRD, "PreviousContactId": SECOND}
    found = records(known(first, second, third))
    assert asked(first, second, third) == {SECOND: "00:38:39"}
    last = found[THIRD]
    assert isinstance(last, PlainRecord)
    assert (last.body["direction"], last.picked_up) == ("outbound", False)


# A method that Amazon Connect adds later.


def test_call_goes_on_in_a_contact_whose_method_is_not_known() -> None:
    first, second = connect.overflowed()
    found = told(first, second | {"InitiationMethod": "FROM_2030"})
    assert (found[FIRST], found[SECOND]["result"]) == (Ignored.GOES_ON, "answered")
    assert found[SECOND]["left_menu"] == "2026-11-23T00:54:20.000Z"
    lost = told(first, second | {"InitiationMethod": "FROM_2030", "Agent": None})
    assert (lost[FIRST], lost[SECOND]["result"]) == (Ignored.GOES_ON, "abandoned_in_queue")


def test_contact_of_an_unknown_method_after_the_talk_has_no_record_without_an_agent() -> None:
    first, second = connect.transferred()
    found = told(first, second | {"InitiationMethod": "FROM_2030", "Agent": None})
    assert found[SECOND] is Ignored.BESIDE


def test_callback_of_a_method_that_is_not_known_is_a_call_to_the_customer() -> None:
    first, second = connect.callback()
    found = told(first, second | {"InitiationMethod": "CALLBACK_FROM_2030"})
    assert (found[SECOND]["direction"], found[SECOND]["result"]) == ("outbound", "answered")


# A contact of another channel.


@pytest.mark.parametrize("channel", ["TASK", "CHAT", "EMAIL", "FROM_2030"])
def test_missed_call_is_recorded_if_a_task_was_made_of_it(channel: str) -> None:
    """The record of the task comes first, or last, or there is only its event."""
    task = connect.task_of_the_call() | {"Channel": channel}
    first = connect.abandoned(NextContactId=SECOND)
    event = connect.event(
        "INITIATED", "00:57:30", SECOND, channel=channel, previousContactId=FIRST
    ) | {"time": clock("00:57:31")}
    event["detail"]["initialContactId"] = FIRST
    assert told(first) == {FIRST: Ignored.GOES_ON}
    for documents in ((first, task), (task, first), (event, first), (first, event, task)):
        found = told(*documents)
        assert found[FIRST]["result"] == "abandoned_in_queue"
        assert found[SECOND] is Ignored.OTHER_CHANNEL


def test_only_the_links_of_a_contact_of_another_channel_are_kept() -> None:
    task = connect.task_of_the_call() | {"InitialContactId": None}
    assert part(task) == Part(
        SECOND,
        FIRST,
        "TASK",
        datetime(2026, 11, 23, 0, 57, 30, tzinfo=UTC),
        datetime(2026, 11, 24, 2, tzinfo=UTC),
        whole=True,
        previous=FIRST,
        voice=False,
    )
    for missing in ("ContactId", "LastUpdateTimestamp"):
        assert read_record(task | {missing: None}, INSTANCE) is Ignored.OTHER_CHANNEL


def test_contact_of_another_channel_beyond_the_most_parts_is_not_refused() -> None:
    parts = known(*(contact(ContactId=f"c-{n}", InitialContactId="c-0") for n in range(MOST_PARTS)))
    more = merged(parts, part(connect.task_of_the_call() | {"InitialContactId": "c-0"}))
    assert more == parts


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


# A transfer that nobody answered.


def test_caller_who_hung_up_in_the_queue_of_a_transfer_was_answered_before() -> None:
    first, lost, _ = connect.hung_up()
    found = told(first, lost)
    assert (found[FIRST]["result"], found[SECOND]["result"]) == ("answered", "abandoned_in_queue")
    assert found[SECOND]["began"] == "2026-11-23T00:55:20.000Z"


def test_agent_who_asked_a_queue_for_help_and_went_on_lost_nobody() -> None:
    first, asked_for, _ = connect.asked_for_help()
    found = told(first, asked_for)
    assert (found[FIRST]["result"], found[SECOND]) == ("answered", Ignored.BESIDE)


def test_colleague_who_was_asked_and_did_not_pick_up_lost_nobody() -> None:
    first, asked_for, _ = connect.asked_for_help()
    assert told(first, asked_for | {"Queue": None})[SECOND] is Ignored.BESIDE


@pytest.mark.parametrize(("ended", "beside"), [("00:55:24", True), ("00:55:25", False)])
def test_caller_hung_up_in_a_transfer_if_it_lasted_longer_than_the_talk(
    ended: str, beside: bool
) -> None:
    """Who hangs up in the second in which the agent left had somebody to speak with."""
    first, lost, _ = connect.hung_up()
    found = told(first, lost | {"DisconnectTimestamp": clock(ended)})[SECOND]
    assert (found is Ignored.BESIDE) is beside


def test_transfer_that_nobody_answered_waits_for_the_record_of_the_agent_before_it() -> None:
    """How long the agent talked is only known by then. Their work afterwards may last for days."""
    first, lost, answered = connect.hung_up()
    ended = connect.event("DISCONNECTED", "00:55:24", disconnectTimestamp=clock("00:55:24"))
    assert told(lost) == {SECOND: Ignored.WAITS}
    assert told(answered, lost) == {FIRST: Ignored.NO_RECORD, SECOND: Ignored.WAITS}
    assert told(ended, lost)[SECOND] is Ignored.WAITS
    assert told(lost | {"InitiationMethod": "FROM_2030"}) == {SECOND: Ignored.WAITS}
    assert told(lost, answered, first)[SECOND]["result"] == "abandoned_in_queue"


def test_queue_after_a_transfer_waits_for_the_agent_before_the_transfer() -> None:
    first, moved, _ = connect.hung_up()
    moved |= {"NextContactId": THIRD, "DisconnectTimestamp": clock("00:56:20")}
    lost = moved | {
        "ContactId": THIRD,
        "NextContactId": None,
        "PreviousContactId": SECOND,
        "InitiationMethod": "QUEUE_TRANSFER",
        "InitiationTimestamp": clock("00:56:20"),
        "DisconnectTimestamp": clock("00:57:40"),
    }
    assert told(moved, lost) == {SECOND: Ignored.GOES_ON, THIRD: Ignored.WAITS}
    assert told(moved, lost, first)[THIRD]["result"] == "abandoned_in_queue"


def test_caller_with_whom_nobody_spoke_waits_for_no_record() -> None:
    """A flow moved the call from queue to queue, or says that it transferred it."""
    first, second = connect.overflowed()
    lost = second | {"Agent": None, "Recording": None, "Recordings": None}
    assert told(lost)[SECOND]["result"] == "abandoned_in_queue"
    found = told(first, lost | {"InitiationMethod": "TRANSFER"})
    assert (found[FIRST], found[SECOND]["result"]) == (Ignored.GOES_ON, "abandoned_in_queue")


def test_call_that_an_agent_transferred_twice_waits_for_both() -> None:
    """The first one may have stayed in the call."""
    first, second = connect.transferred()
    second |= {"NextContactId": THIRD}
    lost = connect.hung_up()[1] | {
        "ContactId": THIRD,
        "PreviousContactId": SECOND,
        "InitiationTimestamp": clock("00:57:35"),
        "DisconnectTimestamp": clock("00:58:00"),
    }
    stayed = first | {
        "DisconnectTimestamp": clock("00:58:05"),
        "Agent": first["Agent"] | connect.of_agent("00:54:24", "00:58:05", "00:58:10"),
    }
    assert told(second, lost)[THIRD] is Ignored.WAITS
    assert told(second, lost, first)[THIRD]["result"] == "abandoned_in_queue"
    assert told(second, lost, stayed)[THIRD] is Ignored.BESIDE


def test_transfer_of_a_call_to_a_customer_is_one_too() -> None:
    first, second = connect.transferred()
    dialled = {"InitiationMethod": "OUTBOUND", "Queue": None}
    found = told(first | dialled, second)
    assert [found[one]["direction"] for one in (FIRST, SECOND)] == ["outbound", "outbound"]


CALLS = (
    connect.transferred,
    connect.hung_up,
    connect.asked_for_help,
    connect.overflowed,
    connect.callback,
    connect.retried,
    connect.customer_first,
)


@pytest.mark.parametrize("call", CALLS)
def test_order_in_which_contacts_come_changes_nothing(call: Any) -> None:
    first, second, *more = call()
    queued = connect.event("QUEUED", "00:54:20")
    changed = first | {"LastUpdateTimestamp": clock("00:59:59"), "Attributes": {"surveyed": "Y"}}
    documents = [first, second, queued, changed, *(more or [second])]
    found = [
        {
            id_: body if isinstance(body, Ignored) else body | {"updated": ""}
            for id_, body in told(*one).items()
        }
        for one in permutations(documents)
    ]
    assert len(found) == 120
    assert all(one == found[0] for one in found)
