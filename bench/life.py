"""What a complaint costs: its billed units, counted on the deployed local stack, times list prices.

A life is a fixed script of requests (`bench/script.py`). Two happy paths are played, one through
the pages and one through the JSON API. In a third life the agent accepts the ticket and answers
after 20 minutes, when the first reminder has fired; its plan is SLOW_PACE times faster. In a fourth
life nobody accepts it before, so the reminder returns it to the queue. A fifth life is the full
ladder: nobody answers until every rung of every promise of a complaint has fired; then a manager
answers and resolves it, the customer disputes, and the agent answers and resolves it again.

Transitions are counted from the executions' histories. The cloud's meter (`local/meter.py`) counts
requests, invocations, read and write units by Amazon's rules (`bench/units.py`), mails, queue
requests, log lines and outgoing bytes. Lambda's reads of the stream are free. Prices are those of
`data/prices.json` in the product, without any free tier, with 5 % of traces recorded. Mail is shown
separately.

Assumptions, and what they leave out:

- Functions are warm and have read their settings. CPU time is this machine's, scaled to the share
  of a CPU that comes with the memory; waiting time is that of the local cloud. A separate row shows
  the cost if every call were a cold start that reads its settings again. It needs cold starts that
  were measured before (`make bench ONLY=cold`).
- Lambda also records the first trace of each second, and no sampling rule can prevent that. If no
  second has two requests, every trace is recorded; a separate row shows this. The figures for an
  idle month and for other months count the traces that would be recorded. In a month with few
  complaints every call counts as cold.
- The ladder lasts minutes, in which a function may read a key or a plan again. It has no goal.
- Storage is that of the first month. Sign-ins of staff are free up to 10,000 users a month.
- An idle month consists of the template's secrets and alarms, Lambda's polling of empty queues
  (five pollers that wait for 20 s each), and what the schedules run, measured without tickets and
  with nobody at work. A third of the sweeps is complete (`workflow/cases/quiet.py`). The monthly
  scores are left out: they are a few transitions twice a month.
"""

from __future__ import annotations

import contextlib
import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console
from rich.progress import track

from bench import bill as bills
from bench import files, parts, script
from bench.bill import HOURS, Bill, Prices
from bench.report import Figure, Machine, at_most, exactly, percentile
from bench.script import Player, Step
from bench.sleepers import end_cloud
from local import meter, stack
from local.endpoints import wait_for
from local.meter import Records
from local.operations.stacks import ALIAS
from local.stack import Outputs
from local.template import template
from redress.db import keys
from redress.plans.rules.document import scaled
from redress.plans.store.plans import FRESH_FOR_S, shipped_document
from redress.workflow.cases.watching import EVERY_MINUTES

ABOUT = "what a complaint costs: billed units of a complete life, and an idle month"
LIMIT_S = 600
ROUNDS = 3
TRANSITIONS = 5
"""The goal for a happy path."""
MAILS = 4
"""The goal: acknowledgement, reply, resolution with callback question, survey; some may merge."""
CENTS = 28.0
"""The goal for 1,000 happy paths, without mail, with the customer's profile and without the parts
that are off by default."""
MAIL_CONDITIONS = ("HasMailDomain", "SesTakesMail")
"""The template's conditions under which the queues of incoming mails are polled."""
IDLE_DOLLARS = 0.60
IDLE_WITH_MAIL_DOLLARS = 0.80
"""The goals for a month without activity, beyond what is free for ever."""
MONTHS = (100, 10_000, 1_000_000)
"""Complaints a month."""
COLD_UP_TO = 1_000
"""Up to this many complaints a month, most calls are cold: nearly an hour lies between two, longer
than Lambda keeps a function warm."""

