"""Monthly ratings and scorecards."""

from __future__ import annotations

import presenting
from route import IDEMPOTENCY_KEY, LEADERS, STAFF, Request, Route

from redress.base.errors import NotFound
from redress.base.people import Member
from redress.edge.bodies import UnreadBody
from redress.edge.http import Answer, answer, header
from redress.scores.store.scores import Summary
from redress.wiring import staff as wiring


def rate(request: Request) -> Answer:
    period, agent = request.path["period"], request.path["agent"]
    rating = wiring.scoring_cases().rate(request.member, period, agent, request.body)
    return answer(200, presenting.rating(rating))


def run_scores(request: Request) -> Answer:
    key = header(request.event, IDEMPOTENCY_KEY.lower())
    begun = wiring.scoring_cases().run(request.member, request.path["period"], key)
    return answer(202, presenting.run(begun))


def list_scorecards(request: Request) -> Answer:
    period = request.path["period"]
    cards = wiring.scoring_cases().cards(request.member, period)
    return answer(200, presenting.scorecards(period, cards, _last_run(request.member, period)))


def _last_run(member: Member, period: str) -> Summary | None:
    if member.role not in LEADERS:
        return None
    try:
        return wiring.scoring_cases().summary(member, period)
    except NotFound:
        return None


def read_scorecard(request: Request) -> Answer:
    period, agent = request.path["period"], request.path["agent"]
    card = wiring.scoring_cases().card(request.member, period, agent)
    return answer(200, presenting.scorecard(card))


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
