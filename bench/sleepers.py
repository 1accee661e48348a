"""Ten thousand tickets asleep, of which a thousand fall due at a rate of ten a second.

A ticket is asleep while its workflow waits for the next due time. Each ticket is written by the
intake's own store, in its transaction; the stream, the relay, StartExecution and the workflow's
wait are those of the deployed stack. (Opening tickets over HTTP would mainly measure the emulated
API Gateway, ten thousand times.) Customers leave only a phone number, so the response itself
acknowledges, and no mail comes between opening and sleeping. No agent is at work: every ticket is
offered to agents and keeps waiting for one.

- The sleeping tickets are inquiries that are opened now, under the shipped promises: nothing falls
  due for hours.
- The due tickets are complaints under a plan that is published for this run. Its first response has
  a ladder of one rung, the breach at WITHIN. Each ticket is opened with a creation time in the
  past, so that this rung falls due at the intended instant. The rules' `next_wake` confirms that.

How late a ticket acted is read from its history: `at` of RUNG_FIRED minus its `due_at`.
"""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench.report import Figure, Machine, at_most, exactly, percentile
from local import process, stack
from local.calls import TABLE_CALLS, counted
from local.process import CloudError
from local.stack import Outputs
from redress.customers.store import CustomerStore
from redress.db.rows import Models
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import FRESH_FOR_S, shipped_document
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import opening
from redress.tickets.rules.submission import parse as parse_submission
from redress.tickets.rules.ticket import Event, EventType
from redress.tickets.store.submission_store import SubmissionStore
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import TimerStore
from redress.wiring.transaction import ALSO_WRITTEN

ABOUT = "10,000 tickets asleep, 1,000 of them due at 10 a second"
SLEEPERS = 10_000
"""All tickets, including those that fall due."""
DUE = 1_000
RATE = 10
"""Due tickets a second."""
LATE_S = 5.0
"""The goal: the product acts on a promise within this time after its due time."""

LIMIT_S = 720
"""For everything, the deployment included. Filling stops early to leave time for the rest."""
READING_S = 120
"""For reading what acted, and for ending the cloud."""
QUIET_S = 30
SETTINGS = frozenset(
    {"Name", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "State"}
    | {"FlexibleTimeWindow", "Target", "Description", "StartDate", "EndDate", "KmsKeyArn"}
    | {"ActionAfterCompletion"}
)
"""The settings that each call of UpdateSchedule must contain. It resets a setting that is left out
(its API reference)."""
SETTLE_S = 20
"""For the aftermath of opening the tickets, before the quiet period is measured."""
TAIL_S = 30
"""After the last due time, for late tickets and for reading the histories."""
WITHIN = timedelta(minutes=10)
LADDER = "sleepers"

WRITERS = 4
BLOCK = 500
MOST_AWAKE = 1_000
"""Most opened tickets that may wait for their workflow; more would only queue in the stream."""
POLL_S = 2.0


@dataclass(frozen=True)
class Bed:
    """The deployed stack, and what the benchmark needs of it."""

    cloud: process.Cloud
    outputs: Outputs
    submissions: SubmissionStore
    timers: TimerStore
    tickets: TicketStore
    plan: Plan


@dataclass(frozen=True)
class Quiet:
    """What ran in `seconds` without anything due: invocations by function, calls by name."""

    seconds: float
    invocations: dict[str, int]
    calls: dict[str, int]


