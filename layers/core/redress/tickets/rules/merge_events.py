"""How a merge changes its two tickets: the source, which ends, and the target, which takes it in.

The events `merged` and `unmerged` are on both. `kind` of their data says which side it is. What the
source brings is in the event of the target, so the fold of one ticket needs nothing of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import replace
from datetime import datetime
from typing import Any

import msgspec

from redress.base.money import Money
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Clock, ClockName, Waits
from redress.tickets.rules import checklist_events, task_events
from redress.tickets.rules.remedies import Granted
from redress.tickets.rules.ticket import (
    Conversation,
    Event,
    LinkKind,
    Merged,
    State,
    Ticket,
    TicketLink,
)


def merged(ticket: Ticket, event: Event) -> Ticket:
    """The ticket after it was merged into another one, or took another one in."""
    over = tuple(event.data.get("tasks_over", ()))
    link = TicketLink(LinkKind(event.data["kind"]), event.data["ticket"], over)
    ticket = replace(ticket, links=(*ticket.links, link))
    return _ended(ticket, event) if link.kind is LinkKind.MERGED_INTO else _taken_in(ticket, event)


def _ended(ticket: Ticket, event: Event) -> Ticket:
    """The source. The event `closed` follows, which ends its clocks.

    A broken promise goes on in the target, so nobody is looked for here because of it.
    """
    data = event.data
    into = Merged(data["ticket"], data["customer"], data["its_customer"])
    return replace(ticket, merged=into, escalation=None, watchers=(), joined=())


def _taken_in(ticket: Ticket, event: Event) -> Ticket:
    """The target, with the promises, the unanswered words and the facts that come with the source.

    A promise that comes takes the place of the target's own one: it is due earlier.
    """
    data = event.data
    ticket = replace(
        ticket,
        clocks=ticket.clocks | _clocks(data["clocks"]),
        escalation=data.get("escalation", ticket.escalation),
        watchers=tuple(dict.fromkeys((*ticket.watchers, *data.get("watchers", ())))),
        joined=tuple(dict.fromkeys((*ticket.joined, *data.get("joined", ())))),
        granted=(
            *ticket.granted,
            *(Granted(data["ticket"], Money(**one)) for one in data.get("granted", ())),
        ),
    )
    facts = data.get("facts", {})
    ticket = checklist_events.brought(
        ticket, event, facts.get("items", ()), told=bool(facts.get("told"))
    )
    ticket = _with_settled_word(ticket, data)
    return _with_words(_with_facts(ticket, facts), data)


def _with_words(ticket: Ticket, data: dict[str, Any]) -> Ticket:
    """The ticket with the oldest message of both that nobody has answered."""
    if (since := data.get("unanswered_since")) is None:
        return ticket
    at = datetime.fromisoformat(since)
    own = ticket.unanswered_since
    return replace(
        ticket,
        state=State.OPEN if ticket.state is State.WAITING else ticket.state,
        unanswered_since=at if own is None else min(own, at),
    )


def _with_settled_word(ticket: Ticket, data: dict[str, Any]) -> Ticket:
    """The target as a case of its incident that was told nothing after the word of the event."""
    if ticket.incident is None or (word := data.get("word")) is None:
        return ticket
    return replace(ticket, incident=replace(ticket.incident, word=word, since=word))


def _with_facts(ticket: Ticket, facts: dict[str, Any]) -> Ticket:
    """The ticket with the facts of the source.

    Whom the source is about loses what they had of the target, as after `about_set`.
    """
    added: dict[str, str] = facts.get("fields", {})
    about, kept_from = tuple(facts.get("about", ())), facts.get("kept_from", ())
    ticket = task_events.kept_back(ticket, about, facts.get("departments", ()))
    return replace(
        ticket,
        order=facts.get("order", ticket.order),
        category=facts.get("category", ticket.category),
        fields=tuple(sorted((dict(ticket.fields) | added).items())),
        participants=(*ticket.participants, *facts.get("participants", ())),
        about=(*ticket.about, *about),
        about_decided=ticket.about_decided or bool(about),
        preferred=None if ticket.preferred in about else ticket.preferred,
        kept_from=tuple(sorted({*ticket.kept_from, *kept_from})),
        mentioned=tuple(one for one in ticket.mentioned if one not in about),
        conversation=_conversation(facts) or ticket.conversation,
    )


def _conversation(data: Mapping[str, Any]) -> Conversation | None:
    found = data.get("conversation")
    return None if found is None else msgspec.convert(found, Conversation)


def unmerged(ticket: Ticket, event: Event) -> Ticket:
    """The ticket after the merge was undone. The event has what the ticket was before it."""
    kind, number = LinkKind(event.data["kind"]), event.data["ticket"]
    links = tuple(one for one in ticket.links if (one.kind, one.number) != (kind, number))
    ticket = replace(
        ticket,
        links=links,
        state=State(event.data["state"]),
        unanswered_since=_moment(event.data.get("unanswered_since")),
        escalation=event.data.get("escalation"),
        watchers=tuple(event.data.get("watchers", ())),
        joined=tuple(event.data.get("joined", ())),
        clocks=ticket.clocks | _clocks(event.data["clocks"]),
    )
    is_source = kind is LinkKind.MERGED_INTO
    return _goes_on(ticket, event) if is_source else _given_back(ticket, event)


def _goes_on(ticket: Ticket, event: Event) -> Ticket:
    """The source. A wait that the merge ended goes on, as if it had never ended.

    So does a required task that ended with it, and a mention. Events of versions before name none.
    """
    data, closed = event.data, ticket.closed_at
    ticket = task_events.opened_again(ticket, event)
    waits = data.get("waits", ())
    return replace(
        ticket,
        merged=None,
        mentioned=(*ticket.mentioned, *data.get("mentioned", ())),
        closure=None,
        closed_at=None,
        on_hold=data.get("on_hold"),
        held_since=_moment(data.get("held_since")),
        waits=tuple(
            replace(wait, end=None) if wait.end == closed and wait.reason in waits else wait
            for wait in ticket.waits
        ),
    )


def _given_back(ticket: Ticket, event: Event) -> Ticket:
    """The target, without what came with the source.

    `waits` of the event are those that it would have without the source, whose words have ended a
    wait for the customer. They are missing if they are the same, and in events of versions before.
    """
    data = event.data
    ended = {
        ClockName(name): clocks.cancel(ticket.clocks[ClockName(name)], event.at)
        for name in data.get("ended", ())
    }
    facts: dict[str, Any] = data.get("facts", {})
    fields, about = facts.get("fields", {}), facts.get("about", ())
    untold = bool(facts.get("told"))
    ticket = checklist_events.restored(ticket, data.get("items", ()), untold=untold)
    ticket = _with_settled_word(ticket, data)
    return replace(
        ticket,
        clocks=ticket.clocks | ended,
        waits=msgspec.convert(data["waits"], Waits) if "waits" in data else ticket.waits,
        priority=data.get("priority", ticket.priority),
        raised=data.get("raised", ticket.raised) if "priority" in data else ticket.raised,
        conversation=_conversation(data) if "conversation" in facts else ticket.conversation,
        order=None if "order" in facts else ticket.order,
        category=None if "category" in facts else ticket.category,
        fields=tuple(one for one in ticket.fields if fields.get(one[0]) != one[1]),
        granted=tuple(one for one in ticket.granted if one.source != data["ticket"]),
        participants=tuple(
            one for one in ticket.participants if one not in facts.get("participants", ())
        ),
        about=tuple(one for one in ticket.about if one not in about),
        about_decided=data["about_decided"],
        kept_from=tuple(one for one in ticket.kept_from if one not in facts.get("kept_from", ())),
    )


def _clocks(data: dict[str, Any]) -> dict[ClockName, Clock]:
    return {ClockName(name): msgspec.convert(clock, Clock) for name, clock in data.items()}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
