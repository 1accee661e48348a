"""Tickets created per second, by one client and by eight, beside the floor and beside a peer.

Subjects take turns for a few seconds each, round after round; figures are medians. All have four
workers of one HTTP server (gunicorn), the same text to take, and clients in a process of their own
that open a connection for each request. Every answer is checked, and at the end the tickets,
entries and mails that there are must be as many as were answered.

- created: the built handler of POST /tickets, with the layer and nothing else on its path. Its
  transaction holds the ticket's first event (the audit) and puts all into the table's stream.
- bare transaction: the same items on the same conditions, made beforehand, with no rule, no check
  and no answer to make, in the same server. This is the floor that the goal is of: the two differ
  in what the product does and in nothing else. The server's own share shows in the row "without
  HTTP": the same by as many processes as there are clients, four at most.
- created, mails beside: the built relay and mailer follow the stream on the same two cores while
  tickets come in, and send each customer the acknowledgement. This is what a client sees with all
  work on. They have a lower priority than the doors, as any background worker on one machine has:
  on AWS they are functions of their own and take nothing from the doors at all. So many of the
  mails follow when the clients have stopped: "acknowledged meanwhile" are those that do not.
- created and acknowledged: the same rounds, counted until the last of their acknowledgements has
  gone out and is recorded. The mail's one second in the queue is left out, because it waits for
  the workflow and is no work. The workflow itself, SQS and SES are stubs.
- django-helpdesk: its public form, with its history entry and its mail to the customer in the
  request, on PostgreSQL, with a mail server that only takes. Both as they come: a connection by
  TCP and password for each request, every commit on disk. Once more at its best: connections by a
  socket, kept open, and a PostgreSQL that waits for no disk, as DynamoDB Local in memory waits for
  none. Beside that one even the bare transaction would miss the goal.

The engine is Amazon's DynamoDB Local in memory, the stream on as deployed.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
from rich.console import Console
from rich.progress import track

from bench import postgres
from bench.following import Changes, following
from bench.report import Figure, Machine, compared, exactly
from bench.services import KEY as LINK_KEY
from bench.services import TABLE, Services, environment_of, mail_sink, stub
from bench.serving import (
    REFERENCES,
    WORKERS,
    Function,
    ServingError,
    functions,
    installed,
    script,
    server,
)
from local import dynamodb_local, stack
from local.install import CannotInstall
from local.process import ROOT
from local.template import table_definition
from redress.db import encoding
from redress.plans.store.plans import Plans
from redress.tickets.cases.intake import IntakeCase
from redress.tickets.links import Links
from redress.tickets.store.submission_store import SubmissionStore

ABOUT = "tickets created per second, beside the bare transaction and django-helpdesk"
LIMIT_S = 330
CLIENTS = (1, 8)
ROUNDS = 5
SECONDS = 2.0
WARMING_S = 15.0
"""Java compiles what it runs often: a transaction takes it 4.5 ms in the first seconds, and 2.6 ms
after twenty. PostgreSQL is compiled."""
OF_BARE = 0.7
OF_HELPDESK = 3.0
MAILERS = 2
"""Mail workers at once, as on the laptop."""
BEHIND = 19
"""How much less urgent they are than the doors (`nice`)."""
PATIENCE_S = 60
HEAP_MB = 512
"""For tens of thousands of tickets with their stream: no time goes into collecting garbage."""

MARK = "0123456789abcdef"
"""Stands in a request for digits that are drawn anew for each."""
KEY = "key"
"""Of the submission whose transaction is the bare one."""

BARE, ALONE = "bare transaction", "bare transaction without HTTP"
CREATED, MAILED = "created", "created, mails beside"
HELPDESK, HELPDESK_BEST = "django-helpdesk", "django-helpdesk at its best"


class LoadError(RuntimeError):
    """An answer was not the expected one; the message is what the clients said."""


@dataclass(frozen=True)
class Round:
    """How many were created in `seconds`, and how many mails went out meanwhile; `finished_s` is
    until all that follows was done."""

    created: int
    seconds: float
    sent: int = 0
    finished_s: float | None = None


@dataclass
class Subject:
    """One thing to measure: `measure(clients, seconds)`."""

    name: str
    measure: Callable[[int, float], Round]
    rounds: dict[int, list[Round]] = field(default_factory=dict)
    created: int = 0
    """In all, those before the first round included."""

    def take(self, clients: int, seconds: float) -> Round:
        taken = self.measure(clients, seconds)
        self.created += taken.created
        return taken


@dataclass(frozen=True)
class Peer:
    """django-helpdesk with its own count: tickets, entries of their histories, mails."""

    subjects: list[Subject]
    count: Callable[[], tuple[int, int, int]]


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measures; leaves no process behind, however it ends."""
    rounds, seconds = max(1, round(ROUNDS * scale)), max(1.0, SECONDS * scale)
    built = stack.build()
    gunicorn = installed("server", directory)
    with contextlib.ExitStack() as leaving:
        engine = leaving.enter_context(dynamodb_local.running(HEAP_MB))
        services = leaving.enter_context(stub())
        # One table for all: the engine is several times slower with a second one that has a stream.
        table: Any = boto3.client("dynamodb", endpoint_url=engine)
        table.create_table(**table_definition(TABLE))
        subjects = leaving.enter_context(product(built, gunicorn, engine, services))
        try:
            peer = leaving.enter_context(helpdesk(directory, gunicorn))
        except (CannotInstall, ServingError) as error:
            console.print(f"[yellow]django-helpdesk is not measured:[/] {error}", soft_wrap=True)
            peer = None
        everyone = [*subjects, *(peer.subjects if peer else [])]
        for subject in everyone:
            subject.take(max(CLIENTS), WARMING_S if subject.name == ALONE else seconds)
        for _ in track(range(rounds), "rounds", console=console):
            for clients in CLIENTS:
                for subject in everyone:
                    taken = subject.take(clients, seconds)
                    subject.rounds.setdefault(clients, []).append(taken)
        machine.note_load("while tickets were created")
        return [
            *(figure for clients in CLIENTS for figure in figures(everyone, clients)),
            *kept(subjects, tickets_in(table), services.mails.count, peer),
        ]


