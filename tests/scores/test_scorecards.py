"""Tests of score facts and scorecards: each promise counts once, for the right agent and month."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import replace
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base.errors import NotAllowedNow
from redress.base.people import Actor, Role
from redress.clocks.rules.clocks import ClockName
from redress.clocks.rules.periods import parse_period, period_bounds, period_of, previous_period
from redress.plans.rules.plan import COMPONENTS, ScorePlan
from redress.scores.rules.facts import PROMISES, Fact, Value, facts_of
from redress.scores.rules.scorecard import Component, Rating, Scorecard, score
from redress.scores.store.facts import pack, unpack
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer, table
from tests.builders import JUN, LIN, MEI, NUMBER, Clock, Life, corrected, plan_1
from tests.examples import examples

PLAN = plan_1().score
START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
SHANGHAI = "Asia/Shanghai"


@dataclass
class LedgerLife(Life):
    """The life of one ticket, with a ledger of its facts as the table would hold them."""

    clock: Clock = field(default_factory=lambda: Clock(START))
    ledger: dict[tuple[str, str, str], Value] = field(default_factory=dict)
    overwritten: list[tuple[str, Value, Value]] = field(default_factory=list)

    def take(self, change: Change | None) -> LedgerLife:
        super().take(change)
        written = facts_of(change) if change else []
        assert len({(f.agent, f.period, f.name) for f in written}) == len(written)
        for fact in written:
            key = (fact.agent, fact.period, fact.name)
            if key in self.ledger:
                self.overwritten.append((fact.name, self.ledger[key], fact.value))
            self.ledger[key] = fact.value
        return self

    def facts(self, agent: Actor = MEI, period: str = "2026-11") -> dict[str, Value]:
        return {n: v for (a, p, n), v in self.ledger.items() if (a, p) == (agent.id, period)}

    def by_agent_and_month(self, name: str) -> dict[tuple[str, str], Value]:
        """The values of a fact by agent and month."""
        return {(a, p): v for (a, p, n), v in self.ledger.items() if n == name}


def life_of(
    kind: str = "complaint", *, at: datetime = START, held_by: Actor | None = MEI
) -> LedgerLife:
    """The life of a ticket that was opened at `at` and assigned to `held_by`."""
    begun = LedgerLife(Clock(at))
    begun.open(kind)
    if held_by is not None:
        begun.assign(held_by.id)
    return begun


# ------------------------------------------------------------------------------------- periods


def test_a_month_begins_at_midnight_in_the_zone_of_the_plan() -> None:
    last = datetime(2026, 11, 30, 15, 59, 59, 999999, tzinfo=UTC)
    assert period_of(last, SHANGHAI) == "2026-11"
    assert period_of(last + timedelta(microseconds=1), SHANGHAI) == "2026-12"
    assert period_of(last, "UTC") == "2026-11"


def test_the_bounds_of_a_month_depend_on_its_zone() -> None:
    start, end = period_bounds("2026-03", "Europe/Berlin")
    assert start == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert end == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert period_bounds("2026-12", SHANGHAI)[1] == period_bounds("2027-01", SHANGHAI)[0]


@given(at=st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
@pytest.mark.parametrize("zone", [SHANGHAI, "America/New_York", "UTC"])
def test_every_instant_lies_within_its_month(zone: str, at: datetime) -> None:
    start, end = period_bounds(period_of(at, zone), zone)
    assert start <= at < end
    assert period_bounds(previous_period(at, zone), zone)[1] == start


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "2026-1", "0000-01", "0999-12", "２０２６-01"]
)
def test_an_invalid_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a month"):
        parse_period(text)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        period_of(datetime(2026, 11, 1), SHANGHAI)


# ------------------------------------------------------------------------- promises as facts


def test_a_reply_in_time_keeps_reaction_and_first_response_for_the_agent_who_replied() -> None:
    life = life_of()
    life.wait(minutes=20).reply(by=LIN)
    assert life.facts(LIN) == {
        "reaction": {"kept": True, "seconds": 1200},
        "first_response": {"kept": True, "seconds": 1200},
    }
    assert life.facts(MEI) == {}


def test_a_progress_message_keeps_the_reaction_but_not_the_first_response() -> None:
    life = life_of()
    life.wait(minutes=5).tell_progress()
    assert life.facts() == {"reaction": {"kept": True, "seconds": 300}}


def test_the_acknowledgement_is_not_scored() -> None:
    life = life_of()
    life.wait(minutes=6).wake().acknowledge()
    assert life.ledger == {}


def test_a_promise_counts_in_the_month_of_its_due_date() -> None:
    """A reply on 30 November keeps a promise due on 1 December, which counts for December.

    The resolution counts for November, in which it was given.
    """
    life = life_of(at=datetime(2026, 11, 29, 20, tzinfo=UTC))
    life.wait(minutes=30).resolve()
    assert set(life.facts(period="2026-11")) == {"reaction", "resolved.1"}
    assert life.facts(period="2026-12") == {
        "first_response": {"kept": True, "seconds": 1800},
        "resolution.1": {"kept": True, "seconds": 1800},
    }


def test_a_breach_stays_with_the_agent_who_held_the_ticket() -> None:
    life = life_of()
    life.wait(hours=24).wake().reassign(JUN.id).wait(minutes=1).reply(by=JUN)
    assert life.by_agent_and_month("first_response") == {(MEI.id, "2026-11"): {"kept": False}}
    assert life.by_agent_and_month("answered") == {(JUN.id, "2026-11"): {"seconds": 86_460}}


def test_a_breach_counts_in_the_month_of_its_due_date_even_if_its_timer_was_late() -> None:
    life = life_of("urgent", at=datetime(2026, 11, 30, 15, 50, tzinfo=UTC))
    life.wait(minutes=12).wake()
    assert life.ledger == {(MEI.id, "2026-11", "first_response"): {"kept": False}}


def test_a_breach_of_a_queued_ticket_counts_for_no_agent() -> None:
    life = life_of(held_by=None)
    life.wait(hours=25).wake().assign(MEI.id).reply()
    assert life.facts() == {"answered": {"seconds": 90_000}}


def test_a_late_answer_before_the_timer_is_a_miss_of_the_agent_who_held_the_ticket() -> None:
    life = life_of("inquiry")
    life.wait(hours=9, seconds=1).reply(by=LIN)
    assert life.facts(MEI) == {"first_response": {"kept": False}}
    # after closing time no office time passed
    assert life.facts(LIN) == {"answered": {"seconds": 28_800}}
    before = dict(life.ledger)
    life.wake()
    assert life.ledger == before


def test_an_answer_exactly_at_the_due_time_keeps_the_promise() -> None:
    life = life_of("inquiry")
    life.wait(hours=9).reply()  # at closing time, after eight office hours and a lunch break
    assert life.facts() == {"first_response": {"kept": True, "seconds": 28_800}}


def test_a_new_classification_moves_no_breach_to_another_agent() -> None:
    life = life_of("inquiry")
    life.wait(hours=9).wake().reassign(JUN.id).reclassify("urgent", by=LIN).wake()
    assert life.by_agent_and_month("first_response") == {(MEI.id, "2026-11"): {"kept": False}}
    life.wait(minutes=1).assign(JUN.id).reply(by=JUN)
    assert life.by_agent_and_month("first_response") == {(MEI.id, "2026-11"): {"kept": False}}


def test_a_longer_promise_does_not_undo_a_miss() -> None:
    life = life_of("inquiry")
    life.wait(hours=9).wake().reclassify("feedback", by=LIN).reply()
    assert life.facts()["first_response"] == {"kept": False}


def test_a_promise_that_no_longer_applies_produces_no_fact() -> None:
    life = life_of()
    life.wait(minutes=5).reclassify("inquiry", by=LIN).assign(JUN.id)
    life.wait(hours=1).wake().reply(by=JUN)
    assert life.by_agent_and_month("reaction") == {}


def test_a_correction_changes_the_fact_of_the_agent_who_was_charged_with_the_miss() -> None:
    life = life_of()
    life.wait(hours=25).wake().reassign(JUN.id)
    assert life.by_agent_and_month("first_response") == {(MEI.id, "2026-11"): {"kept": False}}
    life.correct("first_response", START + timedelta(hours=2))
    assert life.by_agent_and_month("first_response") == {
        (MEI.id, "2026-11"): {"kept": True, "seconds": 7200}
    }


def test_a_correction_to_a_time_after_the_due_time_keeps_the_miss() -> None:
    life = life_of()
    life.wait(hours=26).wake().reply(by=JUN)
    life.correct("first_response", START + timedelta(hours=25))
    assert life.by_agent_and_month("first_response") == {(MEI.id, "2026-11"): {"kept": False}}


def test_waiting_for_the_customer_does_not_make_a_resolution_late() -> None:
    life = life_of()
    life.wait(hours=1).reply(wait_for_customer=True).wait(days=9).wake().resolve()
    assert life.facts()["resolution.1"] == {"kept": True, "seconds": 3600}
    assert life.facts()["resolved.1"]["seconds"] == 9 * 86_400 + 3600


def test_a_reopened_ticket_has_a_new_resolution_promise() -> None:
    life = life_of()
    life.wait(hours=1).resolve().wait(hours=1).dispute().assign(JUN.id)
    life.wait(hours=49).wake().resolve(by=JUN)
    assert life.by_agent_and_month("resolution.1") == {
        (MEI.id, "2026-11"): {"kept": True, "seconds": 3600}
    }
    assert life.by_agent_and_month("resolution.2") == {(JUN.id, "2026-11"): {"kept": False}}


# ---------------------------------------------------------------- resolutions and surveys as facts


def test_a_first_contact_resolution_has_exactly_one_public_reply() -> None:
    at_once = life_of()
    at_once.wait(hours=1).resolve()
    assert at_once.facts()["resolved.1"] == {
        "kind": "complaint",
        "seconds": 3600,
        "first_contact": True,
        "reopened": False,
    }
    replied = life_of()
    replied.wait(hours=1).reply().resolve()
    assert replied.facts()["resolved.1"]["first_contact"] is False


def test_a_resolution_is_not_first_contact_if_the_customer_writes_within_a_week() -> None:
    soon = life_of()
    soon.resolve().wait(days=7).write()
    assert soon.facts()["resolved.1"]["first_contact"] is False
    late = life_of()
    late.resolve().wait(days=7, seconds=1).write()
    assert late.facts()["resolved.1"]["first_contact"] is True
    confirmed = life_of()
    confirmed.resolve().confirm().wait(days=1).write()
    assert confirmed.facts()["resolved.1"]["first_contact"] is False


def test_a_resolution_counts_in_the_month_in_which_it_was_given() -> None:
    life = life_of(at=datetime(2026, 10, 31, 12, tzinfo=UTC))
    life.wait(hours=5).resolve()
    assert "resolved.1" in life.facts(period="2026-11")
    assert life.facts(period="2026-10") == {"reaction": {"kept": False}}


def test_a_dispute_overwrites_the_resolution_in_its_own_month() -> None:
    life = life_of(at=datetime(2026, 11, 30, 12, tzinfo=UTC))
    life.resolve().wait(days=1).dispute()
    assert life.by_agent_and_month("resolved.1") == {
        (MEI.id, "2026-11"): {
            "kind": "complaint",
            "seconds": 0,
            "first_contact": False,
            "reopened": True,
        }
    }


def test_a_second_resolution_is_never_a_first_contact_resolution() -> None:
    life = life_of()
    life.resolve().dispute().assign(JUN.id).resolve(by=JUN)
    assert life.facts(JUN)["resolved.2"]["first_contact"] is False
    assert life.facts(JUN)["resolved.2"]["reopened"] is False


def test_a_survey_counts_for_the_resolving_agent_in_the_month_of_the_answer() -> None:
    life = life_of(at=datetime(2026, 11, 30, 12, tzinfo=UTC))
    life.resolve().wait(days=2)
    answers = {"overall": 2, "speed": 5, "comment": "Slow", "suggestion": "Be quick"}
    life.take(by_customer.answer_survey(life.ticket, life.plan, answers, life.clock.now()))
    assert life.by_agent_and_month("survey") == {(MEI.id, "2026-12"): {"overall": 2, "speed": 5}}


def test_a_withdrawn_ticket_produces_no_further_facts() -> None:
    life = life_of()
    life.wait(minutes=1).reply()
    before = dict(life.ledger)
    life.wait(hours=1).withdraw().wait(days=9).wake().note()
    assert life.ledger == before
    assert set(before[MEI.id, "2026-11", "first_response"]) == {"kept", "seconds"}


def test_the_facts_of_a_round_take_at_most_200_bytes_with_their_keys() -> None:
    agent = Actor(Role.AGENT, "0b7e3a52-8f3c-4c43-9d0f-0c8a3d1b7e11")
    life = life_of("service_request", held_by=agent)
    for _ in range(12):
        life.wait(days=30).wake().reply(by=agent).resolve(by=agent)
        life.wait(days=1).dispute().assign(agent.id)
    life.resolve(by=agent)
    answers = dict.fromkeys(table.SURVEY_SCORES, 5)
    life.take(by_customer.answer_survey(life.ticket, life.plan, answers, life.clock.now()))
    sizes: dict[str, int] = {}
    for (who, period, name), value in life.ledger.items():
        _, _, round_ = name.partition(".")
        key = f"pkFACTS#{who}#{period}sk{NUMBER}#{round_ or 1}"
        sizes[key] = sizes.get(key, len(key)) + len("re" + pack(name, value))
    assert len(sizes) > 12
    assert max(sizes.values()) <= 200, sizes


_STEPS: dict[str, Callable[[Life], object]] = {
    "assign mei": lambda life: life.assign(MEI.id),
    "assign jun": lambda life: life.assign(JUN.id),
    "pass to jun": lambda life: life.reassign(JUN.id),
    "queue": lambda life: life.reassign(None),
    "progress": lambda life: life.tell_progress(),
    "reply": lambda life: life.reply(),
    "reply and wait": lambda life: life.reply(wait_for_customer=True, by=JUN),
    "write": lambda life: life.write(),
    "resolve": lambda life: life.resolve(by=JUN),
    "confirm": lambda life: life.confirm(),
    "dispute": lambda life: life.dispute(),
    "survey": lambda life: life.answer_survey(4),
    "withdraw": lambda life: life.withdraw(),
    "urgent": lambda life: corrected(life, "urgent"),
    "feedback": lambda life: corrected(life, "feedback"),
    "complaint": lambda life: corrected(life, "complaint"),
    "timers": lambda life: life.wake(),
}
_LIVES = st.lists(
    st.tuples(st.sampled_from(sorted(_STEPS)), st.integers(0, 60 * 40)), min_size=1, max_size=25
)


@examples(300)
@given(kind=st.sampled_from(["complaint", "inquiry", "urgent"]), steps=_LIVES, lazy=st.booleans())
def test_no_sequence_of_changes_counts_a_promise_twice(
    kind: str, steps: list[tuple[str, int]], lazy: bool
) -> None:
    """Each promise of each round has one fact over all agents and months, which never changes."""
    life = life_of(kind, held_by=None)
    for step, minutes in steps:
        life.wait(minutes=minutes)
        if not lazy:
            life.wake()
        try:
            _STEPS[step](life)
        except NotAllowedNow:
            continue
    promises = [name for _, _, name in life.ledger if name not in ("answered", "survey")]
    assert len(promises) == len(set(promises))
    for name, old, new in life.overwritten:
        assert name.startswith("resolved."), f"{name} changed from {old} to {new}"
        assert int(new["first_contact"]) <= int(old["first_contact"])
        assert int(new["reopened"]) >= int(old["reopened"])
    for (_, _, name), value in life.ledger.items():
        assert unpack(name, pack(name, value)) == value
    for agent, period in {(a, p) for a, p, _ in life.ledger}:
        known = life.facts(Actor(Role.AGENT, agent), period).items()
        score(agent, [Fact(agent, period, NUMBER, *f) for f in known], None, PLAN, period, False)


# ---------------------------------------------------------------------------------- scorecards


def _fact(name: str, number: int | str = 1, **value: int | bool | str) -> Fact:
    return Fact("mei", "2026-11", f"R-{number:0>5}-00000", name, value)


def _resolved(
    number: int,
    *,
    seconds: int = 100,
    kind: str = "complaint",
    first_contact: bool = False,
    reopened: bool = False,
    round_: int = 1,
) -> Fact:
    return _fact(
        f"resolved.{round_}",
        number,
        kind=kind,
        seconds=seconds,
        first_contact=first_contact,
        reopened=reopened,
    )


RATING = Rating("mei", "2026-11", 4, 5, "calm and kind", "lin", START)
MONTH = [
    *(_fact("survey", n, overall=o, attitude=5) for n, o in enumerate((5, 4, 3, 5), 1)),
    *(_fact("first_response", n, kept=True, seconds=600 * n) for n in (1, 2)),
    _fact("first_response", 3, kept=False),
    _fact("answered", 3, seconds=90_000),
    *(_fact("reaction", n, kept=True, seconds=60) for n in (1, 2, 3)),
    *(_fact("resolution.1", n, kept=True, seconds=9) for n in (1, 2, 3)),
    _resolved(1, seconds=100, first_contact=True),
    _resolved(2, seconds=200, kind="urgent"),
    _resolved(3, seconds=400, reopened=True),
    _resolved(3, seconds=900, round_=2),
]


def _score(
    facts: list[Fact] | None = None,
    rating: Rating | None = RATING,
    plan: ScorePlan = PLAN,
    preview: bool = False,
) -> Scorecard:
    return score("mei", MONTH if facts is None else facts, rating, plan, "2026-11", preview)


def _part(card: Scorecard, name: str) -> Component:
    return next(part for part in card.components if part.name == name)


def test_a_scorecard_equals_a_calculation_by_hand() -> None:
    """30 x 75 + 20 x 83.33.. + 20 x 100 + 15 x 75 + 15 x 87.5, over 100."""
    card = _score()
    assert {part.name: part.score for part in card.components} == {
        "satisfaction": "75.00",
        "response_promises": "83.33",
        "resolution_promises": "100.00",
        "lasting_resolution": "75.00",
        "supervisor_rating": "87.50",
    }
    assert (card.total, card.grade, card.bonus_tier) == ("83.54", "B", 2)
    assert card.reason is None
    assert card.counted_weight == 100
    assert card.exclusions == ("withdrawn_after_withdrawal",)


def test_every_fact_is_evidence_of_exactly_one_component() -> None:
    card = _score()
    listed = [(line.number, line.fact) for part in card.components for line in part.evidence]
    assert len(listed) == len(set(listed))
    assert set(listed) == {(f.number, f.name) for f in MONTH if f.name != "answered"} | {
        ("", "rating")
    }
    responses = _part(card, "response_promises")
    assert [(e.number, e.fact, e.counted) for e in responses.evidence] == [
        ("R-00001-00000", "first_response", "for"),
        ("R-00001-00000", "reaction", "for"),
        ("R-00002-00000", "first_response", "for"),
        ("R-00002-00000", "reaction", "for"),
        ("R-00003-00000", "first_response", "against"),
        ("R-00003-00000", "reaction", "for"),
    ]
    (rating,) = _part(card, "supervisor_rating").evidence
    assert (rating.value, rating.counted) == ({"attitude": 4, "knowledge": 5}, "rated")


def test_a_component_with_too_few_samples_does_not_count_and_gives_the_reason() -> None:
    few = [f for f in MONTH if f.name != "survey"] + [_fact("survey", 1, overall=1)]
    card = _score(few)
    dropped = _part(card, "satisfaction")
    assert (dropped.counted, dropped.reason) == (False, "too_few_samples")
    assert (dropped.samples, dropped.score, dropped.scaled_weight) == (1, "0.00", None)
    assert card.counted_weight == 70
    assert card.total == "87.20"  # (20 x 83.33.. + 20 x 100 + 15 x 75 + 15 x 87.5) / 70
    assert _part(card, "response_promises").scaled_weight == "28.57"
    assert len(dropped.evidence) == 1


def test_a_component_with_exactly_the_minimum_of_samples_counts() -> None:
    facts = [_fact("survey", n, overall=5) for n in range(PLAN.minimum_samples)]
    assert _part(_score(facts), "satisfaction").counted
    assert not _part(_score(facts[1:]), "satisfaction").counted


def test_without_a_rating_the_other_weights_are_scaled_and_the_reason_is_given() -> None:
    card = _score(rating=None)
    assert _part(card, "supervisor_rating").reason == "not_rated"
    assert (card.total, card.counted_weight) == ("82.84", 85)


def test_with_too_little_weight_there_is_no_grade_and_the_reason_is_given() -> None:
    surveys = [_fact("survey", n, overall=5) for n in range(9)]
    card = _score(surveys)
    assert card.counted_weight == 45
    assert (card.total, card.grade, card.bonus_tier) == (None, None, None)
    assert card.reason == "too_little_weight"
    assert _part(card, "satisfaction").score == "100.00"
    assert _score([], rating=None, plan=replace(PLAN, minimum_weight=0)).grade is None


def test_a_month_with_exactly_the_minimum_weight_has_a_grade() -> None:
    kept = [
        *(_fact("survey", n, overall=5) for n in range(3)),
        *(_fact("resolution.1", n, kept=True, seconds=1) for n in range(3)),
    ]
    card = _score(kept, rating=None)
    assert (card.counted_weight, card.grade) == (50, "A")


def test_the_grade_follows_from_the_rounded_total() -> None:
    """89.995 is shown as 90.00 (half to even), so it is an A; 89.985 as 89.98, a B."""
    plan = replace(
        PLAN, weights=dict.fromkeys(COMPONENTS, 0) | {"satisfaction": 100}, minimum_samples=1
    )

    def month(satisfied: int, of: int) -> Scorecard:
        answers = [_fact("survey", n, overall=5 if n < satisfied else 1) for n in range(of)]
        return _score(answers, plan=plan)

    assert (month(17_999, 20_000).total, month(17_999, 20_000).grade) == ("90.00", "A")
    assert (month(17_997, 20_000).total, month(17_997, 20_000).grade) == ("89.98", "B")


@pytest.mark.parametrize(
    ("attitude", "knowledge", "expected"), [(1, 1, "0.00"), (5, 5, "100.00"), (2, 3, "37.50")]
)
def test_ratings_from_1_to_5_map_to_0_to_100(attitude: int, knowledge: int, expected: str) -> None:
    card = _score(rating=replace(RATING, attitude=attitude, knowledge=knowledge))
    assert _part(card, "supervisor_rating").score == expected


def test_survey_scores_of_4_and_5_count_as_satisfied() -> None:
    facts = [_fact("survey", n, overall=n) for n in (1, 2, 3, 4, 5)]
    part = _part(_score(facts), "satisfaction")
    assert [line.counted for line in part.evidence] == ["against"] * 3 + ["for"] * 2
    assert part.score == "40.00"


@pytest.mark.parametrize(
    ("satisfied", "of", "shown"),
    [(2, 3, "66.67"), (1, 3, "33.33"), (1, 800, "0.12"), (3, 800, "0.38"), (800, 800, "100.00")],
)
def test_numbers_are_rounded_half_to_even_to_two_decimals(
    satisfied: int, of: int, shown: str
) -> None:
    facts = [_fact("survey", n, overall=5 if n < satisfied else 1) for n in range(of)]
    assert _part(_score(facts), "satisfaction").score == shown


def test_a_scorecard_shows_figures_in_addition_to_the_score() -> None:
    figures = _score().figures
    assert (figures.resolved, figures.reopened) == (4, 1)
    assert figures.by_kind == {"complaint": 3, "urgent": 1}
    assert figures.first_contact_rate == "25.00"
    assert figures.first_resolution is not None
    assert asdict(figures.first_resolution) == {
        "count": 3,
        "mean": "233.33",
        "median": "200.00",
        "p90": "400.00",
    }
    assert figures.full_resolution is not None
    assert (figures.full_resolution.count, figures.full_resolution.median) == (3, "200.00")
    assert asdict(figures.survey["overall"]) == {"answers": 4, "mean": "4.25"}
    assert "speed" not in figures.survey


def test_response_times_include_late_answers() -> None:
    spread = _score().figures.first_response
    assert spread is not None
    assert (spread.count, spread.median, spread.p90) == (3, "1200.00", "90000.00")


def test_nine_in_ten_durations_do_not_exceed_the_p90() -> None:
    facts = [_resolved(n, seconds=n) for n in range(1, 11)]
    spread = _score(facts).figures.full_resolution
    assert spread is not None
    assert (spread.median, spread.p90) == ("5.50", "9.00")


def test_an_empty_month_has_a_card_without_scores_and_figures() -> None:
    card = _score([], rating=None)
    assert card.total is None
    assert all(part.samples == 0 and part.score is None for part in card.components)
    assert card.figures.first_contact_rate is None
    assert card.figures.first_response is None


def test_facts_that_contradict_each_other_are_refused() -> None:
    kept, missed = _fact("reaction", kept=True, seconds=1), _fact("reaction", kept=False)
    with pytest.raises(ValueError, match="is there twice and differs"):
        _score([kept, missed])
    assert _score([kept, kept]) == _score([kept])


def test_facts_of_another_agent_or_month_are_refused() -> None:
    fact = _fact("reaction", kept=False)
    for stray in (replace(fact, agent="jun"), replace(fact, period="2026-10")):
        with pytest.raises(ValueError, match=r"R-00001-00000 reaction is of"):
            _score([stray])


def test_an_unknown_fact_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no fact 'praise'"):
        _score([_fact("praise", kept=True)])


_FACTS = st.lists(
    st.one_of(
        st.builds(
            lambda number, kept: _fact("first_response", number, kept=kept, seconds=number),
            st.integers(1, 30),
            st.booleans(),
        ),
        st.builds(
            lambda number, kept: _fact("resolution.1", number, kept=kept, seconds=number),
            st.integers(1, 30),
            st.booleans(),
        ),
        st.builds(
            lambda number, seconds, first, again, kind: _resolved(
                number, seconds=seconds, first_contact=first, reopened=again, kind=kind
            ),
            st.integers(1, 30),
            st.integers(0, 10**6),
            st.booleans(),
            st.booleans(),
            st.sampled_from(["inquiry", "urgent"]),
        ),
        st.builds(
            lambda number, overall: _fact("survey", number, overall=overall),
            st.integers(1, 30),
            st.integers(1, 5),
        ),
    ),
    unique_by=lambda fact: (fact.number, fact.name),
    max_size=60,
)
_RATINGS = st.one_of(
    st.none(),
    st.builds(
        lambda attitude, knowledge: replace(RATING, attitude=attitude, knowledge=knowledge),
        st.integers(1, 5),
        st.integers(1, 5),
    ),
)


@given(facts=_FACTS, rating=_RATINGS, random=st.randoms())
def test_the_same_facts_in_any_order_give_an_identical_card(
    facts: list[Fact], rating: Rating | None, random: Any
) -> None:
    shuffled = [replace(f, value=dict(sorted(f.value.items(), reverse=True))) for f in facts]
    random.shuffle(shuffled)
    one, other = _score(facts, rating), _score(shuffled, rating)
    assert json.dumps(asdict(one)) == json.dumps(asdict(other))


@given(facts=_FACTS, rating=_RATINGS)
def test_the_total_lies_between_the_lowest_and_highest_component_that_counts(
    facts: list[Fact], rating: Rating | None
) -> None:
    card = _score(facts, rating)
    counted = [Fraction(part.score or "x") for part in card.components if part.counted]
    if card.total is None:
        assert card.counted_weight < PLAN.minimum_weight
    else:
        assert min(counted) <= Fraction(card.total) <= max(counted)
        assert sum(part.weight for part in card.components if part.counted) == card.counted_weight


def test_the_digest_changes_with_everything_on_which_the_card_depends() -> None:
    plan = PLAN
    grades = (replace(plan.grades[0], bonus_tier=9), *plan.grades[1:])
    digests = [
        card.digest
        for card in (
            _score(),
            _score(MONTH[1:]),
            _score([replace(MONTH[0], value={"overall": 1}), *MONTH[1:]]),
            _score(rating=None),
            _score(rating=replace(RATING, attitude=5)),
            _score(rating=replace(RATING, knowledge=4)),
            _score(preview=True),
            _score(plan=replace(plan, minimum_samples=4)),
            _score(plan=replace(plan, minimum_weight=51)),
            _score(plan=replace(plan, weights={**plan.weights, "satisfaction": 31})),
            _score(plan=replace(plan, grades=grades)),
        )
    ]
    assert len(set(digests)) == len(digests)
    assert _score(rating=replace(RATING, comment="another comment", by="wei")).digest == digests[0]


def test_a_preview_has_the_same_total_and_is_marked() -> None:
    assert _score(preview=True).preview
    assert _score(preview=True).total == _score().total


def test_acknowledgement_and_callback_are_not_scored() -> None:
    assert ClockName.ACKNOWLEDGEMENT not in PROMISES
    assert ClockName.CALLBACK not in PROMISES
