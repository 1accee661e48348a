"""The function `hotline`: it takes the contact records and contact events of Amazon Connect."""

from __future__ import annotations

from functools import cache
from typing import Any

from redress.base.settings import Settings
from redress.connectors.cases.amazon_connect import AmazonConnectCases
from redress.connectors.cases.calls import CallCases
from redress.connectors.rules.connector import AMAZON_CONNECT
from redress.connectors.store.calls import CallStore
from redress.connectors.store.parts import PartStore
from redress.wiring import clients, stores


class HotlineSettings(Settings, frozen=True, kw_only=True):
    connect_instance_arn: str = ""
    """The instance whose calls are recorded. If it is empty, no event reaches this function."""
    dead_letter_queue_url: str


@cache
def settings() -> HotlineSettings:
    return clients.read(HotlineSettings)


@cache
def amazon_connect() -> AmazonConnectCases:
    calls = CallCases(
        CallStore(stores.models()),
        stores.tickets(),
        stores.changes(),
        stores.plans(),
        stores.customers(),
        stores.staff().known_as,
        clients.now,
    )
    return AmazonConnectCases(PartStore(stores.models(), AMAZON_CONNECT), calls, clients.now)


def letters() -> tuple[Any, str]:
    """The client and the URL of the queue for records that no retry can take.

    The client is without retries, because the stream repeats the record, and the function has
    little time.
    """
    return clients.client("sqs", retries=0), settings().dead_letter_queue_url
