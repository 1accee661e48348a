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


def relay_case(ticket_machine_arn: str, step_functions: Any) -> RelayCase:
    return RelayCase(stores.timers(), step_functions, ticket_machine_arn, clients.now)


# Both clients are without retries, because the stream repeats the record, and the function has
# little time.
def step_functions() -> Any:
    return clients.client("stepfunctions", retries=0)


def sqs() -> Any:
    return clients.client("sqs", retries=0)


@cache
def settings() -> RelaySettings:
    return clients.read(RelaySettings)


@cache
def relay() -> RelayCase:
    return relay_case(settings().ticket_machine_arn, step_functions())


def letters() -> tuple[Any, str]:
    """The client and the URL of the queue for records that no retry can process."""
    return sqs(), settings().dead_letter_queue_url
