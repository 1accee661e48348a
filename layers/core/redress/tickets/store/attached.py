"""The files of tickets in the table: one item a file, in the partition of its ticket.

An item changes on condition of its revision, or of its state and event. So a file becomes part of
one message only, and a verdict never overwrites a withdrawal.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from redress.base.errors import NotFound, RedressError
from redress.base.people import Actor
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.tickets.rules.attached import KEPT, Attached, FileState
from redress.tickets.rules.ticket import Event
from redress.tickets.store.transaction import Cause, Dated, DoneAlready, Raced, Write

RETURNED_KEPT = timedelta(days=2)
"""How long it is known that a return address was used. It expires earlier itself."""

MOST_VIEWED = 200
"""The most openings of files that one answer lists, newest first."""


@dataclass(frozen=True, slots=True)
class Viewed:
    """Somebody on the staff opened a file."""

    file: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class FilesArrived(Cause):
    """Files that become part of a ticket by the change that is written.

    Each of them is new: the transaction fails with DoneAlready if one of them is known.
    """

    files: tuple[Attached, ...]


@dataclass(frozen=True, slots=True)
class FileChanged(Cause):
    """A file that changes with the ticket. The transaction fails with Raced if it changed since."""

    after: Attached
    revision: int


class FileMoved(RedressError):
    """The file was changed after somebody decided about it."""


_ATTACHED = msgspec.json.Decoder(Attached)
_VIEWED = msgspec.json.Decoder(Viewed)


def attached_of(row: Any) -> Attached:
    """The file of a row, which must not be damaged."""
    event = None if row.event is None else int(row.event)
    kept = _ATTACHED.decode(row.doc)
    return replace(kept, state=FileState(row.state), revision=int(row.revision), event=event)


def attached_in(rows: Iterable[Any]) -> list[Attached]:
    """The files of these rows, oldest first. One that cannot be read is reported and left out."""
    found = encoding.readable(rows, attached_of)
    return sorted(found, key=lambda file: (file.at, file.id))


def _item(number: str, file: Attached) -> encoding.Item:
    """The item of a file. Its `doc` keeps the first state and revision, which readers replace."""
    item: encoding.Item = {
        "pk": keys.ticket_pk(number),
        "sk": keys.file_sk(file.id),
        "doc": encoding.encode(replace(file, event=None)),
        "state": file.state.value,
        "revision": file.revision,
    }
    if file.event is None:
        return item
    held = _held(number, file) if file.state is FileState.HELD else {}
    return item | held | {"event": file.event}


def _held(number: str, file: Attached) -> encoding.Item:
    """The place of a file in the list of held files, until its verdict comes."""
    since = file.changed_at or file.at
    return {
        "owner_pk": keys.held_files_pk(),
        "owner_sk": keys.held_file_sk(since, number, file.id),
    }


class AttachedStore:
    """Reads and writes the files of tickets."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def of_ticket(self, number: str) -> list[Attached]:
        """The files of a ticket, oldest first. A ticket without files, or none, gives []."""
        return attached_in(
            self._rows(number, self._models.attached.sk.startswith(keys.FILE_PREFIX))
        )

    def find(self, number: str, file: str) -> Attached | None:
        """One file of a ticket; None if it is not known. Raises Unreadable."""
        rows = self._rows(number, self._models.attached.sk == keys.file_sk(file))
        return encoding.decoded(rows[0], attached_of) if rows else None

    def _rows(self, number: str, wanted: Any) -> list[Any]:
        model, pk = self._models.attached, keys.ticket_pk(number)
        rows: list[Any] = retry.call(lambda: list(model.query(pk, wanted, consistent_read=True)))
        return rows

    def get(self, number: str, file: str) -> Attached:
        """One file of a ticket. Raises NotFound or Unreadable."""
        found = self.find(number, file)
        if found is None:
            raise NotFound("there is no such file")
        return found

    def held(self, before: datetime, limit: int) -> list[tuple[datetime, str, str]]:
        """List files that have been held since before a time, those that wait longest first.

        Each is the time since when, the ticket, and the file. One of them may have got its verdict
        just now.
        """
        model = self._models.attached
        condition = model.owner_sk < keys.before_held_files(before)
        rows = retry.call(
            lambda: list(
                model.owner_index.query(
                    keys.held_files_pk(), condition, limit=limit, page_size=limit
                )
            )
        )
        return [keys.held_file(row.owner_sk) for row in rows]

    def put_new(self, number: str, file: Attached) -> bool:
        """Write a new file of a ticket. Return False if it is known already."""
        model = self._models.attached
        row = model(**_item(number, file))
        try:
            retry.call(lambda: row.save(condition=model.pk.does_not_exist()), ["file"])
        except retry.ConditionFailed:
            return False
        return True

    def change(self, number: str, before: Attached, after: Attached) -> Attached:
        """Write the next state of a file, and return it. Raises Raced if it changed meanwhile."""
        changed = replace(after, revision=before.revision + 1)
        row = self._models.attached(**_item(number, changed))
        try:
            retry.call(lambda: row.save(condition=_unchanged(self._models, before)), ["file"])
        except retry.ConditionFailed as error:
            raise Raced("the file was changed meanwhile") from error
        return changed

    def change_with(
        self, number: str, before: Attached, after: Attached
    ) -> Callable[[object, datetime], FileChanged]:
        """Return the cause of a change of the ticket with which a file gets its next state.

        It raises FileMoved if the file is not as `before` any more, so that nobody repeats the
        change of the ticket in vain.
        """

        def cause(change: object, at: datetime) -> FileChanged:
            current = self.find(number, before.id)
            if current is None or current.revision != before.revision:
                raise FileMoved("the file was changed meanwhile")
            return FileChanged(after, before.revision)

        return cause

    def record_view(self, number: str, viewed: Viewed) -> None:
        """Record that somebody on the staff opened a file of a ticket."""
        sk = keys.viewed_sk(viewed.at, viewed.file, secrets.token_hex(4))
        row = self._models.doc(keys.ticket_pk(number), sk, doc=encoding.encode(viewed))
        retry.call(row.save)

    def views(self, number: str) -> list[Viewed]:
        """Who on the staff opened files of a ticket, newest first, at most MOST_VIEWED."""
        model = self._models.doc
        rows = retry.call(
            lambda: list(
                model.query(
                    keys.ticket_pk(number),
                    model.sk.startswith(keys.VIEWED_PREFIX),
                    scan_index_forward=False,
                    limit=MOST_VIEWED,
                )
            )
        )
        return list(encoding.readable(rows, lambda row: _VIEWED.decode(row.doc)))

    def use_return(self, file: str, now: datetime) -> bool:
        """Use up the address by which the customer returns from an upload.

        Return whether this was the first use.
        """
        model = self._models.returned
        expires = int((now + RETURNED_KEPT).timestamp())
        row = model(keys.returned_pk(file), keys.RETURNED, expires=expires)
        try:
            retry.call(lambda: row.save(condition=model.pk.does_not_exist()), ["return"])
        except retry.ConditionFailed:
            return False
        return True


