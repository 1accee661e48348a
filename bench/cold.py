"""Cold starts: from the start of a process to its first useful answer, with built artifacts only.

Each function runs as `sam build` made it: its folder, the layer and the standard library are all
that its Python sees. It answers one real event, and stores into Amazon's own DynamoDB engine on
this machine; other services are a stub that answers at once. Beside it, in the same rounds, runs
`reference/typical` (Powertools' resolver and Tracer, pydantic, boto3: compiled and installed from
its pinned requirements) and `reference/raw` (one signed request by the standard library). Rounds
are interleaved, figures are medians, and what carries over to another machine are the ratios.

The typical handler runs twice: as a plain process, as all others here and as its floor was first
measured, and told by the environment that it is in Lambda. There the SDK of X-Ray leaves out a
client of its own, which it makes elsewhere: on AWS the ratios lie nearer to the second.

Beside the times, what they are made of: modules loaded by a started function and which packages
took the longest, and the size of what is deployed.
"""

from __future__ import annotations

import base64
import json
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import boto3
from rich.console import Console
from rich.progress import track

from bench import sizes
from bench.events import Event, opened, sample, status, submission
from bench.report import Figure, Machine, compared
from bench.services import TABLE, environment_of, stub
from bench.serving import REFERENCES, functions, installed
from local import dynamodb_local, stack
from local.template import table_definition, template

ABOUT = "cold starts of built artifacts, beside a typical handler and the raw floor"
LIMIT_S = 240
ROUNDS = 7
WARM_UPS = 300
PACKAGES_SHOWN, MODULES_SHOWN = 4, 3
IN_LAMBDA = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "AWS_LAMBDA_FUNCTION_NAME": "typical",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
}
"""What Lambda sets, as far as the typical handler's libraries ask for it."""
TYPICAL, TYPICAL_IN_LAMBDA = "typical", "typical, in Lambda's environment"
GOAL = 0.45
"""Of a typical handler's time: the doors of customers."""

PROGRAM = """
import sys
sys.path[:0] = sys.argv[2:]
import json, time
class Context:
    function_name = "redress"
    function_version = "1"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:redress"
    aws_request_id = "5f0e3a52-8f3c-4c43-9d0f-0c8a3d1b7e11"
    def get_remaining_time_in_millis(self): return 30_000
import app
answer = app.handler(json.loads(sys.argv[1]), Context())
done = time.monotonic_ns()
print()
print(json.dumps({"done": done, "answer": answer.get("statusCode", answer)}))
"""


@dataclass(frozen=True)
class Subject:
    """One thing to start: its path and the event that it answers, made anew for each start."""

    name: str
    path: tuple[Path, ...]
    event: Callable[[], Event]
    answers: Any
    environment: Mapping[str, str] = field(default_factory=dict)


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """`directory` is not needed: nothing is deployed."""
    rounds = max(3, round(ROUNDS * scale))
    built = stack.build()
    typical = install_typical(directory.parent / "bench")
    with dynamodb_local.running() as engine, stub() as others:
        environment = environment_of(engine, others.address, built)
        client: Any = boto3.client("dynamodb", endpoint_url=engine)
        client.create_table(**table_definition(TABLE))
        warm(client)
        intake = (built / "IntakeFunction", built / "CoreLayer" / "python")
        with functions(1, intake, environment) as [function]:
            _, token = opened(function)
        subjects = [
            Subject("raw floor", (REFERENCES / "raw",), submission, 201),
            Subject(TYPICAL, (typical,), submission, 201),
            Subject(TYPICAL_IN_LAMBDA, (typical,), submission, 201, IN_LAMBDA),
            *endpoints(built, token),
            *ready(built),
        ]
        taken: dict[str, list[float]] = {subject.name: [] for subject in subjects}
        for _ in track(range(rounds), "rounds", console=console):
            for subject in subjects:
                taken[subject.name].append(start(subject, environment))
        machine.note_load("while they started")
        profiles = [imports(subject, environment) for subject in ready(built)]
    return [*figures(taken), *profiles, *sizes.figures(built)]


def figures(taken: dict[str, list[float]]) -> list[Figure]:
    medians = {name: statistics.median(found) for name, found in taken.items()}
    typical, in_lambda = ((name, medians[name]) for name in (TYPICAL, TYPICAL_IN_LAMBDA))
    return [
        *(
            compared(name, median, "ms", typical, most=GOAL if name in CUSTOMERS else None)
            for name, median in medians.items()
        ),
        *(compared(f"{name}, of that", medians[name], "ms", in_lambda) for name in CUSTOMERS),
    ]


