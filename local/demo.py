"""`make demo`: plays real complaints from the web form to the monthly scorecard in a terminal.

Starts the local cloud, deploys the real template, publishes a paced plan, plays `local.story` and
ends with the month's scorecards. Everything it prints is read back through the public endpoints.
The last line is `demo: ok`; if a check fails, the demo names it and exits 1.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import boto3
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from local import stack
from local.endpoints import EndpointError, Staff, sign_in, wait_for
from local.story import Reader, Scene, World, scenes

PACE = 3600
ENTRANCE_S = 2.0
"""Seconds between two customers, so that they do not all arrive at once."""
DIRECTORY = stack.DIRECTORY / "demo"
"""Separate from `make up`, so a cloud that is already running is left alone."""
HAPPY_PATH = 5
"""Most states that the workflow of an answered complaint may enter."""
_COLOURS = {
    "urgent": "bright_red",
    "breached": "red",
    "in time": "green",
    "disputed": "magenta",
    "request": "cyan",
    "handed over": "bright_cyan",
    "returned": "bright_magenta",
    "department": "bright_green",
    "remedy": "bright_cyan",
    "checklist": "cyan",
    "call": "bright_yellow",
    "merged": "bright_blue",
    "split": "magenta",
    "incident": "bright_white",
    "suggestion": "blue",
    "withdrawn": "yellow",
}
_QUIET = {"assigned", "queued"}
_SIGNS = {"for": "+", "against": "-"}


class Timeline:
    """Polls every ticket of the story, and prints each new event."""

    def __init__(self, console: Console, reader: Reader) -> None:
        self._console, self._reader = console, reader
        self._titles: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._snapshots: dict[str, Any] = {}
        self._began = time.time()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def opened(self, number: str, title: str) -> None:
        with self._lock:
            self._titles[number] = title
            self._seen[number] = 0

    def stop(self) -> None:
        self._over.set()

    def watch(self) -> None:
        """Polls until `stop()` is called, and once more after that, to print the last events."""
        with Live(console=self._console, refresh_per_second=4, transient=True) as live:
            while True:
                over = self._over.is_set()
                with self._lock:
                    numbers = list(self._titles)
                for number in numbers:
                    try:
                        self._poll(number)
                    except EndpointError:
                        continue  # the next poll tries again; the scenes check tickets themselves
                live.update(self._table())
                if over:
                    return
                self._over.wait(0.4)

    def _poll(self, number: str) -> None:
        snapshot = self._reader.read(number)
        self._snapshots[number] = snapshot
        for event in snapshot["timeline"][self._seen[number] :]:
            self._console.print(self._line(number, event))
        self._seen[number] = len(snapshot["timeline"])

    def _line(self, number: str, event: dict[str, Any]) -> Text:
        seconds = datetime.fromisoformat(event["at"]).timestamp() - self._began
        title = self._titles[number]
        line = Text(f"{seconds:6.1f} s  ")
        line.append(f"{number}  ", style="bold")
        line.append(f"{title:<12}", style=_COLOURS[title])
        line.append(f"{event['type'].replace('_', ' '):<19} ", style=self._style(event))
        line.append(self._detail(event), style="dim")
        line.truncate(self._console.width, overflow="ellipsis")
        return line

    @staticmethod
    def _style(event: dict[str, Any]) -> str:
        if event["type"] == "rung_fired":
            return "bold red" if event["data"]["action"] in ("breach", "escalate") else "yellow"
        return "dim" if event["type"] in _QUIET else "bold"

    @staticmethod
    def _detail(event: dict[str, Any]) -> str:
        data = event["data"]
        match event["type"]:
            case "opened":
                return f"{data['kind']} [{data['language']}] {data['subject']}"
            case "rung_fired":
                recipients = ", ".join(data["notify"])
                return f"{data['clock']}: {data['action']}" + (
                    f" -> {recipients}" if recipients else ""
                )
            case "closed":
                return str(data["closure"])
            case "surveyed":
                return f"overall {data['answers']['overall']}"
            case "assigned":
                return str(data["why"])
            case "merged" | "split":
                return f"{data['ticket']}: {data['why']}"
            case "post_mortem_written":
                return str(data["root_cause"])
            case "classified":
                return ", ".join(map(str, data["values"].values()))
            case "call_recorded":
                parts = ", ".join(f"{name} {s:.0f} s" for name, s in data["seconds"].items())
                return f"{data['result']}: {parts}"
        text = str(data.get("text") or data.get("why") or data.get("by") or "")
        return text.partition("\n")[0]

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), title=None)
        for heading in ("ticket", "scene", "state", "next promise", "escalated to"):
            table.add_column(heading, style="dim")
        for number, snapshot in self._snapshots.items():
            due = snapshot.get("due_at")
            left = datetime.fromisoformat(due).timestamp() - time.time() if due else None
            table.add_row(
                number,
                self._titles[number],
                snapshot["state"],
                "" if left is None or snapshot["state"] == "closed" else f"in {left:.0f} s",
                snapshot.get("escalation") or "",
            )
        return table


def play(console: Console, running: stack.Outputs) -> dict[str, str]:
    """Plays all scenes at the same time. Returns ticket numbers by title (the last of each)."""
    cognito = boto3.client("cognito-idp", **running.client_arguments())
    staff = {
        user: sign_in(
            cognito,
            running.stack["UserPoolClientId"],
            running.base_url,
            user,
            entry["password"],
            entry["groups"][0],
        )
        for user, entry in running.staff.items()
    }
    manager = next(member for member in staff.values() if member.role == "manager")
    reader = Reader(manager)
    timeline = Timeline(console, reader)
    world = World(running.base_url, running.endpoint_url, staff, reader, timeline.opened)
    watcher = threading.Thread(target=timeline.watch, name="timeline")
    watcher.start()
    played: dict[str, str] = {}
    broken: list[str] = []

    def act(scene: Scene) -> None:
        try:
            played[scene.title] = scene.play(world)
        except EndpointError as error:
            broken.append(f"{scene.title}: {error}")

    cast = scenes()
    with ThreadPoolExecutor(max_workers=len(cast)) as pool:
        for scene in cast:
            pool.submit(act, scene)
            time.sleep(ENTRANCE_S)
    timeline.stop()
    watcher.join()
    if broken:
        raise EndpointError("\n".join(broken))
    happy = states_entered(running, played["in time"])
    console.print(f"\nworkflow of an answered complaint: {len(happy)} states, {' > '.join(happy)}")
    if len(happy) > HAPPY_PATH:
        raise EndpointError(f"the happy path enters {len(happy)} states, not {HAPPY_PATH}")
    close_the_month(console, staff)
    return played


def states_entered(running: stack.Outputs, number: str) -> list[str]:
    """The states that an execution entered; AWS bills each as a transition."""
    machines = boto3.client("stepfunctions", **running.client_arguments())
    machine = running.stack["TicketMachineArn"]
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{number}-1"

    def ended() -> bool:
        return bool(machines.describe_execution(executionArn=execution)["status"] != "RUNNING")

    wait_for(ended, f"the workflow of {number} ends", 20)
    history = machines.get_execution_history(executionArn=execution, maxResults=1000)
    return [
        event["stateEnteredEventDetails"]["name"]
        for event in history["events"]
        if "stateEnteredEventDetails" in event
    ]


def close_the_month(console: Console, staff: dict[str, Staff]) -> None:
    """Rates the agents, runs the scoring state machine twice, and prints each scorecard."""
    manager = next(member for member in staff.values() if member.role == "manager")
    zone = ZoneInfo(manager.get("/plan")["time_zone"])
    period = datetime.now(zone).strftime("%Y-%m")
    agents = [member for member in staff.values() if member.role == "agent"]
    for number, agent in enumerate(agents):
        rating = {"attitude": 5 - number % 2, "knowledge": 4, "comment": "as seen this month"}
        manager.send("PUT", f"/ratings/{period}/{agent.id}", rating)
    first = _score(manager, period)
    names = {agent.id: agent.user for agent in agents}
    for known, name in sorted(names.items(), key=lambda pair: pair[1]):
        if known not in first:
            raise EndpointError(f"{name} has no scorecard of {period}")
        show(console, name, manager.get(f"/scorecards/{period}/{known}"))
    if _score(manager, period) != first:
        raise EndpointError(f"scoring {period} a second time changed the scorecards")


def _score(manager: Staff, period: str) -> dict[str, str]:
    """Runs the scoring state machine to its end. Returns the digest of each agent's card."""
    before = manager.get(f"/scorecards/{period}")["last_run"]
    manager.send("POST", f"/scorecards/{period}", {})

    def done() -> Any:
        month = manager.get(f"/scorecards/{period}")
        return month if month["last_run"] != before else None

    month = wait_for(done, f"the scores of {period} are computed", 30)
    return {card["agent"]: card["digest"] for card in month["cards"]}


