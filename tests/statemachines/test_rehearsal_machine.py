"""The rehearsal machine, run by moto's interpreter with the product's own functions."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.base.errors import Unavailable
from redress.db import keys
from redress.db.rows import Models
from redress.rehearsals import cases
from redress.rehearsals.rules.counting import Counts
from redress.rehearsals.store import JobKind, JobState, Progress, RehearsalStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.workflow.store import ReportStore
from tests.builders import START, Clock, plan_document, rehearsal_job
from tests.statemachines.skipping import Sleepers, eventually, run_functions
from tests.statemachines.world import Run, definition, run_to_its_end
from tests.wired import ACCOUNT, REGION, TABLE
from tests.world import MACHINE_ROLE, Context, Opener, Stores, aws, load

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-rehearsal"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:redress-"
PAYLOAD_LIMIT = 256 * 1024
HISTORY_LIMIT = 25_000
LARGEST = 3_000_000
"""Most tickets in one rehearsal, as docs/rehearsal.md says."""
AN_INVOCATION = 2_000
"""Tickets that one invocation processes at least, in its 40 s."""
CONTINUATION_EVENTS = 9
"""History events when a part continues in another invocation: a task has five, a choice two."""
DAYS = 30

Event = dict[str, Any]


@dataclass
class Functions:
    """Both functions; a test may plan faults for their next calls."""

    faults: dict[str, list[Exception]] = field(default_factory=dict)
    """Errors for the next calls, by task."""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Number of calls by function and task."""

    def of(self, function: str) -> Any:
        def run(event: Event) -> Any:
            self.calls[function, event["task"]] += 1
            if self.faults.get(event["task"]):
                raise self.faults[event["task"]].pop(0)
            return load(function).handler(event, Context())

        return run


@dataclass
class Machine(Stores):
    functions: Functions
    pauses_s: list[float]
    rehearsals: RehearsalStore
    clock: Clock
    jobs: int = 0

    def open(self, kind: str = "complaint") -> str:
        return Opener(self, self.clock)(kind).number

    def begin(self, **fields: Any) -> str:
        """Stores a job, as the staff API does; does not start the machine."""
        self.jobs += 1
        fields = {
            "id": f"{self.jobs:016x}",
            "begun_at": self.clock.now(),
            "start": START - timedelta(days=DAYS),
            "end": START + timedelta(days=DAYS),
        } | fields
        job = rehearsal_job(**fields)
        draft = plan_document()
        draft["levels"]["complaint"]["promises"]["first_response"]["within"] = "1h"
        self.rehearsals.begin(job, draft, self.clock.now())
        return job.id

    def run(self, job: str) -> Run:
        """Runs one execution to its end."""
        return run_to_its_end(MACHINE, job, {"job": job})

    def progress(self, job: str) -> Progress:
        return self.rehearsals.job(job)[1]


