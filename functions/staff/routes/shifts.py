"""Shift plans of members of staff."""

from __future__ import annotations

from typing import Any

from route import LEADERS, STAFF, Request, Route

from redress.base.people import is_subject
from redress.edge import cursors
from redress.edge.bodies import Body, Text
from redress.edge.cursors import to_cursor
from redress.edge.http import LONGEST_CHARACTER, Answer, answer
from redress.staff.cases.shifts import Planned
from redress.wiring import staff as wiring

TABLE_LIMIT = 100_000
"""The most characters of a table: some 1,600 lines."""
BODY_LIMIT = LONGEST_CHARACTER * TABLE_LIMIT + 20_000
PAGE_LIMIT = 25


def plan_shifts(request: Request) -> Answer:
    def content() -> str:
        text: str = request.content().body["csv"]
        return text

    found = wiring.shifts().plan(request.member, content)
    return answer(200, {"agents": found.agents, "days": found.days})


def list_shifts(request: Request) -> Answer:
    query = request.query
    page = wiring.shifts().of_week(
        request.member,
        query.get("team"),
        request.path["date"],
        lambda: cursors.page(query, PAGE_LIMIT, is_subject),
    )
    items = [shift_view(one) for one in page.shifts]
    return answer(200, {"items": items, "next": to_cursor(page.next)})


# -------------------------------------------------------------------- views


def shift_view(found: Planned) -> dict[str, Any]:
    """`Shift`: one shift of a member, with local times."""
    shift = found.shift
    return {
        "agent": found.agent,
        "date": found.day.isoformat(),
        "begin": shift.begin,
        "end": shift.end,
        "zone": shift.zone,
        "breaks": [{"begin": begin, "end": end} for begin, end in shift.breaks],
        "position": shift.position,
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "POST",
        "/staff/shifts",
        LEADERS,
        plan_shifts,
        body=Body("ShiftTable", (Text("csv", TABLE_LIMIT),), BODY_LIMIT),
        answer="PlannedShifts",
    ),
    Route(
        "GET",
        "/staff/shifts/{date}",
        STAFF,
        list_shifts,
        query=("team", "limit", "cursor"),
        answer="Shifts",
        problems=(404, 422),
    ),
)
