"""The post-mortem of an urgent ticket, and how the actions of a post-mortem are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from route import REASON_LIMIT, STAFF, VERSION, Request, Route
from ticket_view import ticket_view

from redress.base import texts
from redress.base.errors import Fault, pointer
from redress.base.people import is_subject
from redress.edge.bodies import Body, Faults, OptionalText, Text, Unread
from redress.edge.http import Answer, answer
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.post_mortem import MOST_ACTIONS, TEXT_LIMIT, Action
from redress.tickets.rules.steps.post_mortems import Learnt
from redress.wiring import staff as wiring

Given = dict[str, Any]


class Actions(Unread, frozen=True):
    """The actions of a post-mortem: a text, the member who does it, and a day, each of them.

    There are at least `least`. If that is 0, the field may be null or left out.
    """

    least: int = 1

    @property
    def required(self) -> bool:
        return self.least > 0

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        given, here = body.get(self.name), f"/{self.name}"
        if given is None and not self.required:
            return []
        if not isinstance(given, list):
            faults.append(Fault(here, "list_expected", "a list of actions is expected here"))
            return []
        if not self.least <= len(given) <= MOST_ACTIONS:
            code = "too_many" if given else "required"
            faults.append(Fault(here, code, f"from {self.least} to {MOST_ACTIONS} actions"))
            return []
        found = [_action(one, f"{here}/{index}", faults) for index, one in enumerate(given)]
        return [one for one in found if one is not None]


def _action(given: Any, here: str, faults: Faults) -> Action | None:
    """One action of a request; None if it has a fault, which is added to `faults`."""
    if not isinstance(given, dict):
        faults.append(Fault(here, "object_expected", "a text, an owner and a day"))
        return None
    own: Faults = [
        Fault(here + pointer(name), "unknown", "an action has `text`, `owner` and `due`")
        for name in given
        if name not in ("text", "owner", "due")
    ]
    field = Text(f"{here[1:]}/text", REASON_LIMIT)
    text = field.read({field.name: given.get("text")}, own)
    owner, due = given.get("owner"), _day(given.get("due"))
    if not isinstance(owner, str) or not is_subject(owner):
        own.append(Fault(f"{here}/owner", "unknown_agent", "the id of a member of staff"))
    if due is None:
        detail = "a day such as 2026-12-31 is expected"
        own.append(Fault(f"{here}/due", "date_expected", detail))
    faults += own
    if own or due is None or not isinstance(owner, str):
        return None
    return Action(texts.cleaned(text), owner, due)


def _day(value: Any) -> date | None:
    if not isinstance(value, str) or not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def write_post_mortem(request: Request) -> Answer:
    def content() -> tuple[int, StaffStep]:
        given: Given = request.content().body
        learnt = Learnt(
            given["happened"], given["cause"], tuple(given["actions"]), given["no_action"] or None
        )
        return given["version"], wiring.post_mortems().writing(learnt)

    number = request.path["number"]
    ticket = wiring.staff_cases().act(request.member, number, "write_post_mortem", content)
    shown = ticket_view(ticket, request.member, wiring.plan_of(ticket), wiring.now())
    return answer(200, shown)


ROUTES = (
    Route(
        "POST",
        "/staff/tickets/{number}/post-mortem",
        STAFF,
        write_post_mortem,
        body=Body(
            "NewPostMortem",
            (
                VERSION,
                Text("happened", TEXT_LIMIT),
                Text("cause", TEXT_LIMIT),
                Actions("actions", "TicketPostMortemActions", least=0),
                OptionalText("no_action", REASON_LIMIT),
            ),
        ),
        answer="Ticket",
        problems=(404, 409),
    ),
)
