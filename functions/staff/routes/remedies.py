"""Remedies: promising one, deciding about it, taking it back, saying that it is done; their lists.

Each act names the version of the ticket that the caller has read, as every change of a ticket does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from route import LEADERS, REASON, STAFF, VERSION, PathPart, Request, Route, asked_list
from ticket_view import remedy_view, ticket_view, warnings_view

from redress.base.money import MOST_AMOUNT
from redress.base.people import Role
from redress.edge import cursors
from redress.edge.bodies import (
    Body,
    Field,
    OptionalInstant,
    OptionalText,
    OptionalWhole,
    Text,
)
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.plans.rules.reader import NAME_LIMIT
from redress.staff.cases.remedies import PAGE, RemedyPage, Which, must_have
from redress.tickets.cases.staff import StaffStep
from redress.tickets.cases.telling import Telling
from redress.tickets.rules.remedies import MOST_REMEDIES
from redress.tickets.rules.steps import remedying
from redress.tickets.rules.steps.remedying import NewRemedy
from redress.tickets.rules.steps.table import REMEDY_LIMIT, TEXT_LIMIT
from redress.tickets.rules.ticket import Ticket
from redress.wiring import staff as wiring
from routes.tasks import is_task_place
from routes.tickets import MESSAGE, telling

Given = dict[str, Any]


def _remedy_id(text: str) -> str | None:
    is_id = re.fullmatch("[1-9][0-9]?", text) and int(text) <= MOST_REMEDIES
    return text if is_id else None


REMEDY = PathPart(_remedy_id, "there is no such remedy")


def _shown(request: Request, ticket: Ticket) -> dict[str, Any]:
    return ticket_view(ticket, request.member, wiring.plan_of(ticket), wiring.now())


# -------------------------------------------------------------------- acts


def propose_remedy(request: Request) -> Answer:
    sent: list[Telling] = []

    def content() -> tuple[int, StaffStep]:
        given: Given = request.content().body
        new = NewRemedy(
            given["kind"], given["reason"], given["amount"], given["currency"], given["due_at"]
        )
        sent.append(telling(request.member, given))
        step = sent[0].step(lambda text: wiring.remedies().proposing(new, text))
        return given["version"], wiring.remedies().taking_over(step)

    number = request.path["number"]
    ticket = wiring.staff_cases().act(request.member, number, "propose_remedy", content)
    shown = _shown(request, ticket)
    return answer(200, shown | {"warnings": warnings_view(sent[0].warnings)})


def _acting(act: str, step_of: Callable[[str, Given], StaffStep]) -> Callable[[Request], Answer]:
    """The route that makes the step that `step_of` returns for a remedy and a body, as `act`."""

    def run(request: Request) -> Answer:
        number, id_ = request.path["number"], request.path["id"]

        def content() -> tuple[int, StaffStep]:
            given: Given = request.content().body
            return given["version"], step_of(id_, given)

        there = must_have(id_)
        ticket = wiring.staff_cases().act(request.member, number, act, content, there)
        return answer(200, _shown(request, ticket))

    run.__name__ = run.__qualname__ = act
    return run


approve_remedy = _acting(
    "approve_remedy", lambda id_, given: wiring.remedies().approving(id_, given["due_at"])
)
refuse_remedy = _acting(
    "refuse_remedy", lambda id_, given: partial(remedying.refuse, id_=id_, why=given["reason"])
)
withdraw_remedy = _acting(
    "withdraw_remedy",
    lambda id_, given: partial(
        remedying.withdraw, id_=id_, why=given["reason"], text=given["text"] or ""
    ),
)
finish_remedy = _acting(
    "finish_remedy",
    lambda id_, given: wiring.remedies().finishing(
        id_, given["proof"], given["text"] or "", given["file"]
    ),
)


# -------------------------------------------------------------------- lists


def list_remedies(request: Request) -> Answer:
    def content() -> tuple[int, str | None]:
        return cursors.page(request.query, PAGE, is_task_place)

    which, team = asked_list(request.query, tuple(Which), Which.PROPOSED, content)
    page = wiring.remedies().page(request.member, Which(which), team, content)
    return answer(200, _page_view(page))


def _page_view(page: RemedyPage) -> dict[str, Any]:
    """`RemedyPage`: `next` is the cursor of the next page, null on the last one."""
    now = wiring.now()
    items = [
        {
            "number": line.ticket.number,
            "version": line.ticket.version,
            **remedy_view(line.remedy, line.can, now),
        }
        for line in page.lines
    ]
    return {"items": items, "next": to_cursor(page.next)}


# -------------------------------------------------------------------- declarations


def _act(
    path: str,
    run: Callable[[Request], Answer],
    schema: str,
    *fields: Field,
    roles: frozenset[Role] = STAFF,
) -> Route:
    """A route that changes a remedy of a ticket and answers with the changed ticket."""
    return Route(
        "POST",
        f"/staff/tickets/{{number}}/remedies/{{id}}/{path}",
        roles,
        run,
        body=Body(schema, (VERSION, *fields)),
        answer="Ticket",
        id=REMEDY,
        problems=(404, 409),
    )


ROUTES = (
    Route(
        "POST",
        "/staff/tickets/{number}/remedies",
        STAFF,
        propose_remedy,
        body=Body(
            "NewRemedy",
            (
                VERSION,
                *MESSAGE,
                Text("kind", NAME_LIMIT),
                Text("reason", REMEDY_LIMIT),
                OptionalWhole("amount", least=1, most=MOST_AMOUNT),
                OptionalText("currency", 3, "^[A-Z]{3}$"),
                OptionalInstant("due_at"),
            ),
        ),
        answer="Ticket",
        problems=(404, 409),
    ),
    _act("approval", approve_remedy, "RemedyApproval", OptionalInstant("due_at"), roles=LEADERS),
    _act("refusal", refuse_remedy, "RemedyRefusal", REASON, roles=LEADERS),
    _act(
        "withdrawal",
        withdraw_remedy,
        "RemedyWithdrawal",
        REASON,
        OptionalText("text", TEXT_LIMIT),
    ),
    _act(
        "completion",
        finish_remedy,
        "RemedyCompletion",
        Text("proof", REMEDY_LIMIT),
        OptionalText("text", TEXT_LIMIT),
        OptionalText("file", 16),
    ),
    Route(
        "GET",
        "/staff/remedies",
        LEADERS,
        list_remedies,
        query=("list", "team", "limit", "cursor"),
        answer="RemedyPage",
        problems=(422,),
    ),
)
