"""Stop surveys to an address, or allow them again. Each survey mail has a link for this."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from dataclasses import dataclass
from datetime import datetime

from redress.base.errors import NotFound
from redress.mail.outgoing.store import AddressStore
from redress.tickets.links import Links
from redress.tickets.store.tickets import TicketStore


@dataclass(frozen=True, slots=True)
class Surveys:
    """Whether the person at an address refuses surveys.

    `language` is the language of the ticket whose survey mail contained the link.
    """

    email: str
    language: str
    refused: bool


class UnsubscribingCase:
    """Reads and changes whether an address refuses surveys."""

    def __init__(
        self,
        tickets: TicketStore,
        links: Links,
        addresses: AddressStore,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._links = tickets, links
        self._addresses, self._now = addresses, now

    def surveys(self, token: str) -> Surveys:
        """Return whether the customer to whom an unsubscribe link was sent refuses surveys.

        Raises NotFound for a forged link, and for a ticket without a mail address.
        """
        ticket = self._tickets.get(self._links.read_unsubscribe(token))
        email = ticket.contact.email
        if email is None:
            raise NotFound("this link is not known")
        return Surveys(email, ticket.language, self._addresses.refuses_surveys(email))

    def set_surveys(self, token: str, *, refused: bool) -> Surveys:
        """Stop surveys to the address of an unsubscribe link, or allow them again.

        Mail programs can make this request by themselves (RFC 8058), so it may come several times.
        A repeated request changes nothing.
        """
        found = self.surveys(token)
        if found.refused != refused:
            self._addresses.set_surveys(found.email, self._now(), refused=refused)
        return replace(found, refused=refused)
