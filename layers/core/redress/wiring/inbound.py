"""The function `inbound`: receives each incoming mail."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.mail.incoming.bucket import MailBucket
from redress.mail.incoming.cases.receiving import ReceivingCase
from redress.mail.incoming.rules import decision
from redress.mail.incoming.store import IncomingMailStore
from redress.wiring import clients, stores


class InboundSettings(Settings, frozen=True, kw_only=True):
    link_key_secret: str
    sender_address: str
    mail_bucket: str
    mail_domain: str = ""


@cache
def settings() -> InboundSettings:
    return clients.read(InboundSettings)


def own_addresses() -> tuple[str, ...]:
    given = settings()
    return decision.own_addresses(given.sender_address, given.mail_domain)


def own_domains() -> tuple[str, ...]:
    given = settings()
    return decision.own_domains(given.sender_address, given.mail_domain)


def house_domains() -> tuple[str, ...]:
    """Return the domains of the house that the deployment or the current plan names."""
    return (*own_domains(), *stores.plans().current().mail.domains)


def groups() -> tuple[str, ...]:
    """Return the groups and forwarders that the current plan names."""
    return stores.plans().current().mail.groups


def languages() -> tuple[str, ...]:
    """Return the languages that customers write in, by the current plan."""
    return stores.plans().current().mail.languages


def doors() -> frozenset[str]:
    """Return the addresses that receive mail for Redress, by the current plan."""
    return decision.doors(stores.plans().current().mail, own_domains())


def incoming_mails() -> IncomingMailStore:
    return stores.incoming_mails()


def mail_bucket() -> MailBucket:
    return stores.mail_bucket(settings().mail_bucket)


@cache
def receiving() -> ReceivingCase:
    return ReceivingCase(
        stores.tickets(),
        stores.incoming_mails(),
        stores.addresses(),
        stores.staff(),
        stores.plans(),
        clients.links(settings().link_key_secret),
        mail_bucket(),
        stores.changes(),
        stores.mail_records(),
        clients.now,
        own_domains(),
    )
