"""The function `scoring`: the tasks of the scores machine."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.scores.cases.runs import ScoringJobs
from redress.wiring import clients, stores

ScoringSettings = Settings


@cache
def scoring_jobs() -> ScoringJobs:
    return ScoringJobs(stores.scores(), stores.staff(), stores.plans(), clients.now)
