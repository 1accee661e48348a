"""The function `rehearsal`: the tasks of the rehearsal machine that do not write to tickets."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.rehearsals.cases import RehearsalJobs
from redress.wiring import clients, stores

RehearsalSettings = Settings


@cache
def rehearsal_jobs() -> RehearsalJobs:
    return RehearsalJobs(
        stores.rehearsals(),
        stores.tickets(),
        stores.lists(),
        stores.changes(),
        stores.staff(),
        stores.plans(),
        stores.reports(),
        clients.now,
    )
