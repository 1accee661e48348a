"""While a part of the product is down, submissions are taken, and customers see what is true (I6).

`python -m tests.local.test_parts_down` plays the same and prints the figures.
"""

from __future__ import annotations

import json
import smtplib
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console
from rich.table import Table

from local import process, stack
from local.endpoints import Receipt, call, mailbox, submit_by_form, wait_for
from local.faults import Do, Fault, happened, turn_off, turn_on
from local.operations.stacks import ALIAS
from local.stack import MAIL_DOMAIN, Outputs
from local.story import World, body
from redress.plans.store.plans import FRESH_FOR_S
from tests.local.conftest import resolve_open_tickets
from tests.local.living import running, world_of


def calls_of(function: str) -> Fault:
    """Every call of this function to another service fails, as if it had no network."""
    return Fault(
        Do.REFUSE, function=f"{stack.NAME}-{function}", times=None, code="Unavailable", status=503
    )


PARTS: Mapping[str, Sequence[Fault]] = {
    "staff side": [calls_of("staff"), calls_of("assigner")],
    "workflow": [
        Fault(Do.REFUSE, "states", times=None, code="ServiceUnavailable", status=503),
        calls_of("workflow"),
    ],
    "stream": [calls_of("relay"), calls_of("follower")],
    "mail": [Fault(Do.REFUSE, "ses", times=None, code="ServiceUnavailable", status=503)],
}
"""What is down, and the faults that do it."""
COMING = (
    ("complaint", "zh-CN"),
    ("complaint", "zh-TW"),
    ("complaint", "en"),
    ("inquiry", "zh-CN"),
    ("inquiry", "zh-TW"),
    ("service_request", "en"),
)
"""What customers submit while a part is down: each by the JSON API and by the form."""
ANSWERED_S = 10.0
"""The longest that a customer may wait for an answer. It takes a second on a quiet machine."""
AFTER_S = 180.0
"""How long everything that follows may take, once the part works again."""


@dataclass
class Seen:
    """What customers saw while a part was down, and what followed when it worked again.

    opened      tickets by the address of their customer; None for a mail, which has no answer
    answered_s  how long each submission and each status page took
    refused     calls of the part that failed
    """

    opened: dict[str, Receipt | None] = field(default_factory=dict)
    answered_s: list[float] = field(default_factory=list)
    repeated: int = 0
    pages: int = 0
    words: int = 0
    refused: int = 0
    acknowledged_s: float = 0.0
    assigned_s: float = 0.0
    asleep_s: float = 0.0


def play(outputs: Outputs, world: World, part: str) -> Seen:
    """Submit tickets while the part is down, and wait until all is as if it had never been down."""
    seen, hit = Seen(), len(happened(outputs.endpoint_url))
    turn_on(outputs.endpoint_url, PARTS[part])
    try:
        submit_all(outputs, part, seen)
        if part == "staff side":
            assert world.manager.call("GET", "/work").status in (500, 503)
        wait_for(lambda: len(happened(outputs.endpoint_url)) > hit, f"a fault hits the {part}", 30)
    finally:
        seen.refused = len(happened(outputs.endpoint_url)) - hit
        turn_off(outputs.endpoint_url)
    works_again(outputs, world, seen)
    return seen


def submit_all(outputs: Outputs, part: str, seen: Seen) -> None:
    """Everything that customers do while the part is down. Each call must be answered well."""
    run, name = f"{time.time_ns():x}", part.replace(" ", "-")
    for number, (kind, language) in enumerate(COMING):
        for by_form in (False, True):
            email = f"{name}-{run}-{number}-{by_form:d}@customer.example".lower()
            submission = body(kind, language, "Li Na", f"Matter {number}", "It broke.", email=email)
            began = time.monotonic()
            if by_form:
                receipt = submit_by_form(outputs.base_url, submission)
            else:
                receipt = submit_twice(outputs, submission, email, seen)
            seen.answered_s.append(time.monotonic() - began)
            seen.opened[email] = receipt
            see_page(receipt, seen)
    email = f"{name}-{run}-mail@customer.example"
    send_mail(outputs, email)
    seen.opened[email] = None


def submit_twice(outputs: Outputs, submission: dict[str, Any], key: str, seen: Seen) -> Receipt:
    """Submit by the JSON API, see the ticket, write to it, and submit the same again."""
    headers = {"Idempotency-Key": key}
    first, second = (
        call("POST", f"{outputs.base_url}/tickets", submission, headers=headers) for _ in range(2)
    )
    assert (first.status, second.status) == (201, 201), (first.text, second.text)
    found = first.json()
    assert second.json()["number"] == found["number"]
    seen.repeated += 1
    url = f"{outputs.base_url}/tickets/{found['number']}"
    token = {"Authorization": f"Bearer {found['token']}"}
    ticket = call("GET", url, headers=token)
    assert (ticket.status, ticket.json()["state"]) == (200, "new"), ticket.text
    due = [one["due_at"] for one in ticket.json()["promises"] if one["state"] == "running"]
    assert due
    assert all(datetime.fromisoformat(one) > datetime.now(UTC) for one in due)
    wrote = call("POST", f"{url}/messages", {"text": "Are you there?"}, headers=token)
    assert wrote.status in (200, 201), wrote.text
    seen.words += 1
    return Receipt(found["number"], found["status_url"])


