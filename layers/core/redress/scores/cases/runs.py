"""The tasks of the scores state machine, which make up a scoring run. Each can be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from redress.base.errors import NotFound, Unavailable, Unreadable
from redress.base.people import Role
from redress.clocks.rules import periods
from redress.plans.rules.plan import ScorePlan
from redress.plans.store.plans import Plans
from redress.scores.cases.months import Months
from redress.scores.messages import AgentResult
from redress.scores.rules import scorecard
from redress.scores.rules.facts import Fact
from redress.scores.store.scores import Card, CardReplaced, Earlier, Failure, ScoreStore, Summary
from redress.staff.store import StaffStore

ATTEMPTS = 5


STORED = "stored"


UNCHANGED = "unchanged"


FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Month:
    """What a run scores: a month and the ids of agents. All cards use the plan `plan_version`."""

    period: str
    preview: bool
    plan_version: int
    agents: list[str]


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of one agent's card: STORED or UNCHANGED."""

    agent: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ScoringFinished:
    """The totals of a run. If `failed` is above 0, the execution fails."""

    period: str
    agents: int
    stored: int
    unchanged: int
    failed: int


class ScoringJobs:
    def __init__(
        self, scores: ScoreStore, staff: StaffStore, plans: Plans, now: Callable[[], datetime]
    ) -> None:
        self._scores, self._staff, self._plans, self._now = scores, staff, plans, now
        self._months = Months(plans, now)

    def list_agents(self, period: str) -> Month:
        """The agents and the plan of a run over `period` ("2026-11" or "previous").

        A run scores all current agents. It also scores other and former members of staff if they
        have facts in the month. The first run after the end of a month fixes the plan for that
        month. Later runs use the same plan, so a later plan never changes a grade.
        """
        period = self._months.resolve(period)
        agents = [
            member.id
            for member in self._staff.members()
            if (member.role is Role.AGENT and not member.left)
            or self._scores.has_facts(member.id, period)
        ]
        _, end = periods.period_bounds(period, self._months.zone)
        return Month(period, self._now() < end, self._plan_version(period), sorted(agents))

    def _plan_version(self, period: str) -> int:
        return self._fixed_version(period) or self._plans.current().version

    def is_complete(self, period: str) -> bool:
        """Whether a run after the end of the month scored every agent.

        If the month's summary cannot be read, this is not known, and any final card is enough.
        """
        try:
            last = self._last(period)
        except Unreadable:
            return self._is_final(period)
        return last is not None and not last.preview and not last.failed

    def _is_final(self, period: str) -> bool:
        return self._fixed_version(period) is not None

    def _fixed_version(self, period: str) -> int | None:
        """The plan of a month that was scored after its end; None if it was not.

        If the month's summary cannot be read, the final cards tell the plan.
        """
        try:
            last = self._last(period)
        except Unreadable:
            final = (card for card in self._scores.cards(period) if not card.scorecard.preview)
            return next((card.plan_version for card in final), None)
        return None if last is None or last.preview else last.plan_version

    def _last(self, period: str) -> Summary | None:
        try:
            return self._scores.summary(period)
        except NotFound:
            return None

    def score_agent(self, agent: str, period: str, preview: bool, plan_version: int) -> Scored:
        """Score one agent's month and store the card.

        If no input has changed since the stored card, that card stays as it is. It also stays if it
        is final and this run is a preview, which began before the end of the month. Raises
        Unavailable if another run replaced the card during each of ATTEMPTS attempts.
        """
        plan = self._plans.get(plan_version).score
        late = None if preview else self._scores.late_facts(agent, period)
        if late is None:
            facts = partial(self._scores.facts, agent, period)
            return Scored(
                agent, self._store_card(agent, period, preview, plan_version, plan, facts)
            )
        # All these late facts are in the card only if a consistent read follows their count.
        facts = partial(self._scores.facts, agent, period, consistent=True)
        outcome = self._store_card(agent, period, preview, plan_version, plan, facts)
        self._scores.clear_late_facts(agent, period, late)
        return Scored(agent, outcome)

    def _store_card(
        self,
        agent: str,
        period: str,
        preview: bool,
        plan_version: int,
        plan: ScorePlan,
        read_facts: Callable[[], list[Fact]],
    ) -> str:
        """Score an agent's month and store the card. Returns STORED or UNCHANGED."""
        for _ in range(ATTEMPTS):
            held = self._scores.card(agent, period)
            if held is not None and preview and not held.scorecard.preview:
                return UNCHANGED
            card = scorecard.score(
                agent,
                read_facts(),
                self._scores.rating(agent, period),
                plan,
                period,
                preview,
            )
            if held is not None and held.scorecard.digest == card.digest:
                return UNCHANGED
            following = Card(
                scorecard=card,
                revision=held.revision + 1 if held else 1,
                plan_version=plan_version,
                scored_at=self._now(),
                earlier=(*held.earlier, _earlier(held)) if held else (),
            )
            try:
                self._scores.save(following)
            except CardReplaced:
                continue
            return STORED
        raise Unavailable("this card is being scored by others")

    def finish(
        self,
        period: str,
        preview: bool,
        plan_version: int,
        results: Sequence[AgentResult],
    ) -> ScoringFinished:
        """Store the result of a run. Raises ValueError for an unknown outcome.

        A preview never replaces the result of a final run, which fixes the plan of the month.
        """
        counts = Counter(result.outcome for result in results)
        if unknown := set(counts) - {STORED, UNCHANGED, FAILED}:
            raise ValueError(f"not an outcome of scoring: {', '.join(sorted(unknown))}")
        failed = tuple(
            Failure(result.agent, result.error) for result in results if result.outcome == FAILED
        )
        if not (preview and self._is_final(period)):
            self._scores.conclude(
                Summary(
                    period=period,
                    preview=preview,
                    plan_version=plan_version,
                    agents=len(results),
                    stored=counts[STORED],
                    unchanged=counts[UNCHANGED],
                    failed=failed,
                    finished_at=self._now(),
                )
            )
        return ScoringFinished(period, len(results), counts[STORED], counts[UNCHANGED], len(failed))


def _earlier(card: Card) -> Earlier:
    scorecard = card.scorecard
    return Earlier(
        revision=card.revision,
        digest=scorecard.digest,
        preview=scorecard.preview,
        total=scorecard.total,
        grade=scorecard.grade,
        scored_at=card.scored_at,
    )
