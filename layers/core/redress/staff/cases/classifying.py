"""Classify a ticket by the rules of its plan, in the change that assigns it.

A ticket is classified before anybody has worked on it: while it is new, nothing was told to the
customer but the acknowledgement, and no rung has fired. So a ticket that waited through an outage
keeps the promises that it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import replace
from datetime import datetime

from redress.base.errors import NotFound, Unreadable
from redress.customers.cases.matching import Match
from redress.customers.store import CustomerStore
from redress.plans.rules.classification import MOST_EARLIER
from redress.plans.rules.plan import Plan
from redress.staff.rules.classification import Earlier, Rules, facts_of, is_open
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Event, Ticket
from redress.tickets.store.tickets import TicketStore

MOST_PLANS = 4
"""How many plans' rules a process keeps prepared. Few versions have new tickets at a time."""


class Classifying:
    def __init__(self, tickets: TicketStore, customers: CustomerStore) -> None:
        self._tickets, self._customers = tickets, customers
        self._rules: dict[int, Rules] = {}

    def found(
        self, ticket: Ticket, opened: Event, plan: Plan, at: datetime, match: Match | None
    ) -> Change | None:
        """Return the change that classifies a ticket. `opened` is its first event.

        `match` is the match with the customer in the same change, if there is one. It says what is
        read otherwise: whether there are earlier tickets, and which languages they have chosen.

        None if it was classified before, if somebody has worked on it, or if no rule changes it.
        """
        rules = self._rules_of(plan)
        if not rules or not is_open(ticket):
            return None
        facts = replace(
            facts_of(ticket, opened),
            earlier=lambda: () if match and match.is_first else self._earlier(ticket, opened, at),
            chosen=lambda: match.languages if match else self._chosen(ticket),
        )
        found = rules.found(facts)
        return by_system.classify(ticket, plan, found.values, found.why, at)

    def looks_at(self, ticket: Ticket, plan: Plan) -> bool:
        """Whether the rules of the plan look at the ticket at all."""
        return bool(self._rules_of(plan)) and is_open(ticket)

    def _rules_of(self, plan: Plan) -> Rules:
        """The rules of a plan, prepared once: a version of a plan never changes."""
        if plan.version not in self._rules:
            if len(self._rules) == MOST_PLANS:
                self._rules.clear()
            self._rules[plan.version] = Rules(plan.classification)
        return self._rules[plan.version]

    def _chosen(self, ticket: Ticket) -> Sequence[str]:
        """Return the languages that the customer has chosen; none if they are not known."""
        if ticket.customer is None:
            return ()
        try:
            profile = self._customers.current(ticket.customer)
        except (NotFound, Unreadable):
            return ()
        return profile.languages if profile.languages_chosen else ()

    def _earlier(self, ticket: Ticket, opened: Event, at: datetime) -> Sequence[Earlier] | None:
        """Return the earlier tickets of the customer, the newest MOST_EARLIER; None if unknown.

        Their kinds are those of now. A ticket that cannot be read is not counted.
        """
        if ticket.customer is None:
            return None
        try:
            customers = self._customers.ids_of(ticket.customer)
        except Unreadable:
            return ()
        page = self._customers.tickets_of(customers, MOST_EARLIER + 1, None)
        numbers = [number for number in page.numbers if number != ticket.number][:MOST_EARLIER]
        return tuple(
            Earlier(one.kind, (at - one.created_at).total_seconds())
            for one in self._tickets.get_readable(numbers)
            if one.customer in customers and one.created_at < opened.at
        )
