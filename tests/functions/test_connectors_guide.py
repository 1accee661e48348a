"""The examples of docs/connectors.md run as they are written, against the functions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from redress.base.people import Member
from redress.connectors.rules.answer import body_of
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import clients
from redress.wiring import stores as wired_stores
from tests.builders import MEI, ROOT, Clock
from tests.functions import gateway
from tests.functions.conftest import MEMBERS
from tests.functions.gateway import SIGNED_IN, TOKEN, Gateway, served
from tests.functions.staff.api import claims_of
from tests.machines import webhook_headers
from tests.world import Stores

GUIDE = (ROOT / "docs/connectors.md").read_text()


def blocks(language: str) -> list[str]:
    """The examples of the guide in this language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def run(command: list[str], given: str = "", **variables: str) -> str:
    """Run an example and return what it printed. It reads `given`."""
    done = subprocess.run(
        command,
        input=given,
        env=os.environ | {"no_proxy": "127.0.0.1"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def reply_to(number: str) -> dict[str, Any]:
    """Let an agent reply, and return what is sent to the connector."""

    def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change:
        return by_staff.reply(ticket, plan, MEI, "A photo, please.", False, at)

    after = wired_stores.changes().change(number, decide)
    event = wired_stores.tickets().event(number, after.version)
    return body_of(after, event, event.data["text"], "https://service.example.com/t/secret")


def test_a_connectors_first_day_is_as_the_guide_says(
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "now", lambda: datetime.now(UTC))
    make, (by_curl, by_receipt, by_hotline) = blocks("")[0], blocks("bash")
    by_python, take, call = blocks("python")
    with served(Gateway({TOKEN: claims_of(MEMBERS["wei"]) | SIGNED_IN})) as address:
        monkeypatch.setattr(gateway, "BASE_ADDRESS", address)
        made = json.loads(run(["bash", "-c", make], ADDRESS=address, TOKEN=TOKEN))
        known = {"ADDRESS": address, "WEBHOOK_SECRET": made["webhook_secret"]}
        known |= {"KEY_ID": made["keyid"], "API_KEY": made["api_key"]}
        taken = json.loads(run(["bash", "-c", by_curl], **known))
        assert taken["opened"] is True
        assert run([sys.executable, "-c", by_python], **known) == taken["number"]
        answer = reply_to(taken["number"])
        body = json.dumps(answer)
        secret = made["answers_secret"]
        headers = webhook_headers(secret, answer["id"], datetime.now(UTC), body.encode())
        given = json.dumps({"headers": headers, "body": body})
        assert run([sys.executable, "-c", take], given, ANSWERS_SECRET=secret) == "A photo, please."
        receipt = json.loads(run(["bash", "-c", by_receipt], ANSWER=answer["id"], **known))
        assert receipt["news"] is True
        recorded = json.loads(run(["bash", "-c", by_hotline], **known))
        assert recorded["outcome"] == "opened"
        lines = run([sys.executable, "-c", call], NUMBER=taken["number"], **known).splitlines()
    scopes, state, version = lines
    given_scopes = re.search(r'"scopes": (\[.+?\])', make)
    assert given_scopes is not None
    assert scopes == str(json.loads(given_scopes[1]))
    ticket = wired_stores.tickets().get(taken["number"])
    assert (state, version) == ("open", str(ticket.version))
    history = stores.tickets.history(ticket.number)
    texts = [event.data["text"] for event in history if "text" in event.data]
    [recorded_call] = [
        event
        for event in stores.tickets.history(recorded["number"])
        if event.type is EventType.CALL_RECORDED
    ]
    seconds = recorded_call.data["seconds"]
    table = GUIDE.partition("| part | from | to |\n")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(.+?)`", table, re.MULTILINE) == list(seconds)
    said = ["It leaks more and more.", "A photo, please.", "The parcel was handed over."]
    assert texts[-3:] == said


def test_signed_call_of_the_first_deployment_is_accepted_with_its_query(
    staff: dict[str, Member], stores: Stores, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "now", lambda: datetime.now(UTC))
    section = (ROOT / "docs/first-deploy.md").read_text().partition("### Signed calls\n")[2]
    command = re.search(r"(^    .+\n)+", section, re.MULTILINE)
    expected = re.search(r"^Expected: `(.+?)`", section, re.MULTILINE)
    assert command is not None
    assert expected is not None
    with served(Gateway({TOKEN: claims_of(MEMBERS["wei"]) | SIGNED_IN})) as address:
        monkeypatch.setattr(gateway, "BASE_ADDRESS", address)
        made = json.loads(run(["bash", "-c", blocks("")[0]], ADDRESS=address, TOKEN=TOKEN))
        known = {"API": address, "KEY_ID": made["keyid"], "API_KEY": made["api_key"]}
        assert run(["bash", "-c", command[0]], **known) == expected[1]


def test_guide_says_what_to_do_with_a_message_after_each_answer() -> None:
    """A sender that gives up after 401 or 403 would lose messages of customers."""
    document = json.loads((ROOT / "layers/core/redress/data/openapi-machines.json").read_text())
    answers = document["paths"]["/connectors/{id}/messages"]["post"]["responses"]
    table = GUIDE.partition("| answer to a message | do |\n")[2].partition("\n\n")[0]
    does = {
        status: row.split("|")[2].strip()
        for row in table.splitlines()[1:]
        for status in re.findall(r"[0-9]{3}", row.split("|")[1])
    }
    assert set(answers) <= set(does)
    kept = {status for status, what in does.items() if "send it again" in what}
    assert kept == {"401", "403", "404", "429", "500", "502", "503", "504"}


def test_guide_names_each_scope_and_each_refusal() -> None:
    from redress.connectors.rules.connector import Scope

    for name in (
        *Scope,
        *("signature-missing", "signature-wrong", "signature-expired", "signature-repeated"),
        "key-reused",
    ):
        assert f"`{name}`" in GUIDE
