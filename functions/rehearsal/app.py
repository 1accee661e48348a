"""The tasks of the rehearsal state machine that write only the rehearsal's own items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from redress.base import observe
from redress.rehearsals.cases import Listed, RehearsalFinished, RehearsalJobs, Worked
from redress.wiring import rehearsal as wiring

logger = Logger(service="rehearsal")


def _list_parts(jobs: RehearsalJobs, event: dict[str, Any]) -> Listed:
    return jobs.list_parts(event["job"])


def _rehearse_part(jobs: RehearsalJobs, event: dict[str, Any]) -> Worked:
    return jobs.rehearse_part(event["job"], event["part"])


def _finish(jobs: RehearsalJobs, event: dict[str, Any]) -> RehearsalFinished:
    return jobs.finish(event["job"], event["results"])


def _fail(jobs: RehearsalJobs, event: dict[str, Any]) -> RehearsalFinished:
    return jobs.fail(event["job"], event["error"])


TASKS: Mapping[
    str, Callable[[RehearsalJobs, dict[str, Any]], Listed | Worked | RehearsalFinished]
] = {
    "list_parts": _list_parts,
    "rehearse_part": _rehearse_part,
    "finish": _finish,
    "fail": _fail,
}


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Run the task that a state of rehearsal.asl.json names: {"task", "job", ...}.

    Returns the result of the task as a dict. Errors are raised, never returned. The state machine
    retries `Unavailable` and errors of Lambda itself. Any other error counts the part as failed.
    """
    if event.get("warm"):
        wiring.rehearsal_jobs()
        return {"warm": True}
    task = event.get("task", "")
    if task not in TASKS:
        raise ValueError(f"{task!r} is not a task of this function")
    logger.append_keys(task=task, job=event["job"])
    result = TASKS[task](wiring.rehearsal_jobs(), event)
    logger.info("done", extra={"part": event.get("part", "")})
    return asdict(result)
