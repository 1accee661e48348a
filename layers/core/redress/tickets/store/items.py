"""The items of a ticket: its snapshot, its events, its TIMER, the record of its submission.

The two writers of tickets use these functions: `TicketStore`, and the intake, which does not load
PynamoDB.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from redress.base.people import Role
from redress.clocks.rules.periods import period_of
from redress.db import encoding, keys
from redress.plans.rules.plan import Plan
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Event, EventType, Phase, Ticket
from redress.tickets.store import snapshot

_EVENT = msgspec.json.Decoder(Event)


def snapshot_doc(ticket: Ticket) -> str:
    """The JSON document of a ticket's snapshot (`tickets/store/snapshot.py`)."""
    return encoding.encode(snapshot.encode(ticket))


def ticket_of(doc: str) -> Ticket:
    """Decode the `doc` of a snapshot. Raises msgspec.DecodeError if it is not one."""
    return snapshot.decode(msgspec.json.decode(doc))


def event_of(doc: str) -> Event:
    """Decode the `doc` of an event. Raises msgspec.DecodeError if it is not one."""
    return _EVENT.decode(doc)


def ticket_in(row: Any) -> Ticket:
    """The ticket of a snapshot's row. Raises Unreadable."""
    return encoding.decoded(row, lambda one: ticket_of(one.doc))


def event_in(row: Any) -> Event:
    """The event of a row. Raises Unreadable."""
    return encoding.decoded(row, lambda one: event_of(one.doc))


def index_attributes(ticket: Ticket) -> dict[str, str | None]:
    """The index keys of a snapshot. If an index does not list the ticket, its keys are None.

    The owner index lists an unassigned ticket in its team's queue and an assigned one in the
    agent's work list. A resolved or closed ticket stays in the work list only if its callback is a
    phone call, if its customer was promised a remedy that is not done, or if its post-mortem is not
    written (unless the complaint is about its agent, who writes none). The open index lists every
    ticket that is not closed, has an open remedy, or has no post-mortem yet. Any other one is in a
    partition of its own of that index, by the day of its last change, for the daily comparison of
    its mails. The present index lists a ticket while it is on hold, and a closed one until its
    post-mortem is written.
    """
    due = keys.due_sk(tickets.next_due(ticket), ticket.number)
    shard = keys.shard(ticket.number)
    if ticket.needs_agent:
        owner = (
            keys.agent_pk(ticket.assignee) if ticket.assignee else keys.queue_pk(ticket.team, shard)
        )
    elif ticket.assignee and (
        (ticket.phase is Phase.CALLBACK and not ticket.callback_by_mail)
        or any(remedy.is_owed for remedy in ticket.remedies)
        or (ticket.owes_post_mortem and ticket.assignee not in ticket.about)
    ):
        owner = keys.agent_pk(ticket.assignee)
    else:
        owner = None
    if ticket.phase is Phase.CLOSED:
        listed = keys.changed_pk(ticket.changed_at, shard)
        order = keys.opened_sk(ticket.changed_at, ticket.number)
    else:
        listed, order = keys.open_pk(ticket.team, shard), due
    waiting = None  # a closed ticket is not on hold
    if ticket.on_hold:
        waiting = keys.hold_pk(ticket.team)
    elif ticket.owes_post_mortem:
        waiting = keys.post_mortems_pk(ticket.team)
    return {
        "owner_pk": owner,
        "owner_sk": due if owner else None,
        "open_pk": listed,
        "open_sk": order,
        "duty_pk": waiting,
        "duty_sk": due if waiting else None,
    }


CLOSED_KEYS = ("open_pk", "open_sk", "owner_pk", "owner_sk")
"""The attributes of the event CLOSED that list its ticket (`closed_keys`)."""


def closed_keys(ticket: Ticket, closed_at: datetime, plan: Plan) -> dict[str, str]:
    """The index keys of the event CLOSED. They list the closed ticket for ever, unless it goes on.

    `ticket` is the ticket after the event, or a later state of it: a closed ticket keeps team,
    assignee and resolution. `closed_at` is the time of the event. `plan` is the ticket's plan; its
    time zone decides the month. The open index lists the ticket by team and month, the owner index
    under the agent who resolved it. If the ticket was closed without a resolution of its present
    round, that is the assignee; without an assignee the owner index does not list it.

    An earlier version wrote the event without these keys.
    """
    order = keys.opened_sk(closed_at, ticket.number)
    month = period_of(closed_at, plan.time_zone)
    found = {
        "open_pk": keys.closed_pk(ticket.team, month, keys.shard(ticket.number)),
        "open_sk": order,
    }
    resolution = ticket.resolution
    resolved = resolution is not None and resolution.round == ticket.round
    agent = resolution.by if resolution is not None and resolved else ticket.assignee
    if agent:
        found |= {"owner_pk": keys.closed_by_pk(agent), "owner_sk": order}
    return found


