"""Tickets created per second, by one client and by eight, compared with a floor and with a peer.

Subjects take turns for a few seconds each, round after round; figures are medians. All are served
by the same HTTP server (gunicorn) with four workers, get the same text, and have clients in a
separate process that open a connection for each request. Every response is checked. At the end the
stored tickets, entries and mails must be as many as the responses.

- created: the built handler of POST /tickets, with only the layer on its path. Its transaction
  holds the ticket's first event (the audit) and writes everything to the table's stream.
- bare transaction: the same items with the same conditions, prepared in advance, in the same server
  but without rules, checks and a response to build. This is the floor for the goal: the difference
  is exactly what the product does. The row "without HTTP" shows the server's own share: the same
  transactions by as many processes as there are clients, four at most.
- created, with mails: the built relay, follower and mailer follow the stream on the same two cores
  while tickets arrive, and send each customer the acknowledgement. This is what a client sees while
  all work is going on. They have a lower priority than the public endpoints, as background
  workers on one machine would. (On AWS they are functions of their own and do not slow the public
  endpoints down.) Most mails therefore follow after the clients have stopped; "acknowledged during
  the load" counts the others.
- created and acknowledged: the same rounds, counted until the last acknowledgement is sent and
  recorded. The mail's one second in the queue is left out: it waits for the workflow and is no
  work. The workflow itself, SQS and SES are stubs.
- django-helpdesk: its public form, with its history entry and its mail to the customer in the
  request, on PostgreSQL, with a mail server that only accepts. Both with their defaults: a
  connection by TCP and password for each request, every commit written to disk. A second subject is
  django-helpdesk at its best: open connections through a socket, and a PostgreSQL that does not
  wait for the disk, as DynamoDB Local in memory does not. Compared with that one, even the bare
  transaction would miss the goal.

The engine is Amazon's DynamoDB Local in memory, with the stream switched on as deployed.
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
from local.filters import READERS
from local.install import CannotInstall
from local.process import ROOT
from local.template import table_definition
from redress.db import encoding
from redress.plans.store.plans import Plans
from redress.tickets.cases.intake import IntakeCase
from redress.tickets.links import Links
from redress.tickets.store.submission_store import SubmissionStore

ABOUT = "tickets created per second, compared with the bare transaction and django-helpdesk"
LIMIT_S = 330
CLIENTS = (1, 8)
ROUNDS = 5
SECONDS = 2.0
WARMING_S = 15.0
"""Java compiles code that it runs often: a transaction takes 4.5 ms in the first seconds, and
2.6 ms after twenty. PostgreSQL is compiled in advance."""
OF_BARE = 0.7
OF_HELPDESK = 3.0
MAILERS = 2
"""Mailers at once, as in the local cloud."""
BEHIND = 19
"""How much lower the priority of stream readers and mailers is (`nice`)."""
PATIENCE_S = 60
HEAP_MB = 512
"""Enough for tens of thousands of tickets and their stream, without garbage collection."""

MARK = "0123456789abcdef"
"""Placeholder in a request for new random digits."""
KEY = "key"
"""Idempotency key of the submission that yields the bare transaction."""

BARE, ALONE = "bare transaction", "bare transaction without HTTP"
CREATED, MAILED = "created", "created, with mails"
HELPDESK, HELPDESK_BEST = "django-helpdesk", "django-helpdesk at its best"


class LoadError(RuntimeError):
    """A response was not the expected one; the message is the clients' output."""


@dataclass(frozen=True)
class Round:
    """Tickets `created` in `seconds`, and mails sent in this time.

    `finished_s` is the time until everything that follows was done.
    """

    created: int
    seconds: float
    sent: int = 0
    finished_s: float | None = None


@dataclass
class Subject:
    """One thing to measure with `measure(clients, seconds)`."""

    name: str
    measure: Callable[[int, float], Round]
    rounds: dict[int, list[Round]] = field(default_factory=dict)
    created: int = 0
    """Tickets in total, including those before the first round."""

    def take(self, clients: int, seconds: float) -> Round:
        taken = self.measure(clients, seconds)
        self.created += taken.created
        return taken


@dataclass(frozen=True)
class Peer:
    """django-helpdesk, and a function that counts its tickets, history entries and mails."""

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
        # Use one table: the engine is several times slower with a second one that has a stream.
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
    """Each subject's median with this many clients, compared with its floor or its peer."""
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
        # Without a peer there is no goal; a message has said that it is not measured.
        compared(
            f"{who}: {MAILED}", rates[MAILED], "/s", peer, least=OF_HELPDESK if peer[1] else None
        ),
        Figure(f"{who}: acknowledged during the load", meanwhile, "/s"),
        compared(f"{who}: created and acknowledged", acknowledged, "/s", peer),
        compared(f"{who}: {HELPDESK_BEST}", best[1], "/s", peer),
        compared(f"{who}: {BARE}", bare, "/s", best),
    ]


