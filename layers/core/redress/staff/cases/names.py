"""Find the members of staff whom the text of a complaint names."""

from __future__ import annotations

import time
from collections.abc import Callable

from redress.base.people import Member
from redress.staff.rules.names import Names
from redress.staff.store import StaffStore
from redress.tickets.rules.steps.table import MOST_ABOUT

FRESH_FOR_S = 60.0
"""How long a process uses the names that it has read. A name that is new is found after this time.
So the number of members does not change what an assignment costs."""


class StaffNames:
    """A cache of the names of all members of staff, also of those who have left."""

    def __init__(self, staff: StaffStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._staff, self._clock = staff, clock
        self._read: tuple[float, Names] | None = None

    def named_in(self, *texts: str) -> tuple[Member, ...]:
        """The members whose full names are in one of the texts, as they are now, sorted by id.

        At most MOST_ABOUT of them, because each is an item of the transaction. They are read
        again: their team says from which supervisors a complaint about them is kept, so it must not
        be a minute old.
        """
        names = self._names()
        found = set[str]().union(*(names.found_in(text) for text in texts))
        members = self._staff.named(sorted(found)[:MOST_ABOUT], consistent=True)
        return tuple(members[one] for one in sorted(members))

    def _names(self) -> Names:
        now = self._clock()
        if self._read is None or now - self._read[0] >= FRESH_FOR_S:
            names = Names((member.id, member.name) for member in self._staff.members())
            self._read = (now, names)
        return self._read[1]
