"""Set the members of staff whom a complaint is about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from redress.base.errors import Fault, InvalidInput, NotFound, pointer
from redress.base.people import Member, is_subject
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.steps import by_staff


class AboutCase:
    def __init__(self, staff: StaffStore) -> None:
        self._staff = staff

    def step(self, members: Sequence[str], reason: str) -> StaffStep:
        """The step that sets these members, by their ids.

        Raises InvalidInput with a fault for every id that is unknown or given twice.
        """
        faults, known = [], {}
        for index, member in enumerate(members):
            here = pointer("members", str(index))
            if member in members[:index]:
                faults.append(Fault(here, "duplicate", "this member is named twice"))
            elif found := self._member(member):
                known[member] = found
            else:
                detail = "there is no such member of staff"
                faults.append(Fault(here, "unknown_member", detail))
        if faults:
            raise InvalidInput(faults)
        return partial(by_staff.set_about, members=members, why=reason, known=known)

    def _member(self, member: str) -> Member | None:
        try:
            return self._staff.member(member, consistent=True) if is_subject(member) else None
        except NotFound:
            return None
