"""Say that somebody is on a ticket, and learn who else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.people import Member
from redress.tickets.cases.staff import must_see
from redress.tickets.rules import viewers
from redress.tickets.rules.viewers import Doing, Viewer
from redress.tickets.store.viewers import ViewerStore


class ViewingCase:
    def __init__(self, store: ViewerStore, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def beat(self, member: Member, number: str, content: Callable[[], Doing]) -> list[Viewer]:
        """Record what a member does with a ticket, and return who else is on it.

        `content` reads from the request what they do. Two members who come within the milliseconds
        of one call see each other with their next beat. Raises NotFound if the ticket does not
        exist or the member may not see it, and then the errors of `content`.
        """
        ticket, known = self._store.read(number)
        must_see(member, ticket)
        doing, at = content(), self._now()
        own = viewers.after_beat(known, member, doing, at)
        if own is not None:
            self._store.record(number, own)
        return viewers.others(known, member, at)