def show(console: Console, name: str, card: dict[str, Any]) -> None:
    """Prints one scorecard, with the tickets behind every number."""
    preview = "  (preview: the month is still open)" if card["preview"] else ""
    table = Table(title=f"{escape(name)}  {card['period']}{preview}", title_justify="left")
    for heading in ("component", "weight", "value", "samples", "evidence"):
        table.add_column(heading, overflow="fold")
    for part in card["components"]:
        evidence = ", ".join(
            f"{_SIGNS.get(entry['counted'], '')}{entry['number'] or 'rating'}"
            for entry in part["evidence"]
        )
        table.add_row(
            part["name"],
            f"{part['weight']} %",
            part["score"] if part["counted"] else part["reason"].replace("_", " "),
            str(part["samples"]),
            evidence,
        )
    console.print(table)
    if card["grade"]:
        console.print(f"total [bold]{card['total']}[/bold], grade [bold]{card['grade']}[/bold]\n")
    else:
        console.print(f"no grade: {card['reason'].replace('_', ' ')}\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--pace", type=int, default=PACE, help="how many times faster")
    parser.add_argument("--keep", action="store_true", help="leave the local cloud running")
    given = parser.parse_args(arguments)
    console = Console(highlight=False)
    began = time.monotonic()
    running = stack.up(port=given.port, pace=given.pace, console=console, directory=DIRECTORY)
    try:
        console.print(f"ready after {time.monotonic() - began:.0f} s; the story begins\n")
        play(console, running)
    except EndpointError as broken:
        console.print(f"\n[bold red]demo: a promise was broken[/bold red]\n{escape(str(broken))}")
        return 1
    finally:
        if not given.keep:
            stack.down(console=console, directory=DIRECTORY)
    console.print(f"[bold green]demo: ok[/bold green] ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
