"""Records of incoming mails: the outcome of each mail, the quarantine, and counts per hour.

A mail has a record, whose key is the identity of the mail. The identity is a digest of sender and
content. If two objects in the bucket contain the same mail, they therefore count as one mail. Each
object has a second item, the place, which stores the identity of its mail. The place is needed
because a later version of the reader may compute another identity from the same object. Both items
are written in the transaction that makes the mail a ticket or a message. Each mail therefore takes
effect once or not at all, even if events are repeated or reordered, or a worker is killed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from redress.base.errors import NotFound, Unavailable
from redress.db import encoding, keys, retry
from redress.db.rows import Models, is_within
from redress.mail.incoming.rules.copies import Copy
from redress.mail.incoming.rules.held import UNPROMISED, Refused, ReleaseRequest
from redress.mail.outgoing.store import AddressChange, address_row
from redress.tickets.store import transaction
from redress.tickets.store.transaction import Cause, Dated, DoneAlready, Raced, Write

KEPT = timedelta(days=400)
"""How long the record of a mail is kept. No queue keeps the event of the mail for so long. Nobody
waits for so long before they send an event back to its queue."""
MOST_COPIES = 20
"""How many mails with one sender, Message-ID and date are compared with a new one, newest first.
Some gateways give every mail the same Message-ID."""
ATTEMPTS = 8
"""How often a change of a record is tried if other writers change the record at the same time."""
MOST_COUNTED = 10**9
"""No counter of mails gets so large in its clock hour. A larger one is damage."""

COUNTED = timedelta(hours=2)
"""How long the count of a clock hour is kept."""


class MailState(StrEnum):
    """The outcome of a mail."""

    OPENED = "opened"
    """It opened a ticket."""
    JOINED = "joined"
    """It was added to a ticket as a message or an internal note."""
    NOTED = "noted"
    """It was logged on a ticket as a notice."""
    QUARANTINED = "held"
    """It is in quarantine until staff decide."""


class Standing(StrEnum):
    """What a quarantined mail is for the team that looks after it."""

    UNSEEN = "unseen"
    """Nobody has looked at it yet, and the plan promises when somebody does."""
    SEEN = "seen"
    UNPROMISED = "unpromised"
    """It is spam or contains a virus. The plan promises nothing."""


@dataclass(frozen=True, slots=True)
class IncomingRecord:
    """The outcome of one mail.

    It also holds what staff need to decide about a quarantined mail.

    key          key of the first object in the bucket that contained the mail. "" if the record is
                 about an event of SES
    number       the ticket that the mail opened or was added to. For a quarantined mail, the ticket
                 that it names
    event        number of the event on that ticket
    reason       why the mail is, or was, in quarantine
    because      the signs on which the reader based its classification
    flags        `disowned`, `spam`, `virus` or `unproven`
    envelope     the recipients of the SMTP envelope (RCPT TO); empty if they are not known
    released_by  the member of staff who released it
    forwarded_by address of the member of staff who forwarded it
    team         the team that looks after the quarantined mail. "" if the mail never was in
                 quarantine, or if an earlier version put it there
    seen_at      when a member of staff first opened the quarantined mail. None if nobody has opened
                 it since it was held, or since its release was requested or refused
    seen_by      who that was
    requested    the requested release whose outcome is not known yet
    refused      the outcome of the last requested release, if the mail could not be released
    reader       version of the reader that read the mail (`rules.held.READER`). 0 if it could not
                 be read, or if an earlier version of the product read it
    noted        the tickets on which the mail was logged when it was put into quarantine, each with
                 the number of the event
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
    team: str = ""
    seen_at: datetime | None = None
    seen_by: str | None = None
    requested: ReleaseRequest | None = None
    refused: Refused | None = None
    reader: int = 0
    noted: tuple[tuple[str, int], ...] = ()

    @property
    def waits_since(self) -> datetime:
        """When the quarantined mail last became work: it came, or its release failed.

        A requested release counts too. If its message is lost, the mail is still somebody's work.
        """
        later = [one.at for one in (self.requested, self.refused) if one is not None]
        return max([self.received_at, *later])

    @property
    def standing(self) -> Standing:
        """What the mail is for its team while it is in quarantine."""
        if self.reason in UNPROMISED:
            return Standing.UNPROMISED
        return Standing.UNSEEN if self.seen_at is None else Standing.SEEN


