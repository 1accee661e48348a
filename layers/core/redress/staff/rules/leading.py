"""Who may decide about a member of staff: rate their month, or record that they left."""

from __future__ import annotations

from redress.base.people import Member, Role


def may_lead(leader: Member, member: Member) -> bool:
    """Whether `leader` may rate `member` or record their departure.

    A supervisor leads the agents of their team. A manager leads everybody. Nobody leads themselves:
    if the last manager left, no one would hear of broken promises any more. A supervisor never
    leads a supervisor or a manager, because these hear of the supervisor's own broken promises.
    """
    if leader.id == member.id:
        return False
    if leader.role is Role.MANAGER:
        return True
    led = member.role is Role.AGENT and member.team == leader.team
    return leader.role is Role.SUPERVISOR and led
