"""Part two merged tickets that turn out to belong to two customers.

Staff correct a match, or undo the merge of two profiles, after the merge of the tickets can no
longer be undone. From then on messages to the source do not go on to the target
(`TicketStore.goes_on`). But the merge gave the target the address and the conversation of the
source, and answers in the target would still be sent there. So both are removed from the target.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from redress.base.errors import NotFound, Unreadable
from redress.base.people import Actor
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.steps import merging
from redress.tickets.rules.ticket import Event, EventType, LinkKind, Ticket, continues_in
from redress.tickets.store.tickets import TicketStore


class PartingCases:
    def __init__(self, tickets: TicketStore, changes: TicketChanges) -> None:
        self._tickets, self._changes = tickets, changes

    def matched(
        self, change: Change, by: Actor, at: datetime
    ) -> tuple[Change, tuple[tuple[Change, datetime], ...]]:
        """Return what follows from the correction of a match.

        First comes `change`, the correction, with what it removes from the same ticket. Then come
        the changes of other tickets with their times: at most that of the target into which the
        ticket was merged.

        A source that cannot be read counts as another customer's. A target that cannot be read is
        left out; no answer can be sent from it. Raises Unreadable if the plan of the target cannot
        be read.
        """
        also: tuple[tuple[Change, datetime], ...] = ()
        ticket = change.after
        for number in _sources(ticket):
            source = self._tickets.readable(number)
            if source is None or not self._tickets.goes_on(source, change.after):
                parted = self._parted(change.after, change.plan, by, at, number, source)
                change = joined(change, parted) or change
        into = self._tickets.readable(ticket.merged.into) if ticket.merged is not None else None
        if into is not None and not self._tickets.goes_on(ticket, into):
            moment, plan = self._changes.moment(into), self._changes.plan_of(into)
            parted = self._parted(into, plan, by, moment, ticket.number, ticket)
            also = ((parted, moment),) if parted is not None else ()
        return change, also

    def profiles_parted(
        self, pages: Iterable[Sequence[str]], mine: frozenset[str], by: Actor
    ) -> None:
        """Part the tickets that were merged between two profiles, before their merge is undone.

        `mine` are the ids of one of the two profiles, and `pages` the numbers of its tickets. Each
        target is changed by itself, and a repetition changes nothing. A ticket that cannot be read
        is reported and left out.
        """
        for source, target in sorted({pair for page in pages for pair in self._pairs(page, mine)}):

            def decide(
                ticket: Ticket, plan: Plan, at: datetime, source: str = source
            ) -> Change | None:
                theirs = self._tickets.readable(source)
                return self._parted(ticket, plan, by, at, source, theirs)

            with contextlib.suppress(NotFound, Unreadable):
                self._changes.change(target, decide)

    def _pairs(self, numbers: Sequence[str], mine: frozenset[str]) -> Iterator[tuple[str, str]]:
        """The source and the target of each merge between one of these tickets and another
        customer's."""
        tickets = {one.number: one for one in self._tickets.get_readable(list(numbers))}
        for ticket in tickets.values():
            if ticket.customer in mine:
                yield from self._merges(ticket, mine)
        for number in numbers:
            if number not in tickets:
                yield from self._merges_of_unreadable(number, mine)

    def _merges(self, ticket: Ticket, mine: frozenset[str]) -> Iterator[tuple[str, str]]:
        """The source and the target of each merge between this ticket and another customer's."""
        into = self._tickets.readable(ticket.merged.into) if ticket.merged is not None else None
        if into is not None and continues_in(ticket, into) and into.customer not in mine:
            yield ticket.number, into.number
        for number in _sources(ticket):
            source = self._tickets.readable(number)
            if source is None:
                if self._customer_of_unreadable(number, ticket) not in mine:
                    yield number, ticket.number
            elif continues_in(source, ticket) and source.customer not in mine:
                yield number, ticket.number

    def _merges_of_unreadable(self, number: str, mine: frozenset[str]) -> Iterator[tuple[str, str]]:
        """The same for a ticket that cannot be read. Its history says into which it was merged."""
        into = {e.data["ticket"] for e in self._merged_into(number) if e.data["customer"] in mine}
        for one in sorted(into):
            target = self._tickets.readable(one)
            if target is not None and number in _sources(target) and target.customer not in mine:
                yield number, target.number

    def _customer_of_unreadable(self, number: str, target: Ticket) -> str | None:
        """The customer that a ticket had when it was merged into `target`, by its history; None if
        the history does not say so."""
        merges = [one for one in self._merged_into(number) if one.data["ticket"] == target.number]
        return merges[-1].data["customer"] if merges else None

    def _merged_into(self, number: str) -> list[Event]:
        """The events by which a ticket was merged into others."""
        return [
            event
            for event in self._tickets.readable_history(number)
            if event.type is EventType.MERGED and event.data["kind"] == LinkKind.MERGED_INTO.value
        ]

    def _parted(
        self,
        target: Ticket,
        plan: Plan,
        by: Actor,
        at: datetime,
        number: str,
        source: Ticket | None,
    ) -> Change | None:
        history = self._tickets.readable_history(target.number)
        theirs = source.conversation if source is not None else None
        return merging.parted(target, plan, by, at, history, number, theirs)


def _sources(ticket: Ticket) -> list[str]:
    """The numbers of the tickets that were merged into this one."""
    return [one.number for one in ticket.links if one.kind is LinkKind.MERGED_FROM]