# ------------------------------------------------------------------------------ figures


def figures(subjects: Sequence[Subject], clients: int) -> list[Figure]:
    """Each subject's median at so many clients, beside its floor or its peer."""
    rates = {
        subject.name: statistics.median(one.created / one.seconds for one in taken)
        for subject in subjects
        if (taken := subject.rounds.get(clients))
    }
    mailed = next(subject.rounds[clients] for subject in subjects if subject.name == MAILED)
    acknowledged = statistics.median(
        one.created / one.finished_s for one in mailed if one.finished_s
    )
    meanwhile = statistics.median(one.sent / one.seconds for one in mailed)
    bare, created = rates[BARE], rates[CREATED]
    peer, best = (HELPDESK, rates.get(HELPDESK)), (HELPDESK_BEST, rates.get(HELPDESK_BEST))
    who = "1 client" if clients == 1 else f"{clients} clients"
    return [
        compared(f"{who}: {CREATED}", created, "/s", (BARE, bare), least=OF_BARE),
        compared(f"{who}: {ALONE}", rates[ALONE], "/s", (BARE, bare)),
        # Where there is no peer there is no goal: it was said that it is not measured.
        compared(
            f"{who}: {MAILED}", rates[MAILED], "/s", peer, least=OF_HELPDESK if peer[1] else None
        ),
        Figure(f"{who}: acknowledged meanwhile", meanwhile, "/s"),
        compared(f"{who}: created and acknowledged", acknowledged, "/s", peer),
        compared(f"{who}: {HELPDESK_BEST}", best[1], "/s", peer),
        compared(f"{who}: {BARE}", bare, "/s", best),
    ]


