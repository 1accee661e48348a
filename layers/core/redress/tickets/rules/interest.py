"""Conflicts of interest: from whom a complaint about a member of staff is kept, besides them.

What keeps a member from a ticket is `access.is_kept_from`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from redress.base.people import Member, Role
from redress.plans.rules.plan import Plan


class Doubt(StrEnum):
    """Why it is unclear whom a complaint is about. The values are stored."""

    NOT_READ = "what the customer wrote cannot be read"
    NOBODY_NAMED_SO = "nobody has the name in the form"
    SEVERAL_NAMED_SO = "several have the name in the form"
    SERVED_LAST = "it is about service, and this agent served the customer last"


def kept_from(plan: Plan, members: Iterable[Member]) -> tuple[str, ...]:
    """The teams whose supervisors do not see a complaint about these members, sorted.

    They are the teams of the agents among them, if the plan keeps such complaints from their
    supervisors. A complaint about a supervisor or a manager is kept from nobody else, because
    somebody must read it.
    """
    if not plan.conflict.without_their_supervisor:
        return ()
    return tuple(sorted({one.team for one in members if one.role is Role.AGENT}))


def kept_from_in_doubt(plan: Plan, candidates: Collection[Member], team: str) -> tuple[str, ...]:
    """The teams whose supervisors do not see a complaint of which it is unclear whom it is about.

    If nobody knows who it may be, it is most likely an agent of the ticket's `team`. So managers
    decide, if the plan keeps complaints from the supervisors of the accused.
    """
    if not candidates and plan.conflict.without_their_supervisor:
        return (team,)
    return kept_from(plan, candidates)
