"""Use cases of monthly scores: rate an agent, run the scoring of a month, read scorecards.

The scores state machine calls `list_agents`, `score_agent` for each agent, and `finish`. Repeating
one of these calls does no harm. This module also decides who may rate whom and see which card.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from redress.base.errors import Fault, Forbidden, InvalidInput, NotFound, Unavailable, pointer
from redress.base.people import Member, Role
from redress.plans.store.plans import Plans
from redress.scores.rules import periods, scorecard
from redress.scores.rules.scorecard import HIGHEST, LOWEST, Rating
from redress.scores.store.scores import Card, CardReplaced, Earlier, Failure, ScoreStore, Summary
from redress.staff.store import StaffStore

PREVIOUS = "previous"
"""A period in requests: the last month that is over, in the plan's time zone."""

COMMENT_LIMIT = 5_000
ATTEMPTS = 5

STORED = "stored"
UNCHANGED = "unchanged"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Month:
    """The scope of a run: month, plan and agents' ids. All cards use the plan `plan_version`."""

    period: str
    preview: bool
    plan_version: int
    agents: list[str]


@dataclass(frozen=True, slots=True)
class Scored:
    """The outcome for one agent's card: `stored` or `unchanged`."""

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


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun. `execution` is the name of its state machine execution."""

    period: str
    execution: str


class ScoringCases:
    """The use cases. `step_functions` creates a client on demand: only `run` needs one."""

    def __init__(
        self,
        scores: ScoreStore,
        staff: StaffStore,
        plans: Plans,
        step_functions: Callable[[], Any],
        machine_arn: str,
        now: Callable[[], datetime],
    ) -> None:
        self._scores, self._staff, self._plans = scores, staff, plans
        self._step_functions, self._machine_arn, self._now = step_functions, machine_arn, now

    # ---------------------------------------------------------------- for the machine

    def list_agents(self, period: str) -> Month:
        """The agents and the plan of a run over `period` ("2026-11" or "previous").

        A run scores all current agents, and other or former members of staff who have facts in the
        month. Once a month has been scored after its end, it keeps the plan of that run, so that a
        later plan never changes a grade.
        """
        if period == PREVIOUS:
            period = periods.previous_period(self._now(), self._zone())
        self._begun(period)
        agents = [
            member.id
            for member in self._staff.members()
            if (member.role is Role.AGENT and not member.left)
            or self._scores.has_facts(member.id, period)
        ]
        _, end = periods.period_bounds(period, self._zone())
        return Month(period, self._now() < end, self._plan_version(period), sorted(agents))

    def _plan_version(self, period: str) -> int:
        try:
            last = self._scores.summary(period)
        except NotFound:
            return self._plans.current().version
        return self._plans.current().version if last.preview else last.plan_version

    def score_agent(self, agent: str, period: str, preview: bool, plan_version: int) -> Scored:
        """Score one agent's month and store the card.

        If the inputs have not changed, the stored card stays as it is. Raises Unavailable if other
        runs replaced the card ATTEMPTS times meanwhile.
        """
        plan = self._plans.get(plan_version).score
        for _ in range(ATTEMPTS):
            held = self._scores.card(agent, period)
            card = scorecard.score(
                agent,
                self._scores.facts(agent, period),
                self._scores.rating(agent, period),
                plan,
                period,
                preview,
            )
            if held is not None and held.scorecard.digest == card.digest:
                return Scored(agent, UNCHANGED)
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
            return Scored(agent, STORED)
        raise Unavailable("this card is being scored by others")

    def finish(
        self,
        period: str,
        preview: bool,
        plan_version: int,
        results: Iterable[Mapping[str, str]],
    ) -> ScoringFinished:
        """Store the result of a run.

        Each of `results` is {"agent", "outcome"}; a failed one also has "error". Raises ValueError
        for an unknown outcome.
        """
        listed = list(results)
        counts = Counter(result["outcome"] for result in listed)
        if unknown := set(counts) - {STORED, UNCHANGED, FAILED}:
            raise ValueError(f"not an outcome of scoring: {', '.join(sorted(unknown))}")
        failed = tuple(
            Failure(result["agent"], result["error"])
            for result in listed
            if result["outcome"] == FAILED
        )
        self._scores.conclude(
            Summary(
                period=period,
                preview=preview,
                plan_version=plan_version,
                agents=len(listed),
                stored=counts[STORED],
                unchanged=counts[UNCHANGED],
                failed=failed,
                finished_at=self._now(),
            )
        )
        return ScoringFinished(period, len(listed), counts[STORED], counts[UNCHANGED], len(failed))

    # ---------------------------------------------------------------- for people

    def run(self, member: Member, period: str, key: str = "") -> Run:
        """Start a run over a month ("2026-11" or "previous").

        `key` (an Idempotency-Key) identifies the run; a repeated request with it starts no second
        run. Raises Forbidden for agents and InvalidInput for a month that has not begun.
        """
        if member.role not in (Role.SUPERVISOR, Role.MANAGER):
            raise Forbidden("scores are run by supervisors and managers")
        if period == PREVIOUS:
            period = periods.previous_period(self._now(), self._zone())
        self._begun(period)
        run_id = hashlib.sha256(key.encode()).hexdigest()[:16] if key else secrets.token_hex(8)
        name = f"{period}-{run_id}"
        client = self._step_functions()
        try:
            client.start_execution(
                stateMachineArn=self._machine_arn,
                name=name,
                input=msgspec.json.encode({"period": period}).decode(),
            )
        except client.exceptions.ExecutionAlreadyExists:
            return Run(period, name)  # a repeated request
        return Run(period, name)

    def cards(self, member: Member, period: str) -> list[Card]:
        """The cards of a month that `member` may see, sorted by agent, without their evidence.

        Agents see their own card, supervisors those of their team's current members, managers all.
        """
        self._begun(period)
        if member.role is Role.MANAGER:
            return self._scores.cards(period)
        if member.role is Role.AGENT:
            own = self._scores.card(member.id, period)
            return [own] if own else []
        team = {known.id for known in self._staff.members() if known.team == member.team}
        return [card for card in self._scores.cards(period) if card.scorecard.agent in team]

    def card(self, member: Member, period: str, agent: str) -> Card:
        """One card with its evidence. Raises NotFound also for a card that `member` may not see."""
        self._begun(period)
        held = self._scores.card(agent, period) if self._may_see(member, agent) else None
        if held is None:
            raise NotFound(f"there is no scorecard of {agent} for {period}")
        return self._scores.with_evidence(held)

    def _may_see(self, member: Member, agent: str) -> bool:
        if member.role is Role.MANAGER or member.id == agent:
            return True
        if member.role is not Role.SUPERVISOR:
            return False
        try:
            return self._staff.member(agent).team == member.team
        except NotFound:
            return False

    def summary(self, member: Member, period: str) -> Summary:
        """The result of the last run of a month. Raises NotFound if there was none.

        Raises Forbidden for agents.
        """
        if member.role not in (Role.SUPERVISOR, Role.MANAGER):
            raise Forbidden("runs are for supervisors and managers")
        self._begun(period)
        return self._scores.summary(period)

    def rate(self, member: Member, period: str, agent: str, body: Any) -> Rating:
        """Rate an agent's month: {"attitude": 1-5, "knowledge": 1-5, "comment"?: text}.

        Only the supervisor of the agent's team or a manager may rate, and nobody may rate
        themselves. The rating replaces an earlier one, which remains in the trail. The card changes
        with the next run. Raises InvalidInput with every fault, Forbidden, and NotFound for an
        unknown agent.
        """
        if member.role not in (Role.SUPERVISOR, Role.MANAGER) or member.id == agent:
            raise Forbidden("agents are rated by their supervisor or a manager")
        rated = self._staff.member(agent)
        if member.role is Role.SUPERVISOR and rated.team != member.team:
            raise Forbidden("this agent is in another team")
        faults = [*self._period_faults(period), *_rating_faults(body)]
        if faults:
            raise InvalidInput(faults)
        for _ in range(ATTEMPTS):
            held = self._scores.rating(agent, period)
            rating = Rating(
                agent=agent,
                period=period,
                attitude=body["attitude"],
                knowledge=body["knowledge"],
                comment=(body.get("comment") or "").strip(),
                by=member.id,
                at=self._now(),
                revision=held.revision + 1 if held else 1,
            )
            if self._scores.rate(rating):
                return rating
        raise Unavailable("this agent is being rated by others")

    # ---------------------------------------------------------------- helpers

    def _zone(self) -> str:
        return self._plans.current().time_zone

    def _begun(self, period: str) -> None:
        """Raise InvalidInput for an invalid month or one that has not begun."""
        if faults := self._period_faults(period):
            raise InvalidInput(faults)

    def _period_faults(self, period: str) -> list[Fault]:
        try:
            start, _ = periods.period_bounds(period, self._zone())
        except ValueError:
            return [Fault("/period", "period_expected", "a month such as 2026-11 is expected")]
        if start > self._now():
            return [Fault("/period", "not_begun", "this month has not begun yet")]
        return []


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


def _rating_faults(body: Any) -> list[Fault]:
    if not isinstance(body, dict):
        return [Fault("", "object_expected", "a rating is a JSON object")]
    faults = []
    for name in ("attitude", "knowledge"):
        value = body.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not LOWEST <= value <= HIGHEST:
            faults.append(Fault(f"/{name}", "score_expected", "a whole number from 1 to 5"))
    comment = body.get("comment")
    if comment is not None and not isinstance(comment, str):
        faults.append(Fault("/comment", "text_expected", "a text is expected here"))
    elif comment is not None and len(comment) > COMMENT_LIMIT:
        faults.append(Fault("/comment", "too_long", f"at most {COMMENT_LIMIT} characters"))
    faults += [
        Fault(pointer(name), "unknown", "this is not part of a rating")
        for name in body
        if name not in ("attitude", "knowledge", "comment")
    ]
    return faults
