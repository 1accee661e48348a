"""Accept a submission: validate it, open the ticket, answer with number, link and promises.

The ticket, its first event, its timer and the idempotency record are written in one transaction. So
no submission is lost, and none opens two tickets. A repeated submission with the same key gets the
same answer. Its promises are shown as they were when the ticket was opened. The status page shows
their current status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import replace
from datetime import datetime
from typing import Any

import msgspec

from redress.base import idempotency
from redress.base.errors import InvalidInput, KeyReused, Unavailable
from redress.db import encoding, keys
from redress.plans.rules.categories import Section
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.links import Links
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.promise_view import PromiseView, promises_of
from redress.tickets.rules.steps import opening
from redress.tickets.rules.submission import DEFAULT_KIND, Submission, parse
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.submission_store import KeyTaken, NumberTaken, SubmissionStore

DRAWS = 4


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a submission.

    `acknowledged` says whether this answer is the acknowledgement. `zone` is the IANA time zone in
    which its times are shown. The receipt is stored with the submission's idempotency key, but
    without the link token (`status_token`) and the kind of the ticket. The token is signed again
    for each repeat, and a repeat has the same body and so the same kind. `replayed` says that this
    is the answer to a repeat. `is_open` says whether staff still have to act. A field that is added
    later needs a default, because stored receipts do not have it.
    """

    number: str
    language: str
    zone: str
    promises: tuple[PromiseView, ...]
    acknowledged: bool
    status_token: str = ""
    replayed: bool = False
    kind: str = ""
    is_open: bool = True


class Offer(msgspec.Struct, frozen=True):
    """What the current plan offers in the web form: its categories and its optional fields.

    `fields` are those of `plan.FORM_FIELDS`, `own` those of the plan's section `fields`.
    """

    categories: Section = ()
    fields: tuple[str, ...] = ()
    own: Section = ()


class IntakeCase:
    def __init__(
        self,
        store: SubmissionStore,
        plans: Plans,
        links: Links,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._plans, self._links = store, plans, links
        self._now = now

    def submit(self, body: Any, key: str, channel: str) -> Receipt:
        """Open a ticket for a decoded body, once per idempotency key.

        Raises InvalidInput, which lists every wrong field. Raises KeyReused if the key was used
        with another body, and Unreadable if the answer to its first use cannot be read. Raises
        Unavailable if the ticket could not be written. If any of them is raised, nothing is
        written.
        """
        if fault := idempotency.fault_of(key):
            try:
                self._parsed(body, channel)
            except InvalidInput as invalid:
                raise InvalidInput([fault, *invalid.faults]) from None
            raise InvalidInput([fault])
        try:
            submission = self._parsed(body, channel)
        except InvalidInput as invalid:
            # The plan may have lost the category since this submission was accepted.
            plan_faults = {fault.pointer for fault in invalid.faults} == {"/category"}
            if plan_faults and (taken := self._store.earlier(key)):
                fingerprint = encoding.fingerprint(body)
                return self._replay(taken, key, fingerprint, body.get("kind") or DEFAULT_KIND)
            raise
        assert isinstance(body, Mapping)
        fingerprint = encoding.fingerprint(body)
        for _ in range(DRAWS):
            plan, now = self._plans.current(), self._now()
            change = opening.open_ticket(submission, new_number(), plan, now)
            receipt = receipt_of(change.after, plan, now)
            # The link is signed before anything is written. If signing fails, no ticket is opened.
            # Otherwise there could be a ticket whose customer has no link to it.
            token = self._links.status_token(receipt.number)
            try:
                self._store.open(change, key, fingerprint, encoding.encode(receipt))
            except KeyTaken as taken:
                return self._replay(taken, key, fingerprint, submission.kind)
            except NumberTaken:
                continue
            return replace(receipt, status_token=token, kind=submission.kind)
        raise Unavailable()

    def offer(self, kind: str | None, category: str | None) -> Offer:
        """What the web form offers now for a kind and a category. None is one not chosen yet."""
        plan = self._plans.current()
        own = plan.fields_for(kind, category)
        asked = tuple(field for field in own if field.get("on_form", False))
        return Offer(plan.categories, plan.form_fields, asked)

    def _parsed(self, body: Any, channel: str) -> Submission:
        return parse(body, channel, lambda: self._plans.current().categories)

    def _replay(self, taken: KeyTaken, key: str, fingerprint: str, kind: str) -> Receipt:
        if taken.fingerprint != fingerprint:
            raise KeyReused("this Idempotency-Key was used for another submission")
        with encoding.reading(keys.idempotency_pk(encoding.key_digest(key)), keys.KEY):
            kept = msgspec.json.decode(taken.answer, type=Receipt)
        token = self._links.status_token(kept.number)
        return replace(kept, status_token=token, replayed=True, kind=kind)


def receipt_of(ticket: Ticket, plan: Plan, now: datetime) -> Receipt:
    """The receipt of a ticket that was just opened, as it is stored: without link and kind."""
    return Receipt(
        number=ticket.number,
        language=ticket.language,
        zone=plan.time_zone,
        promises=promises_of(ticket, now),
        acknowledged=not ticket.has_address,
    )