REPAIR, REVIEW = f"{stack.NAME}-repair", f"{stack.NAME}-planreview"
TASKS = {"sweep": REPAIR, "reconcile": REPAIR, "review_plan": REVIEW}
"""Tasks that schedules start, and the function that runs each."""
COMPLETE = "complete sweep"
"""A sweep that leaves nothing out, measured besides the usual one of a quiet stack."""
COMPLETE_SWEEPS = EVERY_MINUTES / 15
"""Which part of the sweeps of a quiet stack is complete, in a process that Lambda keeps warm."""
POLLS = 5 * 3 * 60 * HOURS
"""Requests with which Lambda polls an empty queue in a month: five pollers, 20 s each."""
SLOW_PACE = 30
"""How many times faster the plan passes whose agent answers late: a minute is two seconds."""
SLOW_S = 20 * 60 / SLOW_PACE
"""When that agent answers, in seconds since the submission. The first reminder comes after 15
minutes, the second one after 24."""
SLOW_TRANSITIONS = 8
"""The goal for that life: three more than a happy path, for one reminder."""
SLOW: Mapping[str, Sequence[Step]] = {
    "answer after 20 minutes": script.ACCEPTED,
    "the same, not accepted": script.SUBMITTED,
}
"""What is done at once in each of these lives. If the agent does not accept the ticket, the
reminder returns it to the queue."""
RUNG_S = 32
"""A day of the ladder's plan, in seconds. Rungs are never closer than a workflow can wait."""
LADDER_PROMISES = {
    "reaction": "9s",
    "first_response": f"{RUNG_S}s",
    "next_reply": f"{RUNG_S}s",
    "update": f"{RUNG_S}s",
    "resolution": f"{2 * RUNG_S}s",
}
LADDER_S = 3 * RUNG_S + 10
"""Seconds until the last rung has fired, which comes half a resolution time after its due time."""


@dataclass(frozen=True, slots=True)
class Life:
    """One life that was played: what is billed for it, and what was recorded."""

    bill: Bill
    records: Records
    parts: Mapping[str, Bill] = field(default_factory=dict)
    """What belongs to each part (`bench.parts`). Those that are off by default are not in `bill`
    and not in `records`."""
    part_records: Mapping[str, Records] = field(default_factory=dict)

    @property
    def gb_seconds(self) -> float:
        return bills.gb_seconds(self.records.invocations)

    def dollars(self, known: Prices, sampled: float = bills.SAMPLED) -> dict[str, float]:
        """US dollars by meter, the largest first."""
        return bills.cost(bills.used(self.bill, self.gb_seconds, sampled), known)

    def cents_of(self, part: str, known: Prices) -> float:
        """US cents for a part of 1,000 lives."""
        bill = self.parts[part]
        use = bills.used(bill, bills.gb_seconds(self.part_records[part].invocations))
        requests = bill.bucket_writes * bills.BUCKET_WRITE + bill.bucket_reads * bills.BUCKET_READ
        return cents(bills.cost(use, known)) + 100_000 * requests


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures; leaves no process behind. The ladder is played at the full scale only."""
    known = bills.prices()
    end_cloud(directory)
    with contextlib.ExitStack() as leaving:
        leaving.callback(end_cloud, directory)
        outputs = stack.up(0, None, console, directory)
        # The first run of a task on a new stack also writes where it begins. The second one learns
        # that the version before has left nothing, as it does an hour after an update.
        for task in TASKS:
            scheduled(outputs, task)
        end_catching_up(outputs)
        leave_work(outputs)
        for task in TASKS:
            scheduled(outputs, task)
        tasks = {COMPLETE: scheduled(outputs, "sweep", all=True)}
        tasks |= {task: scheduled(outputs, task) for task in TASKS}
        stack.come_to_work(outputs)
        # The first life is not counted: its functions have not read their settings yet.
        lives = range(1 + max(1, round(ROUNDS * scale)))
        _, *rounds = [happy_path(outputs) for _ in track(lives, "happy paths", console=console)]
        machine.note_load("after the happy paths")
        _, connected = [by_api(outputs) for _ in track(range(2), "by the API", console=console)]
        sent = unscheduled(files.send(outputs))
        publish(outputs, lambda version: scaled(shipped_document(), SLOW_PACE, version))
        slow = {what: slow_answer(outputs, script) for what, script in SLOW.items()}
        ladder = full_ladder(outputs, console) if scale == 1 else None
    return [
        *happy_figures(rounds, known, cold_starts(directory)),
        Figure("1,000 by the JSON API, without mail", cents(connected.dollars(known)), "cents"),
        *files.figures(sent, bills.bill_of(sent, (), indexes(), untraced()), known),
        *(one for what, found in slow.items() for one in slow_figures(what, *found, known)),
        *(ladder_figures(ladder, known) if ladder else ()),
        *month_figures(typical(rounds, known), tasks, known, cold_starts(directory)),
    ]


# ------------------------------------------------------------------------------ lives


def happy_path(outputs: Outputs) -> Life:
    """One complaint whose promises are all kept, on a stack with staff at work."""
    return played(outputs, lambda player: player.play(script.HAPPY_PATH))


def by_api(outputs: Outputs) -> Life:
    """A happy path with a connector in the customer's place."""
    return played(outputs, lambda player: player.play(script.BY_API))