def snapshot_attributes(ticket: Ticket) -> dict[str, Any]:
    """Every attribute of a snapshot except its key. None means that the attribute is absent."""
    return {
        "version": ticket.version,
        "touched": ticket.last_person_version,
        "state": ticket.state.value,
        "doc": snapshot_doc(ticket),
        **index_attributes(ticket),
    }


def snapshot_item(ticket: Ticket) -> encoding.Item:
    present = {k: v for k, v in snapshot_attributes(ticket).items() if v is not None}
    return {"pk": keys.ticket_pk(ticket.number), "sk": keys.TICKET, **present}


def event_item(ticket: Ticket, event: Event, plan: Plan) -> encoding.Item:
    """The item of an event of a ticket. `ticket` and `plan` are those after the change.

    The first event of a ticket also has keys of the open index. They list the ticket under the
    month in which it was opened. This entry is never removed, even after the ticket is closed. If
    the customer named an order, the event has keys of the owner index too, which list the ticket
    under the order.
    The event CLOSED has the keys of `closed_keys`. The event MATCHED lists the ticket among those
    of its customer, in the owner index.
    """
    number = ticket.number
    item: encoding.Item = {
        "pk": keys.ticket_pk(number),
        "sk": keys.event_sk(event.number),
        "type": event.type.value,
        "doc": encoding.encode(event),
    }
    if event.type is EventType.OPENED:
        item["open_pk"] = keys.opened_pk(event.at, keys.shard(number))
        item["open_sk"] = keys.opened_sk(event.at, number)
        if order := keys.order_pk(event.data.get("order", "")):
            item["owner_pk"], item["owner_sk"] = order, keys.opened_sk(event.at, number)
    elif event.type is EventType.MATCHED:
        item["owner_pk"] = keys.customer_pk(event.data["customer"])
        item["owner_sk"] = keys.opened_sk(ticket.created_at, number)
    elif event.type is EventType.CLOSED:
        item |= closed_keys(ticket, event.at, plan)
    return item


def timer_item(
    ticket: Ticket, wake: datetime | None, since: datetime, gen: int = 1
) -> encoding.Item:
    """The TIMER with which a generation of a ticket's workflow begins.

    It is awake since `since`, until the workflow goes to sleep. A closed ticket has no workflow.
    """
    item: encoding.Item = {
        "pk": keys.ticket_pk(ticket.number),
        "sk": keys.TIMER,
        "gen": gen,
        "seq": 1,
        "phase": ticket.phase.value,
    }
    if ticket.phase is not Phase.CLOSED:
        item["awake"] = keys.awake_pk(keys.shard(ticket.number))
        item["awake_since"] = since.isoformat(timespec="milliseconds")
    if gen > 1:
        item["gen_version"] = ticket.version
    if wake is not None:
        item["next_wake_ms"] = encoding.milliseconds(wake)
    return item


def idempotency_item(key: str, body_fingerprint: str, answer: str, change: Change) -> encoding.Item:
    """The record of an idempotency key, with all data that the answer to a repetition needs.

    `expires` is only for DynamoDB's TTL. No code depends on the time at which DynamoDB deletes the
    item.
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

    The idempotency record comes first, the snapshot second and the TIMER third.
    `OPENING_CONDITIONS` has the same order. If the transaction is cancelled, it gives the name of
    the condition that failed. Nearly always nobody is kept from a new ticket.
    """
    kept = [
        {
            "pk": pk,
            "sk": keys.ticket_about_sk(change.after.number),
            "opened": change.after.created_at.isoformat(),
        }
        for pk in sorted(kept_out(change.after))
    ]
    record = idempotency_item(key, body_fingerprint, answer, change)
    return [record, *ticket_items(change), *kept]


def kept_out(ticket: Ticket) -> set[str]:
    """The partitions of those from whom a conflict of interest keeps a ticket.

    `access.is_kept_from` says who they are.
    """
    unclear = ticket.about_unclear
    found = {keys.agent_pk(one) for one in (*ticket.about, *(unclear or ()))}
    found |= {keys.kept_from_pk(Role.SUPERVISOR.value, team) for team in ticket.kept_from}
    if unclear is not None:
        found.add(keys.kept_from_pk(Role.AGENT.value, ticket.team))
    return found


def ticket_items(change: Change) -> list[encoding.Item]:
    """The items of a new ticket itself: snapshot, TIMER, events."""
    ticket = change.after
    return [
        snapshot_item(ticket),
        timer_item(ticket, tickets.next_wake(ticket, change.plan), ticket.created_at),
        *(event_item(ticket, event, change.plan) for event in change.events),
    ]
