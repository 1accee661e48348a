"""Permissions to upload a file to a ticket."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from redress.base.errors import Fault, InvalidInput, NotAllowedNow
from redress.base.people import Actor, Role
from redress.files.rules import names
from redress.files.store.bucket import CONTENT_TYPE, FILENAME, FilesBucket, upload_key
from redress.plans.rules.plan import FilesPlan
from redress.plans.store.plans import Plans
from redress.tickets.links import Links
from redress.tickets.rules.attached import kept, uploaded
from redress.tickets.rules.steps import checklists
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.attached import AttachedStore
from redress.tickets.store.tickets import TicketStore

UPLOAD_S = 1_800
"""How long a permission is valid, in seconds. The credentials that sign it may end earlier."""

MOST_TRIES = 3
"""The plan limits the files that a ticket keeps. The limit for all uploads to a ticket, including
refused and withdrawn ones, is so many times as high. So nobody can fill a ticket with refused
files."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A permission to put one file into the bucket, as `Post` describes it. `id` is the file's."""

    id: str
    url: str
    fields: dict[str, str]
    expires_at: datetime


class UploadingCase:
    def __init__(
        self,
        tickets: TicketStore,
        files: AttachedStore,
        plans: Plans,
        bucket: FilesBucket,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._files, self._plans = tickets, files, plans
        self._bucket, self._now = bucket, now

    def offer(
        self,
        number: str,
        by: Actor,
        name: str,
        size: int | None,
        back: Callable[[str, datetime], str] | None = None,
        item: str | None = None,
    ) -> Upload:
        """Return a permission to upload one file to a ticket. Nothing is written.

        `size` is None if it is not known yet, as in a form without script. The bucket then refuses
        a file that is too large. `back` returns the address to which S3 sends the browser
        afterwards, from the id of the file and the end of the permission; without it S3 answers
        with 201. `item` is the id of the item of the checklist that the customer gives with it.

        A file of the customer goes to the ticket in which a merged one goes on.

        Raises NotFound, InvalidInput for a file that is empty or too large or one too many, and
        NotAllowedNow for a closed ticket (`takes_files`), and for an item that takes no file now.
        """
        ticket = self._tickets.get(number)
        if by.role is Role.CUSTOMER:
            ticket = self._tickets.continued(ticket)
            number = ticket.number
        require_open(ticket, by)
        if item is not None:
            checklists.require_room(ticket, item)
        plan = self._plans.get(ticket.plan_version).files
        require_room(plan, size, self._files, number, self._now())
        file = secrets.token_hex(8)
        expires = self._now() + timedelta(seconds=UPLOAD_S)
        fields = {
            "x-amz-meta-name": names.carried(name) if name or back is None else FILENAME,
            "x-amz-meta-by": uploader(by),
            "Content-Type": CONTENT_TYPE,
        }
        if item is not None:
            fields["x-amz-meta-item"] = item
        if back is not None:
            fields["success_action_redirect"] = back(file, expires)
        else:
            fields["success_action_status"] = "201"
        made = self._bucket.upload(upload_key(number, file), fields, plan.most_bytes, UPLOAD_S)
        return Upload(file, made.url, made.fields, expires)


def uploader(by: Actor) -> str:
    """Return how the metadata of an upload name its author: `customer` or `agent:0b7e...`."""
    return f"{by.role.value}:{by.id}" if by.id else by.role.value


def uploaded_by(metadata: str) -> Actor | None:
    """Return the author in the metadata of an upload; None if they name none."""
    role, _, member = metadata.partition(":")
    if role not in tuple(Role):
        return None
    found = Actor(Role(role), member)
    return found if found.is_staff == bool(member) and found.is_person else None


def takes_files(ticket: Ticket, by: Actor) -> bool:
    """Whether the ticket takes files of this author.

    A closed ticket takes none, except from staff while it owes the customer a remedy: a file proves
    that they got it.
    """
    return ticket.state in STEPS[Step.WRITE] or (by.is_staff and ticket.has_open_remedy)


def require_open(ticket: Ticket, by: Actor) -> None:
    """Raise NotAllowedNow if the ticket takes no files of this author."""
    if not takes_files(ticket, by):
        raise NotAllowedNow("attach", ticket.state)


def require_room(
    plan: FilesPlan, size: int | None, files: AttachedStore, number: str, now: datetime
) -> None:
    """Raise InvalidInput if a file has a wrong size, or if the ticket has no room for it.

    A `size` of None is not compared. The error names both faults.
    """
    faults = []
    if size is not None and size > plan.most_bytes:
        detail = f"a file has at most {plan.most_bytes} bytes"
        faults.append(Fault("/size", "file_too_large", detail))
    elif size is not None and size < 1:
        faults.append(Fault("/size", "file_empty", "the file is empty"))
    known = uploaded(files.of_ticket(number))
    if is_full(plan, kept(known, now), len(known)):
        detail = f"a ticket has at most {plan.most_each_ticket} files"
        faults.append(Fault("", "too_many_files", detail))
    if faults:
        raise InvalidInput(faults)


def is_full(plan: FilesPlan, count: int, known: int) -> bool:
    """Whether a ticket has no room for one more file.

    `count` is the number of files that are kept, `known` that of all uploads.
    """
    return count >= plan.most_each_ticket or known >= MOST_TRIES * plan.most_each_ticket


@dataclass(frozen=True, slots=True)
class Returned:
    """A customer whose browser S3 sent back. `first` is false if the address was used before."""

    number: str
    file: str
    language: str
    first: bool


class ReturningCase:
    """Reads the address to which S3 sends a customer's browser after an upload. It works once."""

    def __init__(self, files: AttachedStore, links: Links, now: Callable[[], datetime]) -> None:
        self._files, self._links, self._now = files, links, now

    def use(self, token: str) -> Returned:
        """Use up the token of an address (`Links.return_token`).

        Raises NotFound for a forged token and LinkExpired for one that is over.
        """
        number, file, language = self._links.read_return(token, self._now)
        return Returned(number, file, language, self._files.use_return(file, self._now()))
