"""Records of incoming mails: what became of each one, the quarantine, and counts per hour.

A mail has a record, whose key is the identity of the mail. The identity is a digest of sender and
content. If two objects in the bucket contain the same mail, they therefore count as one mail. Each
object has a second item, the place, which stores the identity of its mail. The place is needed
because a later version of the reader may compute another identity from the same object. Both items
are written in the transaction that makes the mail a ticket or a message. Each mail therefore takes
effect once or not at all, even if events are repeated or reordered, or a worker is killed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from pynamodb.transactions import TransactWrite

from redress.base.errors import NotFound
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.mail.outgoing.store import AddressChange, address_row
from redress.tickets.rules.change import Change
from redress.tickets.store.transaction import Cause, DoneAlready, Write

KEPT = timedelta(days=400)
"""How long the record of a mail is kept. No queue keeps the event of the mail for so long. Nobody
waits for so long before they send an event back to its queue."""
COUNTED = timedelta(hours=2)
"""How long the count of a clock hour is kept."""


class MailState(StrEnum):
    """What became of a mail."""

    OPENED = "opened"
    """It opened a ticket."""
    JOINED = "joined"
    """It was added to a ticket as a message or an internal note."""
    NOTED = "noted"
    """It was logged on a ticket as a notice."""
    QUARANTINED = "held"
    """It is in quarantine until staff decide."""


@dataclass(frozen=True, slots=True)
class IncomingRecord:
    """What became of one mail.

    It also holds what staff need to decide about a quarantined mail.

    key          key of the first object in the bucket that contained the mail. "" if the record is
                 about an event of SES
    number       the ticket that the mail opened or was added to. For a quarantined mail, the ticket
                 that it names
    event        number of the event on that ticket
    reason       why the mail is, or was, in quarantine
    because      the signs on which the reader based its classification
    flags        `disowned`, `spam`, `virus` or `unproven`
    envelope     the addresses for which the mail server took the mail; empty if they are not known
    released_by  the member of staff who released it
    forwarded_by address of the member of staff who forwarded it
    """

    identity: str
    state: MailState
    key: str
    received_at: datetime
    sender: str
    sender_name: str
    subject: str
    excerpt: str
    recipients: tuple[str, ...] = ()
    number: str | None = None
    event: int | None = None
    reason: str | None = None
    because: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    released_by: str | None = None
    forwarded_by: str | None = None
    envelope: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """One page of the quarantine. `cursor` leads to the next page; None on the last."""

    records: list[IncomingRecord]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class MailTaken(Cause):
    """A mail that opens or changes a ticket.

    record     the mail's new record
    released   the mail's record in quarantine, if this change releases the mail. None if the mail
               is new; the change then fails if the mail came before. If the mail could not be read
               when it came, it has another identity in quarantine, and the new record is written
               under both identities
    counted    names of the counters that it increases: those of its sender and its ticket
    threads    digests of its Message-ID and sender, from `thread_digest`
    addresses  changes to the marks of addresses. A mark says that no mail may be sent there
    """

    record: IncomingRecord
    released: IncomingRecord | None = None
    counted: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    addresses: tuple[AddressChange, ...] = ()


_RECORD = msgspec.json.Decoder(IncomingRecord)


class IncomingMailStore:
    """Reads and writes the records of incoming mails, their places, threads and counts."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def find(self, identity: str) -> IncomingRecord | None:
        """Return the record of a mail; None if it never came."""
        model = self._models.incoming_mail
        rows = retry.call(
            lambda: list(
                model.query(
                    keys.incoming_mail_pk(identity),
                    model.sk == keys.INCOMING_MAIL,
                    consistent_read=True,
                )
            )
        )
        return _RECORD.decode(rows[0].doc) if rows else None

    def at(self, key: str) -> IncomingRecord | None:
        """Return the record of the mail in this object; None if the object has no place yet."""
        model = self._models.mail_object
        pk = keys.object_pk(key)
        rows = retry.call(
            lambda: list(model.query(pk, model.sk == keys.OBJECT, consistent_read=True))
        )
        return self.find(rows[0].identity) if rows else None

    def get(self, identity: str) -> IncomingRecord:
        """Return the record of a mail. Raises NotFound if there is none."""
        found = self.find(identity)
        if found is None:
            raise NotFound("there is no such mail")
        return found

    def held(self, limit: int, cursor: str | None) -> QuarantinePage:
        """Return a page of the quarantine, newest first."""
        model = self._models.incoming_mail
        start = None
        if cursor:
            pk = keys.incoming_mail_pk(cursor.rpartition("#")[2])
            place = {
                "open_pk": keys.QUARANTINE,
                "open_sk": cursor,
                "pk": pk,
                "sk": keys.INCOMING_MAIL,
            }
            start = {name: {"S": value} for name, value in place.items()}

        def read() -> tuple[list[Any], Any]:
            result = model.open_index.query(
                keys.QUARANTINE,
                limit=limit,
                page_size=limit,
                last_evaluated_key=start,
                scan_index_forward=False,
            )
            return list(itertools.islice(result, limit)), result.last_evaluated_key

        rows, last = retry.call(read)
        wanted = [(row.pk, keys.INCOMING_MAIL) for row in rows]
        found = {
            row.pk: _RECORD.decode(row.doc)
            for row in (retry.call(lambda: list(model.batch_get(wanted))) if wanted else [])
        }
        records = [found[pk] for pk, _ in wanted if pk in found]
        return QuarantinePage(
            # The index may still list a mail that was just released.
            records=[record for record in records if record.state is MailState.QUARANTINED],
            cursor=last["open_sk"]["S"] if last and rows else None,
        )

    def thread(self, digests: Iterable[str]) -> list[str]:
        """Return the ticket numbers of earlier mails, in the order of `digests`.

        `digests` are from `thread_digest`. An unknown digest adds nothing to the result.
        """
        wanted = [(keys.thread_pk(digest), keys.THREAD) for digest in dict.fromkeys(digests)]
        if not wanted:
            return []
        model = self._models.thread
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        found = {row.pk: row.number for row in rows}
        return [found[pk] for pk, _ in wanted if pk in found]

    def counts(self, of: Iterable[str], now: datetime) -> dict[str, int]:
        """Return how many mails each counter has counted in the clock hour of `now`.

        A counter counts the mails of one sender or the mails of one ticket. `of` holds the names of
        the counters. A counter without mails is missing from the result.
        """
        wanted = {keys.count_pk(what, now): what for what in of}
        model = self._models.count
        pairs = [(pk, keys.COUNT) for pk in wanted]
        rows = retry.call(lambda: list(model.batch_get(pairs, consistent_read=True)))
        return {wanted[row.pk]: int(row.n) for row in rows}

    # ---------------------------------------------------------------- writing

    def hold(self, record: IncomingRecord) -> None:
        """Put a mail into quarantine. Raises DoneAlready if the mail or its object came before."""
        token = retry.request_token()
        once = _once(self._models, record)

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                for row, condition in once:
                    transaction.save(row, condition=condition)

        try:
            retry.call(write, ["once"] * len(once))
        except retry.ConditionFailed as lost:
            raise DoneAlready("this mail came before") from lost

    def repeated(self, key: str, record: IncomingRecord) -> None:
        """Record that this object contains a mail that came before in another object."""
        row = _place(self._models, key, record)
        retry.call(row.save)

    def rewrite(self, record: IncomingRecord) -> None:
        """Replace the record of a quarantined mail.

        Raises DoneAlready if the mail is no longer in quarantine.
        """
        model = self._models.incoming_mail
        row = _row(self._models, record)
        try:
            retry.call(lambda: row.save(condition=model.state == MailState.QUARANTINED), ("once",))
        except retry.ConditionFailed as lost:
            raise DoneAlready("this mail is not in quarantine") from lost


