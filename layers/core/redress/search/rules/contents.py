"""Which texts of a ticket can be found: everything that people wrote, and the contact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from redress.search.rules.words import words_of
from redress.tickets.rules.ticket import Event, EventType, Ticket

FOUND = frozenset(
    {
        EventType.OPENED,
        EventType.PROGRESS_TOLD,
        EventType.REPLIED,
        EventType.NOTED,
        EventType.REMINDED,
        EventType.TASK_OPENED,
        EventType.TASK_DONE,
        EventType.TASK_RETURNED,
        EventType.TASK_PRESSED,
        EventType.TASK_EXTENSION_ASKED,
        EventType.TASK_EXTENSION_DECIDED,
        EventType.ITEM_GIVEN,
        EventType.ITEM_ACCEPTED,
        EventType.ITEM_REJECTED,
        EventType.ITEM_DONE,
        EventType.ITEM_OBSTRUCTED,
        EventType.REMEDY_PROPOSED,
        EventType.REMEDY_WITHDRAWN,
        EventType.REMEDY_DONE,
        EventType.POST_MORTEM_WRITTEN,
        EventType.CUSTOMER_WROTE,
        EventType.MAIL_NOTED,
        EventType.PROMISED,
        EventType.HELD,
        EventType.RESOLVED,
        EventType.CALLBACK_ATTEMPTED,
        EventType.DISPUTED,
        EventType.WITHDRAWN,
    }
)
"""The types of events whose texts can be found. After each of them the ticket is indexed again."""

FIELDS = (
    "subject",
    "title",
    "description",
    "wished_remedy",
    "text",
    "remedy",
    "root_cause",
    "proof",
    "happened",
    "no_action",
    "from",
)
"""The fields of events with texts that people wrote. `from` is the sender of a stranger's mail."""

MOST_CHARACTERS = 500_000
"""The texts of a ticket are indexed up to this many characters, oldest first."""


def words_of_ticket(ticket: Ticket, history: Iterable[Event]) -> set[str]:
    """Return all words by which a ticket can be found."""
    found: set[str] = set()
    left = MOST_CHARACTERS
    for text in _texts(ticket, history):
        found |= words_of(text[:left])
        left -= len(text)
        if left <= 0:
            break
    return found


def _texts(ticket: Ticket, history: Iterable[Event]) -> Iterator[str]:
    contact = ticket.contact
    for given in (ticket.number, contact.name, contact.email, contact.phone, contact.phone_e164):
        if given:
            yield given
    for event in history:
        if event.type in FOUND:
            yield from _texts_of(event.data)


def _texts_of(data: dict[str, Any]) -> Iterator[str]:
    for name in FIELDS:
        value = data.get(name)
        if isinstance(value, str) and value:
            yield value
    yield from (action["text"] for action in data.get("actions", ()))
