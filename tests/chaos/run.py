"""One run: install the product, play load and faults, and check until nothing is wrong."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from local import endpoints, faults, process, stack
from local.endpoints import EndpointError, Staff, sign_in, wait_for
from local.faults import Do, Happened
from local.operations import versions
from local.operations.stacks import ALIAS
from local.patches.worker import CLOCK_S
from local.process import Cloud
from local.stack import Outputs, StackError
from redress.tickets.links import Links
from tests.chaos import load, planted, reading, schedule
from tests.chaos.checker import Violation, violations
from tests.chaos.evidence import Evidence, Lost
from tests.chaos.ledger import Ledger
from tests.chaos.load import Place
from tests.chaos.reading import client
from tests.chaos.schedule import Disturbance

PACE = 600
"""How many times faster the plan's times pass: a day takes 144 seconds."""
SKEW_S = 7200.0
PATIENCE_S = 300.0
"""How long something may stay wrong after the load. Shorter queues begin this time anew.

It is longer than the time between two sweeps (30 s here), the two minutes that a ticket may be
awake, and the claim on a mail."""
LONGEST_S = 1200.0
"""How long the run waits at most after the load until nothing is wrong."""
MAILERS = 4
"""How many mails are sent at once. A run makes thousands of mails in minutes."""
VISIBLE_S = 65
"""The visibility timeout of the queues during a run, unless theirs is shorter. A message that a
killed worker held comes back after it. AWS refuses less than the timeout of the function."""
STOP_S = 120.0
"""How long the local cloud may take to save everything under load."""
INSTALLS = 3
"""How often the product is installed at most until its functions start."""
LANES = 16
"""Calls that run at once. Some are held for seconds."""
NO_REPAIR = ("awake", "mail_explained")
"""What a reconciliation finds and leaves as it is."""


@dataclass(frozen=True)
class Result:
    """What a run did and found.

    faults     how often each kind of disturbance happened
    disturbed  how many pairs of a fault and a call of a function happened
    calm_s     how long it took until nothing was wrong
    set_aside  how many messages each dead-letter queue has
    """

    seed: int
    operations: Counter[str]
    answers: Counter[str]
    faults: Counter[str]
    disturbed: int
    tickets: int
    mails: int
    calm_s: float
    set_aside: Counter[str]
    violations: list[Violation]


