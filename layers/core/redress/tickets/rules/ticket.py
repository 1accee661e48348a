"""The values of a ticket, and what can be asked of one without its history."""

from __future__ import annotations

from copy import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from redress.base.people import Actor
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Clock, ClockName, ClockState, Ladder, Waits
from redress.plans.rules.plan import CUSTOMER as WAITED_FOR
from redress.plans.rules.plan import Plan, Promise


class State(StrEnum):
    """Where a ticket stands; `steps.table.STEPS` says which may follow which."""

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
    MAIL_NOTED = "mail_noted"
    PARTICIPANTS_SET = "participants_set"
    PROMISED = "promised"
    HELD = "held"
    RELEASED = "released"
    CORRECTED = "corrected"
    PLAN_CHANGED = "plan_changed"
    INCIDENT_PROPOSED = "incident_proposed"
    RESOLVED = "resolved"
    CALLBACK_ATTEMPTED = "callback_attempted"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    SURVEYED = "surveyed"
    WITHDRAWN = "withdrawn"
    RUNG_FIRED = "rung_fired"
    CLOSED = "closed"


class Event(Struct, frozen=True):
    """One thing that happened. `number` counts from 1 within the ticket; `at` is aware UTC."""

    number: int
    type: EventType
    at: datetime
    by: Actor
    data: dict[str, Any] = {}


class Contact(Struct, frozen=True):
    """How the customer can be reached; at least one of email and phone is there."""

    name: str
    email: str | None = None
    phone: str | None = None


class Resolution(Struct, frozen=True):
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


class Ticket(Struct, frozen=True):
    """The head of a ticket: what is true now. Texts live in the events, not here."""

    number: str
    version: int
    last_person_version: int
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
    changed_at: datetime
    """When the last event happened: no later one happens before it, whose clock ever is behind."""
    clocks: dict[ClockName, Clock]
    urgency: str = "normal"
    impact: str = "normal"
    customer_type: str = "standard"
    unanswered_since: datetime | None = None
    """The oldest word of the customer that nobody answered: no clock stands still before it."""
    on_hold: str | None = None
    """What the ticket waits for beside its customer (`plan.HOLDS`), told to them."""
    held_since: datetime | None = None
    waits: Waits = ()
    """What the ticket has waited for, and when: every clock is measured by it."""
    raised: str | None = None
    """The priority to which a reopening or a rung raised it: no correction takes it lower."""
    participants: tuple[str, ...] = ()
    """Addresses, in lower case, that take part beside the customer: staff named them."""
    watchers: tuple[str, ...] = ()
    """Roles that hear of every rung from now on."""
    incident_proposed: bool = False
    assignee: str | None = None
    avoid: str | None = None
    """Asked last when the ticket is queued: a broken promise took it from them."""
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
    """The highest role that was told of a broken promise."""
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


def ladders(ticket: Ticket, plan: Plan) -> dict[ClockName, Ladder]:
    """The ladder of each clock of a ticket that runs."""
    return {
        name: replace(plan.ladder(name, clock, by_mail=ticket.by_mail), waits=ticket.waits)
        for name, clock in ticket.clocks.items()
        if clock.state is ClockState.RUNNING
    }


def promises(ticket: Ticket, plan: Plan) -> dict[ClockName, Promise]:
    """What the plan promises to a ticket such as this one is now."""
    return plan.promises(ticket.kind, ticket.channel, ticket.priority, ticket.customer_type)


def next_wake(ticket: Ticket, plan: Plan) -> datetime | None:
    """Until when the ticket's workflow may sleep; None when no promise is running."""
    return clocks.next_wake(ticket.clocks, ladders(ticket, plan))


STAFF_CLOCKS = (
    ClockName.REACTION,
    ClockName.FIRST_RESPONSE,
    ClockName.NEXT_REPLY,
    ClockName.UPDATE,
    ClockName.OWN_WORD,
    ClockName.RESOLUTION,
)


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


def waits_for(ticket: Ticket) -> tuple[str, ...]:
    """What the ticket waits for now; nothing while a word of the customer is unanswered."""
    if ticket.unanswered_since is not None or not ticket.needs_agent:
        return ()
    reasons = (WAITED_FOR if ticket.state is State.WAITING else None, ticket.on_hold)
    return tuple(reason for reason in reasons if reason is not None)
