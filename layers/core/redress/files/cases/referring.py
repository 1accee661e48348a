"""The files to which a message of staff refers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from redress.base.errors import Fault, InvalidInput
from redress.base.people import Actor
from redress.plans.rules.plan import FilesPlan, Plan
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.attached import WAITS, Attached, FileState, is_over, listed
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.attached import AttachedStore

_FAULTS = {
    FileState.REFUSED: ("file_refused", "this file was refused"),
    FileState.FOUND: ("file_found", "the scanner found something in this file"),
    FileState.WITHDRAWN: ("file_withdrawn", "this file was withdrawn"),
}


class StepWithFiles(Protocol):
    """A step of `by_staff` that takes files, with all other arguments bound by `partial`."""

    def __call__(
        self,
        ticket: Ticket,
        plan: Plan,
        /,
        *,
        by: Actor,
        at: datetime,
        files: by_staff.Files,
    ) -> Change | None: ...


class ReferringCase:
    def __init__(self, files: AttachedStore) -> None:
        self._files = files

    def step(self, step: StepWithFiles, ids: Sequence[str]) -> StaffStep:
        """Return the step with the files that have these ids. It reads them when it decides."""

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change | None:
            files = self.listed(ticket, plan, by, ids, at)
            return step(ticket, plan, by=by, at=at, files=files)

        return decide

    def listed(
        self, ticket: Ticket, plan: Plan, by: Actor, ids: Sequence[str], at: datetime
    ) -> list[dict[str, Any]]:
        """Return the files with these ids as an event lists them.

        Raises InvalidInput with a fault for each file that cannot be sent: unknown, uploaded by
        somebody else, part of another message, refused, found to be harmful, withdrawn, too old, or
        named twice.
        """
        if not ids:
            return []
        known = {file.id: file for file in self._files.of_ticket(ticket.number)}
        if faults := _faults(plan.files, known, by, ids, at):
            raise InvalidInput(faults)
        return [listed(known[one]) for one in ids]


def _faults(
    plan: FilesPlan, known: dict[str, Attached], by: Actor, ids: Sequence[str], at: datetime
) -> list[Fault]:
    faults = []
    if len(ids) > plan.most_at_once:
        detail = f"at most {plan.most_at_once} files in one message"
        faults.append(Fault("/files", "too_many_files", detail))
    for index, one in enumerate(ids):
        file, here = known.get(one), f"/files/{index}"
        if file is None or file.by.id != by.id:
            detail = "you uploaded no such file here; a new one may be a moment late"
            faults.append(Fault(here, "unknown_file", detail))
        elif file.state in _FAULTS:
            faults.append(Fault(here, *_FAULTS[file.state]))
        elif file.event is not None:
            faults.append(Fault(here, "file_sent", "another message has this file"))
        elif is_over(file, at):
            detail = f"this file was uploaded more than {WAITS.days} days ago; upload it again"
            faults.append(Fault(here, "file_expired", detail))
        elif one in ids[:index]:
            faults.append(Fault(here, "repeated", "this file is in the list before"))
    return faults
