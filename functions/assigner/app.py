"""The assigner: assigns one queued ticket to an agent, drains a team's queue, finds duplicates."""

from __future__ import annotations

from typing import Any

from redress.base import observe
from redress.base.errors import NotFound, Unreadable
from redress.staff import messages
from redress.staff.messages import AssignTicket, DrainQueue, FindDuplicates
from redress.wiring import assigner as wiring

logger = observe.logger("assigner")


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Handle `{"ticket": ...}` or `{"team": ...}` and return how many tickets were assigned.

    Handle `{"compare": ...}` and return how many tickets got a proposal of duplicates.

    The function is invoked asynchronously. Lambda retries a failed invocation and finally sends it
    to the dead-letter queue. Its ticket is not lost, because the sweep offers every queued ticket
    again.
    """
    if event.get("warm"):
        wiring.assignment()
        return {"warm": True}
    assignment = wiring.assignment()
    match messages.decode(event):
        case AssignTicket(number):
            logger.append_keys(ticket=number)
            try:
                assigned = 1 if assignment.assign(number) else 0
            except NotFound:
                logger.info("there is no such ticket")
                return {"assigned": 0}
            except Unreadable:
                # A retry cannot succeed. After a repair, the sweep offers the ticket again.
                logger.error("the ticket cannot be read")
                return {"assigned": 0}
        case DrainQueue(team, agent):
            logger.append_keys(team=team)
            assigned = len(assignment.drain(team, agent))
        case FindDuplicates(number):
            logger.append_keys(ticket=number)
            return {"proposed": _proposed(number)}
    logger.info("offered", extra={"assigned": assigned})
    return {"assigned": assigned}


def _proposed(number: str) -> int:
    try:
        found = wiring.duplicates().search(number)
    except NotFound:
        logger.info("there is no such ticket")
        return 0
    except Unreadable:
        # A retry cannot succeed.
        logger.error("the ticket cannot be read")
        return 0
    logger.info("compared", extra={"proposed": found})
    return found
