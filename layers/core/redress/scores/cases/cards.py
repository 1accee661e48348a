"""The use cases of scores: start a run, read cards, and rate an agent's month."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.base import texts
from redress.base.errors import Fault, Forbidden, InvalidInput, NotFound, Unavailable, pointer
from redress.base.numbers import whole
from redress.base.people import Member, Role
from redress.db import retry
from redress.plans.store.plans import Plans
from redress.scores.cases.months import Months
from redress.scores.cases.runs import ATTEMPTS
from redress.scores.messages import RunScores, input_of
from redress.scores.rules.masked import MaskedTicket, masked, numbers_in
from redress.scores.rules.scorecard import HIGHEST, LOWEST, Rating
from redress.scores.store.scores import Card, LateFacts, ScoreStore, Summary
from redress.staff.rules.leading import may_lead
from redress.staff.store import StaffStore
from redress.tickets.store.tickets import TicketStore

COMMENT_LIMIT = 5_000


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun. `execution` is the name of its state machine execution."""

    period: str
    execution: str


def _without_numbers(card: Card, hidden: Collection[str]) -> Card:
    """The card; its evidence names none of these tickets."""
    if not hidden:
        return card
    components = tuple(
        replace(
            part,
            evidence=tuple(
                replace(one, number="") if one.number in hidden else one for one in part.evidence
            ),
        )
        for part in card.scorecard.components
    )
    return replace(card, scorecard=replace(card.scorecard, components=components))


def _rating_faults(body: Any) -> list[Fault]:
    if not isinstance(body, dict):
        return [Fault("", "object_expected", "a rating is a JSON object")]
    faults = []
    for name in ("attitude", "knowledge"):
        value = whole(body.get(name))
        if value is None or not LOWEST <= value <= HIGHEST:
            faults.append(Fault(f"/{name}", "score_expected", "a whole number from 1 to 5"))
    comment = body.get("comment")
    if comment is not None and not isinstance(comment, str):
        faults.append(Fault("/comment", "text_expected", "a text is expected here"))
    elif comment is not None and len(texts.cleaned(comment)) > COMMENT_LIMIT:
        faults.append(Fault("/comment", "too_long", f"at most {COMMENT_LIMIT} characters"))
    elif comment is not None and (fault := texts.fault_of(comment)):
        faults.append(Fault("/comment", *fault))
    faults += [
        Fault(pointer(name), "unknown", "this is not part of a rating")
        for name in body
        if name not in ("attitude", "knowledge", "comment")
    ]
    return faults


