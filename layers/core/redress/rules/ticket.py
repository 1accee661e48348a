"""The ticket and its history: what a ticket is, and how each event changes it.

`apply` is a pure fold: the same events under the same plan give the same ticket, clocks included.
A change never reads the whole history; it applies its new events to the stored head.
`version` is the number of the last event, so history and version can never disagree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from redress.rules import clocks
from redress.rules.clocks import Action, Clock, ClockName, ClockState, Rung
from redress.rules.plan import Plan


class State(StrEnum):
    """Where a ticket stands; `lifecycle.TRANSITIONS` says which may follow which."""

    NEW = "new"
    OPEN = "open"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CONFIRMED = "confirmed"
    CLOSED = "closed"


class Phase(StrEnum):
    """What the workflow awaits; each is one state of `ticket.asl.json`."""

    ACKNOWLEDGEMENT = "acknowledgement"
    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"
    CALLBACK = "callback"
    SURVEY = "survey"
    CLOSED = "closed"


class EventType(StrEnum):
    """What can happen to a ticket, named as it happened. Values are stored: never rename one."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    QUEUED = "queued"
    RECLASSIFIED = "reclassified"
    PROGRESS_TOLD = "progress_told"
    REPLIED = "replied"
    NOTED = "noted"
    CUSTOMER_WROTE = "customer_wrote"
    RESOLVED = "resolved"
    CALLBACK_ATTEMPTED = "callback_attempted"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    SURVEYED = "surveyed"
    WITHDRAWN = "withdrawn"
    RUNG_FIRED = "rung_fired"
    CLOSED = "closed"


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    MANAGER = "manager"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a role, and for staff their identity in the user pool."""

    role: Role
    id: str = ""

    @property
    def is_staff(self) -> bool:
        return self.role in (Role.AGENT, Role.SUPERVISOR, Role.MANAGER)

    @property
    def is_person(self) -> bool:
        return self.role is not Role.SYSTEM


SYSTEM = Actor(Role.SYSTEM)
CUSTOMER = Actor(Role.CUSTOMER)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `number` counts from 1 within the ticket; `at` is aware UTC."""

    number: int
    type: EventType
    at: datetime
    by: Actor
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact:
    """How the customer can be reached; at least one of email and phone is there."""

    name: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """The agent's word that it is solved; what the score is attributed to."""

    at: datetime
    by: str
    team: str
    outcome: str | None
    remedy: str | None
    root_cause: str | None
    replies: int
    round: int
    contacts_after: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """The head of a ticket: what is true now. Texts live in the events, not here."""

    number: str
    version: int
    touched: int
    """Version of the last event of a person, notes left out: what an agent must have seen."""
    state: State
    kind: str
    channel: str
    language: str
    subject: str
    contact: Contact
    team: str
    priority: str
    plan_version: int
    created_at: datetime
    clocks: dict[ClockName, Clock]
    assignee: str | None = None
    preferred: str | None = None
    """Who knew it last: asked first when the ticket is queued again."""
    reacted: bool = False
    """Told of progress: a correction of the kind promises no reaction any more."""
    replies: int = 0
    round: int = 1
    """1, and one more for each time the customer disputed a resolution."""
    resolution: Resolution | None = None
    callback_attempts: int = 0
    escalation: str | None = None
    acknowledged_at: datetime | None = None
    closure: str | None = None
    closed_at: datetime | None = None

    @property
    def by_mail(self) -> bool:
        return self.contact.email is not None

    @property
    def needs_agent(self) -> bool:
        """Open work that counts against somebody's capacity, or waits in a queue."""
        return self.state in (State.NEW, State.OPEN, State.WAITING)

    @property
    def phase(self) -> Phase:
        """What the workflow awaits, from the state alone (and the acknowledgement)."""
        if self.state is State.NEW:
            waiting = self.acknowledged_at is None
            return Phase.ACKNOWLEDGEMENT if waiting else Phase.FIRST_RESPONSE
        return {
            State.OPEN: Phase.RESOLUTION,
            State.WAITING: Phase.RESOLUTION,
            State.RESOLVED: Phase.CALLBACK,
            State.CONFIRMED: Phase.SURVEY,
            State.CLOSED: Phase.CLOSED,
        }[self.state]


def ladders(ticket: Ticket, plan: Plan) -> dict[ClockName, tuple[Rung, ...]]:
    """The ladder of each clock of a ticket."""
    return {
        name: plan.ladder(name, clock.target_s, by_mail=ticket.by_mail)
        for name, clock in ticket.clocks.items()
    }


def next_wake(ticket: Ticket, plan: Plan) -> datetime | None:
    """Until when the ticket's workflow may sleep; None when no promise is running."""
    return clocks.next_wake(ticket.clocks, ladders(ticket, plan))


