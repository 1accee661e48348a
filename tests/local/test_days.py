"""Days of staff, of a connector and of the nightly copy of a CRM, on the deployed stack.

Staff work with a generated client, and with the terminal client, which is built on one. The
connector signs with libraries that the product does not use.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local import stack
from local.clients import tools
from local.endpoints import wait_for
from local.process import ROOT
from local.stack import Outputs
from local.story import World
from tests.local.living import opened
from tests.local.systems import System
from tests.pictures import png
from tests.samples import sample

SUPERVISOR = "zhao@example.com"
MANAGER = "garcia@example.com"


@pytest.fixture(scope="module")
def generated() -> Path:
    """The folder with the generated Python clients. The types of all samples are checked."""
    return tools.python()


def client(deployed: Outputs, email: str) -> Any:
    """A generated client that is signed in as this member of staff."""
    connected: Any = sys.modules["redress_staff"].AuthenticatedClient
    return connected(base_url=deployed.base_url, token=stack.sign_in(deployed, email), timeout=60)


def assigned(world: World, name: str) -> Any:
    """A new complaint in English, when an agent has it."""
    number = opened(world, name).number

    def found() -> Any:
        ticket = world.reader.read(number)
        return ticket if ticket["assignee"] else None

    return wait_for(found, f"{number} is assigned", 30)


def test_agent_works_through_a_day_with_the_generated_client(
    deployed: Outputs, world: World, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sample("agents_day", generated, monkeypatch)
    ticket = assigned(world, "day-agent")
    email = next(e for e, one in world.staff.items() if one.id == ticket["assignee"])
    done = module.day(client(deployed, email), ticket["number"])
    try:
        assert any(line.startswith("first_response: ") for line in done), done
        assert "first_response is kept" in done
        assert done[-1].endswith("is away")
    finally:
        world.staff[email].send("PUT", "/presence", {"presence": "available"})


def test_supervisor_works_through_a_day_with_the_generated_client(
    deployed: Outputs, world: World, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sample("supervisors_day", generated, monkeypatch)
    ticket = assigned(world, "day-supervisor")
    address = f"ada-{time.time_ns()}@example.com"
    done = module.day(client(deployed, SUPERVISOR), address, ticket["number"])
    assert done[-1] == "Ada Wong is active in complaints"
    assert any(line.startswith(ticket["number"]) for line in done), done


def test_crm_copies_all_tickets_and_follows_their_changes_night_after_night(
    deployed: Outputs,
    world: World,
    generated: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    module = sample("night_sync", generated, monkeypatch)
    first = assigned(world, "night-one")
    crm, path = client(deployed, MANAGER), tmp_path / "copy.json"
    month = stack.call_api(
        deployed, "GET", "/staff/counts", None, stack.sign_in(deployed, MANAGER)
    )["month"]
    teams = sorted({one["team"] for one in deployed.staff.values()})

    def copied() -> dict[str, Any]:
        module.night(crm, path, teams, [month])
        kept: dict[str, Any] = module.read(path).tickets
        return kept

    assert copied()[first["number"]][1] == first["state"]
    second = assigned(world, "night-two")
    agent = world.by_id(second["assignee"])
    agent.change(second["number"], "replies", text="We are on it.", wait_for_customer=False)
    version = world.manager.read(second["number"])["version"]

    def caught_up() -> bool | None:
        kept = copied().get(second["number"])
        return True if kept is not None and kept[0] >= version else None

    wait_for(caught_up, "the copy has the reply", 30)
    assert copied()[first["number"]][1] == world.manager.read(first["number"])["state"]


# ------------------------------------------------------------------ a connector


def test_connector_works_through_a_day_and_changes_its_keys(deployed: Outputs) -> None:
    token = stack.sign_in(deployed, MANAGER)

    def manage(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return stack.call_api(deployed, method, f"/staff/connectors{path}", body, token)

    id_ = f"chat-{time.time_ns()}"
    scopes = ["messages:write", "tickets:read", "changes:read", "customers:read", "notes:write"]
    about = {"name": "The chat", "scopes": scopes, "team": None, "reason": "customers ask there"}
    made = manage("POST", "", {"id": id_, **about})
    chat = System(deployed.base_url, made)
    status, page = chat.call("GET", "/machines/changes")
    assert status == 200, page
    position = page["next"]

    status, first = chat.hand_over("msg_1", "m-1", "The kettle leaks.")
    assert (status, first["opened"]) == (201, True), first
    number = first["number"]
    assert chat.hand_over("msg_1", "m-1", "The kettle leaks.") == (201, first), "a repeat"
    status, second = chat.hand_over("msg_2", "m-2", "It leaks more and more.")
    assert (status, second["number"], second["opened"]) == (200, number, False), second

    def customers() -> Any:
        email = f"li.na%2B{id_}%40example.com"
        status, found = chat.call("GET", f"/machines/customers?email={email}")
        assert status == 200, found
        return found["items"]

    [customer] = wait_for(customers, "the customer is found by a signed query", 30)
    status, listed = chat.call("GET", f"/machines/tickets?customer={customer['id']}&limit=25")
    assert (status, [one["number"] for one in listed["items"]]) == (200, [number]), listed
    status, noted = chat.call(
        "POST", f"/machines/tickets/{number}/notes", {"text": "The parcel was handed over."}
    )
    assert (status, noted["number"]) == (200, number), noted

    def followed() -> bool | None:
        # A page reads 50 entries at most, and other tickets of the stack change meanwhile.
        nonlocal position
        status, found = chat.call("GET", f"/machines/changes?since={position}&limit=100")
        assert status == 200, found
        position = found["next"]
        versions = [one["version"] for one in found["tickets"] if one["number"] == number]
        return True if max(versions, default=0) >= noted["version"] else None

    wait_for(followed, "the note is in the feed of changes", 120)
    status, file = chat.call("GET", f"/machines/tickets/{number}")
    assert status == 200, file
    texts = [event["data"].get("text") for event in file["timeline"]]
    for text in ("It leaks more and more.", "The parcel was handed over."):
        assert texts.count(text) == 1, texts

    rotation = {"revision": 1, "old_ends_at": None, "reason": "once a year"}
    rotated = manage("POST", f"/{id_}/keys", rotation)
    assert chat.call("GET", "/machines/me")[0] == 200, "the old key"
    assert chat.hand_over("msg_3", "m-3", "Hello?")[0] == 200, "the old secret"
    old = System(deployed.base_url, made)
    chat.take(rotated)
    status, me = chat.call("GET", "/machines/me")
    assert (status, [key["keyid"] for key in me["keys"]]) == (200, [f"{id_}.2", f"{id_}.1"]), me
    manage("POST", f"/{id_}/keys/1/end", {"reason": "the chat has the new ones"})
    assert old.call("GET", "/machines/me")[0] == 401
    assert old.hand_over("msg_4", "m-4", "Is anybody there?")[0] == 401
    assert chat.hand_over("msg_4", "m-4", "Is anybody there?")[0] == 200
    outcomes = [one["status"] for one in manage("GET", f"/{id_}/attempts")["items"]]
    assert outcomes == [200, 401, 200, 200, 201, 201]


# ------------------------------------------------------------------ the terminal client

BROWSER = """
import re, sys, urllib.parse, urllib.request
local, user, password = {local!r}, {user!r}, {password!r}
page = urllib.request.urlopen(sys.argv[1])
text = page.read().decode()
fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', text))
fields |= {{"username": user, "password": password}}
action = re.findall(r'<form[^>]*action="([^"]*)"', text)[0].replace("&amp;", "&")
there = urllib.parse.urljoin(page.url, action)
urllib.request.urlopen(there, urllib.parse.urlencode(fields).encode())
"""
"""A browser in which somebody signs in at the pages of the local cloud. It follows redirects."""


class Terminal:
    """Runs `redress` in processes of its own, with settings in a folder of the test."""

    def __init__(self, deployed: Outputs, email: str, folder: Path) -> None:
        self.email, self.folder = email, folder
        self._password = deployed.staff[email]["password"]
        self._local = deployed.endpoint_url
        outputs = folder / "outputs.json"
        outputs.write_text(deployed.to_json())
        self("setup", "--outputs", str(outputs), "--email", email)

    def __call__(self, *arguments: str, typed: str = "", **environment: str) -> str:
        """What a command writes. It must end well."""
        paths = os.pathsep.join((str(ROOT / "client"), str(tools.terminal())))
        settings = {"PYTHONPATH": paths, "REDRESS_CONFIG": str(self.folder), "COLUMNS": "120"}
        done = subprocess.run(
            [sys.executable, "-m", "redress_cli", *arguments],
            env=os.environ | settings | environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def sign_in_with_password(self) -> str:
        return self("login", "--password", "--token-file", typed=f"{self._password}\n")

    def sign_in_by_browser(self) -> str:
        path = self.folder / "browser.py"
        who = {"user": self.email, "password": self._password}
        path.write_text(BROWSER.format(local=self._local, **who))
        return self("login", "--token-file", BROWSER=f"{sys.executable} {path} %s")

    def editor(self, text: str) -> str:
        """An editor, for the variable EDITOR, in which somebody types this text."""
        path = self.folder / "editor.py"
        path.write_text(f"import sys\nopen(sys.argv[1], 'a').write({text!r})\n")
        return f"{sys.executable} {path}"


def test_agent_works_through_a_day_in_the_terminal(
    deployed: Outputs, world: World, tmp_path: Path
) -> None:
    ticket = assigned(world, "terminal-agent")
    number = ticket["number"]
    email = next(e for e, one in world.staff.items() if one.id == ticket["assignee"])
    redress = Terminal(deployed, email, tmp_path)
    assert redress.sign_in_with_password().startswith("Signed in as ")
    assert "You are available" in redress("presence", "available")
    assert number in redress("work", "--limit", "25")
    shown = redress("show", number)
    assert ticket["subject"] in shown
    profile = redress.json("customer", number)
    assert number in [one["number"] for one in profile["tickets"]]

    redress("note", number, "--text", "The same batch leaked before.")
    picture = tmp_path / "cup.png"
    picture.write_bytes(png(8, 8))
    words = redress.editor("We are on it.")
    assert number in redress("reply", number, "--file", str(picture), EDITOR=words)
    assert "ask_for_photo" in redress("macro")
    assert redress("macro", number, "ask_for_photo", "--yes").endswith(f"{number} is waiting.\n")
    reasons = ("--outcome", "upheld", "--remedy", "replacement", "--root-cause", "seal")
    redress("resolve", number, "--text", "A new kettle is on its way.", *reasons)

    found = redress.json("show", number)
    assert found["state"] == "resolved"
    texts = [event["data"].get("text") for event in found["timeline"]]
    assert {"The same batch leaked before.", "We are on it."} <= set(texts)
    [sent] = [event["data"]["files"] for event in found["timeline"] if event["data"].get("files")]
    assert [file["name"] for file in sent] == ["cup.png"]
    assert redress("logout").startswith("Signed out")
    assert not list(tmp_path.glob("tokens*"))


def test_supervisor_works_through_a_day_in_the_terminal(
    deployed: Outputs, world: World, tmp_path: Path
) -> None:
    ticket = assigned(world, "terminal-supervisor")
    redress = Terminal(deployed, SUPERVISOR, tmp_path)
    assert redress.sign_in_by_browser().startswith("Signed in as ")
    board = redress.json("board")
    assert ticket["number"] in redress("queue", "--view", "open", "--limit", "100")
    free = next(
        one
        for one in board["present"]
        if one["load"] < one["capacity"] and one["agent"] != ticket["assignee"]
    )
    moved = redress(
        "assign", ticket["number"], "--to", free["agent"], "--reason", "Knows the product."
    )
    assert moved.startswith(f"{ticket['number']} is with ")
    assert world.reader.read(ticket["number"])["assignee"] == free["agent"]

    address = f"bo-{time.time_ns()}@example.com"
    sheet = tmp_path / "members.csv"
    sheet.write_text(
        f"email,name,role,team,languages,capacity\n{address},Bo Li,agent,complaints,en,3\n"
    )
    assert redress("import", str(sheet), "--check") == "1 members can be imported.\n"
    assert redress("import", str(sheet)) == "1 members are imported.\n"
    assert "Bo Li" in redress("members", "--limit", "25")
    assert "suspended" in redress("suspend", address, "--reason", "Begins next month.")
