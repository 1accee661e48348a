"""Conflicts of interest: from whom a complaint about a member of staff is kept, besides them.

What keeps a member from a ticket is `access.is_kept_from`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from enum import StrEnum

from redress.base.people import Member, Post, Role
from redress.plans.rules.plan import Plan


class Doubt(StrEnum):
    """Why it is unclear whom a complaint is about. The values are stored."""

    NOT_READ = "what the customer wrote cannot be read"
    NOBODY_NAMED_SO = "nobody has the name in the form"
    SEVERAL_NAMED_SO = "several have the name in the form"
    SERVED_LAST = "it is about service, and this agent served the customer last"


def kept_from(plan: Plan, members: Iterable[Member], since: datetime) -> tuple[str, ...]:
    """The teams whose supervisors do not see a complaint about these members, sorted.

    They are the teams in which those of them are, or were since the complaint was opened (`since`),
    who are or were agents, if the plan keeps such complaints from their supervisors. A complaint
    about a supervisor or a manager is kept from nobody else, because somebody must read it.
    """
    if not plan.conflict.without_their_supervisor:
        return ()
    return tuple(sorted({team for one in members for team in _teams(one, since)}))


def _teams(member: Member, since: datetime) -> Iterator[str]:
    """The teams in which a member is an agent, or was one at `since` or later."""
    if member.role is Role.AGENT:
        yield member.team
    for post in member.former:
        if post.role is Role.AGENT and since <= post.until:
            yield post.team


def departments_of(members: Iterable[Member], since: datetime) -> set[str]:
    """The teams in which these members are, or were at `since` or later, in any role.

    Their colleagues there do no task of a complaint about them, unless somebody names one.
    """
    return {
        team
        for member in members
        for team in (member.team, *(post.team for post in member.former if since <= post.until))
    }


def kept_from_in_doubt(
    plan: Plan, candidates: Collection[Member], team: str, since: datetime
) -> tuple[str, ...]:
    """The teams whose supervisors do not see a complaint of which it is unclear whom it is about.

    If nobody knows who it may be, it is most likely an agent of the ticket's `team`. So managers
    decide, if the plan keeps complaints from the supervisors of the accused.
    """
    if not candidates and plan.conflict.without_their_supervisor:
        return (team,)
    return kept_from(plan, candidates, since)


def led_before(member: Member) -> tuple[Post, ...]:
    """The teams that a supervisor led before, and until when.

    A complaint that was opened by that time and is kept from the supervisors of such a team is kept
    from them, too. Who is a manager now reads it: somebody must, and managers decide where the
    supervisors of the accused may not. Who is an agent now may have to handle it.
    """
    if member.role is not Role.SUPERVISOR:
        return ()
    return tuple(post for post in member.former if post.role is Role.SUPERVISOR)
