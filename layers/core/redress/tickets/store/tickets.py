"""Reads and writes tickets in the table: their snapshots and events.

Every change of a ticket is one transaction. It writes the snapshot, the new events, the TIMER and
what other subjects record with the change (`transaction`). It is written only if the snapshot still
has the version that was read. The table's stream then starts what must follow the change, such as
mails and workflow signals.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.exceptions import DoesNotExist

from redress.base.errors import NotFound, Unavailable, Unreadable
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.plans.rules.plan import Plan
from redress.tickets.rules.attached import Attached
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Event, EventType, Ticket, continues_in
from redress.tickets.rules.viewers import Viewer
from redress.tickets.store import items, transaction
from redress.tickets.store.attached import attached_in
from redress.tickets.store.mail_records import MailRecord, mail_records_in
from redress.tickets.store.submission_store import NumberTaken
from redress.tickets.store.timers import TimerStore, timer_writes
from redress.tickets.store.transaction import AlsoWritten, Cause, Dated, Raced, Write
from redress.tickets.store.viewers import viewers_in

MOST_STEPS = 4
"""The most tickets through which one goes on. Two are possible: after the end of its split, and
then after a merge. The limit only ends a circle, which damage could make."""


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A ticket at one moment: its snapshot, all its events, its files, and records of its mails."""

    ticket: Ticket
    history: list[Event]
    mails: list[MailRecord]
    size: int = 0
    """Bytes of all its items, nearly."""
    unreadable: Set[str] = frozenset()
    """The keys of mails whose records cannot be read. They are not among `mails`."""
    attached: Sequence[Attached] = ()
    """The files of the ticket, oldest first."""
    viewers: Sequence[Viewer] = ()
    """Who views or writes the ticket, if it was asked for. Some may have left."""


