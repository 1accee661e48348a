"""Members of staff are invited, changed, suspended and reinstated by those who lead them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from msgspec import structs

from redress.base import instants
from redress.base.addresses import canonical
from redress.base.errors import (
    AlreadyDone,
    Fault,
    Forbidden,
    InvalidInput,
    MemberChanged,
    NotFound,
    Unavailable,
    Unreadable,
    saying_what_is_possible,
)
from redress.base.people import Member, Role
from redress.plans.rules.plan import Plan
from redress.staff.accounts import Account, UserPool
from redress.staff.cases.accused import AccusedCase
from redress.staff.cases.signing_in import require_active
from redress.staff.rules import members
from redress.staff.rules.availability import agent_loaded_by
from redress.staff.rules.leading import may_change, may_invite, may_lead, possible, stands
from redress.staff.rules.members import ChangeKind, Invitation, MemberChange, Profile
from redress.staff.store import LeaderRaced, MemberRaced, StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.access import may_see
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_departments, by_staff
from redress.tickets.rules.task_rights import may_do
from redress.tickets.rules.tasks import find
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tasks import TaskLists

ATTEMPTS = 8
PAGE = 25
"""How many tickets of a member are listed at a time."""
ROUNDS = 3
"""The most times that the tickets of a member are listed after one change."""
LAG_S = 0.2
"""The pause between two rounds. The index may be a moment behind the table."""


@dataclass(frozen=True, slots=True)
class Led:
    """A member after a change, and the numbers of their tickets that went to others.

    `queued` went back to a queue. On those of `taken_over`, which need no agent any more, something
    is still owed. The leader has them now.
    """

    member: Member
    queued: list[str]
    taken_over: list[str]


class MemberCases:
    def __init__(
        self,
        staff: StaffStore,
        lists: TicketLists,
        changes: TicketChanges,
        tasks: TaskLists,
        accused: AccusedCase,
        accounts: UserPool | None,
        now: Callable[[], datetime],
        pause: Callable[[float], None],
    ) -> None:
        """`accounts` is the user pool of the stack; None if another issuer signs staff in."""
        self._staff, self._lists, self._changes = staff, lists, changes
        self._tasks, self._accused = tasks, accused
        self._accounts, self._now, self._pause = accounts, now, pause

    # ---------------------------------------------------------------- invitations

    def invite(self, leader: Member, email: str, profile: Profile, source: str) -> Invitation:
        """Invite a person to the staff, and return the invitation.

        First the invitation is stored, then the account in the user pool is made, then the member's
        item is written together with the acceptance of the invitation. If a request fails on the
        way, the same request by the same person completes it. With another issuer, the member's
        item is made when the person signs in (`SignInCase`). An account that is in the pool already
        is taken over. Raises Forbidden, AlreadyDone if the person was invited by somebody else or
        otherwise, or is a member already, and Unavailable if the user pool does not answer.
        """
        self._require_may_invite(leader, profile)
        account = None
        if self._accounts is not None:
            account = self._accounts.find(email)
            if account is not None:
                self._require_leads(leader, account)
        invitation = self._invited(leader, email, profile, account)
        if self._accounts is None or invitation.agent is not None:
            return invitation
        with _completed_by_a_repeat("the invitation"):
            agent = self._account(self._accounts, account, leader, invitation)
        try:
            return self._join(leader, invitation, agent, source)
        except (Forbidden, AlreadyDone):
            # The leader was suspended or demoted meanwhile, or the invitation was withdrawn. The
            # group of the new account must not make a member instead.
            if agent not in self._staff.named([agent]):
                self._accounts.disable(agent)
            raise

    def _require_may_invite(self, leader: Member, profile: Profile) -> None:
        if not may_invite(leader, profile):
            raise Forbidden("a supervisor invites agents of their own team, a manager everybody")

    def _require_leads(self, leader: Member, account: Account) -> None:
        """Refuse to take over the account of somebody whose role in the pool is higher."""
        if account.role is None:
            return
        standing = Member(account.id, "", "", account.role, account.team or leader.team, (), 0)
        if not may_lead(leader, standing):
            raise Forbidden("this person has an account with a role that you do not lead")

    def _invited(
        self, leader: Member, email: str, profile: Profile, account: Account | None
    ) -> Invitation:
        """The invitation of this address: a new one, or that of the same request before.

        An open invitation by somebody who may no longer invite this person is replaced, because
        nobody can become a member by it (`leading.stands`).
        """
        for _ in range(ATTEMPTS):
            known, now = self._staff.invitation(email), self._now()
            if known is not None:
                same = (known.email, known.profile, known.by) == (email, profile, leader.id)
                if same and (known.is_open(now) or self._is_member(known)):
                    return known
                inviter = self._staff.named([known.by]).get(known.by)
                if known.is_open(now) and stands(known, inviter):
                    raise AlreadyDone(f"{email} {self._told_of(known)}")
            self._require_new(email, known, account)
            fresh = Invitation(email, profile, leader.id, now)
            if self._staff.invite(fresh, known):
                return fresh
        raise Unavailable("this person is being invited by others")

    def _is_member(self, invitation: Invitation) -> bool:
        """Whether the person has become a member by this invitation, and still is one."""
        if invitation.agent is None:
            return False
        found = self._staff.named([invitation.agent]).get(invitation.agent)
        if found is None or not found.is_active:
            return False
        return canonical(found.email) == canonical(invitation.email)

    def _told_of(self, invitation: Invitation) -> str:
        """Who invited somebody, and when."""
        inviter = self._staff.named([invitation.by]).get(invitation.by)
        name = f"{inviter.name} ({invitation.by})" if inviter is not None else invitation.by
        return f"was invited by {name} at {instants.written(invitation.at)}"

    def _require_new(
        self, email: str, invitation: Invitation | None, account: Account | None
    ) -> None:
        """Raise AlreadyDone if a member has this address, or the account with this address."""
        for member in self._staff.members():
            owns = account is not None and account.id == member.id
            if owns or canonical(member.email) == canonical(email):
                told = ""
                if invitation is not None and invitation.agent == member.id:
                    told = f"; they {self._told_of(invitation)}"
                standing = {
                    "active": "is a member of the staff",
                    "suspended": "is suspended: reinstate them",
                    "left": "has left: reinstate them",
                }[member.state]
                raise AlreadyDone(f"{member.name} ({member.id}) {standing}{told}")

    def _account(
        self, pool: UserPool, account: Account | None, leader: Member, invitation: Invitation
    ) -> str:
        """Make or take over the account of an invited person, and return its `sub`.

        `account` is the account that was in the pool before, if any.
        """
        email, profile = invitation.email, invitation.profile
        if account is None:
            created = pool.create(email, profile)
            if created is not None:
                pool.describe(created, profile)
                return created
            account = pool.find(email)
            if account is None:
                raise Unavailable("the account was removed meanwhile")
            self._require_leads(leader, account)
        if account.id in self._staff.named([account.id]):
            raise AlreadyDone("the account with this address belongs to a member of the staff")
        pool.describe(account.id, profile)
        if not account.enabled:
            pool.enable(account.id)
        return account.id

    def _join(self, leader: Member, invitation: Invitation, agent: str, source: str) -> Invitation:
        """Make the item of an invited person whose account is in the pool."""
        after = members.invited(agent, invitation.email, invitation.profile)
        what = members.differences(None, after)
        for _ in range(ATTEMPTS):
            self._require_may_invite(leader, invitation.profile)
            entry = MemberChange(
                after.revision, ChangeKind.INVITED, self._now(), leader.id, what, source=source
            )
            try:
                self._staff.write(None, after, entry, leader, invitation)
            except LeaderRaced:
                leader = self._active(leader)
                continue
            except MemberRaced:
                known = self._staff.invitation(invitation.email)
                if known is not None and known.agent == agent:
                    return known  # the person signed in, or the request was sent twice
                if agent in self._staff.named([agent]):
                    raise AlreadyDone("this person has become a member meanwhile") from None
                if known is None or not known.is_open(self._now()):
                    raise AlreadyDone("this invitation was withdrawn meanwhile") from None
                continue
            return structs.replace(invitation, agent=agent)
        raise Unavailable("this person is being invited by others")

    def open_invitations(
        self, leader: Member, limit: int, after: str | None
    ) -> tuple[list[Invitation], str | None]:
        """One page of the open invitations, and the key after which the next page begins.

        A manager sees all of them, a supervisor those of agents of their team. A page may have
        fewer than `limit` of them, because some have expired.
        """
        team = None if leader.role is Role.MANAGER else leader.team
        found, more = self._staff.invitations(team, limit, after)
        now = self._now()
        seen = [one for one in found if one.is_open(now) and may_invite(leader, one.profile)]
        return seen, more

    def withdraw(self, leader: Member, digest: str) -> Invitation:
        """Withdraw an open invitation, and return it. The call can be repeated.

        `digest` is the `keys.invitation_digest` of its address. An account that a request has made
        without completing the invitation is disabled. Raises NotFound for an invitation that the
        leader could not make, AlreadyDone if it made a member or has expired, and Unavailable.
        """
        for _ in range(ATTEMPTS):
            known, now = self._staff.invitation_of(digest), self._now()
            if known is None or not may_invite(leader, known.profile):
                raise NotFound("there is no such invitation")
            if known.agent is not None:
                raise AlreadyDone(f"{known.email} is a member of the staff: suspend them instead")
            if known.withdrawn_at is None and not known.is_open(now):
                raise AlreadyDone("this invitation has expired")
            after = known
            if known.withdrawn_at is None:
                after = structs.replace(known, withdrawn_by=leader.id, withdrawn_at=now)
                if not self._staff.invite(after, known):
                    continue
            if self._accounts is not None:
                with _completed_by_a_repeat("the withdrawal"):
                    self._disable_unfinished(self._accounts, leader, after.email)
            return after
        raise Unavailable("this invitation is being changed by others")

    def _disable_unfinished(self, pool: UserPool, leader: Member, email: str) -> None:
        """Disable the account of an invited person who is no member, so that its group counts for
        nothing."""
        account = pool.find(email)
        if account is None or account.id in self._staff.named([account.id]):
            return
        self._require_leads(leader, account)
        pool.disable(account.id)

    # ---------------------------------------------------------------- changes

    def change(
        self,
        leader: Member,
        agent: str,
        content: Callable[[], tuple[int, Profile, str]],
        source: str,
    ) -> Led:
        """Change what a leader decides about a member.

        `content` reads the request: the revision that the leader has read, the new profile, and the
        reason. After a change of team, open tickets go back to the queue of the old team. A request
        that is sent again completes what the first one left undone. Raises NotFound, Forbidden, the
        errors of `content`, InvalidInput for a revision that does not exist, and MemberChanged.
        """
        asked = cache(content)

        def decide(leader: Member, before: Member) -> Member:
            _require_leads(leader, before)
            revision, profile, _ = asked()
            if revision > before.revision:
                fault = Fault("/revision", "unknown_revision", "there is no such revision")
                raise InvalidInput([fault])
            after = members.with_profile(before, profile, self._now())
            if not may_change(leader, before, after):
                raise Forbidden(
                    "a supervisor changes agents of their own team and keeps them there, "
                    "a manager everybody else, and nobody themselves"
                )
            same = before.managed and members.profile_of(before) == profile
            if same and before.revision - revision in (0, 1):
                return before
            if revision != before.revision:
                raise MemberChanged(before.revision)
            return after

        return self._lead(leader, agent, decide, ChangeKind.CHANGED, lambda: asked()[2], source)

    def suspend(self, leader: Member, agent: str, content: Callable[[], str], source: str) -> Led:
        """Suspend a member: they may do nothing, and get no work and no mail, until reinstated.

        Their open tickets go back to the queue. `content` reads the reason from the request. The
        call can be repeated. Raises NotFound, Forbidden, the errors of `content`, and AlreadyDone
        for a member who has left.
        """
        asked = cache(content)

        def decide(leader: Member, before: Member) -> Member:
            _require_leads(leader, before)
            asked()
            if before.left:
                raise AlreadyDone("this member has left")
            return before if before.suspended else members.changed(before, suspended=True)

        return self._lead(leader, agent, decide, ChangeKind.SUSPENDED, asked, source)

    def reinstate(self, leader: Member, agent: str, content: Callable[[], str], source: str) -> Led:
        """Let a member work again who was suspended or had left. The call can be repeated.

        They are away until they set their presence. Raises NotFound, Forbidden, and the errors of
        `content`, which reads the reason from the request.
        """
        asked = cache(content)

        def decide(leader: Member, before: Member) -> Member:
            _require_leads(leader, before)
            asked()
            if before.is_active:
                return before
            return members.changed(before, suspended=False, left=False)

        return self._lead(leader, agent, decide, ChangeKind.REINSTATED, asked, source)

    def depart(self, leader: Member, agent: str, source: str) -> Led:
        """Record that `agent` has left, and return their open tickets and tasks to the queues.

        From now on `agent` may do nothing and gets no work and no mail. The call can be repeated. A
        ticket that cannot be read stays with the agent, until the call is repeated after its
        repair. Raises NotFound for an unknown `agent`, and Forbidden unless `leader` leads them
        (`leading.may_lead`).
        """

        def decide(leader: Member, before: Member) -> Member:
            _require_leads(leader, before)
            return before if before.left else members.changed(before, left=True)

        return self._lead(leader, agent, decide, ChangeKind.LEFT, lambda: "", source)

    def _lead(
        self,
        leader: Member,
        agent: str,
        decide: Callable[[Member, Member], Member],
        kind: ChangeKind,
        why: Callable[[], str],
        source: str,
    ) -> Led:
        """Change a member, return tickets to the queue, and let the account follow the item.

        The item comes first, so that the change counts at once. What follows is also done if the
        item is as it should be: so a repeated request completes it.
        """
        member = self._change(leader, agent, decide, kind, why, source)
        if kind is ChangeKind.CHANGED:
            self._accused.keep_from_leaders(member)
        queued, taken_over = self._hand_back(leader, member, _BECAUSE[kind])
        self._hand_back_tasks(leader, member, _BECAUSE[kind])
        if self._accounts is not None:
            with _completed_by_a_repeat("the change"):
                self._follow(self._accounts, member, enables=kind is ChangeKind.REINSTATED)
        return Led(member, queued, taken_over)

    def _change(
        self,
        leader: Member,
        agent: str,
        decide: Callable[[Member, Member], Member],
        kind: ChangeKind,
        why: Callable[[], str],
        source: str,
    ) -> Member:
        """Change a member as `decide` says, and return the member after the change.

        `decide` gets the leader and the member. It returns the same member if there is nothing to
        change. The leader's item is a condition of the write: a leader who is suspended or demoted
        meanwhile changes nobody. So of two managers who suspend each other, one succeeds, and there
        is always a manager. Raises NotFound for an unknown `agent`, and what `decide` raises, with
        what the leader may do instead.
        """
        for _ in range(ATTEMPTS):
            before = self._staff.member(agent, consistent=True)
            with saying_what_is_possible(partial(possible, leader, before)):
                after = decide(leader, before)
            if after is before:
                return before
            if (after.role, after.team) != (before.role, before.team):
                self._accused.keep_from_leaders(after)
            what = members.differences(before, after)
            entry = MemberChange(after.revision, kind, self._now(), leader.id, what, why(), source)
            try:
                self._staff.write(before, after, entry, leader)
            except MemberRaced:
                continue
            except LeaderRaced:
                leader = self._active(leader)
                continue
            return after
        raise Unavailable("this member is being changed by others")

    def _active(self, leader: Member) -> Member:
        """The leader as they are now. Raises Forbidden if they may no longer do anything."""
        found = self._staff.member(leader.id, consistent=True)
        require_active(found)
        return found

    def _hand_back(self, leader: Member, member: Member, why: str) -> tuple[list[str], list[str]]:
        """Return to the queue the open tickets that a member can no longer work on.

        These are all tickets of a member who is not active, and the tickets of other teams. Those
        that need no agent any more, but on which something is owed, go to the leader: no queue has
        them, and what the customer was promised must not wait for somebody who is gone. The leader
        gives them to whom they like. If a conflict of interest keeps the leader from one, it stays,
        and is in the lists of those who may see it.

        Returns the numbers of those that the leader may see: queued, and taken over. Tickets are
        listed again while the member's load counts more tickets than the index had.
        """
        taken = list[str]()
        numbers, kept = self._hand_back_listed(leader, member, why, taken)
        for _ in range(ROUNDS - 1):
            if self._load(member.id) <= kept:
                break
            self._pause(LAG_S)
            further, kept = self._hand_back_listed(leader, member, why, taken)
            numbers += further
        return numbers, taken

    def _load(self, agent: str) -> int:
        try:
            return self._staff.availability(agent).load
        except NotFound:
            return 0  # they never set a presence, so they never got a ticket

    def _hand_back_listed(
        self, leader: Member, member: Member, why: str, taken: list[str]
    ) -> tuple[list[str], int]:
        """Return the listed tickets to the queue that the member can no longer work on.

        Returns the numbers of those that the leader may see, and how many stay with the member.
        `taken` gets the numbers of those that the leader takes over.
        """
        actor, numbers, kept = leader.actor, list[str](), 0

        def hand_back(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            if ticket.assignee != member.id:
                return None  # somebody else changed it in the meantime
            if member.is_active and ticket.team == member.team:
                return None
            if ticket.needs_agent:
                return by_staff.reassign(ticket, plan, actor, None, None, why, at)
            if not ticket.owes_work or not may_see(leader, ticket):
                return None
            return by_staff.hand_over(ticket, plan, actor, leader.id, why, at)

        cursor: str | None = None
        while True:
            page = self._lists.owned_by(member.id, PAGE, cursor)
            for number in page.numbers:
                try:
                    after = self._changes.change(number, hand_back)
                except NotFound:
                    continue
                except Unreadable:
                    kept += 1
                    continue
                kept += agent_loaded_by(after) == member.id
                is_shown = after.assignee is None and may_see(leader, after)
                numbers += [number] if is_shown else []
                if after.owes_work and after.assignee == leader.id and number not in taken:
                    taken.append(number)
            cursor = page.cursor
            if cursor is None:
                return numbers, kept

    def _hand_back_tasks(self, leader: Member, member: Member, why: str) -> None:
        """Return to the queues of departments the open tasks that a member can no longer work on.

        These are all tasks of a member who is not active, and those of other departments. Otherwise
        they would be in nobody's queue. A task of a ticket that cannot be read stays with them,
        until the request is repeated after its repair.
        """
        after: str | None = None
        while page := self._tasks.of_member(member.id, after, PAGE):
            for listed in page:

                def put_back(
                    ticket: Ticket, plan: Plan, at: datetime, id_: str = listed.task
                ) -> Change | None:
                    task = find(ticket.tasks, id_)
                    if task is None or not task.is_open or task.owner != member.id:
                        return None  # somebody else changed it in the meantime
                    if may_do(member, ticket, task.team):
                        return None
                    return by_departments.assign(ticket, plan, leader.actor, task, None, why, at)

                try:
                    self._changes.change(listed.number, put_back)
                except (NotFound, Unreadable):
                    continue
            after = page[-1].key

    def _follow(self, accounts: UserPool, member: Member, *, enables: bool) -> None:
        """Make the account of a member as their item says.

        If the item changes meanwhile, the account is changed again. So two requests that contradict
        each other leave the account as the later item is. With `enables`, an active member can sign
        in again; otherwise an account that an administrator has disabled stays so.
        """
        for _ in range(ATTEMPTS):
            if member.is_active:
                accounts.describe(member.id, members.profile_of(member))
                if enables:
                    accounts.enable(member.id)
            else:
                accounts.disable(member.id)
                enables = True
            current = self._staff.member(member.id, consistent=True)
            if current.revision == member.revision:
                return
            member = current
        raise Unavailable("this member is being changed by others")


_BECAUSE = {
    ChangeKind.CHANGED: "the agent is in another team now",
    ChangeKind.SUSPENDED: "the agent is suspended",
    ChangeKind.REINSTATED: "the agent is in another team now",
    ChangeKind.LEFT: "the agent left",
}
"""Why tickets go back to the queue after a change."""


def _require_leads(leader: Member, member: Member) -> None:
    if not may_lead(leader, member):
        raise Forbidden(
            "a supervisor decides about agents of their own team, a manager about everybody else, "
            "and nobody about themselves"
        )


@contextmanager
def _completed_by_a_repeat(what: str) -> Iterator[None]:
    """Say in an error of the user pool what is stored already, and what completes it."""
    try:
        yield
    except Unavailable as error:
        raise Unavailable(
            f"{what} is recorded, but the user pool does not answer: "
            "send the same request again to complete it"
        ) from error
