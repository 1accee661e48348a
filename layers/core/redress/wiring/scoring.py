"""The function `scoring`: the tasks of the scores machine."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.scores.cases import ScoringCases
from redress.wiring import clients, stores

ScoringSettings = Settings


@cache
def scoring_cases() -> ScoringCases:
    """The tasks of the scores machine. They start no machine, so they need no ARN."""
    return ScoringCases(
        stores.scores(),
        stores.staff(),
        stores.plans(),
        lambda: clients.client("stepfunctions"),
        "",
        clients.now,
    )
