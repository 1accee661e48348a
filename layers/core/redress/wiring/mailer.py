"""The function `mailer`: sends each mail of the mail queue, and records what SES reports."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redress.base.errors import Unavailable
from redress.base.house import house_of
from redress.base.settings import Settings
from redress.db import keys
from redress.mail.outgoing.carriers import SES_S, Carrier, NeedsOperator, NotTaken, Ses
from redress.mail.outgoing.cases.digest import DigestCase
from redress.mail.outgoing.cases.feedback import FeedbackCase
from redress.mail.outgoing.cases.lost_links import AGAIN_AFTER, LostLinksCase
from redress.mail.outgoing.cases.posting import MailSettings, Posting
from redress.mail.outgoing.cases.sending import MailingCase
from redress.mail.outgoing.messages import CallNotice, HeldDigest, IncidentMail, Job, LostLinks
from redress.tickets.store.mail_records import MailRecordStore
from redress.wiring import clients, stores

if TYPE_CHECKING:
    from redress.mail.outgoing.cases.answering import AnsweringCase
    from redress.mail.outgoing.cases.call_notices import CallNoticeCase
    from redress.mail.outgoing.cases.incidents import IncidentMailCase


class MailerSettings(Settings, frozen=True, kw_only=True):
    base_address: str
    link_key_secret: str
    sender_address: str
    mail_queue_url: str
    mail_dead_letter_queue_url: str
    operator_address: str = ""
    mail_domain: str = ""
    configuration_set: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_secret: str = ""
    house_name: str = ""
    house_colour: str = ""
    house_colour_dark: str = ""


@cache
def settings() -> MailerSettings:
    return clients.read(MailerSettings)


def sqs() -> Any:
    # Without retries, because the function has little time. After a failure the queue delivers the
    # message again anyway.
    return clients.client("sqs", retries=0)


def ses() -> Any:
    # The queue retries. A retry here could send a mail twice.
    return clients.client("sesv2", retries=0, timeout_s=SES_S[1])


def call_s() -> float:
    """The longest time in seconds that one attempt of a call of the table can take."""
    return 2 * settings().call_timeout_s


@cache
def _mail_settings() -> MailSettings:
    given = settings()
    return MailSettings(
        given.base_address,
        given.sender_address,
        given.operator_address,
        given.mail_domain,
        house_of(given.house_name, given.house_colour, given.house_colour_dark),
    )


@cache
def carrier() -> Carrier:
    """SES, or the relay if the settings name one."""
    given = settings()
    if not given.smtp_host:
        return Ses(ses(), given.sender_address, given.configuration_set)
    # Only a stack with a relay pays for these imports.
    import ssl

    from redress.mail.outgoing.smtp_relay import SmtpRelay

    return SmtpRelay(
        given.smtp_host,
        given.smtp_port,
        given.sender_address,
        _relay_secret,
        ssl.create_default_context(),
    )


_SECRET_REFUSED = {
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
}
"""Codes of Secrets Manager after which only a person can help."""


def _relay_secret() -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = clients.secrets().get_secret_value(SecretId=settings().smtp_secret)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise (NeedsOperator if code in _SECRET_REFUSED else NotTaken)(code) from None
    except (BotoCoreError, Unavailable) as error:
        raise NotTaken(type(error).__name__) from None
    return str(found["SecretString"])


def _posting(records: MailRecordStore) -> Posting:
    return Posting(records, carrier(), clients.now)


@cache
def mailing() -> MailingCase:
    return MailingCase(
        stores.tickets(),
        stores.addresses(),
        stores.staff(),
        stores.plans(),
        clients.links(settings().link_key_secret),
        stores.changes(),
        _posting(stores.mail_records()),
        _mail_settings(),
        clients.now,
    )


@cache
def digests() -> DigestCase:
    return DigestCase(
        stores.incoming_mails(),
        stores.staff(),
        stores.plans(),
        _posting(stores.digest_records()),
        _mail_settings(),
        clients.now,
    )


@cache
def _notice_records() -> MailRecordStore:
    return MailRecordStore(stores.models(), keys.customer_pk)


@cache
def call_notices() -> CallNoticeCase:
    # Only a notice about a call to a customer pays for this import.
    from redress.mail.outgoing.cases.call_notices import CallNoticeCase

    return CallNoticeCase(
        stores.customers(),
        stores.staff(),
        stores.plans(),
        _posting(_notice_records()),
        _mail_settings(),
        clients.now,
    )


@cache
def _incident_records() -> MailRecordStore:
    return MailRecordStore(stores.models(), keys.incident_pk)


@cache
def incident_mails() -> IncidentMailCase:
    # Only a mail about an incident pays for these imports.
    from redress.incidents.store import IncidentStore
    from redress.mail.outgoing.cases.incidents import IncidentMailCase

    return IncidentMailCase(
        IncidentStore(stores.models()),
        stores.staff(),
        stores.plans(),
        _posting(_incident_records()),
        _mail_settings(),
        clients.now,
    )


@cache
def _link_records() -> MailRecordStore:
    return MailRecordStore(stores.models(), keys.contact_pk_of, AGAIN_AFTER)


@cache
def lost_links() -> LostLinksCase:
    return LostLinksCase(
        stores.customers(),
        stores.tickets(),
        stores.addresses(),
        stores.plans(),
        clients.links(settings().link_key_secret),
        _link_records(),
        _posting(_link_records()),
        _mail_settings(),
        clients.now,
    )


@cache
def answering() -> AnsweringCase:
    # Only a job of a connector pays for these imports.
    from redress.connectors.cases.keyring import KeyRing
    from redress.connectors.cases.reporting import ReportingCases
    from redress.connectors.https import Sender
    from redress.connectors.store.connectors import ConnectorStore
    from redress.mail.outgoing.cases.answering import AnsweringCase

    secret = settings().link_key_secret
    return AnsweringCase(
        stores.tickets(),
        ConnectorStore(stores.models()),
        stores.plans(),
        stores.mail_records(),
        ReportingCases(stores.tickets(), stores.changes()),
        KeyRing(clients.link_keys(secret), clients.now),
        clients.links(secret),
        Sender().post,
        settings().base_address,
        clients.now,
    )


def records_of(job: Job) -> MailRecordStore:
    """Return the store that has the record of the job's mail."""
    if isinstance(job, HeldDigest):
        return stores.digest_records()
    if isinstance(job, CallNotice):
        return _notice_records()
    if isinstance(job, IncidentMail):
        return _incident_records()
    return _link_records() if isinstance(job, LostLinks) else stores.mail_records()


@cache
def feedback() -> FeedbackCase:
    return FeedbackCase(stores.changes(), stores.tickets(), stores.addresses())
