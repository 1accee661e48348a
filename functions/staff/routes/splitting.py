"""Split messages off a ticket into one of their own, and undo it."""

from __future__ import annotations

from route import IDEMPOTENCY_KEY, REASON, STAFF, VERSION, Request, Route
from ticket_view import ticket_view

from redress.edge.bodies import Body, OneOf, OptionalText, Text, Wholes
from redress.edge.http import Answer, answer
from redress.plans.rules.categories import LIMIT as CATEGORY_LIMIT
from redress.plans.rules.plan import KINDS
from redress.tickets.cases.splitting import Undo, Wanted
from redress.tickets.rules.steps.splitting import NewMatter
from redress.tickets.rules.steps.table import MOST_SPLIT
from redress.tickets.rules.submission import SUBJECT_LIMIT
from redress.wiring import staff as wiring

NUMBER_LIMIT = 40
"""The most characters of a number as somebody types it. More is no number."""


def split_ticket(request: Request) -> Answer:
    def content() -> Wanted:
        given = request.content()
        body = given.body
        if not body["merged"]:  # a request without it is the same as one to the version before
            body = {name: one for name, one in body.items() if name != "merged"}
        matter = NewMatter(
            body["events"],
            body["subject"],
            body["kind"],
            body["category"] or None,
            body["reason"],
            body.get("merged"),
        )
        return Wanted(body["version"], matter, body, given.key)

    split = wiring.splitting().split(request.member, request.path["number"], content)
    found = split.ticket
    shown = {
        "number": split.told.number,
        "told_by": split.told.by,
        "replayed": split.replayed,
        "ticket": ticket_view(found, request.member, wiring.plan_of(found), wiring.now()),
    }
    # Relative to the address of this route, so that it is right behind any domain.
    return answer(201, shown, {"Location": f"../{split.told.number}"})


def unsplit_ticket(request: Request) -> Answer:
    def content() -> Undo:
        given = request.content().body
        return Undo(given["version"], given["ticket"], given["reason"])

    found = wiring.splitting().unsplit(request.member, request.path["number"], content)
    return answer(200, ticket_view(found, request.member, wiring.plan_of(found), wiring.now()))


# -------------------------------------------------------------------- declarations

SPLIT = (
    VERSION,
    Wholes("events", least=1, most=MOST_SPLIT),
    Text("subject", SUBJECT_LIMIT),
    OneOf("kind", KINDS),
    OptionalText("category", CATEGORY_LIMIT),
    OptionalText("merged", NUMBER_LIMIT),
    REASON,
)

ROUTES = (
    Route(
        "POST",
        "/staff/tickets/{number}/split",
        STAFF,
        split_ticket,
        status=201,
        body=Body("Splitting", SPLIT),
        headers=(IDEMPOTENCY_KEY,),
        key_required=True,
        answer="SplitTicket",
        problems=(404, 409),
    ),
    Route(
        "POST",
        "/staff/tickets/{number}/unsplit",
        STAFF,
        unsplit_ticket,
        body=Body("Unsplitting", (VERSION, Text("ticket", NUMBER_LIMIT), REASON)),
        answer="Ticket",
        problems=(404, 409),
    ),
)
