"""The function `relay`: sends what follows from a change, as the table's stream reports it."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.wiring import clients, stores
from redress.workflow.cases.relay import RelayCase, Targets


class RelaySettings(Settings, frozen=True, kw_only=True):
    ticket_machine_arn: str
    mail_queue_url: str
    assigner_function: str
    dead_letter_queue_url: str


def relay_case(given: RelaySettings) -> RelayCase:
    return RelayCase(
        stores.timers(),
        clients.client("stepfunctions"),
        clients.client("sqs"),
        clients.client("lambda"),
        Targets(
            given.ticket_machine_arn,
            given.mail_queue_url,
            given.assigner_function,
            given.dead_letter_queue_url,
        ),
        clients.now,
    )


@cache
def settings() -> RelaySettings:
    return clients.read(RelaySettings)


@cache
def relay() -> RelayCase:
    return relay_case(settings())
