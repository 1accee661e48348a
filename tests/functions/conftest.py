"""What every test of a function stands on: the table in moto, a clock, staff, an opener of tickets.

A function is loaded from its folder as Lambda loads it (`load`), and called with events of the
shape that its trigger sends; the samples are in `events/`.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from moto import mock_aws

from local.template import table_definition
from redress.base.people import Member, Role
from redress.db.rows import Models
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import Plans
from redress.staff.rules import Presence
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import by_system, opening
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.mail_records import MailRecordStore
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import TimerStore
from redress.wiring import clients
from redress.wiring import stores as wired_stores
from redress.wiring.transaction import ALSO_WRITTEN
from tests.builders import ROOT, Clock, submission
from tests.wired import forget_wiring

REGION = "us-east-1"
TABLE = "redress-test"
BASE_ADDRESS = "https://abcde12345.execute-api.us-east-1.amazonaws.com/v1"
"""Of the samples' stage, and of the mailer's environment."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "TABLE": TABLE,
    "BASE_ADDRESS": BASE_ADDRESS,
    "LINK_KEY_SECRET": "redress-link-key",
    "SCORES_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:redress-scores",
    "REHEARSAL_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:redress-rehearsal",
    "SENDER_ADDRESS": "service@example.com",
    "MAIL_DOMAIN": "in.example.org",
    "MAIL_BUCKET": "redress-mail",
    "INBOUND_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/redress-inbound",
}


@dataclass
class Context:
    """What of Lambda's context the logger and the metrics read."""

    function_name: str = "redress-function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:redress-function"
    aws_request_id: str = "5f0e3a52-8f3c-4c43-9d0f-0c8a3d1b7e11"
    seconds_left: int = 900

    def get_remaining_time_in_millis(self) -> int:
        return self.seconds_left * 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time stands still until a test moves it."""
    held = Clock()
    monkeypatch.setattr(clients, "now", held.now)
    return held


@pytest.fixture
def table(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty table with its indexes and stream, and the link key; its name."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        aws("dynamodb").create_table(**_definition())
        aws("secretsmanager").create_secret(
            Name=ENVIRONMENT["LINK_KEY_SECRET"], SecretString="a key for tests only"
        )
        forget_wiring()
        monkeypatch.setattr(wired_stores, "models", _models)
        # moto stands behind botocore's clients only. The doors' own are held to do as these do by
        # tests/db/test_aws_json.py and by the contract suite.
        monkeypatch.setattr(clients, "dynamodb", lambda: aws("dynamodb"))
        monkeypatch.setattr(clients, "secrets", lambda: aws("secretsmanager"))
        yield TABLE
        forget_wiring()


@cache
def aws(service: str) -> Any:
    """A client of moto for arranging; made once, for making one takes longer than most tests."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@cache
def _definition() -> dict[str, Any]:
    return table_definition(TABLE)


@cache
def _models() -> Models:
    return Models(TABLE, REGION)


@dataclass(frozen=True)
class Stores:
    """The stores over the test's table, for arranging and for looking."""

    tickets: TicketStore
    lists: TicketLists
    timers: TimerStore
    mail_records: MailRecordStore
    changes: TicketChanges
    staff: StaffStore
    plan_store: PlanStore
    plans: Plans


@pytest.fixture
def stores(table: str) -> Stores:
    models, plan_store = _models(), PlanStore(_models())
    tickets = TicketStore(models, ALSO_WRITTEN)
    plans = Plans(plan_store, lambda: clients.now())
    return Stores(
        tickets,
        TicketLists(models),
        TimerStore(models),
        MailRecordStore(models),
        TicketChanges(tickets, plans, lambda: clients.now()),
        StaffStore(models),
        plan_store,
        plans,
    )


