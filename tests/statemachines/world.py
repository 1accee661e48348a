"""A small world for a ticket: the table, its stream, the machine, and a clock that skips time.

The definition from `statemachines/`, the handlers of relay, follower, workflow and repair, and the
filters of the template are the product's own. moto replaces AWS; the test acts for people and
mails.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.filters import reaches
from redress.base.people import CUSTOMER, Actor
from redress.tickets.cases.changes import Decide
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.ticket import EventType, Phase, Ticket
from redress.tickets.store.timers import Timer
from redress.workflow.cases.relay import execution_name
from tests.builders import MEI, ROOT, Clock
from tests.statemachines.skipping import Sleepers, eventually
from tests.streams import Stream
from tests.world import Opener, Stores, aws, merge, split, unmerge, unsplit


@dataclass
class World(Stores):
    clock: Clock
    sleepers: Sleepers
    stream: Stream
    machine: str
    """ARN of the ticket machine."""
    readers: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]
    """The handlers of the functions that read the stream."""
    repair: Callable[[dict[str, Any]], dict[str, Any]]
    sfn: Any = field(default_factory=lambda: aws("stepfunctions"))

    # ------------------------------------------------------------- acts of people and mails

    def open(self, kind: str = "complaint", *, follow: bool = True, **fields: Any) -> str:
        """Submits a ticket. Returns its number. `follow=False` leaves stream records unread."""
        number = Opener(self, self.clock)(kind, **fields).number
        if follow:
            self.follow()
        return number

    def take(self, number: str, decide: Decide, *, follow: bool = True) -> Ticket:
        """Applies one change to a ticket and, unless `follow` is False, what follows from it."""
        after = self.changes.change(number, decide)
        if follow:
            self.follow()
        return after

    def acknowledge(self, number: str, *, follow: bool = True) -> None:
        """The mailer has sent the acknowledgement."""
        self.take(number, by_system.acknowledge, follow=follow)

    def reply(
        self, number: str, *, wait: bool = False, by: Actor = MEI, follow: bool = True
    ) -> None:
        self.take(
            number, lambda t, p, at: by_staff.reply(t, p, by, "An answer", wait, at), follow=follow
        )

    def write(self, number: str) -> None:
        self.take(number, lambda t, p, at: by_customer.write(t, p, "Here you are", at))

    def resolve(self, number: str, *, by: Actor = MEI, follow: bool = True) -> None:
        self.take(
            number,
            lambda t, p, at: by_staff.resolve(
                t, p, by, "The seal was replaced", "upheld", "a new kettle", "a bad batch", at
            ),
            follow=follow,
        )

    def confirm(self, number: str, *, follow: bool = True) -> None:
        self.take(number, lambda t, p, at: by_customer.confirm(t, p, CUSTOMER, at), follow=follow)

    def dispute(self, number: str) -> None:
        self.take(
            number, lambda t, p, at: by_customer.dispute(t, p, CUSTOMER, "It leaks again", at)
        )

    def answer_survey(self, number: str, overall: int = 5) -> None:
        answers = {"overall": overall}
        self.take(number, lambda t, p, at: by_customer.answer_survey(t, p, answers, at))

    def withdraw(self, number: str) -> None:
        self.take(number, lambda t, p, at: by_customer.withdraw(t, p, "Never mind", at))

    def merge(self, source: str, target: str, *, follow: bool = True) -> None:
        merge(self, source, target)
        if follow:
            self.follow()

    def unmerge(self, source: str, target: str) -> None:
        unmerge(self, source, target)
        self.follow()

    def split(self, number: str, *events: int, merged: str = "") -> str:
        """Splits messages off a ticket, or those of one that was merged into it. Returns the number
        of the new one."""
        new = split(self, number, *events, merged=merged)
        self.follow()
        return new

    def unsplit(self, number: str, new: str) -> None:
        unsplit(self, number, new)
        self.follow()

    def reclassify(self, number: str, kind: str, by: Actor = MEI) -> None:
        what = Classification(kind)
        self.take(number, lambda t, p, at: by_staff.reclassify(t, p, by, what, "It burns", at))

    # ------------------------------------------------------------- acts of AWS

    def follow(self) -> None:
        """Delivers stream records to their readers until there are none, and waits for machines."""
        self.rest()
        while records := self.stream.records():
            self.deliver(records)
            self.rest()

    def deliver(self, records: list[dict[str, Any]]) -> None:
        """Delivers one batch to each reader, which must accept every record."""
        for name, read in self.readers.items():
            wanted = [record for record in records if reaches(name, record)]
            assert read({"Records": wanted}) == {"batchItemFailures": []}, name

    def rest(self) -> None:
        """Waits until every running machine sleeps."""
        eventually(
            lambda: all(self.sleepers.of(name) for name in self.running()),
            "every running machine sleeps",
        )

    def running(self) -> list[str]:
        found = self.sfn.list_executions(stateMachineArn=self.machine, statusFilter="RUNNING")
        return sorted(execution["name"] for execution in found["executions"])

    def pass_time(self, **by: float) -> None:
        """Lets time pass; each wait that ends in this time times out at its deadline, in order."""
        end = self.clock.moment + timedelta(**by)
        self.follow()
        while sleeper := self.sleepers.next_due(end):
            self.clock.moment = max(self.clock.moment, sleeper.deadline)
            self.sleepers.time_out(sleeper)
            self.follow()
        self.clock.moment = end

    def abort(self, number: str, gen: int = 1) -> None:
        """Stops an execution, as an operator or a restart of the local cloud does."""
        self.sfn.stop_execution(executionArn=self.arn(execution_name(number, gen)))
        self.sleepers.release(execution_name(number, gen))
        eventually(lambda: self.status(number, gen) == "ABORTED", "the execution is aborted")

    def forget(self, number: str, gen: int = 1) -> None:
        """Stops an execution and deletes its record."""
        self.abort(number, gen)
        backend = stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID][self.sfn.meta.region_name]
        machine = backend.describe_state_machine(self.machine)
        machine.executions = [
            execution
            for execution in machine.executions
            if execution.name != execution_name(number, gen)
        ]

    def report_end(self, number: str, gen: int = 1) -> dict[str, Any]:
        """Invokes the repair function as the rule on execution status does."""
        detail = {
            "stateMachineArn": self.machine,
            "name": execution_name(number, gen),
            "status": self.status(number, gen),
        }
        answer = self.repair(
            {"detail-type": "Step Functions Execution Status Change", "detail": detail}
        )
        self.follow()
        return answer

    def sweep(self) -> dict[str, Any]:
        """Invokes the repair function as its schedule does."""
        done = self.repair({"task": "sweep"})
        self.follow()
        return done

    def reconcile(self) -> dict[str, Any]:
        """Invokes the repair function as the daily schedule does. Returns its report."""
        report = self.repair({"task": "reconcile"})
        self.follow()
        return report

    def deploy(self, changed: Callable[[dict[str, Any]], None]) -> None:
        """Deploys a changed definition of the machine; running executions keep their own."""
        machine = self.sfn.describe_state_machine(stateMachineArn=self.machine)
        document = json.loads(machine["definition"])
        changed(document)
        self.sfn.update_state_machine(stateMachineArn=self.machine, definition=json.dumps(document))

    # ------------------------------------------------------------- observations

    def arn(self, execution: str) -> str:
        prefix = self.machine.replace(":stateMachine:", ":execution:")
        return f"{prefix}:{execution}"

    def status(self, number: str, gen: int = 1) -> str:
        arn = self.arn(execution_name(number, gen))
        status: str = self.sfn.describe_execution(executionArn=arn)["status"]
        return status

    def states(self, number: str, gen: int = 1) -> list[str]:
        """The states that an execution entered, in order."""
        history = self.sfn.get_execution_history(executionArn=self.arn(execution_name(number, gen)))
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in history["events"]
            if "stateEnteredEventDetails" in event
        ]

    def sleeps_until(self, number: str, gen: int = 1) -> datetime:
        """When the current wait of this ticket's machine ends."""
        sleeper = self.sleepers.of(execution_name(number, gen))
        assert sleeper is not None, f"{number} does not sleep"
        return sleeper.deadline

    def timer(self, number: str) -> Timer:
        return self.timers.get(number)

    def at_rest(self, number: str) -> bool:
        """Whether a closed ticket is neither armed nor in the index of awake tickets."""
        timer = self.timer(number)
        assert timer.phase is Phase.CLOSED
        waiting = list(self.timers.awake_since_before(self.clock.moment + timedelta(days=1)))
        return timer.armed is None and timer.awake_since is None and number not in waiting

    def rungs(self, number: str) -> list[tuple[str, str, float]]:
        """The fired rungs in order: clock, action, and hours since the ticket was opened."""
        history = self.tickets.history(number)
        began = history[0].at
        return [
            (
                event.data["clock"],
                event.data["action"],
                (event.at - began).total_seconds() / 3600,
            )
            for event in history
            if event.type is EventType.RUNG_FIRED
        ]


