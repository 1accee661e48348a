"""The promises of a ticket as the customer sees them: on pages, in mails and in the receipt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from redress.base import instants
from redress.clocks.rules.clocks import Clock, ClockName, ClockState, Standing, resume, standing
from redress.plans.rules.plan import Plan
from redress.tickets.rules.ticket import Ticket, waits_for


class PromiseView(Struct, frozen=True, omit_defaults=True):
    """One promise as a customer sees it.

    `state` is running, overdue, paused, kept, missed or cancelled. A paused promise has no due
    time, because nobody knows when it will resume. `waits_for` says what it waits for: customer,
    part or third_party. `done_at` is the time at which the promised thing was done, even if late.
    """

    clock: str
    due_at: datetime | None
    state: str
    waits_for: str | None = None
    done_at: datetime | None = None


def promise_fields(promise: PromiseView) -> dict[str, str | None]:
    """Return a promise in the shape of `Promise` in openapi-public.json. It has every field."""
    due, done = promise.due_at, promise.done_at
    return {
        "clock": promise.clock,
        "due_at": instants.written(due) if due else None,
        "state": promise.state,
        "waits_for": promise.waits_for,
        "done_at": instants.written(done) if done else None,
    }


SHOWN = (
    ClockName.ACKNOWLEDGEMENT,
    ClockName.REACTION,
    ClockName.FIRST_RESPONSE,
    ClockName.NEXT_REPLY,
    ClockName.OWN_WORD,
    ClockName.UPDATE,
    ClockName.RESOLUTION,
    ClockName.CALLBACK,
)


_OPEN = (Standing.RUNNING, Standing.OVERDUE, Standing.PAUSED)


def promises_of(ticket: Ticket, now: datetime) -> tuple[PromiseView, ...]:
    """The promises that the customer is shown, open ones first, then the others.

    Both groups are sorted by due time.
    """
    shown = [
        _promise_of(name, ticket.clocks[name], waits_for(ticket), now)
        for name in SHOWN
        if name in ticket.clocks and _is_shown(name, ticket, now)
    ]
    return tuple(
        sorted(shown, key=lambda promise: (promise.state not in _OPEN, promise.due_at or _LAST))
    )


BY_MAIL, BY_CONNECTOR, BY_STAFF = TOLD_BY = ("mail", "connector", "staff")
"""How the customer is told of a promise that became later. If the event names neither an address
nor a conversation, staff must do it."""


class Moved(Struct, frozen=True):
    """A promise that a customer was told and that became later, or was taken back.

    `before` and `after` are the due times. `after` is None if the promise no longer applies. If
    the promise is `paused`, both are the times at which it would be due if it went on at once.
    """

    clock: str
    before: datetime
    after: datetime | None
    paused: bool = False


def told_by(data: Mapping[str, Any]) -> str:
    """Return which of TOLD_BY tells the customer, from the data of an event with `lengthened`."""
    if "via" in data:
        return BY_CONNECTOR
    return BY_MAIL if "to" in data else BY_STAFF


def moved_in(data: Mapping[str, Any]) -> list[Moved]:
    """Return the promises that an event has made later, from its data."""
    return [
        Moved(
            one["clock"],
            datetime.fromisoformat(one["before"]),
            one["after"] and datetime.fromisoformat(one["after"]),
            one.get("paused", False),
        )
        for one in data.get("lengthened", ())
    ]


def lengthened(before: Ticket, after: Ticket, plan: Plan, at: datetime) -> tuple[Moved, ...]:
    """Return the promises that the customer was told and that a change at `at` has made later.

    `plan` is the plan before the change. Before its acknowledgement, a customer was told no
    promise. A paused promise moves with each hour of its pause anyway. So its two due times are
    compared as if it went on at `at`.
    """
    if before.acknowledged_at is None:
        return ()
    found = []
    for name in SHOWN:
        old, new = before.clocks.get(name), after.clocks.get(name)
        if old is None or new is None or old.over:
            continue
        if name is ClockName.CALLBACK and before.callback_by_mail:
            continue  # the customer is asked; nothing is promised
        # A change measures a paused promise anew, so its new due time is counted from `at`.
        due_at = resume(old, at, plan.calendar(old.calendar)).due_at
        if new.state is ClockState.CANCELLED:
            found.append(Moved(name.value, due_at, None))
        elif new.due_at - due_at >= NOTICED:
            is_paused = new.state is ClockState.PAUSED
            found.append(Moved(name.value, due_at, new.due_at, is_paused))
    return tuple(found)


NOTICED = timedelta(seconds=1)
"""Targets are whole seconds, so a shorter difference is a rounding error."""


_LAST = datetime.max.replace(tzinfo=UTC)


def _is_shown(name: ClockName, ticket: Ticket, now: datetime) -> bool:
    """Whether a promise is useful to the customer now.

    The acknowledgement is shown only after it was sent. A message to the customer ends the current
    update and promises the next, so an update is shown only while it is open. A callback by mail is
    not shown, because the status page itself asks the question and waits for the customer.
    """
    status = standing(ticket.clocks[name], now)
    match name:
        case ClockName.ACKNOWLEDGEMENT:
            return status in (Standing.KEPT, Standing.MISSED)
        case ClockName.UPDATE:
            return status in _OPEN
        case ClockName.CALLBACK:
            return not ticket.callback_by_mail
        case _:
            return True


def _promise_of(
    name: ClockName, clock: Clock, reasons: tuple[str, ...], now: datetime
) -> PromiseView:
    if clock.state is ClockState.PAUSED:
        waited = next((reason for reason in reasons if reason in clock.pauses), None)
        return PromiseView(name.value, None, Standing.PAUSED.value, waited)
    state = standing(clock, now).value
    return PromiseView(name.value, clock.due_at, state, done_at=clock.stopped_at)
