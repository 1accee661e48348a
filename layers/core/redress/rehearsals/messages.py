"""The messages of a rehearsal or a move: the input of the state machine, and its tasks.

The state machine (`statemachines/rehearsal.asl.json`) fills in the tasks from the results of
earlier ones. A template test compares its payloads with these types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class RunJob(msgspec.Struct, frozen=True):
    """The input of an execution: `{"job": "5f0e3a528f3c4c43"}`."""

    job: str


class PartResult(msgspec.Struct, frozen=True):
    """What became of one part: `done`, or `failed` with the error's name."""

    part: str
    state: str
    error: str = ""


class ListParts(msgspec.Struct, frozen=True, tag_field="task", tag="list_parts"):
    """Divide a job into parts."""

    job: str


class RehearsePart(msgspec.Struct, frozen=True, tag_field="task", tag="rehearse_part"):
    """Continue one part of a rehearsal, or of the dry run of a move."""

    job: str
    part: str


class MovePart(msgspec.Struct, frozen=True, tag_field="task", tag="move_part"):
    """Continue one part of a move that is applied."""

    job: str
    part: str


class FinishJob(msgspec.Struct, frozen=True, tag_field="task", tag="finish"):
    """Add up the counts of all parts and end the job. `results` has the result of each part."""

    job: str
    results: list[PartResult]


class FailJob(msgspec.Struct, frozen=True, tag_field="task", tag="fail"):
    """Mark a job as failed, with the name of the error."""

    job: str
    error: str


Task = ListParts | RehearsePart | MovePart | FinishJob | FailJob


def input_of(run: RunJob) -> str:
    return msgspec.json.encode(run).decode()


def task_of(event: Mapping[str, Any]) -> Task:
    """The task in an event. Raises ValueError for anything else."""
    try:
        task: Task = msgspec.convert(event, Task)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a task of a rehearsal: {error}") from error
    return task
