"""The score facts that ticket changes produce, and the monthly scorecard computed from them.

`facts_of` returns the facts of a change; they are written in the transaction of that change. The
key of a fact is agent, period, ticket and name. Writing a fact again has no effect, so `score` can
compute a month at any time from its facts alone, in any order.

Each promise produces at most one fact that counts: kept, for the agent who acted, or missed, for
the agent who held the ticket at that time. A late answer, a transfer or a new classification never
moves a miss to another agent. Attainment (by due date), first-contact resolution, CSAT and reopen
rate are defined as is common in the field. Where definitions differ, the docstring of the function
says which one it uses.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from redress.clocks.rules.clocks import Clock, ClockName
from redress.plans.rules.plan import COMPONENTS, Grade, ScorePlan
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import apply
from redress.tickets.rules.steps.table import SURVEY_SCORES
from redress.tickets.rules.ticket import Event, EventType, Resolution, State, Ticket

METHOD = 1
"""The version of this arithmetic, part of every digest. Increase it when a score would change."""

PROMISES = (ClockName.REACTION, ClockName.FIRST_RESPONSE, ClockName.RESOLUTION)
"""The clocks that are scored. The acknowledgement is automatic, so no agent is scored for it."""

SAME_MATTER = timedelta(days=7)
"""A resolution is no first-contact resolution if the customer writes within this time after it."""

SATISFIED = 4
"""The lowest overall survey score of a satisfied customer."""
LOWEST, HIGHEST = 1, 5
"""The scale of surveys and ratings."""

TOO_FEW_SAMPLES = "too_few_samples"
NOT_RATED = "not_rated"
TOO_LITTLE_WEIGHT = "too_little_weight"
EXCLUSIONS = ("withdrawn_after_withdrawal",)
"""What scores leave out: everything after the customer has withdrawn the ticket. There are no other
exclusions."""

_PERIOD = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


# ------------------------------------------------------------------------------------- periods


def parse_period(text: str) -> tuple[int, int]:
    """Parse a month such as "2026-11" to year and month. Raises ValueError for anything else."""
    found = _PERIOD.fullmatch(text)
    if found is None or found[1] == "0000":
        raise ValueError(f"{text!r} is not a month such as 2026-11")
    return int(found[1]), int(found[2])


def period_of(at: datetime, zone: str) -> str:
    """The month of an aware instant in local time of `zone`, such as "2026-11".

    Raises ValueError for an instant without a time zone.
    """
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone belongs to no month")
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.year:04d}-{local.month:02d}"


def period_bounds(period: str, zone: str) -> tuple[datetime, datetime]:
    """The first instant of a month and the first after it, in UTC. Raises ValueError."""
    year, month = parse_period(period)
    following = (year + month // 12, month % 12 + 1)
    start, end = (
        datetime(y, m, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for y, m in ((year, month), following)
    )
    return start, end


def previous_period(now: datetime, zone: str) -> str:
    """The last month that is over at `now`, in local time of `zone`."""
    start, _ = period_bounds(period_of(now, zone), zone)
    return period_of(start - timedelta(seconds=1), zone)


# --------------------------------------------------------------------------------------- facts

Value = Mapping[str, int | bool | str]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact by which an agent's month is scored. `redress.scores.store.facts` stores it.

    `value` depends on the name. N is the round of the ticket: 1, plus one for each dispute. Seconds
    are whole numbers.

    - `reaction`, `first_response`, `resolution.N`: a promise that was due in the period, with
      `kept`. If it was kept, `seconds` is the time that its clock consumed.
    - `answered`: the `seconds` of a first response that was late. It is never scored. It exists so
      that figures of response times include late responses.
    - `resolved.N`: `kind`, `seconds` since the ticket was opened, `first_contact`, `reopened`.
    - `survey`: the scores that the customer gave, 1 to 5, by dimension.
    """

    agent: str
    period: str
    number: str
    name: str
    value: Value


def facts_of(change: Change) -> list[Fact]:
    """The facts that one change of a ticket produces, each key once.

    A promise counts in the month of its due date. A resolution counts in the month in which it was
    given; a later dispute overwrites the fact there. A survey counts in the month of the answer.
    """
    ticket = change.before
    if ticket is None:
        return []  # opening a ticket produces no fact
    facts: dict[tuple[str, str, str], Fact] = {}
    for event in change.events:
        after = apply(ticket, event, change.plan)
        for agent, at, name, value in _entries(ticket, event, after):
            period = period_of(at, change.plan.time_zone)
            facts[agent, period, name] = Fact(agent, period, ticket.number, name, value)
        ticket = after
    return list(facts.values())


