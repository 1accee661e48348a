"""The state `MovePart` of the rehearsal machine: move open tickets to another plan, one by one.

A function of its own, because it may write tickets and a rehearsal may not.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from redress.base import observe
from redress.wiring import mover as wiring

logger = Logger(service="mover")


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """{"task": "move_part", "job", "part"} -> {"part", "state"}: `done`, or `more` to go on with.

    Errors are raised, never returned; a ticket that was moved is left alone by the next try.
    """
    if event.get("warm"):
        wiring.rehearsal_jobs()
        return {"warm": True}
    if event.get("task") != "move_part":
        raise ValueError(f"{event.get('task')!r} is not a task of this function")
    logger.append_keys(job=event["job"])
    worked = wiring.rehearsal_jobs().move_part(event["job"], event["part"])
    logger.info("done", extra={"part": worked.part, "state": worked.state})
    return asdict(worked)