def _unchanged(models: Models, before: Attached) -> Any:
    return models.attached.revision == before.revision


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """The writes of files in the transaction of a change.

    An event of staff with files takes these files: no other message can refer to them then. If one
    of them is not free any more, the change fails with Raced.
    """
    (first, _), *_ = changes
    number = first.after.number
    match cause:
        case FilesArrived(files):
            return [
                Write(
                    models.attached(**_item(number, file)),
                    condition=models.attached.pk.does_not_exist(),
                    lost=DoneAlready("this file arrived before"),
                )
                for file in files
            ]
        case FileChanged(after, revision):
            changed = replace(after, revision=revision + 1)
            return [
                Write(
                    models.attached(**_item(number, changed)),
                    condition=models.attached.revision == revision,
                    lost=Raced("the file was changed meanwhile"),
                )
            ]
    return [
        write
        for change, _ in changes
        for event in change.events
        if event.by.is_staff and event.data.get("files")
        for write in _taken(models, change.after.number, event)
    ]


def _taken(models: Models, number: str, event: Event) -> list[Write]:
    """The writes that make files part of an event of staff."""
    model = models.attached
    free = model.event.does_not_exist() & model.state.is_in(*(state.value for state in KEPT))
    return [
        Write(
            model(keys.ticket_pk(number), keys.file_sk(file["id"])),
            [
                model.event.set(event.number),
                model.revision.set(model.revision + 1),
                model.owner_pk.set(keys.held_files_pk()),
                model.owner_sk.set(keys.held_file_sk(event.at, number, file["id"])),
            ],
            model.pk.exists() & free,
            Raced("a file was taken or changed meanwhile"),
        )
        for file in event.data["files"]
    ]
