"""The messages of a scoring run: the input of the state machine, and its tasks for the function.

The state machine (`statemachines/scores.asl.json`) fills in the tasks from the results of earlier
ones. A template test compares its payloads with these types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class RunScores(msgspec.Struct, frozen=True, omit_defaults=True):
    """The input of an execution: `{"period": "2026-11"}`.

    `wait` is how many seconds the execution waits before its first task. Without it, it does not
    wait.
    """

    period: str
    wait: int = 0


class AgentResult(msgspec.Struct, frozen=True):
    """What became of one agent's card: `stored`, `unchanged`, or `failed` with the error's name."""

    agent: str
    outcome: str
    error: str = ""


class ListAgents(msgspec.Struct, frozen=True, tag_field="task", tag="list_agents"):
    """Find the agents to score in a period, "2026-11" or "previous"."""

    period: str


class ScoreAgent(msgspec.Struct, frozen=True, tag_field="task", tag="score_agent"):
    """Score one agent's month under this version of the plan."""

    agent: str
    period: str
    preview: bool
    plan_version: int


class FinishRun(msgspec.Struct, frozen=True, tag_field="task", tag="finish"):
    """Store the result of a run."""

    period: str
    preview: bool
    plan_version: int
    results: list[AgentResult]


Task = ListAgents | ScoreAgent | FinishRun


def input_of(run: RunScores) -> str:
    return msgspec.json.encode(run).decode()


def task_of(event: Mapping[str, Any]) -> Task:
    """The task in an event. Raises ValueError for anything else."""
    try:
        task: Task = msgspec.convert(event, Task)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a task of scoring: {error}") from error
    return task