def also_written(models: Models, change: Change, now: datetime, cause: Cause | None) -> list[Write]:
    """Return the items to write in the transaction that opens or changes a ticket for a mail.

    These items are:

    - the record of the mail, on the condition that it is new or is in quarantine,
    - for a new mail, its place,
    - the digest of its Message-ID and sender, by which an answer to the mail finds the ticket,
    - the marks of addresses,
    - the counters of its sender and its ticket.

    Returns no items if the cause of the change is not a mail.
    """
    if not isinstance(cause, MailTaken):
        return []
    record, released, model = cause.record, cause.released, models.incoming_mail
    came_before = DoneAlready("this mail came before")
    if released is None:
        once = _once(models, record)
    else:
        left = replace(record, identity=released.identity)
        once = [(_row(models, left), model.state == MailState.QUARANTINED)]
        if released.identity != record.identity:
            once.append((_row(models, record), model.pk.does_not_exist()))
    expires, counter = int((now + KEPT).timestamp()), models.count
    return [
        *(Write(row, condition=condition, lost=came_before) for row, condition in once),
        *(
            Write(
                models.thread(
                    keys.thread_pk(digest), keys.THREAD, number=record.number, expires=expires
                )
            )
            for digest in cause.threads
        ),
        *(Write(address_row(models, address)) for address in cause.addresses),
        *(
            Write(
                counter(keys.count_pk(what, now), keys.COUNT),
                [
                    counter.n.set((counter.n | 0) + 1),
                    counter.expires.set(int((now + COUNTED).timestamp())),
                ],
            )
            for what in dict.fromkeys(cause.counted)
        ),
    ]


def _once(models: Models, record: IncomingRecord) -> list[tuple[Any, Any]]:
    """Return the record and place of a new mail, each with the condition that it is new.

    An event of SES has no object in the bucket, so it has no place.
    """
    rows = [_row(models, record), *([_place(models, record.key, record)] if record.key else [])]
    return [(row, row.__class__.pk.does_not_exist()) for row in rows]


def _place(models: Models, key: str, record: IncomingRecord) -> Any:
    return models.mail_object(
        keys.object_pk(key),
        keys.OBJECT,
        identity=record.identity,
        expires=int((record.received_at + KEPT).timestamp()),
    )


def _row(models: Models, record: IncomingRecord) -> Any:
    waits = record.state is MailState.QUARANTINED
    return models.incoming_mail(
        keys.incoming_mail_pk(record.identity),
        keys.INCOMING_MAIL,
        state=record.state.value,
        doc=encoding.encode(record),
        expires=int((record.received_at + KEPT).timestamp()),
        open_pk=keys.QUARANTINE if waits else None,
        open_sk=keys.quarantine_sk(record.received_at, record.identity) if waits else None,
    )


def on(record: IncomingRecord, state: MailState, number: str, event: int) -> IncomingRecord:
    """Return a copy of the record that says which event of which ticket the mail became."""
    return replace(record, state=state, number=number, event=event)
