"""The files of a ticket for those who may see it: the list, opening and withdrawing.

A file is opened by a link that is valid for a minute and makes a browser save it. Nothing is shown
under the product's own address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import FileNotOpen, Forbidden, NotFound
from redress.base.people import CUSTOMER, Actor, Member, Role
from redress.files.cases.uploading import Upload, UploadingCase, is_full, takes_files
from redress.files.rules import refusals
from redress.files.store.bucket import FilesBucket, file_key, upload_key
from redress.plans.rules.checklists import label
from redress.plans.rules.plan import FilesPlan, Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.staff import must_read
from redress.tickets.rules import access
from redress.tickets.rules.attached import Attached, FileState, kept, seen_by_customer, uploaded
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist_events import given_files
from redress.tickets.rules.steps import checklists
from redress.tickets.rules.steps.checklists import room
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.attached import AttachedStore, FileMoved, Viewed
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Raced

ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class FilesView:
    """The files of a ticket, oldest first, and whether it takes more.

    takes_files  whether the ticket is open and has room for one more file
    closed       whether it takes none because it is closed
    limits       what the ticket's plan allows
    left         how many more files the ticket has room for
    views        which files staff opened, newest first; empty for a customer
    """

    ticket: Ticket
    files: Sequence[Attached]
    takes_files: bool
    closed: bool
    limits: FilesPlan
    left: int
    zone: str
    views: Sequence[Viewed] = ()


_WHY = {
    FileState.HELD: "the file was not checked yet; please try again shortly",
    FileState.REFUSED: "the file was refused",
    FileState.FOUND: "the scanner found something in the file, or could not scan it",
    FileState.WITHDRAWN: "the file was withdrawn",
}


class _Files:
    """What customers and staff have in common."""

    def __init__(
        self,
        tickets: TicketStore,
        files: AttachedStore,
        plans: Plans,
        bucket: FilesBucket,
        changes: TicketChanges,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._files, self._plans = tickets, files, plans
        self._changes = changes
        self._bucket, self._now = bucket, now
        self._uploading = UploadingCase(tickets, files, plans, bucket, now)

    def _view(
        self, ticket: Ticket, known: Sequence[Attached], shown: Sequence[Attached], by: Actor
    ) -> FilesView:
        plan = self._plans.get(ticket.plan_version)
        closed = not takes_files(ticket, by)
        count, limits = kept(known, self._now()), plan.files
        takes = not closed and not is_full(limits, count, len(uploaded(known)))
        left = max(0, limits.most_each_ticket - count)
        return FilesView(ticket, shown, takes, closed, limits, left, plan.time_zone)

    def _find(self, ticket: Ticket, file: str) -> tuple[str, Attached]:
        """A file of the ticket, and the number of the ticket that keeps it. Raises NotFound.

        A file of a message that was split off stays with the ticket in which it was sent.
        """
        found = self._files.find(ticket.number, file)
        if found is not None:
            return ticket.number, found
        for keeper, moved in self._tickets.moved_files(ticket):
            if moved.id == file:
                return keeper, moved
        raise NotFound("there is no such file")

    def _link(self, number: str, file: Attached) -> str:
        """Return the link to a clean file.

        Raises FileNotOpen for any other one, and NotFound if its content is not kept any more.
        """
        if file.state is not FileState.CLEAN:
            raise FileNotOpen(file.state.value, _WHY[file.state])
        key = file_key(number, file.id)
        self._bucket.head(key)
        return self._bucket.link(key, file.name)

    def _withdraw(self, number: str, file: str, by: Actor) -> None:
        """Withdraw a file and hide its objects. A repeat does the latter again.

        Raises FileNotOpen for a file that was refused, because nobody can open it anyway, and for
        one of a mail, because the mail itself would still have it.
        """
        for _ in range(ATTEMPTS):
            found = self._files.get(number, file)
            if found.of_mail:
                raise FileNotOpen(found.state.value, "a file of a mail stays with the mail")
            if found.state is FileState.REFUSED:
                raise FileNotOpen(found.state.value, _WHY[found.state])
            if found.state is not FileState.WITHDRAWN:
                gone = replace(
                    found, state=FileState.WITHDRAWN, changed_at=self._now(), changed_by=by
                )
                try:
                    self._change(number, found, gone, by)
                except Raced:
                    continue
            self._bucket.remove(file_key(number, file))
            self._bucket.remove(upload_key(number, file))
            return
        raise Raced("the file is changed all the time")

    def _change(self, number: str, found: Attached, gone: Attached, by: Actor) -> None:
        """Write that a file was withdrawn. Raises Raced if it changed meanwhile.

        If it was given for an item of the checklist, the ticket changes in the same transaction.
        """
        if found.id not in given_files(self._tickets.get(number).checklist):
            self._files.change(number, found, gone)
            return
        made: list[Change | None] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            named, words = {"id": found.id, "name": found.name}, refusals.note_of_withdrawal(found)
            made[:] = [checklists.withdraw(ticket, plan, by, named, words, at)]
            return made[0]

        try:
            self._changes.change(number, decide, cause=self._files.change_with(number, found, gone))
        except FileMoved as error:
            raise Raced("the file was changed meanwhile") from error
        if made == [None]:
            raise Raced("somebody has decided about the item meanwhile")


class CustomerFiles(_Files):
    """What a customer does with files. The caller has checked the link to the ticket."""

    def view(self, number: str) -> FilesView:
        """The files that the customer sees. Raises NotFound."""
        found = self._tickets.file(number)
        shown = seen_by_customer(found.attached, found.history)
        shown += [file for _, file in self._tickets.moved_files(found.ticket)]
        return self._view(found.ticket, found.attached, shown, CUSTOMER)

    def offer(
        self,
        number: str,
        name: str,
        size: int | None,
        back: Callable[[str, datetime], str] | None = None,
        item: str | None = None,
    ) -> Upload:
        """See `UploadingCase.offer`."""
        return self._uploading.offer(number, CUSTOMER, name, size, back, item)

    def item(self, ticket: Ticket, id_: str) -> Mapping[str, str] | None:
        """What the plan says, in each language, of an item of the checklist; None if it takes no
        file now."""
        if not room(ticket, id_):
            return None
        return label(self._plans.get(ticket.plan_version), ticket.category, id_)

    def open(self, number: str, file: str) -> str:
        """Return the link to a file. Raises NotFound or FileNotOpen."""
        return self._link(*self._seen(number, file))

    def withdraw(self, number: str, file: str) -> FilesView:
        """Withdraw an own file. A repeat has no effect and is not an error.

        Raises NotFound, also for a file of staff, or FileNotOpen.
        """
        keeper, found = self._seen(number, file)
        if found.by.role is not Role.CUSTOMER:
            raise NotFound("there is no such file of yours; staff withdraw their own")
        self._withdraw(keeper, file, CUSTOMER)
        return self.view(number)

    def _seen(self, number: str, file: str) -> tuple[str, Attached]:
        """A file that the customer sees, and the number of the ticket that keeps it."""
        view = self.view(number)
        if file not in {one.id for one in view.files}:
            raise NotFound("there is no such file")
        return self._find(view.ticket, file)


class StaffFiles(_Files):
    """What staff do with files of tickets that they may see or read (`must_read`)."""

    def view(self, member: Member, number: str) -> FilesView:
        """All files of a ticket, and who opened them. Raises NotFound."""
        ticket = self._ticket(member, number)
        files = self._files.of_ticket(number)
        shown = [*files, *(file for _, file in self._tickets.moved_files(ticket))]
        return replace(
            self._view(ticket, files, shown, member.actor), views=self._files.views(number)
        )

    def offer(self, member: Member, number: str, content: Callable[[], tuple[str, int]]) -> Upload:
        """See `UploadingCase.offer`. `content` reads name and size from the request."""
        self._ticket(member, number)
        name, size = content()
        return self._uploading.offer(number, member.actor, name, size)

    def open(self, member: Member, number: str, file: str) -> tuple[Attached, str]:
        """Return a file and the link to it, and record that the member opened it.

        Raises NotFound or FileNotOpen.
        """
        keeper, found = self._find(self._ticket(member, number), file)
        link = self._link(keeper, found)
        self._files.record_view(number, Viewed(file, member.actor, self._now()))
        return found, link

    def withdraw(self, member: Member, number: str, file: str) -> FilesView:
        """Withdraw a file. A repeat has no effect and is not an error.

        Everybody withdraws a file that they uploaded and that no message refers to. Any other one
        is withdrawn by those who may act on the ticket. Raises NotFound, Forbidden or FileNotOpen.
        """
        ticket = self._ticket(member, number)
        keeper, found = self._find(ticket, file)
        own = found.event is None and found.by.id == member.id
        if not own and not access.may_act(member, ticket):
            raise Forbidden("this ticket is not yours")
        self._withdraw(keeper, file, member.actor)
        return self.view(member, number)

    def _ticket(self, member: Member, number: str) -> Ticket:
        ticket = self._tickets.get(number)
        must_read(self._tickets, member, ticket)
        return ticket
