"""Send one mail. Its text and its recipients are decided from the ticket as it is now.

A job contains no text and no address. It names a ticket, an event, a template and an audience. So
a mail that waited for days is written from the current ticket, or it is skipped if it is no longer
true.

Each mail is sent once: a worker claims it in the table, sends it and records the result. SES cannot
say whether it has sent a mail before. If the answer of SES is lost, or the worker dies before it
records the answer, the claim expires after LEASE and the mail is sent again. Each such failure
causes at most one additional copy. Without such a failure exactly one copy is sent. LEASE is longer
than the lifetime of a worker (60 s), so two workers never send the same mail at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from redress.base.addresses import deliverable
from redress.base.errors import NotFound, RedressError
from redress.base.languages import LANGUAGES
from redress.base.people import Member, Role
from redress.base.phrases import moment, phrases
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import ClockName
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.outgoing import rendering
from redress.mail.outgoing.messages import MailJob, NotAJob, tags_of
from redress.mail.outgoing.rules.relevance import (
    NOBODY_TAKES_PART,
    SURVEY,
    Matter,
    agent_for,
    clock_name,
    due_at,
    is_after_all,
    promises_ahead,
    reason_to_skip,
    standing_of,
    template_of,
    waits_for_writer,
)
from redress.mail.outgoing.rules.table import ACKNOWLEDGEMENT, PARTICIPANTS, MailToSend, mails_after
from redress.mail.outgoing.store import AddressStore
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.links import Links
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import EventType
from redress.tickets.store.mail_records import Claim, MailRecordStore
from redress.tickets.store.tickets import TicketStore

LEASE = timedelta(minutes=3)
RECIPIENTS = 50
"""The most recipients that SES accepts in one message."""

NO_RECIPIENT = "no recipient"
ADDRESS_RETURNED = "the address returned mail"
"""Earlier mail to this address failed permanently, so the address is marked. More attempts would
only harm the reputation of the sending domain. The mark is removed when a mail comes from the
address."""

NO_SURVEYS = "the customer wants no surveys"
NOT_WRITTEN = "no mail has come from the address"
"""Somebody else named the address in Reply-To. It gets what staff write, and no automatic mail."""
NOBODY_READS = "nobody reads the address"
UNWANTED = (ADDRESS_RETURNED, NO_SURVEYS, NOBODY_TAKES_PART, NOT_WRITTEN, NOBODY_READS)
"""Reasons for which a mail is not sent and which nobody needs to look into."""

_REFUSED = {"BadRequestException"}
"""Error codes of SES after which a retry cannot succeed. After any other code the mail is tried
again, also after MessageRejected. SES returns MessageRejected for every mail while the sender is
not verified or the account is in the sandbox. Those mails must be sent when the operator has fixed
that."""

_NEVER_LEFT = (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)
"""Failures that happen before anything reaches SES. After any other failure the mail may have been
sent."""

_WRITTEN_BY_A_PERSON = {
    "reply",
    "reply_waiting",
    "progress",
    "resolution",
    "resolution_told",
    "copy",
}


class NotSentYet(RedressError):
    """The mail must be tried again.

    `fault` is the name or code of an error, or a fixed text. It is never the message of an error.
    """

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class Result(StrEnum):
    """What became of a job."""

    SENT = "sent"
    SENT_BEFORE = "sent_before"
    REFUSED = "refused"
    REFUSED_BEFORE = "refused_before"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """The result of a job that is finished. `why` is the reason for a skipped or refused mail."""

    result: Result
    why: str | None = None


@dataclass(frozen=True, slots=True)
class _Recipient:
    address: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The settings of the mailer.

    base_address       base URL of the pages and the API, used in links
    sender_address     the address that mails are sent from
    operator_address   gets mails to staff if no member of staff can be reached; "" if there is none
    mail_domain        the domain that receives answers; "" if there is none
    configuration_set  the configuration set through which SES sends its events; "" if there is none
    """

    base_address: str
    sender_address: str
    operator_address: str = ""
    mail_domain: str = ""
    configuration_set: str = ""


