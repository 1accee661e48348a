"""Open a ticket for a customer with whom a member of staff speaks."""

from __future__ import annotations

from typing import Any

from route import IDEMPOTENCY_KEY, STAFF, Request, Route
from ticket_view import ticket_view

from redress.edge.bodies import UnreadBody
from redress.edge.http import Answer, answer
from redress.staff.cases.opening import Opened
from redress.wiring import staff as wiring


def open_ticket(request: Request) -> Answer:
    given = request.content()
    opened = wiring.opening().open(request.member, given.body, given.key)
    # Relative to the address of this route, so that it is right behind any domain.
    return answer(201, opened_view(opened, request), {"Location": f"tickets/{opened.told.number}"})


def opened_view(opened: Opened, request: Request) -> dict[str, Any]:
    """`OpenedTicket`: what the caller is told, and the ticket if its opener may see it."""
    told, ticket = opened.told, opened.ticket
    shown = None
    if ticket is not None:
        shown = ticket_view(ticket, request.member, wiring.plan_of(ticket), wiring.now())
    return {
        "number": told.number,
        "language": told.language,
        "say": told.say,
        "acknowledged_by": "mail" if told.by_mail else "agent",
        "replayed": opened.replayed,
        "ticket": shown,
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "POST",
        "/staff/tickets",
        STAFF,
        open_ticket,
        status=201,
        body=UnreadBody("NewTicket"),
        headers=(IDEMPOTENCY_KEY,),
        key_required=True,
        answer="OpenedTicket",
        problems=(409,),
    ),
)
