"""What members of staff do with tickets: list their work, read, explain and change a ticket.

The routes in functions/staff/routes declare which roles may call them. The cases here check which
tickets a person may see (`access.may_see`) and change (`access.may_act`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from types import MappingProxyType
from typing import Protocol

from redress.base import texts
from redress.base.errors import (
    AgentNotFree,
    AlreadyDone,
    Fault,
    Forbidden,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    Unchanged,
    saying_what_is_possible,
)
from redress.base.languages import LANGUAGES
from redress.base.people import Actor, Member
from redress.plans.cases import not_effective_yet
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules import access, conflicts, macros
from redress.tickets.rules.change import Change
from redress.tickets.rules.explain import Story, explain
from redress.tickets.rules.fold import first_plan
from redress.tickets.rules.macros import Act
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Event, EventType, Ticket, next_due
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import MOST_STEPS, TicketFile, TicketStore
from redress.tickets.store.transaction import Cause

PAGE_LIMIT = 25


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One line of a work list. `can` says what its reader may do with it (`access.can`)."""

    number: str
    subject: str
    kind: str
    state: str
    priority: str
    language: str
    assignee: str | None
    due_at: datetime | None
    version: int
    can: list[str]
    category: str | None
    tags: tuple[str, ...]


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


def work_item(ticket: Ticket, member: Member) -> WorkItem:
    """The line of a ticket in a list that `member` reads."""
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
        can=access.can(member, ticket),
        category=ticket.category,
        tags=ticket.tags,
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
        is_ours: Callable[[str, Plan], bool],
        require_identity: Callable[[Ticket, Plan, str, datetime], None],
    ) -> None:
        """`require_identity` raises IdentityNeeded if the ticket's plan allows an act only after
        the customer's identity was verified, and it is not.
        """
        self._tickets, self._lists, self._changes = tickets, lists, changes
        self._plans, self._now, self._is_ours = plans, now, is_ours
        self._require_identity = require_identity

    def work(self, member: Member, limit: int, cursor: str | None) -> WorkPage:
        """One page of the member's work list, next due first.

        `limit` is from 1 to 25. `cursor` is `next` of the previous page; None gives the first page.
        There is a next page only if it has a line: the list can have tickets that the member may
        not see any more, and a cursor of one would tell its number.
        """
        lines: list[tuple[str, WorkItem]] = []
        after, more = cursor, True
        while more and len(lines) <= limit:
            entries, after = self._lists.work_entries(member.id, limit + 1, after)
            more = after is not None
            found = self._tickets.get_readable([number for _, number in entries])
            tickets = {ticket.number: ticket for ticket in found}
            for place, number in entries:
                ticket = tickets.get(number)
                if ticket is not None and access.may_see(member, ticket):
                    lines.append((place, work_item(ticket, member)))
        following = lines[limit - 1][0] if len(lines) > limit else None
        return WorkPage([item for _, item in lines[:limit]], following)

    def read(self, member: Member, number: str) -> TicketFile:
        """One ticket with its complete history.

        Raises NotFound if the ticket does not exist or the member may not see it.
        """
        file = self._tickets.file(number, with_viewers=True)
        must_read(self._tickets, member, file.ticket)
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

    def act(
        self,
        member: Member,
        number: str,
        act: str,
        content: Callable[[], tuple[int, StaffStep]],
        there: Callable[[Ticket], None] | None = None,
        cause: Callable[[Change, datetime], Cause | None] | None = None,
        known: Ticket | None = None,
        also: Callable[[], tuple[tuple[Change, datetime], ...]] = tuple,
    ) -> Ticket:
        """Change a ticket, and return it after the change.

        `act` is the name of the change in `access.ACTIONS`. `content` reads the request: the
        version of the ticket that the member has read, and the step that they want. `there` raises
        NotFound if something else that the request names is not there. `known` is the ticket, if
        the caller has just read it. `also` returns the changes of other tickets that the step has
        decided (`TicketChanges.change`). Checks are made in this order, and the first that fails
        decides the error (docs/decisions/025-order-of-refusals.md):

        1. The ticket exists and the member may see it, and `there`: NotFound.
        2. The member may act on the ticket: Forbidden.
        3. The content is valid, also for this ticket: the errors of `content`, and InvalidInput
           with the faults that the step finds. A version that does not exist is one of them.
        4. Nothing that people did after the version that the member read conflicts with the act
           (`conflicts.CONFLICTS`): VersionConflict.
        5. The step is possible in the ticket's present state: the other errors of the step. A step
           raises Forbidden if the member may do such a thing, but not this, as the ticket is now.
        6. The customer's identity is verified if the ticket's plan asks for it: IdentityNeeded.

        The refusals 2, 4 and 5 say what the member may do instead (`RedressError.can`).
        """
        actor = member.actor
        asked = cache(content)
        read: list[Ticket] = []

        def checked(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            read.clear()
            must_see(member, ticket)
            read.append(ticket)
            if there is not None:
                there(ticket)
            if not access.may_make(member, ticket, act):
                raise Forbidden("this ticket is not yours")
            version, decide = asked()
            require_current = partial(self.require_current, ticket, version, [act])
            try:
                change = decide(ticket, plan, by=actor, at=at)
            except (NotAllowedNow, AlreadyDone, Unchanged, Forbidden, AgentNotFree):
                require_current()
                raise
            except InvalidInput as invalid:
                faults = conflicts.version_faults(ticket, version) + invalid.faults
                raise InvalidInput(faults) from None
            require_current(change)
            if change is not None:
                self._require_identity(ticket, plan, act, at)
            return change

        with telling_what_is_possible(member, read):
            return self._changes.change(number, checked, known=known, cause=cause, also=also)

    def require_current(
        self, ticket: Ticket, version: int, acts: Iterable[str], change: Change | None = None
    ) -> None:
        """See `conflicts.require_current`."""
        oldest = max(version, ticket.version - conflicts.MOST_SINCE)
        since = partial(self._tickets.events_after, ticket, oldest)
        conflicts.require_current(ticket, version, acts, since, change)

    def require_first(
        self,
        ticket: Ticket,
        version: int,
        act: str,
        invalid: InvalidInput,
        codes: Collection[str],
    ) -> None:
        """Raise VersionConflict if somebody else has done what a request asks for since the read.

        `invalid` are the faults of the request as the ticket is now. Those with these `codes` are
        none of the request if the ticket was changed so after the version that the caller read.
        """
        if all(one.code in codes for one in invalid.faults) and version <= ticket.version:
            self.require_current(ticket, version, [act])

    def act_whole(
        self,
        member: Member,
        number: str,
        acts: Callable[[], Sequence[Act]],
        content: Callable[[], tuple[int, bool]],
        there: Callable[[Ticket], None] | None = None,
        known: Ticket | None = None,
        origin: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Ticket, tuple[Event, ...]]:
        """Make several acts as one change. Return the ticket after it, and its events.

        `content` reads from the request the version that the member has read, and whether they only
        want to know what would happen. Then nothing is written. `acts` raises the error for acts
        that the member may not make at all. `origin` is in the data of each event. The order of
        checks is that of `act`; `macros.whole` makes the last ones, and raises MacroRefused for
        their errors.
        """
        asked, wanted = cache(content), cache(acts)
        read: list[Ticket] = []
        made: list[Change] = []

        def checked(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            read.clear()
            must_see(member, ticket)
            read.append(ticket)
            if there is not None:
                there(ticket)
            if not any(access.may_make(member, ticket, act.name) for act in wanted()):
                raise Forbidden("this ticket is not yours")
            version, is_dry_run = asked()
            self.require_current(ticket, version, [act.name for act in wanted()])
            change = macros.whole(ticket, plan, member, wanted(), at, self._require_identity)
            made[:] = [macros.marked(change, origin)]
            return None if is_dry_run else made[0]

        with telling_what_is_possible(member, read):
            self._changes.change(number, checked, known=known)
        return made[0].after, made[0].events

    def note(
        self,
        member: Member,
        number: str,
        content: Callable[[], tuple[str, Sequence[str], Sequence[str]]],
        listed: Callable[[Ticket, Plan, Actor, Sequence[str], datetime], by_staff.Files],
        members: Callable[[Sequence[str]], Mapping[str, Member]],
    ) -> Ticket:
        """Add an internal note. Everybody who may see the ticket may add one.

        `content` reads from the request: the text of the note, the ids of its files, and the ids of
        the members whom it mentions. `listed` returns the files as the event lists them, `members`
        the members who exist. The request has no version, because notes never conflict. So a
        repeated request is recognized by its content: if the last event is the same note by the
        same person, no note is added. Raises NotFound, then the errors of `content` and of
        `listed`, and those of `by_staff.note`.
        """
        actor, asked = member.actor, cache(content)
        read: list[Ticket] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            read.clear()
            must_see(member, ticket)
            read.append(ticket)
            text, ids, mentioned = asked()
            last = self._tickets.event(number, ticket.version)
            sent = [file["id"] for file in last.data.get("files", ())]
            named = last.data.get("mentions", [])
            latest = (last.type, last.by, last.data.get("text"), sent, named)
            same = (EventType.NOTED, actor, texts.cleaned(text), list(ids), list(mentioned))
            if latest == same:
                return None
            files = listed(ticket, plan, actor, ids, at)
            found = members(mentioned) if mentioned else {}
            return by_staff.note(
                ticket,
                plan,
                actor,
                text,
                at,
                files=files,
                mentioned=mentioned,
                members=found,
                is_guest=access.is_guest(member, ticket),
            )

        with telling_what_is_possible(member, read):
            return self._changes.change(number, decide)

    def accept_mail(
        self, member: Member, number: str, event_number: int, content: Callable[[], int]
    ) -> Ticket:
        """Accept a stranger's mail that is logged as this event: see `by_staff.accept_mail`.

        `content` reads the version from the request. Raises NotFound if the ticket has no such
        event, or if it logs no stranger's mail. The errors of `act` are raised unchanged.
        """
        history: list[Event] = []

        def there(ticket: Ticket) -> None:
            read = self._tickets.history(number)
            history[:] = [event for event in read if event.number <= ticket.version]
            if _noted(history, event_number) is None:
                raise NotFound("there is no mail of a stranger to accept")

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            noted = _noted(history, event_number)
            assert noted is not None, "`there` has found it"
            return by_staff.accept_mail(ticket, plan, by, noted, history, at, self._is_ours)

        return self.act(member, number, "accept_mail", lambda: (content(), decide), there)

    def correction(self, clock: str, stopped_at: datetime, reason: str) -> StaffStep:
        """The step that records that the customer was answered earlier than was recorded.

        The step needs the times of the customer's messages, and only the history contains them. So
        the history is read in addition. Corrections are rare, so this costs little.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            history = self._tickets.history(ticket.number)
            written = by_staff.written_at(e for e in history if e.number <= ticket.version)
            return by_staff.correct(ticket, plan, by, clock, stopped_at, reason, at, written)

        return decide

    def counting(self, event: int) -> StaffStep:
        """The step that counts a bare thanks as a message. Only the history has the message."""

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            history = self._tickets.history(ticket.number)
            read = (one for one in history if one.number <= ticket.version)
            return by_staff.count_message(ticket, plan, by, event, read, at)

        return decide

    def plan_move(self, plan_version: int, reason: str) -> StaffStep:
        """The step that moves a ticket to another version of the plan, which must be in force.

        Raises InvalidInput if the version was never published or is not effective yet.
        """
        try:
            plan = self._plans.published(plan_version)
        except LookupError as error:
            fault = Fault("/plan_version", "unknown_plan", "this version was never published")
            raise InvalidInput([fault]) from error
        if not plan.in_force(self._now()):
            raise InvalidInput([not_effective_yet("/plan_version", plan)])
        return partial(by_staff.move_to_plan, new=plan, why=reason)


def _noted(history: Iterable[Event], number: int) -> Event | None:
    """The event with this number if it logs a mail that can be accepted, or None."""
    found = (event for event in history if event.number == number)
    return next((event for event in found if by_staff.is_acceptable(event)), None)


def telling_what_is_possible(
    member: Member, read: Sequence[Ticket]
) -> AbstractContextManager[None]:
    """Add to a refusal what the member may do with the ticket, as it was read last (`access.can`).

    A refusal of a ticket that the member may not see has nothing: `read` gets a ticket only after
    `must_see`.
    """
    return saying_what_is_possible(lambda: access.can(member, read[-1]) if read else None)


def must_see(member: Member, ticket: Ticket) -> None:
    """Raise NotFound for a ticket that the member may not see, because they may not know of it."""
    if not access.may_see(member, ticket):
        raise NotFound(f"there is no ticket {ticket.number}")


def must_read(tickets: TicketStore, member: Member, ticket: Ticket) -> None:
    """Raise NotFound for a ticket that the member may neither see nor read.

    They may read one that was merged into a ticket that they see, with its files.
    """
    if not access.may_see(member, ticket) and _target(tickets, member, ticket) is None:
        raise NotFound(f"there is no ticket {ticket.number}")


def acts_on_matter(tickets: TicketStore, member: Member, ticket: Ticket) -> bool:
    """Whether the member may act on the ticket, or on one to which it goes on."""
    if access.may_act(member, ticket):
        return True
    return any(access.may_act(member, into) for into in _onward(tickets, member, ticket))


def _target(tickets: TicketStore, member: Member, ticket: Ticket) -> Ticket | None:
    """The ticket that lets the member read one that was merged into it; None if none does."""
    onward = _onward(tickets, member, ticket)
    return next((into for into in onward if access.may_see(member, into)), None)


def _onward(tickets: TicketStore, member: Member, ticket: Ticket) -> Iterator[Ticket]:
    """Yield the tickets to which a ticket goes on, as far as the member may follow.

    What is sent to a ticket whose split was undone goes on as far as to where the first one was
    merged later (`TicketStore.continued`), and so do its readers. A conflict of interest with any
    of them on the way keeps a member from it.
    """
    for _ in range(MOST_STEPS):
        if ticket.merged is None or access.is_kept_from(ticket, member):
            return
        for into in tickets.get_readable([ticket.merged.into]):
            yield into
            ticket = into
