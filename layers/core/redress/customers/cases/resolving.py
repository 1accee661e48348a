"""Resolve a ticket, with how its customer wants to be called back."""

from __future__ import annotations

from datetime import datetime

from redress.base.errors import NotFound, Unreadable
from redress.base.people import Actor
from redress.customers.rules.calling import preference_of
from redress.customers.store import CustomerStore
from redress.files.cases.referring import StepWithFiles
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.preference import Preference
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket


class ResolvingCase:
    def __init__(self, customers: CustomerStore) -> None:
        self._customers = customers

    def step(
        self,
        text: str,
        outcome: str | None,
        remedy: str | None,
        root_cause: str | None,
        cause: str | None = None,
    ) -> StepWithFiles:
        """The step that resolves a ticket. It reads the profile if the ticket has a customer.

        A profile that is gone or cannot be read keeps no ticket from being resolved. The customer
        is then called back as if they had no preference.
        """

        def decide(
            ticket: Ticket,
            plan: Plan,
            /,
            *,
            by: Actor,
            at: datetime,
            files: by_staff.Files,
        ) -> Change:
            preference = self._preference_of(ticket)
            return by_staff.resolve(
                ticket, plan, by, text, outcome, remedy, root_cause, at, preference, files, cause
            )

        return decide

    def _preference_of(self, ticket: Ticket) -> Preference | None:
        if ticket.customer is None:
            return None
        try:
            return preference_of(self._customers.current(ticket.customer), ticket)
        except (NotFound, Unreadable):
            return None
