"""The rehearsal machine, run by moto's interpreter with the product's own functions behind it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from redress.base.errors import Unavailable
from redress.db import keys
from redress.db.rows import Models
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import Plans
from redress.rehearsals import cases
from redress.rehearsals.rules.counting import Counts
from redress.rehearsals.store import JobKind, JobState, Progress, RehearsalJob, RehearsalStore
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import opening
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.wiring.transaction import ALSO_WRITTEN
from redress.workflow.store import ReportStore
from tests.builders import START, Clock, plan_document, submission
from tests.functions.conftest import Context, load
from tests.statemachines.conftest import ACCOUNT, REGION, ROLE, TABLE
from tests.statemachines.skipping import Sleepers, eventually, run_functions
from tests.statemachines.world import definition

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-rehearsal"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:redress-"
PAYLOAD_LIMIT = 256 * 1024
HISTORY_LIMIT = 25_000
LARGEST = 3_000_000
"""Tickets that one rehearsal takes, as docs/rehearsal.md says."""
AN_INVOCATION = 2_000
"""Tickets that one invocation does at least, in its 40 s."""
GOING_ON = 9
"""Events of a part's going on: a task has five, a choice two."""
DAYS = 30

Event = dict[str, Any]


@dataclass
class Functions:
    """Both functions, with the faults that a test asks for before they answer."""

    faults: dict[str, list[Exception]] = field(default_factory=dict)
    """By task: what the next calls fail with."""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By function and task."""

    def of(self, function: str) -> Any:
        def run(event: Event) -> Any:
            self.calls[function, event["task"]] += 1
            if self.faults.get(event["task"]):
                raise self.faults[event["task"]].pop(0)
            return load(function).handler(event, Context())

        return run


@dataclass
class Run:
    status: str
    error: str | None
    entered: Counter[str]
    events: int
    history: str


@dataclass
class Machine:
    functions: Functions
    pauses_s: list[float]
    rehearsals: RehearsalStore
    tickets: TicketStore
    plans: Plans
    plan_store: PlanStore
    staff: StaffStore
    clock: Clock
    jobs: int = 0

    def open(self, kind: str = "complaint") -> str:
        opened = opening.open_ticket(
            submission(kind), new_number(), self.plans.current(), self.clock.now()
        )
        self.tickets.open(opened, opened.after.created_at)
        return opened.after.number

    def begin(self, **fields: Any) -> str:
        """A job is kept, as the staff API does it; the machine is not started."""
        self.jobs += 1
        good: dict[str, Any] = {
            "id": f"{self.jobs:016x}",
            "kind": JobKind.REHEARSAL,
            "by": "m-wei",
            "role": "manager",
            "begun_at": self.clock.now(),
            "fingerprint": "a print",
            "plan_version": 2,
            "period": ("2026-11", "2026-11"),
            "start": START - timedelta(days=DAYS),
            "end": START + timedelta(days=DAYS),
        }
        job = RehearsalJob(**(good | fields))
        draft = plan_document()
        draft["levels"]["complaint"]["promises"]["first_response"]["within"] = "1h"
        self.rehearsals.begin(job, draft, self.clock.now())
        return job.id

    def run(self, job: str) -> Run:
        """One execution, to its end."""
        client = boto3.client("stepfunctions")
        arn = client.start_execution(
            stateMachineArn=MACHINE, name=job, input=json.dumps({"job": job})
        )["executionArn"]

        def over() -> bool:
            return bool(client.describe_execution(executionArn=arn)["status"] != "RUNNING")

        eventually(over, "the run has come to its end")
        found = client.describe_execution(executionArn=arn)
        history = client.get_execution_history(executionArn=arn)["events"]
        entered = [e["stateEnteredEventDetails"] for e in history if e["type"].endswith("Entered")]
        return Run(
            status=found["status"],
            error=found.get("error"),
            entered=Counter(details["name"] for details in entered),
            events=len(history),
            history=json.dumps(history, default=str),
        )

    def progress(self, job: str) -> Progress:
        return self.rehearsals.job(job)[1]


@pytest.fixture
def machine(
    cloud: None, clock: Clock, sleepers: Sleepers, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """The machine as it is deployed, over an empty table; parts are not cut fine."""
    monkeypatch.setattr(cases, "PIECES", 1)
    functions = Functions()
    handlers = {f"redress-{name}": functions.of(name) for name in ("rehearsal", "mover")}
    run_functions(monkeypatch, handlers)
    boto3.client("stepfunctions").create_state_machine(
        name="redress-rehearsal",
        definition=definition(
            "rehearsal",
            RehearsalFunctionArn=f"{FUNCTION}rehearsal",
            MoverFunctionArn=f"{FUNCTION}mover",
        ),
        roleArn=ROLE,
    )
    models = Models(TABLE, REGION)
    plan_store = PlanStore(models)
    return Machine(
        functions,
        sleepers.pauses_s,
        RehearsalStore(models),
        TicketStore(models, ALSO_WRITTEN),
        Plans(plan_store, clock.now),
        plan_store,
        StaffStore(models),
        clock,
    )


def parts_of(machine: Machine, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Teams, so that a move has few parts."""
    monkeypatch.setattr(cases, "known_teams", lambda *stores: set(names))