STAFF_CLOCKS = (ClockName.REACTION, ClockName.FIRST_RESPONSE, ClockName.RESOLUTION)


def next_due(ticket: Ticket) -> datetime | None:
    """When the next promise that staff must keep falls due; None when nothing waits for staff.

    A callback by mail waits for the customer, one by phone for a person here; while a ticket waits
    for the customer no promise to them runs.
    """
    names = STAFF_CLOCKS if ticket.by_mail else (*STAFF_CLOCKS, ClockName.CALLBACK)
    due = [
        clock.due_at
        for name, clock in ticket.clocks.items()
        if name in names and clock.state is ClockState.RUNNING
    ]
    return min(due, default=None)


def fold(events: Iterable[Event], plan: Plan) -> Ticket:
    """The ticket that a whole history makes; raises ValueError on an empty one."""
    ticket: Ticket | None = None
    for event in events:
        ticket = apply(ticket, event, plan)
    if ticket is None:
        raise ValueError("a history has at least the event that opened the ticket")
    return ticket


def apply(ticket: Ticket | None, event: Event, plan: Plan) -> Ticket:
    """The ticket after one more event. Pure; knows no rule about whether the event was allowed."""
    if ticket is None:
        return _opened(event, plan)
    ticket = replace(
        ticket,
        version=event.number,
        touched=event.number if _is_said(event) else ticket.touched,
    )
    return _APPLY[event.type](ticket, event, plan)


def _is_said(event: Event) -> bool:
    """Whether an agent must have seen this before they act: a person's doing, but not a note."""
    return event.by.is_person and event.type is not EventType.NOTED


def _opened(event: Event, plan: Plan) -> Ticket:
    data = event.data
    level = plan.level(data["kind"])
    opening = (
        ClockName.ACKNOWLEDGEMENT,
        ClockName.REACTION,
        ClockName.FIRST_RESPONSE,
        ClockName.RESOLUTION,
    )
    return Ticket(
        number=data["number"],
        version=event.number,
        touched=event.number,
        state=State.NEW,
        kind=data["kind"],
        channel=data["channel"],
        language=data["language"],
        subject=data["subject"],
        contact=Contact(
            data["contact"]["name"], data["contact"].get("email"), data["contact"].get("phone")
        ),
        team=level.team,
        priority=level.priority,
        plan_version=plan.version,
        created_at=event.at,
        clocks={
            name: clocks.start(level.targets[name], event.at)
            for name in opening
            if name in level.targets
        },
    )


def _with_clocks(ticket: Ticket, **changed: Clock) -> dict[ClockName, Clock]:
    return ticket.clocks | {ClockName(name): clock for name, clock in changed.items()}


def _stop(ticket: Ticket, at: datetime, *names: ClockName) -> dict[ClockName, Clock]:
    return ticket.clocks | {
        name: clocks.stop(ticket.clocks[name], at) for name in names if name in ticket.clocks
    }


