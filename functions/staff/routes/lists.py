"""The work list of a member of staff and the board of a team."""

from __future__ import annotations

import re
from typing import Any

from route import LEADERS, STAFF, Request, Route, iso

from redress.edge import cursors
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.mail.incoming.cases.watching import HeldWork
from redress.staff.cases.board import Board
from redress.tickets.cases.staff import PAGE_LIMIT, WorkItem, WorkPage
from redress.tickets.rules.numbers import normalised
from redress.wiring import staff as wiring
from routes.presence import availability_view


def list_work(request: Request) -> Answer:
    limit, cursor = cursors.page(request.query, PAGE_LIMIT, is_due_key)
    page = wiring.staff_cases().work(request.member, limit, cursor)
    return answer(200, work_page_view(page))


def show_board(request: Request) -> Answer:
    team = request.query.get("team") or request.member.team
    found = wiring.board().board(request.member, team)
    return answer(200, board_view(found, wiring.held_work().of_team(found.team)))


def is_due_key(key: str) -> bool:
    """Whether a text has the form of a key of the index of open work (`keys.due_sk`)."""
    due, _, number = key.rpartition("#")
    return bool(
        re.fullmatch(r"9999|[0-9T:.+-]{29}", due, re.ASCII) and normalised(number) == number
    )


# -------------------------------------------------------------------- views


def work_item_view(item: WorkItem) -> dict[str, Any]:
    """`WorkItem`: one line of a list."""
    return {
        "number": item.number,
        "version": item.version,
        "state": item.state,
        "kind": item.kind,
        "priority": item.priority,
        "language": item.language,
        "subject": item.subject,
        "assignee": item.assignee,
        "due_at": iso(item.due_at),
        "can": item.can,
    }


def work_page_view(page: WorkPage) -> dict[str, Any]:
    """`WorkPage`: `next` is the cursor of the next page, null on the last one."""
    return {"items": [work_item_view(item) for item in page.items], "next": to_cursor(page.next)}


def board_view(found: Board, held: HeldWork) -> dict[str, Any]:
    """`Board`: the present agents, the queue, the promises near their limit, and held mail."""
    return {
        "team": found.team,
        "present": [
            {"name": member.name, **availability_view(on_duty)} for member, on_duty in found.present
        ],
        "queued": found.queued,
        "open": found.open,
        "near_limit": [
            {
                **work_item_view(line.item),
                "clock": line.clock,
                "due_at": iso(line.due_at),
                "overdue": line.overdue,
            }
            for line in found.near
        ],
        "held_mail": {
            "unseen": held.unseen,
            "promised": held.promised,
            "oldest_at": iso(held.oldest_at),
            "due_at": iso(held.due_at),
            "overdue": held.overdue,
        },
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "GET",
        "/staff/work",
        STAFF,
        list_work,
        query=("limit", "cursor"),
        answer="WorkPage",
        problems=(422,),
    ),
    Route(
        "GET", "/staff/board", LEADERS, show_board, query=("team",), answer="Board", problems=(422,)
    ),
)
