"""The scores machine, run by moto's interpreter with the product's own function."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from redress.base.errors import Unavailable
from redress.base.people import Member, Role
from redress.db.rows import Models
from redress.scores.messages import RunScores, input_of
from redress.scores.store.scores import Failure, ScoreStore
from redress.staff.rules.availability import Presence
from tests.builders import ROOT, Clock
from tests.statemachines.skipping import Sleepers, run_functions
from tests.statemachines.world import Run, definition, run_to_its_end
from tests.wired import ACCOUNT, REGION, TABLE
from tests.world import MACHINE_ROLE, Context, Staff, aws, load

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-scores"
SCORING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:redress-scoring"
AGENTS = ("a-jun", "a-mei", "a-tao")
PAYLOAD_LIMIT = 256 * 1024

Event = dict[str, Any]


@dataclass
class Scoring:
    """The scoring function; a test may plan faults for its next calls."""

    faults: dict[str, list[Exception]] = field(default_factory=dict)
    """Errors for the next calls, by agent, or by task if the task is not for one agent."""
    calls: Counter[str] = field(default_factory=Counter)

    def __call__(self, event: Event) -> Any:
        about = str(event.get("agent") or event["task"])
        self.calls[about] += 1
        if self.faults.get(about):
            raise self.faults[about].pop(0)
        return load("scoring").handler(event, Context())


@dataclass
class Machine:
    scoring: Scoring
    pauses_s: list[float]
    scores: ScoreStore
    names: int = 0

    def run(self, period: str, **more: int) -> Run:
        """Runs one execution to its end."""
        self.names += 1
        return run_to_its_end(MACHINE, f"run-{self.names}", {"period": period, **more})


@pytest.fixture
def machine(
    cloud: None, clock: Clock, sleepers: Sleepers, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """The machine as deployed, with three agents and a supervisor and no tickets."""
    scoring = Scoring()
    run_functions(monkeypatch, {"redress-scoring": scoring})
    aws("stepfunctions").create_state_machine(
        name="redress-scores",
        definition=definition("scores", ScoringFunctionArn=SCORING),
        roleArn=MACHINE_ROLE,
    )
    models = Models(TABLE, REGION)
    staff = Staff(models)
    for name in (*AGENTS, "s-lin"):
        role = Role.AGENT if name in AGENTS else Role.SUPERVISOR
        member = Member(name, name, f"{name}@example.com", role, "service", ("en",), 5)
        staff.record(member, Presence.AWAY, clock.now())
    return Machine(scoring, sleepers.pauses_s, ScoreStore(models))


def test_every_agent_gets_a_card_and_the_run_reports_it(machine: Machine) -> None:
    run = machine.run("2026-11")
    assert run.status == "SUCCEEDED", run.cause
    assert run.output == {
        "period": "2026-11",
        "agents": 3,
        "stored": 3,
        "unchanged": 0,
        "failed": 0,
    }
    assert [card.scorecard.agent for card in machine.scores.cards("2026-11")] == list(AGENTS)
    assert run.entered == {
        "MustWait": 1,
        "ListAgents": 1,
        "ScoreEachAgent": 1,
        "ScoreAgent": 3,
        "FinishScorecards": 1,
        "IsEveryAgentScored": 1,
        "CompleteMonth": 1,
    }


def test_repeat_of_a_run_waits_before_it_scores(machine: Machine) -> None:
    given = json.loads(input_of(RunScores("2026-11", wait=3600)))
    run = machine.run(**given)
    assert run.status == "SUCCEEDED", run.cause
    assert machine.pauses_s == [3600]
    assert run.output["stored"] == 3


def test_run_that_is_no_repeat_does_not_wait(machine: Machine) -> None:
    assert json.loads(input_of(RunScores("2026-11"))) == {"period": "2026-11"}
    machine.run("2026-11")
    assert machine.pauses_s == []


def test_previous_month_is_scored_without_preview_on_the_first(
    machine: Machine, clock: Clock
) -> None:
    clock.moment = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)  # the 1st, 06:00 in Shanghai
    run = machine.run("previous")
    assert run.output["period"] == "2026-11"
    assert not any(card.scorecard.preview for card in machine.scores.cards("2026-11"))


def test_second_run_leaves_every_card_unchanged(machine: Machine) -> None:
    machine.run("2026-11")
    before = machine.scores.cards("2026-11")
    run = machine.run("2026-11")
    assert (run.output["stored"], run.output["unchanged"]) == (0, 3)
    assert machine.scores.cards("2026-11") == before


def test_failing_agent_fails_the_run_but_not_the_cards_of_the_others(
    machine: Machine,
) -> None:
    machine.scoring.faults["a-mei"] = [ValueError("two facts contradict each other")] * 4
    run = machine.run("2026-11")
    assert (run.status, run.error) == ("FAILED", "ScorecardsIncomplete")
    assert [card.scorecard.agent for card in machine.scores.cards("2026-11")] == ["a-jun", "a-tao"]
    summary = machine.scores.summary("2026-11")
    assert summary.failed == (Failure("a-mei", "ValueError"),)
    assert (summary.agents, summary.stored) == (3, 2)
    assert machine.scoring.calls["a-mei"] == 4

    again = machine.run("2026-11")
    assert again.status == "SUCCEEDED"
    assert (again.output["stored"], again.output["unchanged"]) == (1, 2)
    assert machine.scores.summary("2026-11").failed == ()


def test_unavailable_table_is_retried(machine: Machine) -> None:
    for about in ("list_agents", "a-mei", "finish"):
        machine.scoring.faults[about] = [Unavailable(), Unavailable()]
    run = machine.run("2026-11")
    assert run.status == "SUCCEEDED", run.cause
    assert machine.scoring.calls["a-mei"] == 3
    assert len(machine.pauses_s) == 6


class ExitError(Exception):
    """Lambda reports a worker that died as an error with the name Runtime.ExitError."""


ExitError.__name__ = "Runtime.ExitError"


@pytest.mark.parametrize("fault", [ExitError, RuntimeError])
@pytest.mark.parametrize("about", ["list_agents", "a-mei", "finish"])
def test_crashed_worker_is_retried(machine: Machine, about: str, fault: type[Exception]) -> None:
    machine.scoring.faults[about] = [fault(), fault()]
    run = machine.run("2026-11")
    assert run.status == "SUCCEEDED", run.cause
    assert machine.scoring.calls[about] == 3


@pytest.mark.parametrize("task", ["list_agents", "finish"])
def test_run_without_a_summary_fails_with_its_cause(machine: Machine, task: str) -> None:
    machine.scoring.faults[task] = [ValueError("no such month")] * 4
    run = machine.run("2026-11")
    assert (run.status, run.error) == ("FAILED", "ScoringUnfinished")
    assert "no such month" in (run.cause or "")


def test_month_that_has_not_begun_fails_visibly(machine: Machine) -> None:
    run = machine.run("2027-01")
    assert (run.status, run.error) == ("FAILED", "ScoringUnfinished")
    assert "InvalidInput" in (run.cause or "")
    assert machine.scores.cards("2027-01") == []


def test_execution_history_contains_no_grades(machine: Machine) -> None:
    """The history keeps inputs and outputs of states, for everybody who may read executions."""
    run = machine.run("2026-11")
    assert "stored" in run.history
    assert not [word for word in ("grade", "total", "rating", "R-") if word in run.history]


def test_payload_of_a_thousand_agents_fits_a_state() -> None:
    """The largest input is that of FinishScorecards if every agent has failed."""
    agents = [f"0b7e3a52-8f3c-4c43-9d0f-0c8a3d1b{n:04d}" for n in range(1000)]
    longest = "Lambda.TooManyRequestsException"
    results = [{"agent": a, "outcome": "failed", "error": longest} for a in agents]
    state = {"period": "2026-11", "preview": False, "plan_version": 12345, "agents": agents}
    assert len(json.dumps({**state, "results": results})) < PAYLOAD_LIMIT


def _states(machine: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, state in machine["States"].items():
        found.append((name, state))
        found += _states(state["ItemProcessor"]) if "ItemProcessor" in state else []
    return found


@pytest.fixture
def states() -> list[tuple[str, dict[str, Any]]]:
    return _states(json.loads((ROOT / "statemachines" / "scores.asl.json").read_text()))


def test_every_state_has_a_comment(states: list[tuple[str, dict[str, Any]]]) -> None:
    assert [name for name, state in states if not state.get("Comment")] == []


def test_every_task_has_a_timeout_a_retry_with_jitter_and_a_catch(
    states: list[tuple[str, dict[str, Any]]],
) -> None:
    tasks = [state for _, state in states if state["Type"] == "Task"]
    assert len(tasks) == 3
    for task in tasks:
        assert type(task["TimeoutSeconds"]) is int
        assert task["TimeoutSeconds"] >= 1
        assert all(retry["JitterStrategy"] == "FULL" for retry in task["Retry"])
        assert all("States.ALL" not in retry["ErrorEquals"] for retry in task["Retry"])
        assert task["Catch"]
