"""A mail's attachments become files of its ticket, so that they are checked before they are opened.

The raw mail is checked too, because the attachments are in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.base.errors import NotFound
from redress.base.people import SYSTEM, Actor, Member
from redress.files.messages import Judged, Mailed, Verdict
from redress.files.store.bucket import FilesBucket, file_key
from redress.mail.incoming.bucket import attachment_key
from redress.mail.incoming.rules.enclosed import ORIGINAL, Enclosed, enclosed_in
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.store.attached import AttachedStore, Viewed
from redress.tickets.store.tickets import TicketStore


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known about a file of a mail. `link` is None unless the file is clean."""

    state: FileState
    link: str | None


class MailFilesCase:
    """`mails` is the name of the bucket of mails. `judge` records a verdict about a file."""

    def __init__(
        self,
        tickets: TicketStore,
        files: AttachedStore,
        bucket: FilesBucket,
        mails: str,
        judge: Callable[[Judged], object],
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._files, self._judge = tickets, files, judge
        self._bucket, self._mails, self._now = bucket, mails, now

    def copy(self, number: str, event_number: int, only: str | None = None) -> int:
        """Copy what came with the mail of an event, and return how many files wait for a verdict.

        `only` is the id of the one file to copy; None copies all. A repeated call repeats what a
        killed one has left out. Raises NotFound if there is no such event.
        """
        event = self._tickets.event(number, event_number)
        mail: dict[str, Any] = event.data.get("mail") or {}
        waiting = 0
        for one in enclosed_in(mail):
            if only in (None, one.id):
                file = self._file(number, event_number, event.by, one)
                if file.state is FileState.HELD:
                    waiting += self._copied(mail, number, one)
        return waiting

    def _file(self, number: str, event_number: int, by: Actor, one: Enclosed) -> Attached:
        """Return the file of the ticket. It is written if it is not known yet."""
        author = SYSTEM if one.number == ORIGINAL else by
        file = Attached(
            one.id,
            one.name,
            one.type,
            one.size,
            author,
            self._now(),
            FileState.HELD,
            event=event_number,
            of_mail=True,
        )
        return file if self._files.put_new(number, file) else self._files.get(number, one.id)

    def _copied(self, mail: Mapping[str, Any], number: str, one: Enclosed) -> bool:
        """Copy an object of the mail.

        Return False if it is not kept any more. Nothing can scan it then, and the file says so.
        """
        source = mail["key"]
        if one.number != ORIGINAL:
            source = attachment_key(mail["id"], one.number)
        try:
            self._bucket.take(self._mails, source, file_key(number, one.id))
        except NotFound:
            self._judge(Judged(number, one.id, Verdict.UNSCANNED, "the mail is not kept any more"))
            return False
        return True


class CheckedMails:
    """The links by which staff open a mail and its attachments, once these were checked.

    `ask` sends the checker a message that makes it copy what is missing.
    """

    def __init__(
        self,
        files: AttachedStore,
        bucket: FilesBucket,
        ask: Callable[[Mailed], None],
        now: Callable[[], datetime],
    ) -> None:
        self._files, self._bucket, self._ask, self._now = files, bucket, ask, now

    def of(
        self, member: Member, number: str, event_number: int, mail: Mapping[str, Any]
    ) -> dict[int, Checked]:
        """Return what is known about each file of an event's mail.

        Each link is on record as an opening by the member. A file that is missing counts as held
        and is copied now: the mail has no attachments, or came before files were switched on.
        """
        enclosed = list(enclosed_in(mail))
        known = {file.id: file for file in self._files.of_ticket(number)}
        if any(one.id not in known for one in enclosed):
            self._ask(Mailed(number, event_number))
        return {one.number: self._checked(member, number, known.get(one.id)) for one in enclosed}

    def _checked(self, member: Member, number: str, file: Attached | None) -> Checked:
        if file is None:
            return Checked(FileState.HELD, None)
        if file.state is not FileState.CLEAN:
            return Checked(file.state, None)
        self._files.record_view(number, Viewed(file.id, member.actor, self._now()))
        return Checked(file.state, self._bucket.link(file_key(number, file.id), file.name))
