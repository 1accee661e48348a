"""The function `mailer`: sends each mail of the mail queue, and records what SES reports."""

from __future__ import annotations

from functools import cache
from typing import Any

from redress.base.settings import Settings
from redress.mail.outgoing.cases.digest import DigestCase
from redress.mail.outgoing.cases.feedback import FeedbackCase
from redress.mail.outgoing.cases.posting import MailSettings, Posting
from redress.mail.outgoing.cases.sending import MailingCase
from redress.tickets.store.mail_records import MailRecordStore
from redress.wiring import clients, stores


class MailerSettings(Settings, frozen=True, kw_only=True):
    base_address: str
    link_key_secret: str
    sender_address: str
    mail_queue_url: str
    mail_dead_letter_queue_url: str
    operator_address: str = ""
    mail_domain: str = ""
    configuration_set: str = ""


@cache
def settings() -> MailerSettings:
    return clients.read(MailerSettings)


def sqs() -> Any:
    return clients.client("sqs")


@cache
def _mail_settings() -> MailSettings:
    given = settings()
    return MailSettings(
        given.base_address,
        given.sender_address,
        given.operator_address,
        given.mail_domain,
        given.configuration_set,
    )


def _posting(records: MailRecordStore) -> Posting:
    # The queue retries; a retry here could send twice.
    client = clients.client("sesv2", retries=0)
    return Posting(records, client, _mail_settings(), clients.now)


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
def feedback() -> FeedbackCase:
    return FeedbackCase(stores.changes())
