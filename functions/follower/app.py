"""Read the table's stream: send the messages that follow from events.

These are jobs for the mailer and requests to the assigner. The relay reads the same stream for
signals to workflows. If the mail queue refuses a message, its record is delivered again, and later
records wait. If the assigner refuses a request, nothing waits: the next sweep drains every queue.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from redress.base import observe
from redress.wiring import follower as wiring
from redress.workflow.cases.follower import LeftToSweep
from redress.workflow.stream import CapacityFreed, EventAdded, StreamReader

logger = Logger(service="follower")


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Process a batch of stream records. Returns the first record to deliver again, if any."""
    case = wiring.follower()
    if event.get("warm"):
        return {"warm": True}

    def follow(change: EventAdded | CapacityFreed) -> None:
        try:
            case.follow(change)
        except LeftToSweep as error:
            logger.warning("the sweep will ask for an agent", extra=observe.fault_of(error))
            observe.count("follower", "AssignmentLeft")

    kinds: tuple[type[EventAdded | CapacityFreed], ...] = (EventAdded, CapacityFreed)
    return StreamReader("follower", logger, kinds, follow, wiring.letters()).read(event["Records"])