@dataclass(frozen=True)
class Acts:
    """When due tickets acted: `late_s` by ticket number; `fired` counts the rungs of each."""

    late_s: dict[str, float]
    fired: Counter[str]


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures; leaves no process behind, however it ends."""
    due_count = max(1, round(DUE * scale))
    far_count = max(1, round(SLEEPERS * scale)) - due_count
    deadline = time.monotonic() + LIMIT_S - READING_S
    end_cloud(directory)
    with contextlib.ExitStack() as leaving:
        leaving.callback(end_cloud, directory)
        outputs = stack.up(0, None, console, directory)
        cloud = process.find(directory)
        assert cloud is not None
        name = outputs.stack["TableName"]
        submissions = SubmissionStore(stack.client(cloud, "dynamodb"), name)
        models = Models(name, stack.REGION, outputs.endpoint_url)
        timers = TimerStore(models)
        tickets = TicketStore(models, ALSO_WRITTEN, CustomerStore(models).is_one)
        go_home(outputs)
        bed = Bed(cloud, outputs, submissions, timers, tickets, publish(outputs))
        progress = leaving.enter_context(
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f} of {task.total:.0f}"),
                TimeElapsedColumn(),
                console=console,
            )
        )
        return measure(bed, machine, progress, far_count, due_count, deadline)


def measure(
    bed: Bed, machine: Machine, progress: Progress, far_count: int, due_count: int, deadline: float
) -> list[Figure]:
    """`deadline` is on the clock of `time.monotonic`; what it cuts off is missing in figures."""
    spread = due_count / RATE
    count = far_count + due_count
    bar = progress.add_task("asleep", total=count)
    began = time.monotonic()
    until = deadline - SETTLE_S - QUIET_S - spread - TAIL_S
    # The due tickets are opened last and need their share of the time.
    opened = fill(bed, far_count, progress, bar, began + (until - began) * far_count / count)
    a_ticket = (time.monotonic() - began) / max(opened, 1)

    lead = SETTLE_S + QUIET_S + 10 + 1.2 * a_ticket * due_count
    first = datetime.now(UTC) + timedelta(seconds=lead)
    due = open_due(bed, first, due_count)
    in_time = wait_asleep(bed, progress, bar, opened + due_count, seconds_until(first))
    filled = time.monotonic() - began
    asleep = opened + due_count - len(awake(bed))
    memory, threads = emulator_size(bed.cloud.pid)
    running = executions(bed)
    machine.note_load("all asleep")
    still = quiet(bed, first, progress) if in_time else None

    falling = progress.add_task("fall due", total=spread)
    last = first + timedelta(seconds=spread)
    while (left := seconds_until(last)) > 0:
        progress.update(falling, completed=spread - min(left, spread))
        time.sleep(min(left, 1))
    progress.update(falling, completed=spread)
    machine.note_load("all due")
    acts = read_acts(bed, list(due), progress, deadline)
    return [
        exactly("tickets asleep at once", asleep, "", count),
        exactly("executions running then", running, "", count),
        Figure("until all slept", filled, "s"),
        Figure("emulator's memory", memory, "MB"),
        Figure("emulator's threads", threads),
        *quiet_figures(still),
        *act_figures(acts, due_count),
    ]


def quiet_figures(found: Quiet | None) -> list[Figure]:
    calls = invocations = None
    if found is not None:
        calls = sum(n for name, n in found.calls.items() if name.startswith(TABLE_CALLS))
        invocations = sum(found.invocations.values())
    return [
        exactly(f"invocations in {QUIET_S} s, nothing due", invocations, "", 0),
        exactly(f"calls of the table in {QUIET_S} s, nothing due", calls, "", 0),
    ]


def act_figures(acts: Acts, count: int) -> list[Figure]:
    """Each due ticket acts exactly once, not early, and at most LATE_S late."""
    late = list(acts.late_s.values())
    return [
        exactly("due tickets that acted", len(late), "", count),
        exactly("acted more than once", sum(n > 1 for n in acts.fired.values()), "", 0),
        exactly("acted early", sum(value < 0 for value in late), "", 0),
        Figure("late: minimum", min(late, default=None), "s"),
        Figure("late: median", percentile(late, 0.5), "s"),
        Figure("late: 90 %", percentile(late, 0.9), "s"),
        Figure("late: 99 %", percentile(late, 0.99), "s"),
        at_most("late: maximum", max(late, default=None), "s", LATE_S),
    ]


# ------------------------------------------------------------------------------ the plan, tickets


def go_home(outputs: Outputs) -> None:
    """Makes all agents absent, so that every ticket waits in a queue whatever agents could take."""
    for email, member in outputs.staff.items():
        if "agent" in member["groups"]:
            token = stack.sign_in(outputs, email)
            stack.call_api(outputs, "PUT", "/staff/presence", {"presence": "away"}, token)


def publish(outputs: Outputs) -> Plan:
    """Publishes the shipped plan with another promise for a complaint's first response."""
    document = copy.deepcopy(shipped_document())
    manager = next(email for email, who in outputs.staff.items() if "manager" in who["groups"])
    token = stack.sign_in(outputs, manager)
    known = stack.call_api(outputs, "GET", "/staff/plan", None, token)["version"]
    document["version"] = known + 1
    document["note"] = "Promises of the benchmark"
    del document["review_by"]  # the shipped plan's date may be past
    promises = document["levels"]["complaint"]["promises"]
    del promises["reaction"]
    minutes = WITHIN // timedelta(minutes=1)
    promises["first_response"] = {"within": f"{minutes}m", "ladder": LADDER}
    document["ladders"][LADDER] = [{"at": 1, "action": "breach", "notify": ["agent", "supervisor"]}]
    stack.call_api(outputs, "POST", "/staff/plans", document, token)
    time.sleep(FRESH_FOR_S)
    return parse(document)


