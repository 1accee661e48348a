"""The state `ActOnDueClocks` of the ticket machine: act on due clocks, compute the next wait."""

from __future__ import annotations

from typing import Any

import msgspec

from redress.base import observe
from redress.base.errors import RedressError
from redress.wiring import workflow as wiring
from redress.workflow.cases.relay import MOVED
from redress.workflow.messages import woken_of

logger = observe.logger("workflow")

WAKE_UP_CALLS = {"States.Timeout", MOVED, "DynamoDb.ConditionalCheckFailedException"}
"""The errors with which a wait ends as intended: its time came, the clocks changed during it, or
they had changed before it was armed."""

PAUSES = 3
"""Attempts that fail with WaitRefused before the wait is armed again. The machine pauses for up to
5, 10 and 20 s between them."""


class WaitRefused(RedressError):
    """The token of a wait could not be written. The message is the name of the error."""


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take a `Woken` message. Return the input of the next wait (`Sleep`).

    `woken` is the error that ended the wait, and `attempt` counts the retries of this state.
    Executions keep the definition with which they began for up to a year. An old one may send only
    `ticket` and `gen`.

    Errors are raised, never returned. The machine retries after growing pauses. After the last
    retry, the execution fails.

    An error outside WAKE_UP_CALLS means that the machine could not begin the wait. In that case the
    first PAUSES attempts act on the due clocks and then raise WaitRefused. Acting keeps the
    promises. Raising makes the machine pause before it tries to wait again.
    """
    if event.get("warm"):
        wiring.timers()
        return {"warm": True}
    message = woken_of(event)
    logger.append_keys(ticket=message.ticket, generation=message.gen)
    sleep = wiring.timers().act_on_due_clocks(message.ticket, message.gen)
    logger.info("checked the clocks", extra={"phase": sleep.phase, "wait_s": sleep.wait})
    refused = message.woken and message.woken not in WAKE_UP_CALLS
    if refused and message.attempt is not None and message.attempt < PAUSES:
        raise WaitRefused(message.woken)
    return msgspec.structs.asdict(sleep)
