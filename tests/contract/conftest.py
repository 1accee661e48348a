"""Fixtures: the stores on each engine that they must work on, moto and Amazon's DynamoDB Local.

The table is the one that `template.yaml` deploys. A test gets a `Shop`, which has the stores and a
raw client for the table. The fixtures `failing` and `losing_the_answer` make calls fail.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import botocore.session
import pynamodb.connection.base
import pytest
from botocore.config import Config
from moto import mock_aws

from local import dynamodb_local
from local.template import table_definition
from redress.base.people import Member, Role
from redress.base.service_clock import ServiceClock
from redress.customers.cases.matching import MatchingCase
from redress.customers.store import CustomerStore
from redress.db import keys
from redress.db.aws_json import DynamoDB, Service
from redress.db.rows import Models
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import Plans
from redress.staff.cases.about_search import AboutSearch
from redress.staff.cases.assignment import AssignmentCase
from redress.staff.cases.classifying import Classifying
from redress.staff.cases.names import StaffNames
from redress.staff.rules.availability import Presence
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps.opening import open_ticket
from redress.tickets.rules.ticket import Phase
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.mail_records import MailRecordStore
from redress.tickets.store.submission_store import SubmissionStore
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import TimerStore
from redress.wiring.transaction import ALSO_WRITTEN
from tests.builders import ROOT, Clock, Life, plan_1, submission
from tests.world import Staff

REGION = "us-east-1"
_names = itertools.count(1)


@pytest.fixture(scope="session")
def engine_address() -> Iterator[str]:
    """The address of DynamoDB Local. It is started once; every test creates its own table."""
    with dynamodb_local.running(brief=True) as address:
        yield address


@dataclass
class Shop:
    """The stores of one table, which is empty at first. `engine`: `moto` or `dynamodb-local`."""

    engine: str
    table: str
    client: Any
    models: Models
    tickets: TicketStore
    lists: TicketLists
    timers: TimerStore
    mail_records: MailRecordStore
    changes: TicketChanges
    intake_store: SubmissionStore
    intake_client: Any
    staff: Staff
    customers: CustomerStore
    plan_store: PlanStore
    plans: Plans
    clock: Clock = field(default_factory=Clock)

    @property
    def pynamodb_client(self) -> Any:
        """The client of all stores except the intake's."""
        return self.models.connection.client

    def items(self) -> dict[tuple[str, str], dict[str, Any]]:
        """All items of the table by their keys, in DynamoDB's JSON."""
        found = self.client.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}

    def item(self, pk: str, sk: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get_item(
            TableName=self.table, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
        )["Item"]
        return found

    def assigner(self) -> AssignmentCase:
        matching = MatchingCase(self.customers, self.changes)
        about = AboutSearch(
            StaffNames(self.staff), self.staff, self.tickets, self.lists, self.customers.ids_of
        )
        return AssignmentCase(
            self.changes,
            self.lists,
            self.staff,
            matching,
            self.tickets,
            about,
            Classifying(self.tickets, self.customers),
        )

    def timer_item(self, life: Life) -> dict[str, Any]:
        return self.item(keys.ticket_pk(life.ticket.number), keys.TIMER)

    def open(self, kind: str = "complaint", **fields: Any) -> Life:
        """A new ticket in the table. It is acknowledged already if its contact has no email."""
        life = Life(self.clock).open(kind, number=new_number(), **fields)
        self.tickets.open(life.last, life.last.after.created_at)
        return life

    def commit(self, life: Life) -> Life:
        """Write the last change of a life."""
        self.tickets.commit(life.last, self.clock.now())
        return life

    def member(self, agent: str = "a-mei", *, capacity: int = 2, **fields: Any) -> Member:
        """Store an available agent of the complaints team; `fields` replace the defaults."""
        good: dict[str, Any] = {
            "id": agent,
            "name": agent,
            "email": f"{agent}@example.com",
            "role": Role.AGENT,
            "team": "complaints",
            "languages": ("zh-CN", "en"),
            "capacity": capacity,
        }
        member = Member(**(good | fields))
        self.staff.record(member, Presence.AVAILABLE, self.clock.now())
        return member

    def fall_asleep(self, life: Life, token: str, *, seq: int | None = None) -> None:
        """Arm a wait with the expressions of the state machine. Raises ClientError if refused."""
        timer = self.timers.get(life.ticket.number)
        wait = _wait(timer.phase)
        armed = {
            "token": {"S": token},
            "seq": {"N": str(timer.seq if seq is None else seq)},
            "phase": {"S": timer.phase.value},
        }
        self.client.update_item(
            TableName=self.table,
            Key={"pk": {"S": keys.ticket_pk(timer.number)}, "sk": {"S": keys.TIMER}},
            UpdateExpression=wait["UpdateExpression"],
            ConditionExpression=wait["ConditionExpression"],
            ExpressionAttributeValues={
                ":armed": {"M": armed},
                ":gen": {"N": str(timer.gen)},
                ":seq": armed["seq"],
                ":phase": armed["phase"],
            },
        )


def _wait(phase: Phase) -> dict[str, str]:
    """The parameters with which the state of this phase stores its token before it sleeps."""
    machine = json.loads((ROOT / "statemachines" / "ticket.asl.json").read_text())
    for state in machine["States"].values():
        values = state.get("Parameters", {}).get("ExpressionAttributeValues", {})
        if values.get(":phase") == {"S": phase.value}:
            found: dict[str, str] = state["Parameters"]
            return found
    raise LookupError(f"no state awaits {phase}")


@cache
def _session() -> botocore.session.Session:
    """One session for all tests: creating a client mostly means reading the service model."""
    return botocore.session.get_session()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevent tests from reaching a real account or an endpoint from the environment."""
    monkeypatch.setattr(pynamodb.connection.base, "get_session", _session)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


def _intake_client(client: Any, address: str | None) -> Any:
    """The intake's own client for DynamoDB Local. For moto it is botocore's, which moto patches."""
    if address is None:
        return client
    # DynamoDB Local keeps the tables of different credentials apart.
    known: Any = _session().get_credentials()
    return DynamoDB(
        {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": known.access_key,
            "AWS_SECRET_ACCESS_KEY": known.secret_key,
            "AWS_ENDPOINT_URL_DYNAMODB": address,
        },
        ServiceClock(lambda: datetime.now(UTC), lambda ahead, at: None),
    )


def _shop(engine: str, address: str | None) -> Iterator[Shop]:
    table = f"redress-{next(_names)}"
    client: Any = _session().create_client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=address,
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.create_table(**table_definition(table))
    models = Models(table, REGION, address)
    clock = Clock()
    plan_store = PlanStore(models)
    tickets = TicketStore(models, ALSO_WRITTEN, CustomerStore(models).is_one)
    plans = Plans(plan_store, clock.now)
    intake_client = _intake_client(client, address)
    yield Shop(
        engine=engine,
        table=table,
        client=client,
        models=models,
        tickets=tickets,
        lists=TicketLists(models),
        timers=TimerStore(models),
        mail_records=MailRecordStore(models),
        changes=TicketChanges(tickets, plans, clock.now),
        intake_store=SubmissionStore(intake_client, table),
        intake_client=intake_client,
        staff=Staff(models),
        customers=CustomerStore(models),
        plan_store=plan_store,
        plans=plans,
        clock=clock,
    )
    client.delete_table(TableName=table)


@pytest.fixture(params=["moto", "dynamodb-local"])
def shop(request: pytest.FixtureRequest, credentials: None) -> Iterator[Shop]:
    """A shop on each engine: a test that uses this fixture runs on both."""
    if request.param == "moto":
        with mock_aws():
            yield from _shop("moto", None)
    else:
        yield from _shop("dynamodb-local", request.getfixturevalue("engine_address"))


@pytest.fixture
def amazons(credentials: None, engine_address: str) -> Iterator[Shop]:
    """A shop on DynamoDB Local only, for concurrent writers and repeated requests."""
    yield from _shop("dynamodb-local", engine_address)


# -------------------------------------------------------------------------------- faults

Fault = Exception | str | list[str | None]


class Faults:
    """Makes the next calls of one operation of a client fail, each with the next fault.

    After the last fault calls succeed. A fault is an exception (nothing was sent), an error code,
    or the cancellation reasons of a transaction, one for each item.
    """

    def __init__(self, client: Any, operation: str, faults: list[Fault]) -> None:
        self.left = list(faults)
        self.calls = 0
        self.tokens: list[str | None] = []
        if isinstance(client, Service):
            _between(client, operation, before=self._refuse)
        else:
            client.meta.events.register_first(f"before-call.dynamodb.{operation}", self._before)

    def _next(self, body: bytes | str) -> tuple[str, dict[str, Any]] | None:
        """The code and further fields of the next fault; None if there is none.

        Raises the fault if it is an exception.
        """
        self.calls += 1
        self.tokens.append(json.loads(body).get("ClientRequestToken"))
        if not self.left:
            return None
        fault = self.left.pop(0)
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, str):
            return fault, {}
        reasons = [{"Code": reason or "None"} for reason in fault]
        return "TransactionCanceledException", {"CancellationReasons": reasons}

    def _before(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]] | None:
        """The response of a fault for a botocore client, as botocore parses it."""
        if (found := self._next(params["body"])) is None:
            return None
        code, more = found
        parsed: dict[str, Any] = {
            "Error": {"Code": code, "Message": "a fault made for a test"},
            "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}},
        }
        return SimpleNamespace(status_code=400, headers={}), parsed | more

    def _refuse(self, body: bytes) -> Any:
        """The response of a fault for the intake's client, as the service sends it."""
        if (found := self._next(body)) is None:
            return None
        code, more = found
        answer = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more}
        return SimpleNamespace(status=400, headers={}, data=json.dumps(answer).encode())


