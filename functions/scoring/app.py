"""The tasks of the scores state machine: list agents, score one agent, finish a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from redress.base import observe
from redress.scores.cases.runs import Month, Scored, ScoringFinished, ScoringJobs
from redress.scores.messages import FinishRun, ListAgents, ScoreAgent, Task, task_of
from redress.wiring import scoring as wiring

logger = observe.logger("scoring")


def _do(jobs: ScoringJobs, task: Task) -> Month | Scored | ScoringFinished:
    match task:
        case ListAgents(period):
            return jobs.list_agents(period)
        case ScoreAgent(agent, period, preview, plan_version):
            return jobs.score_agent(agent, period, preview, plan_version)
        case FinishRun(period, preview, plan_version, results):
            return jobs.finish(period, preview, plan_version, results)


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Run the task that a state of scores.asl.json names: {"task", ...}.

    Returns the result of the task as a dict. Errors are raised, never returned. The state machine
    retries each of them, `Unavailable` and errors of Lambda itself more often. An error of
    `score_agent` that lasts counts the agent as failed.
    """
    if event.get("warm"):
        wiring.scoring_jobs()
        return {"warm": True}
    task = task_of(event)
    logger.append_keys(task=event["task"], period=task.period)
    result = _do(wiring.scoring_jobs(), task)
    logger.info("done", extra={"agent": getattr(task, "agent", "")})
    return asdict(result)
