"""Monthly ratings and scorecards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from route import IDEMPOTENCY_KEY, LEADERS, STAFF, Request, Route, iso

from redress.base.errors import NotFound, Unreadable
from redress.base.people import Member
from redress.edge.bodies import UnreadBody
from redress.edge.http import Answer, answer
from redress.scores.cases.cards import Run
from redress.scores.rules.masked import MaskedTicket
from redress.scores.rules.scorecard import Rating
from redress.scores.store.scores import Card, LateFacts, Summary
from redress.wiring import staff as wiring


def rate(request: Request) -> Answer:
    period, agent = request.path["period"], request.path["agent"]
    rating = wiring.scoring_cases().rate(
        request.member, period, agent, lambda: request.content().body
    )
    return answer(200, rating_view(rating))


def run_scores(request: Request) -> Answer:
    key = request.content().key
    begun = wiring.scoring_cases().run(request.member, request.path["period"], key)
    return answer(202, run_view(begun))


def list_scorecards(request: Request) -> Answer:
    period = request.path["period"]
    cases = wiring.scoring_cases()
    cards = cases.cards(request.member, period)
    last_run = _last_run(request.member, period)
    return answer(200, scorecards_view(period, cards, last_run, cases.late_facts_of_all(period)))


def _last_run(member: Member, period: str) -> Summary | None:
    if member.role not in LEADERS:
        return None
    try:
        return wiring.scoring_cases().summary(member, period)
    except (NotFound, Unreadable):
        return None  # the list is of use without it


def read_scorecard(request: Request) -> Answer:
    period, agent = request.path["period"], request.path["agent"]
    cases = wiring.scoring_cases()
    card = cases.card(request.member, period, agent)
    shown = scorecard_view(card, cases.late_facts(period, agent))
    masked = cases.masked(request.member, period) if request.member.id == agent else ()
    return answer(200, {**shown, "masked": [masked_view(ticket) for ticket in masked]})


# -------------------------------------------------------------------- views


def rating_view(found: Rating) -> dict[str, Any]:
    """`Rating`: the rating that is valid now."""
    return {
        "agent": found.agent,
        "period": found.period,
        "attitude": found.attitude,
        "knowledge": found.knowledge,
        "comment": found.comment,
        "by": found.by,
        "at": iso(found.at),
        "revision": found.revision,
    }


def run_view(found: Run) -> dict[str, Any]:
    """`Run`: a run of the scores that has begun."""
    return {"period": found.period, "execution": found.execution}


def scorecard_view(card: Card, late: LateFacts | None) -> dict[str, Any]:
    """`Scorecard`: every component with its evidence, and the cards that this one replaced.

    `late` is what came after the last run. Its fields are null if the count cannot be read.
    """
    return {
        **asdict(card.scorecard),
        "revision": card.revision,
        "plan_version": card.plan_version,
        "scored_at": iso(card.scored_at),
        "stale": late and {"since": late.since and iso(late.since), "facts": late.number},
        "earlier": [
            {**asdict(earlier), "scored_at": iso(earlier.scored_at)} for earlier in card.earlier
        ],
    }


def masked_view(found: MaskedTicket) -> dict[str, Any]:
    """`MaskedTicket`: a closed complaint about the reader, without number, customer and words."""
    return {
        "kind": found.kind,
        "category": found.category,
        "opened_on": found.opened_on.isoformat(),
        "closed_on": found.closed_on.isoformat(),
        "outcome": found.outcome,
        "closure": found.closure,
        "promises": [asdict(one) for one in found.promises],
        "facts": [
            {
                "component": one.component,
                "fact": one.evidence.fact,
                "value": one.evidence.value,
                "counted": one.evidence.counted,
            }
            for one in found.facts
        ],
    }


def scorecards_view(
    period: str,
    cards: list[Card],
    last_run: Summary | None,
    stale: Mapping[str, LateFacts],
) -> dict[str, Any]:
    """`Scorecards`: the cards of a month, without evidence, which the single card has."""
    listed = [scorecard_view(card, stale.get(card.scorecard.agent)) for card in cards]
    for card in listed:
        for component in card["components"]:
            del component["evidence"]
    return {
        "period": period,
        "last_run": _summary(last_run) if last_run else None,
        "cards": listed,
    }


def _summary(found: Summary) -> dict[str, Any]:
    return {**asdict(found), "finished_at": iso(found.finished_at)}


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "PUT",
        "/staff/ratings/{period}/{agent}",
        LEADERS,
        rate,
        body=UnreadBody("RatingBody"),
        answer="Rating",
        problems=(404,),
    ),
    Route(
        "POST",
        "/staff/scorecards/{period}",
        LEADERS,
        run_scores,
        headers=(IDEMPOTENCY_KEY,),
        answer="Run",
        status=202,
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/scorecards/{period}",
        STAFF,
        list_scorecards,
        answer="Scorecards",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/scorecards/{period}/{agent}",
        STAFF,
        read_scorecard,
        answer="Scorecard",
        problems=(404, 422),
    ),
)
