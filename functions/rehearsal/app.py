"""The tasks of the rehearsal state machine that write only the rehearsal's own items."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from redress.base import observe
from redress.rehearsals.cases import Listed, RehearsalFinished, RehearsalJobs, Worked
from redress.rehearsals.messages import (
    FailJob,
    FinishJob,
    ListParts,
    MovePart,
    RehearsePart,
    Task,
    task_of,
)
from redress.wiring import rehearsal as wiring

logger = observe.logger("rehearsal")


def _do(jobs: RehearsalJobs, task: Task) -> Listed | Worked | RehearsalFinished:
    match task:
        case ListParts(job):
            return jobs.list_parts(job)
        case RehearsePart(job, part):
            return jobs.rehearse_part(job, part)
        case FinishJob(job, results):
            return jobs.finish(job, results)
        case FailJob(job, error):
            return jobs.fail(job, error)
        case MovePart():
            raise ValueError("moving tickets is not a task of this function")


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
    task = task_of(event)
    logger.append_keys(task=event["task"], job=task.job)
    result = _do(wiring.rehearsal_jobs(), task)
    logger.info("done", extra={"part": getattr(task, "part", "")})
    return asdict(result)
