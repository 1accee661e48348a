"""Ask for a verified identity before a ticket is changed, where its plan says so."""

from __future__ import annotations

from datetime import datetime

from redress.base.errors import IdentityNeeded, NotFound
from redress.customers.rules.rights import require_verified
from redress.customers.store import CustomerStore
from redress.plans.rules.plan import Plan
from redress.tickets.rules.ticket import Ticket


class IdentityCase:
    def __init__(self, customers: CustomerStore) -> None:
        self._customers = customers

    def require(self, ticket: Ticket, plan: Plan, act: str, at: datetime) -> None:
        """Raise IdentityNeeded if the plan asks for an identity that is not verified at this time.

        The profile is read only if the plan asks. `act` is a name of `access.ACTIONS`. Raises
        Unreadable.
        """
        if act not in plan.customers.verified_for:
            return
        try:
            if ticket.customer is None:
                raise NotFound("the ticket has no customer")
            profile = self._customers.current(ticket.customer)
        except NotFound as error:
            raise IdentityNeeded(
                f"'{act}' needs a verified identity, and the ticket has no customer yet "
                f"(POST /staff/tickets/{ticket.number}/customer)"
            ) from error
        require_verified(profile, act, at)
