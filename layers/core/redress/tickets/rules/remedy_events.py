"""How the events of remedies change a ticket. `fold.apply` uses these functions."""

from __future__ import annotations

from copy import replace
from datetime import datetime, timedelta
from typing import Any

from redress.base.money import Money
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, Clock
from redress.plans.rules import remedies as in_plan
from redress.plans.rules.plan import ALWAYS, Plan, Promise
from redress.tickets.rules.remedies import Remedy, RemedyState, find, id_in
from redress.tickets.rules.ticket import Event, Ticket


def proposed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Add a remedy. Until somebody decides, its clock measures the decision."""
    data = event.data
    money = Money(data["amount"], data["currency"]) if "amount" in data else None
    remedy = Remedy(
        id=data["remedy_id"],
        kind=data["kind"],
        event=event.number,
        by=event.by.id,
        clock=_started(plan, in_plan.approval(plan), event.at),
        money=money,
        due=datetime.fromisoformat(data["due"]) if "due" in data else None,
        had=(data["assignee"],) if "assignee" in data else (),
    )
    return replace(ticket, remedies=(*ticket.remedies, remedy))


def handed_over(ticket: Ticket, agent: str) -> Ticket:
    """Record on each undecided remedy who has the ticket from now on.

    They do not decide about it, also if they give the ticket away again.
    """
    if not any(one.is_undecided and agent not in (one.by, *one.had) for one in ticket.remedies):
        return ticket
    return replace(
        ticket,
        remedies=tuple(
            replace(one, had=(*one.had, agent))
            if one.is_undecided and agent not in (one.by, *one.had)
            else one
            for one in ticket.remedies
        ),
    )


def promised(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """The customer is told. From now on the clock measures by when the remedy is done."""
    remedy = _remedy(ticket, event)
    due = datetime.fromisoformat(event.data["due"])
    given = in_plan.promise(plan, remedy.kind)
    if event.data.get("given"):
        target_s = (due - event.at) / timedelta(seconds=1)
        given = Promise(target_s, ALWAYS, given.ladder, ())
    return _changed(
        ticket,
        event,
        state=RemedyState.PROMISED,
        clock=_started(plan, given, event.at),
        promised_at=event.at,
        approved_by=event.by.id if event.data.get("approved") else None,
    )


def refused(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    remedy = _remedy(ticket, event)
    clock = clocks.stop(remedy.clock, event.at, plan.calendar(remedy.clock.calendar))
    return _changed(ticket, event, state=RemedyState.REFUSED, clock=clock)


def withdrawn(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    clock = clocks.cancel(_remedy(ticket, event).clock, event.at)
    return _changed(ticket, event, state=RemedyState.WITHDRAWN, clock=clock)


def done(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Stop the clock. The member of staff who did it has kept or missed the due time."""
    remedy = _remedy(ticket, event)
    clock = clocks.stop(remedy.clock, event.at, plan.calendar(remedy.clock.calendar))
    if not clock.breached:
        clock = replace(clock, held_by=ticket.assignee if clock.missed else event.by.id)
    return _changed(ticket, event, state=RemedyState.DONE, clock=clock)


def rung_fired(ticket: Ticket, event: Event) -> Ticket:
    """Record that a rung of a remedy has acted. It changes nothing else of the ticket."""
    data = event.data
    remedy = find(ticket.remedies, id_in(data["clock"]) or "")
    assert remedy is not None, "only the clock of a remedy of the ticket fires"
    clock = clocks.fire(remedy.clock, data["step"])
    if data["action"] == Action.BREACH and not clock.breached:
        clock = replace(clock, breached_at=clock.due_at, held_by=data["held_by"])
    return _changed(ticket, event, clock=clock)


def moved_to_plan(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Keep the due time of each open remedy under another plan, which has its own rungs.

    The other plan may lack the calendar of the remedy. So its time becomes calendar time. If it has
    no remedies, no rung is left: what was promised is still owed.

    The words of kinds that it does not have are in the event (`words_lost`), so the customer reads
    the same as before. Events of the version before have none.
    """
    if not ticket.remedies:
        return ticket
    lost: dict[str, Any] = event.data.get("remedies", {})
    return replace(
        ticket,
        remedies=tuple(
            replace(
                one,
                clock=_measured(one, event.at, plan) if one.is_open else one.clock,
                words=lost[one.kind]["label"] if one.kind in lost else one.words,
                is_amount_told=lost[one.kind]["told"] if one.kind in lost else one.is_amount_told,
            )
            for one in ticket.remedies
        ),
    )


def words_lost(ticket: Ticket, old: Plan, new: Plan) -> dict[str, Any]:
    """The kinds of the ticket's remedies that the new plan does not have, and the old one does.

    For each one, what the customer reads of it, and whether they read its amount.
    """
    return {
        kind: {"label": dict(words), "told": in_plan.amounts(old, kind) is in_plan.Amounts.TOLD}
        for kind in sorted({one.kind for one in ticket.remedies})
        if (words := in_plan.words(old, kind)) is not None and in_plan.words(new, kind) is None
    }


def _measured(remedy: Remedy, at: datetime, plan: Plan) -> Clock:
    """The clock of a remedy with the same due time, in calendar time, and the plan's rungs."""
    clock, ladder = remedy.clock, ""
    if in_plan.has_remedies(plan):
        undecided = remedy.is_undecided
        found = in_plan.approval(plan) if undecided else in_plan.promise(plan, remedy.kind)
        ladder = found.ladder
    target_s = (clock.due_at - clock.started_at) / timedelta(seconds=1)
    rungs = plan.rungs(remedy.clock_name, ladder, target_s, by_mail=False)
    return clocks.replan(clock, target_s, at, ladder=ladder, rungs=rungs)


def _started(plan: Plan, promise: Promise, at: datetime) -> Clock:
    return clocks.start(
        promise.target_s,
        at,
        plan.calendar(promise.calendar),
        name=promise.calendar,
        ladder=promise.ladder,
    )


def _remedy(ticket: Ticket, event: Event) -> Remedy:
    remedy = find(ticket.remedies, event.data["remedy_id"])
    assert remedy is not None, "a step finds the remedy before it makes an event of it"
    return remedy


def _changed(ticket: Ticket, event: Event, **fields: Any) -> Ticket:
    """Return the ticket after a change of the event's remedy."""
    id_ = event.data["remedy_id"]
    return replace(
        ticket,
        remedies=tuple(replace(one, **fields) if one.id == id_ else one for one in ticket.remedies),
    )