def kept(subjects: Sequence[Subject], tickets: int, mails: int, peer: Peer | None) -> list[Figure]:
    """What was confirmed in a response but does not exist."""
    answered = sum(subject.created for subject in subjects)
    mailed = sum(subject.created for subject in subjects if subject.name == MAILED)
    found = [
        exactly("tickets answered but not stored", answered - tickets, "", 0),
        exactly("acknowledgements not sent", mailed - mails, "", 0),
    ]
    if peer:
        theirs = sum(subject.created for subject in peer.subjects)
        lost = sum(theirs - count for count in peer.count())
        found.append(exactly(f"{HELPDESK}: tickets, entries, mails missing", lost, "", 0))
    return found


def tickets_in(table: Any) -> int:
    """The number of tickets. All are open, so the index of open tickets has them all."""
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
    """The subjects of the product: bare transaction and intake, each in both of its variants."""
    layer, front = built / "CoreLayer" / "python", REFERENCES / "server"
    intake, bare = built / "IntakeFunction", REFERENCES / "bare"
    server_packages = {part.name for part in gunicorn.iterdir()}
    own = {part.name for folder in (intake, layer) for part in folder.iterdir()}
    assert not (both := server_packages & own), f"the HTTP server and the layer both have {both}"
    environment = environment_of(engine, services.address, built)
    with contextlib.ExitStack() as leaving:
        folder = Path(leaving.enter_context(tempfile.TemporaryDirectory()))
        floor = environment | transaction(folder)
        enter = leaving.enter_context
        port = enter(server((intake, layer, front, gunicorn), "front:application", environment))
        floor_port = enter(server((bare, layer, front, gunicorn), "front:application", floor))
        writers = enter(functions(WORKERS, (bare, layer), floor))
        readers = {}
        for name in READERS:
            code = built / f"{name.capitalize()}Function"
            (readers[name],) = enter(functions(1, (code, layer), environment, BEHIND))
        mailers = enter(functions(MAILERS, (built / "MailerFunction", layer), environment, BEHIND))

        def created(clients: int, seconds: float) -> Round:
            return load(port, clients, seconds, submission(), "HTTP/1.1 201")

        def mailed(clients: int, seconds: float) -> Round:
            with (
                contextlib.closing(Changes(engine, TABLE)) as changes,
                following(changes, services, readers, mailers, BEHIND) as wait,
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
    """Writes bare transactions with all of these processes at once."""
    with ThreadPoolExecutor(len(writers)) as pool:
        event = {"seconds": seconds}
        taken = list(pool.map(lambda writer: writer.invoke(event), writers))
    return Round(sum(one["done"] for one in taken), max(one["seconds"] for one in taken))


class _Recorder:
    """A client of an empty store, without even a plan, that records the transaction it is given."""

    def __init__(self) -> None:
        self.arguments: dict[str, Any] = {}

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        return {}

    def transact_write_items(self, **arguments: Any) -> None:
        self.arguments = arguments


def transaction(folder: Path) -> dict[str, str]:
    """Writes the product's transaction for one ticket to a file; returns variables that name it."""
    recorder = _Recorder()
    store, now = SubmissionStore(recorder, TABLE), partial(datetime.now, UTC)
    case = IntakeCase(store, Plans(store, now), Links(lambda: [LINK_KEY.encode()]), now)
    receipt = case.submit(submitted(), KEY, "api")
    # This token identifies one transaction: with it, a second one would write nothing.
    del recorder.arguments["ClientRequestToken"]
    file = folder / "transaction.json"
    file.write_text(json.dumps(recorder.arguments))
    return {"TRANSACTION": str(file), "NUMBER": receipt.number, "DIGEST": encoding.key_digest(KEY)}


def submitted() -> dict[str, Any]:
    """The body of a submission; MARK makes each customer different."""
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
    """django-helpdesk with its defaults and at its best, each with its own PostgreSQL.

    Raises CannotInstall if one of them cannot be installed, ServingError if it cannot start.
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
            counts = [script("count", path, environment).split() for environment in environments]
            tickets, entries = (sum(map(int, column)) for column in zip(*counts, strict=True))
            return tickets, entries, sink.mails.count

        best = subject(HELPDESK_BEST, at_best=True)
        yield Peer([subject(HELPDESK, at_best=False), best], count)


def form() -> str:
    """A submission of its public form. Django's CSRF protection compares a cookie with a field."""
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
    """An HTTP POST request as text, with one additional header."""
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
    """Runs `bench.load`; raises LoadError for a response that does not begin with `answer`."""
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
