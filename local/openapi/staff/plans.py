"""Service plans and their versions."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from local.openapi.values import (
    Answer,
    Date,
    GivenMoment,
    Moment,
    NextCursor,
    OpenAnswer,
    Ordinal,
    VersionState,
)
from redress.plans.cases import PAGE_LIMIT
from redress.plans.rules.reader import TEXT_LIMIT


class Plan(OpenAnswer, kw_only=True):
    """A service plan. Its JSON Schema is at GET /staff/plan/schema. Publishing computes the `days`
    of a calendar. If `review_by` is absent, publishing sets it to 183 days after the day on which
    the plan takes effect."""

    version: Ordinal
    note: Annotated[str, Meta(min_length=1, max_length=TEXT_LIMIT)]
    effective_from: GivenMoment | UnsetType | None = UNSET
    review_by: Date | UnsetType | None = UNSET
    time_zone: str
    customer_types: Any
    priorities: Any
    levels: Any
    ladders: Any
    own_word: Any
    callback: Any
    survey: Any
    idempotency: Any
    reopened: Any
    score: Any
    calendars: Any | UnsetType = UNSET
    categories: Any | UnsetType = UNSET
    classification: Any | UnsetType = UNSET
    conflict: Any | UnsetType = UNSET
    customers: Any | UnsetType = UNSET
    files: Any | UnsetType = UNSET
    form: Any | UnsetType = UNSET
    home_region: str | UnsetType = UNSET
    hotline: Any | UnsetType = UNSET
    sms: Any | UnsetType = UNSET
    incidents: Any | UnsetType = UNSET
    duplicates: Any | UnsetType = UNSET
    inspection: Any | UnsetType = UNSET
    macros: Any | UnsetType = UNSET
    fields: Any | UnsetType = UNSET
    mail: Any | UnsetType = UNSET
    overrides: Any | UnsetType = UNSET
    presence: Any | UnsetType = UNSET
    questionnaire: Any | UnsetType = UNSET
    quiet_hours: Any | UnsetType = UNSET
    retention: Any | UnsetType = UNSET
    routing: Any | UnsetType = UNSET
    sampling: Any | UnsetType = UNSET
    scripts: Any | UnsetType = UNSET
    sources: Any | UnsetType = UNSET
    relationship_calls: Any | UnsetType = UNSET
    remedies: Any | UnsetType = UNSET
    causes: Any | UnsetType = UNSET
    tasks: Any | UnsetType = UNSET
    checklists: Any | UnsetType = UNSET
    team_names: Any | UnsetType = UNSET
    templates: Any | UnsetType = UNSET
    thanks: Any | UnsetType = UNSET
    urgent: Any | UnsetType = UNSET
    wording: Any | UnsetType = UNSET


class VersionFacts(Answer):
    version: Ordinal
    note: str
    effective_from: Moment | None
    review_by: Date | None
    published_at: Moment | None
    published_by: str | None


class PlanVersion(VersionFacts):
    state: VersionState


class PlanVersions(Answer):
    items: Annotated[list[PlanVersion], Meta(max_length=PAGE_LIMIT)]
    next: NextCursor


class PublishedPlan(VersionFacts):
    notes: list[str]
