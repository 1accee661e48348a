"""Mail the links of the open tickets of an address to that address.

Anybody can ask for it with any address. So the mail goes only to the address in the tickets, and
contains nothing that somebody typed: otherwise, whoever opens a ticket in another person's name
could send them advertisements. An address without open tickets gets no mail. Otherwise our mails
would reach people who never wrote to us, as often as somebody likes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from redress.base.addresses import canonical
from redress.base.errors import NotFound
from redress.base.phrases import moment, phrases
from redress.customers.store import CustomerStore
from redress.mail.outgoing import rendering
from redress.mail.outgoing.cases.asking import links_job
from redress.mail.outgoing.cases.posting import (
    Letter,
    MailSettings,
    Posting,
    Result,
    SendOutcome,
    addressed,
)
from redress.mail.outgoing.messages import LOST_LINKS, LostLinks, tags_of_links
from redress.mail.outgoing.store import AddressStore
from redress.plans.store.plans import Plans
from redress.tickets.links import Links
from redress.tickets.rules.ticket import State, Ticket
from redress.tickets.store.mail_records import MailRecordStore
from redress.tickets.store.tickets import TicketStore

AGAIN_AFTER = timedelta(minutes=20)
"""An address gets no other mail with links before this time has passed: at most three in an hour,
however often somebody asks."""
MOST_LINKED = 20
"""The most tickets in one mail."""
MOST_READ = 200
"""How many of the customer's newest tickets are looked at."""
_PAGE = 50

SENT_LATELY = "such a mail was sent a short time ago"
NO_OPEN_TICKET = "no open ticket has this address"
MAY_NOT_BE_MAILED = "the address returned mail, or nothing shows that its owner wrote to us"


class LostLinksCase:
    """Sends mails with links."""

    def __init__(
        self,
        customers: CustomerStore,
        tickets: TicketStore,
        addresses: AddressStore,
        plans: Plans,
        links: Links,
        records: MailRecordStore,
        posting: Posting,
        settings: MailSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._customers, self._tickets, self._addresses = customers, tickets, addresses
        self._plans, self._links, self._records = plans, links, records
        self._posting, self._settings, self._now = posting, settings, now

    def send(self, job: LostLinks) -> SendOutcome:
        """Send the mail of a job, unless the address got one before, or has no open ticket.

        Raises NotSentYet if SES does not accept the mail now, or if another worker is sending it.
        """
        now = self._now()
        if self._records.was_sent(job.owner, job.key, now):
            return SendOutcome(Result.SKIPPED, SENT_LATELY)
        found = self._open_tickets(job)
        if not found:
            return SendOutcome(Result.SKIPPED, NO_OPEN_TICKET)
        wanted = self._to_be_mailed(found)
        if not wanted:
            return SendOutcome(Result.SKIPPED, MAY_NOT_BE_MAILED)
        first = wanted[0]
        to = addressed([(first.contact.email or "", (first.language,))])
        if not to:
            return SendOutcome(Result.SKIPPED, MAY_NOT_BE_MAILED)
        raw = self._compose(wanted, to[0].address, now)
        tags = tags_of_links(job, first.number)
        return self._posting.send(Letter(job.owner, job.key, now, tags, to, raw))

    def _open_tickets(self, job: LostLinks) -> list[Ticket]:
        """The open tickets whose contact is this address, newest first.

        The tickets of an address are found by its customer: those that are matched with the
        customer's profile, or with one that was merged into it. Tickets of the same customer with
        another address are not among them.
        """
        card = self._customers.by_contact_digest(job.address)
        if card is None:
            return []
        try:
            profile = self._customers.current(card.customer)
        except NotFound:
            return []
        partitions, cursor, seen = (profile.id, *profile.absorbed), None, 0
        found: list[Ticket] = []
        while seen < MOST_READ and len(found) <= MOST_LINKED:
            page = self._customers.tickets_of(partitions, _PAGE, cursor)
            tickets = self._tickets.get_readable(page.numbers)
            found += [ticket for ticket in tickets if _belongs_to(ticket, job)]
            seen, cursor = seen + len(page.numbers), page.cursor
            if cursor is None:
                break
        return found

    def _to_be_mailed(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Those of an address's tickets that an automatic mail to it may name.

        An address that returned mail gets none. Neither does one that the sender of the first mail
        named in Reply-To, until a mail has come from it. Each is read once for all tickets.
        """
        email = tickets[0].contact.email or ""
        if self._addresses.returned(email):
            return []
        own = [ticket for ticket in tickets if _is_of_its_sender(ticket)]
        if len(own) < len(tickets) and self._addresses.has_written(email):
            return list(tickets)
        return own

    def _compose(self, tickets: Sequence[Ticket], address: str, now: datetime) -> bytes:
        first = tickets[0]
        language, conversation = first.language, self._links.mail_token(first.number)
        text = rendering.render(LOST_LINKS, language, {"status_links": self._listed(tickets)})
        domain = self._settings.mail_domain
        return rendering.message(
            self._settings.sender_address,
            [address],
            None,
            [text],
            now,
            automatic=True,
            conversation=conversation,
            mail_id=f"{int(now.timestamp())}.{LOST_LINKS}.customer",
            reply_to=f"{conversation}@{domain}" if domain else None,
            house=self._settings.house,
        )

    def _listed(self, tickets: Sequence[Ticket]) -> str:
        """A paragraph for each ticket: what it is, and its link. Nothing of it was typed."""
        own = phrases(tickets[0].language)
        blocks = []
        for ticket in tickets[:MOST_LINKED]:
            zone = self._plans.get(ticket.plan_version).time_zone
            opened = moment(ticket.created_at, zone, tickets[0].language)
            kind = own.kinds[ticket.kind]
            line = own.request.format(number=ticket.number, kind=kind, time=opened)
            token = self._links.status_token(ticket.number)
            blocks.append(f"{line}\n{self._settings.base_address}/t/{token}")
        if len(tickets) > MOST_LINKED:
            blocks.append(own.more_requests)
        return "\n\n".join(blocks)


def _is_of_its_sender(ticket: Ticket) -> bool:
    """Whether the ticket's address is that of the sender of its first mail, if a mail opened it."""
    email, sender = ticket.contact.email or "", ticket.first_sender
    return sender is None or canonical(sender) == canonical(email)


def _belongs_to(ticket: Ticket, job: LostLinks) -> bool:
    email = ticket.contact.email
    return ticket.state is not State.CLOSED and email is not None and links_job(email) == job