def slow_answer(outputs: Outputs, before: Sequence[Step]) -> tuple[Life, list[str]]:
    """A happy path whose agent answers after 20 minutes, and the rungs that fired.

    `before` is what is done at once. It needs the plan that is SLOW_PACE times faster.
    """
    player = Player(outputs)

    def play(player: Player) -> None:
        player.play(before)
        time.sleep(max(0.0, player.opened_at + SLOW_S - time.monotonic()))
        player.play(script.AFTER_SUBMISSION)

    life = played(outputs, play, player)
    return life, player.rungs()


def full_ladder(outputs: Outputs, console: Console) -> Life:
    """One complaint that nobody answers in time. Publishes its plan first."""
    publish_ladder(outputs)

    def play(player: Player) -> None:
        player.play(script.SUBMITTED)
        for _ in track(range(LADDER_S), "nobody answers", console=console):
            time.sleep(1)
        player.wait_until_still()
        player.play(script.AFTER_THE_LADDER)

    return played(outputs, play)


def played(outputs: Outputs, play: Callable[[Player], None], player: Player | None = None) -> Life:
    player = player or Player(outputs)
    player.wait_until_still()
    meter.switch(outputs.endpoint_url, on=True)
    play(player)
    meter.switch(outputs.endpoint_url, on=False)
    records = unscheduled(meter.recorded(outputs.endpoint_url))
    runs = histories(outputs, player.number)
    own = parts.together(records)
    found = (parts.PROFILE, *parts.OFF_BY_DEFAULT)
    return Life(
        bills.bill_of(own, runs, indexes(), untraced()),
        own,
        {part: bills.of_part(records, part, indexes(), untraced()) for part in found},
        {part: parts.of(records, part) for part in found},
    )


def unscheduled(records: Records) -> Records:
    """The records without those of scheduled functions, which have nothing to do for a life.

    The sweep falls into every twentieth life; it is already counted in the idle month.
    """
    return Records(
        records.api_requests,
        [one for one in records.calls if one.by not in TASKS.values()],
        [one for one in records.invocations if one.function not in TASKS.values()],
    )


