"""The items of a ticket: its snapshot, its events, its TIMER, the record of its submission.

Every writer uses these: the intake, which has no PynamoDB, and `TicketStore`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from redress.db import encoding, keys
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Event, EventType, Phase, Ticket
from redress.tickets.store import snapshot

_EVENT = msgspec.json.Decoder(Event)


def head_doc(ticket: Ticket) -> str:
    """A ticket as its head keeps it (`tickets/store/snapshot.py`)."""
    return encoding.encode(snapshot.encode(ticket))


def ticket_of(doc: str) -> Ticket:
    """The ticket in a head's `doc`; raises encoding.Unreadable if it is none."""
    return snapshot.decode(msgspec.json.decode(doc))


def event_of(doc: str) -> Event:
    return _EVENT.decode(doc)


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


def head_item(ticket: Ticket) -> encoding.Item:
    present = {k: v for k, v in head_attributes(ticket).items() if v is not None}
    return {"pk": keys.ticket_pk(ticket.number), "sk": keys.TICKET, **present}


def event_item(number: str, event: Event) -> encoding.Item:
    """An event. The first one keeps its ticket's place in the months for ever (open index)."""
    item: encoding.Item = {
        "pk": keys.ticket_pk(number),
        "sk": keys.event_sk(event.number),
        "type": event.type.value,
        "doc": encoding.encode(event),
    }
    if event.type is EventType.OPENED:
        item["open_pk"] = keys.opened_pk(event.at, keys.shard(number))
        item["open_sk"] = keys.opened_sk(event.at, number)
    return item


def timer_item(change: Change) -> encoding.Item:
    """The TIMER of a new ticket: generation 1, awake until its workflow sleeps."""
    ticket = change.after
    wake = tickets.next_wake(ticket, change.plan)
    item: encoding.Item = {
        "pk": keys.ticket_pk(ticket.number),
        "sk": keys.TIMER,
        "gen": 1,
        "seq": 1,
        "phase": ticket.phase.value,
        "awake": keys.awake_pk(keys.shard(ticket.number)),
        "awake_since": ticket.created_at.isoformat(timespec="milliseconds"),
    }
    if wake is not None:
        item["next_wake_ms"] = encoding.milliseconds(wake)
    return item


def idempotency_item(key: str, body_fingerprint: str, answer: str, change: Change) -> encoding.Item:
    """What was done for a key, and what a repeat is answered: this is all that it needs.

    `expires` is for TTL only; nothing relies on its time.
    """
    kept = timedelta(days=change.plan.idempotency_days)
    return {
        "pk": keys.idempotency_pk(encoding.key_digest(key)),
        "sk": keys.KEY,
        "fingerprint": body_fingerprint,
        "number": change.after.number,
        "answer": answer,
        "expires": int((change.after.created_at + kept).timestamp()),
    }


def opening_items(
    key: str, body_fingerprint: str, answer: str, change: Change
) -> list[encoding.Item]:
    """All items of a new ticket, in the order of the transaction.

    The idempotency record comes first, the head second: `OPENING_CONDITIONS` names them so that
    a cancelled transaction says which one was there already.
    """
    return [idempotency_item(key, body_fingerprint, answer, change), *ticket_items(change)]


def ticket_items(change: Change) -> list[encoding.Item]:
    """The items of a new ticket itself: head, timer, events."""
    return [
        head_item(change.after),
        timer_item(change),
        *(event_item(change.after.number, event) for event in change.events),
    ]
