"""Presence of members of staff: they become available or go away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.errors import Unavailable
from redress.base.people import Member
from redress.staff.cases.signing_in import ATTEMPTS, require_active
from redress.staff.rules.availability import Availability, Presence
from redress.staff.store import MemberRaced, StaffStore


class PresenceCases:
    def __init__(self, staff: StaffStore, now: Callable[[], datetime]) -> None:
        self._staff, self._now = staff, now

    def set_presence(self, member: Member, presence: Presence) -> Availability:
        """Record the presence of a member.

        If the member was changed since the request began, the new team and capacity count. Raises
        Forbidden if they have left or were suspended meanwhile.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._staff.set_presence(member, presence, self._now())
            except MemberRaced:
                member = self._staff.member(member.id, consistent=True)
                require_active(member)
        raise Unavailable("your account is being changed by others")
