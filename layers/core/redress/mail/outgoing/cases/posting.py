"""Send one composed mail, once, and say who of the staff gets mails about a team.

A worker claims the mail in the table, sends it and records the result. SES cannot say whether it
has sent a mail before: its SendEmail takes no token that would make a repeated call harmless. If
the answer of SES is lost, or the worker dies before it records the answer, the claim stays until it
expires after LEASE. Meanwhile the event `Send`, which SES publishes for each accepted mail, records
the mail as sent (`mail.outgoing.cases.feedback`). Only if that event does not come before the claim
expires is the mail sent again: one additional copy for each such failure. Without such a failure
exactly one copy is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from redress.base.errors import RedressError
from redress.base.languages import LANGUAGES
from redress.base.people import Member, Role
from redress.db import retry
from redress.tickets.store.mail_records import Claim, MailRecordStore

LEASE = timedelta(seconds=45)
"""How long a claim holds. It is longer than a worker lives (10 s), so two workers never send the
same mail at the same time. Together with the life of a worker it is shorter than the time for which
the queue hides a message (60 s). So a message that comes again because its worker died finds the
claim expired. `tests/template` holds the three values together.

Each worker compares the claim with its own time, which may be wrong by 10 s (`ServiceClock`). If
the second worker's clock is behind the first one's, it may find the claim still standing, although
the worker that made it is dead. It then waits once more: LEASE and 1 to 6 s."""

SES_S = (1.5, 3.0)
"""How long in seconds a call of SES waits for a connection at most, and then for its answer."""

RECIPIENTS = 50
"""The most recipients that SES accepts in one message."""

NO_RECIPIENT = "no recipient"

TOO_LATE = "too little time is left"

_REFUSED = {"BadRequestException"}
"""Error codes of SES after which a retry cannot succeed. After any other code the mail is tried
again, also after MessageRejected. SES returns MessageRejected for every mail while the sender is
not verified or the account is in the sandbox. Those mails must be sent when the operator has fixed
that."""

ACCOUNT_REFUSED = {
    "AccessDeniedException",
    "AccountSuspendedException",
    "MailFromDomainNotVerifiedException",
    "MessageRejected",
    "NotFoundException",
    "SendingPausedException",
}
"""Codes of SES that mean that it takes no mail of this account, sender or configuration set, until
a person changes that (SES v2, API reference of SendEmail)."""

_UNCERTAIN = {500, 502, 504}
"""HTTP statuses that do not say whether SES accepted the mail. They count as a lost answer. The
status 503 says that SES did not take the request."""

_NEVER_LEFT = (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)
"""Failures that happen before anything reaches SES. After any other failure the mail may have been
sent."""


class NotSentYet(RedressError):
    """The mail must be tried again, but not before `wait` is over.

    `fault` is the name or code of an error, or a fixed text. It is never the message of an error.
    """

    def __init__(self, fault: str, wait: timedelta = timedelta(0)) -> None:
        super().__init__(fault)
        self.fault, self.wait = fault, wait


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
class Recipient:
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


@dataclass(frozen=True, slots=True)
class Letter:
    """A composed mail. `raw` is its MIME, or None if it cannot be sent because of `fault`.

    `owner` and `key` name its record: the ticket or team, and the mail.
    """

    owner: str
    key: str
    at: datetime
    tags: list[dict[str, str]]
    recipients: Sequence[Recipient]
    raw: bytes | None
    fault: str | None = None


class Posting:
    """Sends composed mails, each of them once.

    `records` remembers the mails of one kind of owner: tickets or teams.
    """

    def __init__(
        self,
        records: MailRecordStore,
        sesv2_client: Any,
        settings: MailSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._records, self._ses, self._settings = records, sesv2_client, settings
        self._now = now
        # SES sends its events about a mail through this configuration set
        # (`mail.outgoing.cases.feedback`).
        through = settings.configuration_set
        self._options = {"ConfigurationSetName": through} if through else {}

    def send(self, letter: Letter) -> SendOutcome:
        """Send a mail, unless it was sent or refused before.

        Raises NotSentYet if SES does not accept the mail now, if another worker is sending it, or
        if so little time is left that this worker might end before it could record the result. The
        time is looked at again after the claim, because the claim takes some of it.
        """
        if _too_late():
            raise NotSentYet(TOO_LATE)
        match self._records.claim(letter.owner, letter.key, letter.at, LEASE):
            case Claim.SENT:
                return SendOutcome(Result.SENT_BEFORE)
            case Claim.REFUSED:
                return SendOutcome(Result.REFUSED_BEFORE)
            case Claim.HELD:
                raise NotSentYet("held by another worker", LEASE)
            case Claim.WON:
                pass
        if letter.raw is None:
            return self._refuse(letter, letter.fault or NO_RECIPIENT)
        if _too_late():
            self._record(letter, "failed", fault=TOO_LATE)
            raise NotSentYet(TOO_LATE)
        try:
            answer = self._ses.send_email(
                FromEmailAddress=self._settings.sender_address,
                Destination={"ToAddresses": [one.address for one in letter.recipients]},
                Content={"Raw": {"Data": letter.raw}},
                EmailTags=letter.tags,
                **self._options,
            )
        except ClientError as error:
            # Error messages of SES contain addresses, so only the code is logged and recorded.
            code = error.response.get("Error", {}).get("Code", "Unknown")
            if code in _REFUSED:
                return self._refuse(letter, code)
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _UNCERTAIN:
                raise NotSentYet(code, LEASE) from None
            self._record(letter, "failed", fault=code)
            raise NotSentYet(code) from None
        except ParamValidationError as error:
            return self._refuse(letter, type(error).__name__)
        except _NEVER_LEFT as error:
            self._record(letter, "failed", fault=type(error).__name__)
            raise NotSentYet(type(error).__name__) from None
        except BotoCoreError as error:
            # The answer is lost and the mail may have been sent. The claim stays, so nobody tries
            # again before it expires.
            raise NotSentYet(type(error).__name__, LEASE) from None
        self._record(letter, "sent", message_id=answer["MessageId"])
        return SendOutcome(Result.SENT)

    def _refuse(self, letter: Letter, fault: str) -> SendOutcome:
        self._record(letter, "refused", fault=fault)
        return SendOutcome(Result.REFUSED, fault)

    def _record(
        self,
        letter: Letter,
        state: str,
        *,
        message_id: str | None = None,
        fault: str | None = None,
    ) -> None:
        self._records.record(
            letter.owner, letter.key, state, self._now(), message_id=message_id, fault=fault
        )


def _too_late() -> bool:
    """Whether SES might answer when no call of the table may begin any more."""
    return retry.time_left() < sum(SES_S)


def leaders(members: Iterable[Member], role: Role, team: str, operator: str) -> list[Recipient]:
    """Return who gets a mail for the supervisors of a team, or for the managers.

    If no supervisor of the team has a deliverable address, the mail goes to the supervisors of
    other teams, else to the managers, else to the operator. So somebody always learns of a broken
    promise. Members who have left get nothing.
    """
    present = [member for member in members if not member.left]
    managers = [member for member in present if member.role is Role.MANAGER]
    circles = [managers]
    if role is Role.SUPERVISOR:
        supervisors = [member for member in present if member.role is Role.SUPERVISOR]
        own = [member for member in supervisors if member.team == team]
        circles = [own, supervisors, managers]
    for circle in circles:
        if found := reached(circle):
            return found
    return addressed([(operator, LANGUAGES)])


def reached(members: Iterable[Member]) -> list[Recipient]:
    """Return the members with a deliverable address, each with their first language."""
    return addressed((member.email, member.languages[:1]) for member in members)


def addressed(people: Iterable[tuple[str, tuple[str, ...]]]) -> list[Recipient]:
    """Return the people whose address SES accepts, at most RECIPIENTS.

    A person whose language is not known gets the mail in all languages.
    """
    return [
        Recipient(address, tuple(lang for lang in languages if lang in LANGUAGES) or LANGUAGES)
        for email, languages in people
        if (address := deliverable(email))
    ][:RECIPIENTS]


def languages_of(recipients: Iterable[Recipient]) -> list[str]:
    """Return every language in which the recipients read a mail, each once."""
    return list(dict.fromkeys(lang for person in recipients for lang in person.languages))