class MailingCase:
    """Sends the mails of jobs."""

    def __init__(
        self,
        tickets: TicketStore,
        addresses: AddressStore,
        staff: StaffStore,
        plans: Plans,
        links: Links,
        changes: TicketChanges,
        mail_records: MailRecordStore,
        sesv2_client: Any,
        settings: MailSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._changes, self._mail_records = changes, mail_records
        self._tickets, self._addresses = tickets, addresses
        self._staff, self._plans = staff, plans
        self._links, self._base = links, settings.base_address
        self._ses, self._settings, self._now = sesv2_client, settings, now
        # SES sends its events about a mail through this configuration set
        # (`mail.outgoing.cases.feedback`).
        through = self._settings.configuration_set
        self._options = {"ConfigurationSetName": through} if through else {}

    def send(self, job: MailJob) -> SendOutcome:
        """Send the mail of a job, unless it was sent or refused before or is outdated.

        Raises NotAJob if the event of the job does not cause such a mail. Raises NotSentYet if SES
        does not accept the mail now, or if another worker is sending it. Errors of the store are
        raised unchanged. After NotSentYet or an error of the store the job must be tried again.
        """
        try:
            ticket, event = self._tickets.with_event(job.number, job.event)
        except NotFound:
            return SendOutcome(Result.SKIPPED, "there is no such ticket")
        if MailToSend(job.template, job.audience) not in mails_after(event):
            raise NotAJob(f"no such mail follows from {event.type}")
        of_a_ladder = event.type in (EventType.RUNG_FIRED, EventType.INCIDENT_PROPOSED)
        about = Matter(
            job,
            event,
            ticket,
            self._plans.get(ticket.plan_version),
            self._now(),
            self._tickets.history(job.number) if of_a_ladder else (),
        )
        if why := reason_to_skip(about):
            return SendOutcome(Result.SKIPPED, why)
        recipients = self._recipients(about)
        done = self._once(about, recipients)
        if job.template == ACKNOWLEDGEMENT and done.result in (Result.SENT, Result.SENT_BEFORE):
            # SENT_BEFORE counts too: the worker that sent the mail may have died before it recorded
            # the acknowledgement.
            decide = by_system.acknowledge
            self._changes.change(job.number, decide, known=ticket)
        return done

    # ---------------------------------------------------------------- once

    def _once(self, about: Matter, recipients: list[_Recipient]) -> SendOutcome:
        job = about.job
        fault = self._unreachable(about, recipients)
        raw = None if fault else self._compose(about, recipients)
        match self._mail_records.claim(job.number, job.key, about.moment, LEASE):
            case Claim.SENT:
                return SendOutcome(Result.SENT_BEFORE)
            case Claim.REFUSED:
                return SendOutcome(Result.REFUSED_BEFORE)
            case Claim.HELD:
                raise NotSentYet("held by another worker")
            case Claim.WON:
                pass
        if raw is None:
            return self._refuse(job, fault or NO_RECIPIENT)
        try:
            answer = self._ses.send_email(
                FromEmailAddress=self._settings.sender_address,
                Destination={"ToAddresses": [recipient.address for recipient in recipients]},
                Content={"Raw": {"Data": raw}},
                EmailTags=tags_of(job),
                **self._options,
            )
        except ClientError as error:
            # Error messages of SES contain addresses, so only the code is logged and recorded.
            code = error.response.get("Error", {}).get("Code", "Unknown")
            if code in _REFUSED:
                return self._refuse(job, code)
            self._record(job, "failed", fault=code)
            raise NotSentYet(code) from None
        except ParamValidationError as error:
            return self._refuse(job, type(error).__name__)
        except _NEVER_LEFT as error:
            self._record(job, "failed", fault=type(error).__name__)
            raise NotSentYet(type(error).__name__) from None
        except BotoCoreError as error:
            # The answer is lost and the mail may have been sent. The claim stays, so nobody tries
            # again before it expires.
            raise NotSentYet(type(error).__name__) from None
        self._record(job, "sent", message_id=answer["MessageId"])
        return SendOutcome(Result.SENT)

    def _unreachable(self, about: Matter, recipients: list[_Recipient]) -> str | None:
        """Return why no recipient can or may get the mail; None if it can be sent."""
        if not recipients:
            of_copies = about.job.audience == PARTICIPANTS
            return NOBODY_TAKES_PART if of_copies else NO_RECIPIENT
        if about.job.audience != Role.CUSTOMER:
            return None
        email = about.ticket.contact.email or ""
        if self._addresses.returned(email):
            return ADDRESS_RETURNED
        why = waits_for_writer(about)
        if why is NoAnswer.REPLY_TO and not self._addresses.has_written(email):
            return NOT_WRITTEN
        if why is NoAnswer.NO_REPLY:
            return NOBODY_READS
        if about.job.template == SURVEY and self._addresses.refuses_surveys(email):
            return NO_SURVEYS
        return None

    def _refuse(self, job: MailJob, fault: str) -> SendOutcome:
        self._record(job, "refused", fault=fault)
        return SendOutcome(Result.REFUSED, fault)

    def _record(
        self, job: MailJob, state: str, *, message_id: str | None = None, fault: str | None = None
    ) -> None:
        self._mail_records.record(
            job.number, job.key, state, self._now(), message_id=message_id, fault=fault
        )

    # ---------------------------------------------------------------- to whom

    def _recipients(self, about: Matter) -> list[_Recipient]:
        """Return the recipients of the mail. Only people with a deliverable address count.

        A mail for the supervisor goes to the supervisors of the ticket's team. If none of them has
        such an address, it goes to those of other teams, else to the managers, else to the
        operator. So somebody always learns of a broken promise.
        """
        ticket, audience = about.ticket, about.job.audience
        if audience == Role.CUSTOMER:
            return _addressed([(ticket.contact.email or "", (ticket.language,))])
        if audience == PARTICIPANTS:
            # Somebody who has stopped being a participant gets no more copies.
            copied = [a for a in about.event.data["copied_to"] if a in ticket.participants]
            reached = [a for a in copied if not self._addresses.returned(a)]
            return _addressed((address, (ticket.language,)) for address in reached)
        if audience == Role.AGENT:
            try:
                agent = self._staff.member(agent_for(about) or "")
                reached = [] if agent.left else _reached([agent])
            except NotFound:
                reached = []
            # If the customer wrote after the resolution, the ticket may be in nobody's work list.
            # If its agent cannot be reached, the supervisor must learn of the message.
            if reached or not is_after_all(about):
                return reached
            audience = Role.SUPERVISOR
        members = [member for member in self._staff.members() if not member.left]
        managers = [member for member in members if member.role is Role.MANAGER]
        circles = [managers]
        if audience == Role.SUPERVISOR:
            supervisors = [member for member in members if member.role is Role.SUPERVISOR]
            own = [member for member in supervisors if member.team == ticket.team]
            circles = [own, supervisors, managers]
        for circle in circles:
            if found := _reached(circle):
                return found
        return _addressed([(self._settings.operator_address, LANGUAGES)])

    # ---------------------------------------------------------------- what it says

    def _compose(self, about: Matter, recipients: list[_Recipient]) -> bytes:
        name, number = template_of(about), about.ticket.number
        to_staff = about.job.audience not in (Role.CUSTOMER, PARTICIPANTS)
        if not to_staff:
            values = self._to_customer(about)
            texts = [rendering.render(name, about.ticket.language, _needed(name, values))]
        else:
            said = self._to_staff(about)
            languages = dict.fromkeys(lang for person in recipients for lang in person.languages)
            texts = [rendering.render(name, lang, _needed(name, said(lang))) for lang in languages]
        conversation = self._links.mail_token(number)
        domain = self._settings.mail_domain
        unsubscribe = None
        if name == SURVEY:
            unsubscribe = f"{self._base}/u/{self._links.unsubscribe_token(number)}"
        return rendering.message(
            self._settings.sender_address,
            [recipient.address for recipient in recipients],
            number,
            texts,
            about.moment,
            automatic=name not in _WRITTEN_BY_A_PERSON,
            conversation=conversation,
            mail_id=about.job.key,
            reply_to=f"{conversation}@{domain}" if domain else None,
            to_staff=to_staff,
            unsubscribe=unsubscribe,
        )

    def _to_customer(self, about: Matter) -> dict[str, str]:
        ticket, language = about.ticket, about.ticket.language

        def time(at: datetime) -> str:
            return moment(at, about.plan.time_zone, language)

        values = {
            "number": ticket.number,
            "subject": ticket.subject,
            "text": about.event.data.get("text", ""),
            "status_url": f"{self._base}/t/{self._links.status_token(ticket.number)}",
            "promises": "\n".join(
                phrases(language).promise.format(
                    clock=phrases(language).clocks[clock], time=time(due_at)
                )
                for clock, due_at in promises_ahead(about)
            ),
        }
        if callback := ticket.clocks.get(ClockName.CALLBACK):
            ladder = about.plan.ladder(ClockName.CALLBACK, callback, by_mail=ticket.by_mail)
            values["closes_at"] = time(clocks.rung_times(callback, ladder)[-1])
        if ticket.resolution:
            values["resolved_at"] = time(ticket.resolution.at)
        if survey := ticket.clocks.get(ClockName.SURVEY):
            token = self._links.survey_token(ticket.number, survey.due_at)
            values["survey_url"] = f"{self._base}/s/{token}"
            values["until"] = time(survey.due_at)
        return values

    def _to_staff(self, about: Matter) -> Callable[[str], dict[str, str]]:
        """Return a function that takes a language and returns the values of a mail to staff.

        The values describe the promise. They contain nothing about the customer.
        """
        ticket = about.ticket
        agent = self._name_of(ticket.assignee)
        due = due_at(about)

        def said(language: str) -> dict[str, str]:
            own = phrases(language)
            return {
                "number": ticket.number,
                "kind": own.kinds[ticket.kind],
                "clock": own.clocks[clock_name(about)],
                "due": moment(due, about.plan.time_zone, language),
                "standing": own.standing[standing_of(about)],
                "agent": agent or own.nobody,
                "ticket_url": f"{self._base}/staff/tickets/{ticket.number}",
            }

        return said

    def _name_of(self, agent: str | None) -> str | None:
        if agent is None:
            return None
        try:
            return self._staff.member(agent).name
        except NotFound:
            return None


def _needed(name: str, values: Mapping[str, str]) -> dict[str, str]:
    return {placeholder: values[placeholder] for placeholder in rendering.PLACEHOLDERS[name]}


def _reached(members: Iterable[Member]) -> list[_Recipient]:
    return _addressed((member.email, member.languages[:1]) for member in members)


def _addressed(people: Iterable[tuple[str, tuple[str, ...]]]) -> list[_Recipient]:
    """Return the people whose address SES accepts, at most RECIPIENTS.

    A person whose language is not known gets the mail in all languages.
    """
    return [
        _Recipient(address, tuple(lang for lang in languages if lang in LANGUAGES) or LANGUAGES)
        for email, languages in people
        if (address := deliverable(email))
    ][:RECIPIENTS]