def open_ticket(bed: Bed, kind: str, created: datetime) -> tuple[str, datetime | None]:
    """Opens a ticket by the intake's rules and transaction. Returns number and first due time."""
    body = {
        "kind": kind,
        "language": "en",
        "subject": "A parcel that did not come",
        "description": "It was promised for Monday. " * 8,
        "contact": {"name": "Customer", "phone": "+86 10 1234 5678"},
        "consent": True,
    }
    number = new_number()
    change = opening.open_ticket(parse_submission(body, "web"), number, bed.plan, created)
    bed.submissions.open(change, number, number, answer="{}")
    return number, tickets.next_wake(change.after, bed.plan)


def fill(bed: Bed, count: int, progress: Progress, bar: TaskID, latest: float) -> int:
    """Opens the sleeping tickets, in blocks to keep queues short. Returns how many were opened.

    Ends when all of them sleep, or at `latest` on the clock of `time.monotonic`.
    """
    opened = 0
    with ThreadPoolExecutor(WRITERS) as pool:
        while opened < count and time.monotonic() < latest:
            block = min(BLOCK, count - opened)
            moments = [datetime.now(UTC)] * block
            for _ in pool.map(lambda moment: open_ticket(bed, "inquiry", moment), moments):
                opened += 1
            while (waiting := len(awake(bed))) > MOST_AWAKE and time.monotonic() < latest:
                progress.update(bar, completed=opened - waiting)
                time.sleep(POLL_S)
            progress.update(bar, completed=opened - waiting)
    wait_asleep(bed, progress, bar, opened, latest - time.monotonic())
    return opened


def open_due(bed: Bed, first: datetime, count: int) -> dict[str, datetime]:
    """Opens the due tickets. Returns each number with its due time (RATE a second from `first`)."""

    def one(index: int) -> tuple[str, datetime]:
        due = first + timedelta(seconds=index / RATE)
        number, wake = open_ticket(bed, "complaint", due - WITHIN)
        assert wake == due, f"{number} falls due at {wake}, not {due}"
        return number, due

    with ThreadPoolExecutor(WRITERS) as pool:
        return dict(pool.map(one, range(count)))


# ------------------------------------------------------------------------------ watching


def awake(bed: Bed) -> list[str]:
    """Tickets whose workflow does not sleep yet, from the sparse index."""
    return list(bed.timers.awake_since_before(datetime.now(UTC) + timedelta(minutes=1)))


def wait_asleep(bed: Bed, progress: Progress, bar: TaskID, count: int, at_most_s: float) -> bool:
    """Waits until all `count` tickets sleep. Returns whether they do within `at_most_s`."""
    latest = time.monotonic() + at_most_s
    while waiting := len(awake(bed)):
        progress.update(bar, completed=count - waiting)
        if time.monotonic() > latest:
            return False
        time.sleep(POLL_S)
    progress.update(bar, completed=count)
    return True


def executions(bed: Bed) -> int:
    """The number of running executions of the ticket machine."""
    pages = stack.client(bed.cloud, "stepfunctions").get_paginator("list_executions")
    machine = bed.outputs.stack["TicketMachineArn"]
    found = pages.paginate(stateMachineArn=machine, statusFilter="RUNNING")
    return sum(len(page["executions"]) for page in found)


def emulator_size(pid: int) -> tuple[int | None, int | None]:
    """Resident memory (MB) and threads of the emulator, without the processes of functions."""
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    memory = int(shown.stdout) // 1024 if shown.stdout.strip() else None
    tasks = Path(f"/proc/{pid}/task")
    return memory, len(list(tasks.iterdir())) if tasks.exists() else None


def quiet(bed: Bed, first: datetime, progress: Progress) -> Quiet | None:
    """Counts what runs in QUIET_S seconds before `first`; None if there is no time for it.

    A schedule has nothing to do with a sleeping ticket, and the sweep of every five minutes also
    calls the assigner. So no schedule runs meanwhile. The count begins when the work has ended that
    follows from the openings (offers to agents) and from an earlier sweep.
    """
    with schedules_paused(stack.client(bed.cloud, "scheduler")):
        settle(bed, seconds_until(first) - QUIET_S - 2)
        if seconds_until(first) <= QUIET_S + 1:
            return None
        bar = progress.add_task("nothing due", total=QUIET_S)
        found = count_activity(bed, progress, bar)
        progress.remove_task(bar)
    return found


