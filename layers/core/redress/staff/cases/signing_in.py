"""Who calls the staff API: the item of the person whose token the API has accepted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.errors import Forbidden, NotFound, Unavailable
from redress.base.people import Member
from redress.staff.rules import members
from redress.staff.rules.leading import stands
from redress.staff.rules.members import ChangeKind, Invitation, MemberChange, SignedIn
from redress.staff.store import MemberRaced, StaffStore

ATTEMPTS = 4


class SignInCase:
    def __init__(
        self,
        staff: StaffStore,
        keep_from_leaders: Callable[[Member], None],
        now: Callable[[], datetime],
    ) -> None:
        """`keep_from_leaders` is that of `AccusedCase`."""
        self._staff, self._keep_from_leaders, self._now = staff, keep_from_leaders, now

    def caller(self, given: SignedIn, source: str) -> Member:
        """The member of staff who calls, with the role and team of their item.

        The item is read at each request, so a change counts from the next request on. A person
        without an item begins with their invitation, if their token says that its address is
        verified and the invitation is for this address and still stands (`leading.stands`);
        otherwise with the claims of their token.
        So does once a member whose item an earlier version made. `source` is the IP address of the
        request. Raises Forbidden for a person whom nobody invited and whose claims are incomplete,
        and for a member who has left or is suspended.
        """
        for _ in range(ATTEMPTS):
            try:
                known = self._known(given.id)
                found = self._current(given, known, source)
            except MemberRaced:
                continue  # another request of this person, or a manager, was faster
            require_active(found)
            return found
        raise Unavailable("your account is being changed by others")

    def _known(self, id_: str) -> Member | None:
        try:
            return self._staff.member(id_, consistent=True)
        except NotFound:
            return None

    def _current(self, given: SignedIn, known: Member | None, source: str) -> Member:
        if known is not None and not known.is_active:
            return known
        if known is None and (invitation := self._invitation(given)) is not None:
            after = members.invited(given.id, given.email, invitation.profile)
            return self._write(ChangeKind.JOINED, None, after, source, invitation)
        if known is None or not known.managed:
            if given.claimed is None:
                raise Forbidden(
                    f"nobody has invited you, and {given.complaint}: "
                    "ask your supervisor or a manager to invite you"
                )
            after = members.begun(given, given.claimed, known, self._now())
            if known is None:
                return self._write(ChangeKind.BEGAN, None, after, source)
            return self._take_over(known, after, source)
        if given.email != known.email and given.address_verified is not False:
            after = members.changed(known, email=given.email)
            return self._write(ChangeKind.ADDRESS, known, after, source)
        return known

    def _take_over(self, known: Member, after: Member, source: str) -> Member:
        """Store what the claims say about a member whose item an earlier version made.

        The claims may name another team, so complaints about the member are kept from its
        supervisors, too.
        """
        moved = (after.role, after.team) != (known.role, known.team)
        if moved:
            self._keep_from_leaders(after)
        stored = self._write(ChangeKind.TAKEN_OVER, known, after, source)
        if moved:
            self._keep_from_leaders(stored)
        return stored

    def _invitation(self, given: SignedIn) -> Invitation | None:
        if not given.address_verified:
            return None
        found = self._staff.invitation(given.email)
        if found is None or not found.is_open(self._now()):
            return None
        if not stands(found, self._known(found.by)):
            return None
        return None if members.prefers_claims(given.claimed, found) else found

    def _write(
        self,
        kind: ChangeKind,
        before: Member | None,
        after: Member,
        source: str,
        accepted: Invitation | None = None,
    ) -> Member:
        what = members.differences(before, after)
        why = f"invited by {accepted.by}" if accepted is not None else ""
        entry = MemberChange(after.revision, kind, self._now(), after.id, what, why, source)
        self._staff.write(before, after, entry, accepted=accepted)
        return after


def require_active(member: Member) -> None:
    """Raise Forbidden if a member may not use the staff API."""
    if member.left:
        raise Forbidden(
            "you have left the staff, as your supervisor or a manager has recorded: "
            "ask a manager to reinstate you"
        )
    if member.suspended:
        raise Forbidden("you are suspended: ask your supervisor or a manager")
