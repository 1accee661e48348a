"""What is stored of messages that connectors hand over, in the transaction of the ticket."""

from __future__ import annotations

from collections.abc import Sequence as Listing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct
from pynamodb.exceptions import DoesNotExist

from redress.connectors.rules.sequence import Sequence
from redress.connectors.store.calls import CallAdded, write_of
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.tickets.rules.steps.table import MOST_LINKS
from redress.tickets.rules.ticket import Event, LinkKind, State, Ticket, is_word_to_all
from redress.tickets.store import items
from redress.tickets.store.transaction import Cause, Dated, DoneAlready, Raced, Write

KEPT = timedelta(days=30)
"""For how long a repeated delivery or message is recognized."""


class Taken(Struct, frozen=True, omit_defaults=True):
    """The answer to a message: the ticket, its version after it, and whether it was opened.

    `fingerprint` is a digest of the message. `again` says that it had been taken before.
    """

    number: str
    version: int
    opened: bool
    fingerprint: str
    again: bool = False
    missing: tuple[int, ...] = ()
    """The numbers of messages of the conversation that had not come then (`rules.sequence`)."""


_TAKEN = msgspec.json.Decoder(Taken)
_SEQUENCE = msgspec.json.Decoder(Sequence)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before a message is taken.

    `delivered` and `said` are the answers to the same delivery and to the same message of the
    source. `ticket` is the number of the ticket of its conversation. `sequence` says which of its
    messages are missing; None if they have no numbers, or if that was not asked. `unproven` says
    that staff began the conversation: they wrote to a phone number, and nobody knows whether it
    belongs to who opened the ticket.
    """

    delivered: Taken | None
    said: Taken | None
    ticket: str | None
    sequence: Sequence | None = None
    unproven: bool = False


@dataclass(frozen=True, slots=True)
class MessageTaken(Cause):
    """A connector handed over a message. `before` is the ticket that its conversation had.

    `kept` is the number that is stored for the conversation after the message. If the message was
    sent to a merged ticket, that is the number of the merged ticket and not of its target.
    `call` is set if the record of a call had waited for the ticket that the message opened.
    `numbered` is set if the message has a number: the sequence as it was read, and after it.
    `unproven` is that of the conversation after the message (`Known`).
    """

    connector: str
    delivery: str
    conversation: str
    message: str
    taken: Taken
    before: str | None
    kept: str
    call: CallAdded | None = None
    numbered: tuple[Sequence | None, Sequence] | None = None
    unproven: bool = False


class MessageStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def known(
        self,
        connector: str,
        delivery: str,
        conversation: str,
        message: str,
        *,
        numbered: bool = False,
    ) -> Known:
        """What is known about a message, in one read. Raises Unreadable.

        With `numbered`, the sequence of its conversation is read, too.
        """
        pk, model = keys.connector_pk(connector), self._models.connector
        sks = (
            keys.delivery_sk(delivery),
            keys.said_sk(conversation, message),
            keys.conversation_sk(conversation),
        )
        sequence_sk = keys.sequence_sk(conversation)
        wanted = [(pk, sk) for sk in (*sks, *([sequence_sk] if numbered else []))]
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        found = {row.sk: row for row in rows}

        def answer(sk: str) -> Taken | None:
            row = found.get(sk)
            return encoding.decoded(row, lambda one: _TAKEN.decode(one.doc)) if row else None

        talk = found.get(sks[2])
        number = encoding.decoded(talk, lambda one: str(one.number)) if talk else None
        row = found.get(sequence_sk)
        sequence = encoding.decoded(row, lambda one: _SEQUENCE.decode(one.doc)) if row else None
        unproven = talk is not None and bool(talk.unproven)
        return Known(answer(sks[0]), answer(sks[1]), number, sequence, unproven)


def also_written(models: Models, changes: Listing[Dated], cause: Cause | None) -> list[Write]:
    """The items to write in the transaction that opens or changes a ticket for a message.

    They are the answers to the delivery and to the message, on condition that neither came before,
    the ticket of the conversation, and which messages are missing. Returns no items if the change
    has another cause and staff began no conversation with it.
    """
    if not isinstance(cause, MessageTaken):
        return _conversations_begun(models, changes)
    model, pk = models.connector, keys.connector_pk(cause.connector)
    _, at = changes[0]
    expires, doc = int((at + KEPT).timestamp()), encoding.encode(cause.taken)
    came_before = DoneAlready("this message came before")
    writes = [
        Write(
            model(pk, sk, doc=doc, expires=expires),
            condition=model.pk.does_not_exist(),
            lost=came_before,
        )
        for sk in (
            keys.delivery_sk(cause.delivery),
            keys.said_sk(cause.conversation, cause.message),
        )
    ]
    if cause.numbered is not None:
        earlier, later = cause.numbered
        same = (
            model.pk.does_not_exist() if earlier is None else model.doc == encoding.encode(earlier)
        )
        row = model(pk, keys.sequence_sk(cause.conversation), doc=encoding.encode(later))
        raced = Raced("another message of this conversation came meanwhile")
        writes.append(Write(row, condition=same, lost=raced))
    if cause.call is not None:
        writes.append(write_of(models, cause.call, at))
    if cause.before != cause.kept:
        unchanged = (
            model.pk.does_not_exist() if cause.before is None else model.number == cause.before
        )
        row = _talk(models, cause.connector, cause.conversation, cause.kept, cause.unproven)
        raced = Raced("another message of this conversation came meanwhile")
        writes.append(Write(row, condition=unchanged, lost=raced))
    return writes


def _talk(models: Models, connector: str, id_: str, number: str, unproven: bool) -> Any:
    """The item with the ticket of a conversation."""
    pk, sk = keys.connector_pk(connector), keys.conversation_sk(id_)
    return models.connector(pk, sk, number=number, unproven=True if unproven else None)


def _conversations_begun(models: Models, changes: Listing[Dated]) -> list[Write]:
    """The conversations in which staff write now, and which may have had another ticket.

    They are of three kinds: those with a phone number (`answers.way_of`), those of a ticket and one
    that follows it, and those of the parts of a split. A message in one of them belongs to the
    ticket for which staff wrote there last. But a number that somebody left proves nothing. So a
    conversation with an open ticket stays there, unless both tickets have the same customer. Who
    opened a ticket that follows another one had the page of that one, so they are the same. So are
    the authors of messages that were split off and that stayed. Raises Unreadable.
    """
    model, begun = models.connector, dict[tuple[str, str], Ticket]()
    for change, _ in changes:
        ticket = change.after
        for event in change.events:
            via = event.data.get("via")
            if via is not None and (_begins(via["id"], ticket) or _answers(event, ticket)):
                begun[via["connector"], via["id"]] = ticket
    writes = []
    for (connector, id_), ticket in begun.items():
        talk = _talk_at(models, connector, id_)
        if talk is not None and talk.number == ticket.number:
            continue
        before = _ticket_at(models, str(talk.number)) if talk is not None else None
        own = ticket.conversation
        came_from_there = own is not None and (own.connector, own.id) == (connector, id_)
        unproven = not came_from_there
        # Messages to a merged ticket go on to its target anyway. So the conversation stays with the
        # merged ticket: staff may find out that the target belongs to another customer.
        if before is not None and _goes_on_in(before, ticket):
            continue
        is_same = came_from_there and _follows_or_is_followed(ticket)
        is_kept = before is not None and not is_same and _is_apart(before, ticket)
        if talk is not None and before is not None and _came_by_split(before, ticket):
            unproven = bool(talk.unproven)
        elif is_kept or not _begins(id_, ticket):
            continue
        row = _talk(models, connector, id_, ticket.number, unproven)
        unchanged = model.pk.does_not_exist() if talk is None else model.number == talk.number
        raced = Raced("this conversation was given to another ticket meanwhile")
        writes.append(Write(row, condition=unchanged, lost=raced))
    return writes


def _begins(id_: str, ticket: Ticket) -> bool:
    """Whether staff can begin a conversation with this id, or take it over from another ticket."""
    return id_ == ticket.contact.phone_e164 or _follows_or_is_followed(ticket)


_FOLLOWING = (LinkKind.FOLLOW_UP_OF, LinkKind.FOLLOWED_BY)


def _follows_or_is_followed(ticket: Ticket) -> bool:
    """Whether the ticket may share its conversation with one that it follows or that follows it.

    Usually a link says so. If the older ticket had no room for a link, two signs are left. The
    older ticket has MOST_LINKS links. The newer one was opened by the form and has a conversation
    all the same. For other tickets nothing has to be read.
    """
    if ticket.conversation is None:
        return False
    is_linked = any(link.kind in _FOLLOWING for link in ticket.links)
    is_full = len(ticket.links) >= MOST_LINKS
    is_shared = any(link.kind in _LINKS for link in ticket.links)
    return is_linked or is_full or (ticket.channel == "web" and not is_shared)


_LINKS = (LinkKind.SPLIT_INTO, LinkKind.SPLIT_FROM, LinkKind.MERGED_FROM, LinkKind.MERGED_INTO)
"""The kinds of links between tickets whose customer may write in one conversation about both."""


def _related(ticket: Ticket) -> set[str]:
    """The number of a ticket, and those of the tickets that a split or a merge links with it."""
    return {ticket.number, *(link.number for link in ticket.links if link.kind in _LINKS)}


def _answers(event: Event, ticket: Ticket) -> bool:
    """Whether staff write to the customer of one of several tickets that share a conversation.

    A word to all customers of an incident asks nobody for an answer, and a closed ticket takes
    none. Other tickets have no such link, so nothing is read for them.
    """
    is_shared = any(link.kind in _LINKS for link in ticket.links)
    is_word = event.by.is_staff and not is_word_to_all(event)
    return is_shared and is_word and ticket.state is not State.CLOSED


def _came_by_split(before: Ticket, ticket: Ticket) -> bool:
    """Whether a split made one of these tickets from the other.

    Also true if a merge links the two, or if a split or a merge links both with a third ticket.
    """
    return not _related(before).isdisjoint(_related(ticket))


def _goes_on_in(before: Ticket, ticket: Ticket) -> bool:
    """Whether `before` was merged into `ticket`."""
    return before.merged is not None and before.merged.into == ticket.number


def _talk_at(models: Models, connector: str, id_: str) -> Any | None:
    """The item with the ticket of a conversation; None if it has none."""
    pk, sk = keys.connector_pk(connector), keys.conversation_sk(id_)
    try:
        return retry.call(lambda: models.connector.get(pk, sk, consistent_read=True))
    except DoesNotExist:
        return None


def _ticket_at(models: Models, number: str) -> Ticket | None:
    try:
        row = retry.call(
            lambda: models.snapshot.get(keys.ticket_pk(number), keys.TICKET, consistent_read=True)
        )
    except DoesNotExist:
        return None
    return items.ticket_in(row)


def _is_apart(before: Ticket, ticket: Ticket) -> bool:
    """Whether a ticket takes messages and is not known to be of the same customer as `ticket`."""
    # A merged ticket is closed, but its messages go to the one in which it goes on.
    is_over = before.state is State.CLOSED and before.merged is None
    return not is_over and (before.customer is None or before.customer != ticket.customer)
