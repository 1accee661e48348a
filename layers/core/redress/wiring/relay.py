"""The function `relay`: sends signals to workflows, as the table's stream reports changes."""

from __future__ import annotations

from functools import cache
from typing import Any

from redress.base.settings import Settings
from redress.wiring import clients, stores
from redress.workflow.cases.relay import RelayCase


class RelaySettings(Settings, frozen=True, kw_only=True):
    ticket_machine_arn: str
    dead_letter_queue_url: str


def relay_case(ticket_machine_arn: str) -> RelayCase:
    return RelayCase(
        stores.timers(), clients.client("stepfunctions"), ticket_machine_arn, clients.now
    )


@cache
def settings() -> RelaySettings:
    return clients.read(RelaySettings)


@cache
def relay() -> RelayCase:
    return relay_case(settings().ticket_machine_arn)


def letters() -> tuple[Any, str]:
    """The client and the URL of the queue for records that no retry can process."""
    return clients.client("sqs"), settings().dead_letter_queue_url
