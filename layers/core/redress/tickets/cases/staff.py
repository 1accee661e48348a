"""What members of staff do with tickets: list their work, read, explain and change a ticket.

The routes in functions/staff/routes declare which roles may call them. The cases here check which
tickets a person may see (`access.may_see`) and change (`access.may_act`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from redress.base import texts
from redress.base.errors import Fault, Forbidden, InvalidInput, NotFound
from redress.base.languages import LANGUAGES
from redress.base.people import Actor, Member
from redress.plans.cases import not_effective_yet
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules import access
from redress.tickets.rules.change import Change
from redress.tickets.rules.explain import Story, explain
from redress.tickets.rules.fold import first_plan
from redress.tickets.rules.steps import by_staff, draft
from redress.tickets.rules.ticket import EventType, Ticket, next_due
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketFile, TicketStore

PAGE_LIMIT = 25


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One line of a work list."""

    number: str
    subject: str
    kind: str
    state: str
    priority: str
    language: str
    assignee: str | None
    due_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class WorkPage:
    items: list[WorkItem]
    next: str | None


@dataclass(frozen=True, slots=True)
class ClockStories:
    """The stories of a ticket's promises at the time `at`: why each is due when it is.

    `language` is the language of the reader. `unacknowledged` is the reason for which the ticket
    promises no acknowledgement, if any (`opening.open_ticket`).
    """

    number: str
    language: str
    at: datetime
    stories: tuple[Story, ...]
    unacknowledged: str | None = None


def work_item(ticket: Ticket) -> WorkItem:
    return WorkItem(
        number=ticket.number,
        subject=ticket.subject,
        kind=ticket.kind,
        state=ticket.state.value,
        priority=ticket.priority,
        language=ticket.language,
        assignee=ticket.assignee,
        due_at=next_due(ticket),
        version=ticket.version,
    )


class StaffStep(Protocol):
    """A step of `by_staff`, with all other arguments bound by `partial`."""

    def __call__(
        self, ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime
    ) -> Change | None: ...


class StaffCases:
    def __init__(
        self,
        tickets: TicketStore,
        lists: TicketLists,
        changes: TicketChanges,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._lists, self._changes = tickets, lists, changes
        self._plans, self._now = plans, now

    def work(self, member: Member, limit: int, cursor: str | None) -> WorkPage:
        """One page of the member's work list, next due first.

        `limit` is from 1 to 25. `cursor` is `next` of the previous page; None gives the first page.
        Raises InvalidInput if `limit` is out of range.
        """
        page = self._lists.owned_by(member.id, limit, cursor)
        return WorkPage([work_item(t) for t in self._tickets.get_many(page.numbers)], page.cursor)

    def read(self, member: Member, number: str) -> TicketFile:
        """One ticket with its complete history.

        Raises NotFound if the ticket does not exist or the member may not see it.
        """
        file = self._tickets.file(number)
        _must_see(member, file.ticket)
        return file

    def clocks(self, member: Member, number: str, language: str | None) -> ClockStories:
        """The story of every clock of a ticket, by default in the member's first language.

        Raises NotFound if the ticket does not exist or the member may not see it, and InvalidInput
        for an unknown language.
        """
        file = self.read(member, number)
        ticket, history = file.ticket, file.history
        if language is not None and language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise InvalidInput([Fault("/language", "unknown_language", f"one of {known}")])
        now = self._now()
        first = first_plan(history, ticket)
        return ClockStories(
            number=number,
            language=language or member.languages[0],
            at=now,
            stories=explain(history, self._plans.get(first), self._plans.get, now),
            unacknowledged=history[0].data.get("mail", {}).get("unacknowledged"),
        )

    def act(self, member: Member, number: str, version: int, decide: StaffStep) -> Ticket:
        """Make the change that `decide` returns, and return the ticket after it.

        `version` is the version of the ticket that the member has read. Raises NotFound if the
        ticket does not exist or the member may not see it. Raises VersionConflict if a person
        changed the ticket after that version. Raises Forbidden if the member may not act on it.
        Errors of `decide` are passed on.
        """
        actor = member.actor

        def checked(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            _must_see(member, ticket)
            draft.require_current(ticket, version)
            if not access.may_act(actor, member.team, ticket):
                raise Forbidden("this ticket is not yours")
            return decide(ticket, plan, by=actor, at=at)

        return self._changes.change(number, checked)

    def note(self, member: Member, number: str, text: str) -> Ticket:
        """Add an internal note. Everybody who may see the ticket may add one.

        The request has no version, because notes never conflict. So a repeated request is
        recognized by its text: if the last event is the same note by the same person, no note is
        added.
        """
        _must_see(member, self._tickets.get(number))
        actor = member.actor

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            last = self._tickets.event(number, ticket.version)
            latest = (last.type, last.by, last.data.get("text"))
            if latest == (EventType.NOTED, actor, texts.cleaned(text)):
                return None
            return by_staff.note(ticket, plan, actor, text, at)

        return self._changes.change(number, decide)

    def accept_mail(self, member: Member, number: str, version: int, event_number: int) -> Ticket:
        """Accept a stranger's mail that is logged as this event: see `by_staff.accept_mail`.

        Raises NotFound if the ticket has no such event, or if it logs no stranger's mail.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            history = [e for e in self._tickets.history(number) if e.number <= ticket.version]
            noted = next((one for one in history if one.number == event_number), None)
            if noted is None or not by_staff.is_acceptable(noted):
                raise NotFound("there is no mail of a stranger to accept")
            return by_staff.accept_mail(ticket, plan, by, noted, history, at)

        return self.act(member, number, version, decide)

    def correct(
        self,
        member: Member,
        number: str,
        version: int,
        clock: str,
        stopped_at: datetime,
        reason: str,
    ) -> Ticket:
        """Record that the customer was answered earlier than was recorded.

        The step needs the times of the customer's messages, and only the history contains them. So
        the history is read in addition. Corrections are rare, so this costs little.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            history = self._tickets.history(number)
            written = by_staff.written_at(e for e in history if e.number <= ticket.version)
            return by_staff.correct(ticket, plan, by, clock, stopped_at, reason, at, written)

        return self.act(member, number, version, decide)

    def move_to_plan(
        self, member: Member, number: str, version: int, plan_version: int, reason: str
    ) -> Ticket:
        """Move a ticket to another version of the plan, which must be in force.

        Raises InvalidInput if the version was never published or is not effective yet.
        """
        try:
            plan = self._plans.get(plan_version)
        except LookupError as error:
            fault = Fault("/plan_version", "unknown_plan", "this version was never published")
            raise InvalidInput([fault]) from error
        if not plan.in_force(self._now()):
            raise InvalidInput([not_effective_yet("/plan_version", plan)])
        decide = partial(by_staff.move_to_plan, new=plan, why=reason)
        return self.act(member, number, version, decide)


def _must_see(member: Member, ticket: Ticket) -> None:
    """Raise NotFound for another team's ticket: the member may not learn that it exists."""
    if not access.may_see(member.actor, member.team, ticket):
        raise NotFound(f"there is no ticket {ticket.number}")
