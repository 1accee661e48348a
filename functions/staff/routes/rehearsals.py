"""Rehearsals of a draft plan, and the reports of rehearsals and of moves."""

from __future__ import annotations

import csv
import io
from typing import Any

from route import (
    IDEMPOTENCY_KEY,
    MANAGERS,
    PLAN_LIMIT,
    PathPart,
    Request,
    Route,
    hexadecimal,
    iso,
)

from redress.base.errors import Fault, InvalidInput
from redress.edge.bodies import Body, OptionalText, Unread
from redress.edge.http import SECURITY, Answer, Refused, answer, header
from redress.edge.problems import plain
from redress.rehearsals.cases import RehearsalStatus
from redress.rehearsals.rules import counting
from redress.rehearsals.store import JobKind, RehearsalJob
from redress.wiring import staff as wiring

MONTH = len("2026-11")
MONTH_PATTERN = "^[0-9]{4}-(0[1-9]|1[0-2])$"


def rehearse_plan(request: Request) -> Answer:
    given = request.content()
    body = given.body
    job = wiring.rehearsal_cases().rehearse(
        request.member, body["plan"], body["period"], body["from"], body["to"], given.key
    )
    return begun(job, "rehearsals")


def begun(job: RehearsalJob, rehearsals: str) -> Answer:
    """The answer 202 for a new job, with its address.

    `rehearsals` is the address of all rehearsals, relative to that of the request (RFC 9110,
    10.2.2). It is relative because a function does not know its stage and domain.
    """
    body = {"id": job.id, "kind": job.kind.value}
    return answer(202, body, {"Location": f"{rehearsals}/{job.id}"})


def read_rehearsal(request: Request) -> Answer:
    found = wiring.rehearsal_cases().read(request.member, request.path["id"])
    if not _wants_table(request):
        return answer(200, rehearsal_view(found))
    if found.counts is None:
        detail = f"there is no table yet: this is {found.progress.state}"
        raise Refused(plain(409, "not-done", "Not done yet", detail))
    return {
        "statusCode": 200,
        "headers": {
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="rehearsal-{found.job.id}.csv"',
            **SECURITY,
        },
        "body": table_view(found),
    }


def _wants_table(request: Request) -> bool:
    """Whether the caller wants CSV: `?format=csv` or `Accept: text/csv`.

    The query has precedence, because a browser always sends an Accept header.
    """
    wanted = request.query.get("format")
    if wanted is None:
        return "text/csv" in header(request.event, "accept").lower()
    if wanted not in ("csv", "json"):
        raise InvalidInput([Fault("/format", "unknown_value", "one of csv, json")])
    return wanted == "csv"


# -------------------------------------------------------------------- views


def rehearsal_view(found: RehearsalStatus) -> dict[str, Any]:
    """`Rehearsal`: the request, its progress, and the report when it is done."""
    job, progress = found.job, found.progress
    return {
        "id": job.id,
        "kind": job.kind.value,
        "state": progress.state.value,
        "begun_at": iso(job.begun_at),
        "begun_by": job.by,
        "updated_at": iso(progress.updated_at),
        "plan_version": job.plan_version,
        "period": {"from": job.period[0], "to": job.period[1]} if job.period else None,
        "apply": job.apply,
        "dry_run": job.dry_run,
        "reason": job.reason,
        "progress": {"done": progress.done, "listed": progress.listed},
        "fault": progress.fault,
        "report": _report(found) if found.counts is not None else None,
    }


def _report(found: RehearsalStatus) -> dict[str, Any]:
    assert found.counts is not None
    layout = counting.report if found.job.kind is JobKind.REHEARSAL else counting.move_report
    return layout(found.counts)


def table_view(found: RehearsalStatus) -> str:
    """The report as CSV (RFC 4180): a line of column names, then a line for each number."""
    written = io.StringIO()
    csv.writer(written).writerows(counting.rows(_report(found)))
    return written.getvalue()


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "POST",
        "/staff/rehearsals",
        MANAGERS,
        rehearse_plan,
        headers=(IDEMPOTENCY_KEY,),
        body=Body(
            "RehearsalBody",
            (
                Unread("plan", "Plan"),
                OptionalText("period", MONTH, MONTH_PATTERN),
                OptionalText("from", MONTH, MONTH_PATTERN),
                OptionalText("to", MONTH, MONTH_PATTERN),
            ),
            PLAN_LIMIT,
        ),
        answer="RehearsalBegun",
        status=202,
        problems=(409,),
    ),
    Route(
        "GET",
        "/staff/rehearsals/{id}",
        MANAGERS,
        read_rehearsal,
        query=("format",),
        id=PathPart(hexadecimal(16), "there is no such rehearsal"),
        answer="Rehearsal",
        problems=(404, 409, 422),
    ),
)
