"""One ticket: reading it, and the changes that staff make.

A change passes a decision to `StaffCases.act`. The decision is a step of `by_staff`; `partial`
binds its arguments from the request. Every change except a note names the version that the caller
has read, so a repeated call changes nothing and gets 409.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from route import (
    LEADERS,
    NAME_LIMIT,
    REASON,
    STAFF,
    VERSION,
    Request,
    Route,
)
from ticket_view import ticket_file_view, ticket_view

from redress.base.people import Role
from redress.edge.bodies import (
    Body,
    Field,
    Flag,
    Instant,
    OneOf,
    OptionalOneOf,
    OptionalText,
    Text,
    TextOrNull,
    Texts,
    Whole,
)
from redress.edge.http import Answer, answer
from redress.plans.rules.plan import GRADATIONS, HOLDS, KINDS, MOST_VERSIONS
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.steps.by_staff import CORRECTABLE, Classification
from redress.tickets.rules.steps.table import (
    CALLBACK_OUTCOMES,
    MOST_PARTICIPANTS,
    OUTCOMES,
    REMEDY_LIMIT,
    TEXT_LIMIT,
)
from redress.tickets.rules.submission import EMAIL_LIMIT
from redress.tickets.rules.ticket import Ticket
from redress.wiring import staff as wiring

TEXT = Text("text", TEXT_LIMIT)


# -------------------------------------------------------------------- reading


def read_ticket(request: Request) -> Answer:
    found = wiring.staff_cases().read(request.member, request.number)
    return answer(200, ticket_file_view(found, wiring.now()))


# -------------------------------------------------------------------- changing


def _changed(ticket: Ticket) -> Answer:
    return answer(200, ticket_view(ticket, wiring.now()))


def _act(request: Request, decide: StaffStep) -> Answer:
    """Change the ticket as `decide` says, if the caller has read its current version."""
    version = request.body["version"]
    return _changed(wiring.staff_cases().act(request.member, request.number, version, decide))


def note(request: Request) -> Answer:
    return _changed(wiring.staff_cases().note(request.member, request.number, request.body["text"]))


def reply(request: Request) -> Answer:
    given = request.body
    wait = given["wait_for_customer"]
    return _act(request, partial(by_staff.reply, text=given["text"], wait_for_customer=wait))


def tell_progress(request: Request) -> Answer:
    return _act(request, partial(by_staff.tell_progress, text=request.body["text"]))


def resolve(request: Request) -> Answer:
    given = request.body
    return _act(
        request,
        partial(
            by_staff.resolve,
            text=given["text"],
            outcome=given["outcome"],
            remedy=given["remedy"],
            root_cause=given["root_cause"],
        ),
    )


def record_callback(request: Request) -> Answer:
    given = request.body
    outcome, text = given["outcome"], given["text"] or ""
    return _act(request, partial(by_staff.record_callback, outcome=outcome, text=text))


def reassign(request: Request) -> Answer:
    given = request.body
    return _changed(
        wiring.reassignment().reassign(
            request.member,
            request.number,
            given["version"],
            given["agent"],
            given["team"],
            given["reason"],
        )
    )


def reclassify(request: Request) -> Answer:
    given = request.body
    wanted = Classification(
        given["kind"], given["urgency"], given["impact"], given["customer_type"]
    )
    return _act(request, partial(by_staff.reclassify, given=wanted, why=given["reason"]))


def promise(request: Request) -> Answer:
    given = request.body
    return _act(request, partial(by_staff.promise, due=given["by"], text=given["text"]))


def set_participants(request: Request) -> Answer:
    addresses = request.body["participants"]
    return _act(request, partial(by_staff.set_participants, addresses=addresses))


def accept_mail(request: Request) -> Answer:
    found = wiring.staff_cases().accept_mail(
        request.member, request.number, request.body["version"], request.event_number
    )
    return _changed(found)


def hold(request: Request) -> Answer:
    given = request.body
    return _act(request, partial(by_staff.hold, reason=given["reason"], text=given["text"]))


def release(request: Request) -> Answer:
    return _act(request, by_staff.release)


def correct(request: Request) -> Answer:
    given = request.body
    return _changed(
        wiring.staff_cases().correct(
            request.member,
            request.number,
            given["version"],
            given["clock"],
            given["at"],
            given["reason"],
        )
    )


def move_to_plan(request: Request) -> Answer:
    given = request.body
    return _changed(
        wiring.staff_cases().move_to_plan(
            request.member,
            request.number,
            given["version"],
            given["plan_version"],
            given["reason"],
        )
    )


# -------------------------------------------------------------------- declarations


def _change(
    method: str,
    path: str,
    run: Callable[[Request], Answer],
    schema: str,
    *fields: Field,
    roles: frozenset[Role] = STAFF,
) -> Route:
    """A route that changes a ticket and answers with the changed ticket."""
    return Route(
        method,
        f"/staff/tickets/{{number}}/{path}",
        roles,
        run,
        body=Body(schema, fields),
        answer="Ticket",
        problems=(404, 409),
    )


ROUTES = (
    Route(
        "GET",
        "/staff/tickets/{number}",
        STAFF,
        read_ticket,
        answer="TicketFile",
        problems=(404,),
    ),
    _change("POST", "replies", reply, "Reply", VERSION, TEXT, Flag("wait_for_customer")),
    _change("POST", "notes", note, "Note", TEXT),
    _change("POST", "progress", tell_progress, "Progress", VERSION, TEXT),
    _change(
        "POST",
        "resolution",
        resolve,
        "Resolve",
        VERSION,
        TEXT,
        OptionalOneOf("outcome", OUTCOMES),
        OptionalText("remedy", REMEDY_LIMIT),
        OptionalText("root_cause", REMEDY_LIMIT),
    ),
    _change(
        "POST",
        "callbacks",
        record_callback,
        "Callback",
        VERSION,
        OneOf("outcome", CALLBACK_OUTCOMES),
        OptionalText("text", TEXT_LIMIT),
    ),
    _change(
        "POST",
        "assignment",
        reassign,
        "Assignment",
        VERSION,
        TextOrNull("agent", NAME_LIMIT),
        OptionalText("team", NAME_LIMIT),
        REASON,
    ),
    _change(
        "POST",
        "classification",
        reclassify,
        "Classification",
        VERSION,
        OptionalOneOf("kind", KINDS),
        OptionalOneOf("urgency", GRADATIONS),
        OptionalOneOf("impact", GRADATIONS),
        OptionalText("customer_type", NAME_LIMIT),
        REASON,
    ),
    _change("POST", "promise", promise, "OwnWord", VERSION, Instant("by"), TEXT),
    _change(
        "PUT",
        "participants",
        set_participants,
        "Participants",
        VERSION,
        Texts("participants", EMAIL_LIMIT, MOST_PARTICIPANTS, "email"),
    ),
    _change("POST", "mails/{event}/acceptance", accept_mail, "Acceptance", VERSION),
    _change("POST", "hold", hold, "Hold", VERSION, OneOf("reason", HOLDS), TEXT),
    _change("POST", "release", release, "Release", VERSION),
    _change(
        "POST",
        "correction",
        correct,
        "Correction",
        VERSION,
        OneOf("clock", CORRECTABLE),
        Instant("at"),
        REASON,
        roles=LEADERS,
    ),
    _change(
        "POST",
        "plan",
        move_to_plan,
        "PlanMove",
        VERSION,
        Whole("plan_version", 1, MOST_VERSIONS),
        REASON,
        roles=LEADERS,
    ),
)
