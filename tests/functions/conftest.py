"""Fixtures for tests of functions: the table in moto, a clock, staff, and an opener of tickets.

`load` imports a function from its folder as Lambda does. Tests call its handler with events that
have the shape that its trigger sends. The sample events are in `events/`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from moto import mock_aws
from moto.secretsmanager.models import secretsmanager_backends

from redress.base.people import Member, Role
from redress.db import retry
from redress.db.rows import Models
from redress.staff.rules.availability import Presence
from redress.wiring import clients
from redress.wiring import stores as wired_stores
from tests.builders import Clock
from tests.wired import ACCOUNT, REGION, TABLE, enter, forget_wiring
from tests.world import (
    KEEP_SESSION,
    Act,
    Context,
    Opener,
    Stores,
    aws,
    load,
    read_sample,
    table_as_deployed,
)

BASE_ADDRESS = "https://abcde12345.execute-api.us-east-1.amazonaws.com/v1"
"""The base address in the sample events' stage variables and in the mailer's environment."""

LINK_KEY = b"a key for tests only"
"""The one secret of the stack."""

ENVIRONMENT = {
    "BASE_ADDRESS": BASE_ADDRESS,
    "LINK_KEY_SECRET": "redress-link-key",
    "SCORES_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-scores",
    "REHEARSAL_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-rehearsal",
    "TICKET_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-ticket",
    "ASSIGNER_FUNCTION": "redress-assigner",
    "MAIL_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/redress-mail",
    "DEAD_LETTER_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/redress-dead",
    "SENDER_ADDRESS": "service@example.com",
    "MAIL_DOMAIN": "in.example.org",
    "MAIL_BUCKET": "redress-mail",
    "CHANGES_FEED": f"arn:aws:iam::{ACCOUNT}:policy/redress-ChangesFeedPolicy-1A2B3C4D",
    "FILES_BUCKET": "redress-files",
    "CHECKER_FUNCTION": "redress-checker",
    "INBOUND_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/redress-inbound",
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The functions' clock. It changes only if a test changes it."""
    held = Clock()
    monkeypatch.setattr(clients, "now", held.now)
    return held


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of AWS are retried without a pause."""
    monkeypatch.setattr(retry, "random", SimpleNamespace(uniform=lambda least, most: 0.0))


@pytest.fixture
def table(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Create an empty table with its indexes and stream, and the link key. Gives its name."""
    enter(monkeypatch, **ENVIRONMENT)
    with mock_aws(config=KEEP_SESSION):
        aws("dynamodb").create_table(**table_as_deployed())
        _store_link_key()
        forget_wiring()
        # A lambda hides the cache of `_models` from `forget_wiring`. Otherwise the cache would be
        # cleared for each test, and PynamoDB would create a new client each time.
        monkeypatch.setattr(wired_stores, "models", lambda: _models())
        # moto intercepts botocore's clients only, so botocore replaces the product's lean clients.
        # tests/db/test_aws_json.py and the contract suite check that the lean ones do the same.
        monkeypatch.setattr(clients, "dynamodb", lambda: aws("dynamodb"))
        monkeypatch.setattr(clients, "secrets", lambda: aws("secretsmanager"))
        monkeypatch.setattr(clients, "pause", lambda seconds: None)
        yield TABLE
        forget_wiring()


def _store_link_key() -> None:
    """Put the secret into moto without a request, because thousands of tests begin with it."""
    secretsmanager_backends[ACCOUNT][REGION].create_secret(
        name=ENVIRONMENT["LINK_KEY_SECRET"],
        secret_string=LINK_KEY.decode(),
        secret_binary=None,
        description=None,
        tags=None,
        kms_key_id=None,
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )


@cache
def _models() -> Models:
    return Models(TABLE, REGION)


@pytest.fixture
def stores(table: str) -> Stores:
    return Stores(**Stores.parts(_models(), lambda: clients.now()))


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
    """MEMBERS by name, all of them available.

    The store records them for the first test. Later tests put the recorded items back, which is
    faster.
    """
    if not _RECORDED:
        # This test may have opened tickets already. They must not be put back for later tests.
        others = aws("dynamodb").scan(TableName=TABLE)["Items"]
        for member in MEMBERS.values():
            stores.staff.record(member, Presence.AVAILABLE, clock.now())
        found = aws("dynamodb").scan(TableName=TABLE)["Items"]
        _RECORDED.extend(item for item in found if item not in others)
    else:
        puts = [{"PutRequest": {"Item": item}} for item in _RECORDED]
        aws("dynamodb").batch_write_item(RequestItems={TABLE: puts})
    return MEMBERS


@pytest.fixture
def open_ticket(stores: Stores, clock: Clock) -> Opener:
    return Opener(stores, clock)


@pytest.fixture
def act(stores: Stores) -> Act:
    return Act(stores.changes)


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def load_function() -> Callable[[str], ModuleType]:
    """See `load`."""
    return load


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
    """Change parts of a request event, in place, in the way in which API Gateway presents them.

    A body that is not text is in base64, header names are in lower case, and an absent body or
    query has no key.
    """
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
