"""Allow mail to an address again that returned mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from redress.base.addresses import canonical
from redress.base.errors import AlreadyDone, Fault, Forbidden, InvalidInput
from redress.base.people import Member
from redress.mail.incoming.store import AddressesChanged
from redress.mail.outgoing.store import AddressChange, AddressStore
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.staff import must_see, telling_what_is_possible
from redress.tickets.rules import access
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket


@dataclass(frozen=True, slots=True)
class ReturnedAddresses:
    """What staff do about addresses that returned mail."""

    changes: TicketChanges
    addresses: AddressStore

    def clear(self, member: Member, number: str, content: Callable[[], tuple[str, str]]) -> Ticket:
        """Remove the mark of an address, so that mail is sent there again. Returns the ticket.

        `content` reads the request: the address of the ticket's customer or of a participant, and
        the reason. A note on the ticket records who did it and why, in the same transaction. Raises
        NotFound if the ticket does not exist or the member may not see it, then the errors of
        `content`, InvalidInput for another address, and AlreadyDone if mail may be sent there
        anyway.
        """
        asked = cache(content)
        read: list[Ticket] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change:
            read.clear()
            must_see(member, ticket)
            read.append(ticket)
            if not access.may_act(member, ticket):
                raise Forbidden("this ticket is not yours")
            address, why = asked()
            wanted = canonical(address)
            if wanted not in map(canonical, (ticket.contact.email or "", *ticket.participants)):
                detail = "this is neither the customer nor a participant"
                raise InvalidInput([Fault("/address", "not_a_party", detail)])
            if self.addresses.returned(wanted) is None:
                raise AlreadyDone("mail may be sent to this address")
            return by_staff.note(ticket, plan, member.actor, why, at, cleared=wanted)

        with telling_what_is_possible(member, read):
            return self.changes.change(number, decide, cause=_cause)


def _cause(change: Change, at: datetime) -> AddressesChanged:
    address = change.events[0].data["cleared"]
    return AddressesChanged((AddressChange(address, None, cleared_at=at),))
