"""What is stored of the records of calls, in the transaction of the ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.tickets.rules.calls import Call
from redress.tickets.store.transaction import Cause, Dated, Raced, Write

KEPT = timedelta(days=30)
"""For how long it is known which record of a call was the newest one."""


class Outcome(StrEnum):
    """What became of a record. The values are stored."""

    OPENED = "opened"
    """It opened a ticket."""
    ADDED = "added"
    """It was added to a ticket."""
    KEPT = "kept"
    """The call has no ticket. The record waits for one."""
    OLDER = "older"
    """A newer record of the call came before, so this one was ignored."""


class CallKnown(Struct, frozen=True, omit_defaults=True):
    """The newest record of a call. `call` is kept while a message of the call would open a ticket.

    `updated` is when the source changed it, and `fingerprint` a digest of it. `number` and
    `version` say which ticket has it, and the version of the ticket with it. If the call's own
    ticket had been merged into that one, `merged` is the number of the call's own ticket.
    """

    updated: datetime
    fingerprint: str
    outcome: Outcome
    number: str | None = None
    version: int | None = None
    call: Call | None = None
    merged: str | None = None

    @property
    def of_call(self) -> str | None:
        """The number of the call's own ticket, also if that was merged into another one."""
        return self.merged or self.number


class Waiting(Struct, frozen=True):
    """That a caller waits to be called back: the ticket of their missed call, and since when."""

    number: str
    since: datetime


@dataclass(frozen=True, slots=True)
class CallFound:
    """What is known when the record of a call comes.

    `newest` is its newest record, `ticket` the number of the ticket of its conversation, and
    `caller` says whether a call of the same number was missed. The caller may have been called back
    meanwhile.
    """

    newest: CallKnown | None
    ticket: str | None
    caller: Waiting | None


_KNOWN = msgspec.json.Decoder(CallKnown)
_WAITING = msgspec.json.Decoder(Waiting)


@dataclass(frozen=True, slots=True)
class CallAdded:
    """That a call was added to a ticket: what was known of it before, and what is known now."""

    connector: str
    call: str
    before: CallKnown | None
    after: CallKnown


@dataclass(frozen=True, slots=True)
class CallRecorded(Cause):
    """A connector handed over the record of a call.

    If the record opened a ticket, `conversation` is the id of its conversation, whose messages go
    to this ticket. `ticket_before` is the ticket that the conversation had. If the ticket is a
    callback, `caller` is the number, in the form of E.164, whose further calls go to it, `waits`
    says so, and `waited` is what was known of that number.
    """

    added: CallAdded
    conversation: str | None = None
    ticket_before: str | None = None
    caller: str | None = None
    waits: Waiting | None = None
    waited: Waiting | None = None


class CallStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def known(
        self, connector: str, call: str, conversation: str, caller: str | None = None
    ) -> CallFound:
        """What is known of a call, of its conversation, and of the number of its caller.

        Raises Unreadable.
        """
        pk, model = keys.connector_pk(connector), self._models.connector
        sks = [keys.call_sk(call), keys.conversation_sk(conversation)]
        if caller is not None:
            sks.append(keys.caller_sk(caller))
        wanted = [(pk, sk) for sk in sks]
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        found = {row.sk: row for row in rows}
        row, talk, waits = (found.get(sk) for sk in (*sks, "")[:3])
        known = encoding.decoded(row, lambda one: _KNOWN.decode(one.doc)) if row else None
        number = encoding.decoded(talk, lambda one: str(one.number)) if talk else None
        waiting = encoding.decoded(waits, lambda one: _WAITING.decode(one.doc)) if waits else None
        return CallFound(known, number, waiting)

    def keep(self, added: CallAdded, at: datetime) -> None:
        """Keep the record of a call that has no ticket. Raises Raced."""
        write = write_of(self._models, added, at)
        try:
            retry.call(lambda: write.row.save(condition=write.condition), ["0"])
        except retry.ConditionFailed as failed:
            raise Raced("another record of this call came meanwhile") from failed


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """The items to write in the transaction that adds a call to a ticket, or opens one for it.

    They are what is known of the call, on condition that no other record of it came meanwhile, the
    ticket of its conversation, and that its caller waits for a callback. Returns no items if the
    change has another cause.
    """
    if not isinstance(cause, CallRecorded):
        return []
    _, at = changes[0]
    added = cause.added
    writes = [write_of(models, added, at)]
    if cause.conversation is not None:
        model = models.connector
        before = cause.ticket_before
        unchanged = model.pk.does_not_exist() if before is None else model.number == before
        pk, sk = keys.connector_pk(added.connector), keys.conversation_sk(cause.conversation)
        raced = Raced("a message of this call came meanwhile")
        # If the ticket of the call was merged, this is its own number and not that of the target:
        # staff may find out that the target belongs to another customer.
        row = model(pk, sk, number=added.after.of_call)
        writes.append(Write(row, condition=unchanged, lost=raced))
    if cause.caller is not None:
        writes.append(_caller(models, cause, at))
    return writes


def _caller(models: Models, cause: CallRecorded, at: datetime) -> Write:
    """The write that says who waits for a callback. Of two calls of a caller at once one wins."""
    assert cause.caller is not None, "the caller has a number"
    model, before = models.connector, cause.waited
    row = model(
        keys.connector_pk(cause.added.connector),
        keys.caller_sk(cause.caller),
        doc=encoding.encode(cause.waits),
        expires=int((at + KEPT).timestamp()),
    )
    unchanged = (
        model.pk.does_not_exist() if before is None else model.doc == encoding.encode(before)
    )
    return Write(row, condition=unchanged, lost=Raced("another call of this number came meanwhile"))


def write_of(models: Models, added: CallAdded, at: datetime) -> Write:
    """The write of what is known of a call."""
    model, pk = models.connector, keys.connector_pk(added.connector)
    row = model(
        pk,
        keys.call_sk(added.call),
        doc=encoding.encode(added.after),
        expires=int((at + KEPT).timestamp()),
    )
    before = added.before
    unchanged = (
        model.pk.does_not_exist() if before is None else model.doc == encoding.encode(before)
    )
    raced = Raced("another record of this call came meanwhile")
    return Write(row, condition=unchanged, lost=raced)
