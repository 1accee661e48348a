"""Which tickets a member of staff may see and act on."""

from __future__ import annotations

from redress.base.people import Actor, Role
from redress.tickets.rules.ticket import Ticket


def may_see(actor: Actor, team: str, ticket: Ticket) -> bool:
    """Whether a member of staff may see a ticket: a manager any, others those of their team."""
    return actor.role is Role.MANAGER or (actor.is_staff and team == ticket.team)


def may_act(actor: Actor, team: str, ticket: Ticket) -> bool:
    """Whether a member of staff may act on a ticket.

    An agent may act on their own tickets, a supervisor on those of the team, a manager on all. A
    resolved ticket keeps its assignee, so the same agent makes the callback.
    """
    if actor.role is Role.AGENT:
        return ticket.assignee == actor.id
    return may_see(actor, team, ticket)