@dataclass(frozen=True, slots=True)
class Copies:
    """The mails that came with one sender, Message-ID and date, in the form that is compared.

    `digest` is computed from these three. `revision` is the revision of the item in the table; 0 if
    there is no item.
    """

    digest: str
    revision: int = 0
    known: tuple[Copy, ...] = ()

    def plus(self, copy: Copy) -> Copies:
        """Return the copies with this one added. Only the last MOST_COPIES are kept."""
        others = [one for one in self.known if one.identity != copy.identity]
        return replace(self, known=(*others, copy)[-MOST_COPIES:])


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """One page of the quarantine. `cursor` leads to the next page; None on the last.

    `places` has the cursor that leads to the mails after each record.
    """

    records: list[IncomingRecord]
    cursor: str | None
    places: list[str]


@dataclass(frozen=True, slots=True)
class MailTaken(Cause):
    """A mail that opens or changes a ticket, or is logged on one while it is held.

    record     the mail's new record
    released   the mail's record in quarantine, if this change releases the mail. None if the mail
               is new; the change then fails if the mail came before. If the mail could not be read
               when it came, it has another identity in quarantine, and the new record is written
               under both identities
    counted    names of the counters that this change increases: of the sender and the tickets
    threads    digests of its Message-ID and sender, from `thread_digest`
    addresses  changes to the marks of addresses. A mark says that no mail may be sent there
    copies     the mail and the other mails with its sender, Message-ID and date, as they are
               compared. The change fails with Raced if another such mail was received meanwhile
    again      whether the mail came before and took effect. This change is then about another
               address that the mail was sent to, and replaces its record
    """

    record: IncomingRecord
    released: IncomingRecord | None = None
    counted: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    addresses: tuple[AddressChange, ...] = ()
    copies: Copies | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """The last digest of held mail that a team got. `number` counts the digests of the team."""

    number: int
    at: datetime


_TOLD = msgspec.json.Decoder(Told)
_COPIES = msgspec.json.Decoder(tuple[Copy, ...])
_RECORD = msgspec.json.Decoder(IncomingRecord)


