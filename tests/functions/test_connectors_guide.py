"""The examples of docs/connectors.md run as they are written, against the functions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from redress.base.people import Member
from redress.wiring import clients
from redress.wiring import stores as wired_stores
from tests.builders import ROOT, Clock
from tests.functions import gateway
from tests.functions.conftest import MEMBERS
from tests.functions.gateway import SIGNED_IN, TOKEN, Gateway, served
from tests.functions.staff.api import claims_of
from tests.world import Stores

GUIDE = (ROOT / "docs/connectors.md").read_text()


def blocks(language: str) -> list[str]:
    """The examples of the guide in this language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def run(command: list[str], **variables: str) -> str:
    """Run an example and return what it printed."""
    done = subprocess.run(
        command,
        env=os.environ | {"no_proxy": "127.0.0.1"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_connectors_first_day_is_as_the_guide_says(
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "now", lambda: datetime.now(UTC))
    make, (by_curl,), (by_python, call) = blocks("")[0], blocks("bash"), blocks("python")
    with served(Gateway({TOKEN: claims_of(MEMBERS["wei"]) | SIGNED_IN})) as address:
        monkeypatch.setattr(gateway, "BASE_ADDRESS", address)
        made = json.loads(run(["bash", "-c", make], ADDRESS=address, TOKEN=TOKEN))
        known = {"ADDRESS": address, "WEBHOOK_SECRET": made["webhook_secret"]}
        known |= {"KEY_ID": made["keyid"], "API_KEY": made["api_key"]}
        taken = json.loads(run(["bash", "-c", by_curl], **known))
        assert taken["opened"] is True
        assert run([sys.executable, "-c", by_python], **known) == taken["number"]
        lines = run([sys.executable, "-c", call], NUMBER=taken["number"], **known).splitlines()
    scopes, state, version = lines
    assert scopes == "['messages:write', 'tickets:read', 'notes:write']"
    ticket = wired_stores.tickets().get(taken["number"])
    assert (state, version) == ("new", str(ticket.version))
    texts = [event.data.get("text") for event in stores.tickets.history(ticket.number)]
    assert texts[-2:] == ["It leaks more and more.", "The parcel was handed over."]


def test_guide_names_each_scope_and_each_refusal() -> None:
    from redress.connectors.rules.connector import Scope

    for name in (
        *Scope,
        *("signature-missing", "signature-wrong", "signature-expired", "signature-repeated"),
        "key-reused",
    ):
        assert f"`{name}`" in GUIDE