@dataclass
class Run:
    """A run on its own local cloud, in its own folder."""

    seed: int
    seconds: float
    directory: Path
    say: Callable[[str], None]
    skew_s: float = SKEW_S
    plant: str | None = None
    patience_s: float = PATIENCE_S
    _happened: list[Happened] = field(default_factory=list)
    _done: Counter[str] = field(default_factory=Counter)
    _corrected: int = 0
    _ends: int = 0
    """How often all workers of the mailer were ended: by a restart, or by another configuration."""

    def play(self) -> Result:
        cloud = process.start(self.directory, process.free_port(), state=self.directory / "kept")
        try:
            return self._play(cloud, self._install(cloud))
        finally:
            running = process.find(self.directory)
            if running is not None:
                process.stop(running, STOP_S)

    def _install(self, cloud: Cloud) -> Outputs:
        """Installs the product, with the planted mistake.

        On a busy machine, the first start of a function can take longer than AWS would allow it.
        """
        stack.WORKERS = 1  # kills and overlapping calls start the others
        mistake = self.plant
        change = (lambda built: planted.planted(built, mistake)) if mistake else None
        parameters = {"MailsAtOnce": str(MAILERS)}
        for left in reversed(range(INSTALLS)):
            try:
                return stack.install(cloud, pace=PACE, parameters=parameters, change=change)
            except StackError as error:
                if not left:
                    raise
                self.say(f"not installed yet: {str(error).splitlines()[0]}")
        raise AssertionError("unreachable")

    def _play(self, cloud: Cloud, outputs: Outputs) -> Result:
        endpoints.widen(LANES)
        up = threading.Event()
        up.set()
        place = Place(outputs, self._sign_in(outputs), _links(cloud, outputs), Ledger(), up)
        self._shorten_queues(outputs)
        began = datetime.now(UTC)
        waiting = schedule.scheduled(self.seed, self.seconds, stack.NAME, self.skew_s)
        self.say(f"load and faults for {self.seconds:.0f} s")

        def disturb(at_s: float) -> None:
            while waiting and waiting[0].at_s <= at_s:
                self._disturb(place, waiting.pop(0))

        load.run(place, load.planned(self.seed, self.seconds), self.seconds, disturb)
        took = (datetime.now(UTC) - began).total_seconds()
        self.say(f"the load took {took:.0f} s; checking until nothing is wrong")
        self._happened += faults.happened(place.outputs.endpoint_url)
        faults.turn_off(place.outputs.endpoint_url)
        names = {f"{stack.NAME}-{name}": 0.0 for name in schedule.CALLS}
        self._set_clocks(self._cloud(), names)
        calm = time.monotonic()
        found, last = self._until_right(place, began)
        counts = Counter(one.do for one in self._happened)
        disturbed = {(one.do, one.function, one.operation) for one in self._happened}
        return Result(
            self.seed,
            place.ledger.operations,
            place.ledger.answers,
            counts + self._done,
            len(disturbed),
            len(last.tickets),
            last.outbox.total(),
            time.monotonic() - calm,
            Counter({name: len(bodies) for name, bodies in last.dead.items() if bodies}),
            found,
        )

    def _cloud(self) -> Cloud:
        cloud = process.find(self.directory)
        assert cloud is not None, "the local cloud has ended"
        return cloud

    # ---------------------------------------------------------------- disturbances

    def _disturb(self, place: Place, one: Disturbance) -> None:
        if one.fault is not None:
            faults.turn_on(place.outputs.endpoint_url, [one.fault])
            return
        self._done[one.what] += 1
        if one.what == schedule.STOP:
            self._stop_one(place.outputs, one.choice)
        elif one.what == schedule.RESTART:
            self._restart(place)
        elif one.clocks is not None:
            self._set_clocks(self._cloud(), one.clocks)

    def _stop_one(self, outputs: Outputs, choice: float) -> None:
        machines = client(outputs, "stepfunctions")
        running = machines.list_executions(
            stateMachineArn=outputs.stack["TicketMachineArn"], statusFilter="RUNNING"
        )["executions"]
        if running:
            arn = running[int(choice * len(running))]["executionArn"]
            machines.stop_execution(executionArn=arn, error="Chaos", cause="stopped by a test")

    def _restart(self, place: Place) -> None:
        """Stops the local cloud while everything runs, starts it again, and reconciles.

        Executions are lost, as the emulator cannot keep them. On AWS they are not; the
        reconciliation is what a person starts after such a loss.
        """
        self.say("the local cloud is restarted")
        self._happened += faults.happened(place.outputs.endpoint_url)
        waiting = faults.on(place.outputs.endpoint_url)
        place.up.clear()
        try:
            self._start_again(place)
        finally:
            place.up.set()
        self._ends += 1
        self._invoke(place.outputs, "repair", {"task": "reconcile"})
        faults.turn_on(place.outputs.endpoint_url, waiting)

    def _start_again(self, place: Place) -> None:
        cloud = self._cloud()
        process.stop(cloud, STOP_S)
        cloud = process.start(self.directory, cloud.port, state=self.directory / "kept")
        before = place.outputs
        place.outputs = Outputs(
            before.stack,
            before.base_url,
            cloud.port,
            cloud.endpoint,
            before.staff,
            cloud.directory,
            cloud.smtp_port,
        )
        # The server for incoming mail reads the addresses from this file.
        (self.directory / "outputs.json").write_text(place.outputs.to_json(), encoding="utf-8")
        place.staff = self._sign_in(place.outputs)

    def _set_clocks(self, cloud: Cloud, clocks: Any) -> None:
        functions = stack.client(cloud, "lambda")
        self._ends += f"{stack.NAME}-mailer" in clocks
        for name, seconds in clocks.items():
            known = functions.get_function_configuration(FunctionName=name)
            variables = known["Environment"]["Variables"] | {CLOCK_S: str(seconds)}
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": variables}
            )
        versions.settle(functions, clocks)

    def _shorten_queues(self, outputs: Outputs) -> None:
        queues = client(outputs, "sqs")
        for name in ("MailQueueUrl", "InboundQueueUrl"):
            url = outputs.stack[name]
            found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
            if int(found["Attributes"]["VisibilityTimeout"]) > VISIBLE_S:
                attributes = {"VisibilityTimeout": str(VISIBLE_S)}
                queues.set_queue_attributes(QueueUrl=url, Attributes=attributes)

    def _sign_in(self, outputs: Outputs) -> dict[str, Staff]:
        users = client(outputs, "cognito-idp")
        pool, base = outputs.stack["UserPoolClientId"], outputs.base_url
        return {
            user: sign_in(users, pool, base, user, entry["password"], entry["groups"][0])
            for user, entry in outputs.staff.items()
        }

    # ---------------------------------------------------------------- after the load

    def _until_right(self, place: Place, began: datetime) -> tuple[list[Violation], Evidence]:
        """Reads and checks until nothing is wrong, or until PATIENCE_S or LONGEST_S is over.

        A message that is still on its way makes something wrong for a moment only. What is lost
        or doubled stays wrong, and is found at the end.
        """
        began_at, swept, told, fewest = time.monotonic(), 0.0, -1, sys.maxsize
        end = began_at + self.patience_s
        while True:
            if time.monotonic() - swept > 30:
                self._invoke(place.outputs, "repair", {"task": "sweep"})
                swept = time.monotonic()
            report = self._invoke(place.outputs, "repair", {"task": "reconcile"})
            self._score(place)
            last = self._read(place, began, report.get("found", {}))
            found = violations(last)
            if (waiting := sum(last.left.values())) < fewest:
                fewest = waiting
                end = min(time.monotonic() + self.patience_s, began_at + LONGEST_S)
            if not found or time.monotonic() > end:
                return found, last
            if len(found) != told:
                told = len(found)
                self.say(f"{told} not right yet, such as {found[0]}")
            time.sleep(3)

    def _invoke(self, outputs: Outputs, function: str, payload: Any) -> Any:
        functions = client(outputs, "lambda")
        answer = functions.invoke(
            FunctionName=f"{stack.NAME}-{function}:{ALIAS}", Payload=json.dumps(payload)
        )
        content = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            # Faults are on while the cloud is restarted; the next round tries again.
            self.say(f"{function} {payload} failed: {content.get('errorType')}")
            return {}
        return content

    def _score(self, place: Place) -> None:
        """Runs the scores of this month to their end."""
        manager = next(iter(place.of_role("manager")))
        period = datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m")
        before = manager.get(f"/scorecards/{period}")["last_run"]
        manager.send("POST", f"/scorecards/{period}", {})

        def done() -> bool:
            return bool(manager.get(f"/scorecards/{period}")["last_run"] != before)

        try:
            wait_for(done, f"the scores of {period}", 30)
        except EndpointError as error:
            self.say(str(error))

    def _read(self, place: Place, began: datetime, repaired: dict[str, int]) -> Evidence:
        """Reads everything that the checker needs."""
        self._corrected += repaired.get("corrected", 0)
        left_over = {name: n for name, n in repaired.items() if name not in NO_REPAIR}
        if self._corrected:
            left_over["corrected"] = self._corrected
        return replace(
            reading.read(place.outputs, place.ledger, began),
            repaired=left_over,
            lost=[_lost(one) for one in self._happened if _may_double(one)],
            ended_workers=self._ends * MAILERS,
        )