def kept(subjects: Sequence[Subject], tickets: int, mails: int, peer: Peer | None) -> list[Figure]:
    """What was answered and is not there."""
    answered = sum(subject.created for subject in subjects)
    mailed = sum(subject.created for subject in subjects if subject.name == MAILED)
    found = [
        exactly("tickets answered but not kept", answered - tickets, "", 0),
        exactly("acknowledgements not sent", mailed - mails, "", 0),
    ]
    if peer:
        theirs = sum(subject.created for subject in peer.subjects)
        lost = sum(theirs - count for count in peer.count())
        found.append(exactly(f"{HELPDESK}: tickets, entries, mails not there", lost, "", 0))
    return found


def tickets_in(table: Any) -> int:
    """Heads of tickets: all of them are open, so an index of keys has them all."""
    pages = table.get_paginator("scan").paginate(
        TableName=TABLE,
        IndexName="open",
        Select="COUNT",
        FilterExpression="sk = :kind",
        ExpressionAttributeValues={":kind": {"S": "TICKET"}},
    )
    return sum(page["Count"] for page in pages)


# ------------------------------------------------------------------------------ the product


@contextlib.contextmanager
def product(
    built: Path, gunicorn: Path, engine: str, services: Services
) -> Iterator[list[Subject]]:
    """The bare transaction, without and with HTTP; the intake, alone and with what follows."""
    layer, front = built / "CoreLayer" / "python", REFERENCES / "server"
    intake, bare = built / "IntakeFunction", REFERENCES / "bare"
    alien = {part.name for part in gunicorn.iterdir()}
    shadowed = alien & {part.name for folder in (intake, layer) for part in folder.iterdir()}
    assert not shadowed, f"the HTTP server brings {shadowed}, which the layer has"
    environment = environment_of(engine, services.address, built)
    with contextlib.ExitStack() as leaving:
        folder = Path(leaving.enter_context(tempfile.TemporaryDirectory()))
        floor = environment | transaction(folder)
        enter = leaving.enter_context
        port = enter(server((intake, layer, front, gunicorn), "front:application", environment))
        floor_port = enter(server((bare, layer, front, gunicorn), "front:application", floor))
        writers = enter(functions(WORKERS, (bare, layer), floor))
        (relay,) = enter(functions(1, (built / "RelayFunction", layer), environment, BEHIND))
        mailers = enter(functions(MAILERS, (built / "MailerFunction", layer), environment, BEHIND))

        def created(clients: int, seconds: float) -> Round:
            return load(port, clients, seconds, submission(), "HTTP/1.1 201")

        def mailed(clients: int, seconds: float) -> Round:
            with (
                contextlib.closing(Changes(engine, TABLE)) as changes,
                following(changes, services, relay, mailers, BEHIND) as wait,
            ):
                before = services.mails.count
                taken = created(clients, seconds)
                answered, sent = time.monotonic(), services.mails.count - before
                wait(taken.created, PATIENCE_S)
                after_s = time.monotonic() - answered
            return Round(taken.created, taken.seconds, sent, taken.seconds + after_s)

        def floored(clients: int, seconds: float) -> Round:
            return load(floor_port, clients, seconds, submission(), "HTTP/1.1 201")

        yield [
            Subject(ALONE, lambda clients, seconds: write(writers[:clients], seconds)),
            Subject(BARE, floored),
            Subject(CREATED, created),
            Subject(MAILED, mailed),
        ]


def write(writers: Sequence[Function], seconds: float) -> Round:
    """Bare transactions by all of these at once."""
    with ThreadPoolExecutor(len(writers)) as pool:
        event = {"seconds": seconds}
        taken = list(pool.map(lambda writer: writer.invoke(event), writers))
    return Round(sum(one["done"] for one in taken), max(one["seconds"] for one in taken))


class _Recorder:
    """A client of a store in which there is nothing, not even a plan: it keeps what it is given."""

    def __init__(self) -> None:
        self.arguments: dict[str, Any] = {}

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        return {}

    def transact_write_items(self, **arguments: Any) -> None:
        self.arguments = arguments


