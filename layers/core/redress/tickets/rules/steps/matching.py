"""The step that says whose ticket it is. The system makes it, and staff correct it."""

from __future__ import annotations

from datetime import datetime

from redress.base.people import SYSTEM, Actor
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.steps.by_staff import Classification, reclassify
from redress.tickets.rules.steps.draft import Draft, require_possible
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import EventType, Ticket


def match(
    ticket: Ticket,
    plan: Plan,
    customer: str,
    found_by: str,
    at: datetime,
    *,
    by: Actor = SYSTEM,
    customer_type: str | None = None,
    doubt: str | None = None,
    why: str = "",
) -> Change:
    """Match the ticket with the profile `customer`.

    `found_by` is the kind of contact point that led to it, `new` for a profile that was made of the
    ticket, or `staff`. `doubt` is another profile to which a contact point of the ticket belongs.

    If `customer_type` is given and the plan knows it, the ticket gets this type, and its promises
    are planned anew. The history says so with an event of its own, because a promise may then be
    due at another time.
    """
    require_possible(Step.MATCH, ticket)
    data = {"customer": customer, "by": found_by}
    if ticket.customer is not None:
        data["from"] = ticket.customer
    if doubt is not None:
        data["doubt"] = doubt
    if why:
        data["why"] = why
    change = Draft(ticket, plan, by, at).add(EventType.MATCHED, data).change()
    matched = change.after
    if (
        customer_type is None
        or customer_type == matched.customer_type
        or customer_type not in plan.customer_types
        or matched.state not in STEPS[Step.RECLASSIFY]
    ):
        return change
    given = Classification(customer_type=customer_type)
    reason = f"the customer is of the type {customer_type}"
    both = joined(change, reclassify(matched, plan, by, given, reason, at))
    assert both is not None, "both steps change the ticket"
    return both
