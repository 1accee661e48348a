"""What a member of staff does with tickets: list their work, read one, explain it, change it.

Which role may call which route is declared in functions/staff/routes. Which ticket a person may see
or act on is decided here, by `access.may_see` and `access.may_act`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

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
    """Why each promise of a ticket is due when it is due; for a reader of `language`, at `at`."""

    number: str
    language: str
    at: datetime
    stories: tuple[Story, ...]


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


class Decide(Protocol):
    """What a member of staff does to a ticket: a step of `by_staff`, its own arguments bound."""

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
        """My open work, by what is due next; `limit` 1-25, `cursor` from the page before."""
        if not 1 <= limit <= PAGE_LIMIT:
            raise InvalidInput([Fault("/limit", "out_of_range", f"from 1 to {PAGE_LIMIT}")])
        page = self._lists.owned_by(member.id, limit, cursor)
        return WorkPage([work_item(t) for t in self._tickets.get_many(page.numbers)], page.cursor)

    def read(self, member: Member, number: str) -> TicketFile:
        """One ticket with its whole timeline: what an agent reads before they act.

        Another team's ticket is not there at all.
        """
        file = self._tickets.file(number)
        _must_see(member, file.ticket)
        return file

    def clocks(self, member: Member, number: str, language: str | None) -> ClockStories:
        """The story of every clock of a ticket; by default in the member's first language.

        Another team's ticket is not there at all.
        """
        file = self.read(member, number)
        ticket, history = file.ticket, file.history
        if language is not None and language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise InvalidInput([Fault("/language", "unknown_language", f"one of {known}")])
        now = self._now()
        moves = (event for event in history if event.type is EventType.PLAN_CHANGED)
        moved = next(moves, None)
        first = ticket.plan_version if moved is None else moved.data["from"]
        return ClockStories(
            number=number,
            language=language or member.languages[0],
            at=now,
            stories=explain(history, self._plans.get(first), self._plans.get, now),
        )

    def act(self, member: Member, number: str, version: int, decide: Decide) -> Ticket:
        """Change a ticket that this member may act on, as `decide` says; the ticket after it.

        `version` is the version of the ticket that they have read. Raises NotFound for a ticket of
        another team, VersionConflict if a person changed the ticket after that version, Forbidden
        for a ticket that is not theirs, and whatever `decide` raises.
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
        """Write an internal note. Notes do not collide: whoever sees the ticket may add one.

        A note names no version, so a repeat is known by its words: the same note by the same person
        as the last thing that happened is there once.
        """
        _must_see(member, self._tickets.get(number))
        actor = member.actor

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            last = self._tickets.event(number, ticket.version)
            said = (last.type, last.by, last.data.get("text"))
            if said == (EventType.NOTED, actor, text.strip()):
                return None
            return by_staff.note(ticket, plan, actor, text, at)

        return self._changes.change(number, decide)

    def correct(
        self,
        member: Member,
        number: str,
        version: int,
        clock: str,
        stopped_at: datetime,
        reason: str,
    ) -> Ticket:
        """Record that the customer was answered earlier than was known.

        Rare enough to read the history for it: which of their words came later stands there only.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            history = self._tickets.history(number)
            written = by_staff.written_at(e for e in history if e.number <= ticket.version)
            return by_staff.correct(ticket, plan, by, clock, stopped_at, reason, at, written)

        return self.act(member, number, version, decide)

    def move_to_plan(
        self, member: Member, number: str, version: int, plan_version: int, reason: str
    ) -> Ticket:
        """Let a ticket go on under another version of the plan that is in force, recorded as what
        it is."""
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
    """Another team's ticket is not there at all: raises NotFound."""
    if not access.may_see(member.actor, member.team, ticket):
        raise NotFound(f"there is no ticket {ticket.number}")
