"""What a draft of a plan would have changed, and what a move of open tickets did."""

from __future__ import annotations

import re

import presenting
from route import IDEMPOTENCY_KEY, MANAGERS, PLAN_LIMIT, Request, Route

from redress.base.errors import Fault, InvalidInput, NotFound
from redress.edge.bodies import Body, OptionalText, Unread
from redress.edge.http import SECURITY, Answer, Refused, answer, header
from redress.edge.problems import plain
from redress.rehearsals.store import RehearsalJob
from redress.wiring import staff as wiring

MONTH = len("2026-11")
MONTH_PATTERN = "^[0-9]{4}-(0[1-9]|1[0-2])$"


def rehearse_plan(request: Request) -> Answer:
    given = request.body
    job = wiring.rehearsal_cases().rehearse(
        request.member,
        given["plan"],
        given["period"],
        given["from"],
        given["to"],
        header(request.event, IDEMPOTENCY_KEY.lower()),
    )
    return begun(job, "rehearsals")


def begun(job: RehearsalJob, rehearsals: str) -> Answer:
    """202, and where the job can be read.

    `rehearsals` is the address of the rehearsals, relative to the request's own address (RFC 9110,
    10.2.2): a function does not know under which stage or domain it is called.
    """
    body = {"id": job.id, "kind": job.kind.value}
    return answer(202, body, {"Location": f"{rehearsals}/{job.id}"})


def read_rehearsal(request: Request) -> Answer:
    job_id = request.path["id"]
    if not re.fullmatch(r"[0-9a-f]{16}", job_id, re.ASCII):
        raise NotFound("there is no such rehearsal")
    table = _wants_table(request)
    found = wiring.rehearsal_cases().read(request.member, job_id)
    if not table:
        return answer(200, presenting.rehearsal(found))
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
        "body": presenting.rehearsal_table(found),
    }


def _wants_table(request: Request) -> bool:
    """`?format=csv`, or `Accept: text/csv`; the address wins, since a browser sends its own."""
    wanted = request.query.get("format")
    if wanted is None:
        return "text/csv" in header(request.event, "accept").lower()
    if wanted not in ("csv", "json"):
        raise InvalidInput([Fault("/format", "unknown_value", "one of csv, json")])
    return wanted == "csv"


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
                Unread("plan"),
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
        answer="Rehearsal",
        problems=(404, 409, 422),
    ),
)
