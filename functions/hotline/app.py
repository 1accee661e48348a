"""Take the calls of Amazon Connect: contact records from Kinesis, contact events from EventBridge.

Without the parameters ConnectInstanceArn and ConnectRecordsStreamArn nothing calls this function.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from redress.base import observe
from redress.connectors.contact_stream import ContactReader, contact_of, faults_of
from redress.connectors.rules import amazon_connect as rules
from redress.wiring import hotline as wiring

logger = observe.logger("hotline")


class Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Take a batch of contact records and return the first one to deliver again, if any; or take
    one contact event. Lambda repeats an event that fails twice, and sets it aside after that."""
    case = wiring.amazon_connect()
    if event.get("warm"):
        return {"warm": True}
    records = "Records" in event
    read = rules.read_record if records else rules.read_event
    reader = ContactReader(
        partial(read, instance=wiring.settings().connect_instance_arn),
        case.take,
        logger,
        wiring.letters(),
        lambda: context.get_remaining_time_in_millis() / 1000,
    )
    if records:
        return reader.read_batch(event["Records"])
    try:
        reader.take_one(event)
    except Exception as error:
        about = {"contact": contact_of(event)} | faults_of(error)
        logger.error("an event was not taken", extra=about)
        raise
    return {}
