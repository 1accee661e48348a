"""The function `console`: what the dashboard of operations shows beside AWS's own metrics."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.console.cases.costs import CostCase, Stack
from redress.console.cases.state import StateCase
from redress.console.cases.ticket import TicketCase
from redress.console.metrics import Metrics
from redress.wiring import clients, stores


class ConsoleSettings(Settings, frozen=True, kw_only=True):
    stack_name: str
    api_id: str
    ticket_machine_arn: str
    mail_bucket: str
    polled_queues: str
    """Names of the queues that functions poll, separated by commas."""
    mail_feedback_topic: str
    inbound_topic: str
    operations_topic: str
    """Names of topics."""
    architecture: str
    """The processor of the functions: `arm64` or `x86_64`."""
    alarms: int = 0
    """How many alarms the stack has."""


@cache
def settings() -> ConsoleSettings:
    return clients.read(ConsoleSettings)


@cache
def state() -> StateCase:
    return StateCase(stores.lists(), stores.timers(), stores.plans(), stores.reports(), clients.now)


@cache
def tickets() -> TicketCase:
    return TicketCase(stores.tickets(), stores.timers(), clients.now)


@cache
def costs() -> CostCase:
    given = settings()
    stack = Stack(
        name=given.stack_name,
        table=given.table,
        api=given.api_id,
        ticket_machine=given.ticket_machine_arn,
        bucket=given.mail_bucket,
        queues=tuple(given.polled_queues.split(",")),
        feedback_topic=given.mail_feedback_topic,
        inbound_topic=given.inbound_topic,
        operations_topic=given.operations_topic,
        alarms=given.alarms,
        architecture=given.architecture,
    )
    metrics = Metrics(clients.client("cloudwatch"))
    return CostCase(stack, metrics, clients.client("dynamodb"), clients.now)
