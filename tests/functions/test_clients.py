"""Clients that generators make from the OpenAPI documents, and what linters say of the documents.

A generated Python client walks an agent's day against the handlers. The others are compiled.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from local import install
from local.clients import tools
from redress.base.people import Member
from redress.tickets.rules.steps import by_staff
from tests.builders import BY_PHONE, MEI, Clock
from tests.functions.conftest import MEMBERS
from tests.functions.gateway import Gateway, served
from tests.functions.staff.api import claims_of
from tests.samples import sample
from tests.world import Act, Opener

pytestmark = pytest.mark.slow

TOKEN = "the-token-of-mei"


@pytest.fixture(scope="module", autouse=True)
def node() -> None:
    install.node()


def test_linters_find_nothing_in_the_documents() -> None:
    tools.lint()


def test_linters_find_faults_in_a_wrong_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document: dict[str, Any] = json.loads(tools.DOCUMENTS["public"].read_text())
    del document["paths"]["/tickets"]["post"]["responses"]["201"]["description"]
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(document))
    monkeypatch.setattr(tools, "DOCUMENTS", {"public": wrong})
    with pytest.raises(tools.Failed, match="description"):
        tools.lint()


def test_sample_in_typescript_compiles_with_generated_types() -> None:
    assert (tools.typescript() / "agents_day.ts").is_file()


def test_clients_of_openapi_generator_compile() -> None:
    assert (tools.typescript_fetch() / "staff" / "index.ts").is_file()


def test_generated_python_client_walks_an_agents_day(
    staff: dict[str, Member],
    open_ticket: Opener,
    act: Act,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = sample("agents_day", tools.python(), monkeypatch)
    earlier = open_ticket(agent="a-mei", contact=BY_PHONE)
    act(earlier, by_staff.resolve, MEI, "Replaced.", "upheld", "a lamp", "the bulb")
    clock.advance(days=3)  # the callback of the resolved ticket is the most urgent of the list
    number = open_ticket(agent="a-mei").number
    tomorrow = clock.now().replace(day=clock.now().day + 1)
    monkeypatch.setattr(module, "tomorrow", lambda: tomorrow)
    with served(Gateway({TOKEN: claims_of(MEMBERS["mei"]) | {"token_use": "id"}})) as address:
        client = sys.modules["redress_staff"].AuthenticatedClient(base_url=address, token=TOKEN)
        done = module.day(client)
    assert done[0].startswith("a-mei is available")
    assert done[1] == "mei: 2 of mine, 0 in the queue"
    assert f"{number} is new" in done[2]
    assert any(line.startswith("first_response: ") and "Asia/Shanghai" in line for line in done), (
        done
    )
    assert "first_response is kept" in done
    assert done[-1] == "a-mei is away"
