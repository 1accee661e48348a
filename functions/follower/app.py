"""Read the table's stream: send the messages that follow from events.

These are jobs for the mailer and requests to the assigner. The relay reads the same stream for
signals to workflows. The messages of a batch are sent together: first all mails, then all requests.
If the mail queue refuses a message, its record is delivered again, and later records wait. If the
assigner refuses a request or does not answer, it is not asked again in this batch, and the next
sweep drains every queue.

If the feed of changes is on, the changed tickets of a batch become one entry of it, after the mails
and the requests. If that fails, the batch is delivered again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from redress.base import observe
from redress.wiring import clients
from redress.wiring import follower as wiring
from redress.workflow.cases.follower import Followed, LeftToSweep
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

    left: list[Exception] = []

    def deliver(has_time: Callable[[float], bool]) -> dict[Followed, Exception]:
        faults = case.deliver(has_time)
        left.extend(error for error in faults.values() if isinstance(error, LeftToSweep))
        return {of: error for of, error in faults.items() if not isinstance(error, LeftToSweep)}

    kinds: tuple[type[EventAdded | CapacityFreed], ...] = (EventAdded, CapacityFreed)
    reader = StreamReader(
        "follower",
        logger,
        kinds,
        case.follow,
        wiring.letters(),
        lambda: context.get_remaining_time_in_millis() / 1000,
        clients.now,
        feed.append if feed is not None else None,
        deliver,
    )
    answer = reader.read(event["Records"])
    if left:
        found = {"changes": len(left)} | observe.fault_of(left[0])
        logger.warning("the sweep will ask for an agent", extra=found)
    return answer