def _acknowledged(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(
        ticket,
        acknowledged_at=event.at,
        clocks=_stop(ticket, event.at, ClockName.ACKNOWLEDGEMENT),
    )


def _assigned(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(
        ticket,
        assignee=event.data["agent"],
        team=event.data.get("team", ticket.team),
        preferred=None,
    )


def _queued(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(
        ticket,
        assignee=None,
        team=event.data.get("team", ticket.team),
        preferred=event.data.get("preferred"),
    )


def _reclassified(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    level = plan.level(event.data["kind"])
    changed = dict(ticket.clocks)
    for name in ticket.clocks:
        if name in (ClockName.CALLBACK, ClockName.SURVEY):
            continue
        if name in level.targets:
            changed[name] = clocks.replan(ticket.clocks[name], level.targets[name], event.at)
        else:
            changed[name] = clocks.cancel(ticket.clocks[name], event.at)
    reaction = changed.get(ClockName.REACTION)
    if (
        ClockName.REACTION in level.targets
        and (reaction is None or reaction.state is ClockState.CANCELLED)
        and ticket.state is State.NEW
        and not ticket.reacted
    ):
        anew = clocks.start(level.targets[ClockName.REACTION], ticket.created_at)
        breached = reaction is not None and reaction.breached
        changed[ClockName.REACTION] = replace(anew, breached=breached)
    return replace(ticket, kind=event.data["kind"], priority=level.priority, clocks=changed)


def _progress_told(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, reacted=True, clocks=_stop(ticket, event.at, ClockName.REACTION))


def _replied(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    stopped = _stop(ticket, event.at, ClockName.REACTION, ClockName.FIRST_RESPONSE)
    resolution = stopped[ClockName.RESOLUTION]
    waiting = bool(event.data.get("wait_for_customer"))
    resolution = (
        clocks.pause(resolution, event.at) if waiting else clocks.resume(resolution, event.at)
    )
    return replace(
        ticket,
        state=State.WAITING if waiting else State.OPEN,
        replies=ticket.replies + 1,
        clocks=stopped | {ClockName.RESOLUTION: resolution},
    )


def _noted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return ticket


def _customer_wrote(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    if ticket.state is State.WAITING:
        resumed = clocks.resume(ticket.clocks[ClockName.RESOLUTION], event.at)
        return replace(ticket, state=State.OPEN, clocks=_with_clocks(ticket, resolution=resumed))
    if ticket.resolution is not None:
        counted = replace(ticket.resolution, contacts_after=ticket.resolution.contacts_after + 1)
        return replace(ticket, resolution=counted)
    return ticket


def _resolved(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    stopped = _stop(
        ticket, event.at, ClockName.REACTION, ClockName.FIRST_RESPONSE, ClockName.RESOLUTION
    )
    targets = plan.level(ticket.kind).targets
    if ClockName.CALLBACK in targets:
        stopped[ClockName.CALLBACK] = clocks.start(targets[ClockName.CALLBACK], event.at)
    data = event.data
    replies = ticket.replies + 1  # the word that it is solved is itself a public reply
    return replace(
        ticket,
        state=State.RESOLVED,
        replies=replies,
        clocks=stopped,
        callback_attempts=1 if ticket.by_mail else 0,
        resolution=Resolution(
            at=event.at,
            by=event.by.id,
            team=ticket.team,
            outcome=data.get("outcome"),
            remedy=data.get("remedy"),
            root_cause=data.get("root_cause"),
            replies=replies,
            round=ticket.round,
        ),
    )


def _callback_attempted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, callback_attempts=ticket.callback_attempts + 1)


def _confirmed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    stopped = _stop(ticket, event.at, ClockName.CALLBACK)
    targets = plan.level(ticket.kind).targets
    if ClockName.SURVEY in targets:
        stopped[ClockName.SURVEY] = clocks.start(targets[ClockName.SURVEY], event.at)
    return replace(ticket, state=State.CONFIRMED, clocks=stopped)


def _disputed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Reopened: a new promise of resolution begins, the priority rises (H4)."""
    stopped = _stop(ticket, event.at, ClockName.CALLBACK)
    if ClockName.SURVEY in stopped:
        stopped[ClockName.SURVEY] = clocks.cancel(stopped[ClockName.SURVEY], event.at)
    target = plan.level(ticket.kind).targets[ClockName.RESOLUTION]
    stopped[ClockName.RESOLUTION] = clocks.start(target, event.at)
    return replace(
        ticket,
        state=State.OPEN,
        priority=plan.reopened_priority,
        round=ticket.round + 1,
        callback_attempts=0,
        clocks=stopped,
    )


def _surveyed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, clocks=_stop(ticket, event.at, ClockName.SURVEY))


def _withdrawn(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return ticket


def _rung_fired(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    name = ClockName(event.data["clock"])
    action = Action(event.data["action"])
    fired = replace(
        ticket.clocks[name],
        fired=event.data["rung"] + 1,
        breached=ticket.clocks[name].breached or action is Action.BREACH,
    )
    changed = replace(ticket, clocks=ticket.clocks | {name: fired})
    if action is Action.ASK_AGAIN:
        return replace(changed, callback_attempts=changed.callback_attempts + 1)
    if action in (Action.BREACH, Action.ESCALATE):
        reached = [role for role in event.data["notify"] if role != Role.AGENT]
        return replace(changed, escalation=reached[-1] if reached else changed.escalation)
    return changed


def _closed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(
        ticket,
        state=State.CLOSED,
        closure=event.data["closure"],
        closed_at=event.at,
        clocks={name: clocks.cancel(clock, event.at) for name, clock in ticket.clocks.items()},
    )


_APPLY = {
    EventType.ACKNOWLEDGED: _acknowledged,
    EventType.ASSIGNED: _assigned,
    EventType.QUEUED: _queued,
    EventType.RECLASSIFIED: _reclassified,
    EventType.PROGRESS_TOLD: _progress_told,
    EventType.REPLIED: _replied,
    EventType.NOTED: _noted,
    EventType.CUSTOMER_WROTE: _customer_wrote,
    EventType.RESOLVED: _resolved,
    EventType.CALLBACK_ATTEMPTED: _callback_attempted,
    EventType.CONFIRMED: _confirmed,
    EventType.DISPUTED: _disputed,
    EventType.SURVEYED: _surveyed,
    EventType.WITHDRAWN: _withdrawn,
    EventType.RUNG_FIRED: _rung_fired,
    EventType.CLOSED: _closed,
}
