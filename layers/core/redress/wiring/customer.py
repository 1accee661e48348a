"""The function `customer`: the pages of customers, and their side of the JSON API."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from redress.base.errors import NotFound
from redress.tickets.links import Links
from redress.wiring import clients
from redress.wiring.intake import IntakeSettings, intake

if TYPE_CHECKING:
    from redress.base.house import House
    from redress.files.cases.reading import CustomerFiles
    from redress.files.cases.uploading import ReturningCase
    from redress.incidents.notices import FormNotices
    from redress.mail.outgoing.cases.asking import AskingCase
    from redress.mail.outgoing.cases.unsubscribing import UnsubscribingCase
    from redress.tickets.cases.customer import CustomerCases
    from redress.tickets.cases.following import FollowingCase

__all__ = [
    "CustomerSettings",
    "asking",
    "customer_cases",
    "files",
    "files_are_on",
    "following",
    "house",
    "intake",
    "links",
    "notices",
    "returning",
    "settings",
    "unsubscribing",
]


class CustomerSettings(IntakeSettings, frozen=True, kw_only=True):
    mail_queue_url: str
    files_bucket: str = ""
    """Empty if files are switched off."""
    house_name: str = ""
    house_logo: str = "off"
    house_colour: str = ""
    house_colour_dark: str = ""


@cache
def settings() -> CustomerSettings:
    return clients.read(CustomerSettings)


@cache
def house() -> House | None:
    """The operator's house, or None if no setting describes it. Then nothing is imported."""
    given = settings()
    has_logo = given.house_logo == "on"
    if not (given.house_name or given.house_colour or has_logo):
        return None
    from redress.base.house import house_of

    return house_of(
        given.house_name, given.house_colour, given.house_colour_dark, has_logo=has_logo
    )


@cache
def notices() -> FormNotices:
    """What the form says about open incidents, read without PynamoDB."""
    from redress.incidents.notices import FormNotices
    from redress.tickets.store.submission_store import SubmissionStore

    store = SubmissionStore(clients.dynamodb(), settings().table)
    return FormNotices(store.notices_document, clients.now)


def links() -> Links:
    return clients.links(settings().link_key_secret)


@cache
def customer_cases() -> CustomerCases:
    """The use cases of a customer's link.

    The imports are local, because the web form needs neither these use cases nor PynamoDB.
    """
    from redress.tickets.cases.customer import CustomerCases
    from redress.wiring import stores

    return CustomerCases(stores.tickets(), stores.changes(), stores.plans(), links(), clients.now)


@cache
def following() -> FollowingCase:
    from redress.tickets.cases.following import FollowingCase
    from redress.wiring import stores

    return FollowingCase(
        stores.tickets(),
        stores.changes(),
        stores.opening_keys(),
        stores.plans(),
        links(),
        clients.now,
        stores.customers().type_of,
    )


def files_are_on() -> bool:
    """Whether the stack takes files."""
    return bool(settings().files_bucket)


@cache
def files() -> CustomerFiles:
    """What a customer does with files. Raises NotFound if files are switched off."""
    from redress.files.cases.reading import CustomerFiles
    from redress.wiring import stores

    if not files_are_on():
        raise NotFound("files are switched off")
    return CustomerFiles(
        stores.tickets(),
        stores.attached(),
        stores.plans(),
        stores.files_bucket(settings().files_bucket),
        stores.changes(),
        clients.now,
    )


@cache
def returning() -> ReturningCase:
    from redress.files.cases.uploading import ReturningCase
    from redress.wiring import stores

    return ReturningCase(stores.attached(), links(), clients.now)


@cache
def unsubscribing() -> UnsubscribingCase:
    from redress.mail.outgoing.cases.unsubscribing import UnsubscribingCase
    from redress.wiring import stores

    return UnsubscribingCase(stores.tickets(), links(), stores.addresses(), clients.now)


@cache
def asking() -> AskingCase:
    from redress.mail.outgoing import messages
    from redress.mail.outgoing.cases.asking import AskingCase

    def ask(job: messages.Job) -> None:
        clients.client("sqs").send_message(
            QueueUrl=settings().mail_queue_url, MessageBody=messages.encode(job)
        )

    return AskingCase(ask)
