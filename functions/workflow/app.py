"""The state `ActOnDueClocks` of the ticket machine: act on what is due, say how long to sleep."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from redress import wiring

logger = Logger(service="workflow")


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"ticket", "gen"} -> the input of the next wait (`timers.Sleep`).

    Errors are raised, never returned: the machine retries `Unavailable` and what Lambda itself
    reports, and gives the generation up on anything else.
    """
    if event.get("warm"):
        wiring.timers()
        return {"warm": True}
    logger.append_keys(ticket=event["ticket"], generation=event["gen"])
    sleep = wiring.timers().act_on_due_clocks(event["ticket"], event["gen"])
    logger.info("looked at the clocks", extra={"phase": sleep.phase, "wait_s": sleep.wait})
    return asdict(sleep)