@pytest.fixture
def machine(
    cloud: None, clock: Clock, sleepers: Sleepers, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """The machine as deployed, over an empty table, with few and large parts."""
    monkeypatch.setattr(cases, "PIECES", 1)
    functions = Functions()
    handlers = {f"redress-{name}": functions.of(name) for name in ("rehearsal", "mover")}
    run_functions(monkeypatch, handlers)
    aws("stepfunctions").create_state_machine(
        name="redress-rehearsal",
        definition=definition(
            "rehearsal",
            RehearsalFunctionArn=f"{FUNCTION}rehearsal",
            MoverFunctionArn=f"{FUNCTION}mover",
        ),
        roleArn=MACHINE_ROLE,
    )
    models = Models(TABLE, REGION)
    return Machine(
        **Stores.parts(models, clock.now),
        functions=functions,
        pauses_s=sleepers.pauses_s,
        rehearsals=RehearsalStore(models),
        clock=clock,
    )


def parts_of(machine: Machine, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Limits the known teams, so that a move has few parts."""
    monkeypatch.setattr(cases, "known_teams", lambda *stores: set(names))


# ------------------------------------------------------------------------------- success


def test_every_part_is_rehearsed_and_added_up(machine: Machine) -> None:
    for _ in range(5):
        machine.open()
    machine.clock.advance(hours=3)
    job = machine.begin()
    run = machine.run(job)
    assert run.status == "SUCCEEDED"
    parts = 2 * keys.SHARDS
    assert run.entered == {
        "ListParts": 1,
        "WorkOnEachPart": 1,
        "MustPartBeMoved": parts,
        "RehearsePart": parts,
        "IsPartDone": parts,
        "CompletePart": parts,
        "FinishRehearsal": 1,
        "IsEveryPartDone": 1,
        "CompleteRehearsal": 1,
    }
    progress = machine.progress(job)
    assert (progress.state, progress.done, progress.listed) == (JobState.DONE, 5, 5)
    counts = machine.rehearsals.result(job).counts
    assert counts["complaint|complaints||tickets"] == 5
    assert counts["complaint|complaints|first_response|turned.open.missed"] == 5
    assert machine.functions.calls["mover", "move_part"] == 0


def test_part_longer_than_one_invocation_is_continued(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "PAGE", 1)
    monkeypatch.setattr(keys, "SHARDS", 2)  # so one of them has at least three of six tickets
    for _ in range(6):
        machine.open()
    machine.clock.advance(hours=3)
    job = machine.begin()
    read = TicketStore.file

    def slowly(self: TicketStore, number: str, **how: Any) -> Any:
        machine.clock.advance(seconds=25)
        return read(self, number, **how)

    monkeypatch.setattr(TicketStore, "file", slowly)
    run = machine.run(job)
    assert run.status == "SUCCEEDED"
    assert run.entered["RehearsePart"] > run.entered["CompletePart"]
    assert machine.rehearsals.result(job).counts["complaint|complaints||tickets"] == 6
    assert machine.progress(job).done == 6


def test_applied_move_runs_in_the_mover_and_a_dry_run_in_the_rehearsal_function(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts_of(machine, monkeypatch, "complaints")
    numbers = [machine.open() for _ in range(3)]
    document = plan_document() | {"version": 2}
    machine.plan_store.publish(document, 2, 1)
    dry = machine.begin(kind=JobKind.MOVE, period=None)
    assert machine.run(dry).status == "SUCCEEDED"
    assert {machine.tickets.get(number).plan_version for number in numbers} == {1}
    applied = machine.begin(
        kind=JobKind.MOVE, period=None, apply=True, dry_run=dry, reason="better"
    )
    assert machine.run(applied).status == "SUCCEEDED"
    assert {machine.tickets.get(number).plan_version for number in numbers} == {2}
    assert machine.functions.calls["mover", "move_part"] == keys.SHARDS
    assert machine.functions.calls["rehearsal", "rehearse_part"] == keys.SHARDS
    for job in (dry, applied):
        assert machine.rehearsals.result(job).counts["complaint|complaints||moved"] == 3


# ------------------------------------------------------------------------------- failures


def test_unavailable_table_is_retried(machine: Machine) -> None:
    machine.open()
    machine.clock.advance(hours=1)
    for task in ("list_parts", "rehearse_part", "finish"):
        machine.functions.faults[task] = [Unavailable(), Unavailable()]
    job = machine.begin()
    assert machine.run(job).status == "SUCCEEDED"
    assert len(machine.pauses_s) == 6
    assert machine.rehearsals.result(job).counts["complaint|complaints||tickets"] == 1


def test_failing_part_leaves_the_others_done_but_no_result(machine: Machine) -> None:
    machine.functions.faults["rehearse_part"] = [ValueError("two facts contradict each other")]
    job = machine.begin()
    run = machine.run(job)
    assert (run.status, run.error) == ("FAILED", "RehearsalIncomplete")
    assert run.entered["ReportFailedPart"] == 1
    assert run.entered["CompletePart"] == 2 * keys.SHARDS - 1
    progress = machine.progress(job)
    assert (progress.state, progress.fault) == (JobState.FAILED, "ValueError")


@pytest.mark.parametrize("task", ["list_parts", "finish"])
def test_job_that_cannot_finish_records_the_error(machine: Machine, task: str) -> None:
    machine.functions.faults[task] = [ValueError("no such thing")]
    job = machine.begin()
    run = machine.run(job)
    assert (run.status, run.error) == ("FAILED", "RehearsalUnfinished")
    assert machine.progress(job).fault == "ValueError"


def test_execution_fails_even_if_the_failure_cannot_be_recorded(machine: Machine) -> None:
    machine.functions.faults = {"list_parts": [ValueError()], "fail": [ValueError()]}
    run = machine.run(machine.begin())
    assert (run.status, run.error) == ("FAILED", "RehearsalUnfinished")


# ------------------------------------------------------------------------------- bounds


def test_execution_history_contains_no_ticket_data(machine: Machine) -> None:
    """The history keeps inputs and outputs of states, for everybody who may read executions."""
    number = machine.open()
    machine.clock.advance(hours=1)
    run = machine.run(machine.begin())
    assert "complaints" not in run.history
    assert number not in run.history


def test_longest_rehearsal_fits_the_limits_of_a_state_and_a_history(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten years in which every part fails with a long error name, and the most tickets allowed."""
    job = machine.begin()
    run = machine.run(job)
    models = Models(TABLE, REGION)
    jobs = cases.RehearsalJobs(
        machine.rehearsals,
        machine.tickets,
        TicketLists(models),
        TicketChanges(machine.tickets, machine.plans, machine.clock.now),
        machine.staff,
        machine.plans,
        ReportStore(models),
        machine.clock.now,
    )
    monkeypatch.setattr(TicketLists, "count_opened", lambda *given: 0)
    longest = machine.begin(
        begun_at=START,
        start=datetime(2016, 11, 30, 16, tzinfo=UTC),
        end=datetime(2026, 11, 30, 16, tzinfo=UTC),
    )
    parts = jobs.list_parts(longest).parts
    assert len(parts) == (cases.MOST_MONTHS + 1) * keys.SHARDS
    results = [{"part": p, "state": "failed", "error": "Lambda.Unknown" * 2} for p in parts]
    state = {"job": longest, "act": "rehearse", "parts": parts, "results": results}
    assert len(json.dumps(state)) < PAYLOAD_LIMIT
    with_one_invocation = run.events / (2 * keys.SHARDS)
    invocations = LARGEST / AN_INVOCATION
    assert len(parts) * with_one_invocation + invocations * CONTINUATION_EVENTS < HISTORY_LIMIT


def test_second_execution_of_a_finished_job_changes_nothing(machine: Machine) -> None:
    machine.open()
    machine.clock.advance(hours=1)
    job = machine.begin()
    machine.run(job)
    before = machine.rehearsals.result(job)
    again = aws("stepfunctions").start_execution(
        stateMachineArn=MACHINE, name=f"{job}-again", input=json.dumps({"job": job})
    )["executionArn"]
    client = aws("stepfunctions")
    eventually(
        lambda: client.describe_execution(executionArn=again)["status"] == "SUCCEEDED",
        "the second execution has ended",
    )
    assert machine.rehearsals.result(job) == before != Counts()
    assert machine.progress(job).done == 1
