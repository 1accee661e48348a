"""Send one mail. Its text and its recipients are decided from the ticket as it is now.

A job names only an event and a template. A mail that waited for days is therefore still true when
it is sent, or it is skipped.

Each mail is sent once: a worker claims it in the table, sends it and records the result. SES cannot
say whether it has sent a mail before. If its answer is lost, or the worker dies before it records
the answer, the claim expires after LEASE and the mail is sent again. Each such failure causes at
most one more copy; without one there is exactly one copy. LEASE is longer than the lifetime of a
worker (60 s), so two workers never send the same mail at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProxyConnectionError,
)

from redress.base.errors import NotFound, RedressError
from redress.base.phrases import moment, phrases
from redress.base.settings import Settings
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, ClockName, ClockState
from redress.mail.outgoing import rendering
from redress.mail.outgoing.rules import PARTICIPANTS, MailToSend, mails_after
from redress.mail.outgoing.store import AddressStore
from redress.plans.rules.plan import LANGUAGES, Plan
from redress.plans.store import Plans
from redress.staff.store import Member, StaffStore
from redress.tickets.cases.changing import change
from redress.tickets.cases.intake import promises_of
from redress.tickets.links import Links
from redress.tickets.rules import lifecycle
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.ticket import Event, EventType, Role, State, Ticket
from redress.tickets.store.tickets import Claim, TicketStore

LEASE = timedelta(minutes=3)
RECIPIENTS = 50
"""The most that SES takes in one message."""

NO_RECIPIENT = "no recipient"
ADDRESS_RETURNED = "the address returned mail"
"""Mail to this address failed permanently. More attempts would only harm the reputation of the
sending domain. The mark ends with the first mail that comes from the address."""

NO_SURVEYS = "the customer wants no surveys"
NOBODY_TAKES_PART = "nobody takes part any more whom a copy reaches"
UNWANTED = (ADDRESS_RETURNED, NO_SURVEYS, NOBODY_TAKES_PART)
"""Reasons for not sending a mail that need nobody's attention."""
SURVEY = "survey"

_REFUSED = {"BadRequestException"}
"""Error codes of SES that no retry can change. After any other code the mail is tried again. That
includes MessageRejected: SES returns it for every mail while the sender is not verified or the
account is in the sandbox, and those mails must be sent once the operator has fixed that."""

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
_ONLY_WHILE_RUNNING = {"remind", "callback_again", SURVEY}
_WATCHING = (Role.SUPERVISOR, Role.MANAGER)


@dataclass(frozen=True, slots=True)
class MailJob:
    """One mail to send, as the relay puts it into the queue.

    number   the ticket
    event    number of the event that the mail follows
    """

    number: str
    event: int
    template: str
    audience: str

    @property
    def key(self) -> str:
        """The key of the mail's record, such as `000003.reply.customer`."""
        return f"{self.event:06d}.{self.template}.{self.audience}"


_TAGS = ("ticket", "event", "template", "audience")


def tags_of(job: MailJob) -> list[dict[str, str]]:
    """Return the tags to send a mail with. Later events of SES about the mail contain them."""
    about = (job.number, str(job.event), job.template, job.audience)
    return [{"Name": name, "Value": value} for name, value in zip(_TAGS, about, strict=True)]


def tagged(tags: Mapping[str, str]) -> MailJob | None:
    """Return the job whose mail has these tags; None if Redress did not send the mail."""
    number, event, template, audience = (tags.get(name, "") for name in _TAGS)
    if normalised(number) != number or not event.isascii() or not event.isdigit():
        return None
    return MailJob(number, int(event), template, audience) if template and audience else None


class NotAJob(ValueError):
    """The message is not a job, or its mail does not follow its event. No retry can change that."""


