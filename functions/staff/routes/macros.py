"""Macros: the plan's lists of acts that are done with one call, whole or not at all."""

from __future__ import annotations

from typing import Any

from route import STAFF, VERSION, Request, Route
from ticket_view import event_view, lengthened_view, ticket_view

from redress.edge.bodies import Body, Flag
from redress.edge.http import Answer, answer
from redress.plans.rules.macros import Macro, acts_of
from redress.wiring import staff as wiring


def list_macros(request: Request) -> Answer:
    found = wiring.macros().of(request.member)
    return answer(200, {"items": [macro_view(macro) for macro in found]})


def apply_macro(request: Request) -> Answer:
    dry_run = False

    def content() -> tuple[int, bool]:
        nonlocal dry_run
        given = request.content().body
        dry_run = given["dry_run"]
        return given["version"], dry_run

    number, name = request.path["number"], request.path["macro"]
    done = wiring.macros().apply(request.member, number, name, content)
    shown = {
        "dry_run": dry_run,
        "ticket": ticket_view(
            done.ticket, request.member, wiring.plan_of(done.ticket), wiring.now()
        )
        | lengthened_view(done.events),
        "events": [event_view(event, request.member) for event in done.events],
    }
    return answer(200, shown)


# -------------------------------------------------------------------- views


def macro_view(macro: Macro) -> dict[str, Any]:
    """`Macro`: its name and label, and its acts as the plan has them."""
    return {
        "name": macro["name"],
        "label": dict(macro["label"]),
        "acts": [{"act": act, **fields} for act, fields in acts_of(macro)],
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route("GET", "/staff/macros", STAFF, list_macros, answer="Macros"),
    Route(
        "POST",
        "/staff/tickets/{number}/macros/{macro}",
        STAFF,
        apply_macro,
        body=Body("MacroCall", (VERSION, Flag("dry_run"))),
        answer="MacroResult",
        problems=(404, 409),
    ),
)
