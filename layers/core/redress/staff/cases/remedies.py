"""Remedies of tickets: the step of each act, and the lists of them for leaders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from redress.base.errors import Forbidden, NotFound
from redress.base.money import Money
from redress.base.people import Actor, Member
from redress.plans.rules.plan import Plan
from redress.staff.cases import paging
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules import access, remedy_rights
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.remedies import Remedy, RemedyState, find
from redress.tickets.rules.steps import by_staff, remedying
from redress.tickets.rules.steps.remedying import NewRemedy
from redress.tickets.rules.ticket import LinkKind, Ticket
from redress.tickets.store.attached import AttachedStore
from redress.tickets.store.remedies import Listed, RemedyLists
from redress.tickets.store.tickets import TicketStore

PAGE = 25
"""The most remedies of one page."""
AGENT_GONE = "its agent may not work on it any more"


class Which(StrEnum):
    """Which remedies are listed: those that nobody has decided about, or those that customers were
    promised and that are not done."""

    PROPOSED = "proposed"
    OWED = "owed"


MOST_PARTS = 50
"""About the most tickets into which a matter was split whose remedies are counted together."""


def _parts(ticket: Ticket) -> set[str]:
    """The numbers of the tickets off which this one was split, and that were split off it."""
    kinds = (LinkKind.SPLIT_FROM, LinkKind.SPLIT_INTO)
    return {link.number for link in ticket.links if link.kind in kinds}


def _is_part(ticket: Ticket, others: Iterable[Ticket]) -> bool:
    """Whether a ticket was split off one of the others, or one of them off it, for its customer."""
    return any(
        (ticket.split is not None and ticket.split.is_own and ticket.split.source == one.number)
        or (one.split is not None and one.split.is_own and one.split.source == ticket.number)
        for one in others
    )


_STATES = {Which.PROPOSED: RemedyState.PROPOSED, Which.OWED: RemedyState.PROMISED}


@dataclass(frozen=True, slots=True)
class RemedyLine:
    """One remedy in a list, with its ticket. `key` is its place in the list."""

    ticket: Ticket
    remedy: Remedy
    can: list[str]
    key: str


@dataclass(frozen=True, slots=True)
class RemedyPage:
    lines: list[RemedyLine]
    next: str | None


class RemedyCases:
    def __init__(
        self, tickets: TicketStore, lists: RemedyLists, files: AttachedStore, staff: StaffStore
    ) -> None:
        self._tickets, self._lists, self._files, self._staff = tickets, lists, files, staff

    def proposing(self, new: NewRemedy, text: str) -> StaffStep:
        """The step that promises a remedy, or proposes it if it needs an approval.

        What the customer gets in the other parts of a matter that was split counts, too: otherwise
        whoever splits a ticket could pay twice what they may not pay at once.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            beside = self._beside(ticket) if new.amount is not None else ()
            return remedying.propose(ticket, plan, by, new, text, at, beside)

        return decide

    def _beside(self, ticket: Ticket) -> list[Money]:
        """Return the amounts that the same customer gets in other tickets of the same split.

        The parts are the tickets that were split off this one, the ticket from which this one was
        split off, and the parts of those. A ticket without a split costs no read.
        """
        known, parts = {ticket.number: ticket}, [ticket]
        while parts and len(known) <= MOST_PARTS:
            wanted = sorted({one for part in parts for one in _parts(part)} - known.keys())
            found = self._tickets.get_readable(wanted) if wanted else []
            parts = [one for one in found if _is_part(one, known.values())]
            known |= {one.number: one for one in parts}
        return [
            money
            for number, part in known.items()
            if number != ticket.number
            for money in remedying.granted_in(part)
        ]

    def approving(self, id_: str, due: datetime | None) -> StaffStep:
        """The step that approves a remedy. What the customer is told is in the event that proposed
        it. The leader gets what is owed now if the ticket's agent is gone (`taking_over`)."""

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            remedy = find(ticket.remedies, id_)
            assert remedy is not None, "`must_have` has found it"
            text = self._tickets.event(ticket.number, remedy.event).data["text"]
            return remedying.approve(ticket, plan, by, id_, due, text, at)

        return self.taking_over(decide)

    def taking_over(self, step: StaffStep) -> StaffStep:
        """The step, after which a leader has what is owed on a ticket whose agent is gone.

        A ticket that needs no agent any more is in no queue, and what was promised on it would be
        in nobody's work list. The agent is gone if they may not work on the ticket any more: they
        left, are suspended, are in another team, or the complaint is about them.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change | None:
            change = step(ticket, plan, by=by, at=at)
            if change is None or by.role not in remedy_rights.LEADERS:
                return change
            after = change.after
            if not after.owes_work or after.assignee in (None, by.id):
                return change
            agent = self._staff.named([after.assignee], consistent=True).get(after.assignee)
            if agent is not None and agent.is_active and access.may_act(agent, after):
                return change
            return joined(change, by_staff.hand_over(after, plan, by, by.id, AGENT_GONE, at))

        return decide

    def finishing(self, id_: str, proof: str, text: str, file: str | None) -> StaffStep:
        """The step that says that a remedy is done. It reads the ticket's files if one is named."""

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            files = self._files.of_ticket(ticket.number) if file is not None else ()
            return remedying.finish(ticket, plan, by, id_, proof, text, at, file, files)

        return decide

    def page(
        self,
        member: Member,
        which: Which,
        team: str | None,
        content: Callable[[], tuple[int, str | None]],
    ) -> RemedyPage:
        """One page of the remedies of a team's tickets, next due first.

        `team` is None for the member's own. `content` reads from the request how many are wanted,
        and `next` of the page before. A remedy of a ticket that the member may not see is left out.
        Raises Forbidden for another team unless the member sees every team, and then the errors of
        `content`.
        """
        of_team = team or member.team
        if of_team != member.team and not member.sees_every_team:
            raise Forbidden("only the remedies of your own team")
        limit, after = content()
        state = _STATES[which]
        shown = partial(self._lines, member, state)
        return RemedyPage(
            *paging.page(
                limit,
                after,
                lambda last: self._lists.of_team(of_team, state, last, PAGE),
                shown,
                PAGE,
            )
        )

    def _lines(self, member: Member, state: RemedyState, some: list[Listed]) -> list[RemedyLine]:
        found = self._tickets.get_readable([one.number for one in some])
        tickets = {ticket.number: ticket for ticket in found}
        lines = []
        for one in some:
            ticket = tickets.get(one.number)
            remedy = find(ticket.remedies, one.remedy) if ticket is not None else None
            if ticket is None or remedy is None or remedy.state != state:
                continue
            if access.may_see(member, ticket):
                can = remedy_rights.can(member, ticket, remedy)
                lines.append(RemedyLine(ticket, remedy, can, one.key))
        return lines


def must_have(id_: str) -> Callable[[Ticket], None]:
    """Return a check that raises NotFound if a ticket does not have this remedy."""

    def there(ticket: Ticket) -> None:
        if find(ticket.remedies, id_) is None:
            raise NotFound("the ticket has no such remedy")

    return there
