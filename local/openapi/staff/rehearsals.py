"""Rehearsals of plans and moves of open tickets, with their figures."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from local.openapi.schemas import any_of, named
from local.openapi.values import (
    Answer,
    ClockLabel,
    Count,
    JobLabel,
    JobStanding,
    Moment,
    Month,
    Ordinal,
    RungAction,
    TicketExamples,
)
from redress.rehearsals.rules.rehearsal import CLASSIFIED


class RehearsalBegun(Answer):
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    kind: JobLabel


class RealAndDraft(Answer):
    real: Count
    draft: Count


class DueMoves(Answer):
    """How far due times move. Median and 90th percentile are upper bounds of histogram steps."""

    promises: Count
    mean_s: int | None
    median_at_most_s: int | None
    p90_at_most_s: int | None


class TurnedPromises(Answer):
    real: str
    draft: str
    promises: Count
    examples: TicketExamples


class RehearsedPromise(Answer):
    """One promise. `void` counts promises that ended before they were due, or that waited for the
    customer."""

    clock: ClockLabel
    kept: RealAndDraft
    missed: RealAndDraft
    open: RealAndDraft
    void: RealAndDraft
    newly_promised: Count
    no_longer_promised: Count
    turned: list[TurnedPromises]
    due_earlier: DueMoves
    due_later: DueMoves


class RehearsedRung(Answer):
    """How often an action fired. If `told` is a role, how often the action notified that role."""

    clock: ClockLabel
    action: RungAction
    told: str | None
    real: Count
    draft: Count


class OtherTeam(Answer):
    real: str
    draft: str
    tickets: Count
    examples: TicketExamples


class ClassifiedOtherwise(Answer):
    value: Annotated[str, named("RehearsedValue", CLASSIFIED)]
    real: str | None
    draft: str | None
    tickets: Count
    examples: TicketExamples


class RehearsalFigures(Answer):
    """What really happened, and what would have happened under the draft."""

    tickets: Count
    changed: Count
    changed_examples: TicketExamples
    with_a_breach: RealAndDraft
    closed_unconfirmed: RealAndDraft
    taken_from_their_agent: RealAndDraft
    incidents_proposed: RealAndDraft
    other_team: list[OtherTeam]
    classified_otherwise: list[ClassifiedOtherwise]
    undecided: Count
    undecided_examples: TicketExamples
    skipped: dict[str, Count]
    promises: list[RehearsedPromise]
    rungs: list[RehearsedRung]


class RehearsalGroup(RehearsalFigures):
    """The figures of one kind and team, by the kind and team that the tickets really have."""

    kind: str
    team: str


class Unreadable(Answer):
    tickets: Count
    examples: TicketExamples


class RehearsalReport(Answer):
    unreadable: Unreadable
    together: RehearsalFigures
    groups: list[RehearsalGroup]


class MovedPromise(Answer):
    clock: ClockLabel
    newly_promised: Count
    no_longer_promised: Count
    due_earlier: DueMoves
    due_later: DueMoves
    overdue_at_once: Count
    overdue_examples: TicketExamples


class MoveFigures(Answer):
    """What a move did, or what it would do."""

    tickets: Count
    moved: Count
    deadlines_changed: Count
    overdue_at_once: Count
    closed_by_it: Count
    later_told_by_mail: Count
    later_told_by_connector: Count
    later_told_by_staff: Count
    later_told_by_staff_examples: TicketExamples
    already_there: Count
    closed_meanwhile: Count
    promises: list[MovedPromise]


class MoveGroup(MoveFigures):
    """The figures of one kind and team."""

    kind: str
    team: str


class MoveReport(Answer):
    unreadable: Unreadable
    together: MoveFigures
    groups: list[MoveGroup]


class Months(Answer):
    from_: Month = field(name="from")
    to: Month


class RehearsalProgress(Answer):
    """Numbers of tickets."""

    done: Count
    listed: Count


class Rehearsal(Answer):
    id: str
    kind: JobLabel
    state: JobStanding
    begun_at: Moment
    begun_by: str
    updated_at: Moment
    plan_version: Ordinal
    period: Months | None
    apply: bool
    dry_run: str | None
    reason: str | None
    progress: RehearsalProgress
    fault: str | None
    report: Annotated[Any, any_of("JobReport", RehearsalReport, MoveReport)]
