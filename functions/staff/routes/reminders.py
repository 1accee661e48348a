"""Reminders that leaders give agents, and the list of those that a member got."""

from __future__ import annotations

import re
from typing import Any

from route import LEADERS, STAFF, Request, Route, iso
from ticket_view import ticket_view

from redress.base.people import SUBJECT_LIMIT
from redress.edge import cursors
from redress.edge.bodies import Body, Text
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.staff.cases.reminders import ReminderPage
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.steps.table import TEXT_LIMIT
from redress.wiring import staff as wiring
from routes.lists import work_item_view


def remind(request: Request) -> Answer:
    def content() -> tuple[str, str]:
        given = request.content().body
        return given["agent"], given["text"]

    found = wiring.reminders().give(request.member, request.path["number"], content)
    plan, now = wiring.plan_of(found), wiring.now()
    return answer(200, ticket_view(found, request.member, plan, now))


def list_reminders(request: Request) -> Answer:
    page = wiring.reminders().page(
        request.member,
        request.path["agent"],
        lambda: cursors.page(request.query, PAGE_LIMIT, is_reminder_key),
    )
    return answer(200, reminder_page_view(page))


def is_reminder_key(key: str) -> bool:
    """Whether a text has the form of a `keys.reminder_sk`."""
    found = re.fullmatch(r"REMINDER#[0-9T:.+-]{29}#([^#]+)#[0-9]{6}", key, re.ASCII)
    return found is not None and normalised(found[1]) == found[1]


def reminder_page_view(page: ReminderPage) -> dict[str, Any]:
    """`ReminderPage`: `event` is the number of the event in the timeline of the ticket."""
    items = [
        {
            **work_item_view(line.item),
            "event": line.event,
            "reminded_at": iso(line.at),
            "by": line.by,
            "text": line.text,
        }
        for line in page.lines
    ]
    return {"items": items, "next": to_cursor(page.next)}


ROUTES = (
    Route(
        "POST",
        "/staff/tickets/{number}/reminders",
        LEADERS,
        remind,
        body=Body("Reminder", (Text("agent", SUBJECT_LIMIT), Text("text", TEXT_LIMIT))),
        answer="Ticket",
        problems=(404, 409),
    ),
    Route(
        "GET",
        "/staff/members/{agent}/reminders",
        STAFF,
        list_reminders,
        query=("limit", "cursor"),
        answer="ReminderPage",
        problems=(404, 422),
    ),
)
