"""The reports of the daily reconciliation of tickets and workflows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from route import MANAGERS, Request, Route, iso

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
    found = wiring.report_cases().of_day(request.member, request.path["date"])
    return answer(200, reconciliation_view(found))


# -------------------------------------------------------------------- views


def reconciliation_view(found: ReconciliationReport) -> dict[str, Any]:
    """`Reconciliation`: what one run compared, found and repaired. It has only ids and numbers."""
    shown = asdict(found)
    del shown["mails_next"]  # for the next run only
    return {
        **shown,
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
