"""Members of staff whom notes mention, and the tickets on which they are mentioned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from redress.base.people import Member, is_subject
from redress.db import keys
from redress.staff.store import Mention, StaffStore
from redress.tickets.cases.staff import PAGE_LIMIT, WorkItem, work_item
from redress.tickets.rules import access
from redress.tickets.store.tickets import TicketStore


@dataclass(frozen=True, slots=True)
class MentionLine:
    """One ticket on which a member is mentioned. `event` is the last note that mentions them."""

    item: WorkItem
    event: int
    at: datetime


@dataclass(frozen=True, slots=True)
class MentionPage:
    lines: list[MentionLine]
    next: str | None


class MentionCases:
    def __init__(self, staff: StaffStore, tickets: TicketStore) -> None:
        self._staff, self._tickets = staff, tickets

    def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        """The members with these ids, by id. Ids of nobody are left out."""
        return self._staff.named(one for one in ids if is_subject(one))

    def page(self, member: Member, limit: int, cursor: str | None) -> MentionPage:
        """One page of the open tickets on which notes mention the member, the last mention first.

        `cursor` is `next` of the previous page; None gives the first page. There is a next page
        only if there is one more line.
        """
        lines: list[tuple[str, MentionLine]] = []
        left = (one for one in self._staff.mentions_of(member.id) if _is_after(one, cursor))
        for some in batched(left, PAGE_LIMIT, strict=False):
            found = self._tickets.get_readable([one.number for one in some])
            tickets = {ticket.number: ticket for ticket in found}
            for one in some:
                ticket = tickets.get(one.number)
                if ticket is None or member.id not in ticket.mentioned:
                    continue
                if access.may_see(member, ticket):
                    line = MentionLine(work_item(ticket, member), one.event, one.at)
                    lines.append((_place(one), line))
            if len(lines) > limit:
                break
        further = lines[limit - 1][0] if len(lines) > limit else None
        return MentionPage([line for _, line in lines[:limit]], further)


def _place(mention: Mention) -> str:
    return keys.opened_sk(mention.at, mention.number)


def _is_after(mention: Mention, cursor: str | None) -> bool:
    return cursor is None or _place(mention) < cursor
