"""Read the table's stream: send a signal to the workflow of each ticket whose TIMER changed.

The follower reads the same stream for everything else, so no other work delays a signal.
"""

from __future__ import annotations

from typing import Any, Protocol

from redress.base import observe
from redress.wiring import clients
from redress.wiring import relay as wiring
from redress.workflow.stream import StreamReader, TimerChanged

logger = observe.logger("relay")


class Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Process a batch of stream records. Returns the first record to deliver again, if any."""
    case = wiring.relay()
    if event.get("warm"):
        return {"warm": True}
    reader = StreamReader(
        "relay",
        logger,
        (TimerChanged,),
        case.follow,
        wiring.letters(),
        lambda: context.get_remaining_time_in_millis() / 1000,
        clients.now,
    )
    return reader.read(event["Records"])
