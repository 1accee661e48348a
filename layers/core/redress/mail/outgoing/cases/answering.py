"""Send what staff wrote through the connector by which the customer wrote.

It is the mail outbox with another carrier: the same job, the same record that is claimed, the same
waits. What became of an answer is an event of its ticket.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from redress.base.errors import NotFound
from redress.connectors.cases.keyring import KeyRing
from redress.connectors.cases.reporting import ReportingCases
from redress.connectors.rules import answer as rules
from redress.connectors.rules.connector import Connector, State
from redress.connectors.rules.secrets import Purpose
from redress.connectors.store.connectors import ConnectorStore
from redress.mail.outgoing import results
from redress.mail.outgoing.cases.posting import (
    Letter,
    NotSentYet,
    Posting,
    Result,
    SendOutcome,
)
from redress.mail.outgoing.connector_carrier import ConnectorCarrier, Pauses, Post
from redress.mail.outgoing.messages import MailJob, NotAJob
from redress.mail.outgoing.rules.relevance import Matter, reason_to_skip
from redress.mail.outgoing.rules.table import MailToSend, mails_after
from redress.plans.store.plans import Plans
from redress.tickets.links import Links
from redress.tickets.rules.answers import AnswerState, Why
from redress.tickets.rules.ticket import Event
from redress.tickets.store.mail_records import MailRecordStore
from redress.tickets.store.tickets import TicketStore

GIVES_UP_AFTER = timedelta(hours=24)
"""How long an answer is tried. A customer who reads it later than that has asked elsewhere, and the
agent who is told sooner can reach them in another way."""

GAVE_UP = "gave_up"
NO_CONNECTOR = "no_connector"
NO_WAY_OUT = "no_way_out"
"""The connector takes no answers any more."""


class AnsweringCase:
    """Sends the answers of jobs whose audience is CONNECTOR."""

    def __init__(
        self,
        tickets: TicketStore,
        connectors: ConnectorStore,
        plans: Plans,
        records: MailRecordStore,
        reporting: ReportingCases,
        keys: KeyRing,
        links: Links,
        post: Post,
        base_address: str,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._connectors, self._plans = tickets, connectors, plans
        self._records, self._reporting, self._keys = records, reporting, keys
        self._links, self._post, self._base, self._now = links, post, base_address, now
        self._pauses = Pauses(now)

    def send(self, job: MailJob) -> SendOutcome:
        """Send the answer of a job, unless it was sent or has failed before or is outdated.

        Raises NotAJob if no such answer follows from the event. Raises NotSentYet if the answer
        must be tried again. Errors of the store are raised unchanged, with the same meaning.
        """
        try:
            ticket, event = self._tickets.with_event(job.number, job.event)
        except NotFound:
            return SendOutcome(Result.SKIPPED, "there is no such ticket")
        if MailToSend(job.template, job.audience) not in mails_after(event):
            raise NotAJob(f"no such answer follows from {event.type}")
        now = self._now()
        about = Matter(job, event, ticket, self._plans.get(ticket.plan_version), now)
        if why := reason_to_skip(about):
            return SendOutcome(Result.SKIPPED, why)
        connector, fault = self._connector(event, now)
        raw = None if fault else msgspec.json.encode(self._body(about))
        carrier = ConnectorCarrier(
            event.data["via"]["connector"],
            (connector and connector.answers_url) or "",
            rules.id_of(ticket.number, event.number),
            list(self._keys.keys(connector, Purpose.ANSWERS)) if connector else None,
            self._post,
            self._pauses,
            self._now,
        )
        letter = Letter(job.number, job.key, now, [], [], raw, fault)
        done = Posting(self._records, carrier, self._now).send(letter)
        self._report(job, done)
        return done

    def _connector(self, event: Event, now: datetime) -> tuple[Connector | None, str | None]:
        """The connector of an answer, and why the answer can never be sent; None if it can.

        Raises NotSentYet while the connector is suspended, because it may be reinstated.
        """
        via = event.data["via"]
        until = via.get("until")
        if until is not None and now >= datetime.fromisoformat(until):
            return None, Why.WINDOW_ENDED.value
        if now - event.at >= GIVES_UP_AFTER:
            return None, GAVE_UP
        try:
            found = self._connectors.get(via["connector"])
        except NotFound:
            return None, NO_CONNECTOR
        if found.answers_url is None:
            return None, NO_WAY_OUT
        if found.state is State.SUSPENDED:
            raise NotSentYet("the connector is suspended")
        return found, None

    def _body(self, about: Matter) -> dict[str, Any]:
        url = f"{self._base}/t/{self._links.status_token(about.ticket.number)}"
        text, item = results.for_connector(about), results.item_of(about)
        return rules.body_of(about.ticket, about.event, text, url, item)

    def _report(self, job: MailJob, done: SendOutcome) -> None:
        """Record the outcome on the ticket.

        A repeated job does so again, because the worker before may have died in between.
        """
        if done.result in (Result.SENT, Result.SENT_BEFORE):
            self._reporting.report(job.number, job.event, AnswerState.SENT)
        elif done.result in (Result.REFUSED, Result.REFUSED_BEFORE):
            why = done.why or self._fault_of(job)
            self._reporting.report(job.number, job.event, AnswerState.FAILED, why)

    def _fault_of(self, job: MailJob) -> str:
        found = (one for one in self._records.of_ticket(job.number) if one.key == job.key)
        record = next(found, None)
        return (record.fault if record else None) or ""
