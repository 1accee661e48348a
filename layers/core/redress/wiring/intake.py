"""The function `intake`: the JSON endpoint for submissions. The web form uses the same case."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.tickets.cases.intake import IntakeCase
from redress.wiring import clients


class IntakeSettings(Settings, frozen=True, kw_only=True):
    link_key_secret: str


@cache
def settings() -> IntakeSettings:
    return clients.read(IntakeSettings)


@cache
def intake() -> IntakeCase:
    """Intake without PynamoDB, because customers wait for this function's cold start."""
    from redress.plans.store.plans import Plans
    from redress.tickets.store.submission_store import SubmissionStore

    given = settings()
    store = SubmissionStore(clients.dynamodb(), given.table)
    links = clients.links(given.link_key_secret)
    return IntakeCase(store, Plans(store, clients.now), links, clients.now)
