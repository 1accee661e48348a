"""What becomes of an upload: it is checked, joins its ticket, and is copied to be scanned.

Each step can be repeated. The ticket's event and the items of its files are one transaction. So a
worker that is killed leaves nothing, or files that the repeated message or the sweep has copied.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from redress.base.errors import NotFound, RedressError
from redress.base.people import Actor, Role
from redress.files.cases.uploading import MOST_TRIES, takes_files, uploaded_by
from redress.files.messages import FILE_ID, file_in
from redress.files.rules import names, refusals
from redress.files.rules.kinds import HEAD
from redress.files.rules.refusals import Refusal
from redress.files.store.bucket import FilesBucket, Stored, file_key, upload_key
from redress.plans.rules.plan import FilesPlan, Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.attached import Attached, FileState, kept, listed, uploaded
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.steps import by_customer, by_system, checklists
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.attached import AttachedStore, FilesArrived
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Cause, DoneAlready

Recognise = Callable[[bytes, Callable[[int, int], bytes]], str]
"""Returns the media type of a file, from its first HEAD bytes and a function that reads others."""

GATHER_S = 3.0
"""How long a worker waits for other uploads to the same ticket, in seconds."""

WAIT = timedelta(minutes=10)
"""How long after an upload S3's event about it may still be processed. This includes Lambda's
retries."""

ATTEMPTS = 3
"""How often a change is decided again because another worker has taken one of its files."""


@dataclass(frozen=True, slots=True)
class _Uploaded:
    """An upload as it was checked. It belongs to no ticket yet."""

    id: str
    name: str
    type: str
    size: int
    by: Actor
    version: str | None
    item: str | None
    """The id of the item of the checklist for which the customer sent it."""


class _MergedSince(Exception):
    """The ticket was merged, or its merge was undone, after it was read."""


class ArrivingCase:
    def __init__(
        self,
        tickets: TicketStore,
        changes: TicketChanges,
        files: AttachedStore,
        plans: Plans,
        bucket: FilesBucket,
        recognise: Recognise,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> None:
        self._pause = pause
        self._tickets, self._changes, self._files = tickets, changes, files
        self._plans, self._bucket, self._recognise = plans, bucket, recognise
        self._now = now

    def gathered(self, number: str, file: str) -> list[Attached]:
        """Take an upload together with the others that come in the next GATHER_S seconds.

        So photos that a customer sends together are one message, and one mail to the agent. S3
        tells of each upload alone. Whoever comes first takes all of them; the others find nothing
        to do. If they cannot be taken together, this one is taken alone.
        """
        known = self._files.find(number, file)
        if known is not None:
            self._finish(number, known)
            return []
        self._pause(GATHER_S)
        taken = {one.id for one in self._files.of_ticket(number)}
        if file in taken:
            return self.arrived(number, [file])
        others = [one for one in self._bucket.uploads(number) if one not in taken and _is_id(one)]
        try:
            return self.arrived(number, [*others, file])
        except (RedressError, BotoCoreError, ClientError, OSError):
            # Another upload must not keep this one out. Its own message reports what is wrong.
            return self.arrived(number, [file])

    def arrived(self, number: str, files: Sequence[str]) -> list[Attached]:
        """Take these uploads of a ticket, and return the files that are new.

        The customer's files of one call become one message, or more if they are more than the plan
        allows in one. A file of staff waits for the message
        that refers to it. An upload without a ticket, or of a ticket that knows too many files, is
        removed. What the customer uploaded to a ticket that was merged meanwhile is passed on to
        the ticket in which that goes on, and arrives there as a new upload. A repeated call repeats
        what a killed one has left out.
        """
        while True:
            try:
                return self._taken(number, files)
            except _MergedSince:
                continue

    def _taken(self, number: str, files: Sequence[str]) -> list[Attached]:
        """Take these uploads as `arrived` does. After _MergedSince, call it again."""
        known = {file.id: file for file in self._files.of_ticket(number)}
        again = [known[file] for file in dict.fromkeys(files) if file in known]
        for file in again:
            self._finish(number, file)
        found = [self._checked(number, file) for file in dict.fromkeys(files) if file not in known]
        uploads = [one for one in found if one is not None]
        if not uploads:
            return []
        try:
            ticket = self._tickets.get(number)
        except NotFound:
            self._remove(number, uploads)
            return []
        new: list[Attached] = []
        own = [one for one in uploads if one.by.role is Role.CUSTOMER]
        into = self._tickets.continued(ticket)
        if into.number != number:
            for one in own:
                self._pass_on(number, one, into.number)
            uploads = [one for one in uploads if one.by.is_staff]
            own = []
        most = self._plans.get(ticket.plan_version).files.most_at_once
        for part in itertools.batched(own, most, strict=False):
            new += self._attached(ticket, part)
        if of_staff := [one for one in uploads if one.by.is_staff]:
            new += self._waiting(ticket, of_staff)
        for file in new:
            self._finish(number, file)
        if len(new) < len(uploads):
            # Another worker has taken some, or the ticket knows too many.
            taken = {file.id for file in self._files.of_ticket(number)}
            self._remove(number, [one for one in uploads if one.id not in taken])
        return new

    def unreported(self) -> list[Attached]:
        """Take the uploads of which no event told, and return the files that are new.

        An upload that came less than WAIT ago is left, because its event may still come. If the
        uploads of one ticket cannot be taken, those of the others are. Then the first error is
        raised.
        """
        found = [file_in(key) for key in self._bucket.all_uploads(self._now() - WAIT)]
        lost: defaultdict[str, list[str]] = defaultdict(list)
        for place in found:
            if place is not None and self._files.find(*place[1:]) is None:
                lost[place[1]].append(place[2])
        new: list[Attached] = []
        errors: list[Exception] = []
        for number, files in lost.items():
            try:
                new += self.arrived(number, files)
            except (RedressError, BotoCoreError, ClientError, OSError) as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return new

    def refer(self, number: str, files: Iterable[str]) -> list[str]:
        """Copy the files to which a message of staff refers, so that they are scanned.

        Return those whose upload is not kept any more.
        """
        found = [self._files.find(number, file) for file in files]
        named = [file for file in found if file is not None and file.event is not None]
        return [file.id for file in named if not self._finish(number, file)]

    def _checked(self, number: str, file: str) -> _Uploaded | None:
        """Return an upload with the type of its content; None if it is gone or names no author."""
        key = upload_key(number, file)
        try:
            stored = self._bucket.head(key)
            head = self._bucket.part(key, stored.version, 0, HEAD)
            media_type = self._recognise(
                head, lambda offset, count: self._bucket.part(key, stored.version, offset, count)
            )
        except NotFound:
            return None
        by = uploaded_by(stored.metadata.get("by", ""))
        if by is None:
            self._bucket.remove(key)
            return None
        name = names.shown(_name_in(stored), media_type)
        item = stored.metadata.get("item")
        return _Uploaded(file, name, media_type, stored.size, by, stored.version, item)

    def _attached(self, read: Ticket, uploads: Sequence[_Uploaded]) -> list[Attached]:
        """Make the customer's uploads part of the ticket, and return their files.

        Raises _MergedSince if they may belong to another ticket than when it was read.
        """
        new: list[Attached] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            if ticket.merged != read.merged:
                raise _MergedSince
            new[:] = self._judged(ticket, plan.files, uploads, at)
            good = [file for file in new if file.is_kept]
            bad = [file for file in new if not file.is_kept]
            change = None
            for item, group in _by_item(ticket, good, uploads):
                data = [listed(file) for file in group]
                before = change.after if change is not None else ticket
                step = partial(checklists.send, id_=item) if item else by_customer.attach
                part = step(before, plan, files=data, at=at)
                change = joined(change, part)
                sent = {file.id for file in group}
                event = part.events[0].number
                new[:] = [replace(file, event=event) if file.id in sent else file for file in new]
            if bad:
                words, data = refusals.note_of(bad), [refusals.noted(file) for file in bad]
                after = change.after if change is not None else ticket
                change = joined(change, by_system.note_files(after, plan, words, data, at))
            return change

        def cause(change: Change, at: datetime) -> Cause:
            return FilesArrived(tuple(new))

        for _ in range(ATTEMPTS):
            try:
                self._changes.change(read.number, decide, cause=cause)
            except DoneAlready:
                continue
            return new
        return []

    def _waiting(self, ticket: Ticket, uploads: Sequence[_Uploaded]) -> list[Attached]:
        """Write the files of staff, to which a message can refer from now on."""
        plan = self._plans.get(ticket.plan_version).files
        new = self._judged(ticket, plan, uploads, self._now())
        return [file for file in new if self._files.put_new(ticket.number, file)]

    def _judged(
        self, ticket: Ticket, plan: FilesPlan, uploads: Sequence[_Uploaded], at: datetime
    ) -> list[Attached]:
        """Return the files of uploads that the ticket does not know yet, kept or refused.

        Those that would be too many even as refused ones are left out.
        """
        known = uploaded(self._files.of_ticket(ticket.number))
        ids, count, total = {file.id for file in known}, kept(known, at), len(known)
        files = list[Attached]()
        for one in uploads:
            if one.id in ids or total >= MOST_TRIES * plan.most_each_ticket:
                continue
            why = refusals.refusal_of(plan, one.type, one.size)
            if not takes_files(ticket, one.by):
                why = Refusal.CLOSED
            if why is None and count >= plan.most_each_ticket:
                why = Refusal.TOO_MANY
            count, total = count + (why is None), total + 1
            files.append(
                Attached(
                    one.id,
                    one.name,
                    one.type,
                    one.size,
                    one.by,
                    at,
                    FileState.HELD if why is None else FileState.REFUSED,
                    reason=why.value if why is not None else None,
                    version=one.version,
                )
            )
        return files

    def _finish(self, number: str, file: Attached) -> bool:
        """Do what follows after a file was written: copy it to be scanned, or remove it.

        A file that nothing refers to is neither. A copy that is there already is made again: it is
        scanned again, and has the same content. Return False if the upload is not kept any more.
        """
        source = upload_key(number, file.id)
        if file.state in (FileState.REFUSED, FileState.WITHDRAWN):
            self._bucket.remove(source)
        elif file.state is FileState.HELD and file.event is not None:
            try:
                self._bucket.copy(source, file.version, file_key(number, file.id))
            except NotFound:
                return False  # lifecycle has removed the upload
            now = self._files.find(number, file.id)
            if now is not None and now.state is FileState.WITHDRAWN:
                self._bucket.remove(file_key(number, file.id))  # it was withdrawn meanwhile
        return True

    def _pass_on(self, number: str, upload: _Uploaded, into: str) -> None:
        source = upload_key(number, upload.id)
        try:
            self._bucket.pass_on(source, upload.version, upload_key(into, upload.id))
        except NotFound:
            return  # another worker has passed it on

    def _remove(self, number: str, uploads: Iterable[_Uploaded]) -> None:
        for one in uploads:
            self._bucket.remove(upload_key(number, one.id))


def _by_item(
    ticket: Ticket, files: Sequence[Attached], uploads: Sequence[_Uploaded]
) -> Iterator[tuple[str | None, list[Attached]]]:
    """Yield the files for each item of the checklist, and then, with None, all others.

    A file for an item that takes no more, because staff have accepted it or the ticket has another
    checklist since, is an ordinary message. So nothing that the customer sent is lost.
    """
    wanted = {one.id: one.item for one in uploads}
    groups: defaultdict[str | None, list[Attached]] = defaultdict(list)
    for file in files:
        item = wanted[file.id]
        has_room = item is not None and len(groups[item]) < checklists.room(ticket, item)
        groups[item if has_room else None].append(file)
    for item in sorted(groups, key=lambda one: (one is None, one or "")):
        if groups[item]:
            yield item, groups[item]


def _is_id(text: str) -> bool:
    return re.fullmatch(FILE_ID, text) is not None


def _name_in(stored: Stored) -> str:
    return names.original_in(stored.metadata.get("name", ""))
