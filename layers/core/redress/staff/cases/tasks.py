"""Tasks of other departments: opening them, working on them, and the lists of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from typing import Protocol

from redress.base import texts
from redress.base.errors import (
    Forbidden,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    TaskChanged,
    Unchanged,
    saying_what_is_possible,
)
from redress.base.people import Actor, Member, is_subject
from redress.plans.rules.plan import Plan
from redress.staff.cases import paging
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules import task_rights
from redress.tickets.rules.change import Change
from redress.tickets.rules.conflicts import MOST_SINCE, require_current, version_faults
from redress.tickets.rules.split_events import first_message
from redress.tickets.rules.steps import by_departments
from redress.tickets.rules.steps.by_departments import NewTask, Word
from redress.tickets.rules.tasks import Share, Task, find
from redress.tickets.rules.ticket import Event, EventType, Ticket
from redress.tickets.store.tasks import Listed, TaskLists
from redress.tickets.store.tickets import TicketStore

PAGE = 25
"""The most tasks of one page."""


class Which(StrEnum):
    """Which open tasks are listed: the reader's own, those that nobody of a department has taken,
    or all of a department."""

    MINE = "mine"
    QUEUE = "queue"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class TaskFile:
    """A task with what its readers may know of its ticket: `shared`, and its own `history`.

    `shared` has a value for each `Share` that the task shares; None if the ticket has none.
    `language` is that of the customer, in which the shared words may be. `can` are the acts that
    the reader may make on it now.
    """

    number: str
    language: str
    task: Task
    text: str
    shared: dict[Share, str | None]
    history: tuple[Event, ...]
    can: list[str]


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One task in a list, with its ticket's number. `key` is its place in the list."""

    number: str
    task: Task
    can: list[str]
    key: str


@dataclass(frozen=True, slots=True)
class TaskPage:
    lines: list[TaskLine]
    next: str | None


