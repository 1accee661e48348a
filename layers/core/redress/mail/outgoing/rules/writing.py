"""Whether an address is known to work after a mail to it was sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from redress.base.addresses import canonical
from redress.tickets.rules.ticket import Event, EventType, Ticket

_WRITTEN = (EventType.OPENED, EventType.CUSTOMER_WROTE, EventType.DISPUTED)


def works_after(
    sent_at: datetime,
    address: str,
    works_since: datetime | None,
    ticket: Ticket,
    history: Iterable[Event],
) -> bool:
    """Whether a mail came from an address after `sent_at`, or staff cleared the address.

    The address then works, so a late report about the mail that was sent must not end mail to it.
    `address` is in canonical form. `works_since` is when staff cleared it or the first mail came
    from it; later mails are only in the history of their tickets. `ticket` is the one that the sent
    mail is about, with its history. A mail that staff accepted does not count, because its event
    has the time of the acceptance, nor does one that came with a split.
    """
    if works_since is not None and works_since > sent_at:
        return True
    customer = canonical(ticket.contact.email or "")
    return any(
        event.type in _WRITTEN
        and event.at > sent_at
        and "mail" in event.data
        and {"accepted", "split"}.isdisjoint(event.data)
        and (canonical(event.data["from"]) if "from" in event.data else customer) == address
        for event in history
    )
