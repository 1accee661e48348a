"""The function `planreview`: reminds operations of a service plan that is due for review."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.plans.cases import PlanCases
from redress.wiring import clients, stores


class PlanReviewSettings(Settings, frozen=True, kw_only=True):
    operations_topic_arn: str


@cache
def settings() -> PlanReviewSettings:
    return clients.read(PlanReviewSettings)


@cache
def plan_cases() -> PlanCases:
    return PlanCases(stores.plan_store(), stores.plans(), clients.now)


def tell_operations(subject: str, text: str) -> None:
    """Send a message to the people who get the alarms."""
    clients.publish(settings().operations_topic_arn, subject, text)
