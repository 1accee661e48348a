"""Find tickets by a number, an address, a phone number, an order number, or by words."""

from __future__ import annotations

import re
from typing import Any

from route import STAFF, Request, Route, iso

from redress.base.errors import Fault, InvalidInput
from redress.edge import cursors
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.search.cases.searching import DETAILS, PAGE_LIMIT, Found, checked
from redress.tickets.rules.numbers import normalised
from redress.wiring import staff as wiring
from routes.lists import work_item_view


def search_tickets(request: Request) -> Answer:
    faults: list[Fault] = []
    limit, cursor = PAGE_LIMIT, None
    text = request.query.get("q", "")
    try:
        checked(text)
    except InvalidInput as invalid:
        faults += invalid.faults
    try:
        limit, cursor = cursors.page(request.query, PAGE_LIMIT, is_place)
    except InvalidInput as invalid:
        faults += invalid.faults
    if faults:
        raise InvalidInput(faults)
    return answer(200, found_view(wiring.search().find(request.member, text, limit, cursor)))


def is_place(key: str) -> bool:
    """Whether a text has the form of a place in the index of words (`segments.place_of`)."""
    opened, _, number = key.rpartition("#")
    return bool(re.fullmatch(r"[0-9T:.+-]{29}", opened, re.ASCII) and normalised(number) == number)


def found_view(found: Found) -> dict[str, Any]:
    """`FoundPage`: one page of tickets, what the query is, and the state of the index."""
    return {
        "items": [work_item_view(item) for item in found.items],
        "next": to_cursor(found.next),
        "by": found.by.value,
        "index": {
            "state": found.index.state.value,
            "indexed_until": iso(found.index.indexed_until),
            "detail": DETAILS[found.index.state],
        },
    }


ROUTES = (
    Route(
        "GET",
        "/staff/search",
        STAFF,
        search_tickets,
        query=("q", "limit", "cursor"),
        answer="FoundPage",
        problems=(422,),
    ),
)
