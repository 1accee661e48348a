"""The tasks of the scores state machine: list agents, score one agent, finish a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from redress.base import observe
from redress.scores.cases import Month, Scored, ScoringCases, ScoringFinished
from redress.wiring import scoring as wiring

logger = Logger(service="scoring")


def _list_agents(cases: ScoringCases, event: dict[str, Any]) -> Month:
    return cases.list_agents(event["period"])


def _score_agent(cases: ScoringCases, event: dict[str, Any]) -> Scored:
    return cases.score_agent(
        event["agent"], event["period"], event["preview"], event["plan_version"]
    )


def _finish(cases: ScoringCases, event: dict[str, Any]) -> ScoringFinished:
    finished = cases.finish(
        event["period"], event["preview"], event["plan_version"], event["results"]
    )
    # Metrics count once per run; a metric line for each agent would be too many.
    observe.count("scoring", "ScorecardsStored", finished.stored)
    observe.count("scoring", "ScorecardsFailed", finished.failed)
    return finished


TASKS: Mapping[str, Callable[[ScoringCases, dict[str, Any]], Month | Scored | ScoringFinished]] = {
    "list_agents": _list_agents,
    "score_agent": _score_agent,
    "finish": _finish,
}


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Run the task that a state of scores.asl.json names: {"task", ...}.

    Returns the result of the `ScoringCases` method of that name, as a dict. Errors are raised,
    never returned. The state machine retries `Unavailable` and errors of Lambda itself. Any other
    error counts the agent as failed.
    """
    if event.get("warm"):
        wiring.scoring_cases()
        return {"warm": True}
    task = event.get("task", "")
    if task not in TASKS:
        raise ValueError(f"{task!r} is not a task of this function")
    logger.append_keys(task=task, period=event["period"])
    result = TASKS[task](wiring.scoring_cases(), event)
    logger.info("done", extra={"agent": event.get("agent", "")})
    return asdict(result)
