"""Read what SES reports about mails: one was accepted, returned, is late, or was called spam.

SES publishes such events to an SNS topic, and the topic forwards them to the mail queue. Each event
contains the tags that its mail was sent with. The tags name the mail job, so no lookup is needed.
Only SES can send such events, so they can be trusted.

The event `Send` says that SES accepted a mail. It matters if the answer to the call was lost: then
it prevents a second copy (`mail.outgoing.cases.posting`). Each other event is logged once on the
ticket of its mail. An address that permanently refuses mail is marked, and no more mail is sent
there.

Addresses of staff are never marked. If a notice does not reach a member of staff, or they call it
spam, the next role gets a mail (`rules.table.next_role`) and operations are told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from redress.base.addresses import canonical
from redress.base.people import Role
from redress.mail.incoming.rules.decision import Notice
from redress.mail.incoming.store import IncomingRecord, MailState, MailTaken
from redress.mail.outgoing.messages import (
    CallNotice,
    HeldDigest,
    IncidentMail,
    Job,
    LostLinks,
    MailJob,
    NotAJob,
    noted_on,
    tagged,
)
from redress.mail.outgoing.rules.table import PARTICIPANTS
from redress.mail.outgoing.rules.writing import works_after
from redress.mail.outgoing.store import AddressChange, AddressMark, AddressStore
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import DoneAlready

MOST = 50
"""The maximum number of recipients that are recorded for one event. No mail has more."""
OF_SES = "Successfully validated SNS topic for Amazon SES event publishing."
"""SES publishes this to the topic when the configuration set is created. It needs no action."""

COMPLAINED = "complaint"
"""The status of an address whose owner reported a mail as spam."""

_MEANS = {
    "Bounce": Notice.RETURNED,
    "Reject": Notice.RETURNED,
    "DeliveryDelay": Notice.DELAYED,
    "Complaint": Notice.COMPLAINED,
}


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient that an event names.

    `status` is a code of RFC 3463, or COMPLAINED. `permanent`: no more mail may be sent there.
    """

    address: str
    status: str
    diagnostic: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class Feedback:
    """One event of SES. `job` is the mail job of the mail that the event is about.

    `sent_at` is when SES accepted that mail.
    """

    identity: str
    why: Notice
    job: MailJob
    at: datetime
    sent_at: datetime
    recipients: tuple[FailedRecipient, ...]

    @property
    def misses_staff(self) -> bool:
        """Whether a notice did not reach a member of staff, or they called it spam."""
        customers = self.job.audience in (Role.CUSTOMER, PARTICIPANTS)
        return not customers and self.why is not Notice.DELAYED


@dataclass(frozen=True, slots=True)
class NoticeMissed:
    """A mail that is about no ticket did not reach a member of staff, or they called it spam.

    It is a digest of held mail, or about a call to a customer or an incident.
    """

    job: HeldDigest | CallNotice | IncidentMail
    why: Notice


@dataclass(frozen=True, slots=True)
class Accepted:
    """SES accepted the mail of this job and gave it this id."""

    job: Job
    message_id: str
    at: datetime


class _EventRecipient(msgspec.Struct, rename="camel"):
    email_address: str
    status: str = ""
    diagnostic_code: str = ""


class _About(msgspec.Struct, rename="camel"):
    """The details that are specific to a kind of event. Each kind has some of these fields."""

    timestamp: datetime | None = None
    feedback_id: str = ""
    bounce_type: str = ""
    complaint_feedback_type: str | None = None
    bounced_recipients: list[_EventRecipient] = []
    complained_recipients: list[_EventRecipient] = []
    delayed_recipients: list[_EventRecipient] = []


class _Mail(msgspec.Struct, rename="camel"):
    message_id: str
    timestamp: datetime
    destination: list[str]
    tags: dict[str, list[str]] = {}


class _Event(msgspec.Struct, rename="camel"):
    event_type: str
    mail: _Mail
    bounce: _About = msgspec.field(default_factory=_About)
    complaint: _About = msgspec.field(default_factory=_About)
    delivery_delay: _About = msgspec.field(default_factory=_About)


_EVENT = msgspec.json.Decoder(_Event)


def is_feedback(body: str) -> bool:
    """Whether a message of the mail queue is for `feedback_of`, rather than a job."""
    return '"eventType"' in body or body.strip() == OF_SES


