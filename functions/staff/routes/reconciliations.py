"""The reports of the daily reconciliation of tickets and workflows."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date
from typing import Any

from route import MANAGERS, Request, Route, iso

from redress.base.errors import NotFound
from redress.edge import cursors
from redress.edge.http import Answer, answer
from redress.wiring import staff as wiring
from redress.workflow.cases.reports import MOST_REPORTS
from redress.workflow.store import ReconciliationReport


def list_reconciliations(request: Request) -> Answer:
    limit = cursors.limit(request.query, MOST_REPORTS)
    found = wiring.report_cases().latest(request.member, limit)
    return answer(200, {"items": [reconciliation_view(one) for one in found]})


def read_reconciliation(request: Request) -> Answer:
    given = request.path["date"]
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given, re.ASCII):
            raise ValueError(given)
        day = date.fromisoformat(given)
    except ValueError as error:
        raise NotFound("a day such as 2026-11-23 is expected") from error
    return answer(200, reconciliation_view(wiring.report_cases().of_day(request.member, day)))


# -------------------------------------------------------------------- views


def reconciliation_view(found: ReconciliationReport) -> dict[str, Any]:
    """`Reconciliation`: what one run compared, found and repaired. It has only ids and numbers."""
    return {
        **asdict(found),
        "began_at": iso(found.began_at),
        "ended_at": iso(found.ended_at),
        "definition_since": iso(found.definition_since),
        "teams": list(found.teams),
        "mails": found.mails
        and {
            **asdict(found.mails),
            "since": iso(found.mails.since),
            "until": iso(found.mails.until),
        },
    }


# -------------------------------------------------------------------- declarations

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
