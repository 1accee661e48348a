"""What came with a merged ticket goes if it turns out to be of another customer.

Until when a merge can be undone is decided by the words to the customer. That two tickets are not
of one customer can turn out later: staff correct a match, or undo the merge of two profiles. Then
nothing goes on from one to the other (`TicketStore.goes_on`). The address and the conversation
that came with the source would still get each answer in the target, so they are taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from redress.base.people import Actor
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.steps import merging
from redress.tickets.rules.ticket import EventType, LinkKind, Ticket, continues_in
from redress.tickets.store.tickets import TicketStore


class PartingCases:
    def __init__(self, tickets: TicketStore, changes: TicketChanges) -> None:
        self._tickets, self._changes = tickets, changes

    def matched(
        self, change: Change, by: Actor, at: datetime
    ) -> tuple[Change, tuple[tuple[Change, datetime], ...]]:
        """Return the change that corrects a match with what follows from it, and the change of the
        ticket into which that one was merged, if there is one.
        """
        also: tuple[tuple[Change, datetime], ...] = ()
        ticket = change.after
        for source in self._sources(ticket):
            if not self._tickets.goes_on(source, change.after):
                parted = self._parted(change.after, change.plan, by, at, source.number)
                change = joined(change, parted) or change
        if ticket.merged is not None:
            into = self._tickets.get(ticket.merged.into)
            moment, plan = self._changes.moment(into), self._changes.plan_of(into)
            if not self._tickets.goes_on(ticket, into):
                parted = self._parted(into, plan, by, moment, ticket.number)
                also = ((parted, moment),) if parted is not None else ()
        return change, also

    def profiles_parted(self, tickets: Iterable[Ticket], mine: frozenset[str], by: Actor) -> None:
        """Take away what came with merges between a profile and another one, before their own
        merge is undone.

        `tickets` are those of one of the two profiles, and `mine` the ids of that one. Each ticket
        is a change of its own. A repetition changes nothing.
        """
        pairs = {
            (source.number, target.number)
            for ticket in tickets
            for source, target in self._merges(ticket)
            if (source.customer in mine) != (target.customer in mine)
        }
        for source_number, number in sorted(pairs):

            def decide(
                target: Ticket, plan: Plan, at: datetime, source: str = source_number
            ) -> Change | None:
                return self._parted(target, plan, by, at, source)

            self._changes.change(number, decide)

    def _merges(self, ticket: Ticket) -> Iterator[tuple[Ticket, Ticket]]:
        """The merges of a ticket that hold: the source and the target of each."""
        if ticket.merged is not None:
            into = self._tickets.get(ticket.merged.into)
            if continues_in(ticket, into):
                yield ticket, into
        yield from ((one, ticket) for one in self._sources(ticket) if continues_in(one, ticket))

    def _sources(self, ticket: Ticket) -> list[Ticket]:
        """The tickets that were merged into this one."""
        numbers = [one.number for one in ticket.links if one.kind is LinkKind.MERGED_FROM]
        return [self._tickets.get(number) for number in numbers]

    def _parted(
        self, target: Ticket, plan: Plan, by: Actor, at: datetime, source: str
    ) -> Change | None:
        merges = [
            event
            for event in self._tickets.history(target.number)
            if event.type is EventType.MERGED and event.data["ticket"] == source
        ]
        return merging.parted(target, plan, by, at, merges[-1]) if merges else None