def _between(
    client: Service,
    operation: str,
    before: Callable[[bytes], Any] = lambda body: None,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Intercept an operation of the intake's client. `before` may answer instead of the service."""
    send = client._send

    def through(headers: Mapping[str, str], body: bytes) -> Any:
        if not headers["X-Amz-Target"].endswith(f".{operation}"):
            return send(headers, body)
        answered = before(body) or send(headers, body)
        after()
        return answered

    client._send = through  # type: ignore[method-assign]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Faults]:
    """`failing(client, operation, *faults)` returns `Faults`. Retries do not wait."""
    monkeypatch.setattr("random.uniform", lambda low, high: low)

    def fail(client: Any, operation: str, *faults: Fault) -> Faults:
        return Faults(client, operation, list(faults))

    return fail


@pytest.fixture
def losing_the_answer() -> Callable[[Any, str, Exception], None]:
    """Make the next call of an operation take effect although its response is lost."""

    def lose(client: Any, operation: str, error: Exception) -> None:
        left = [error]

        def after(**_: Any) -> None:
            if left:
                raise left.pop()

        if isinstance(client, Service):
            _between(client, operation, after=after)
            return
        client.meta.events.register_first(f"after-call.dynamodb.{operation}", after)

    return lose


def opening(life_at: datetime, kind: str = "complaint", **fields: Any) -> Change:
    """A change that opens a ticket and is not written yet."""
    taken = submission(kind, **fields)
    return open_ticket(taken, new_number(), plan_1(), life_at)
