"""What Amazon Connect publishes, for tests.

`contact-record.json` has the fields and the form of a record of Amazon Connect, with values of this
product's test day. The events have the values of the examples in the Administrator Guide ("Contact
events"), in the three forms in which these were published. The guide has no complete example of a
record, but

- a table of times for a queued callback, agent first (`callback`);
- which fields the contacts of a callback, customer first, have, and what their times mean
  (`customer_first`);
- the data model, by which a transfer out of the instance is complete when its endpoint is connected
  (`transferred_out`).
"""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

from tests.builders import ROOT

FOLDER = ROOT / "tests" / "connectors" / "amazon_connect"
INSTANCE = "arn:aws:connect:us-east-1:123456789012:instance/12345678-1234-1234-1234-123456789012"
FIRST = "11111111-1111-1111-1111-111111111111"
SECOND = "22222222-2222-2222-2222-222222222222"
THIRD = "33333333-3333-3333-3333-333333333333"
SEQUENCE = 49590338271490256608559692538361571095921575989136588898
"""The sequence number of the first record of a batch."""


def published(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def clock(time: str) -> str:
    """`00:54:20` on the test day."""
    return f"2026-11-23T{time}Z"


def contact(**fields: Any) -> dict[str, Any]:
    """The contact record of the folder with other fields. `Agent` and `Queue` are changed by field;
    None removes all of them."""
    found = published("contact-record")
    for name, value in fields.items():
        whole = found.get(name)
        found[name] = {**whole, **value} if isinstance(value, dict) and whole else value
    return deepcopy(found)


def of_agent(answered: str, left: str, worked: str, **fields: Any) -> dict[str, Any]:
    """The times of an agent in a record."""
    return {
        "ConnectedToAgentTimestamp": clock(answered),
        "AfterContactWorkStartTimestamp": clock(left),
        "AfterContactWorkEndTimestamp": clock(worked),
        "CustomerHoldDuration": 0,
        **fields,
    }


def abandoned(**fields: Any) -> dict[str, Any]:
    """A call whose caller hung up in the queue."""
    queue = {"DequeueTimestamp": clock("00:57:40")}
    usual = {"Agent": None, "Recording": None, "Recordings": None, "Queue": queue}
    return contact(**(usual | fields))


def transferred() -> tuple[dict[str, Any], dict[str, Any]]:
    """A call that Mei transferred to a queue, from which Jun took it."""
    first = contact(
        DisconnectTimestamp=clock("00:55:24"),
        Agent=of_agent("00:54:24", "00:55:24", "00:58:00"),
        NextContactId=SECOND,
        LastUpdateTimestamp=clock("00:58:30"),
    )
    second = contact(
        ContactId=SECOND,
        InitialContactId=FIRST,
        PreviousContactId=FIRST,
        InitiationMethod="TRANSFER",
        InitiationTimestamp=clock("00:55:20"),
        ConnectedToSystemTimestamp=clock("00:55:20"),
        Queue={"EnqueueTimestamp": clock("00:55:25"), "Name": "Refunds"},
        Agent=of_agent("00:55:55", "00:57:40", "00:57:50", Username="jun@example.com"),
        LastUpdateTimestamp=clock("00:58:10"),
    )
    return first, second


def hung_up() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A call that Mei transferred to a queue, in which the caller hung up. An event said before
    that she spoke with them."""
    first, second = transferred()
    nobody = {"Agent": None, "Recording": None, "Recordings": None}
    return first, second | nobody, event("CONNECTED_TO_AGENT", "00:54:24")


def asked_for_help() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Mei called a queue for help, gave up after a minute, and went on with the caller."""
    first, second, answered = hung_up()
    first |= {
        "DisconnectTimestamp": clock("00:57:40"),
        "Agent": first["Agent"] | of_agent("00:54:24", "00:57:40", "00:58:00"),
    }
    second |= {
        "DisconnectTimestamp": clock("00:56:20"),
        "DisconnectReason": "AGENT_DISCONNECT",
        "LastUpdateTimestamp": clock("00:57:00"),
    }
    return first, second, answered


def overflowed() -> tuple[dict[str, Any], dict[str, Any]]:
    """A call that a flow moved to another queue, because nobody in the first one was free."""
    first = abandoned(
        DisconnectTimestamp=clock("00:54:50"),
        DisconnectReason="CONTACT_FLOW_DISCONNECT",
        NextContactId=SECOND,
        LastUpdateTimestamp=clock("00:55:20"),
    )
    second = contact(
        ContactId=SECOND,
        InitialContactId=FIRST,
        PreviousContactId=FIRST,
        InitiationMethod="QUEUE_TRANSFER",
        InitiationTimestamp=clock("00:54:50"),
        Queue={"EnqueueTimestamp": clock("00:54:50"), "Name": "Overflow"},
        Agent=of_agent("00:55:00", "00:57:40", "00:58:12"),
    )
    return first, second


def callback() -> tuple[dict[str, Any], dict[str, Any]]:
    """The queued callback of the guide: its times, eleven hours earlier."""
    first = abandoned(
        InitiationTimestamp=clock("00:35:00"),
        ConnectedToSystemTimestamp=clock("00:35:00"),
        Queue={"Name": "InboundQueue", "EnqueueTimestamp": clock("00:35:00")},
        DisconnectTimestamp=clock("00:37:00"),
        DisconnectReason="CONTACT_FLOW_DISCONNECT",
        NextContactId=SECOND,
        LastUpdateTimestamp=clock("00:38:00"),
    )
    second = contact(
        ContactId=SECOND,
        InitialContactId=FIRST,
        PreviousContactId=FIRST,
        InitiationMethod="CALLBACK",
        InitiationTimestamp=clock("00:37:00"),
        Queue={"Name": "CallbackQueue", "EnqueueTimestamp": clock("00:38:39"), "Duration": 120},
        ConnectedToSystemTimestamp=clock("00:40:10"),
        Agent=of_agent("00:40:25", "00:45:00", "00:45:10"),
        DisconnectTimestamp=clock("00:45:00"),
        LastUpdateTimestamp=clock("00:46:00"),
    )
    return first, second


def retried() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A queued callback, agent first, that the customer picks up at the second attempt."""
    first, second = callback()
    nobody = second | {
        "NextContactId": THIRD,
        "ConnectedToSystemTimestamp": None,
        "Agent": second["Agent"] | of_agent("00:39:00", "00:39:40", "00:39:45"),
        "DisconnectTimestamp": clock("00:39:40"),
        "LastUpdateTimestamp": clock("00:39:50"),
        "Recording": None,
        "Recordings": None,
    }
    third = second | {
        "ContactId": THIRD,
        "PreviousContactId": SECOND,
        "InitiationTimestamp": clock("00:39:40"),
        "Queue": {"Name": "CallbackQueue", "EnqueueTimestamp": clock("00:39:50")},
        "Agent": second["Agent"] | {"Username": "jun@example.com"},
    }
    return first, nobody, third


def customer_first() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A queued callback, customer first: the caller's call, the wait until somebody is dialled,
    and the dialled call, in which the customer waits for an agent."""
    first, agent_first = callback()
    waits = agent_first | {
        "InitiationMethod": "CALLBACK_CUSTOMER_FIRST_QUEUED",
        "NextContactId": THIRD,
        "Agent": None,
        "Recording": None,
        "Recordings": None,
        # When the flow began that created the callback: nobody was called.
        "ConnectedToSystemTimestamp": clock("00:37:00"),
        "DisconnectTimestamp": clock("00:40:00"),
        "DisconnectReason": None,
        "LastUpdateTimestamp": clock("00:40:05"),
    }
    dialled = agent_first | {
        "ContactId": THIRD,
        "PreviousContactId": SECOND,
        "InitiationMethod": "CALLBACK_CUSTOMER_FIRST_DIALED",
        "InitiationTimestamp": clock("00:40:00"),
        "ConnectedToSystemTimestamp": clock("00:40:10"),
        "AnsweringMachineDetectionStatus": "HUMAN_ANSWERED",
        "Queue": {"Name": "Repairs", "EnqueueTimestamp": clock("00:40:15"), "Duration": 10},
        "Agent": agent_first["Agent"] | of_agent("00:40:25", "00:45:00", "00:45:10"),
    }
    return first, waits, dialled


def transferred_out(**agent: Any) -> dict[str, Any]:
    """An external warm transfer. The caller is on hold while the agent dials; the endpoint picks up
    at 00:10:50; the three speak; the agent leaves at 00:14:00, and the caller stays.
    """
    times = of_agent("00:10:10", "00:14:00", "00:14:30", CustomerHoldDuration=100)
    return contact(
        InitiationTimestamp=clock("00:09:40"),
        ConnectedToSystemTimestamp=clock("00:09:40"),
        Queue={"EnqueueTimestamp": clock("00:10:00"), "DequeueTimestamp": clock("00:10:10")},
        Agent=times | {"AgentInteractionDuration": 130} | agent,
        TransferCompletedTimestamp=clock("00:10:50"),
        TransferredToEndpoint={"Address": "+8613900139000", "Type": "TELEPHONE_NUMBER"},
        DisconnectTimestamp=clock("00:47:28"),
        NextContactId=SECOND,
    )


def task_of_the_call() -> dict[str, Any]:
    """A task that a flow made of a call, and that is done the day after."""
    return contact(
        ContactId=SECOND,
        InitialContactId=FIRST,
        PreviousContactId=FIRST,
        Channel="TASK",
        InitiationMethod="API",
        InitiationTimestamp=clock("00:57:30"),
        ConnectedToSystemTimestamp=None,
        CustomerEndpoint=None,
        LastUpdateTimestamp="2026-11-24T02:00:00Z",
        DisconnectTimestamp="2026-11-24T02:00:00Z",
        Recording=None,
        Recordings=None,
    )


def event(kind: str, at: str, contact_id: str = FIRST, **detail: Any) -> dict[str, Any]:
    """A contact event of the test day, in the newest form."""
    found = published("event-connected-to-agent")
    del found["detail"]["agentInfo"], found["detail"]["queueInfo"]
    found["time"] = clock(at)
    found["detail"] |= {
        "eventType": kind,
        "contactId": contact_id,
        "instanceArn": INSTANCE,
        "initiationTimestamp": clock("00:54:00"),
    }
    found["detail"] |= detail
    return found


def kinesis(*documents: Any) -> dict[str, Any]:
    """A batch of records of a Kinesis data stream, as Lambda passes it. Bytes are passed as they
    are."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": str(number),
                    "sequenceNumber": str(SEQUENCE + number),
                    "data": base64.b64encode(
                        one if isinstance(one, bytes) else json.dumps(one).encode()
                    ).decode(),
                    "approximateArrivalTimestamp": 1795395600.0,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{number}",
                "eventName": "aws:kinesis:record",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/contact-records",
            }
            for number, one in enumerate(documents)
        ]
    }
