"""Links between tickets: linking two, ending a link, merging, and dismissing a duplicate."""

from __future__ import annotations

from collections.abc import Callable

from route import REASON, STAFF, VERSION, Request, Route
from ticket_view import ticket_view

from redress.base.people import Member
from redress.edge.bodies import Body, OneOf, Text, Whole
from redress.edge.http import Answer, answer
from redress.tickets.cases import merging
from redress.tickets.cases.linking import Dismissed, Wanted
from redress.tickets.rules.ticket import WITHOUT_EFFECT, LinkKind, Ticket
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


def merge_ticket(request: Request) -> Answer:
    def content() -> merging.Wanted:
        given = request.content().body
        into, into_version = given["into"], given["into_version"]
        return merging.Wanted(given["version"], into, into_version, given["reason"])

    found = wiring.merging().merge(request.member, request.path["number"], content)
    return answer(200, ticket_view(found, request.member, wiring.plan_of(found), wiring.now()))


def unmerge_ticket(request: Request) -> Answer:
    def content() -> tuple[int, str]:
        given = request.content().body
        return given["version"], given["reason"]

    found = wiring.merging().unmerge(request.member, request.path["number"], content)
    return answer(200, ticket_view(found, request.member, wiring.plan_of(found), wiring.now()))


def dismiss_duplicate(request: Request) -> Answer:
    def content() -> Dismissed:
        given = request.content().body
        return Dismissed(given["version"], given["ticket"], given["reason"])

    found = wiring.linking().dismiss(request.member, request.path["number"], content)
    return answer(200, ticket_view(found, request.member, wiring.plan_of(found), wiring.now()))


MERGE = (VERSION, Text("into", NUMBER_LIMIT), Whole("into_version", least=1), REASON)
DISMISSAL = (VERSION, Text("ticket", NUMBER_LIMIT), REASON)
LINK = (VERSION, OneOf("kind", WITHOUT_EFFECT), Text("ticket", NUMBER_LIMIT), REASON)

ROUTES = tuple(
    Route(
        "POST",
        f"/staff/tickets/{{number}}/{path}",
        STAFF,
        run,
        body=Body(schema, fields),
        answer="Ticket",
        problems=(404, 409),
    )
    for path, run, schema, fields in (
        ("links", link, "Linking", LINK),
        ("unlink", unlink, "Unlinking", LINK),
        ("merge", merge_ticket, "Merging", MERGE),
        ("unmerge", unmerge_ticket, "Unmerging", (VERSION, REASON)),
        ("not-duplicate", dismiss_duplicate, "DuplicateDismissal", DISMISSAL),
    )
)
