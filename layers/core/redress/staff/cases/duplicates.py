"""Find tickets of one customer that may be one matter, and propose them to staff.

It is asked for when a ticket is matched with its customer, off the way of the intake and of the
assignment. Nothing follows from a proposal: a person merges the tickets, links them, or dismisses
it (docs/decisions/072-duplicates.md).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from redress.base.errors import Unreadable
from redress.customers.rules.matching import points_of
from redress.customers.store import CustomerStore
from redress.db import keys
from redress.plans.rules.duplicates import Likeness, likeness
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.similarity import pairs_of, similarity
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import duplicates
from redress.tickets.rules.ticket import Event, LinkKind, Ticket
from redress.tickets.store.tickets import TicketStore

MOST_COMPARED = 20
"""The most other tickets of a customer with which one ticket is compared, the last opened first."""


class DuplicateSearch:
    def __init__(
        self, tickets: TicketStore, plans: Plans, customers: CustomerStore, changes: TicketChanges
    ) -> None:
        self._tickets, self._plans = tickets, plans
        self._customers, self._changes = customers, changes

    def search(self, number: str) -> int:
        """Compare a ticket with the others of its customer. Return how many tickets changed.

        Of two similar tickets the newer one gets the proposal, whichever was matched last. It can
        be repeated: what was proposed before is not proposed again. A ticket whose first event
        cannot be read is not compared. Raises NotFound or Unreadable for the ticket itself, and
        VersionConflict after too many lost races.
        """
        ticket = self._tickets.get(number)
        wanted = likeness(self._plans.get(ticket.plan_version))
        if wanted is None or ticket.merged is not None:
            return 0
        near = self._near(ticket, wanted)
        if not near:
            return 0
        first = self._tickets.events([(one.number, 1) for one in (ticket, *near)])
        words = {number: pairs_of(_text_of(event)) for (number, _), event in first.items()}
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for other in near:
            alike = similarity(words.get(number, ()), words.get(other.number, ()))
            if alike >= wanted.similarity:
                older, newer = sorted((ticket, other), key=_order)
                found[newer.number][older.number] = alike
        return sum(self._propose(newer, older) for newer, older in found.items())

    def _near(self, ticket: Ticket, wanted: Likeness) -> list[Ticket]:
        """The other tickets of the customer that were opened within the days of the plan.

        One that was merged is left out: the matter goes on in another one. So is one with which it
        shares messages by a split: a person has said that they are two matters.
        """
        customers = self._customers_of(ticket)
        if not customers:
            return []
        end = keys.opened_sk(ticket.created_at + wanted.within, "~")
        page = self._customers.tickets_of(sorted(customers), MOST_COMPARED + 1, end)
        apart = {link.number for link in ticket.links if link.kind in _OF_SPLITS}
        others = [one for one in page.numbers if one not in (ticket.number, *apart)]
        others = others[:MOST_COMPARED]
        return [
            one
            for one in self._tickets.get_readable(others)
            if one.customer in customers
            and one.merged is None
            and abs(one.created_at - ticket.created_at) <= wanted.within
        ]

    def _customers_of(self, ticket: Ticket) -> set[str]:
        """The ids of all profiles whose tickets may be of the same customer.

        They are those of the ticket's own profile, and those to which its address and its phone
        number lead: the same customer may have written from two addresses, with one number.
        """
        found = {ticket.customer} if ticket.customer is not None else set()
        try:
            if points := points_of(ticket.contact):
                found |= {one.customer for one in self._customers.by_contacts(points).values()}
            return {id_ for one in found for id_ in self._customers.ids_of(one)}
        except Unreadable:
            return found

    def _propose(self, number: str, older: dict[str, int]) -> bool:
        changed: list[Change] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            # Nobody works on a ticket that is resolved or closed, so it is too late for it.
            is_open = ticket.needs_agent
            change = duplicates.propose(ticket, plan, older, at) if is_open else None
            changed[:] = [change] if change is not None else []
            return change

        self._changes.change(number, decide)
        return bool(changed)


_OF_SPLITS = (LinkKind.SPLIT_INTO, LinkKind.SPLIT_FROM)


def _order(ticket: Ticket) -> tuple[datetime, str]:
    return ticket.created_at, ticket.number


def _text_of(opened: Event) -> str:
    """What the customer wrote when a ticket was opened."""
    return f"{opened.data['subject']}\n{opened.data['description']}"