@dataclass(frozen=True)
class Run:
    """One execution that has ended."""

    status: str
    output: Any
    error: str | None
    cause: str | None
    entered: Counter[str]
    """How often the execution entered each state."""
    events: int
    history: str
    """Everything that the service keeps about it."""


def run_to_its_end(machine: str, name: str, given: dict[str, Any]) -> Run:
    """Start an execution of the machine with this ARN, and wait until it has ended."""
    sfn = aws("stepfunctions")
    arn = sfn.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))[
        "executionArn"
    ]

    def over() -> bool:
        return bool(sfn.describe_execution(executionArn=arn)["status"] != "RUNNING")

    eventually(over, "the execution has ended")
    found = sfn.describe_execution(executionArn=arn)
    history = sfn.get_execution_history(executionArn=arn)["events"]
    entered = [e["stateEnteredEventDetails"] for e in history if e["type"].endswith("Entered")]
    return Run(
        status=found["status"],
        output=json.loads(found["output"]) if "output" in found else None,
        error=found.get("error"),
        cause=found.get("cause"),
        entered=Counter(details["name"] for details in entered),
        events=len(history),
        history=json.dumps(history, default=str),
    )


def definition(machine: str, **substitutions: str) -> str:
    """A state machine's definition with its placeholders replaced, as CloudFormation does it."""
    text = (ROOT / "statemachines" / f"{machine}.asl.json").read_text()
    for name, value in ({"Partition": "aws", "PartsAtOnce": "2"} | substitutions).items():
        text = text.replace(f"${{{name}}}", value)
    json.loads(text)
    return text