class TicketStore:
    def __init__(
        self,
        models: Models,
        also_written: Sequence[AlsoWritten],
        is_one_customer: Callable[[str, str], bool],
    ) -> None:
        """The functions `also_written` return what other subjects write in each transaction.

        `is_one_customer` says whether two profiles are one now, because one was merged into the
        other.
        """
        self._models, self._also = models, also_written
        self._is_one_customer = is_one_customer

    def get(self, number: str) -> Ticket:
        """The current ticket. Raises NotFound or Unreadable."""
        try:
            row = retry.call(
                lambda: self._models.snapshot.get(
                    keys.ticket_pk(number), keys.TICKET, consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound(f"there is no ticket {number}") from error
        return items.ticket_in(row)

    def readable(self, number: str) -> Ticket | None:
        """The current ticket; None if it does not exist or cannot be read, which is reported.

        It is for callers that can go on without this ticket.
        """
        try:
            return self.get(number)
        except (NotFound, Unreadable):
            return None

    def continued(self, ticket: Ticket) -> Ticket:
        """The ticket in which a merged ticket goes on, or the ticket itself.

        What a customer writes to a merged ticket belongs there. It is the ticket itself if it was
        not merged, or if the two are not of one customer any more (`goes_on`). The ticket in which
        one goes on whose split was undone may be merged later. Then it is the last one of them.

        The end of a merge changes both tickets in one transaction. So the merged ticket is read
        again after the other one: what is written under the version of the result is not written if
        the merge ends later. If it has ended, the result is the ticket as it is now. Raises
        NotFound or Unreadable.
        """
        while True:
            path = self._path(ticket)
            now = [self.get(one.number) for one in path[:-1]]
            if [one.merged for one in now] == [one.merged for one in path[:-1]]:
                return path[-1]
            ticket = now[0]

    def _path(self, ticket: Ticket) -> list[Ticket]:
        """The ticket, and each ticket in which it goes on."""
        path = [ticket]
        for _ in range(MOST_STEPS):
            if path[-1].merged is None:
                break
            into = self.get(path[-1].merged.into)
            if not self.goes_on(path[-1], into):
                break
            path.append(into)
        return path

    def goes_on(self, ticket: Ticket, into: Ticket) -> bool:
        """Whether the ticket was merged into this one, and both are of one customer.

        They are not if staff have matched one of them with another profile since, or have undone
        the merge of their profiles. Raises Unreadable.
        """
        return continues_in(ticket, into) and self.are_of_one(ticket, into)

    def are_of_one(self, ticket: Ticket, other: Ticket) -> bool:
        """Whether two tickets belong to one customer now. Raises Unreadable."""
        customer, its = ticket.customer, other.customer
        if customer is None or its is None:
            return customer == its
        return customer == its or self._is_one_customer(customer, its)

    def is_of_another(self, ticket: Ticket, number: str) -> bool:
        """Whether the ticket with this number belongs to another customer now.

        True also if it cannot be read: otherwise a customer could learn what is another's.
        """
        other = self.readable(number)
        return other is None or not self.are_of_one(ticket, other)

    def get_many(self, numbers: list[str]) -> list[Ticket]:
        """The tickets in the order of `numbers`, each once. Unknown numbers are left out.

        The read is eventually consistent: a ticket may be a moment old. Raises Unreadable.
        """
        return [items.ticket_in(row) for row in self._snapshots(numbers)]

    def get_readable(self, numbers: list[str]) -> list[Ticket]:
        """Like `get_many`, for a list: a ticket that cannot be read is reported and left out."""
        return list(encoding.readable(self._snapshots(numbers), lambda r: items.ticket_of(r.doc)))

    def _snapshots(self, numbers: list[str]) -> list[Any]:
        """The rows of the snapshots that exist, in the order of `numbers`, each once."""
        wanted = [(keys.ticket_pk(number), keys.TICKET) for number in dict.fromkeys(numbers)]
        rows = retry.call(lambda: list(self._models.snapshot.batch_get(wanted)))
        found = {row.pk: row for row in rows}
        return [found[pk] for pk, _ in wanted if pk in found]

    def history(self, number: str) -> list[Event]:
        """All events of a ticket, oldest first. Raises Unreadable."""
        return [items.event_in(row) for row in self._event_rows(number)]

    def readable_history(self, number: str) -> list[Event]:
        """Like `history`, but an event that cannot be read is reported and left out."""
        rows = self._event_rows(number)
        return list(encoding.readable(rows, lambda one: items.event_of(one.doc)))

    def _event_rows(self, number: str) -> list[Any]:
        model, pk = self._models.event, keys.ticket_pk(number)
        among = model.sk.startswith(keys.EVENT_PREFIX)
        rows: list[Any] = retry.call(lambda: list(model.query(pk, among, consistent_read=True)))
        return rows

    def events_after(self, ticket: Ticket, version: int) -> list[Event]:
        """The events of a ticket after `version` up to its present one, oldest first.

        An event that cannot be read is reported and left out. `version` is less than the present.
        """
        model = self._models.event
        among = model.sk.between(keys.event_sk(version + 1), keys.event_sk(ticket.version))
        rows = retry.call(
            lambda: list(model.query(keys.ticket_pk(ticket.number), among, consistent_read=True))
        )
        return list(encoding.readable(rows, lambda one: items.event_of(one.doc)))

    def with_event(self, number: str, event_number: int) -> tuple[Ticket, Event]:
        """The current ticket and one of its events, in one call. Raises NotFound or Unreadable."""
        pk = keys.ticket_pk(number)
        wanted = [(pk, keys.TICKET), (pk, keys.event_sk(event_number))]
        model = self._models.doc
        rows = retry.call(lambda: list(model.batch_get(wanted, consistent_read=True)))
        found = {row.sk: row for row in rows}
        if len(found) < len(wanted):
            raise NotFound(f"there is no event {event_number} of {number}")
        snapshot, event = (found[sk] for _, sk in wanted)
        return items.ticket_in(snapshot), items.event_in(event)

    def event(self, number: str, event_number: int) -> Event:
        """One event of a ticket. Raises NotFound or Unreadable."""
        try:
            row = retry.call(
                lambda: self._models.event.get(
                    keys.ticket_pk(number), keys.event_sk(event_number), consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound(f"{number} has no event {event_number}") from error
        return items.event_in(row)

    def events(self, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Event]:
        """Some events of several tickets, by the number of the ticket and of the event.

        One that does not exist is left out, and also one that cannot be read, which is reported.
        The read is eventually consistent.
        """
        by_key = {
            (keys.ticket_pk(number), keys.event_sk(one)): (number, one) for number, one in wanted
        }
        if not by_key:
            return {}
        rows = retry.call(lambda: list(self._models.event.batch_get(list(by_key))))
        found = {}
        for row in rows:
            for event in encoding.readable([row], lambda one: items.event_of(one.doc)):
                found[by_key[row.pk, row.sk]] = event
        return found

    def moved_files(self, ticket: Ticket) -> list[tuple[str, Attached]]:
        """The files of the messages that a split brought to the ticket, each with the number of the
        ticket that keeps it. Those of one ticket are together, oldest first.

        They stay with the ticket in which they were sent, so there is one file with one state. One
        that cannot be read is reported and left out.
        """
        model, found = self._models.attached, list[tuple[str, Attached]]()
        kept = ticket.split.files if ticket.split is not None else ()
        for keeper in dict.fromkeys(number for number, _ in kept):
            pk, among = keys.ticket_pk(keeper), model.sk.startswith(keys.FILE_PREFIX)
            query = functools.partial(_query, model, pk, among, consistent_read=True)
            files = attached_in(retry.call(query))
            found += [(keeper, file) for file in files if (keeper, file.event) in kept]
        return found

    def list_closed(self, ticket: Ticket, plan: Plan) -> bool:
        """List a closed ticket by month and agent, if an earlier version has closed it.

        Return whether it was not listed yet. Nothing else of the ticket changes. Raises NotFound if
        it has no event CLOSED, and Unreadable.
        """
        model, pk = self._models.event, keys.ticket_pk(ticket.number)
        rows = retry.call(
            lambda: list(
                model.query(
                    pk,
                    model.sk.startswith(keys.EVENT_PREFIX),
                    filter_condition=model.type == EventType.CLOSED.value,
                    scan_index_forward=False,
                )
            )
        )
        if not rows:
            raise NotFound(f"{ticket.number} has no event that closed it")
        row = rows[0]
        if row.open_pk is not None:
            return False
        wanted = items.closed_keys(ticket, items.event_in(row).at, plan)
        actions = [getattr(model, name).set(value) for name, value in wanted.items()]
        condition = model.pk.exists() & model.open_pk.does_not_exist()
        try:
            retry.call(lambda: model(pk, row.sk).update(actions, condition=condition), ["event"])
        except retry.ConditionFailed:
            return False
        return True

    def file(self, number: str, *, behind: bool = False, with_viewers: bool = False) -> TicketFile:
        """A ticket with its history, files and mail records, in one query. Raises NotFound.

        If the ticket is changed during the query, the snapshot and the history may be of different
        versions. The query is then repeated. Raises Unavailable if they still differ after four
        attempts. With `behind`, the result may be a moment old, and the query costs half as much.
        With `with_viewers`, the same query reads who views or writes the ticket; they have few
        bytes, and most tickets have none. Raises Unreadable if the snapshot or an event cannot be
        read. A file or a record of a mail that cannot be read is reported and left out.
        """
        model, last = self._models.file, keys.AFTER_VIEWERS if with_viewers else keys.TICKET
        pk, among = keys.ticket_pk(number), model.sk.between(keys.EVENT_PREFIX, last)
        for consistent in (not behind, True, True, True):
            found = retry.call(
                functools.partial(_query, model, pk, among, consistent_read=consistent)
            )
            rows = {row.sk: row for row in found}
            if keys.TICKET not in rows:
                continue
            ticket = items.ticket_in(rows[keys.TICKET])
            events = [
                items.event_in(row) for sk, row in rows.items() if sk.startswith(keys.EVENT_PREFIX)
            ]
            if events and events[-1].number == ticket.version:
                stored = [r for sk, r in rows.items() if sk.startswith(keys.MAIL_PREFIX)]
                mails = mail_records_in(stored)
                missing = {keys.key_of_mail(row.sk) for row in stored} - {m.key for m in mails}
                files = attached_in(r for sk, r in rows.items() if sk.startswith(keys.FILE_PREFIX))
                viewed = [r for sk, r in rows.items() if sk.startswith(keys.VIEWER_PREFIX)]
                size = sum(map(_bytes, found))
                return TicketFile(ticket, events, mails, size, missing, files, viewers_in(viewed))
        if keys.TICKET in rows:
            raise Unavailable(f"{number} is being changed all the time")
        raise NotFound(f"there is no ticket {number}")

    def open(
        self,
        change: Change,
        now: datetime,
        cause: Cause | None = None,
        also: Sequence[Dated] = (),
    ) -> None:
        """Write a new ticket, together with what other subjects write when it opens.

        `also` are changes of other tickets, which are written with it or not at all. Raises
        NumberTaken if the number exists, DoneAlready if the cause was recorded before, and Raced if
        a ticket of `also` has changed since it was read. In each case nothing is written.
        """
        self._write(self._opened(change), change, now, cause, also)

    def commit(
        self,
        change: Change,
        now: datetime,
        cause: Cause | None = None,
        also: Sequence[Dated] = (),
    ) -> None:
        """Write one change of a ticket, together with what other subjects write with it.

        `also` are changes of other tickets, which are written with it or not at all; one of them
        may open a ticket. Raises Raced if one of the tickets has changed since it was read, and
        NumberTaken if the number of a new one exists. Raises AgentNotFree if the change assigns an
        agent who is away or has no room. Raises DoneAlready if the cause was recorded
        before, and TimerLost if a TIMER is missing or damaged. If any of them is raised, nothing is
        written.
        """
        self._write(self._changed(change, now), change, now, cause, also)

    def rebuild_timer(self, ticket: Ticket, wake: datetime | None, now: datetime) -> bool:
        """See `TimerStore.rebuild`."""
        return TimerStore(self._models).rebuild(ticket, wake, now)

    def _opened(self, change: Change) -> list[Write]:
        """Return the writes of a new ticket: the snapshot, the TIMER and the events."""
        model = self._models
        kinds = [model.snapshot, model.timer] + [model.event] * len(change.events)
        taken = NumberTaken("this number exists already")
        return [
            Write(kind(**item), condition=kind.pk.does_not_exist(), lost=taken)
            for kind, item in zip(kinds, items.ticket_items(change), strict=True)
        ]

    def _changed(self, change: Change, now: datetime) -> list[Write]:
        """Return the writes of one change: the snapshot, the events and the TIMER of its ticket."""
        if change.before is None:
            raise ValueError("a ticket is opened with `open`")
        number, snapshots, events = change.after.number, self._models.snapshot, self._models.event
        raced = Raced(f"{number} was changed meanwhile")
        own = [
            Write(
                events(**items.event_item(change.after, event, change.plan)),
                condition=events.pk.does_not_exist(),
                lost=raced,
            )
            for event in change.events
        ]
        own.append(
            Write(
                snapshots(keys.ticket_pk(number), keys.TICKET),
                [
                    getattr(snapshots, name).remove()
                    if value is None
                    else getattr(snapshots, name).set(value)
                    for name, value in items.snapshot_attributes(change.after).items()
                ],
                snapshots.version == change.before.version,
                raced,
            )
        )
        return [*own, *self._listed_no_more(change), *timer_writes(self._models, change, now)]

    def _listed_no_more(self, change: Change) -> list[Write]:
        """Return the write that takes a ticket off the lists of closed ones, if it goes on."""
        model, number = self._models.event, change.after.number
        return [
            Write(
                model(keys.ticket_pk(number), keys.event_sk(event.data["closed"])),
                [getattr(model, name).remove() for name in items.CLOSED_KEYS],
                model.pk.exists(),
            )
            for event in change.events
            if "closed" in event.data and event.type is EventType.UNMERGED
        ]

    def _write(
        self,
        own: list[Write],
        change: Change,
        now: datetime,
        cause: Cause | None,
        also: Sequence[Dated],
    ) -> None:
        writes = list(own)
        for other, at in also:
            writes += self._opened(other) if other.before is None else self._changed(other, at)
        changes = [(change, now), *also]
        for written in self._also:
            writes += written(self._models, changes, cause)
        transaction.write(self._models, writes)


def _bytes(row: Any) -> int:
    return sum(len(str(value).encode()) for value in row.attribute_values.values() if value)


def _query(index: Any, *arguments: Any, **options: Any) -> list[Any]:
    return list(index.query(*arguments, **options))
