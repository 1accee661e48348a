"""How the events of a post-mortem change a ticket. `fold.apply` uses these functions."""

from __future__ import annotations

from copy import replace

from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action
from redress.plans.rules import urgent
from redress.plans.rules.plan import Plan
from redress.tickets.rules.post_mortem import PostMortem
from redress.tickets.rules.ticket import Event, Ticket


def closed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Start the clock of the post-mortem, if the event says that one is due.

    A ticket that is closed once more is due another one. The earlier one stays in the history.
    """
    promise = urgent.post_mortem(plan)
    if not event.data.get("post_mortem") or promise is None:
        return ticket
    clock = clocks.start(
        promise.target_s,
        event.at,
        plan.calendar(promise.calendar),
        name=promise.calendar,
        ladder=promise.ladder,
    )
    return replace(ticket, post_mortem=PostMortem(clock))


def written(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Stop the clock. Who wrote it has kept or missed the due time. A correction stops nothing."""
    clock = _owed(ticket).clock
    if not clock.over:
        clock = clocks.stop(clock, event.at, plan.calendar(clock.calendar))
        if not clock.breached:
            clock = replace(clock, held_by=ticket.assignee if clock.missed else event.by.id)
    return replace(ticket, post_mortem=PostMortem(clock, event.number, event.at, event.by.id))


def rung_fired(ticket: Ticket, event: Event) -> Ticket:
    """Record that a rung has acted. It changes nothing else of the ticket."""
    owed, data = _owed(ticket), event.data
    clock = clocks.fire(owed.clock, data["step"])
    if data["action"] == Action.BREACH and not clock.breached:
        clock = replace(clock, breached_at=clock.due_at, held_by=data["held_by"])
    return replace(ticket, post_mortem=replace(owed, clock=clock))


def _owed(ticket: Ticket) -> PostMortem:
    owed = ticket.post_mortem
    assert owed is not None, "only a ticket that owes one has such events"
    return owed
