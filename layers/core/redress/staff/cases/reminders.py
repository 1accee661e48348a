"""Reminders that supervisors and managers give agents, and the list of those that a member got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from redress.base import texts
from redress.base.errors import Forbidden
from redress.base.people import Member
from redress.plans.rules.plan import Plan
from redress.staff.cases import paging
from redress.staff.rules.leading import may_lead
from redress.staff.store import Reminder, StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.staff import (
    PAGE_LIMIT,
    WorkItem,
    must_see,
    telling_what_is_possible,
    work_item,
)
from redress.tickets.rules import access
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import EventType, Ticket
from redress.tickets.store.tickets import TicketStore


@dataclass(frozen=True, slots=True)
class ReminderLine:
    """One reminder: its ticket as it is now, the number of the event, when, who gave it, the words.

    `key` is the place of the line in the list.
    """

    item: WorkItem
    event: int
    at: datetime
    by: str
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class ReminderPage:
    lines: list[ReminderLine]
    next: str | None


class ReminderCases:
    def __init__(self, staff: StaffStore, tickets: TicketStore, changes: TicketChanges) -> None:
        self._staff, self._tickets, self._changes = staff, tickets, changes

    def give(self, leader: Member, number: str, content: Callable[[], tuple[str, str]]) -> Ticket:
        """Remind the agent of a ticket, and return the ticket after it. The agent gets a mail.

        `content` reads from the request who is reminded, and the words. A reminder changes nothing
        of the ticket, so the request has no version. A repeated request is recognized by its
        content: if the last event is the same reminder by the same person, none is added. Raises
        NotFound, Forbidden, then the errors of `content` and those of `by_staff.remind`.
        """
        actor, asked = leader.actor, cache(content)
        read: list[Ticket] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            read.clear()
            must_see(leader, ticket)
            read.append(ticket)
            if not access.may_make(leader, ticket, "remind"):
                raise Forbidden("this ticket is not in your team")
            agent, text = asked()
            last = self._tickets.event(number, ticket.version)
            latest = (last.type, last.by, last.data.get("agent"), last.data.get("text"))
            if latest == (EventType.REMINDED, actor, agent, texts.cleaned(text)):
                return None
            return by_staff.remind(ticket, plan, actor, agent, text, at)

        with telling_what_is_possible(leader, read):
            return self._changes.change(number, decide)

    def page(
        self, reader: Member, agent: str, content: Callable[[], tuple[int, str | None]]
    ) -> ReminderPage:
        """One page of the reminders that a member got, the last first.

        `content` reads from the request how many are wanted, and `next` of the page before. The
        member and those who lead them may read it. A reminder of a ticket that the reader may not
        see is left out. Raises NotFound for an unknown member, Forbidden, and then the errors of
        `content`.
        """
        member = self._staff.member(agent)
        if reader.id != member.id and not may_lead(reader, member):
            raise Forbidden("only the member and those who lead them read these reminders")
        limit, before = content()
        shown = partial(self._lines, reader)
        return ReminderPage(
            *paging.page(
                limit,
                before,
                lambda last: self._staff.reminders_of(agent, last, PAGE_LIMIT),
                shown,
                PAGE_LIMIT,
            )
        )

    def _lines(self, reader: Member, some: list[Reminder]) -> list[ReminderLine]:
        found = self._tickets.get_readable([one.number for one in some])
        seen = {one.number: one for one in found if access.may_see(reader, one)}
        shown = [one for one in some if one.number in seen]
        events = self._tickets.events([(one.number, one.event) for one in shown])
        lines = []
        for one in shown:
            event = events.get((one.number, one.event))
            if event is not None:
                item = work_item(seen[one.number], reader)
                text = event.data["text"]
                lines.append(ReminderLine(item, one.event, event.at, event.by.id, text, one.key))
        return lines
