"""What a run left behind: the table, the executions, the mails, the queues, and what clients saw.

`tables` groups the items of the table by what they are. The checker reads only an `Evidence`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import msgspec

from local.mails import kept
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import shipped_document
from redress.tickets.rules.ticket import Event
from redress.tickets.store import items

type Item = Mapping[str, Any]
"""An item of the table, with numbers, texts, lists and maps of Python."""


@dataclass
class Stored:
    """All items of one ticket. An item that is missing is None."""

    number: str
    head: Item | None = None
    timer: Item | None = None
    events: list[Event] = field(default_factory=list)
    event_keys: list[str] = field(default_factory=list)
    mails: dict[str, Item] = field(default_factory=dict)


@dataclass(frozen=True)
class Submission:
    """A submission that clients sent under one idempotency key, once or more.

    `mark` is a text that only this submission contains. `numbers` are the ticket numbers that the
    answers gave.
    """

    key: str
    mark: str
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """A text that somebody sent to a ticket, once. `answered` says whether the answer was a yes.

    Without a yes, the text may have arrived or not. With `refused` the answer was a clear no.
    `between` are the times at which it was sent and answered.
    """

    number: str
    mark: str
    what: str
    answered: bool
    refused: bool = False
    between: tuple[datetime, datetime] | None = None


@dataclass(frozen=True)
class Mailed:
    """An incoming mail that the mail server accepted `accepted` times, each as one object."""

    mark: str
    accepted: int


@dataclass(frozen=True)
class Lost:
    """A fault that hit a call of the mailer. `mail` is `number/key` if the call sent that mail."""

    do: str
    operation: str
    mail: str | None


@dataclass(frozen=True)
class Evidence:
    """Everything that the checker knows about one run.

    tickets      by number
    plans        by version, with the shipped one
    keys         the items of idempotency keys
    duties       the items of agents' availability, by agent
    facts        the items of score facts
    cards        digest of each stored scorecard, by agent and month
    arrivals     the `doc` of each record of an incoming mail, by identity
    objects      how many objects of the mail bucket have a record
    running      names of the running executions
    outbox       how often SES accepted each mail, by `number/key`
    left         how many messages each queue still has
    dead         the bodies in each dead-letter queue
    ended_workers  how many workers of the mailer may have been ended between SES and their record
    repaired     what the last reconciliation had to repair
    began, ended when the load began, and when this was read
    """

    tickets: Mapping[str, Stored]
    plans: Mapping[int, Plan]
    began: datetime
    ended: datetime
    keys: list[Item] = field(default_factory=list)
    duties: Mapping[str, Item] = field(default_factory=dict)
    facts: list[Item] = field(default_factory=list)
    cards: Mapping[tuple[str, str], Item] = field(default_factory=dict)
    ratings: Mapping[tuple[str, str], Item] = field(default_factory=dict)
    arrivals: Mapping[str, Any] = field(default_factory=dict)
    objects: int = 0
    running: list[str] = field(default_factory=list)
    outbox: Counter[str] = field(default_factory=Counter)
    left: Mapping[str, int] = field(default_factory=dict)
    dead: Mapping[str, list[str]] = field(default_factory=dict)
    repaired: Mapping[str, int] = field(default_factory=dict)
    submissions: list[Submission] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    mailed: list[Mailed] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    ended_workers: int = 0


def tables(found: Iterable[Item]) -> dict[str, Any]:
    """The fields of `Evidence` that the items of the table give."""
    tickets: dict[str, Stored] = {}
    plans = {1: parse(shipped_document())}
    groups: defaultdict[str, list[Item]] = defaultdict(list)
    for item in sorted(found, key=lambda one: (one["pk"], one["sk"])):
        kind, _, rest = item["pk"].partition("#")
        if kind == "TICKET":
            _add(tickets.setdefault(rest, Stored(rest)), item)
        elif kind == "PLAN" and item["sk"].startswith("VERSION#"):
            document = msgspec.json.decode(item["doc"])
            plans[document["version"]] = parse(document)
        else:
            groups[kind].append(item)
    return {
        "tickets": tickets,
        "plans": plans,
        "keys": groups["KEY"],
        "duties": {i["pk"].partition("#")[2]: i for i in groups["AGENT"] if i["sk"] == "DUTY"},
        "facts": groups["FACTS"],
        "cards": _by_agent(groups["CARD"]),
        "ratings": _by_agent(groups["RATING"]),
        "arrivals": {
            i["pk"].partition("#")[2]: msgspec.json.decode(i["doc"]) for i in groups["ARRIVAL"]
        },
        "objects": len(groups["OBJECT"]),
    }


def _add(ticket: Stored, item: Item) -> None:
    sort, _, rest = item["sk"].partition("#")
    match sort:
        case "TICKET":
            ticket.head = item
        case "TIMER":
            ticket.timer = item
        case "EVENT":
            ticket.events.append(items.event_of(item["doc"]))
            ticket.event_keys.append(item["sk"])
        case "MAIL":
            ticket.mails[rest] = item


def _by_agent(found: Iterable[Item]) -> dict[tuple[str, str], Item]:
    """Items whose keys are a month and `AGENT#id`, by agent and month."""
    return {
        (item["sk"].partition("#")[2], item["pk"].partition("#")[2]): item
        for item in found
        if item["sk"].startswith("AGENT#") and item["sk"].count("#") == 1
    }


def outbox(folder: Path) -> Counter[str]:
    """How often SES accepted each mail, by `number/key`; a mail about no ticket is `/key`."""
    found: Counter[str] = Counter()
    for raw in kept(folder):
        head = message_from_bytes(raw.partition(b"\n\n")[0] + b"\n\n")
        token = (head.get("References") or "<>").strip("<>").partition(".")[0]
        found[f"{token.upper()}/{head['X-Redress-Mail']}"] += 1
    return found