class TaskStep(Protocol):
    """A step of `by_departments`, with all other arguments bound by `partial`."""

    def __call__(
        self, ticket: Ticket, plan: Plan, /, *, by: Actor, task: Task, at: datetime
    ) -> Change: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What a leader decides about an extension. `version` is that of the ticket, which only a new
    `word` to the customer needs."""

    granted: bool
    why: str
    version: int
    word: Word | None


class TaskCases:
    def __init__(
        self,
        staff: StaffStore,
        tickets: TicketStore,
        lists: TaskLists,
        changes: TicketChanges,
        require_identity: Callable[[Ticket, Plan, str, datetime], None],
    ) -> None:
        """`require_identity` is that of `StaffCases`."""
        self._staff, self._tickets = staff, tickets
        self._require_identity = require_identity
        self._lists, self._changes = lists, changes

    def opening(self, new: NewTask) -> StaffStep:
        """The step that opens a task. It has the errors of `by_departments.open_task`."""

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            ids = [one for one in (*ticket.about, new.owner or "") if is_subject(one)]
            found = self._staff.named(ids) if ids else {}
            accused = [found[one] for one in ticket.about if one in found]
            owner = found.get(new.owner or "")
            return by_departments.open_task(ticket, plan, by, new, at, owner, accused)

        return decide

    def assigning(self, owner: str | None, why: str) -> TaskStep:
        """The step that gives a task to a member of the department, or back to its queue."""
        member = None
        if owner is not None and is_subject(owner):
            member = self._staff.named([owner]).get(owner)
        return partial(by_departments.assign, owner=owner, why=why, member=member)

    def read(self, member: Member, number: str, id_: str) -> TaskFile:
        """One task. Raises NotFound if there is none, or if the member may not see it."""
        ticket = self._tickets.get(number)
        task = _seen(member, ticket, id_)
        return self._file(member, ticket, task)

    def deciding(self, given: Decision) -> TaskStep:
        """The step that decides about an extension, with a new word to the customer if it has one.

        Whoever writes to the customer must have read what was said: see `conflicts`.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, task: Task, at: datetime) -> Change:
            word = given.word
            if word is not None and (faults := version_faults(ticket, given.version)):
                raise InvalidInput(faults)
            change = by_departments.decide_extension(
                ticket, plan, by, task, given.granted, given.why, at, word
            )
            if word is not None:
                oldest = max(given.version, ticket.version - MOST_SINCE)
                since = partial(self._tickets.events_after, ticket, oldest)
                require_current(ticket, given.version, ["promise"], since, change)
                self._require_identity(ticket, plan, "promise", at)
            return change

        return decide

    def act(
        self,
        member: Member,
        number: str,
        id_: str,
        act: str,
        content: Callable[[], tuple[int | None, TaskStep]],
    ) -> TaskFile:
        """Make an act (of `task_rights.ACTS`) on a task, and return the task after it.

        `content` reads the request: the revision of the task that the member has read, and the
        step. It is None for an act that changes nothing of the task: a repeated request is then
        recognized by its content. The order of checks is that of `StaffCases.act`: NotFound,
        Forbidden, the content, TaskChanged for another revision, and then the errors of the step.
        """
        actor, asked = member.actor, cache(content)
        read: list[tuple[Ticket, Task]] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            read.clear()
            task = _seen(member, ticket, id_)
            read.append((ticket, task))
            if not task_rights.may_make(member, ticket, task, act):
                raise Forbidden("this is for others to do")
            revision, step = asked()
            stale = revision is not None and revision != task.revision
            try:
                change = step(ticket, plan, by=actor, task=task, at=at)
            except (NotAllowedNow, Unchanged, Forbidden):
                if stale:
                    raise TaskChanged(task.revision) from None
                raise
            if stale:
                raise TaskChanged(task.revision)
            return None if revision is None and self._is_repeated(ticket, change) else change

        def possible() -> Sequence[str] | None:
            return task_rights.can(member, *read[-1]) if read else None

        with saying_what_is_possible(possible):
            ticket = self._changes.change(number, decide)
        task = find(ticket.tasks, id_)
        assert task is not None, "the act was made on it"
        return self._file(member, ticket, task)

    def _is_repeated(self, ticket: Ticket, change: Change) -> bool:
        """Whether the last event of the ticket is the one that the change would add again."""
        last, wanted = self._tickets.event(ticket.number, ticket.version), change.events[-1]
        return (last.type, last.by, last.data) == (wanted.type, wanted.by, wanted.data)

    def _file(self, member: Member, ticket: Ticket, task: Task) -> TaskFile:
        history = self._tickets.history(ticket.number)
        own = tuple(event for event in history if _is_of(event, task))
        opened = next(event for event in own if event.type is EventType.TASK_OPENED)
        shared: dict[Share, str | None] = {}
        for share in map(Share, opened.data["shares"]):
            match share:
                case Share.SUBJECT:
                    shared[share] = ticket.subject
                case Share.CATEGORY:
                    shared[share] = ticket.category
                case Share.ORDER:
                    shared[share] = ticket.order
                case Share.MESSAGE:
                    message = first_message(ticket, history)
                    shared[share] = None if message is None else texts.cleaned(message)
        return TaskFile(
            number=ticket.number,
            language=ticket.language,
            task=task,
            text=opened.data["text"],
            shared=shared,
            history=own,
            can=task_rights.can(member, ticket, task),
        )

    def page(
        self,
        member: Member,
        which: Which,
        team: str | None,
        content: Callable[[], tuple[int, str | None]],
    ) -> TaskPage:
        """One page of open tasks, next due first.

        `team` is the department; None for the member's own. `content` reads from the request how
        many are wanted, and `next` of the page before. A task that the member may not see is left
        out. Raises Forbidden for another department unless the member sees every team, and then
        the errors of `content`.
        """
        of_team = team or member.team
        if of_team != member.team and not member.sees_every_team:
            raise Forbidden("only your own department's tasks")
        limit, after = content()
        listed, shown = partial(self._some, member, which, of_team), partial(self._lines, member)
        return TaskPage(*paging.page(limit, after, listed, shown, PAGE))

    def _some(self, member: Member, which: Which, team: str, after: str | None) -> list[Listed]:
        match which:
            case Which.MINE:
                return self._lists.of_member(member.id, after, PAGE)
            case Which.QUEUE:
                return self._lists.queued(team, after, PAGE)
            case Which.TEAM:
                return self._lists.of_team(team, after, PAGE)

    def _lines(self, member: Member, some: list[Listed]) -> list[TaskLine]:
        found = self._tickets.get_readable([one.number for one in some])
        tickets = {ticket.number: ticket for ticket in found}
        lines = []
        for one in some:
            ticket = tickets.get(one.number)
            task = find(ticket.tasks, one.task) if ticket is not None else None
            if ticket is None or task is None or not task.is_open:
                continue
            if task_rights.may_see(member, ticket, task):
                can = task_rights.can(member, ticket, task)
                lines.append(TaskLine(one.number, task, can, one.key))
        return lines


def _is_of(event: Event, task: Task) -> bool:
    """Whether an event is in the timeline of a task: its own ones, and each urge for it."""
    is_urged = event.type is EventType.URGED and task.id in event.data["tasks"]
    return is_urged or event.data.get("task") == task.id


def _seen(member: Member, ticket: Ticket, id_: str) -> Task:
    """The task, if the member may see it. Raises NotFound, as for a ticket that nobody has."""
    task = find(ticket.tasks, id_)
    if task is None or not task_rights.may_see(member, ticket, task):
        raise NotFound("there is no such task")
    return task