class IncomingMailStore:
    """Reads and writes the records of incoming mails, their places, threads and counts."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def find(self, identity: str) -> IncomingRecord | None:
        """Return the record of a mail; None if it never came. Raises Unreadable."""
        stored = self._stored(identity)
        return encoding.decoded(stored, _record_of) if stored is not None else None

    def look_up(
        self, identity: str, digest: str | None
    ) -> tuple[IncomingRecord | None, Copies | None]:
        """Return the record of a mail, and the copies with its sender, Message-ID and date.

        Both are read in one call. `digest` is None if the mail does not have all three.
        """
        if digest is None:
            return self.find(identity), None
        model = self._models.doc
        record, copies = (
            (keys.incoming_mail_pk(identity), keys.INCOMING_MAIL),
            (keys.copies_pk(digest), keys.COPIES),
        )
        rows = retry.call(lambda: list(model.batch_get([record, copies], consistent_read=True)))
        found = {row.sk: row for row in rows}
        stored, known = found.get(keys.INCOMING_MAIL), found.get(keys.COPIES)
        return (
            encoding.decoded(stored, _record_of) if stored is not None else None,
            encoding.decoded(
                known, lambda one: Copies(digest, int(one.revision), _COPIES.decode(one.doc))
            )
            if known is not None
            else Copies(digest),
        )

    def _stored(self, identity: str) -> Any:
        """Return the row of a mail's record; None if the mail never came."""
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
        return rows[0] if rows else None

    def at(self, key: str) -> IncomingRecord | None:
        """Return the record of the mail in this object; None if the object has no place yet."""
        model = self._models.mail_object
        pk = keys.object_pk(key)
        rows = retry.call(
            lambda: list(model.query(pk, model.sk == keys.OBJECT, consistent_read=True))
        )
        if not rows:
            return None
        return self.find(encoding.decoded(rows[0], lambda row: msgspec.convert(row.identity, str)))

    def get(self, identity: str) -> IncomingRecord:
        """Return the record of a mail. Raises NotFound if there is none."""
        found = self.find(identity)
        if found is None:
            raise NotFound("there is no such mail")
        return found

    def held(self, limit: int, cursor: str | None) -> QuarantinePage:
        """Return a page of the quarantine of all teams, newest first."""
        model = self._models.incoming_mail
        before = model.open_sk < cursor if cursor else None
        found = [
            (row.open_sk, row.pk)
            for pk in (keys.QUARANTINE, keys.HELD)
            for row in _newest(model.open_index, pk, before, limit + 1)
        ]
        return self._page(found, limit)

    def held_by_team(
        self, team: str, standings: Iterable[Standing], limit: int, cursor: str | None
    ) -> QuarantinePage:
        """Return a page of the quarantined mails of a team, those that wait shortest first.

        The page also has mails of any team that an earlier version put into quarantine. Their
        records have no team, so the caller must select them.
        """
        model = self._models.incoming_mail
        found = []
        for standing in standings:
            first = keys.held_sk(team, standing)
            between = model.owner_sk.between(first, keys.held_sk(team, standing, cursor or "~"))
            # BETWEEN includes its upper bound, which the page before has shown.
            rows = _newest(model.owner_index, keys.HELD, between, limit + 2)
            places = ((row.owner_sk.removeprefix(first), row.pk) for row in rows)
            found += [entry for entry in places if entry[0] != cursor]
        before = model.open_sk < cursor if cursor else None
        rows = _newest(model.open_index, keys.HELD, before, limit + 1)
        return self._page([*found, *((row.open_sk, row.pk) for row in rows)], limit)

    def _page(self, entries: Iterable[tuple[str, str]], limit: int) -> QuarantinePage:
        """Return the page of the newest entries. An entry is a place (`quarantine_sk`) and a pk."""
        ordered = sorted(entries, reverse=True)
        wanted, more = ordered[:limit], len(ordered) > limit
        found = self._records(pk for _, pk in wanted)
        # The index may still list a mail that was just released.
        held = [(place, found[pk]) for place, pk in wanted if pk in found]
        held = [(place, one) for place, one in held if one.state is MailState.QUARANTINED]
        return QuarantinePage(
            records=[record for _, record in held],
            cursor=wanted[-1][0] if more else None,
            places=[place for place, _ in held],
        )

    def _records(self, pks: Iterable[str]) -> dict[str, IncomingRecord]:
        """Return the records of mails by their partition keys, at most 100.

        A record that cannot be read is reported and left out.
        """
        model = self._models.incoming_mail
        wanted = [(pk, keys.INCOMING_MAIL) for pk in pks]
        rows = retry.call(lambda: list(model.batch_get(wanted))) if wanted else []
        return dict(encoding.readable(rows, lambda row: (row.pk, _record_of(row))))

    def without_team(self, limit: int) -> list[IncomingRecord]:
        """Return mails that an earlier version put into quarantine, at most `limit` (1 to 100)."""
        index = self._models.incoming_mail.open_index
        rows = _newest(index, keys.HELD, None, limit)
        return list(self._records(row.pk for row in rows).values())

    def teams_with_held_mail(self) -> list[str]:
        """Return every team that has mail in quarantine, in alphabetical order.

        Each team costs one query of one entry.
        """
        model, teams = self._models.incoming_mail, list[str]()
        while True:
            after = model.owner_sk > keys.after_team(teams[-1]) if teams else None
            rows = _first(model.owner_index, keys.HELD, after, 1)
            if not rows:
                return teams
            teams.append(keys.team_of_held(rows[0].owner_sk))

    def unseen(self, team: str, limit: int) -> list[IncomingRecord]:
        """Return mails of a team that nobody has looked at, those that wait longest first.

        `limit` is 1 to 100. Mails without a promise are left out.
        """
        model = self._models.incoming_mail
        starts = model.owner_sk.startswith(keys.held_sk(team, Standing.UNSEEN))
        rows = _first(model.owner_index, keys.HELD, starts, limit)
        found = self._records(row.pk for row in rows)
        records = [found[row.pk] for row in rows if row.pk in found]
        # The index may still list a mail that was just released or opened.
        return [
            one
            for one in records
            if one.state is MailState.QUARANTINED and one.standing is Standing.UNSEEN
        ]

    def count_held(self, team: str, standing: Standing, limit: int) -> int:
        """Return how many mails of a team have this standing, counted up to `limit`."""
        model = self._models.incoming_mail
        starts = model.owner_sk.startswith(keys.held_sk(team, standing))
        return len(_first(model.owner_index, keys.HELD, starts, limit))

    def thread(self, digests: Iterable[str]) -> list[str]:
        """Return the ticket numbers of earlier mails, in the order of `digests`.

        `digests` are from `thread_digest`. An unknown digest adds nothing to the result.
        """
        wanted = [(keys.thread_pk(digest), keys.THREAD) for digest in dict.fromkeys(digests)]
        if not wanted:
            return []
        model = self._models.thread
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        found = dict(
            encoding.readable(rows, lambda row: (row.pk, msgspec.convert(row.number, str)))
        )
        return [found[pk] for pk, _ in wanted if pk in found]

    def counts(self, of: Iterable[str], now: datetime) -> dict[str, int]:
        """Return how many mails each counter has counted in the clock hour of `now`.

        A counter counts the mails of one sender or the mails of one ticket. `of` holds the names of
        the counters. A counter without mails is missing from the result. So is one that cannot be
        read, which is reported.
        """
        wanted = {keys.count_pk(what, now): what for what in of}
        model = self._models.count
        pairs = [(pk, keys.COUNT) for pk in wanted]
        rows = retry.call(lambda: list(model.batch_get(pairs, consistent_read=True)))
        found = encoding.readable(rows, lambda row: (wanted[row.pk], _count_of(row)))
        return dict(found)

    # ---------------------------------------------------------------- writing

    def hold(self, record: IncomingRecord, copies: Copies | None = None) -> None:
        """Put a mail into quarantine. `copies` is as in MailTaken.

        Raises DoneAlready if the mail or its object came before, and Raced if another mail with the
        same sender, Message-ID and date was received since `copies` was read.
        """
        came_before = DoneAlready("this mail came before")
        once = _once(self._models, record)
        writes = [Write(row, condition=condition, lost=came_before) for row, condition in once]
        if copies is not None:
            writes.append(_copies_write(self._models, copies, record.received_at))
        transaction.write(self._models, writes)

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

    def change(
        self, identity: str, decide: Callable[[IncomingRecord], IncomingRecord | None]
    ) -> IncomingRecord:
        """Replace the record of a mail by the one that `decide` returns, and return it.

        If `decide` returns None, nothing is written and the record is returned as it is. If another
        writer changes the record at the same time, `decide` is called again with the new record.
        Raises NotFound, Unreadable, the errors of `decide`, and Unavailable after ATTEMPTS
        attempts.
        """
        model = self._models.incoming_mail
        for _ in range(ATTEMPTS):
            stored = self._stored(identity)
            if stored is None:
                raise NotFound("there is no such mail")
            record = encoding.decoded(stored, _record_of)
            changed = decide(record)
            if changed is None:
                return record
            row, unchanged = _row(self._models, changed), model.doc == stored.doc
            try:
                retry.call(functools.partial(row.save, condition=unchanged), ("once",))
            except retry.ConditionFailed:
                continue
            return changed
        raise Unavailable()


