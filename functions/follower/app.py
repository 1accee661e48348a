"""Read the table's stream: send the messages that follow from events.

These are jobs for the mailer and requests to the assigner. The relay reads the same stream for
signals to workflows. If the mail queue refuses a message, its record is delivered again, and later
records wait. If the assigner refuses a request or does not answer, it is not asked again in this
batch, and the next sweep drains every queue. Mails then wait for one timeout of that call at most.

If the feed of changes is on, the changed tickets of a batch become one entry of it, after the mails
and the requests. If that fails, the batch is delivered again.
"""

from __future__ import annotations

from typing import Any, Protocol

from redress.base import observe
from redress.wiring import clients
from redress.wiring import follower as wiring
from redress.workflow.cases.follower import LeftToSweep
from redress.workflow.stream import CapacityFreed, EventAdded, StreamReader

logger = observe.logger("follower")


class Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Process a batch of stream records. Returns the first record to deliver again, if any."""
    case, feed = wiring.follower(), wiring.feed()
    if event.get("warm"):
        return {"warm": True}

    left: list[LeftToSweep] = []

    def follow(change: EventAdded | CapacityFreed) -> None:
        try:
            case.follow(change)
        except LeftToSweep as error:
            left.append(error)

    kinds: tuple[type[EventAdded | CapacityFreed], ...] = (EventAdded, CapacityFreed)
    reader = StreamReader(
        "follower",
        logger,
        kinds,
        follow,
        wiring.letters(),
        lambda: context.get_remaining_time_in_millis() / 1000,
        clients.now,
        feed.append if feed is not None else None,
    )
    answer = reader.read(event["Records"])
    if left:
        found = {"changes": len(left)} | observe.fault_of(left[0])
        logger.warning("the sweep will ask for an agent", extra=found)
    return answer
