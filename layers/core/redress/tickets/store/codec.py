"""How rules' types become items and back: the one serialised shape, used by every writer.

An item carries the few attributes that keys, indexes and conditions need, and `doc`: the whole
value as compact JSON. msgspec encodes the values of the rules as they are and checks
every type on the way back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from redress.db import keys
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Event, EventType, Phase, Ticket
from redress.tickets.store import snapshot

Item = dict[str, Any]

_ENCODER = msgspec.json.Encoder()
_EVENT = msgspec.json.Decoder(Event)

Unreadable = msgspec.DecodeError
"""A `doc` that is not what its decoder reads: no JSON, or a value of another shape."""


def encode(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def head_doc(ticket: Ticket) -> str:
    """A ticket as its head keeps it (`tickets/store/snapshot.py`)."""
    return encode(snapshot.encode(ticket))


def ticket_of(doc: str) -> Ticket:
    """The ticket in a head's `doc`; raises Unreadable if it is none."""
    return snapshot.decode(msgspec.json.decode(doc))


def event_of(doc: str) -> Event:
    return _EVENT.decode(doc)


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def index_attributes(ticket: Ticket) -> dict[str, str | None]:
    """The index keys of a head; None for an index in which the ticket has no place now.

    Owner: the queue while nobody has it, then the agent's work list; after resolution only a
    callback that a person must make keeps it there. Open: every ticket that is not closed.
    """
    due = keys.due_sk(tickets.next_due(ticket), ticket.number)
    shard = keys.shard(ticket.number)
    if ticket.needs_agent:
        owner = (
            keys.agent_pk(ticket.assignee) if ticket.assignee else keys.queue_pk(ticket.team, shard)
        )
    elif ticket.phase is Phase.CALLBACK and not ticket.by_mail and ticket.assignee:
        owner = keys.agent_pk(ticket.assignee)
    else:
        owner = None
    is_open = ticket.phase is not Phase.CLOSED
    return {
        "owner_pk": owner,
        "owner_sk": due if owner else None,
        "open_pk": keys.open_pk(ticket.team, shard) if is_open else None,
        "open_sk": due if is_open else None,
    }


def head_attributes(ticket: Ticket) -> dict[str, Any]:
    """Every attribute of a head but its key; None means that the attribute is absent."""
    return {
        "version": ticket.version,
        "touched": ticket.last_person_version,
        "state": ticket.state.value,
        "doc": head_doc(ticket),
        **index_attributes(ticket),
    }


def head_item(ticket: Ticket) -> Item:
    present = {k: v for k, v in head_attributes(ticket).items() if v is not None}
    return {"pk": keys.ticket_pk(ticket.number), "sk": keys.TICKET, **present}


def event_item(number: str, event: Event) -> Item:
    """An event. The first one keeps its ticket's place in the months for ever (open index)."""
    item: Item = {
        "pk": keys.ticket_pk(number),
        "sk": keys.event_sk(event.number),
        "type": event.type.value,
        "doc": encode(event),
    }
    if event.type is EventType.OPENED:
        item["open_pk"] = keys.opened_pk(event.at, keys.shard(number))
        item["open_sk"] = keys.opened_sk(event.at, number)
    return item


def timer_item(change: Change) -> Item:
    """The TIMER of a new ticket: generation 1, awake until its workflow sleeps."""
    ticket = change.after
    wake = tickets.next_wake(ticket, change.plan)
    item: Item = {
        "pk": keys.ticket_pk(ticket.number),
        "sk": keys.TIMER,
        "gen": 1,
        "seq": 1,
        "phase": ticket.phase.value,
        "awake": keys.awake_pk(keys.shard(ticket.number)),
        "awake_since": ticket.created_at.isoformat(timespec="milliseconds"),
    }
    if wake is not None:
        item["next_wake_ms"] = milliseconds(wake)
    return item


def key_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(body: Mapping[str, Any]) -> str:
    """What a body says, whatever its order of fields: tells a repeat from another submission."""
    canonical = msgspec.json.encode(body, order="deterministic")
    return hashlib.sha256(canonical).hexdigest()


def idempotency_item(key: str, body_fingerprint: str, answer: str, change: Change) -> Item:
    """What was done for a key, and what a repeat is answered: this is all that it needs.

    `expires` is for TTL only; nothing relies on its time.
    """
    kept = timedelta(days=change.plan.idempotency_days)
    return {
        "pk": keys.idempotency_pk(key_digest(key)),
        "sk": keys.KEY,
        "fingerprint": body_fingerprint,
        "number": change.after.number,
        "answer": answer,
        "expires": int((change.after.created_at + kept).timestamp()),
    }


def opening_items(key: str, body_fingerprint: str, answer: str, change: Change) -> list[Item]:
    """All items of a new ticket, in the order of the transaction.

    The idempotency record comes first, the head second: `OPENING_CONDITIONS` names them so that
    a cancelled transaction says which one was there already.
    """
    return [idempotency_item(key, body_fingerprint, answer, change), *ticket_items(change)]


def ticket_items(change: Change) -> list[Item]:
    """The items of a new ticket itself: head, timer, events."""
    return [
        head_item(change.after),
        timer_item(change),
        *(event_item(change.after.number, event) for event in change.events),
    ]


def wire(value: Any) -> dict[str, Any]:
    """One plain value in DynamoDB's own notation (the types that items here use)."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case _:
            raise TypeError(f"no item of ours holds a {type(value).__name__}")


def wire_item(item: Item) -> dict[str, dict[str, Any]]:
    return {name: wire(value) for name, value in item.items()}
