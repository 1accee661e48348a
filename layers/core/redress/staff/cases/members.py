"""Changes of members of staff by those who lead them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.errors import Forbidden, NotFound, Unavailable, Unreadable
from redress.base.people import Member
from redress.plans.rules.plan import Plan
from redress.staff.cases.signing_in import require_active
from redress.staff.rules import members
from redress.staff.rules.leading import may_lead
from redress.staff.rules.members import ChangeKind, MemberChange
from redress.staff.store import LeaderRaced, MemberRaced, StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists

ATTEMPTS = 8
PAGE = 25
"""How many tickets of a member are listed at a time."""


class MemberCases:
    def __init__(
        self,
        staff: StaffStore,
        lists: TicketLists,
        changes: TicketChanges,
        now: Callable[[], datetime],
    ) -> None:
        self._staff, self._lists, self._changes = staff, lists, changes
        self._now = now

    def depart(self, leader: Member, agent: str, source: str) -> list[str]:
        """Record that `agent` has left, and return their open tickets to the queue.

        From now on `agent` may do nothing and gets no work and no mail. Returns the numbers of the
        queued tickets. The call can be repeated. A ticket that cannot be read stays with the agent,
        until the call is repeated after its repair. Raises NotFound for an unknown `agent`, and
        Forbidden unless `leader` leads them (`leading.may_lead`).
        """

        def decide(leader: Member, member: Member) -> Member:
            if not may_lead(leader, member):
                raise Forbidden("only a manager records this departure, and nobody their own")
            return member if member.left else members.changed(member, left=True)

        leaver = self._change(leader, agent, decide, ChangeKind.LEFT, "", source)
        return self._hand_back(leader, leaver, "the agent left")

    def _change(
        self,
        leader: Member,
        agent: str,
        decide: Callable[[Member, Member], Member],
        kind: ChangeKind,
        why: str,
        source: str,
    ) -> Member:
        """Change a member as `decide` says, and return the member after the change.

        `decide` gets the leader and the member. It returns the same member if there is nothing to
        change. The leader's item is a condition of the write: a leader who is suspended or demoted
        meanwhile changes nobody. So of two managers who suspend each other, one succeeds, and there
        is always a manager. Raises NotFound for an unknown `agent`, Forbidden, and what `decide`
        raises.
        """
        for _ in range(ATTEMPTS):
            before = self._staff.member(agent, consistent=True)
            after = decide(leader, before)
            if after is before:
                return before
            what = members.differences(before, after)
            entry = MemberChange(after.revision, kind, self._now(), leader.id, what, why, source)
            try:
                self._staff.write(before, after, entry, leader)
            except MemberRaced:
                continue
            except LeaderRaced:
                leader = self._staff.member(leader.id, consistent=True)
                require_active(leader)
                continue
            return after
        raise Unavailable("this member is being changed by others")

    def _hand_back(self, leader: Member, member: Member, why: str) -> list[str]:
        """Return to the queue the open tickets that a member can no longer work on.

        These are all tickets of a member who is not active, and the tickets of other teams. Returns
        their numbers.
        """
        actor = leader.actor

        def hand_back(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            if ticket.assignee != member.id or not ticket.needs_agent:
                return None  # somebody else changed it in the meantime
            if member.is_active and ticket.team == member.team:
                return None
            return by_staff.reassign(ticket, plan, actor, None, None, why, at)

        numbers: list[str] = []
        cursor: str | None = None
        while True:
            page = self._lists.owned_by(member.id, PAGE, cursor)
            for number in page.numbers:
                try:
                    after = self._changes.change(number, hand_back)
                except (NotFound, Unreadable):
                    continue
                numbers += [number] if after.assignee is None else []
            cursor = page.cursor
            if cursor is None:
                return numbers
