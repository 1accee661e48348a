"""What a member of staff may do with a remedy of a ticket on which they may act.

A conflict of interest keeps a member from the ticket and so from its remedies (`access.may_see`):
whoever a complaint is about approves nothing of it.
"""

from __future__ import annotations

from redress.base.people import Actor, Member, Role
from redress.tickets.rules import access
from redress.tickets.rules.remedies import Remedy
from redress.tickets.rules.steps.table import STEPS
from redress.tickets.rules.ticket import Ticket

ACTS = ("approve_remedy", "refuse_remedy", "withdraw_remedy", "finish_remedy")
"""The acts on a remedy, by their names in `access.ACTIONS`."""

LEADERS = (Role.SUPERVISOR, Role.MANAGER)


def is_possible(remedy: Remedy, act: str) -> bool:
    """Whether an act (of ACTS) is possible in the present state of the remedy."""
    if act in ("approve_remedy", "refuse_remedy"):
        return remedy.is_undecided
    return remedy.is_open if act == "withdraw_remedy" else remedy.is_owed


def may_make(actor: Actor, ticket: Ticket, remedy: Remedy, act: str) -> bool:
    """Whether somebody who may act on the ticket may make an act on this remedy now.

    - A leader of the ticket approves or refuses what somebody else has proposed, unless they are
      the ticket's agent themselves, or were since it was proposed: nobody decides about their own
      work. While it is unclear whom the complaint is about, only a manager does: it may be about
      any supervisor of the team.
    - Everybody who may act on the ticket withdraws a proposal. What the customer was promised is
      taken back by a leader only.
    - Everybody who may act on the ticket says that it is done.
    """
    if act in ("approve_remedy", "refuse_remedy"):
        decides = LEADERS if ticket.about_unclear is None else (Role.MANAGER,)
        return actor.role in decides and actor.id not in without(ticket, remedy)
    if act == "withdraw_remedy" and remedy.is_owed:
        return actor.role in LEADERS
    return True


def without(ticket: Ticket, remedy: Remedy) -> set[str | None]:
    """Who does not decide about a remedy, because it is their own work."""
    return {remedy.by, ticket.assignee, *remedy.had}


def can(member: Member, ticket: Ticket, remedy: Remedy) -> list[str]:
    """The acts (of ACTS) that a member of staff may make on a remedy now."""
    return sorted(
        act
        for act in ACTS
        if any(ticket.state in STEPS[step] for step in access.ACTIONS[act])
        and access.may_make(member, ticket, act)
        and is_possible(remedy, act)
        and may_make(member.actor, ticket, remedy, act)
    )
