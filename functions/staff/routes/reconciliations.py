"""What the daily reconciliation of tickets and workflows found."""

from __future__ import annotations

import re
from datetime import date

import presenting
from route import MANAGERS, Request, Route

from redress.base.errors import NotFound
from redress.edge import cursors
from redress.edge.http import Answer, answer
from redress.wiring import staff as wiring
from redress.workflow.cases.reports import MOST_REPORTS


def list_reconciliations(request: Request) -> Answer:
    limit = cursors.limit(request.query, MOST_REPORTS)
    found = wiring.report_cases().latest(request.member, limit)
    return answer(200, {"items": [presenting.report(one) for one in found]})


def read_reconciliation(request: Request) -> Answer:
    given = request.path["date"]
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given, re.ASCII):
            raise ValueError(given)
        day = date.fromisoformat(given)
    except ValueError as error:
        raise NotFound("a day such as 2026-11-23 is expected") from error
    return answer(200, presenting.report(wiring.report_cases().of_day(request.member, day)))


ROUTES = (
    Route(
        "GET",
        "/staff/reconciliations",
        MANAGERS,
        list_reconciliations,
        query=("limit",),
        answer="Reconciliations",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/reconciliations/{date}",
        MANAGERS,
        read_reconciliation,
        answer="Reconciliation",
        problems=(404,),
    ),
)
