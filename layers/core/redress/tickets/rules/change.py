"""The result of one step of a ticket."""

from __future__ import annotations

from msgspec import Struct

from redress.plans.rules.plan import Plan
from redress.tickets.rules.ticket import Event, Ticket


class Change(Struct, frozen=True):
    """The ticket before a step (None if the step opens it), its new events, and the ticket after.

    All of it is written in one transaction, together with the timer and what other subjects record.
    """

    before: Ticket | None
    events: tuple[Event, ...]
    after: Ticket
    plan: Plan
    plan_before: Plan | None = None
    """The plan before the step, if the step moved the ticket to another plan."""


def joined(first: Change | None, second: Change | None) -> Change | None:
    """Return two steps of one ticket as one change. The second began with the ticket after the
    first. None stands for a step that changed nothing. Neither step moved the ticket to another
    plan.
    """
    if first is None or second is None:
        return first or second
    return Change(first.before, first.events + second.events, second.after, second.plan)
