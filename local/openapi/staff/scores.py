"""Ratings and scorecards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from local.openapi.values import (
    Agent,
    Answer,
    ClockLabel,
    ClockStanding,
    Closure,
    ComponentName,
    Count,
    Date,
    Instant,
    Kind,
    Month,
    Ordinal,
    Outcome,
    Percent,
    Score,
    Weighing,
    WhyNotCounted,
    WhyNoTotal,
    text,
)
from redress.scores.cases.cards import COMMENT_LIMIT

Stars = Annotated[int, Meta(ge=1, le=5)]


class RatingBody(Answer):
    attitude: Stars
    knowledge: Stars
    comment: Annotated[str, text(COMMENT_LIMIT)] | UnsetType | None = UNSET


class Rating(Answer):
    agent: Agent
    period: Month
    attitude: Stars
    knowledge: Stars
    comment: Annotated[str, Meta(max_length=COMMENT_LIMIT)]
    by: Agent
    at: Instant
    revision: Ordinal


class Run(Answer):
    period: Month
    execution: str


class Spread(Answer):
    """Durations in whole seconds. `p90` is the smallest value that at least 90 % do not exceed."""

    count: Ordinal
    mean: str
    median: str
    p90: str


class SurveyAnswers(Answer):
    answers: Ordinal
    mean: str


class Figures(Answer):
    """Figures that are shown with the score but do not count for it."""

    resolved: Count
    reopened: Count
    by_kind: dict[str, Count]
    first_contact_rate: str | None
    first_response: Spread | None
    first_resolution: Spread | None
    full_resolution: Spread | None
    survey: dict[str, SurveyAnswers]


class Evidence(Answer):
    number: str
    fact: str
    value: dict[str, Any]
    counted: Weighing


class EarlierCard(Answer):
    revision: Ordinal
    digest: str
    preview: bool
    total: str | None
    grade: str | None
    scored_at: Instant


class ComponentLine(Answer):
    name: ComponentName
    weight: Percent
    counted: bool
    score: Score | None
    scaled_weight: str | None
    samples: Count
    reason: WhyNotCounted | None


class Component(ComponentLine):
    evidence: list[Evidence]


class LateFacts(Answer):
    """Facts and ratings that came after the last run. They change the card with the next run.

    Both fields are null if the count cannot be read.
    """

    since: Instant | None
    facts: Ordinal | None


class ScorecardLine(Answer):
    agent: Agent
    period: Month
    preview: bool
    digest: str
    total: Score | None
    grade: str | None
    bonus_tier: Count | None
    reason: WhyNoTotal | None
    counted_weight: Percent
    components: Sequence[ComponentLine]
    figures: Figures
    exclusions: list[str]
    revision: Ordinal
    plan_version: Ordinal
    scored_at: Instant
    stale: LateFacts | None
    earlier: list[EarlierCard]


class MaskedPromise(Answer):
    clock: ClockLabel
    state: ClockStanding


class MaskedFact(Answer):
    component: ComponentName
    fact: str
    value: dict[str, Any]
    counted: Weighing


class MaskedTicket(Answer):
    """A closed complaint about you behind your score, without number, customer and words."""

    kind: Kind
    category: Annotated[str, Meta(examples=["service/attitude"])] | None
    opened_on: Date
    closed_on: Date
    outcome: Outcome | None
    closure: Closure | None
    promises: list[MaskedPromise]
    facts: list[MaskedFact]


class Scorecard(ScorecardLine):
    components: Sequence[Component]
    masked: list[MaskedTicket]


class FailedCard(Answer):
    agent: Agent
    error: str


class RunSummary(Answer):
    """The result of the last run for the month."""

    period: Month
    preview: bool
    plan_version: Ordinal
    agents: Count
    stored: Count
    unchanged: Count
    failed: list[FailedCard]
    finished_at: Instant


class Scorecards(Answer):
    period: Month
    last_run: RunSummary | None
    cards: list[ScorecardLine]