_Entry = tuple[str, datetime, str, Value]
"""Agent, instant (which decides the period), name, value."""


def _entries(before: Ticket, event: Event, after: Ticket) -> Iterator[_Entry]:
    """The entries that one event produces."""
    for name in PROMISES:
        old, new = before.clocks.get(name), after.clocks.get(name)
        if old is not None and new is not None:
            yield from _promise(name, before, old, event, new)
    match event.type:
        case EventType.RESOLVED if after.resolution is not None:
            # A dispute does not reset the count of replies. So a second resolution, which has at
            # least two, is never a first-contact resolution.
            yield _resolved(after, after.resolution, first_contact=after.resolution.replies == 1)
        case EventType.CUSTOMER_WROTE if (
            before.state in (State.RESOLVED, State.CONFIRMED)
            and before.resolution is not None
            and event.at - before.resolution.at <= SAME_MATTER
        ):
            yield _resolved(before, before.resolution)
        case EventType.DISPUTED if before.resolution is not None:
            yield _resolved(before, before.resolution, reopened=True)
        case EventType.SURVEYED if before.resolution is not None:
            answers = event.data["answers"]
            scores = {name: answers[name] for name in SURVEY_SCORES if name in answers}
            yield before.resolution.by, event.at, "survey", scores


def _promise(
    name: ClockName, before: Ticket, old: Clock, event: Event, new: Clock
) -> Iterator[_Entry]:
    """The entries for one promise: none, a miss at its due time, or the way it ended."""
    label = f"{name}.{before.round}" if name is ClockName.RESOLUTION else name.value
    held_by = before.assignee
    if event.type is EventType.CORRECTED:
        yield from _corrected(label, old, new)
        return
    if new.breached and not old.breached:
        if new.held_by:
            yield new.held_by, old.due_at, label, {"kept": False}
        return
    if new.stopped_at is None or old.stopped_at is not None:
        return
    seconds = math.floor(new.consumed_s)
    if not new.breached and not new.missed:
        yield event.by.id, new.due_at, label, {"kept": True, "seconds": seconds}
        return
    if not new.breached and held_by:  # late, but its timer has not recorded the breach yet
        yield held_by, new.due_at, label, {"kept": False}
    if name is ClockName.FIRST_RESPONSE:
        yield event.by.id, event.at, "answered", {"seconds": seconds}


def _corrected(label: str, old: Clock, new: Clock) -> Iterator[_Entry]:
    """The entry that a correction of a promise produces.

    It belongs to the agent of the earlier fact, and to the month of the due time under which that
    fact was recorded, so that it overwrites the earlier fact.
    """
    if new.stopped_at == old.stopped_at or new.held_by is None:
        return
    if not new.missed:
        seconds = math.floor(new.consumed_s)
        yield new.held_by, old.breached_at or old.due_at, label, {"kept": True, "seconds": seconds}
    elif not old.breached and old.stopped_at is None:
        yield new.held_by, new.due_at, label, {"kept": False}


def _resolved(
    ticket: Ticket, resolution: Resolution, *, first_contact: bool = False, reopened: bool = False
) -> _Entry:
    """The complete `resolved` entry, computed from the ticket alone: it overwrites earlier ones."""
    value: Value = {
        "kind": ticket.kind,
        "seconds": math.floor((resolution.at - ticket.created_at).total_seconds()),
        "first_contact": first_contact,
        "reopened": reopened,
    }
    return resolution.by, resolution.at, f"resolved.{resolution.round}", value


# ---------------------------------------------------------------------------------- scorecards


@dataclass(frozen=True, slots=True)
class Rating:
    """A supervisor's rating of an agent's month, in whole numbers 1 to 5. `at` is aware UTC."""

    agent: str
    period: str
    attitude: int
    knowledge: int
    comment: str
    by: str
    at: datetime
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact behind a component. `counted` is `for`, `against`, or `rated` for a rating."""

    number: str
    fact: str
    value: Value
    counted: str


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the score.

    `score` is 0 to 100 with two decimals, or None without samples. `weight` is the plan's weight in
    per cent. `scaled_weight` is its share of the weights that count, in per cent. It is None if
    this component does not count; then `reason` is `too_few_samples` or `not_rated`.
    """

    name: str
    weight: int
    counted: bool
    score: str | None
    scaled_weight: str | None
    samples: int
    reason: str | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Statistics of durations in seconds. Nine in ten durations do not exceed `p90`."""

    count: int
    mean: str
    median: str
    p90: str


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of survey scores, with two decimals, and the number of answers."""

    answers: int
    mean: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures that a scorecard shows in addition to the score.

    `by_kind` counts resolutions. `first_resolution` measures from opening to the first resolution,
    `full_resolution` to a resolution that has not been disputed so far.
    """

    resolved: int
    reopened: int
    by_kind: Mapping[str, int]
    first_contact_rate: str | None
    first_response: Spread | None
    first_resolution: Spread | None
    full_resolution: Spread | None
    survey: Mapping[str, Mean]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One agent's month. The same inputs always give the same card; `digest` identifies them.

    `preview` means that the month was not over. `total`, `grade` and `bonus_tier` are None if the
    components that count have too little weight; `reason` says so. The grade follows from the
    rounded total, so that no card shows 90.00 with the grade for less than 90.
    """

    agent: str
    period: str
    preview: bool
    digest: str
    total: str | None
    grade: str | None
    bonus_tier: int | None
    reason: str | None
    counted_weight: int
    components: tuple[Component, ...]
    figures: Figures
    exclusions: tuple[str, ...] = EXCLUSIONS