class ScoringCases:
    """The use cases of scores. `step_functions` creates a client, which only `run` needs."""

    def __init__(
        self,
        scores: ScoreStore,
        staff: StaffStore,
        tickets: TicketStore,
        plans: Plans,
        step_functions: Callable[[], Any],
        machine_arn: str,
        now: Callable[[], datetime],
    ) -> None:
        self._scores, self._staff, self._tickets, self._plans = scores, staff, tickets, plans
        self._step_functions, self._machine_arn, self._now = step_functions, machine_arn, now
        self._months = Months(plans, now)

    def run(self, member: Member, period: str, key: str = "") -> Run:
        """Start a run over a month ("2026-11" or "previous").

        `key` is the Idempotency-Key. A repeated request for this month with the same key starts no
        second run. Raises Forbidden for agents, InvalidInput for a month that has not begun, and
        Unavailable if Step Functions does not start the run. Nothing is stored before it starts.
        """
        if member.role not in (Role.SUPERVISOR, Role.MANAGER):
            raise Forbidden("scores are run by supervisors and managers")
        period = self._months.resolve(period)
        run_id = hashlib.sha256(key.encode()).hexdigest()[:16] if key else secrets.token_hex(8)
        name = f"{period}-{run_id}"
        client = self._step_functions()
        try:
            retry.call(
                lambda: client.start_execution(
                    stateMachineArn=self._machine_arn,
                    name=name,
                    input=input_of(RunScores(period)),
                )
            )
        except client.exceptions.ExecutionAlreadyExists:
            return Run(period, name)  # a repeated request
        return Run(period, name)

    def cards(self, member: Member, period: str) -> list[Card]:
        """The cards of a month that `member` may see, sorted by agent, without their evidence.

        Agents see their own card. Supervisors see the cards of the current members of their team.
        Managers see all cards.
        """
        self._months.require_begun(period)
        if member.role is Role.MANAGER:
            return self._scores.cards(period)
        if member.role is Role.AGENT:
            own = self._scores.card(member.id, period)
            return [own] if own else []
        team = {known.id for known in self._staff.members() if known.team == member.team}
        return [card for card in self._scores.cards(period) if card.scorecard.agent in team]

    def card(self, member: Member, period: str, agent: str) -> Card:
        """Return a card with its evidence.

        A fact of a ticket that `member` may not see has no number, as a rating has none. It stays
        in the list, so that the card still adds up.

        Raises NotFound if there is no such card, or if `member` may not see it.
        """
        nothing = NotFound(f"there is no scorecard of {agent} for this month")
        if not self._may_see(member, agent):
            raise nothing
        self._months.require_begun(period)
        held = self._scores.card(agent, period)
        if held is None:
            raise nothing
        card = self._scores.with_evidence(held)
        return _without_numbers(card, self._staff.kept_from(member))

    def masked(self, member: Member, period: str) -> tuple[MaskedTicket, ...]:
        """What a member may know of closed complaints about them on which their own score rests.

        There is nothing if there is no card of theirs. Most members have no such complaint, and
        then the card is not read.
        """
        hidden = frozenset(self._staff.kept_from(member))
        held = self._scores.card(member.id, period) if hidden else None
        if held is None:
            return ()
        card = self._scores.with_evidence(held).scorecard
        found = self._tickets.get_readable(sorted(hidden & numbers_in(card)))
        return masked(card, found, self._plans.current().time_zone, self._now())

    def late_facts(self, period: str, agent: str) -> LateFacts | None:
        """What came after the last run of an agent's month; it makes the card stale.

        The caller has checked that the reader may see the card.
        """
        return self._scores.late_facts(agent, period)

    def late_facts_of_all(self, period: str) -> dict[str, LateFacts]:
        """What came after the last run of a month, by agent.

        The caller shows it only with cards that the reader may see.
        """
        return self._scores.late_facts_of_all(period)

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
        self._months.require_begun(period)
        return self._scores.summary(period)

    def rate(self, member: Member, period: str, agent: str, content: Callable[[], Any]) -> Rating:
        """Rate an agent's month: {"attitude": 1-5, "knowledge": 1-5, "comment"?: text}.

        A supervisor rates the agents of their team. A manager rates everybody, also supervisors and
        managers, but nobody rates themselves. The rating replaces an earlier one, which stays
        stored as a former version. The card changes when the month is next scored; until then, the
        card of a past month is stale. `content` reads the document of the request. Raises NotFound
        for an unknown agent, then Forbidden, then the errors of `content`, then InvalidInput with
        every fault.
        """
        if member.role not in (Role.SUPERVISOR, Role.MANAGER):
            raise Forbidden("agents are rated by their supervisor or a manager")
        rated = self._staff.member(agent)
        if not may_lead(member, rated):
            raise Forbidden("agents are rated by their supervisor or a manager")
        body = content()
        faults = [*self._months.faults(period), *_rating_faults(body)]
        if faults:
            raise InvalidInput(faults)
        for _ in range(ATTEMPTS):
            held = self._scores.rating(agent, period)
            rating = Rating(
                agent=agent,
                period=period,
                attitude=int(body["attitude"]),
                knowledge=int(body["knowledge"]),
                comment=texts.cleaned(body.get("comment") or ""),
                by=member.id,
                at=self._now(),
                revision=held.revision + 1 if held else 1,
            )
            if self._scores.rate(rating, is_late=self._months.is_over(period)):
                return rating
        raise Unavailable("this agent is being rated by others")
