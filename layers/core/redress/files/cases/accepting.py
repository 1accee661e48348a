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
from redress.tickets.rules.checklist import Item, ItemState, find
from redress.tickets.rules.steps import checklists
from redress.tickets.rules.ticket import LinkKind, Ticket
from redress.tickets.store.attached import AttachedStore
from redress.tickets.store.tickets import TicketStore


class AcceptingCase:
    def __init__(self, tickets: TicketStore, files: AttachedStore) -> None:
        self._tickets, self._files = tickets, files

    def step(self, item: str, text: str, ids: Sequence[str]) -> StaffStep:
        """Return the step that accepts an item (`checklists.accept`). It reads the files itself.

        Without `ids`, the item is accepted with the files that the customer has sent for it, here
        or in a ticket that was merged into this one. One of them must be clean, unless `text` says
        how the item came. The step raises InvalidInput with a fault for each file of `ids` that is
        not a clean file of the ticket.
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
        if not ids and (text.strip() or item.state != ItemState.GIVEN):
            return []
        known = self._known(ticket)
        if not ids:
            if any(_is_open(known.get(one)) for one in item.files):
                return []
            if not item.files and self._is_open_in_source(ticket, item):
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

    def _known(self, ticket: Ticket) -> dict[str, Attached]:
        return {file.id: file for file in self._files.of_ticket(ticket.number)}

    def _is_open_in_source(self, ticket: Ticket, item: Item) -> bool:
        """Whether a ticket that was merged into this one has a clean file of the same item.

        A merge leaves the files in the source, where they may be checked or withdrawn later. A
        source that cannot be read counts as one without files.
        """
        merged = [one.number for one in ticket.links if one.kind is LinkKind.MERGED_FROM]
        for source in self._tickets.get_readable(merged) if merged else ():
            there = find(source.checklist, item.id)
            if there is None or there.kind != item.kind or not there.files:
                continue
            known = self._known(source)
            if any(_is_open(known.get(one)) for one in there.files):
                return True
        return False


def _is_open(file: Attached | None) -> bool:
    return file is not None and file.state is FileState.CLEAN
