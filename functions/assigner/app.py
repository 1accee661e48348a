"""Assignment: give a waiting ticket to an agent, or drain a team's queue."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from redress import wiring
from redress.base import observe
from redress.base.errors import NotFound

logger = Logger(service="assigner")


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"ticket"} or {"team"} -> how many tickets were assigned.

    Invoked asynchronously: an error is retried by Lambda and at last set aside; the sweep offers
    every queued ticket again anyway.
    """
    if event.get("warm"):
        wiring.assignment()
        return {"warm": True}
    case = wiring.assignment()
    if "ticket" in event:
        logger.append_keys(ticket=event["ticket"])
        try:
            assigned = 1 if case.assign(event["ticket"]) else 0
        except NotFound:
            logger.info("gone meanwhile")
            return {"assigned": 0}
    else:
        logger.append_keys(team=event["team"])
        assigned = len(case.drain(event["team"]))
    logger.info("offered", extra={"assigned": assigned})
    return {"assigned": assigned}
