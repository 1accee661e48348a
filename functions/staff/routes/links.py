"""Links between tickets: linking two tickets, and ending a link."""

from __future__ import annotations

from collections.abc import Callable

from route import REASON, STAFF, VERSION, Request, Route
from ticket_view import ticket_view

from redress.base.people import Member
from redress.edge.bodies import Body, OneOf, Text
from redress.edge.http import Answer, answer
from redress.tickets.cases.linking import Wanted
from redress.tickets.rules.ticket import LinkKind, Ticket
from redress.wiring import staff as wiring

NUMBER_LIMIT = 40
"""The most characters of a number as somebody types it. More is no number."""


def link(request: Request) -> Answer:
    return _changed(request, wiring.linking().link)


def unlink(request: Request) -> Answer:
    return _changed(request, wiring.linking().unlink)


def _changed(
    request: Request, change: Callable[[Member, str, Callable[[], Wanted]], Ticket]
) -> Answer:
    def content() -> Wanted:
        given = request.content().body
        return Wanted(given["version"], LinkKind(given["kind"]), given["ticket"], given["reason"])

    found = change(request.member, request.path["number"], content)
    return answer(200, ticket_view(found, request.member, wiring.plan_of(found), wiring.now()))


LINK = (VERSION, OneOf("kind", tuple(LinkKind)), Text("ticket", NUMBER_LIMIT), REASON)

ROUTES = tuple(
    Route(
        "POST",
        f"/staff/tickets/{{number}}/{path}",
        STAFF,
        run,
        body=Body(schema, LINK),
        answer="Ticket",
        problems=(404, 409),
    )
    for path, run, schema in (("links", link, "Linking"), ("unlink", unlink, "Unlinking"))
)
