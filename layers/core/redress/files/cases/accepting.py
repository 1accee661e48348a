"""The files with which an item of a checklist is accepted: staff must be able to open them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from redress.base.errors import Fault, InvalidInput
from redress.base.people import Actor
from redress.plans.rules.checklists import MATERIAL
from redress.plans.rules.plan import Plan
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist import ItemState, find
from redress.tickets.rules.steps import checklists
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.attached import AttachedStore


class AcceptingCase:
    def __init__(self, files: AttachedStore) -> None:
        self._files = files

    def step(self, item: str, text: str, ids: Sequence[str]) -> StaffStep:
        """Return the step that accepts an item (`checklists.accept`). It reads the files itself.

        Without `ids`, the item is accepted with the files that the customer has sent for it. One of
        them must be clean, unless `text` says how the item came. The step raises InvalidInput with
        a fault for each file of `ids` that is not a clean file of the ticket.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            faults = self._faults(ticket, item, text, ids)
            try:
                change = checklists.accept(ticket, plan, by, item, text, at, ids)
            except InvalidInput as invalid:
                raise InvalidInput(faults + invalid.faults) from None
            if faults:
                raise InvalidInput(faults)
            return change

        return decide

    def _faults(self, ticket: Ticket, item_id: str, text: str, ids: Sequence[str]) -> list[Fault]:
        item = find(ticket.checklist, item_id)
        if item is None or item.kind != MATERIAL:
            return [Fault("/files", "no_files", "only a material has files")] if ids else []
        sent = item.files if item.state == ItemState.GIVEN else ()
        if not ids and (text.strip() or not sent):
            return []
        known = {file.id: file for file in self._files.of_ticket(ticket.number)}
        if not ids:
            if any(_is_open(known.get(one)) for one in sent):
                return []
            detail = "none of the files of this item can be opened: say how it came, or reject it"
            return [Fault("/text", "file_not_open", detail)]
        faults = []
        for index, one in enumerate(ids):
            file = known.get(one)
            if file is None or file.event is None:
                detail = "no message of this ticket has such a file"
                faults.append(Fault(f"/files/{index}", "unknown_file", detail))
            elif not _is_open(file):
                detail = f"nobody can open this file: it is {file.state}"
                faults.append(Fault(f"/files/{index}", "file_not_open", detail))
            elif one in ids[:index]:
                detail = "this file is in the list before"
                faults.append(Fault(f"/files/{index}", "repeated", detail))
        return faults


def _is_open(file: Attached | None) -> bool:
    return file is not None and file.state is FileState.CLEAN
