"""Cold starts: from the start of a process to its first useful answer, with built artifacts only.

Each function runs as `sam build` made it: its Python sees only its folder, the layer and the
standard library. It answers one real event and writes to Amazon's own DynamoDB engine on this
machine; other services are a stub that answers at once. For comparison the same rounds run
`reference/typical` (Powertools' resolver and Tracer, pydantic, boto3: compiled and installed from
pinned requirements) and `reference/raw` (one signed request with the standard library). Rounds are
interleaved and figures are medians. Only the ratios carry over to other machines.

The typical handler runs twice: as a plain process, like all others here, and with the environment
variables of Lambda. With them the X-Ray SDK does not create a client that it creates elsewhere, so
ratios on AWS are nearer to the second comparison.

The benchmark also reports what the times consist of: the number of modules that a started function
has loaded, the packages that took longest, and the size of what is deployed.
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

ABOUT = "cold starts of built artifacts, compared with a typical handler and the raw floor"
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
"""The variables of Lambda that the typical handler's libraries read."""
TYPICAL, TYPICAL_IN_LAMBDA = "typical", "typical, in Lambda's environment"
GOALS = {"JSON intake": 0.33, "web form": 0.36}
"""The goals for the endpoints that customers wait for, as shares of a typical handler's time."""

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
    """One process to start: its import path, and a function that makes the event to answer."""

    name: str
    path: tuple[Path, ...]
    event: Callable[[], Event]
    answers: Any
    environment: Mapping[str, str] = field(default_factory=dict)


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures. `directory` only locates the installed reference; nothing is deployed."""
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
            compared(name, median, "ms", typical, most=GOALS.get(name))
            for name, median in medians.items()
        ),
        *(compared(f"{name}, of that", medians[name], "ms", in_lambda) for name in GOALS),
    ]


# ------------------------------------------------------------------------------ subjects


def endpoints(built: Path, token: str) -> list[Subject]:
    """The customers' endpoints, the status page of this token, and the staff's work list."""
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
    """Every function, up to what all its events need: imports and clients."""
    layer = built / "CoreLayer" / "python"
    return [
        Subject(f"{name}, ready", (built / name, layer), lambda: {"warm": True}, {"warm": True})
        for name, found in sorted(template()["Resources"].items())
        if found["Type"] == "AWS::Serverless::Function"
    ]


def install_typical(folder: Path) -> Path:
    """Installs the reference handler with its libraries, compiled."""
    target = installed("typical", folder)
    (target / "app.py").write_text((REFERENCES / "typical" / "app.py").read_text())
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(target)], check=True)
    return target


def start(subject: Subject, environment: dict[str, str]) -> float:
    """Milliseconds from just before the process starts to its answer."""
    began = time.monotonic_ns()
    done = run_alone(subject, environment)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["answer"] == subject.answers, f"{subject.name} answered {result['answer']}"
    return float(result["done"] - began) / 1e6


def run_alone(
    subject: Subject, environment: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    """Runs the subject's process to its end; it sees nothing but its own path."""
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
    """How many modules a function has loaded when it is ready, and which took longest.

    Measured in one start by Python itself (-X importtime). A module's time excludes its imports.
    """
    output = run_alone(subject, environment, "-X", "importtime").stderr
    own = [line.split("|") for line in output.splitlines() if line.startswith("import time:")]
    modules = Counter({name.strip(): int(us.partition(":")[2]) for us, _, name in own[1:]})
    packages = Counter[str]()
    for name, us in modules.items():
        packages[name.partition(".")[0]] += us

    def top(found: Counter[str], shown: int) -> str:
        return ", ".join(f"{name} {us / 1000:.0f} ms" for name, us in found.most_common(shown))

    name = subject.name.replace(", ready", ": modules loaded")
    slowest = f"{top(packages, PACKAGES_SHOWN)}; single ones: {top(modules, MODULES_SHOWN)}"
    return Figure(name, len(modules), note=slowest)


def warm(client: Any) -> None:
    """Calls the engine until it has compiled its own code.

    Its first hundreds of calls take many times as long as later ones, and the rounds are too few to
    even this out.
    """
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
