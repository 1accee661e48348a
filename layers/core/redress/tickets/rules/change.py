"""What one step does to a ticket."""

from __future__ import annotations

from msgspec import Struct

from redress.plans.rules.plan import Plan
from redress.tickets.rules.ticket import Event, Ticket


class Change(Struct, frozen=True):
    """What one step does: the ticket before (None when it opens), its new events, the ticket after.

    The ticket, its events, its timer and its facts are written in one transaction or not at all.
    """

    before: Ticket | None
    events: tuple[Event, ...]
    after: Ticket
    plan: Plan
    plan_before: Plan | None = None
    """Under which the ticket was before, where the step moved it to another plan."""