# ------------------------------------------------------------------------------ what is started

CUSTOMERS = ("JSON intake", "web form")
"""What the goal is about: a customer waits for these."""


def endpoints(built: Path, token: str) -> list[Subject]:
    """The doors of customers, the page of the ticket of this token, and the first page of staff."""
    layer = built / "CoreLayer" / "python"

    def posted() -> Event:
        event = sample("customer-form-submission")
        fields = dict(parse_qsl(base64.b64decode(event["body"]).decode(), keep_blank_values=True))
        sent = urlencode(fields | {"nonce": uuid.uuid4().hex})
        event["body"] = base64.b64encode(sent.encode()).decode()
        return event

    return [
        Subject("JSON intake", (built / "IntakeFunction", layer), submission, 201),
        Subject("web form", (built / "CustomerFunction", layer), posted, 201),
        Subject("status page", (built / "CustomerFunction", layer), lambda: status(token), 200),
        Subject(
            "staff's work list", (built / "StaffFunction", layer), lambda: sample("staff-work"), 200
        ),
    ]


def ready(built: Path) -> list[Subject]:
    """Every function up to what all its events need: imports and clients."""
    layer = built / "CoreLayer" / "python"
    return [
        Subject(f"{name}, ready", (built / name, layer), lambda: {"warm": True}, {"warm": True})
        for name, found in sorted(template()["Resources"].items())
        if found["Type"] == "AWS::Serverless::Function"
    ]


def install_typical(folder: Path) -> Path:
    """The reference handler with its libraries, compiled."""
    target = installed("typical", folder)
    (target / "app.py").write_text((REFERENCES / "typical" / "app.py").read_text())
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(target)], check=True)
    return target


def start(subject: Subject, environment: dict[str, str]) -> float:
    """Milliseconds from before the process starts to its answer."""
    began = time.monotonic_ns()
    done = run_alone(subject, environment)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["answer"] == subject.answers, f"{subject.name} answered {told['answer']}"
    return float(told["done"] - began) / 1e6


def run_alone(
    subject: Subject, environment: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    """The subject's process from its start to its end, seeing nothing but its own path."""
    path = [str(part) for part in subject.path]
    command = [sys.executable, "-I", "-S", "-B", *options, "-c", PROGRAM]
    done = subprocess.run(
        [*command, json.dumps(subject.event()), *path],
        env=environment | dict(subject.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{subject.name}: {done.stderr}"
    return done


def imports(subject: Subject, environment: dict[str, str]) -> Figure:
    """How many modules a function has loaded when it is ready, and the packages and the modules
    that took most.

    Of one start, told by Python itself (-X importtime); a module's time is its own alone.
    """
    told = run_alone(subject, environment, "-X", "importtime").stderr
    own = [line.split("|") for line in told.splitlines() if line.startswith("import time:")]
    modules = Counter({name.strip(): int(us.partition(":")[2]) for us, _, name in own[1:]})
    packages = Counter[str]()
    for name, us in modules.items():
        packages[name.partition(".")[0]] += us

    def top(found: Counter[str], shown: int) -> str:
        return ", ".join(f"{name} {us / 1000:.0f} ms" for name, us in found.most_common(shown))

    name = subject.name.replace(", ready", ": modules loaded")
    told = f"{top(packages, PACKAGES_SHOWN)}; single ones: {top(modules, MODULES_SHOWN)}"
    return Figure(name, len(modules), beside=told)


def warm(client: Any) -> None:
    """Lets the engine compile its own code first: its first hundreds of calls take it many times as
    long as all after them, and the rounds are too few for that."""
    for _ in range(WARM_UPS):
        keys = [{"pk": {"S": uuid.uuid4().hex}, "sk": {"S": str(n)}} for n in range(4)]
        puts = [
            {
                "Put": {
                    "TableName": TABLE,
                    "Item": key | {"doc": {"S": "x" * 500}},
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
            for key in keys
        ]
        client.transact_write_items(TransactItems=puts)
        client.put_item(TableName=TABLE, Item=keys[0] | {"doc": {"S": "x" * 500}})
        client.get_item(TableName=TABLE, Key=keys[0], ConsistentRead=True)
