"""The state `ActOnDueClocks` of the ticket machine: act on what is due, say how long to sleep."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from redress import wiring
from redress.cases.relay import MOVED

logger = Logger(service="workflow")

WAKE_UP_CALLS = {"States.Timeout", MOVED, "DynamoDb.ConditionalCheckFailedException"}
"""How a wait ends on purpose: its time came, the clocks moved, or they had moved before it."""


class WaitRefused(Exception):  # noqa: N818 - named as the console shows it
    """The table did not take the wait's token; the message is the error's name."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"ticket", "gen", "woken"} -> the input of the next wait (`timers.Sleep`).

    Errors are raised, never returned: the machine retries them with growing pauses and gives the
    generation up at last. `woken` is the error that ended the wait; one that is no wake-up call
    (the wait could not be written) is raised after the clocks were looked at, so that a machine
    whose waits are refused keeps its promises slowly and does not spin.
    """
    if event.get("warm"):
        wiring.timers()
        return {"warm": True}
    logger.append_keys(ticket=event["ticket"], generation=event["gen"])
    sleep = wiring.timers().act_on_due_clocks(event["ticket"], event["gen"])
    logger.info("looked at the clocks", extra={"phase": sleep.phase, "wait_s": sleep.wait})
    if (woken := event.get("woken")) and woken not in WAKE_UP_CALLS:
        raise WaitRefused(woken)
    return asdict(sleep)