# ------------------------------------------------------------------------------- the straight way


def test_every_part_is_rehearsed_and_summed_up(machine: Machine) -> None:
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


def test_a_part_that_is_longer_than_a_function_may_run_is_gone_on_with(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "PAGE", 1)
    monkeypatch.setattr(keys, "SHARDS", 2)  # of six tickets three at least lie in one of them
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


def test_a_move_is_done_by_the_one_who_may_and_a_dry_run_by_the_one_who_may_not(
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


def test_a_busy_moment_of_the_table_is_waited_out(machine: Machine) -> None:
    machine.open()
    machine.clock.advance(hours=1)
    for task in ("list_parts", "rehearse_part", "finish"):
        machine.functions.faults[task] = [Unavailable(), Unavailable()]
    job = machine.begin()
    assert machine.run(job).status == "SUCCEEDED"
    assert len(machine.pauses_s) == 6
    assert machine.rehearsals.result(job).counts["complaint|complaints||tickets"] == 1


def test_one_failing_part_leaves_the_others_done_and_no_sum(machine: Machine) -> None:
    machine.functions.faults["rehearse_part"] = [ValueError("two facts contradict each other")]
    job = machine.begin()
    run = machine.run(job)
    assert (run.status, run.error) == ("FAILED", "RehearsalIncomplete")
    assert run.entered["ReportFailedPart"] == 1
    assert run.entered["CompletePart"] == 2 * keys.SHARDS - 1
    progress = machine.progress(job)
    assert (progress.state, progress.fault) == (JobState.FAILED, "ValueError")


@pytest.mark.parametrize("task", ["list_parts", "finish"])
def test_a_job_that_comes_to_no_end_says_so(machine: Machine, task: str) -> None:
    machine.functions.faults[task] = [ValueError("no such thing")]
    job = machine.begin()
    run = machine.run(job)
    assert (run.status, run.error) == ("FAILED", "RehearsalUnfinished")
    assert machine.progress(job).fault == "ValueError"


def test_a_failure_that_cannot_even_be_kept_still_fails_the_execution(machine: Machine) -> None:
    machine.functions.faults = {"list_parts": [ValueError()], "fail": [ValueError()]}
    run = machine.run(machine.begin())
    assert (run.status, run.error) == ("FAILED", "RehearsalUnfinished")


# ------------------------------------------------------------------------------- bounds


def test_nothing_of_a_ticket_passes_through_the_machine(machine: Machine) -> None:
    """What a state takes and gives is kept in the execution's history, for whoever may read it."""
    number = machine.open()
    machine.clock.advance(hours=1)
    run = machine.run(machine.begin())
    assert "complaints" not in run.history
    assert number not in run.history


def test_the_longest_rehearsal_fits_a_state_and_a_history(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten years, every part failed with a long name; and as many tickets as are promised."""
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
    assert len(parts) * with_one_invocation + invocations * GOING_ON < HISTORY_LIMIT


def test_a_finished_job_is_not_begun_anew_by_a_second_execution_of_it(machine: Machine) -> None:
    machine.open()
    machine.clock.advance(hours=1)
    job = machine.begin()
    machine.run(job)
    before = machine.rehearsals.result(job)
    again = boto3.client("stepfunctions").start_execution(
        stateMachineArn=MACHINE, name=f"{job}-again", input=json.dumps({"job": job})
    )["executionArn"]
    client = boto3.client("stepfunctions")
    eventually(
        lambda: client.describe_execution(executionArn=again)["status"] == "SUCCEEDED",
        "the second execution has ended",
    )
    assert machine.rehearsals.result(job) == before != Counts()
    assert machine.progress(job).done == 1
