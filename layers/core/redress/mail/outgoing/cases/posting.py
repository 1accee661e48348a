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

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from redress.base.addresses import deliverable
from redress.base.errors import RedressError
from redress.base.house import NO_HOUSE, House
from redress.base.languages import LANGUAGES
from redress.base.people import Member, Role
from redress.db import retry
from redress.mail.outgoing import rendering
from redress.mail.outgoing.carriers import (
    Carrier,
    NeedsOperator,
    NeverTaken,
    NotTaken,
    Tags,
    Unanswered,
)
from redress.tickets.store.mail_records import Claim, MailRecordStore

LEASE = timedelta(seconds=45)
"""How long a claim holds. It is longer than a worker lives (10 s), so two workers never send the
same mail at the same time. Together with the life of a worker it is shorter than the time for which
the queue hides a message (60 s). So a message that comes again because its worker died finds the
claim expired. `tests/template` holds the three values together.

Each worker compares the claim with its own time, which may be wrong by 10 s (`ServiceClock`). If
the second worker's clock is behind the first one's, it may find the claim still standing, although
the worker that made it is dead. It then waits once more: LEASE and 1 to 6 s."""

RECIPIENTS = 50
"""The most recipients that SES accepts in one message."""

NO_RECIPIENT = "no recipient"

SOME_REFUSED = "some of the recipients were refused"
"""The other recipients got the mail."""

TOO_LATE = "too little time is left"


class NotSentYet(RedressError):
    """The mail must be tried again, but not before `wait` is over.

    `fault` is the name or code of an error, or a fixed text. It is never the message of an error.
    `needs_operator`: no mail can be sent until a person changes the configuration.
    """

    def __init__(
        self, fault: str, wait: timedelta = timedelta(0), *, needs_operator: bool = False
    ) -> None:
        super().__init__(fault)
        self.fault, self.wait, self.needs_operator = fault, wait, needs_operator


class Result(StrEnum):
    """What became of a job."""

    SENT = "sent"
    SENT_BEFORE = "sent_before"
    REFUSED = "refused"
    REFUSED_BEFORE = "refused_before"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """The result of a job that is finished.

    `why` is the reason for a skipped or refused mail. For a sent one it is SOME_REFUSED or None.
    """

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
    house              the name and the colours of the operator's house
    """

    base_address: str
    sender_address: str
    operator_address: str = ""
    mail_domain: str = ""
    house: House = NO_HOUSE


@dataclass(frozen=True, slots=True)
class Letter:
    """A composed mail. `raw` is its MIME, or None if it cannot be sent because of `fault`.

    `owner` and `key` name its record: the ticket or team, and the mail.
    """

    owner: str
    key: str
    at: datetime
    tags: Tags
    recipients: Sequence[Recipient]
    raw: bytes | None
    fault: str | None = None


class Posting:
    """Sends composed mails, each of them once.

    `records` remembers the mails of one kind of owner: tickets or teams.
    """

    def __init__(
        self, records: MailRecordStore, carrier: Carrier, now: Callable[[], datetime]
    ) -> None:
        self._records, self._carrier, self._now = records, carrier, now

    def send(self, letter: Letter) -> SendOutcome:
        """Send a mail, unless it was sent or refused before.

        Raises NotSentYet if the carrier does not take the mail now, if another worker is sending
        it, or if so little time is left that this worker might end before it could record the
        result. The time is looked at again after the claim, because the claim takes some of it.
        """
        try:
            self._carrier.prepare()
        except NotTaken as error:
            raise _not_sent_yet(error) from None
        if self._too_late():
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
        if self._too_late():
            self._record(letter, "failed", fault=TOO_LATE)
            raise NotSentYet(TOO_LATE)
        try:
            to = [one.address for one in letter.recipients]
            taken = self._carrier.take(letter.raw, to, letter.tags)
        except NeverTaken as error:
            return self._refuse(letter, error.fault)
        except Unanswered as error:
            # The mail may have been sent. The claim stays, so nobody tries again before it expires.
            raise NotSentYet(error.fault, LEASE) from None
        except NotTaken as error:
            self._record(letter, "failed", fault=error.fault)
            raise _not_sent_yet(error) from None
        self._record(letter, "sent", message_id=taken.message_id)
        return SendOutcome(Result.SENT, SOME_REFUSED if taken.refused else None)

    def _too_late(self) -> bool:
        """Whether the carrier might answer when no call of the table may begin any more."""
        return retry.time_left() < self._carrier.seconds

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


def _not_sent_yet(error: NotTaken) -> NotSentYet:
    return NotSentYet(error.fault, needs_operator=isinstance(error, NeedsOperator))


def leaders(
    members: Iterable[Member], role: Role, team: str, operator: str, *, others: bool = True
) -> list[Recipient]:
    """Return who gets a mail for the supervisors of a team, or for the managers.

    If no supervisor of the team has a deliverable address, the mail goes to the supervisors of
    other teams, else to the managers, else to the operator. So somebody always learns of a broken
    promise. With `others` false, supervisors of other teams get none. Members who have left or are
    suspended get nothing.
    """
    present = [member for member in members if member.is_active]
    managers = [member for member in present if member.role is Role.MANAGER]
    circles = [managers]
    if role is Role.SUPERVISOR:
        supervisors = [member for member in present if member.role is Role.SUPERVISOR]
        own = [member for member in supervisors if member.team == team]
        circles = [own, supervisors, managers] if others else [own, managers]
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


def to_staff(
    settings: MailSettings,
    template: str,
    to: Sequence[Recipient],
    values: Callable[[str], Mapping[str, str]],
    at: datetime,
    mail_id: str,
) -> bytes:
    """Return a mail to members of staff that belongs to no ticket.

    It has the template once for each language that they read, filled with `values` of the language.
    """
    return rendering.message(
        settings.sender_address,
        [recipient.address for recipient in to],
        None,
        [rendering.render(template, language, values(language)) for language in languages_of(to)],
        at,
        automatic=True,
        conversation=None,
        mail_id=mail_id,
        to_staff=True,
        house=settings.house,
    )
