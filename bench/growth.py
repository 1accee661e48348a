"""Growth: what an operation costs with 1,000, 10,000 and 100,000 open tickets, and what the router
costs with 10, 316 and 10,000 present agents in the team.

Three tables in Amazon's own DynamoDB engine on this machine, defined as in the template, hold these
numbers of open tickets. For each ticket a table also holds one item of score facts, of other agents
than the one who is scored. The product's own use cases and stores then run in this process. Every
round goes through all operations and sizes, so that other load on the machine affects all sizes
alike. Figures are medians. Units are those that the engine reports. They show growth; read units
equal Amazon's, but the engine counts transactions in another way than Amazon (`units` has the
rules).

The rules open the tickets. `items` makes their snapshots and TIMER items, which are written in
batches through plain requests instead of one transaction each. Idempotency records and histories
are left out: no operation here reads those of another ticket. This way the engine can be filled in
a minute or two. If that takes longer, filling stops in time, and the figures name the size that was
reached. Score facts are copies, under other keys, of the item that a ticket's life has left in the
store. The service plan is read in advance, because a function reads it at most once in some
seconds.

The agents of the router have tables of their own, with few tickets. They are copies of one member,
under other ids. All are equally eligible and have room. A ticket in a language that nobody of them
speaks is the worst case: the router reads as many agents as it may, and nobody gets it. The names
of all members, in which the router looks for whom a complaint is about, are read before: a process
reads them once a minute, not for each ticket (`staff/cases/names.py`). This read has a figure of
its own, because it grows with the number of members.

The slope is that of the logarithm of the cost over the logarithm of the number of open tickets, or
of agents: 0 means that the cost is constant, 1 that it grows in proportion.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import statistics
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import boto3
from rich.console import Console
from rich.progress import track

from bench import bill
from bench.engine import Engine
from bench.report import Figure, Machine, at_most, compared, exactly, percentile
from bench.units import Item, item_bytes
from local import dynamodb_local
from local.template import table_definition
from redress.base.people import Actor, Role
from redress.base.service_clock import ServiceClock
from redress.clocks.rules.periods import period_of
from redress.customers.cases.identity import IdentityCase
from redress.customers.cases.matching import MatchingCase
from redress.customers.store import CustomerStore
from redress.db import encoding, keys
from redress.db.aws_json import DynamoDB
from redress.db.rows import Models
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import Plans, shipped_document
from redress.scores.cases.runs import STORED, ScoringJobs
from redress.scores.store.scores import ScoreStore
from redress.staff.cases.about_search import AboutSearch
from redress.staff.cases.assignment import AssignmentCase
from redress.staff.cases.board import BoardCase
from redress.staff.cases.claiming import ClaimingCase
from redress.staff.cases.classifying import Classifying
from redress.staff.cases.names import StaffNames
from redress.staff.cases.signing_in import SignInCase
from redress.staff.duty.store import DutyStore
from redress.staff.rules.availability import Presence
from redress.staff.rules.members import Claimed, SignedIn
from redress.staff.rules.routing import place_of
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.intake import IntakeCase
from redress.tickets.cases.listing import ListCases
from redress.tickets.cases.staff import PAGE_LIMIT, StaffCases
from redress.tickets.links import Links
from redress.tickets.rules import listing
from redress.tickets.rules.change import Change
from redress.tickets.rules.listing import LINES
from redress.tickets.rules.numbers import ALPHABET, new_number
from redress.tickets.rules.steps import by_customer, by_staff, by_system, opening, table
from redress.tickets.rules.submission import parse as parse_submission
from redress.tickets.rules.ticket import Ticket, next_wake
from redress.tickets.store import items
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.ranges import TicketRanges
from redress.tickets.store.submission_store import SubmissionStore
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import TimerStore
from redress.wiring.transaction import ALSO_WRITTEN
from redress.workflow.cases.timers import TimerCase

ABOUT = "what an operation costs with up to 100,000 open tickets and 10,000 agents"
LIMIT_S = 480
FILL_S = 300
"""Time limit for filling the tables; the rest of the time is for the rounds."""
SMALLEST = 1_000
LARGEST = 100_000
ROUNDS = 30
WARM_UP = 3
"""Rounds that are not counted, in which the engine compiles what it runs often."""

TIME_SLOPE = 0.1
"""The goal: with a hundred times as many tickets an operation may take 1.6 times as long, which the
engine's own trees explain. The number of calls may not grow at all."""
DESK_MS = 50
"""The goal of the 95th percentile of each list and search of staff, at the largest size."""
UNITS_SLOPE = 0.001
"""Allows only for rounding: random ticket numbers may be a digit longer or shorter."""
UNITS_SLOPES = {"numbers of a team": 0.1, "router": 0.1, "router, nobody fits": 0.1}
"""Operations with another goal. A number is counted up to a limit, which it may reach only in a
larger table. The router reads ten agents of a team of ten, and a page of 20 of a larger team."""
CALLS_SLOPES = {"router": 0.1, "router, nobody fits": 0.1}
"""The router begins to read a team of more than 20 at a place that depends on the ticket, and may
have to go on at the beginning of the ring. So it makes one or two more calls, however large the
team is."""
FACT_BYTES = 200
"""The goal for a ticket's score facts, in bytes, with keys and attribute names."""