_COUNTS_IN: Mapping[str, str | None] = {
    "survey": "satisfaction",
    "reaction": "response_promises",
    "first_response": "response_promises",
    "resolution": "resolution_promises",
    "resolved": "lasting_resolution",
    "answered": None,
}
"""The component in which a fact counts, by the part of its name before the dot. No fact counts in
two components."""


def score(
    agent: str,
    facts: Iterable[Fact],
    rating: Rating | None,
    plan: ScorePlan,
    period: str,
    preview: bool,
) -> Scorecard:
    """Compute the scorecard of one agent's month.

    Arithmetic is exact. Numbers are rounded once, half to even, to two decimals. Raises ValueError
    for a fact of another month or agent, for an unknown fact, and for facts that contradict each
    other.
    """
    known = _checked_facts(agent, period, facts)
    lines: dict[str, list[Evidence]] = {name: [] for name in COMPONENTS}
    for fact in known:
        component = _COUNTS_IN[_base_name(fact)]
        if component is not None:
            counted = "for" if _counts_for(component, fact.value) else "against"
            lines[component].append(Evidence(fact.number, fact.name, fact.value, counted))
    measured = [_measure(name, lines[name], rating, plan) for name in COMPONENTS]
    weight = sum(plan.weights[m.name] for m in measured if m.reason is None)
    total, grade = _graded(measured, weight, plan)
    return Scorecard(
        agent=agent,
        period=period,
        preview=preview,
        digest=_digest(agent, known, rating, plan, period, preview),
        total=None if total is None else _two_decimals(total),
        grade=None if grade is None else grade.name,
        bonus_tier=None if grade is None else grade.bonus_tier,
        reason=TOO_LITTLE_WEIGHT if grade is None else None,
        counted_weight=weight,
        components=tuple(_component(m, weight, plan) for m in measured),
        figures=_figures(known),
    )


def _base_name(fact: Fact) -> str:
    return fact.name.partition(".")[0]


def _checked_facts(agent: str, period: str, facts: Iterable[Fact]) -> list[Fact]:
    """Validated facts without repetition, in a fixed order, so that a card has one digest."""
    found: dict[tuple[str, str], Fact] = {}
    for given in facts:
        fact = replace(given, value=dict(sorted(given.value.items())))
        if (fact.agent, fact.period) != (agent, period):
            raise ValueError(f"{fact.number} {fact.name} is of {fact.agent} in {fact.period}")
        if _base_name(fact) not in _COUNTS_IN:
            raise ValueError(f"{fact.number}: there is no fact {fact.name!r}")
        if found.setdefault((fact.number, fact.name), fact).value != fact.value:
            raise ValueError(f"{fact.number} {fact.name} is there twice and differs")
    return [found[key] for key in sorted(found)]


def _counts_for(component: str, value: Value) -> bool:
    match component:
        case "satisfaction":
            return int(value["overall"]) >= SATISFIED
        case "lasting_resolution":
            return not value["reopened"]
        case _:
            return bool(value["kept"])


@dataclass(frozen=True, slots=True)
class _Measured:
    name: str
    score: Fraction | None
    samples: int
    reason: str | None
    evidence: tuple[Evidence, ...]


def _measure(
    name: str, lines: Sequence[Evidence], rating: Rating | None, plan: ScorePlan
) -> _Measured:
    if name == "supervisor_rating":
        return _rated(name, rating)
    samples = len(lines)
    good = sum(line.counted == "for" for line in lines)
    return _Measured(
        name=name,
        score=Fraction(100 * good, samples) if samples else None,
        samples=samples,
        reason=TOO_FEW_SAMPLES if samples < plan.minimum_samples else None,
        evidence=tuple(lines),
    )