MEMBERS = {
    member.name: member
    for member in (
        Member("a-mei", "mei", "mei@example.com", Role.AGENT, "complaints", ("zh-CN", "en"), 2),
        Member("a-jun", "jun", "jun@example.com", Role.AGENT, "complaints", ("zh-CN", "en"), 2),
        Member("a-tao", "tao", "tao@example.com", Role.AGENT, "service", ("zh-TW", "en"), 5),
        Member("s-lin", "lin", "lin@example.com", Role.SUPERVISOR, "complaints", ("zh-CN",), 5),
        Member("s-hua", "hua", "hua@example.com", Role.SUPERVISOR, "service", ("zh-CN",), 5),
        Member("m-wei", "wei", "wei@example.com", Role.MANAGER, "complaints", ("zh-CN", "en"), 5),
    )
}
"""Two agents, a supervisor and a manager of complaints; an agent and a supervisor of service."""


_RECORDED: list[dict[str, Any]] = []


@pytest.fixture
def staff(stores: Stores, clock: Clock) -> dict[str, Member]:
    """MEMBERS by name, all of them present: recorded by the store once, put back for each test."""
    if not _RECORDED:
        # A ticket that this test opened before is no matter of the next one.
        others = aws("dynamodb").scan(TableName=TABLE)["Items"]
        for member in MEMBERS.values():
            stores.staff.record(member, Presence.AVAILABLE, clock.now())
        found = aws("dynamodb").scan(TableName=TABLE)["Items"]
        _RECORDED.extend(item for item in found if item not in others)
    else:
        puts = [{"PutRequest": {"Item": item}} for item in _RECORDED]
        aws("dynamodb").batch_write_item(RequestItems={TABLE: puts})
    return MEMBERS


@dataclass
class Opener:
    """Opens tickets as intake does, and hands them to an agent as the assigner does."""

    stores: Stores
    clock: Clock
    opened: list[str] = field(default_factory=list)

    def __call__(self, kind: str = "complaint", agent: str | None = None, **fields: Any) -> Ticket:
        """A new ticket of this kind; `fields` change the submission (contact, language, ...)."""
        plan = self.stores.plans.current()
        change = opening.open_ticket(
            submission(kind, **fields), new_number(), plan, self.clock.now()
        )
        self.stores.tickets.open(change, change.after.created_at)
        ticket = change.after
        if agent is not None:
            given = by_system.assign(ticket, plan, agent, "for a test", self.clock.now())
            self.stores.tickets.commit(given, self.clock.now())
            ticket = given.after
        self.opened.append(ticket.number)
        return ticket


@pytest.fixture
def open_ticket(stores: Stores, clock: Clock) -> Opener:
    return Opener(stores, clock)


@pytest.fixture
def context() -> Context:
    return Context()


@cache
def load(function: str) -> ModuleType:
    """`functions/{function}/app.py`, imported with its folder on the path, as Lambda does.

    Modules beside it are forgotten afterwards: two functions may use one name.
    """
    folder = ROOT / "functions" / function
    spec = importlib.util.spec_from_file_location(f"{function}_app", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(f"{folder}{os.sep}"):
                del sys.modules[name]
    return module


@pytest.fixture
def load_function() -> Callable[[str], ModuleType]:
    """See `load`."""
    return load


def read_sample(name: str) -> dict[str, Any]:
    """The sample event `events/{name}.json`, fresh each time."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


@pytest.fixture
def sample() -> Callable[[str], dict[str, Any]]:
    """See `read_sample`."""
    return read_sample


def altered(
    event: dict[str, Any],
    *,
    body: str | None = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    path: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A request with other parts, as API Gateway would hand that one over: a body that is no text
    in base64, names of headers in small letters, and nothing for what the request lacks."""
    event["headers"] |= {name.lower(): value for name, value in (headers or {}).items()}
    if query is not None:
        event |= {"queryStringParameters": query, "rawQueryString": urlencode(query)}
    if path:
        event["pathParameters"] = event.get("pathParameters", {}) | path
        _, _, route = event["routeKey"].partition(" ")
        for name, value in event["pathParameters"].items():
            route = route.replace(f"{{{name}}}", value)
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/v1{route}"
    if body is not None:
        kind = event["headers"].get("content-type", "").partition(";")[0]
        is_text = kind == "application/json" or kind.startswith("text/")
        event["body"] = body if is_text else base64.b64encode(body.encode()).decode()
        event["isBase64Encoded"] = not is_text
    for name in ("body", "queryStringParameters"):
        if not event.get(name):
            event.pop(name, None)
    return event
