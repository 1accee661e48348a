"""A customer whose matter is done tells us something else: a new ticket that follows the old one.

The new ticket, its link on both tickets and the record of the request are one transaction. So a
repeat opens no second ticket, and there is no link on one side only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import replace
from datetime import datetime
from typing import Any

import msgspec

from redress.base import idempotency
from redress.base.errors import InvalidInput, KeyReused, NotAllowedNow, Unavailable
from redress.base.people import CUSTOMER
from redress.db import encoding, keys
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import Decided, RacedTooOften, TicketChanges
from redress.tickets.cases.intake import Receipt, receipt_of
from redress.tickets.links import Links
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import linking, opening
from redress.tickets.rules.steps.draft import require_possible
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.steps.table import MOST_LINKS, Step
from redress.tickets.rules.submission import Submission, parse
from redress.tickets.rules.ticket import LinkKind, Ticket
from redress.tickets.store.opening_keys import OpenedWithKey, OpeningKeys
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import DoneAlready

ASKED = ("kind", "category", "subject", "description", "consent")
"""What the form asks for. Contact, language and the conversation through which the customer is
answered are those of the old ticket."""
_PLACEHOLDER = {"name": "-", "email": "customer@example.com"}
"""Stands for the contact while the rest is validated. The contact of the old ticket was accepted
when it was opened, and the customer could not correct it here."""
_BY_TICKET = "ticket"
"""How the profile of the new ticket was found: it is that of the ticket that it follows."""


class FollowingCase:
    def __init__(
        self,
        tickets: TicketStore,
        changes: TicketChanges,
        openings: OpeningKeys,
        plans: Plans,
        links: Links,
        now: Callable[[], datetime],
        type_of: Callable[[str], str | None],
    ) -> None:
        """`type_of` reads the type of a customer as it is now; None if it cannot be read."""
        self._tickets, self._changes, self._openings = tickets, changes, openings
        self._plans, self._links, self._now = plans, links, now
        self._type_of = type_of

    def require_possible(self, token: str) -> Ticket:
        """Return the ticket of a status link, if something else can follow it now.

        Raises NotFound or LinkExpired for the link, and NotAllowedNow.
        """
        ticket = self._tickets.get(self._links.read_status(token))
        self._require_possible(ticket)
        return ticket

    def submit(self, token: str, body: Mapping[str, Any], key: str) -> Receipt:
        """Open a ticket that follows the ticket of a status link, once per idempotency key.

        `body` has those of ASKED that the customer has given. Raises NotFound or LinkExpired for
        the link, InvalidInput with every wrong field, KeyReused if the key was used with other
        words, NotAllowedNow if the old ticket is still worked on, and Unavailable. In each case
        nothing is written.
        """
        number = self._links.read_status(token)
        old = self._tickets.get(number)
        fault = idempotency.fault_of(key)
        given = {name: body[name] for name in ASKED if name in body}
        whole = given | {"contact": _PLACEHOLDER, "language": old.language}
        try:
            submission = parse(whole, "web", lambda: self._plans.current().categories)
        except InvalidInput as invalid:
            raise InvalidInput([*([fault] if fault else []), *invalid.faults]) from None
        if fault:
            raise InvalidInput([fault])
        # Keys of other requests have the same form. Those are headers, which have no line feed.
        own_key, print_ = f"follow\n{number}\n{key}", encoding.fingerprint(given)
        if earlier := self._openings.earlier(own_key):
            return self._again(earlier, print_, submission.kind)
        try:
            opened = self._changes.write(lambda: self._attempt(number, submission, own_key, print_))
        except DoneAlready as same:
            earlier = self._openings.earlier(own_key)
            if earlier is None:
                raise Unavailable() from same
            return self._again(earlier, print_, submission.kind)
        except RacedTooOften as error:
            raise Unavailable() from error
        return self._with_link(opened)

    def _attempt(
        self, number: str, submission: Submission, key: str, print_: str
    ) -> Decided[Receipt]:
        old = self._tickets.get(number)
        self._require_possible(old)
        plan, at = self._plans.current(), self._now()
        own = replace(submission, contact=old.contact)
        # A ticket that has as many links as it may have gets no more, but no words are lost.
        follows = number if len(old.links) < MOST_LINKS else None
        change = opening.open_ticket(
            own, new_number(), plan, at, follows=follows, conversation=old.conversation
        )
        if old.customer is not None:
            # A matched ticket is not matched again, so it gets its type here.
            type_now = self._type_of(old.customer) or old.customer_type
            matched = match(
                change.after, plan, old.customer, _BY_TICKET, at, customer_type=type_now
            )
            both = joined(change, matched)
            assert both is not None, "a ticket is opened"
            change = both
        also: tuple[tuple[Change, datetime], ...] = ()
        if follows is not None:
            moment, its_plan = self._changes.moment(old), self._changes.plan_of(old)
            kind, new = LinkKind.FOLLOWED_BY, change.after.number
            also = ((linking.linked(old, its_plan, CUSTOMER, kind, new, "", moment), moment),)
        receipt = receipt_of(change.after, plan, at)
        cause = OpenedWithKey(key, print_, encoding.encode(receipt))
        return Decided(replace(receipt, kind=change.after.kind), change, at, cause, also)

    def _require_possible(self, old: Ticket) -> None:
        """Raise NotAllowedNow if the ticket is worked on, also if it goes on in another one."""
        require_possible(Step.FOLLOW_UP, old)
        if self._tickets.continued(old).number != old.number:
            raise NotAllowedNow(Step.FOLLOW_UP, old.state)

    def _again(self, earlier: OpenedWithKey, print_: str, kind: str) -> Receipt:
        if earlier.fingerprint != print_:
            raise KeyReused("this form was sent with other words before")
        with encoding.reading(keys.idempotency_pk(encoding.key_digest(earlier.key)), keys.KEY):
            kept = msgspec.json.decode(earlier.answer, type=Receipt)
        return self._with_link(replace(kept, replayed=True, kind=kind))

    def _with_link(self, receipt: Receipt) -> Receipt:
        return replace(receipt, status_token=self._links.status_token(receipt.number))
