"""How a split changes its two tickets: the one that loses messages, and the one that is made of
them.

The event `split` is on the first one only: the other one begins with it (`split` of the data of its
event `opened`). The event `unsplit` is on both. `kind` of its data says which side it is.

If the messages were written in a ticket that was merged into the first one, that one has both
events, too: there the messages are marked. It is closed, and nothing else of it changes. In the
events of the first one, `merged` of the data is its number, and the messages are its events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import replace
from datetime import datetime
from typing import Any

import msgspec

from redress.base.addresses import canonical
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Clock, ClockName
from redress.tickets.rules.ticket import (
    UNPROVEN,
    Conversation,
    Event,
    EventType,
    LinkKind,
    Merged,
    SplitOff,
    State,
    Ticket,
    TicketLink,
    is_bare_thanks,
)


def opened(ticket: Ticket, event: Event) -> Ticket:
    """The new ticket, with the link to the one from which its messages come."""
    split = event.data["split"]
    conversation = split.get("conversation")
    since = datetime.fromisoformat(split.get("since", event.at.isoformat()))
    return replace(
        ticket,
        links=(TicketLink(LinkKind.SPLIT_FROM, split["ticket"]),),
        split=SplitOff(
            split["ticket"],
            tuple(split["events"]),
            since,
            split.get("own", False),
            tuple((number, one) for number, one in split.get("kept", ())),
            split.get("merged", ""),
        ),
        unanswered_since=since,
        conversation=msgspec.convert(conversation, Conversation)
        if conversation is not None
        else None,
    )


def with_promises(ticket: Ticket, event: Event) -> Ticket:
    """The new ticket. A promise of the first ticket for its messages counts if it is due earlier.

    A promise that was overdue at the split is broken from the start, and is in nobody's score.
    """
    brought = _clocks(event.data["split"].get("clocks", {}))
    kept = {
        name: replace(clock, breached_at=clock.due_at) if clock.due_at < event.at else clock
        for name, clock in (ticket.clocks | brought).items()
    }
    return replace(ticket, clocks=kept)


def split(ticket: Ticket, event: Event) -> Ticket:
    """The ticket after messages of it were split off.

    If no other message waits for an answer, the promise of the next reply ends. It is neither kept
    nor missed, so it is in nobody's score.
    """
    link = TicketLink(LinkKind.SPLIT_INTO, event.data["ticket"])
    ticket = replace(ticket, links=(*ticket.links, link))
    if (left := event.data.get("unanswered")) is None:
        return ticket
    ticket = replace(
        ticket,
        state=State(left.get("state", ticket.state.value)),
        unanswered_since=_moment(left.get("since")),
    )
    answer = ticket.clocks.get(ClockName.NEXT_REPLY)
    if ticket.unanswered_since is not None or answer is None:
        return ticket
    ended = clocks.cancel(answer, event.at)
    return replace(ticket, clocks=ticket.clocks | {ClockName.NEXT_REPLY: ended})


def unsplit(ticket: Ticket, event: Event) -> Ticket:
    """One of the two tickets after the split was undone."""
    link = TicketLink(LinkKind(event.data["kind"]), event.data["ticket"])
    is_source = link.kind is LinkKind.SPLIT_INTO
    return _given_back(ticket, event, link) if is_source else _ended(ticket, event)


def _given_back(ticket: Ticket, event: Event, link: TicketLink) -> Ticket:
    """The ticket with its messages again, and with what is owed for them."""
    data = event.data
    ticket = replace(ticket, links=tuple(one for one in ticket.links if one != link))
    if (left := data.get("unanswered")) is None:
        return ticket
    return replace(
        ticket,
        state=State(left.get("state", ticket.state.value)),
        unanswered_since=_moment(left["since"]),
        clocks=ticket.clocks | _clocks(data.get("clocks", {})),
    )


def split_at(event: Event) -> datetime | None:
    """The time of the split that this event undoes. None if it lets no message wait again."""
    return _moment(event.data.get("unanswered", {}).get("split_at"))


def _ended(ticket: Ticket, event: Event) -> Ticket:
    """The ticket that was split off. The event `closed` follows, which ends its clocks.

    It keeps its link. If both tickets are of one customer, what they write to this one goes to the
    first one.
    """
    data, into = event.data, None
    if "customer" in data:
        into = Merged(data["ticket"], data["customer"], data["its_customer"])
    return replace(ticket, merged=into, escalation=None, watchers=(), joined=())


def split_off(history: Iterable[Event]) -> dict[int, str]:
    """Return the messages that are split off a ticket now: number of the event -> the other ticket.

    A message whose split was undone is not among them, and neither is one of a merged ticket: that
    is among those of the ticket in which it was written.
    """
    found: dict[int, str] = {}
    for event in history:
        if event.type is EventType.SPLIT and "merged" not in event.data:
            found |= dict.fromkeys(event.data["events"], event.data["ticket"])
        elif event.type is EventType.UNSPLIT and event.data["kind"] == LinkKind.SPLIT_INTO:
            back = event.data["ticket"]
            found = {number: into for number, into in found.items() if into != back}
    return found


def first_message(ticket: Ticket, history: Sequence[Event]) -> str | None:
    """Return the text of the customer's first message that is not split off the ticket.

    These messages do not count: those of participants, those from a number that is not proven to be
    the customer's, and those that only thank. None if no message is left.
    """
    gone, own = split_off(history), canonical(ticket.contact.email or "")
    for event in history:
        text: str | None = None
        if event.number in gone:
            continue
        if event.type is EventType.OPENED:
            text = event.data["description"]
        elif event.type is EventType.CUSTOMER_WROTE and not is_bare_thanks(event):
            is_own = "from" not in event.data or canonical(event.data["from"]) == own
            is_own = is_own and UNPROVEN not in event.data.get("source", {})
            text = event.data.get("text") or None if is_own else None
        if text is not None:
            return text
    return None


def merged_words(history: Sequence[Event]) -> dict[int, datetime]:
    """Return the merges that brought messages without an answer.

    They are given by the number of their event, each with when the oldest of its messages began to
    wait.

    Messages that are split off now do not count. A split can be undone only before the next one, so
    the last one that was not undone says what is left of its ticket.
    """
    undone = {event.data["ticket"] for event in history if event.type is EventType.UNSPLIT}
    found, taken_in = dict[int, datetime](), dict[str, int]()
    for event in history:
        data = event.data
        if event.type is EventType.MERGED:
            taken_in[data["ticket"]] = event.number
            left = data.get("unanswered_since")
        elif event.type is EventType.SPLIT and "merged" in data and data["ticket"] not in undone:
            left = data.get("left")
        else:
            continue
        number = taken_in[data["merged"] if event.type is EventType.SPLIT else data["ticket"]]
        found.pop(number, None)
        if left is not None:
            found[number] = datetime.fromisoformat(left)
    return found


def written_at(event: Event) -> datetime:
    """When the customer wrote a message. One that came with a split is older than its event."""
    at: str | None = event.data.get("split", {}).get("at")
    return datetime.fromisoformat(at) if at else event.at


def _clocks(data: Mapping[str, Any]) -> dict[ClockName, Clock]:
    return {ClockName(name): msgspec.convert(clock, Clock) for name, clock in data.items()}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