@contextlib.contextmanager
def schedules_paused(scheduler: Any) -> Iterator[None]:
    """Disables every schedule of the stack, and enables those again that were enabled before."""
    pages = scheduler.get_paginator("list_schedules").paginate()
    names = [one["Name"] for page in pages for one in page["Schedules"]]
    found = [scheduler.get_schedule(Name=name) for name in names]
    enabled = [
        {name: value for name, value in one.items() if name in SETTINGS}
        for one in found
        if one["State"] == "ENABLED"
    ]
    for one in enabled:
        scheduler.update_schedule(**one | {"State": "DISABLED"})
    try:
        yield
    finally:
        for one in enabled:
            scheduler.update_schedule(**one)


def settle(bed: Bed, at_most_s: float) -> None:
    """Waits until nothing calls the cloud between two polls, but no longer than `at_most_s`."""
    end = time.monotonic() + at_most_s
    before: Counter[str] | None = None
    while time.monotonic() < end:
        now = counted(bed.cloud.endpoint)
        if now == before:
            return
        before = now
        time.sleep(POLL_S)


def count_activity(bed: Bed, progress: Progress, bar: TaskID) -> Quiet:
    """Counts for QUIET_S seconds, in which the benchmark itself calls nothing."""
    calls = counted(bed.cloud.endpoint)
    began = time.time()
    for second in range(QUIET_S):
        progress.update(bar, completed=second)
        time.sleep(1)
    seconds = time.time() - began
    more = counted(bed.cloud.endpoint) - calls
    return Quiet(seconds, invoked_since(bed, began), dict(more))


def invoked_since(bed: Bed, moment: float) -> dict[str, int]:
    """Invocations of each function that ended after `moment` (Unix time), from their logs."""
    logs = stack.client(bed.cloud, "logs")
    groups = logs.get_paginator("describe_log_groups")
    events = logs.get_paginator("filter_log_events")
    found: Counter[str] = Counter()
    for page in groups.paginate(logGroupNamePrefix=f"/aws/lambda/{stack.NAME}-"):
        for group in page["logGroups"]:
            name = group["logGroupName"]
            lines = events.paginate(
                logGroupName=name,
                startTime=round(moment * 1000),
                filterPattern='"REPORT RequestId"',
            )
            found[name.rpartition("/")[2]] += sum(len(entry["events"]) for entry in lines)
    return {name: count for name, count in found.items() if count}


# ------------------------------------------------------------------------------ reading histories


def read_acts(bed: Bed, numbers: Sequence[str], progress: Progress, deadline: float) -> Acts:
    """Reads the fired rungs from the histories, until all tickets have acted or `deadline`."""
    bar = progress.add_task("acted", total=len(numbers))
    acts = Acts({}, Counter())
    missing = list(numbers)
    with ThreadPoolExecutor(WRITERS) as pool:
        while True:
            for number, history in zip(
                missing, pool.map(bed.tickets.history, missing), strict=True
            ):
                rungs = [event for event in history if event.type is EventType.RUNG_FIRED]
                if rungs:
                    acts.late_s[number] = lateness(rungs[0])
                    acts.fired[number] = len(rungs)
            missing = [number for number in numbers if number not in acts.late_s]
            progress.update(bar, completed=len(acts.late_s))
            if not missing or time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        # Read all once more, because a ticket that acts twice may do so later.
        for number, history in zip(numbers, pool.map(bed.tickets.history, numbers), strict=True):
            acts.fired[number] = sum(event.type is EventType.RUNG_FIRED for event in history)
    return acts


def lateness(rung: Event) -> float:
    """Seconds from a rung's due time to the time at which it fired."""
    return (rung.at - datetime.fromisoformat(rung.data["due_at"])).total_seconds()


def seconds_until(moment: datetime) -> float:
    return (moment - datetime.now(UTC)).total_seconds()


# ------------------------------------------------------------------------------ the end


def end_cloud(directory: Path) -> None:
    """Stops the cloud of this directory, if one runs, by force if necessary."""
    cloud = process.find(directory)
    if cloud is None:
        return
    try:
        process.stop(cloud)
    except CloudError:
        os.kill(cloud.pid, signal.SIGKILL)
        process.stop(cloud)
