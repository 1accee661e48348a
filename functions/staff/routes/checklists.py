"""The checklist of a service request: staff decide about each item, and tell the customer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from route import STAFF, VERSION, PathPart, Request, Route
from ticket_view import ticket_view, warnings_view

from redress.base.errors import NotFound
from redress.base.people import Actor
from redress.edge.bodies import Body, Field, OneOf, OptionalText, OptionalTexts
from redress.edge.http import Answer, answer
from redress.plans.rules.plan import Plan
from redress.plans.rules.reader import NAME
from redress.tickets.cases.staff import StaffStep
from redress.tickets.cases.telling import Telling
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist import MOST_FILES, Responsible, find
from redress.tickets.rules.steps import checklists
from redress.tickets.rules.steps.table import TEXT_LIMIT
from redress.tickets.rules.ticket import Ticket
from redress.wiring import staff as wiring
from routes.tickets import MESSAGE, telling

Given = dict[str, Any]

ITEM = PathPart(lambda text: text if NAME.fullmatch(text) else None, "there is no such item")


class ItemStep(Protocol):
    """A step of `steps.checklists` that tells the customer something about an item."""

    def __call__(
        self, ticket: Ticket, plan: Plan, /, *, by: Actor, id_: str, text: str, at: datetime
    ) -> Change: ...


def accept_item(request: Request) -> Answer:
    def content() -> tuple[int, StaffStep]:
        given: Given = request.content().body
        item, text = request.path["id"], given["text"] or ""
        return given["version"], wiring.accepting().step(item, text, given["files"])

    return answer(200, _shown(request, _made(request, "accept_item", content)))


def _telling(act: str, step_of: Callable[[Given], ItemStep]) -> Callable[[Request], Answer]:
    """The route that tells the customer something about an item, as `act`.

    The answer has the warnings about the text (`Telling`).
    """

    def run(request: Request) -> Answer:
        sent: list[Telling] = []

        def content() -> tuple[int, StaffStep]:
            given: Given = request.content().body
            step, id_ = step_of(given), request.path["id"]
            sent.append(telling(request.member, given))
            return given["version"], sent[0].step(lambda text: partial(step, id_=id_, text=text))

        shown = _shown(request, _made(request, act, content))
        return answer(200, shown | {"warnings": warnings_view(sent[0].warnings)})

    run.__name__ = run.__qualname__ = act
    return run


reject_item = _telling("reject_item", lambda given: checklists.reject)
finish_step = _telling("finish_step", lambda given: checklists.finish)
tell_obstacle = _telling(
    "tell_obstacle",
    lambda given: partial(checklists.tell_obstacle, who=Responsible(given["who"])),
)


def _made(request: Request, act: str, content: Callable[[], tuple[int, StaffStep]]) -> Ticket:
    """Make an act on the item in the path. Raises NotFound if the ticket has no such item."""

    def there(ticket: Ticket) -> None:
        if find(ticket.checklist, request.path["id"]) is None:
            raise NotFound(ITEM.missing)

    number = request.path["number"]
    return wiring.staff_cases().act(request.member, number, act, content, there)


def _shown(request: Request, ticket: Ticket) -> dict[str, Any]:
    return ticket_view(ticket, request.member, wiring.plan_of(ticket), wiring.now())


def _of_item(path: str, run: Callable[[Request], Answer], schema: str, *fields: Field) -> Route:
    """A route that changes an item and answers with the changed ticket."""
    return Route(
        "POST",
        f"/staff/tickets/{{number}}/checklist/{{id}}/{path}",
        STAFF,
        run,
        body=Body(schema, (VERSION, *fields)),
        answer="Ticket",
        id=ITEM,
        problems=(404, 409),
    )


ROUTES = (
    _of_item(
        "acceptance",
        accept_item,
        "ItemAcceptance",
        OptionalText("text", TEXT_LIMIT),
        OptionalTexts("files", 16, MOST_FILES),
    ),
    _of_item("rejection", reject_item, "ItemRejection", *MESSAGE),
    _of_item("result", finish_step, "StepResult", *MESSAGE),
    _of_item("obstacle", tell_obstacle, "Obstacle", *MESSAGE, OneOf("who", tuple(Responsible))),
)