def see_page(receipt: Receipt, seen: Seen) -> None:
    """Open the status page: it has the number, and says nothing that has not happened."""
    began = time.monotonic()
    page = call("GET", receipt.status_url)
    seen.answered_s.append(time.monotonic() - began)
    assert page.status == 200, page.text
    assert receipt.number in page.text
    seen.pages += 1


def send_mail(outputs: Outputs, email: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = email, f"service@{MAIL_DOMAIN}", "A matter"
    mail["Message-ID"] = f"<{email}>"
    mail.set_content("It broke.")
    with smtplib.SMTP("127.0.0.1", outputs.smtp_port, timeout=60) as client:
        client.send_message(mail)


def works_again(outputs: Outputs, world: World, seen: Seen) -> None:
    """Wait until each ticket is acknowledged, has an agent or waits for one, and its workflow runs.

    The sweep comes every five minutes. It comes at once here.
    """
    began = time.monotonic()
    functions: Any = boto3.client("lambda", **outputs.client_arguments())
    functions.invoke(
        FunctionName=f"{stack.NAME}-repair:{ALIAS}", Payload=json.dumps({"task": "sweep"})
    )
    numbers = [receipt.number for receipt in seen.opened.values() if receipt is not None]

    def acknowledged() -> bool:
        return all(mailbox(outputs.endpoint_url, email) for email in seen.opened)

    def assigned() -> bool:
        return all(world.manager.read(number)["assignee"] for number in numbers)

    def asleep() -> bool:
        return all(len(running(outputs, number)) == 1 for number in numbers)

    def seconds(holds: Any, what: str) -> float:
        wait_for(holds, what, AFTER_S, every=1)
        return time.monotonic() - began

    with ThreadPoolExecutor(3) as pool:
        waits = [
            pool.submit(seconds, acknowledged, "every customer has an acknowledgement"),
            pool.submit(seconds, assigned, "every ticket has an agent"),
            pool.submit(seconds, asleep, "every ticket has one workflow"),
        ]
        seen.acknowledged_s, seen.assigned_s, seen.asleep_s = (one.result() for one in waits)
    for email in seen.opened:
        assert len(mailbox(outputs.endpoint_url, email)) == 1, email


# ------------------------------------------------------------------------------ the tests


@pytest.fixture(scope="module")
def usual(deployed: Outputs) -> World:
    """The deployed stack with promises of the usual length, and with room at all agents."""
    return usual_world(deployed)


def usual_world(outputs: Outputs) -> World:
    stack.publish_pace(outputs, 1)
    time.sleep(FRESH_FOR_S + 1)
    world = world_of(outputs)
    for agent in world.staff.values():
        if agent.role == "agent":
            agent.send("PUT", "/presence", {"presence": "available"})
    return world


@pytest.mark.parametrize("part", PARTS)
def test_submissions_are_taken_and_told_honestly_while_a_part_is_down(
    deployed: Outputs, usual: World, part: str
) -> None:
    resolve_open_tickets(usual)
    seen = play(deployed, usual, part)
    assert len(seen.opened) == 2 * len(COMING) + 1
    assert (seen.repeated, seen.words, seen.pages) == (len(COMING), len(COMING), 2 * len(COMING))
    assert max(seen.answered_s) <= ANSWERED_S
    assert seen.refused > 0


def figures(found: Mapping[str, Seen]) -> Table:
    table = Table(title="submissions while a part is down")
    names = ("part", "taken", "slowest answer", "status pages", "failed calls of the part")
    for name in (*names, "acknowledged after", "assigned after", "workflows run after"):
        table.add_column(name, justify="right")
    for part, seen in found.items():
        after = (seen.acknowledged_s, seen.assigned_s, seen.asleep_s)
        table.add_row(
            part,
            f"{len(seen.opened)} of {2 * len(COMING) + 1}",
            f"{max(seen.answered_s):.2f} s",
            f"{seen.pages} of {2 * len(COMING)}",
            str(seen.refused),
            *(f"{one:.0f} s" for one in after),
        )
    return table


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        cloud = process.start(Path(folder), process.free_port())
        try:
            outputs = stack.install(cloud)
            world, found = usual_world(outputs), {}
            for part in PARTS:
                resolve_open_tickets(world)
                found[part] = play(outputs, world, part)
            Console(width=150).print(figures(found))
        finally:
            process.stop(cloud)


if __name__ == "__main__":
    main()
