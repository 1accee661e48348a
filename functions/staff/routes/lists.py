"""What to do next: the work of one member of staff, the board of a team."""

from __future__ import annotations

import re

import presenting
from route import LEADERS, STAFF, Request, Route

from redress.edge import cursors
from redress.edge.http import Answer, answer
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.tickets.rules.numbers import normalised
from redress.wiring import staff as wiring


def list_work(request: Request) -> Answer:
    limit, cursor = cursors.page(request.query, PAGE_LIMIT, is_due_key)
    page = wiring.staff_cases().work(request.member, limit, cursor)
    return answer(200, presenting.work_page(page))


def show_board(request: Request) -> Answer:
    team = request.query.get("team") or request.member.team
    return answer(200, presenting.board(wiring.board().board(request.member, team)))


def is_due_key(key: str) -> bool:
    """Whether this is a key of the index of open work (`keys.due_sk`)."""
    due, _, number = key.rpartition("#")
    return bool(
        re.fullmatch(r"9999|[0-9T:.+-]{29}", due, re.ASCII) and normalised(number) == number
    )


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
    Route("GET", "/staff/board", LEADERS, show_board, query=("team",), answer="Board"),
)