class DigestStore:
    """Remembers when the supervisors of each team were last told about held mail."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def told(self, team: str) -> Told | None:
        """Return the last digest of a team; None if it never got one. Raises Unreadable."""
        model = self._models.doc
        rows = retry.call(
            lambda: list(
                model.query(keys.held_pk(team), model.sk == keys.DIGEST, consistent_read=True)
            )
        )
        return encoding.decoded(rows[0], lambda row: _TOLD.decode(row.doc)) if rows else None

    def tell(self, team: str, told: Told) -> bool:
        """Record a digest. Returns False if another worker has recorded one with this number."""
        model = self._models.doc
        row = model(
            keys.held_pk(team), keys.DIGEST, doc=encoding.encode(told), revision=told.number
        )
        follows = model.pk.does_not_exist() | (model.revision == told.number - 1)
        try:
            retry.call(lambda: row.save(condition=follows), ("follows",))
        except retry.ConditionFailed:
            return False
        return True


@dataclass(frozen=True, slots=True)
class AddressesChanged(Cause):
    """Staff allowed mail to addresses again that had returned mail."""

    addresses: tuple[AddressChange, ...]


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the items to write in the transaction that opens or changes tickets for a mail.

    These items are:

    - the record of the mail, on the condition that it is new or is in quarantine,
    - for a new mail, its place,
    - the digest of its Message-ID and sender, by which an answer to the mail finds the ticket,
    - its copy, on the condition that no other mail with its sender, Message-ID and date came,
    - the marks of addresses,
    - the counters of its sender and its ticket.

    If staff cleared addresses, only their marks are written. Returns no items if the change has
    another cause.
    """
    if isinstance(cause, AddressesChanged):
        return [Write(address_row(models, address)) for address in cause.addresses]
    if not isinstance(cause, MailTaken):
        return []
    record, released, model = cause.record, cause.released, models.incoming_mail
    came_before = DoneAlready("this mail came before")
    once: list[tuple[Any, Any]]
    if cause.again:
        once = [(_row(models, record), model.state == record.state)]
    elif released is None:
        once = _once(models, record)
    else:
        left = replace(record, identity=released.identity)
        once = [(_row(models, left), model.state == MailState.QUARANTINED)]
        if released.identity != record.identity:
            once.append((_row(models, record), model.pk.does_not_exist()))
    _, now = changes[0]
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
        *([_copies_write(models, cause.copies, now)] if cause.copies is not None else []),
        *(Write(address_row(models, address)) for address in cause.addresses),
        *(
            Write(
                counter(keys.count_pk(what, now), keys.COUNT),
                [
                    counter.n.set((counter.n | 0) + 1),
                    counter.expires.set(int((now + COUNTED).timestamp())),
                ],
                # A damaged counter holds back no mail: the rest is written without it.
                counter.n.does_not_exist() | is_within(counter.n, 0, MOST_COUNTED),
            )
            for what in dict.fromkeys(cause.counted)
        ),
    ]