class NotSentYet(RedressError):
    """The mail must be tried again. `fault` is the name of an error, never its message."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class Result(StrEnum):
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
class _Matter:
    """What a mail is about: its job, and the items that the job names, read once.

    `history` is the ticket's history. It is empty unless the mail follows a rung of a ladder or a
    proposed incident, because no other mail needs it.
    """

    job: MailJob
    event: Event
    ticket: Ticket
    plan: Plan
    now: datetime
    history: Sequence[Event] = ()


def job_of(body: str) -> MailJob:
    """Decode the job in a queue message. Raises NotAJob for anything else."""
    try:
        job = msgspec.json.decode(body, type=MailJob)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotAJob("not the JSON of a job") from error
    if normalised(job.number) != job.number or job.event < 1:
        raise NotAJob("not an event of a ticket")
    return job


class MailingCase:
    def __init__(
        self,
        tickets: TicketStore,
        addresses: AddressStore,
        staff: StaffStore,
        plans: Plans,
        links: Links,
        sesv2_client: Any,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
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

        Raises NotAJob if the mail does not follow its event, and NotSentYet if SES does not accept
        the mail now or another worker is sending it. Errors of the store are raised unchanged.
        After NotSentYet or an error of the store the job must be tried again.
        """
        try:
            ticket, event = self._tickets.with_event(job.number, job.event)
        except NotFound:
            return SendOutcome(Result.SKIPPED, "the ticket is gone")
        if MailToSend(job.template, job.audience) not in mails_after(event):
            raise NotAJob(f"no such mail follows from {event.type}")
        of_a_ladder = event.type in (EventType.RUNG_FIRED, EventType.INCIDENT_PROPOSED)
        about = _Matter(
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
        if job.template == "acknowledgement" and done.result in (Result.SENT, Result.SENT_BEFORE):
            # If the mail was sent before, the worker that sent it may have died before it recorded
            # the acknowledgement.
            decide = lifecycle.acknowledge
            change(self._tickets, self._plans, self._now, job.number, decide, known=ticket)
        return done

    # ---------------------------------------------------------------- once

    def _once(self, about: _Matter, recipients: list[_Recipient]) -> SendOutcome:
        job = about.job
        fault = self._unreachable(about, recipients)
        raw = None if fault else self._compose(about, recipients)
        match self._tickets.claim_mail(job.number, job.key, about.now, LEASE):
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
            # Messages of SES contain addresses. Only the code is logged and recorded.
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

    def _unreachable(self, about: _Matter, recipients: list[_Recipient]) -> str | None:
        """Return why the mail cannot be sent to anybody; None if it can."""
        if not recipients:
            of_copies = about.job.audience == PARTICIPANTS
            return NOBODY_TAKES_PART if of_copies else NO_RECIPIENT
        if about.job.audience != Role.CUSTOMER:
            return None
        email = about.ticket.contact.email or ""
        if self._addresses.returned(email):
            return ADDRESS_RETURNED
        if about.job.template == SURVEY and self._addresses.refuses_surveys(email):
            return NO_SURVEYS
        return None

    def _refuse(self, job: MailJob, fault: str) -> SendOutcome:
        self._record(job, "refused", fault=fault)
        return SendOutcome(Result.REFUSED, fault)

    def _record(
        self, job: MailJob, state: str, *, message_id: str | None = None, fault: str | None = None
    ) -> None:
        self._tickets.record_mail(
            job.number, job.key, state, self._now(), message_id=message_id, fault=fault
        )

    # ---------------------------------------------------------------- to whom

    def _recipients(self, about: _Matter) -> list[_Recipient]:
        """Return the recipients of the mail. Only people with a deliverable address count.

        If the team has no supervisor with such an address, the mail goes to the supervisors of
        other teams, else to the managers, else to the operator. A broken promise is therefore
        always reported to somebody.
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
                agent = self._staff.member(_agent(about) or "")
                reached = [] if agent.left else _reached([agent])
            except NotFound:
                reached = []
            # The customer wrote after the resolution, so the ticket is in nobody's work list. If
            # its agent cannot be reached, the supervisor must learn of the message.
            if reached or not _is_after_all(about):
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

    def _compose(self, about: _Matter, recipients: list[_Recipient]) -> bytes:
        name, number = _template(about), about.ticket.number
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
            about.now,
            automatic=name not in _WRITTEN_BY_A_PERSON,
            conversation=conversation,
            mail_id=about.job.key,
            reply_to=f"{conversation}@{domain}" if domain else None,
            to_staff=to_staff,
            unsubscribe=unsubscribe,
        )

    def _to_customer(self, about: _Matter) -> dict[str, str]:
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
                for clock, due_at in _ahead(about)
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

    def _to_staff(self, about: _Matter) -> Callable[[str], dict[str, str]]:
        """Return a function from language to the values of a mail to staff.

        The values describe the promise. They contain nothing about the customer.
        """
        ticket = about.ticket
        agent = self._name_of(ticket.assignee)
        due = self._due(about)

        def said(language: str) -> dict[str, str]:
            own = phrases(language)
            return {
                "number": ticket.number,
                "kind": own.kinds[ticket.kind],
                "clock": own.clocks[_clock_name(about)],
                "due": moment(due, about.plan.time_zone, language),
                "standing": own.standing[_standing(about)],
                "agent": agent or own.nobody,
                "ticket_url": f"{self._base}/staff/tickets/{ticket.number}",
            }

        return said

    def _due(self, about: _Matter) -> datetime:
        """Return when the promise that a mail to staff is about is, or was, due.

        For a broken promise this is the due time at which it broke, even if the due time changed
        later.
        """
        event = about.event
        if event.data.get("action") == Action.BREACH:
            return datetime.fromisoformat(event.data["due_at"])
        if event.data.get("action") != Action.REMIND:
            for earlier in reversed(about.history):
                data = earlier.data
                if (
                    earlier.number < event.number
                    and data.get("action") == Action.BREACH
                    and data["clock"] == event.data["clock"]
                ):
                    return datetime.fromisoformat(data["due_at"])
        return about.ticket.clocks[_clock_name(about)].due_at

    def _name_of(self, agent: str | None) -> str | None:
        if agent is None:
            return None
        try:
            return self._staff.member(agent).name
        except NotFound:
            return None


def _template(about: _Matter) -> str:
    """Return the template file for a job.

    Some templates have a variant for a ticket that has changed since the event.
    """
    ticket, event = about.ticket, about.event
    match about.job.template:
        case "acknowledgement" if not _ahead(about):
            return "acknowledgement_late"
        case "reply" if event.data["wait_for_customer"] and ticket.state is State.WAITING:
            return "reply_waiting"
        case "resolution" if not _is_asked(ticket, event):
            return "resolution_told"
        case "customer_wrote" if _is_after_all(about):
            return "customer_wrote_late"
        case "remind" | "breach" | "escalate" if _is_taken(about):
            return "taken"
        case "remind" if any(rung.data["action"] == Action.BREACH for rung in _later(about)):
            return "breach"
        case "remind" if about.job.audience != Role.AGENT:
            return "watch"
        case name:
            return name


def _is_after_all(about: _Matter) -> bool:
    """Whether the customer wrote this message after a resolution that is still valid."""
    ticket, event = about.ticket, about.event
    return (
        event.type is EventType.CUSTOMER_WROTE
        and not ticket.needs_agent
        and ticket.resolution is not None
        and event.at >= ticket.resolution.at
    )


def _agent(about: _Matter) -> str | None:
    """Return the agent who gets a mail to the agent. Usually that is the ticket's assignee.

    A broken promise is reported to the agent who had the ticket when the rung fired, even if the
    ticket was taken from them since. A reminder asks for action, so it goes to the current
    assignee, unless the rung itself took the ticket from its agent; then it goes to that agent.
    """
    event, ticket = about.event, about.ticket
    if event.type is not EventType.RUNG_FIRED:
        return ticket.assignee
    taken_from = _taken_from(about)
    if event.data["action"] == Action.REMIND:
        return taken_from or ticket.assignee
    return event.data.get("held_by") or taken_from or ticket.assignee


def _taken_from(about: _Matter) -> str | None:
    """Return the agent from whom the rung took the ticket back into the queue; None if it did not.

    The rung and the return to the queue have the same time.
    """
    for event in about.history:
        if event.number <= about.event.number:
            continue
        if event.at != about.event.at or event.type is EventType.RUNG_FIRED:
            return None
        if event.type is EventType.QUEUED:
            taken: str | None = event.data["from"]
            return taken
    return None


def _is_taken(about: _Matter) -> bool:
    """Whether the mail goes to an agent about a ticket that they no longer have."""
    return about.job.audience == Role.AGENT and _agent(about) != about.ticket.assignee


def _later(about: _Matter) -> list[Event]:
    """Return the rungs of the same clock that fired after the rung that the mail is about."""
    return [
        event
        for event in about.history
        if event.number > about.event.number
        and event.type is EventType.RUNG_FIRED
        and event.data["clock"] == about.event.data["clock"]
    ]


def _is_asked(ticket: Ticket, event: Event) -> bool:
    """Whether the customer can still answer the question whether this resolution solved it."""
    resolution = ticket.resolution
    return ticket.state is State.RESOLVED and resolution is not None and resolution.at == event.at


def _ahead(about: _Matter) -> list[tuple[str, datetime]]:
    """Return clock and due time of the promises to the customer that can still be kept."""
    return [
        (promise.clock, promise.due_at)
        for promise in promises_of(about.ticket, about.now)
        if promise.state == "running" and promise.due_at and promise.due_at > about.now
    ]


def _needed(name: str, values: Mapping[str, str]) -> dict[str, str]:
    return {placeholder: values[placeholder] for placeholder in rendering.PLACEHOLDERS[name]}


def reason_to_skip(about: _Matter) -> str | None:
    """Return why a mail is outdated and must not be sent; None if it is still valid."""
    job, ticket = about.job, about.ticket
    if job.audience == Role.CUSTOMER and ticket.contact.email is None:
        return "the customer has no email address"
    if job.audience == PARTICIPANTS and not ticket.participants:
        return NOBODY_TAKES_PART
    if job.audience == Role.AGENT and _agent(about) is None and not _is_after_all(about):
        return "nobody has the ticket"
    if job.template in _ONLY_WHILE_RUNNING and not _is_taken(about):
        clock = ticket.clocks[_clock_name(about)]
        # Supervisors and managers are also reminded of a paused promise, because it must still be
        # kept.
        waits = clock.state is ClockState.PAUSED and job.audience in _WATCHING
        if not (clock.state is ClockState.RUNNING or waits) or _began_anew(about):
            return "the clock does not run any more"
        if about.event.data["step"] not in clock.fired:
            return "the promise was made anew, and will tell again"
        told_by = _later(about)
        if job.audience != Role.CUSTOMER:
            told_by = [rung for rung in told_by if job.audience in rung.data["notify"]]
        if told_by:
            return "a later rung tells of it"
    if job.template == SURVEY and ticket.clocks[ClockName.SURVEY].due_at <= about.now:
        return "the survey is over"
    return None


def _clock_name(about: _Matter) -> ClockName:
    """Return the clock that a mail to staff is about: the event's, or RESOLUTION if it has none."""
    return ClockName(about.event.data.get("clock", ClockName.RESOLUTION))


def _began_anew(about: _Matter) -> bool:
    """Whether the clock was started again after the event, which is about the earlier run."""
    return about.ticket.clocks[_clock_name(about)].started_at > about.event.at


def _standing(about: _Matter) -> str:
    """Return what became of the promise: a key of `Phrases.standing`."""
    if about.job.template != "disputed" and _began_anew(about):
        return ClockState.STOPPED
    return about.ticket.clocks[_clock_name(about)].state


def _reached(members: Iterable[Member]) -> list[_Recipient]:
    return _addressed((member.email, member.languages[:1]) for member in members)


def _addressed(people: Iterable[tuple[str, tuple[str, ...]]]) -> list[_Recipient]:
    """Return the people whose address SES accepts, at most RECIPIENTS.

    A person whose language is not known gets the mail in all languages.
    """
    return [
        _Recipient(address, tuple(lang for lang in languages if lang in LANGUAGES) or LANGUAGES)
        for email, languages in people
        if (address := rendering.deliverable(email))
    ][:RECIPIENTS]
