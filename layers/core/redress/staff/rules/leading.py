"""Who may decide about a member of staff: rate their month, invite, change and suspend them, or
record that they left."""

from __future__ import annotations

from redress.base.people import Member, Role
from redress.staff.rules.members import Invitation, Profile, invited


def may_lead(leader: Member, member: Member) -> bool:
    """Whether `leader` may rate `member`, suspend or reinstate them, or record their departure.

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


def may_change(leader: Member, before: Member | None, after: Member) -> bool:
    """Whether `leader` may change a member to another, or invite one (`before` is None).

    The leader must lead the member before and after. So a supervisor neither promotes an agent nor
    moves them to another team, and only a manager makes supervisors and managers.
    """
    return (before is None or may_lead(leader, before)) and may_lead(leader, after)


def may_invite(leader: Member, profile: Profile) -> bool:
    """Whether `leader` may invite a person to the staff with this role and team."""
    return may_change(leader, None, invited("", "", profile))


def stands(invitation: Invitation, inviter: Member | None) -> bool:
    """Whether an invitation still counts: `inviter`, who made it, might make it again.

    One who was suspended, has left, or leads that team no longer brings nobody onto the staff.
    """
    if inviter is None or not inviter.is_active:
        return False
    return may_invite(inviter, invitation.profile)


OPERATIONS = ("change_member", "record_departure", "reinstate", "suspend")
"""The operations of the staff API by which a leader decides about a member."""


def possible(leader: Member, member: Member) -> list[str]:
    """What `leader` may do with `member` now, by the names of the operations of the staff API."""
    if not may_lead(leader, member):
        return []
    if member.left:
        return ["change_member", "reinstate"]
    standing = "reinstate" if member.suspended else "suspend"
    return sorted(["change_member", "record_departure", standing])