def _links(cloud: Cloud, outputs: Outputs) -> Links:
    secrets = stack.client(cloud, "secretsmanager")
    found = secrets.get_secret_value(SecretId=outputs.stack["LinkKeySecretArn"])
    key = found["SecretString"].encode()
    return Links(lambda: iter([key]))


def _may_double(one: Happened) -> bool:
    """Whether a fault may leave a mail sent and not recorded, so that it is sent again.

    The mailer reads before it sends, and changes the ticket after it has recorded the mail.
    """
    if one.function != f"{stack.NAME}-mailer":
        return False
    if one.operation == "SendEmail":
        return one.do not in (Do.REFUSE, Do.BREAK, Do.KILL_BEFORE)
    return one.operation == "UpdateItem"


def _lost(one: Happened) -> Lost:
    tags = one.tags
    if "event" not in tags:
        return Lost(one.do, one.operation, None)
    key = f"{int(tags['event']):06d}.{tags['template']}.{tags['audience']}"
    return Lost(one.do, one.operation, f"{tags['ticket']}/{key}")


def play(
    seed: int,
    minutes: float,
    say: Callable[[str], None],
    *,
    skew_s: float = SKEW_S,
    plant: str | None = None,
    keep: Path | None = None,
    patience_s: float = PATIENCE_S,
) -> Result:
    """Plays one run in a folder of its own, which is deleted unless `keep` names it."""
    directory = keep or Path(tempfile.mkdtemp(prefix="redress-chaos-"))
    directory.mkdir(parents=True, exist_ok=True)
    try:
        return Run(seed, minutes * 60, directory, say, skew_s, plant, patience_s).play()
    finally:
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)
