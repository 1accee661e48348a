"""The monthly scorecard of an agent, computed from the facts of the month and the rating.

`score` can compute a month at any time, and the order of the facts does not matter. Attainment (by
due date), first-contact resolution, CSAT and reopen rate have the definitions that are common in
the field. If more than one definition is common, a docstring here or in
`redress.scores.rules.facts` says which one is used.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from redress.plans.rules.plan import COMPONENTS, Grade, ScorePlan
from redress.scores.rules.facts import Fact, Value
from redress.tickets.rules.steps.table import SURVEY_SCORES

METHOD = 1
"""The version of the rules for scores. It is part of every digest. Increase it in each change of
the code that gives another score for the same facts."""


SATISFIED = 4
"""The lowest overall survey score of a satisfied customer."""


LOWEST, HIGHEST = 1, 5
"""The scale of surveys and ratings."""


TOO_FEW_SAMPLES = "too_few_samples"


NOT_RATED = "not_rated"


TOO_LITTLE_WEIGHT = "too_little_weight"


EXCLUSIONS = ("withdrawn_after_withdrawal",)
"""What scores leave out: everything that happens after the customer has withdrawn the ticket.
Scores leave out nothing else."""


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
    """One fact behind a component.

    `counted` is `for` if the fact counts as a success, and `against` if it counts as a failure. It
    is `rated` for a rating.
    """

    number: str
    fact: str
    value: Value
    counted: str


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the score.

    `score` is 0 to 100 with two decimals. It is None if there are no samples. `weight` is the
    plan's weight in per cent. `scaled_weight` is that weight as a share of the sum of the weights
    of the components that count, in per cent. If this component does not count, `scaled_weight` is
    None and `reason` is `too_few_samples` or `not_rated`.
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
    """Statistics of durations in seconds.

    `p90` is the shortest of the durations that at least 90 % of them do not exceed.
    """

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

    `by_kind` counts the resolutions of each kind of ticket. `first_contact_rate` is in per cent.
    Both resolution times begin when the ticket was opened. `first_resolution` ends at the first
    resolution of a ticket. `full_resolution` ends at a resolution that has not been disputed yet.
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
    """One agent's month. The same inputs always give the same card. `digest` identifies the inputs.

    `preview` means that the month was not over when the card was computed. If the components that
    count have too little weight, `total`, `grade` and `bonus_tier` are None and `reason` is
    TOO_LITTLE_WEIGHT. The grade follows from the rounded total. So no card shows 90.00 together
    with the grade for less than 90.
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
"""The part of a fact's name before the dot -> the component in which the fact counts. None: it
counts in no component. No fact counts in two components."""


def score(
    agent: str,
    facts: Iterable[Fact],
    rating: Rating | None,
    plan: ScorePlan,
    period: str,
    preview: bool,
) -> Scorecard:
    """Compute the scorecard of one agent's month.

    The calculation uses exact fractions. Each result is rounded once: to two decimals, half to
    even. Raises ValueError for a fact of another month or agent, for an unknown fact, and for two
    facts of the same ticket and name with different values.
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
    """The validated facts, each once and sorted, so that the same facts always give one digest."""
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
    """The component of the supervisor's rating. One rating is enough: `minimum_samples` does not
    apply."""
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
    """The rounded total and its grade. Both are None if `weight` is 0 or below the plan's minimum.

    `weight` is the sum of the weights of the components that count.
    """
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
    """Statistics of the facts that have `seconds`. The fact of a missed promise does not."""
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
