"""Changes of tickets since a cursor, for a client that keeps a copy."""

from __future__ import annotations

from typing import Any

from route import STAFF, Request, Route

from redress.edge import cursors
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.tickets.cases.feed import CHANGES_LIMIT, ChangesPage
from redress.tickets.rules.feed import is_cursor
from redress.wiring import staff as wiring
from routes.lists import line_view


def list_changes(request: Request) -> Answer:
    limit, since = cursors.page(request.query, CHANGES_LIMIT, is_cursor, name="since")
    return answer(200, changes_view(wiring.feed().changes(request.member, since, limit)))


def changes_view(page: ChangesPage) -> dict[str, Any]:
    """`ChangesPage`: `next` is always there, also if nothing has changed."""
    return {
        "tickets": [line_view(line) for line in page.lines],
        "gone": page.gone,
        "next": to_cursor(page.next),
        "more": page.more,
    }


ROUTES = (
    Route(
        "GET",
        "/staff/changes",
        STAFF,
        list_changes,
        query=("since", "limit"),
        answer="ChangesPage",
        problems=(409, 410, 422),
    ),
)
"""The declaration of the route."""
