"""Runs the state `MovePart` of the rehearsal state machine: moves open tickets to another plan.

It is a separate function because it may write tickets, which the rehearsal function may not.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from redress.base import observe
from redress.rehearsals.messages import MovePart, task_of
from redress.wiring import mover as wiring

logger = observe.logger("mover")


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Continue the part of a move that the event names: {"task": "move_part", "job", "part"}.

    Returns {"part", "state"}. The state is `done`, or `more` if the part needs another invocation.
    Errors are raised, never returned. A retry does not move a ticket again.
    """
    if event.get("warm"):
        wiring.rehearsal_jobs()
        return {"warm": True}
    task = task_of(event)
    if not isinstance(task, MovePart):
        raise ValueError(f"{event['task']!r} is not a task of this function")
    logger.append_keys(job=task.job)
    worked = wiring.rehearsal_jobs().move_part(task.job, task.part)
    logger.info("done", extra={"part": worked.part, "state": worked.state})
    return asdict(worked)
