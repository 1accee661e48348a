"""What the steps share: collecting the events of a step, and common checks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from redress.base.errors import Fault, InvalidInput, NotAllowedNow, VersionConflict
from redress.base.people import Actor
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import apply
from redress.tickets.rules.steps.table import (
    ANSWERED,
    CONFIRMED_BY_CUSTOMER,
    STEPS,
    TEXT_LIMIT,
    Step,
)
from redress.tickets.rules.ticket import Event, EventType, State, Ticket, promises


class Draft:
    """Collects the events of one step. Each is applied to the ticket as soon as it is added."""

    def __init__(self, before: Ticket | None, plan: Plan, by: Actor, at: datetime) -> None:
        self._before, self._plan, self._by, self._at = before, plan, by, at
        self._events: list[Event] = []
        self._after = before

    def add(
        self, kind: EventType, data: dict[str, Any] | None = None, by: Actor | None = None
    ) -> Draft:
        """Add the next event. It is caused by the actor of the step unless `by` names another."""
        number = (self._after.version if self._after else 0) + 1
        event = Event(number, kind, self._at, by or self._by, data or {})
        self._after = apply(self._after, event, self._plan)
        self._events.append(event)
        return self

    @property
    def after(self) -> Ticket:
        """The ticket after the events so far."""
        if self._after is None:
            raise ValueError("nothing has happened yet")
        return self._after

    def change(self) -> Change:
        """The change with all events so far."""
        if self._after is None:
            raise ValueError("a change has at least one event")
        return Change(self._before, tuple(self._events), self._after, self._plan)


def require_possible(step: Step, ticket: Ticket) -> None:
    """Raise NotAllowedNow if the table does not allow the step in the ticket's state."""
    if ticket.state not in STEPS[step]:
        raise NotAllowedNow(step, ticket.state)


def require_current(ticket: Ticket, version: int) -> None:
    """Refuse a step if a person changed the ticket after the version that the agent has read.

    Events that the system caused in the meantime (a reminder, an acknowledgement) do not conflict,
    because the agent does not need to know them. Raises VersionConflict with the current version,
    and InvalidInput for a version that does not exist yet.
    """
    if version > ticket.version:
        raise InvalidInput([Fault("/version", "unknown_version", "there is no such version yet")])
    if version < ticket.last_person_version:
        raise VersionConflict(ticket.version)


def checked_text(value: str, pointer: str, *, required: bool = True) -> str:
    """A text without surrounding space. Raises InvalidInput if it is empty or too long."""
    cleaned = value.strip()
    if required and not cleaned:
        raise InvalidInput([Fault(pointer, "required", "this text must not be empty")])
    if len(cleaned) > TEXT_LIMIT:
        raise InvalidInput([Fault(pointer, "too_long", f"at most {TEXT_LIMIT} characters")])
    return cleaned


def closure_now(ticket: Ticket, plan: Plan) -> str | None:
    """The closure of a solved ticket that can close at once; None for any other ticket.

    A resolved ticket closes at once if its plan promises no callback, and a confirmed ticket if its
    plan promises no survey.
    """
    promised = promises(ticket, plan)
    if ticket.state is State.RESOLVED and ClockName.CALLBACK not in promised:
        return ANSWERED
    if ticket.state is State.CONFIRMED and ClockName.SURVEY not in promised:
        return CONFIRMED_BY_CUSTOMER
    return None


def mail_source(mail: Mapping[str, Any] | None) -> dict[str, Any]:
    """The part of an event's data that describes the mail that caused it, if one did."""
    return {} if mail is None else {"mail": dict(mail)}


def copies(ticket: Ticket) -> dict[str, Any]:
    """The part of an event's data that says who gets a copy of a message to the customer."""
    return {"copied_to": list(ticket.participants)} if ticket.participants else {}
