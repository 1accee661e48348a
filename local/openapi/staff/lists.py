"""Answers of lists and numbers of tickets, the work list and the board."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.schemas import named
from local.openapi.staff.presence import Duty
from local.openapi.staff.tickets import Ticket
from local.openapi.values import (
    Agent,
    AgentOrNull,
    Answer,
    ClockLabel,
    Count,
    HoldReason,
    Instant,
    Kind,
    Language,
    Moment,
    Month,
    NextCursor,
    Ordinal,
    PresenceState,
    StaffAction,
    TicketNumber,
    TicketState,
)
from redress.incidents.cases import PAGE as INCIDENTS
from redress.mail.incoming.cases.watching import MOST_COUNTED
from redress.staff.cases.board import BOARD_LIMIT, MEMBER_LIMIT, QUEUE_LIMIT, TODAY_LIMIT
from redress.staff.cases.claiming import NoTicket
from redress.tickets.cases.listing import COUNT_LIMIT
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.tickets.rules.listing import MOST_LINES


class WorkItem(Answer):
    number: TicketNumber
    version: Ordinal
    state: TicketState
    kind: Kind
    category: Annotated[str, Meta(examples=["product/defect"])] | None
    tags: list[str]
    priority: Annotated[str, Meta(examples=["high"])]
    language: Language
    subject: str
    assignee: AgentOrNull
    due_at: Instant | None
    can: list[StaffAction]


class WorkPage(Answer):
    items: Annotated[list[WorkItem], Meta(max_length=PAGE_LIMIT)]
    next: NextCursor


class MentionLine(WorkItem):
    """One ticket on which a note mentions you."""

    note: Ordinal
    mentioned_at: Instant


class MentionPage(Answer):
    items: Annotated[list[MentionLine], Meta(max_length=PAGE_LIMIT)]
    next: NextCursor


class TicketLine(WorkItem):
    """One line of a list of tickets."""

    team: str
    on_hold: HoldReason | None
    created_at: Instant
    closed_at: Moment | None
    customer: Annotated[str | None, Meta(examples=["9f86d081884c7d659a2feaa0"])]
    satisfaction: Annotated[int, Meta(ge=1, le=5)] | None
    about_unclear: bool
    post_mortem_due_at: Instant | None


class TicketPage(Answer):
    items: Annotated[list[TicketLine], Meta(max_length=MOST_LINES)]
    next: NextCursor


class TicketCount(Answer):
    count: Annotated[int, Meta(ge=0, le=COUNT_LIMIT)]
    more: bool


class TicketCounts(Answer):
    team: str
    at: Instant
    month: Month
    mine: TicketCount
    queue: TicketCount
    open: TicketCount
    overdue: TicketCount
    due_soon: TicketCount
    on_hold: TicketCount
    post_mortem_due: TicketCount
    closed: TicketCount


class NoTicketReason(Answer):
    code: Annotated[str, named("NoTicketCode", NoTicket)]
    detail: str


class NextTicket(Answer):
    """The ticket that you got, or why you got none. One of the two is null."""

    ticket: Ticket | None
    reason: NoTicketReason | None


class MemberPresent(Duty):
    name: str


class NearLimit(WorkItem):
    due_at: Instant
    clock: ClockLabel
    overdue: bool


class HeldWork(Answer):
    unseen: Annotated[int, Meta(ge=0, le=MOST_COUNTED)]
    promised: Annotated[int, Meta(ge=0, le=MOST_COUNTED)]
    oldest_at: Instant | None
    due_at: Instant | None
    overdue: bool


class OnTeam(Answer):
    """One agent of the team, also one who is not present."""

    agent: Agent
    name: str
    presence: PresenceState
    since: Instant | None
    capacity: Count
    load: Count
    live: Count
    unaccepted: Count
    online_s: Count
    shift_s: Count | None


class Unaccepted(WorkItem):
    """A ticket that its agent has not accepted."""

    unaccepted_since: Moment


class PostMortemDue(WorkItem):
    """A closed ticket whose post-mortem is not written."""

    post_mortem_due_at: Instant


class FirstResponses(Answer):
    answered: Annotated[int, Meta(ge=0, le=TODAY_LIMIT)]
    median_s: Count | None
    ninety_s: Count | None
    waiting: Annotated[int, Meta(ge=0, le=TODAY_LIMIT)]
    waiting_since: Instant | None
    complete: bool


class Talks(Answer):
    calls: Count
    median_s: Count | None
    over_target: Count


class Board(Answer):
    team: str
    present: list[MemberPresent]
    members: Annotated[list[OnTeam], Meta(max_length=MEMBER_LIMIT)]
    more_members: bool
    queued: Annotated[int, Meta(ge=0, le=QUEUE_LIMIT)]
    queued_since: Instant | None
    open: Annotated[int, Meta(ge=0, le=BOARD_LIMIT)]
    open_incidents: Annotated[int, Meta(ge=0, le=INCIDENTS)]
    unaccepted: Annotated[list[Unaccepted], Meta(max_length=BOARD_LIMIT)]
    post_mortems: Annotated[list[PostMortemDue], Meta(max_length=BOARD_LIMIT)]
    first_responses_today: FirstResponses
    talks_today: Talks
    near_limit: list[NearLimit]
    held_mail: HeldWork