WORK = 60
"""Tickets on the agent's work list: more than one page."""
RATED = 1_000
"""Tickets in each agent's month: 1,000,000 tickets belong to 1,000 agents."""
CLOSED_EACH = 2
DAYS = 5
"""The open tickets were opened one by one over this many days."""
KINDS = ("complaint", "complaint", "complaint", "inquiry", "urgent")
"""Mostly complaints, so that a page of their team is full at the smallest size too."""
PERIOD = "2026-10"
RATED_FROM = datetime(2026, 10, 12, 1, 0, tzinfo=UTC)

AGENT = "0b7e5f0e-3a52-4f8c-9d0f-8c8a3d1b7e11"
STEP = timedelta(hours=5)
DAYTIME_UTC = 4
"""Noon in the plan's calendars. In quiet hours a rung is postponed to the next; both then fire."""

WRITERS = 4
BLOCK = 500
BATCH = 25
"""The limit of BatchWriteItem."""
HEAP_MB = 1024
TABLE = "redress-bench"
FEWEST_AGENTS = 10
MOST_AGENTS = 10_000
REGIONS = ("us-east-1", "us-east-2", "us-west-2")
REGIONS_OF_AGENTS = ("eu-west-1", "eu-west-2", "eu-west-3")
"""One for each size. The engine keeps regions apart; writing to a second table of the same region
takes ten times as long."""
READS = ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one operation took. `operations` names its calls of the table."""

    milliseconds: float
    operations: tuple[str, ...]
    read_units: float
    write_units: float

    @property
    def calls(self) -> int:
        return len(self.operations)

    @property
    def units(self) -> float:
        return self.read_units + self.write_units


class Meter:
    """Counts the calls of botocore clients, and the capacity units that the engine reports."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, float]] = []

    def attach(self, client: Any) -> None:
        events = client.meta.events
        events.register("before-parameter-build.dynamodb", self._ask)
        events.register("after-call.dynamodb", self._note)

    @staticmethod
    def _ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def _note(self, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        consumed = parsed["ConsumedCapacity"]
        tables = consumed if isinstance(consumed, list) else [consumed]
        self.note(model.name, tables)

    def note(self, operation: str, tables: Sequence[Mapping[str, float]]) -> None:
        """Count a call and the capacity that each of its tables consumed."""
        self._calls.append((operation, sum(one["CapacityUnits"] for one in tables)))

    def cost(self, operation: Callable[[], object]) -> Cost:
        self._calls.clear()
        began = time.perf_counter()
        operation()
        took = (time.perf_counter() - began) * 1000
        return Cost(
            took,
            tuple(name for name, _ in self._calls),
            sum(units for name, units in self._calls if name in READS),
            sum(units for name, units in self._calls if name not in READS),
        )


class MeteredDynamoDB(DynamoDB):
    """The small client of lists, with its calls counted by a meter."""

    def __init__(self, meter: Meter, engine: str, region: str) -> None:
        known: Any = boto3.Session().get_credentials()
        environment = {
            "AWS_REGION": region,
            "AWS_ACCESS_KEY_ID": known.access_key,
            "AWS_SECRET_ACCESS_KEY": known.secret_key,
            "AWS_ENDPOINT_URL_DYNAMODB": engine,
        }
        clock = ServiceClock(lambda: datetime.now(UTC), lambda ahead, at: None)
        super().__init__(environment, clock)
        self._meter = meter

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        answer = super().call(operation, {**given, "ReturnConsumedCapacity": "TOTAL"})
        consumed = answer["ConsumedCapacity"]
        self._meter.note(operation, consumed if isinstance(consumed, list) else [consumed])
        return answer


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Return the figures. `directory` is unused: nothing is deployed. `scale` changes the largest
    sizes.
    """
    largest = max(2 * SMALLEST, round(LARGEST * scale))
    sizes = (SMALLEST, math.isqrt(SMALLEST * largest), largest)
    most_agents = max(2 * FEWEST_AGENTS, round(MOST_AGENTS * scale))
    teams = (FEWEST_AGENTS, math.isqrt(FEWEST_AGENTS * most_agents), most_agents)
    deadline = time.monotonic() + FILL_S
    with dynamodb_local.running(HEAP_MB) as engine:
        shops: dict[int, Shop] = {}
        for size, region in zip(sizes, REGIONS, strict=True):
            shop = Shop(engine, region)
            filled = fill(console, shop, size, deadline)
            assert filled > max(shops, default=0), f"only {filled} of {size} tickets in time"
            shops[filled] = shop
        crowds: dict[int, Shop] = {}
        for size, region in zip(teams, REGIONS_OF_AGENTS, strict=True):
            crowds[size] = Shop(engine, region)
            crowds[size].add_agents(size - 1)
        machine.note_load("when the tables were filled")
        taken: dict[tuple[str, int], list[Cost]] = {}
        for number in track(range(WARM_UP + ROUNDS), "rounds", console=console):
            for name, perform in OPERATIONS.items():
                for size in itertools.islice(itertools.cycle(shops), number % 3, number % 3 + 3):
                    cost = perform(shops[size])
                    if number >= WARM_UP:
                        taken.setdefault((name, size), []).append(cost)
            for size, crowd in crowds.items():
                costs = {ROUTER: crowd.routed(), NOBODY_FITS: crowd.missed()}
                if number >= WARM_UP:
                    for name, cost in costs.items():
                        taken.setdefault((name, size), []).append(cost)
        smallest, middle, most = shops
        met = [name for costs in taken.values() for cost in costs for name in cost.operations]
        scans = met.count("Scan")
        return [
            exactly("open tickets", most, "", largest),
            *itertools.chain.from_iterable(
                operation_figures(name, {size: taken[name, size] for size in shops})
                for name in OPERATIONS
            ),
            *operation_figures(ROUTER, {size: taken[ROUTER, size] for size in crowds}),
            *operation_figures(NOBODY_FITS, {size: taken[NOBODY_FITS, size] for size in teams[1:]}),
            *names_figures(teams[-1], crowds[teams[-1]].names()),
            *(desk_figure(name, most, taken[name, most]) for name in OF_THE_DESK),
            *listing_figures(*shops[middle].walk(), bill.prices().prices["read_unit"].price),
            exactly("scans", scans, "", 0),
            at_most(
                "score facts of a ticket", item_bytes(shops[smallest].fact), "bytes", FACT_BYTES
            ),
        ]


# ------------------------------------------------------------------------------ the table


BY_MAIL = {"name": "Li Na", "email": "li.na@example.com"}
BY_PHONE = {"name": "Li Na", "phone": "+86 10 5555 0100"}
"""With a phone number only, the response itself acknowledges. A staff promise falls due first."""


def submission(kind: str, contact: Mapping[str, str], language: str) -> dict[str, Any]:
    """The body of a submission."""
    return {
        "kind": kind,
        "subject": "The kettle leaks",
        "description": "It leaks at the handle since the second day.",
        "contact": contact,
        "language": language,
        "consent": True,
    }


def open_ticket(
    kind: str, contact: Mapping[str, str], plan: Plan, at: datetime, language: str = "zh-CN"
) -> Change:
    sent = parse_submission(submission(kind, contact, language), "api")
    return opening.open_ticket(sent, new_number(), plan, at)


class Shop:
    """The product over one table, with everything that the operations need."""

    def __init__(self, engine: str, region: str) -> None:
        self._engine, self._region = engine, region
        self.client: Any = boto3.client("dynamodb", endpoint_url=engine, region_name=region)
        self.client.create_table(**table_definition(TABLE))
        models = Models(TABLE, region, engine)
        self.plan = parse(shipped_document())
        self.meter = Meter()
        for client in (self.client, models.connection.client):
            self.meter.attach(client)
        self._lean, self._staff = SubmissionStore(self.client, TABLE), StaffStore(models)
        self._tickets = TicketStore(models, ALSO_WRITTEN, CustomerStore(models).is_one)
        self._lists, self._timers = TicketLists(models), TimerStore(models)
        self._moment = self.began = datetime.now(UTC)
        self.month = period_of(self.began, self.plan.time_zone)

        def plans(store: SubmissionStore | PlanStore) -> Plans:
            found = Plans(store, self._now, lambda: 0.0)
            found.get(found.current().version)
            return found

        known = plans(PlanStore(models))
        changes = TicketChanges(self._tickets, known, self._now)
        self._intake = IntakeCase(
            self._lean,
            plans(self._lean),
            Links(lambda: [b"a key for benchmarks only"]),
            self._now,
        )
        self._desk = StaffCases(
            self._tickets,
            self._lists,
            changes,
            known,
            self._now,
            lambda address, plan: False,
            IdentityCase(CustomerStore(models)).require,
        )
        ranges = TicketRanges(MeteredDynamoDB(self.meter, engine, region), TABLE)
        customers = CustomerStore(models)
        self._list_cases = ListCases(
            ranges, known, self._staff.kept_from, customers.ids_of, self._now
        )
        matching = MatchingCase(customers, changes)
        self._changes = changes
        self._names = StaffNames(self._staff)
        about = AboutSearch(self._names, self._staff, self._tickets, self._lists, customers.ids_of)
        assignment = AssignmentCase(
            changes,
            self._lists,
            self._staff,
            matching,
            self._tickets,
            about,
            Classifying(self._tickets, customers),
        )
        self._assignment = assignment
        self._board = BoardCase(
            self._tickets,
            self._lists,
            self._staff,
            DutyStore(models, self._staff),
            ranges,
            known,
            self._now,
        )
        self._claiming = ClaimingCase(
            assignment, ranges, self._tickets, self._staff, known, self._now
        )
        self._timer_case = TimerCase(self._timers, changes, self._now)
        self._scoring = ScoringJobs(ScoreStore(models), self._staff, known, self._now)
        claimed = Claimed(Role.AGENT, "complaints", ("zh-CN",), WORK + 1)
        signed_in = SignedIn(AGENT, "Mei", "mei@example.org", True, claimed)
        self._member = SignInCase(self._staff, lambda _: None, self._now).caller(
            signed_in, "203.0.113.7"
        )
        self._staff.set_presence(self._member, Presence.AVAILABLE, self._now())
        self.fact = self._life()
        # The same numbers in each table: evidence is compressed, so its size depends on them.
        random = Random(1)
        rated = (f"R-{''.join(random.choices(ALPHABET, k=10))}" for _ in range(RATED))
        self.write(self.fact_of(self._member.id, number) for number in rated)
        for _ in range(WORK):
            self._assigned(self._moment)
        noon = self._moment.replace(hour=DAYTIME_UTC, minute=0)
        self._due = [self._open(noon) for _ in range(WARM_UP + ROUNDS)]

    def _now(self) -> datetime:
        return self._moment

    def _open(self, at: datetime, language: str = "zh-CN") -> Ticket:
        change = open_ticket("complaint", BY_PHONE, self.plan, at, language)
        self._lean.open(change, uuid.uuid4().hex, "", answer="{}")
        return change.after

    def _assigned(self, at: datetime) -> Ticket:
        ticket = self._open(at)
        change = by_system.assign(ticket, self.plan, self._member.id, "longest without", at)
        self._tickets.commit(change, at)
        return change.after

    def _life(self) -> Item:
        """The score facts of a ticket that is answered, resolved, confirmed and surveyed."""
        by, plan, at = Actor(Role.AGENT, self._member.id), self.plan, RATED_FROM
        scores = dict.fromkeys(table.SURVEY_SCORES, 5)
        steps: tuple[Callable[[Ticket, datetime], Change], ...] = (
            lambda ticket, at: by_staff.reply(ticket, plan, by, "An answer", False, at),
            lambda ticket, at: by_staff.resolve(
                ticket, plan, by, "Replaced", "upheld", "a new one", "a bad batch", at
            ),
            lambda ticket, at: by_customer.confirm(ticket, plan, by, at),
            lambda ticket, at: by_customer.answer_survey(ticket, plan, scores, at),
        )
        ticket = self._assigned(at)
        for step in steps:
            at += STEP
            change = step(ticket, at)
            self._tickets.commit(change, at)
            ticket = change.after
        taken = self.client.delete_item(
            TableName=TABLE,
            Key={
                "pk": {"S": keys.facts_pk(self._member.id, PERIOD)},
                "sk": {"S": keys.fact_sk(ticket.number, 1)},
            },
            ReturnValues="ALL_OLD",
        )
        item: Item = taken["Attributes"]
        return item

    def fact_of(self, agent: str, number: str) -> Item:
        """A copy of these facts in this agent's month, for the ticket with this number."""
        place = keys.facts_pk(agent, PERIOD), keys.fact_sk(number, 1)
        return {**self.fact, "pk": {"S": place[0]}, "sk": {"S": place[1]}}

    def write(self, items: Iterable[Item]) -> None:
        with contextlib.closing(Engine(self._engine, self._region)) as engine:
            for batch in itertools.batched(items, BATCH, strict=False):
                requests = [{"PutRequest": {"Item": item}} for item in batch]
                answer = engine.call("BatchWriteItem", RequestItems={TABLE: requests})
                assert not answer["UnprocessedItems"], "the engine left items unprocessed"

    # ---------------------------------------------------------------- operations

    def intake(self) -> Cost:
        self._moment = datetime.now(UTC)
        body, key = submission("complaint", BY_PHONE, "zh-CN"), uuid.uuid4().hex
        return self.meter.cost(lambda: self._intake.submit(body, key, "api"))

    def work_list(self) -> Cost:
        return self.meter.cost(lambda: self._desk.work(self._member, PAGE_LIMIT, None))

    def escalation(self) -> Cost:
        """What the workflow does at the instant at which the first rung falls due."""
        ticket = self._due.pop()
        due = next_wake(ticket, self.plan)
        assert due is not None
        self._moment = due
        cost = self.meter.cost(lambda: self._timer_case.act_on_due_clocks(ticket.number, 1))
        fired = self._tickets.get(ticket.number).version - ticket.version
        assert fired == 1, f"{fired} events of a due ticket"
        return cost

    def score(self) -> Cost:
        """One complete computation that stores a card; the card of the last round is deleted."""
        agent = self._member.id
        self.client.delete_item(
            TableName=TABLE,
            Key={"pk": {"S": keys.card_pk(PERIOD)}, "sk": {"S": keys.agent_pk(agent)}},
        )

        def scored() -> None:
            assert self._scoring.score_agent(agent, PERIOD, False, 1).outcome == STORED

        return self.meter.cost(scored)

    def page(self) -> Cost:
        """A page of open tickets, each read with its TIMER, as the reconciliation compares them."""

        def compared_page() -> None:
            page = self._lists.open_in_shard("complaints", 0)
            assert page.cursor is not None, "the page is not full"
            self._timers.side_by_side(page.numbers)

        return self.meter.cost(compared_page)

    def _list(self, lines: int, **query: str) -> Cost:
        """One page of a list, which has so many lines."""
        wanted = listing.parse(query, "complaints")

        def listed() -> None:
            page = self._list_cases.page(self._member, wanted, LINES, None)
            assert len(page.lines) == lines, f"{len(page.lines)} lines"
            assert page.next is not None, "there is only one page"

        return self.meter.cost(listed)

    def queue(self) -> Cost:
        return self._list(LINES, view="queue")

    def filtered(self) -> Cost:
        """A page for which as many tickets are read as for any page: none has the tag."""
        return self._list(0, view="open", tag="no ticket has this tag")

    def closed_tickets(self) -> Cost:
        self._moment = datetime.now(UTC)
        return self._list(LINES, view="closed", closed_in=self.month)

    def numbers(self) -> Cost:
        self._moment = datetime.now(UTC)
        return self.meter.cost(lambda: self._list_cases.numbers(self._member, "complaints"))

    def claim(self) -> Cost:
        """The next ticket for the agent, who has room for one. It goes back to the queue."""
        self._moment = datetime.now(UTC)
        got: list[Ticket] = []

        def claimed() -> None:
            found = self._claiming.next(self._member, "").ticket
            assert found is not None, "the agent got no ticket"
            got.append(found)

        cost = self.meter.cost(claimed)
        self._put_back(got[0].number)
        return cost

    def assigned_by_router(self) -> Cost:
        """Measure the assignment of a new ticket to the only agent of its team.

        The ticket goes back to the queue, so that the agent has room in the next round.
        """
        cost, ticket = self._routed()
        self._put_back(ticket.number)
        return cost

    def routed(self) -> Cost:
        """Measure the assignment of a new ticket to one of many agents of its team."""
        cost, _ = self._routed()
        return cost

    def _routed(self) -> tuple[Cost, Ticket]:
        self._moment = datetime.now(UTC)
        ticket = self._open(self._moment)
        got: list[str | None] = []
        cost = self.meter.cost(lambda: got.append(self._assignment.assign(ticket.number)))
        assert got != [None], "nobody got the ticket"
        return cost, ticket

    def missed(self) -> Cost:
        """Measure the first offer of a ticket in a language that no agent of the team speaks.

        The customer withdraws it, so that no queue grows from round to round.
        """
        self._moment = datetime.now(UTC)
        ticket = self._open(self._moment, "zh-TW")
        got: list[str | None] = []
        cost = self.meter.cost(lambda: got.append(self._assignment.assign(ticket.number)))
        assert got == [None], "somebody got the ticket"
        self._changes.change(
            ticket.number, lambda read, plan, at: by_customer.withdraw(read, plan, "", at)
        )
        return cost

    def names(self) -> Cost:
        """Measure how a process reads the names of all members."""
        names = StaffNames(self._staff)
        return self.meter.cost(lambda: names.named_in(""))

    def _put_back(self, number: str) -> None:
        supervisor = Actor(Role.SUPERVISOR, "a supervisor")
        self._changes.change(
            number,
            lambda ticket, plan, at: by_staff.reassign(
                ticket, plan, supervisor, None, None, "for the next round", at
            ),
        )

    def board(self) -> Cost:
        self._moment = datetime.now(UTC)
        leader = replace(self._member, id="a supervisor", role=Role.SUPERVISOR)
        return self.meter.cost(lambda: self._board.board(leader, "complaints"))

    def add_agents(self, count: int) -> None:
        """Add `count` agents to the team: copies of AGENT with other ids and without tickets."""
        duty, member = (
            self.client.get_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})["Item"]
            for pk, sk in (
                (keys.agent_pk(AGENT), keys.AVAILABILITY),
                (keys.STAFF, keys.agent_pk(AGENT)),
            )
        )

        def copies(number: int) -> Iterator[Item]:
            agent = str(uuid.UUID(int=number + 1))
            yield {
                **duty,
                "pk": {"S": keys.agent_pk(agent)},
                "duty_sk": {"S": place_of(agent)},
                "load": {"N": "0"},
            }
            yield {
                **member,
                "sk": {"S": keys.agent_pk(agent)},
                "owner_sk": {"S": agent},
                "doc": {"S": member["doc"]["S"].replace(AGENT, agent)},
            }

        self.write(itertools.chain.from_iterable(map(copies, range(count))))
        self._names.named_in("")

    def walk(self) -> tuple[int, Cost]:
        """Lists and reads all open tickets, as a complete run of the reconciliation does."""
        met: set[str] = set()

        def walked() -> None:
            for team, shard in itertools.product(sorted(self.plan.teams), range(keys.SHARDS)):
                cursor: str | None = None
                while True:
                    page = self._lists.open_in_shard(team, shard, cursor)
                    pairs = self._timers.side_by_side(page.numbers)
                    assert all(ticket and timer for ticket, timer in pairs)
                    met.update(page.numbers)
                    cursor = page.cursor
                    if cursor is None:
                        break

        cost = self.meter.cost(walked)
        return len(met), cost