def _rated(name: str, rating: Rating | None) -> _Measured:
    """The component of the supervisor's rating. The minimum of samples does not apply to it."""
    if rating is None:
        return _Measured(name, None, 0, NOT_RATED, ())
    mean = Fraction(rating.attitude + rating.knowledge, 2)
    value = {"attitude": rating.attitude, "knowledge": rating.knowledge}
    return _Measured(
        name=name,
        score=100 * (mean - LOWEST) / (HIGHEST - LOWEST),
        samples=1,
        reason=None,
        evidence=(Evidence("", "rating", value, "rated"),),
    )


def _graded(
    measured: Sequence[_Measured], weight: int, plan: ScorePlan
) -> tuple[Fraction | None, Grade | None]:
    """The rounded total and its grade; None for both if the weight that counts is too small."""
    if weight == 0 or weight < plan.minimum_weight:
        return None, None
    points = sum(
        (
            plan.weights[m.name] * m.score
            for m in measured
            if m.reason is None and m.score is not None
        ),
        start=Fraction(0),
    )
    total = round(points / weight, 2)
    return total, next(grade for grade in plan.grades if total >= grade.minimum)


def _component(measured: _Measured, weight: int, plan: ScorePlan) -> Component:
    counted = measured.reason is None
    own = plan.weights[measured.name]
    return Component(
        name=measured.name,
        weight=own,
        counted=counted,
        score=None if measured.score is None else _two_decimals(measured.score),
        scaled_weight=_two_decimals(Fraction(100 * own, weight)) if counted and weight else None,
        samples=measured.samples,
        reason=measured.reason,
        evidence=measured.evidence,
    )


def _figures(facts: Sequence[Fact]) -> Figures:
    resolved = [fact for fact in facts if _base_name(fact) == "resolved"]
    kinds = Counter(str(fact.value["kind"]) for fact in resolved)
    at_once = sum(bool(fact.value["first_contact"]) for fact in resolved)
    answered = [f for f in facts if f.name in ("first_response", "answered")]
    surveys = [fact.value for fact in facts if fact.name == "survey"]
    return Figures(
        resolved=len(resolved),
        reopened=sum(bool(fact.value["reopened"]) for fact in resolved),
        by_kind={kind: kinds[kind] for kind in sorted(kinds)},
        first_contact_rate=_two_decimals(Fraction(100 * at_once, len(resolved)))
        if resolved
        else None,
        first_response=_spread(answered),
        first_resolution=_spread([f for f in resolved if f.name == "resolved.1"]),
        full_resolution=_spread([f for f in resolved if not f.value["reopened"]]),
        survey={
            name: _mean([int(given[name]) for given in surveys if name in given])
            for name in SURVEY_SCORES
            if any(name in given for given in surveys)
        },
    )


def _mean(values: Sequence[int]) -> Mean:
    return Mean(len(values), _two_decimals(Fraction(sum(values), len(values))))


def _spread(facts: Sequence[Fact]) -> Spread | None:
    """Statistics of the facts that have `seconds`. A missed promise has none."""
    times = sorted(int(fact.value["seconds"]) for fact in facts if "seconds" in fact.value)
    if not times:
        return None
    count = len(times)
    middle = Fraction(times[(count - 1) // 2] + times[count // 2], 2)
    return Spread(
        count=count,
        mean=_two_decimals(Fraction(sum(times), count)),
        median=_two_decimals(middle),
        p90=_two_decimals(Fraction(times[math.ceil(Fraction(9 * count, 10)) - 1])),
    )


def _two_decimals(value: Fraction) -> str:
    """Format a number that is not negative with two decimals, rounded half to even."""
    hundredths = round(value * 100)
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _digest(
    agent: str,
    facts: Sequence[Fact],
    rating: Rating | None,
    plan: ScorePlan,
    period: str,
    preview: bool,
) -> str:
    """SHA-256 of everything on which the card depends. A rating's comment is not part of it."""
    inputs = {
        "method": METHOD,
        "agent": agent,
        "period": period,
        "preview": preview,
        "weights": {name: plan.weights[name] for name in COMPONENTS},
        "minimum_samples": plan.minimum_samples,
        "minimum_weight": plan.minimum_weight,
        "grades": [[grade.name, grade.minimum, grade.bonus_tier] for grade in plan.grades],
        "rating": None if rating is None else [rating.attitude, rating.knowledge],
        "facts": [[fact.number, fact.name, dict(fact.value)] for fact in facts],
    }
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