def indexes() -> list[Any]:
    found: list[Any] = template()["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]
    return found


def untraced() -> set[str]:
    """Functions that begin no trace of their own."""
    return {name for name, properties in functions() if properties.get("Tracing") == "PassThrough"}


def having(variable: str) -> set[str]:
    """Functions whose environment has this variable."""
    return {
        name
        for name, properties in functions()
        if variable in properties.get("Environment", {}).get("Variables", {})
    }


def functions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and properties of each function."""
    for name, logical in logical_ids().items():
        yield name, template()["Resources"][logical]["Properties"]


def logical_ids() -> dict[str, str]:
    """Function names and their logical ids in the template: {"redress-staff": "StaffFunction"}."""
    resources = template()["Resources"].items()
    return {
        resource["Properties"]["FunctionName"].replace("${AWS::StackName}", stack.NAME): logical
        for logical, resource in resources
        if resource["Type"] == "AWS::Serverless::Function"
    }


def histories(outputs: Outputs, number: str) -> Iterator[list[dict[str, Any]]]:
    """Waits for each execution of a ticket, one per generation, and yields its history."""
    machines: Any = boto3.client("stepfunctions", **outputs.client_arguments())
    machine = outputs.stack["TicketMachineArn"].replace(":stateMachine:", ":execution:")
    generation = 1
    while True:
        execution = f"{machine}:{number}-{generation}"
        try:
            yield history(machines, execution)
        except machines.exceptions.ExecutionDoesNotExist:
            return
        generation += 1


def history(machines: Any, execution: str) -> list[dict[str, Any]]:
    """All events of an execution, once it has ended."""

    def ended() -> bool:
        found = machines.describe_execution(executionArn=execution)
        return bool(found["status"] != "RUNNING")

    wait_for(ended, f"{execution} ends", 30)
    pages = machines.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def publish_ladder(outputs: Outputs) -> None:
    """Publishes the shipped plan with a complaint's day of RUNG_S seconds, always open."""

    def ladder(version: int) -> dict[str, Any]:
        document = copy.deepcopy(scaled(shipped_document(), 1, version))
        promises = document["levels"]["complaint"]["promises"]
        for clock, within in LADDER_PROMISES.items():
            promises[clock]["within"] = within
        return document

    publish(outputs, ladder)


def publish(outputs: Outputs, plan: Callable[[int], dict[str, Any]]) -> None:
    """Publishes a plan, which `plan` makes for the next version, and waits until all use it."""
    manager = next(email for email, who in outputs.staff.items() if "manager" in who["groups"])
    token = stack.sign_in(outputs, manager)
    version = stack.call_api(outputs, "GET", "/staff/plan", None, token)["version"] + 1
    stack.call_api(outputs, "POST", "/staff/plans", plan(version), token)
    time.sleep(FRESH_FOR_S + 1)


# ------------------------------------------------------------------------------ an idle month


def end_catching_up(outputs: Outputs) -> None:
    """Mark both jobs that mend items of the previous version as done."""
    client: Any = boto3.client("dynamodb", **outputs.client_arguments())
    for job in (keys.CATCH_UP, keys.MEMBERS_CATCH_UP):
        place = {"pk": {"S": keys.CATCH_UP}, "sk": {"S": job}}
        item = client.get_item(TableName=outputs.stack["TableName"], Key=place)["Item"]
        ended = json.loads(item["doc"]["S"]) | {"ended_at": datetime.now(UTC).isoformat()}
        item["doc"] = {"S": json.dumps(ended)}
        client.put_item(TableName=outputs.stack["TableName"], Item=item)


def leave_work(outputs: Outputs) -> None:
    """Make everybody offline, and take them off the list of the sweep.

    The sweep does that itself after the grace of the plan, which is too long to wait for.
    """
    client: Any = boto3.client("dynamodb", **outputs.client_arguments())
    table = outputs.stack["TableName"]
    for email in outputs.staff:
        token = stack.sign_in(outputs, email)
        stack.call_api(outputs, "PUT", "/staff/presence", {"presence": "offline"}, token)
    listed = client.query(
        TableName=table,
        IndexName="owner",
        KeyConditionExpression="owner_pk = :list",
        ExpressionAttributeValues={":list": {"S": keys.PRESENCE}},
    )
    for one in listed["Items"]:
        place = {"pk": one["pk"], "sk": one["sk"]}
        client.update_item(TableName=table, Key=place, UpdateExpression="REMOVE owner_pk, owner_sk")


def scheduled(outputs: Outputs, task: str, **event: Any) -> Life:
    """Runs a scheduled task once, on a stack without tickets. `event` adds to its event."""
    client: Any = boto3.client("lambda", **outputs.client_arguments())
    meter.switch(outputs.endpoint_url, on=True)
    payload = json.dumps({"task": task} | event).encode()
    answer = client.invoke(FunctionName=TASKS[task], Qualifier=ALIAS, Payload=payload)
    if "FunctionError" in answer:
        raise RuntimeError(f"{task}: {answer['Payload'].read().decode()}")
    script.wait_until_still(lambda: meter.size(outputs.endpoint_url))
    meter.switch(outputs.endpoint_url, on=False)
    records = meter.recorded(outputs.endpoint_url)
    return Life(bills.bill_of(records, (), indexes(), untraced()), records)


def idle_use(tasks: Mapping[str, Life], *, with_mail_domain: bool = False) -> dict[str, float]:
    """How much of each meter a month without any ticket uses."""
    found = {"metric_month": 0.0, "schedule": 0.0, "alarm_month": 0.0, "secret_month": 0.0}
    # One sweep of each hour counts the dead letters.
    found["queue_request"] = POLLS * polled_queues(with_mail_domain) + HOURS * letter_queues()
    for resource in template()["Resources"].values():
        if resource.get("Condition") == "HasMailDomain" and not with_mail_domain:
            continue
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            found["alarm_month"] += 1
        elif resource["Type"] == "AWS::SecretsManager::Secret":
            found["secret_month"] += 1
        elif resource["Type"] == "AWS::Scheduler::Schedule":
            properties = resource["Properties"]
            times = runs_a_month(properties["ScheduleExpression"])
            found["schedule"] += times
            task = json.loads(properties["Target"]["Input"]).get("task", "")
            ran = tasks.get(task)
            if ran is not None:
                # Each run is the first request of its second, so Lambda records every trace.
                use = bills.used(ran.bill, ran.gb_seconds, sampled=1.0)
                if task == "sweep":
                    whole = bills.used(
                        tasks[COMPLETE].bill, tasks[COMPLETE].gb_seconds, sampled=1.0
                    )
                    for name, amount in whole.items():
                        quiet = use.get(name, 0.0)
                        use[name] = quiet + (amount - quiet) * COMPLETE_SWEEPS
                    # The measured sweep may be one that counts the dead letters.
                    use["queue_request"] = 0.0
                for name, amount in use.items():
                    found[name] = found.get(name, 0.0) + times * amount
    return found


def polled_queues(with_mail_domain: bool) -> int:
    """The number of queues that Lambda polls all the time, with search off."""
    held = MAIL_CONDITIONS if with_mail_domain else ()
    count = 0
    for resource in template()["Resources"].values():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            if isinstance(event, dict) and event.get("Type") == "SQS":
                enabled = event["Properties"].get("Enabled", True)
                count += enabled is True or enabled[0] in held
    return count


def letter_queues() -> int:
    """The number of dead-letter queues."""
    resources = template()["Resources"].items()
    queues = [name for name, one in resources if one["Type"] == "AWS::SQS::Queue"]
    return sum("DeadLetter" in name for name in queues)


def runs_a_month(expression: str) -> float:
    """Runs of a schedule: `rate(5 minutes)`, or `cron(0 6 1,2 * ? *)` with fixed hour and minute.

    Raises ValueError for other expressions.
    """
    kind, _, rest = expression.rstrip(")").partition("(")
    if kind == "rate":
        number, unit = rest.split()
        return HOURS * {"minute": 60, "hour": 1, "day": 1 / 24}[unit.rstrip("s")] / int(number)
    minutes, hours, days, _, weekdays, _ = rest.split()
    if not (minutes.isdigit() and hours.isdigit() and weekdays == "?"):
        raise ValueError(f"no schedule that this benchmark understands: {expression}")
    return HOURS / 24 if days == "*" else len(days.split(","))


# ------------------------------------------------------------------------------ figures


def cents(dollars: Mapping[str, float]) -> float:
    """US cents for 1,000 lives, without mail."""
    return 100_000 * sum(value for name, value in dollars.items() if name != "mail")


def happy_figures(rounds: list[Life], known: Prices, cold_ms: Mapping[str, float]) -> list[Figure]:
    life = typical(rounds, known)
    bill, dollars = life.bill, life.dollars(known)
    differing = [text for text in (differences(one.bill, bill) for one in rounds) if text]
    equal = len(rounds) - len(differing)
    same = exactly("happy paths with the same counts", equal, "", len(rounds))
    amounts = bills.used(bill, life.gb_seconds)
    every = cents(life.dollars(known, sampled=1.0))
    confirmed = bills.cost(bills.used(bills.of_reports(bill.publications), 0), known)
    lines = bills.Bill(log_bytes=bills.bytes_of_platform(bill.invocations))
    all_calls = bills.cost(bills.used(lines, 0), known)
    found = [
        replace(same, note="; ".join(differing)),
        at_most("happy path: transitions", bill.transitions, "", TRANSITIONS),
        at_most("happy path: mails", bill.mails, "", MAILS),
        at_most("1,000 of them, without mail", cents(dollars), "cents", CENTS),
        *(
            Figure(f"  {NAMES[name]}", 100_000 * value, "cents", note=_amount(name, amounts[name]))
            for name, value in dollars.items()
            if value and name != "mail"
        ),
        Figure("  of these, for SES's confirmations of mails", cents(confirmed), "cents"),
        *part_figures(life, known),
        Figure("1,000 of them, mail", 100_000 * dollars["mail"], "cents"),
        Figure("1,000 of them, without mail, every trace recorded", every, "cents"),
        Figure(
            "1,000 of them, log lines of every call",
            cents(all_calls),
            "cents",
            note="only with CallLog=all",
        ),
    ]
    if cold_ms:
        figure = cents(bills.cost(cold_use(life, cold_ms), known))
        found.append(Figure("1,000 of them, without mail, every call cold", figure, "cents"))
    return found


def part_figures(life: Life, known: Prices) -> list[Figure]:
    """The price of each part that was measured, and of the life without the profile."""
    if parts.PROFILE not in life.parts:
        return []
    whole, profile = cents(life.dollars(known)), life.cents_of(parts.PROFILE, known)
    found = [
        Figure("  of these, for the customer's profile", profile, "cents", note=_written(life)),
        Figure("  without it", whole - profile, "cents"),
    ]
    for part in parts.OFF_BY_DEFAULT:
        bill = life.parts[part]
        note = f"off by default; {bill.invocations} invocations, {bill.write_units} write units"
        found.append(
            Figure(f"1,000 of them, {part}", life.cents_of(part, known), "cents", note=note)
        )
    return found


def _written(life: Life) -> str:
    bill = life.parts[parts.PROFILE]
    return f"{bill.write_units} write units, {bill.read_units:g} read units"


def cold_use(life: Life, cold_ms: Mapping[str, float]) -> dict[str, float]:
    """How much of each meter a life uses if every call of these functions is a cold start."""
    invocations = life.records.invocations
    keyed = cold_ms.keys() & having("LINK_KEY_SECRET")
    # An invocation reads at most two secrets: today's key and the previous one.
    read = 2.0 * sum(one.function in keyed for one in invocations)
    seconds = bills.gb_seconds(invocations, cold_ms)
    return bills.used(life.bill, seconds) | {"secret_call": max(read, life.bill.secret_calls)}


def typical(rounds: list[Life], known: Prices) -> Life:
    """The life with the median price; lives differ only in what is measured, not counted."""
    middle = percentile([cents(life.dollars(known)) for life in rounds], 0.5)
    return next(life for life in rounds if cents(life.dollars(known)) == middle)


def counts(bill: Bill) -> dict[str, float]:
    """Counts that are the same in each life of a script: all but bytes and metrics."""
    return {
        one.name: getattr(bill, one.name)
        for one in fields(bill)
        if one.name != "metrics" and not one.name.endswith("_bytes")
    }


def differences(bill: Bill, usual: Bill) -> str:
    """How a life's counts differ from the usual ones: "read_units 44.5 for 38"."""
    wanted = counts(usual)
    return ", ".join(
        f"{name} {number:g} for {wanted[name]:g}"
        for name, number in counts(bill).items()
        if number != wanted[name]
    )


def ladder_figures(life: Life, known: Prices) -> list[Figure]:
    dollars = life.dollars(known)
    return [
        Figure("full ladder: transitions", life.bill.transitions),
        Figure("full ladder: mails", life.bill.mails),
        Figure("1,000 full ladders, without mail", cents(dollars), "cents"),
        *(
            Figure(f"  {NAMES[name]}", 100_000 * value, "cents")
            for name, value in dollars.items()
            if name != "mail" and 100_000 * value >= 1
        ),
    ]


def slow_figures(what: str, life: Life, rungs: Sequence[str], known: Prices) -> list[Figure]:
    cost = cents(life.dollars(known))
    return [
        exactly(f"{what}: reminders", len(rungs), "", 1),
        at_most(f"{what}: transitions", life.bill.transitions, "", SLOW_TRANSITIONS),
        Figure(f"{what}: mails", life.bill.mails),
        Figure("1,000 of them, without mail", cost, "cents"),
    ]


def month_figures(
    life: Life, tasks: Mapping[str, Life], known: Prices, cold_ms: Mapping[str, float]
) -> list[Figure]:
    idle = idle_use(tasks)
    parts = bills.cost(idle, known)
    free = bills.cost(idle, known, free=True)
    with_mail = idle_use(tasks, with_mail_domain=True)
    addressed = bills.cost(with_mail, known)
    free_addressed = bills.cost(with_mail, known, free=True)
    warm, cold = bills.used(life.bill, life.gb_seconds), cold_use(life, cold_ms)
    months = [
        bills.month(cold if count <= COLD_UP_TO else warm, idle, life.bill, count)
        for count in MONTHS
    ]
    unknown = "" if cold_ms else "no cold starts measured"
    return [
        Figure("idle, a month", sum(parts.values()), "dollars"),
        *(
            Figure(f"  {NAMES[name]}", value, "dollars", note=_amount(name, idle[name]))
            for name, value in parts.items()
            if value >= 0.005
        ),
        at_most("  beyond what is free for ever", sum(free.values()), "dollars", IDLE_DOLLARS),
        Figure("idle, with a mail domain", sum(addressed.values()), "dollars"),
        at_most(
            "  beyond what is free for ever",
            sum(free_addressed.values()),
            "dollars",
            IDLE_WITH_MAIL_DOLLARS,
        ),
        *(
            Figure(
                name,
                sum(bills.cost(use, known, free=free).values()),
                "dollars",
                note=unknown if count <= COLD_UP_TO else "",
            )
            for count, use in zip(MONTHS, months, strict=True)
            for name, free in (
                (f"{count:,} complaints a month, with mail and idle", False),
                ("  beyond what is free for ever", True),
            )
        ),
    ]


NAMES = {meter: price.name for meter, price in bills.prices().prices.items()}
"""A name for each meter of the list prices."""


def _amount(name: str, amount: float) -> str:
    if name.endswith(("_gb", "_gb_month")):
        return f"{amount * bills.GB:,.0f} bytes"
    return f"{amount:,.0f}" if float(amount).is_integer() else f"{amount:,.2f}"


def cold_starts(directory: Path) -> dict[str, float]:
    """Milliseconds of a cold start by function, if they were measured before, else {}.

    For public functions the time to an answer; for others the time until they are ready.
    """
    path = directory / "cold.json"
    if not path.exists():
        return {}
    found = {one["name"]: one["value"] for one in json.loads(path.read_text())["figures"]}
    names = {name: f"{logical}, ready" for name, logical in logical_ids().items()} | _COLD_ENDPOINTS
    return {name: found[row] for name, row in names.items() if row in found}


_COLD_ENDPOINTS = {
    f"{stack.NAME}-intake": "JSON intake",
    f"{stack.NAME}-customer": "status page",
    f"{stack.NAME}-staff": "staff's work list",
}
"""Public functions, and the name of their slowest endpoint in `bench/cold.py`."""
