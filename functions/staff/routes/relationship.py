"""Relationship calls: whom staff are to call though no ticket asks for it, and what came of it."""

from __future__ import annotations

from typing import Any

from route import NAME_LIMIT, REASON, STAFF, Request, Route, asked_list

from redress.base.people import SUBJECT_LIMIT
from redress.customers.cases.profiles import Edition
from redress.customers.cases.relationship import Which
from redress.customers.rules.profile import CallOutcome, Profile, card_of
from redress.customers.rules.relationship import NOTES_LIMIT, CallReport
from redress.customers.rules.rights import Part
from redress.edge import cursors
from redress.edge.bodies import OneOf, OptionalText, TextOrNull
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.wiring import staff as wiring
from routes.customers import (
    REVISION,
    calls_view,
    card_view,
    changes,
    changing,
    is_customer_key,
)

Given = dict[str, Any]

DATE = OptionalText("date", 10, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")


def list_calls(request: Request) -> Answer:
    def content() -> tuple[int, str | None]:
        return cursors.page(request.query, PAGE_LIMIT, is_customer_key)

    which, team = asked_list(request.query, tuple(Which), Which.MINE, content)
    page = wiring.relationship().page(request.member, Which(which), team, content)
    items = [_line(one) for one in page.profiles]
    return answer(200, {"items": items, "next": to_cursor(page.cursor)})


def _line(found: Profile) -> dict[str, Any]:
    """`PlannedCallLine`: a customer to call. The customer is named as for an incoming call."""
    assert found.calls is not None, "the list has planned calls only"
    return {
        **card_view(card_of(found)),
        "revision": found.revision,
        "hours": found.hours,
        "calls": calls_view(found.calls),
    }


@changing
def record_call(request: Request, given: Given) -> Edition:
    report = CallReport(
        CallOutcome(given["outcome"]),
        given["notes"] or "",
        given["ticket"] or None,
        given["date"] or None,
    )
    return wiring.relationship().reporting(request.member, given["revision"], report)


@changing
def resume_calls(request: Request, given: Given) -> Edition:
    return wiring.relationship().resuming(given["revision"], given["date"] or None, given["reason"])


@changing
def set_call_owner(request: Request, given: Given) -> Edition:
    return wiring.relationship().owning(given["revision"], given["owner"], given["reason"])


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "GET",
        "/staff/relationship-calls",
        STAFF,
        list_calls,
        query=("list", "team", "limit", "cursor"),
        answer="PlannedCallPage",
        problems=(422,),
    ),
    changes(
        "POST",
        "/relationship-calls",
        record_call,
        "CallReport",
        REVISION,
        OneOf("outcome", tuple(CallOutcome)),
        OptionalText("notes", NOTES_LIMIT),
        OptionalText("ticket", NAME_LIMIT),
        DATE,
        part=Part.CALLS,
    ),
    changes(
        "POST",
        "/relationship-calls/resumption",
        resume_calls,
        "CallResumption",
        REVISION,
        REASON,
        DATE,
        part=Part.CALLS,
    ),
    changes(
        "PUT",
        "/relationship-calls/owner",
        set_call_owner,
        "CallOwner",
        REVISION,
        TextOrNull("owner", SUBJECT_LIMIT),
        REASON,
        part=Part.CALL_OWNER,
    ),
)
