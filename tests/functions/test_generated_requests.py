"""Requests that schemathesis generates from both OpenAPI documents, with all of its checks.

They go through `gateway` to the handlers. Each operation gets the examples of the document, values
at the limits of its schemas, and a bounded number of random ones, valid and invalid. The settings
and the accepted exceptions, each with its reason, are in `schemathesis.toml`.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from redress.base.people import Member
from redress.wiring import customer as customer_wiring
from tests.answers import DOCUMENT_OF
from tests.builders import NUMBER, Clock
from tests.functions.conftest import MEMBERS
from tests.functions.gateway import FILE, SIGNED_IN, TOKEN, Gateway, furnish, served
from tests.functions.staff.api import claims_of
from tests.wired import TABLE
from tests.world import Stores, aws, load

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("EXAMPLES_TIMES", "1")) * 5
"""Random requests for each operation, valid and invalid."""


def _stored() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws("dynamodb").query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"TICKET#{NUMBER}"}},
    )["Items"]
    return found


class Reset:
    """The gateway, which puts the ticket of the examples back after each change.

    Otherwise the first withdrawal would close it, and all later requests would be refused.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._before = gateway, _stored()
        assert self._before

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        given = self._gateway(environ, start)
        if environ["REQUEST_METHOD"] != "GET" and NUMBER in environ["PATH_INFO"]:
            keys = [{"pk": item["pk"], "sk": item["sk"]} for item in _stored()]
            kept = [{"pk": item["pk"], "sk": item["sk"]} for item in self._before]
            for key in keys:
                if key not in kept:
                    aws("dynamodb").delete_item(TableName=TABLE, Key=key)
            for item in self._before:
                aws("dynamodb").put_item(TableName=TABLE, Item=item)
        return given


@pytest.fixture
def address(
    staff: dict[str, Member], stores: Stores, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of the stage. What the examples of the documents name exists."""
    furnish(stores, clock)
    links = customer_wiring.links()
    expires = clock.now().replace(year=clock.now().year + 1)
    for name, value in {
        "STAFF_TOKEN": TOKEN,
        "STATUS_TOKEN": links.status_token(NUMBER),
        "SURVEY_TOKEN": links.survey_token(NUMBER, expires),
        "UNSUBSCRIBE_TOKEN": links.unsubscribe_token(NUMBER),
        "RETURN_TOKEN": links.return_token(NUMBER, FILE, "en", expires),
    }.items():
        monkeypatch.setenv(name, value)
    for function in DOCUMENT_OF:
        monkeypatch.setattr(load(function).logger, "level", logging.CRITICAL)
    with served(Reset(Gateway({TOKEN: claims_of(MEMBERS["wei"]) | SIGNED_IN}))) as found:
        yield found


def run(address: str, document: str, folder: Path, *more: str) -> tuple[int, str]:
    """Let schemathesis test a document. Returns its exit status and what it printed."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"),
        *("--url", address, "--max-examples", str(EXAMPLES)),
        *("--continue-on-failure", "--seed", "1", "--no-color", *more),
        f"{address}/{document}",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("document", ["openapi.json", "staff/openapi.json"])
def test_generated_requests_pass_all_checks(address: str, document: str, tmp_path: Path) -> None:
    status, printed = run(address, document, tmp_path)
    assert status == 0, printed


@pytest.mark.parametrize(
    ("altered", "found"),
    [
        ({"statusCode": 500}, "Server error"),
        ({"statusCode": 418}, "Undocumented status code"),
        ({"headers": {"Content-Type": "text/plain"}}, "Undocumented Content-Type"),
        ({"body": "{}"}, "Response violates schema"),
    ],
)
def test_run_finds_an_answer_that_the_document_does_not_allow(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    altered: dict[str, Any],
    found: str,
) -> None:
    original = Gateway.answer

    def answer(gateway: Gateway, environ: dict[str, Any]) -> dict[str, Any]:
        given = original(gateway, environ)
        return given | altered if environ["PATH_INFO"].endswith("/staff/board") else given

    monkeypatch.setattr(Gateway, "answer", answer)
    only = ("--include-operation-id", "showBoard", "--phases", "examples,fuzzing")
    status, printed = run(address, "staff/openapi.json", tmp_path, *only)
    assert status != 0
    assert found in printed