def transaction(folder: Path) -> dict[str, str]:
    """The product's own transaction for one ticket, as a file; the environment that names it."""
    recorder = _Recorder()
    store, now = SubmissionStore(recorder, TABLE), partial(datetime.now, UTC)
    case = IntakeCase(store, Plans(store, now), Links(lambda: [LINK_KEY.encode()]), now)
    receipt = case.submit(submitted(), KEY, "api")
    # It names one transaction: a repeat of it would write nothing.
    del recorder.arguments["ClientRequestToken"]
    file = folder / "transaction.json"
    file.write_text(json.dumps(recorder.arguments))
    return {"TRANSACTION": str(file), "NUMBER": receipt.number, "DIGEST": encoding.key_digest(KEY)}


def submitted() -> dict[str, Any]:
    """What a customer sends; each is another customer."""
    event = json.loads((ROOT / "events" / "intake-submit.json").read_text())
    body: dict[str, Any] = json.loads(event["body"])
    body["contact"]["email"] = f"customer-{MARK}@customer.example"
    return body


def submission() -> str:
    body = json.dumps(submitted())
    return request("/tickets", "application/json", body, f"Idempotency-Key: {MARK}")


# ------------------------------------------------------------------------------ the peer


@contextlib.contextmanager
def helpdesk(directory: Path, gunicorn: Path) -> Iterator[Peer]:
    """django-helpdesk as it comes and at its best, each on a PostgreSQL of its own.

    Raises CannotInstall where one of them cannot be installed, ServingError where it cannot start.
    """
    path = (REFERENCES / "helpdesk", installed("helpdesk", directory))
    with contextlib.ExitStack() as leaving:
        sink = leaving.enter_context(mail_sink())
        environments: list[dict[str, str]] = []

        def subject(name: str, *, at_best: bool) -> Subject:
            settings = postgres.NOT_ON_DISK if at_best else ()
            database = leaving.enter_context(postgres.running(settings))
            environment = {
                "PATH": "/usr/bin:/bin",
                "HOME": "/nonexistent",
                "DJANGO_SETTINGS_MODULE": "settings",
                "DATABASE_HOST": str(database.folder) if at_best else "127.0.0.1",
                "DATABASE_PORT": str(database.port),
                "DATABASE_PASSWORD": database.password,
                "KEEP_CONNECTIONS": "yes" if at_best else "",
                "EMAIL_PORT": str(sink.port),
            }
            script("prepare", path, environment)
            environments.append(environment)
            port = leaving.enter_context(server((*path, gunicorn), "app:application", environment))

            def created(clients: int, seconds: float) -> Round:
                return load(port, clients, seconds, form(), "HTTP/1.1 302")

            return Subject(name, created)

        def count() -> tuple[int, int, int]:
            told = [script("count", path, environment).split() for environment in environments]
            tickets, entries = (sum(map(int, column)) for column in zip(*told, strict=True))
            return tickets, entries, sink.mails.count

        best = subject(HELPDESK_BEST, at_best=True)
        yield Peer([subject(HELPDESK, at_best=False), best], count)


def form() -> str:
    """Its public form, sent. Django's protection of forms compares a cookie with a field."""
    body, token = submitted(), "0" * 32
    fields = {
        "csrfmiddlewaretoken": token,
        "queue": "1",
        "title": body["subject"],
        "body": body["description"],
        "priority": "3",
        "due_date": "",
        "submitter_email": body["contact"]["email"],
    }
    media = "application/x-www-form-urlencoded"
    return request("/tickets/submit/", media, urlencode(fields), f"Cookie: csrftoken={token}")


# ------------------------------------------------------------------------------ the clients


def request(path: str, media: str, body: str, header: str) -> str:
    """A POST as text, with one header of its own."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: close",
        f"Content-Type: {media}",
        f"Content-Length: {len(body.encode())}",
        header,
    )
    return "\r\n".join([*lines, "", body])


def load(port: int, clients: int, seconds: float, request: str, answer: str) -> Round:
    """What `bench.load` did; raises LoadError for an answer that does not begin with `answer`."""
    given = {"port": port, "clients": clients, "seconds": seconds, "request": request}
    given |= {"mark": MARK, "answer": answer}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise LoadError(done.stderr)
    found = json.loads(done.stdout)
    return Round(found["done"], found["seconds"])
