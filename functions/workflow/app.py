"""The state `ActOnDueClocks` of the ticket machine: act on what is due, say how long to sleep."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from redress.base import observe
from redress.base.errors import RedressError
from redress.wiring import workflow as wiring
from redress.workflow.cases.relay import MOVED

logger = Logger(service="workflow")

WAKE_UP_CALLS = {"States.Timeout", MOVED, "DynamoDb.ConditionalCheckFailedException"}
"""How a wait ends on purpose: its time came, the clocks moved, or they had moved before it."""

PAUSES = 3
"""Attempts, with pauses of up to 5, 10 and 20 s between, before a refused wait is tried again."""


class WaitRefused(RedressError):
    """The table did not take the wait's token; the message is the error's name."""


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"ticket", "gen", "woken", "attempt"} -> the input of the next wait (`timers.Sleep`).

    Executions keep the definition that they began under for up to a year, so whatever came after
    `ticket` and `gen` may be missing.
    Errors are raised, never returned: the machine retries them with growing pauses and gives the
    generation up at last. `woken` is the error that ended the wait. One that is no wake-up call
    (the wait could not be written) is raised for PAUSES attempts, each after a look at the clocks:
    so a machine whose waits are refused goes on keeping its promises, and does not spin.
    """
    if event.get("warm"):
        wiring.timers()
        return {"warm": True}
    logger.append_keys(ticket=event["ticket"], generation=event["gen"])
    sleep = wiring.timers().act_on_due_clocks(event["ticket"], event["gen"])
    logger.info("looked at the clocks", extra={"phase": sleep.phase, "wait_s": sleep.wait})
    woken = event.get("woken")
    if woken and woken not in WAKE_UP_CALLS and event.get("attempt", PAUSES) < PAUSES:
        raise WaitRefused(woken)
    return asdict(sleep)
