"""What Amazon Connect publishes, for tests.

`contact-record.json` has the fields and the form of a record of Amazon Connect, with values of this
product's test day. The events have the values of the examples in the Administrator Guide ("Contact
events"), in the three forms in which these were published. The guide has no complete example of a
record, but a table of times for a queued callback (`CALLBACK`).
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