OPERATIONS: dict[str, Callable[[Shop], Cost]] = {
    "intake": Shop.intake,
    "work list, one page": Shop.work_list,
    "escalation": Shop.escalation,
    "monthly score of one agent": Shop.score,
    "reconciliation, one page": Shop.page,
    "list, the queue": Shop.queue,
    "list, open tickets with a filter that none passes": Shop.filtered,
    "list, closed tickets of a month": Shop.closed_tickets,
    "numbers of a team": Shop.numbers,
    "claim of the next ticket": Shop.claim,
    "board of a team": Shop.board,
    "assignment of a new ticket": Shop.assigned_by_router,
}
ROUTER = "router"
NOBODY_FITS = "router, nobody fits"
"""Measured in teams in which the router does not read everybody."""
OF_THE_DESK = tuple(OPERATIONS)[5:-2]
"""The lists and claims for which an agent waits, with the goal DESK_MS. A board has no such goal:
it reads up to 325 tickets and 100 members, and refreshes itself. Nobody waits for the router."""


def fill(console: Console, shop: Shop, size: int, deadline: float) -> int:
    """Writes open tickets and score facts up to `size`, in several threads.

    Returns how many were written: fewer than `size` if the deadline came first.
    """
    blocks = [range(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]
    began = datetime.now(UTC)

    def write(block: range) -> int:
        if time.monotonic() > deadline:
            return 0
        moments = ((number, began - timedelta(days=DAYS) * number / size) for number in block)
        shop.write(itertools.chain.from_iterable(ticket_and_fact(shop, *one) for one in moments))
        return len(block)

    with ThreadPoolExecutor(WRITERS) as pool:
        try:
            done = pool.map(write, blocks)
            return sum(track(done, f"{size:,} tickets", len(blocks), console=console))
        finally:
            pool.shutdown(cancel_futures=True)


def ticket_and_fact(shop: Shop, number: int, at: datetime) -> Iterator[Item]:
    """One more open ticket with its TIMER, and one more item in the month of another agent.

    There is also a closed ticket for each of the first SMALLEST, and for each CLOSED_EACH of the
    others.
    """
    opened = open_ticket(KINDS[number % len(KINDS)], BY_MAIL, shop.plan, at)
    snapshot, timer, *_ = items.ticket_items(opened)
    yield encoding.item_to_dynamodb(snapshot)
    yield encoding.item_to_dynamodb(timer)
    yield shop.fact_of(str(uuid.UUID(int=number // RATED)), new_number())
    if number % CLOSED_EACH == 0 or number < SMALLEST:
        yield from closed_ticket(shop, shop.began - timedelta(milliseconds=number))


def closed_ticket(shop: Shop, at: datetime) -> Iterator[Item]:
    """A ticket of the complaints team that was closed at this time: its snapshot and last event."""
    opened = open_ticket("complaint", BY_MAIL, shop.plan, at).after
    closed = by_customer.withdraw(opened, shop.plan, "Never mind", at)
    assert closed.after.closed_at is not None
    yield encoding.item_to_dynamodb(items.snapshot_item(closed.after))
    yield encoding.item_to_dynamodb(items.event_item(closed.after, closed.events[-1], shop.plan))


# ------------------------------------------------------------------------------ figures


def slope(costs: Mapping[int, float]) -> float:
    """How a cost grows with size: 0 is constant, 1 in proportion, 2 with the square.

    Least squares over logarithms. Costs are divided by the first, so equal costs give exactly 0.
    """
    first = next(iter(costs.values()))
    sizes = [math.log(size) for size in costs]
    return statistics.linear_regression(
        sizes, [math.log(cost / first) for cost in costs.values()]
    ).slope


def operation_figures(name: str, taken: Mapping[int, Sequence[Cost]]) -> list[Figure]:
    """The figures of one operation from its costs at each size, the smallest size first."""

    def medians(of: Callable[[Cost], float]) -> dict[int, float]:
        return {size: statistics.median(map(of, costs)) for size, costs in taken.items()}

    def listed(costs: Mapping[int, float], remark: str = "") -> str:
        return ", ".join(f"{cost:g} at {size:,}" for size, cost in costs.items()) + remark

    took = medians(lambda cost: cost.milliseconds)
    calls, units = medians(lambda cost: cost.calls), medians(lambda cost: cost.units)
    smallest, largest = min(took), max(took)
    reference = (f"at {smallest:,}", took[smallest])
    return [
        compared(f"{name}: median at {largest:,}", took[largest], "ms", reference),
        at_most(f"{name}: slope of time", slope(took), "", TIME_SLOPE),
        replace(
            at_most(f"{name}: slope of calls", slope(calls), "", CALLS_SLOPES[name])
            if name in CALLS_SLOPES
            else exactly(f"{name}: slope of calls", slope(calls), "", 0),
            note=listed(calls),
        ),
        replace(
            at_most(
                f"{name}: slope of units", slope(units), "", UNITS_SLOPES.get(name, UNITS_SLOPE)
            ),
            note=listed(units, ", as the engine counts"),
        ),
    ]


def names_figures(members: int, cost: Cost) -> list[Figure]:
    """What a process reads once a minute to know the names of all members. It has no goal."""
    return [
        Figure(f"names of {members:,} members", cost.read_units, "read units"),
        Figure(f"names of {members:,} members: time", cost.milliseconds, "ms"),
    ]


def desk_figure(name: str, size: int, taken: Sequence[Cost]) -> Figure:
    """The time within which 95 of 100 calls of an operation are done, at the largest size."""
    slow = percentile((cost.milliseconds for cost in taken), 0.95)
    return at_most(f"{name}: 95th percentile at {size:,}", slow, "ms", DESK_MS)


def listing_figures(tickets: int, cost: Cost, price: float) -> list[Figure]:
    """What the reconciliation reads; `price` is the price of a read unit in US dollars."""
    each = cost.read_units / tickets
    return [
        Figure("reconciliation: read units for an open ticket", each),
        Figure("reconciliation: a run, 1,000,000 open tickets", each * price * 1e6, "US$"),
    ]
