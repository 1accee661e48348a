"""Stop surveys to an address, or allow them again, with the link in each survey mail."""

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
    """Whether the reader at an address refuses surveys.

    `language` is the language of the ticket whose survey contained the link.
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
        """Return whether the customer of an unsubscribe link refuses surveys.

        Raises NotFound for a forged link, and for a ticket without a mail address.
        """
        ticket = self._tickets.get(self._links.read_unsubscribe(token))
        email = ticket.contact.email
        if email is None:
            raise NotFound("this link is not known")
        return Surveys(email, ticket.language, self._addresses.refuses_surveys(email))

    def set_surveys(self, token: str, *, refused: bool) -> Surveys:
        """Stop surveys to the address of an unsubscribe link, or allow them again.

        Repeating it is safe, because mail programs call it on their own (RFC 8058).
        """
        found = self.surveys(token)
        if found.refused != refused:
            self._addresses.set_surveys(found.email, self._now(), refused=refused)
        return replace(found, refused=refused)