def _count_of(row: Any) -> int:
    count = int(row.n)
    if not 0 <= count <= MOST_COUNTED:
        raise ValueError("a counter of mails has no number that it can have")
    return count


def _record_of(row: Any) -> IncomingRecord:
    return _RECORD.decode(row.doc)


def _copies_write(models: Models, copies: Copies, now: datetime) -> Write:
    model = models.copies
    row = model(
        keys.copies_pk(copies.digest),
        keys.COPIES,
        doc=encoding.encode(copies.known),
        revision=copies.revision + 1,
        expires=int((now + KEPT).timestamp()),
    )
    unchanged = model.revision == copies.revision if copies.revision else model.pk.does_not_exist()
    raced = Raced("another mail with this sender, Message-ID and date came meanwhile")
    return Write(row, condition=unchanged, lost=raced)


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
    """Return the row of a record. A mail in quarantine has the keys that list it.

    A mail that an earlier version put into quarantine has no team. It keeps the key of that version
    until the sweep gives it a team.
    """
    row = models.incoming_mail(
        keys.incoming_mail_pk(record.identity),
        keys.INCOMING_MAIL,
        state=record.state.value,
        doc=encoding.encode(record),
        expires=int((record.received_at + KEPT).timestamp()),
    )
    if record.state is MailState.QUARANTINED:
        row.open_pk = keys.QUARANTINE if record.team else keys.HELD
        row.open_sk = keys.quarantine_sk(record.received_at, record.identity)
        if record.team:
            place = keys.quarantine_sk(record.waits_since, record.identity)
            row.owner_pk = keys.HELD
            row.owner_sk = keys.held_sk(record.team, record.standing, place)
    return row


def _newest(index: Any, pk: str, condition: Any, limit: int) -> list[Any]:
    return _read(index, pk, condition, limit, forward=False)


def _first(index: Any, pk: str, condition: Any, limit: int) -> list[Any]:
    return _read(index, pk, condition, limit, forward=True)


def _read(index: Any, pk: str, condition: Any, limit: int, *, forward: bool) -> list[Any]:
    """Return up to `limit` entries of a partition of an index, by ascending or descending key."""

    def query() -> list[Any]:
        found = index.query(pk, condition, limit=limit, page_size=limit, scan_index_forward=forward)
        return list(found)

    rows: list[Any] = retry.call(query)
    return rows


def on(record: IncomingRecord, state: MailState, number: str, event: int) -> IncomingRecord:
    """Return a copy of the record that says which event of which ticket the mail became."""
    return replace(record, state=state, number=number, event=event)
