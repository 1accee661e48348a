"""The promises of a ticket as its customer sees them: on the page, in mails, in the receipt."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from redress.clocks.rules.clocks import Clock, ClockName, ClockState, Standing, standing
from redress.tickets.rules.ticket import Ticket, waits_for


class PromiseView(Struct, frozen=True, omit_defaults=True):
    """One promise as a customer sees it.

    state: running, overdue, paused, kept, missed or cancelled. A paused one has no due time, since
    nobody knows when it goes on; `waits_for` says what for: customer, part or third_party.
    `done_at`: when it was kept, or done late.
    """

    clock: str
    due_at: datetime | None
    state: str
    waits_for: str | None = None
    done_at: datetime | None = None


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
    """The promises that the customer was given: what is to come by its time, then what is over."""
    shown = [
        _promise_of(name, ticket.clocks[name], waits_for(ticket), now)
        for name in SHOWN
        if name in ticket.clocks and _is_shown(name, ticket, now)
    ]
    return tuple(
        sorted(shown, key=lambda promise: (promise.state not in _OPEN, promise.due_at or _LAST))
    )


_LAST = datetime.max.replace(tzinfo=UTC)


def _is_shown(name: ClockName, ticket: Ticket, now: datetime) -> bool:
    """Some promises are of no use to a reader at all times.

    Who reads this has what the confirmation says, so it is shown once it went out; the next update
    is over with every word of ours and promised anew; a callback by mail is a question on the
    status page, which waits for them.
    """
    stands = standing(ticket.clocks[name], now)
    match name:
        case ClockName.ACKNOWLEDGEMENT:
            return stands in (Standing.KEPT, Standing.MISSED)
        case ClockName.UPDATE:
            return stands in _OPEN
        case ClockName.CALLBACK:
            return not ticket.by_mail
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