def feedback_of(body: str) -> Feedback | NoticeMissed | Accepted | None:
    """Decode an event of SES (Developer Guide, "Contents of event data").

    Returns None for an event that changes nothing. Raises NotAJob if the message is not an event,
    or if the event is about a mail that Redress did not send.
    """
    if body.strip() == OF_SES:
        return None
    try:
        event = _EVENT.decode(body)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotAJob("not the JSON of an event of SES") from error
    why = _MEANS.get(event.event_type)
    accepted = event.event_type == "Send"
    if (why is None and not accepted) or event.complaint.complaint_feedback_type == "not-spam":
        return None
    tags = {name: values[0] for name, values in event.mail.tags.items() if values}
    job = tagged(tags)
    if job is None:
        raise NotAJob("an event of SES about a mail that Redress did not send")
    if why is None:
        return Accepted(job, event.mail.message_id, event.mail.timestamp)
    if isinstance(job, HeldDigest | CallNotice | IncidentMail):
        # It belongs to no ticket, so no ticket gets an event. Addresses of staff get no mark.
        return None if why is Notice.DELAYED else NoticeMissed(job, why)
    if isinstance(job, LostLinks):
        job = noted_on(tags)
        assert job is not None, "`tagged` has checked it"
    about = {
        Notice.RETURNED: event.bounce,
        Notice.DELAYED: event.delivery_delay,
        Notice.COMPLAINED: event.complaint,
    }[why]
    at = about.timestamp or event.mail.timestamp
    parts = (event.mail.message_id, event.event_type, about.feedback_id or at.isoformat())
    return Feedback(
        identity=hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40],
        why=why,
        job=job,
        at=at,
        sent_at=event.mail.timestamp,
        recipients=_recipients(event, why, about)[:MOST],
    )


def _recipients(event: _Event, why: Notice, about: _About) -> tuple[FailedRecipient, ...]:
    named = about.bounced_recipients + about.complained_recipients + about.delayed_recipients
    found = named or [_EventRecipient(address) for address in event.mail.destination]
    permanent = why is Notice.COMPLAINED or about.bounce_type == "Permanent"
    return tuple(
        FailedRecipient(
            canonical(one.email_address.rpartition("<")[2].rstrip("> ")),
            COMPLAINED if why is Notice.COMPLAINED else one.status,
            one.diagnostic_code[:300],
            permanent,
        )
        for one in found
    )


class FeedbackCase:
    """Records events of SES on their tickets."""

    def __init__(
        self, changes: TicketChanges, tickets: TicketStore, addresses: AddressStore
    ) -> None:
        self._changes, self._tickets, self._addresses = changes, tickets, addresses

    def take(self, feedback: Feedback) -> bool:
        """Record an event: log a notice on the ticket and mark the addresses, in one transaction.

        Returns False if the event was recorded before. Raises NotFound if the ticket does not exist
        any more, and VersionConflict or Unavailable if the event must be tried again.
        """

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change:
            return by_system.note_mail(
                ticket, plan, feedback.why, "", _text_of(feedback), at, _source(feedback)
            )

        try:
            self._changes.change(feedback.job.number, decide, cause=partial(self._cause, feedback))
        except DoneAlready:
            return False
        return True

    def _cause(self, feedback: Feedback, change: Change, at: datetime) -> MailTaken:
        failed = _permanent_failures(feedback)
        # Such events are rare, so the history is read only for them.
        history = self._tickets.history(feedback.job.number) if failed else []
        marks = (
            AddressChange(address, AddressMark(at, status))
            for address, status in failed.items()
            if not works_after(
                feedback.sent_at,
                address,
                self._addresses.works_since(address),
                change.after,
                history,
            )
        )
        return MailTaken(_record(feedback, change), addresses=tuple(marks))


def _record(feedback: Feedback, change: Change) -> IncomingRecord:
    return IncomingRecord(
        identity=feedback.identity,
        state=MailState.NOTED,
        key="",
        received_at=feedback.at,
        sender="",
        sender_name="",
        subject="",
        excerpt="",
        number=feedback.job.number,
        event=change.events[0].number,
    )


def _permanent_failures(feedback: Feedback) -> dict[str, str]:
    """Return the addresses to mark, so that no more mail is sent there, with the status of each.

    Addresses of staff are never marked, because staff must be notified even if some mails to them
    fail. A complaint that names several recipients marks none of them. Many mail providers do not
    say which recipient complained, so most of the named recipients did not complain.
    """
    if feedback.job.audience not in (Role.CUSTOMER, PARTICIPANTS):
        return {}
    if feedback.why is Notice.COMPLAINED and len(feedback.recipients) > 1:
        return {}
    return {one.address: one.status for one in feedback.recipients if one.permanent}


def _text_of(feedback: Feedback) -> str:
    lines = (" ".join((one.address, one.status, one.diagnostic)) for one in feedback.recipients)
    return "\n".join(line.strip() for line in lines)


def _source(feedback: Feedback) -> Mapping[str, Any]:
    return {
        "id": feedback.identity,
        "about": feedback.job.key,
        "to": feedback.job.audience,
        "returned": [
            {"address": one.address, "status": one.status, "permanent": one.permanent}
            for one in feedback.recipients
        ],
    }
