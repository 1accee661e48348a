"""The service plan: its versions, and moves of open tickets to one of them."""

from __future__ import annotations

from typing import Any

from route import (
    IDEMPOTENCY_KEY,
    MANAGERS,
    NAME_LIMIT,
    PLAN_LIMIT,
    REASON_LIMIT,
    STAFF,
    Request,
    Route,
    iso,
    whole_number,
)

from redress.edge import cursors
from redress.edge.bodies import Body, Flag, OptionalText, UnreadBody
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.plans.cases import PAGE_LIMIT, Publication, VersionPage
from redress.plans.store.plans import Published
from redress.rehearsals.cases import AskedMove
from redress.wiring import staff as wiring
from routes.rehearsals import begun


def read_plan(request: Request) -> Answer:
    return answer(200, wiring.plan_cases().current_document())


def list_plans(request: Request) -> Answer:
    limit, cursor = cursors.page(request.query, PAGE_LIMIT, is_version)
    page = wiring.plan_cases().versions(limit, int(cursor) if cursor else None)
    return answer(200, plan_page_view(page))


def read_plan_version(request: Request) -> Answer:
    return answer(200, wiring.plan_cases().document(request.path["version"]))


def publish_plan(request: Request) -> Answer:
    found = wiring.plan_cases().publish(request.member, request.content().body)
    location = {"Location": f"plans/{found.about.version}"}
    return answer(201, publication_view(found), location)


def move_open_tickets(request: Request) -> Answer:
    def content() -> AskedMove:
        given = request.content()
        body = given.body
        return AskedMove(body["apply"], body["dry_run"], body["reason"], given.key)

    job = wiring.rehearsal_cases().move(request.member, request.path["version"], content)
    return begun(job, "../../rehearsals")


def is_version(text: str) -> bool:
    """Whether a text has the form of a plan's version."""
    return whole_number(text) is not None


# -------------------------------------------------------------------- views


def plan_page_view(page: VersionPage) -> dict[str, Any]:
    """`PlanVersions`: the newest first. `next` is the cursor of the next page."""
    return {
        "items": [{**_about(about), "state": standing.value} for about, standing in page.items],
        "next": to_cursor(str(page.next) if page.next else None),
    }


def publication_view(found: Publication) -> dict[str, Any]:
    """`PublishedPlan`: facts about the version, and notes for the person who published it."""
    return {**_about(found.about), "notes": found.notes}


def _about(found: Published) -> dict[str, Any]:
    return {
        "version": found.version,
        "note": found.note,
        "effective_from": iso(found.effective_from),
        "review_by": found.review_by.isoformat() if found.review_by else None,
        "published_at": iso(found.at),
        "published_by": found.by,
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route("GET", "/staff/plan", STAFF, read_plan, answer="Plan"),
    Route(
        "GET",
        "/staff/plans",
        STAFF,
        list_plans,
        query=("limit", "cursor"),
        answer="PlanVersions",
        problems=(422,),
    ),
    Route(
        "POST",
        "/staff/plans",
        MANAGERS,
        publish_plan,
        body=UnreadBody("Plan", PLAN_LIMIT),
        answer="PublishedPlan",
        status=201,
    ),
    Route(
        "GET",
        "/staff/plans/{version}",
        STAFF,
        read_plan_version,
        answer="Plan",
        problems=(404,),
    ),
    Route(
        "POST",
        "/staff/plans/{version}/moves",
        MANAGERS,
        move_open_tickets,
        headers=(IDEMPOTENCY_KEY,),
        body=Body(
            "Move",
            (
                Flag("apply"),
                OptionalText("dry_run", NAME_LIMIT),
                OptionalText("reason", REASON_LIMIT),
            ),
        ),
        answer="RehearsalBegun",
        status=202,
        problems=(404, 409),
    ),
)
