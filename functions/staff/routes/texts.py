"""The texts that the plan has ready: reply templates, drafts of them, and call scripts."""

from __future__ import annotations

from typing import Any

from route import STAFF, Request, Route
from ticket_view import warnings_view

from redress.base.errors import NotFound
from redress.edge.bodies import Body
from redress.edge.http import Answer, answer
from redress.plans.rules import templates
from redress.plans.rules.plan import Plan
from redress.tickets.cases.telling import Telling
from redress.tickets.cases.texts import Draft, Scripts
from redress.tickets.rules.numbers import normalised
from redress.wiring import staff as wiring
from routes.tickets import MESSAGE, telling


def list_templates(request: Request) -> Answer:
    plan = wiring.text_cases().plan(request.member, _ticket(request))
    return answer(200, templates_view(plan))


def list_scripts(request: Request) -> Answer:
    language = request.query.get("language")
    found = wiring.text_cases().scripts(request.member, _ticket(request), language)
    return answer(200, scripts_view(found))


def draft(request: Request) -> Answer:
    def content() -> Telling:
        return telling(request.member, request.content().body)

    found = wiring.text_cases().draft(request.member, request.path["number"], content)
    return answer(200, draft_view(found))


def _ticket(request: Request) -> str | None:
    """The ticket that the query names; None if it names none. Raises NotFound."""
    given = request.query.get("ticket")
    if given is None:
        return None
    number = normalised(given)
    if number is None:
        raise NotFound("there is no such ticket")
    return number


# -------------------------------------------------------------------- views


def templates_view(plan: Plan) -> dict[str, Any]:
    """`Templates`: the reply templates of a plan, with the variables of each."""
    items = []
    for name, texts in plan.templates.items():
        used = {one for text in texts.values() for one in templates.variables_of(text)}
        given = [one for one in templates.FROM_WRITER if one in used]
        items.append(
            {
                "name": name,
                "texts": dict(texts),
                "variables": sorted(used - {*given}),
                "values": given,
            }
        )
    return {"plan_version": plan.version, "items": items}


def scripts_view(found: Scripts) -> dict[str, Any]:
    """`Scripts`: the call scripts of a plan in one language."""
    return {
        "plan_version": found.plan_version,
        "language": found.language,
        "items": [
            {"name": one.name, "text": one.text, "unresolved": one.unresolved}
            for one in found.scripts
        ],
    }


def draft_view(found: Draft) -> dict[str, Any]:
    """`Draft`: what a message to the customer would say."""
    return {
        "text": found.text,
        "language": found.language,
        "warnings": warnings_view(found.warnings),
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "GET",
        "/staff/templates",
        STAFF,
        list_templates,
        query=("ticket",),
        answer="Templates",
        problems=(404,),
    ),
    Route(
        "GET",
        "/staff/scripts",
        STAFF,
        list_scripts,
        query=("language", "ticket"),
        answer="Scripts",
        problems=(404, 422),
    ),
    Route(
        "POST",
        "/staff/tickets/{number}/draft",
        STAFF,
        draft,
        body=Body("MessageToDraft", MESSAGE),
        answer="Draft",
        problems=(404,),
    ),
)
