"""Incidents: many tickets with one cause, one word to all of their customers, and a post-mortem."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from route import (
    IDEMPOTENCY_KEY,
    LEADERS,
    NAME_LIMIT,
    REASON,
    REASON_LIMIT,
    STAFF,
    VERSION,
    PathPart,
    Request,
    Route,
    asked_list,
    hexadecimal,
    iso,
)
from ticket_view import ticket_view

from redress.base.languages import LANGUAGES
from redress.edge import cursors
from redress.edge.bodies import (
    Body,
    NamedTexts,
    OptionalInstant,
    OptionalSomeOf,
    OptionalText,
    OptionalTexts,
    Text,
    Whole,
    Word,
)
from redress.edge.cursors import to_cursor
from redress.edge.http import LONGEST_CHARACTER, Answer, answer
from redress.incidents import rules
from redress.incidents.cases import (
    PAGE,
    CasePage,
    Declaration,
    IncidentFile,
    IncidentLine,
    IncidentPage,
    Learnt,
)
from redress.incidents.rules import Incident, PostMortem
from redress.plans.rules.acts import CATEGORY_LIMIT, INCIDENT
from redress.plans.rules.plan import CHANNELS
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.steps import of_incidents
from redress.tickets.rules.steps.table import TEXT_LIMIT
from redress.wiring import staff as wiring
from routes.lists import work_item_view
from routes.post_mortems import Actions

Given = dict[str, Any]

STATES = ("open", "closed")
MOST_CATEGORIES = 20
REVISION = Whole("revision", least=1)
"""The revision of the incident that the caller has read."""
ID = PathPart(hexadecimal(16), "there is no such incident")
WORD_BODY = LONGEST_CHARACTER * len(LANGUAGES) * TEXT_LIMIT + 10_000
"""The most bytes of a body with a text in each language."""


# -------------------------------------------------------------------- incidents


def declare_incident(request: Request) -> Answer:
    def content() -> tuple[Declaration, str]:
        read = request.content()
        given: Given = read.body
        new = Declaration(
            given["title"],
            given["cause"],
            given["team"],
            given["categories"],
            given["channels"],
        )
        return new, read.key

    found = wiring.incidents().declare(request.member, content, request.source)
    return answer(201, incident_file_view(found))


def list_incidents(request: Request) -> Answer:
    def content() -> tuple[int, str | None]:
        return cursors.page(request.query, PAGE, is_incident_place)

    state, _ = asked_list(request.query, STATES, STATES[0], content)
    page = wiring.incidents().page(request.member, is_open=state == STATES[0], content=content)
    return answer(200, incident_page_view(page))


def is_incident_place(key: str) -> bool:
    """Return whether a text has the form of a `keys.incident_place`."""
    return re.fullmatch(rf"[0-9T:.+-]{{29}}#{INCIDENT}", key, re.ASCII) is not None


def read_incident(request: Request) -> Answer:
    return answer(200, incident_file_view(wiring.incidents().read(request.member, _id(request))))


def list_cases(request: Request) -> Answer:
    def content() -> tuple[int, str | None]:
        return cursors.page(request.query, PAGE, lambda key: normalised(key) == key)

    page = wiring.incidents().cases(request.member, _id(request), content)
    return answer(200, case_page_view(page))


def tell_incident(request: Request) -> Answer:
    found = wiring.incidents().tell(
        request.member, _id(request), lambda: _texts(request), request.source
    )
    return answer(200, incident_file_view(found))


def set_incident_notice(request: Request) -> Answer:
    found = wiring.incidents().set_notice(
        request.member, _id(request), lambda: _notice(request), request.source
    )
    return answer(200, incident_file_view(found))


def _notice(request: Request) -> tuple[int, Mapping[str, str], datetime | None]:
    given: Given = request.content().body
    return given["revision"], given["text"], given["until"]


def _texts(request: Request) -> tuple[int, Mapping[str, str]]:
    given: Given = request.content().body
    return given["revision"], given["text"]


def close_incident(request: Request) -> Answer:
    def content() -> tuple[int, Learnt]:
        given: Given = request.content().body
        learnt = Learnt(given["happened"], given["cause"], given["actions"])
        return given["revision"], learnt

    found = wiring.incidents().close(request.member, _id(request), content, request.source)
    return answer(200, incident_file_view(found))


def _id(request: Request) -> str:
    found: str = request.path["id"]
    return found


# -------------------------------------------------------------------- tickets of an incident


def _changing(act: str, step_of: Callable[[Given], StaffStep]) -> Callable[[Request], Answer]:
    """The route that makes the step that `step_of` returns for a body on a ticket, as `act`."""

    def run(request: Request) -> Answer:
        def content() -> tuple[int, StaffStep]:
            given: Given = request.content().body
            return given["version"], step_of(given)

        number = request.path["number"]
        ticket = wiring.staff_cases().act(request.member, number, act, content)
        shown = ticket_view(ticket, request.member, wiring.plan_of(ticket), wiring.now())
        return answer(200, shown)

    run.__name__ = run.__qualname__ = act
    return run


def _leaving(given: Given) -> StaffStep:
    def step(ticket: Any, plan: Any, /, *, by: Any, at: Any) -> Any:
        return of_incidents.leave(ticket, plan, by, given["reason"], at)

    return step


join_incident = _changing(
    "join_incident",
    lambda given: wiring.incidents().joining(given["incident"], given["reason"] or ""),
)
leave_incident = _changing("leave_incident", _leaving)


# -------------------------------------------------------------------- views


def incident_view(found: Incident, cases: int) -> dict[str, Any]:
    """`Incident`: the incident without its words and its history."""
    return {
        "id": found.id,
        "revision": found.revision,
        "state": STATES[0] if found.is_open else STATES[1],
        "team": found.team,
        "title": found.title,
        "cause": found.cause,
        "categories": list(found.categories),
        "channels": list(found.channels),
        "declared_at": iso(found.declared_at),
        "declared_by": found.declared_by,
        "tickets": cases,
        "notice": found.notice or None,
        "notice_until": iso(found.notice_until),
        "post_mortem": _post_mortem(found.post_mortem) if found.post_mortem else None,
    }


def _post_mortem(written: PostMortem) -> dict[str, Any]:
    return {
        "at": iso(written.at),
        "by": written.by,
        "happened": written.happened,
        "cause": written.cause,
        "actions": [
            {"text": one.text, "owner": one.owner, "due": one.due.isoformat()}
            for one in written.actions
        ],
    }


def _line(line: IncidentLine) -> dict[str, Any]:
    return incident_view(line.incident, line.cases)


def incident_page_view(page: IncidentPage) -> dict[str, Any]:
    """`IncidentPage`: `next` is the cursor of the next page, null on the last one."""
    return {"items": [_line(line) for line in page.lines], "next": to_cursor(page.next)}


def incident_file_view(found: IncidentFile) -> dict[str, Any]:
    """`IncidentFile`: the incident, its words to all customers, and its history."""
    return {
        **incident_view(found.incident, found.cases),
        "languages": list(found.languages),
        "words": [
            {
                "number": one.number,
                "at": iso(one.at),
                "by": one.by,
                "text": one.texts,
                "delivered_at": iso(one.delivered_at),
                "failed": [{"number": number, "why": why} for number, why in one.failed],
            }
            for one in found.words
        ],
        "changes": [
            {
                "what": one.what.value,
                "at": iso(one.at),
                "by": one.by,
                "word": one.word,
                # The texts of a word are in the answer once, with the word itself.
                "text": (one.text if one.word is None else None) or None,
                "until": iso(one.until),
                "source": one.source or None,
            }
            for one in found.changes
        ],
        "can": found.can,
    }


def case_page_view(page: CasePage) -> dict[str, Any]:
    """`CasePage`: the tickets of an incident that the reader may see."""
    items = [
        {**work_item_view(line.item), "word": line.word, "untold": line.untold or None}
        for line in page.lines
    ]
    return {"items": items, "next": to_cursor(page.next)}


# -------------------------------------------------------------------- declarations


def _of_ticket(path: str, run: Callable[[Request], Answer], schema: str, *fields: Any) -> Route:
    return Route(
        "POST",
        f"/staff/tickets/{{number}}/{path}",
        STAFF,
        run,
        body=Body(schema, (VERSION, *fields)),
        answer="Ticket",
        problems=(404, 409),
    )


ROUTES = (
    Route(
        "POST",
        "/staff/incidents",
        STAFF,
        declare_incident,
        body=Body(
            "NewIncident",
            (
                Text("title", rules.TITLE_LIMIT),
                Text("cause", rules.CAUSE_LIMIT),
                OptionalText("team", NAME_LIMIT),
                OptionalTexts("categories", CATEGORY_LIMIT, MOST_CATEGORIES),
                OptionalSomeOf("channels", CHANNELS),
            ),
        ),
        headers=(IDEMPOTENCY_KEY,),
        key_required=True,
        answer="IncidentFile",
        status=201,
        problems=(409,),
    ),
    Route(
        "GET",
        "/staff/incidents",
        STAFF,
        list_incidents,
        query=("list", "limit", "cursor"),
        answer="IncidentPage",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/incidents/{id}",
        STAFF,
        read_incident,
        answer="IncidentFile",
        id=ID,
        problems=(404,),
    ),
    Route(
        "GET",
        "/staff/incidents/{id}/tickets",
        STAFF,
        list_cases,
        query=("limit", "cursor"),
        answer="CasePage",
        id=ID,
        problems=(404, 422),
    ),
    Route(
        "POST",
        "/staff/incidents/{id}/words",
        LEADERS,
        tell_incident,
        body=Body("IncidentWord", (REVISION, NamedTexts("text", LANGUAGES, TEXT_LIMIT)), WORD_BODY),
        answer="IncidentFile",
        id=ID,
        problems=(404, 409),
    ),
    Route(
        "PUT",
        "/staff/incidents/{id}/notice",
        LEADERS,
        set_incident_notice,
        body=Body(
            "IncidentNotice",
            (
                REVISION,
                NamedTexts("text", LANGUAGES, rules.NOTICE_LIMIT),
                OptionalInstant("until"),
            ),
        ),
        answer="IncidentFile",
        id=ID,
        problems=(404, 409),
    ),
    Route(
        "POST",
        "/staff/incidents/{id}/post-mortem",
        LEADERS,
        close_incident,
        body=Body(
            "IncidentPostMortem",
            (
                REVISION,
                Text("happened", rules.CAUSE_LIMIT),
                Text("cause", rules.CAUSE_LIMIT),
                Actions("actions", "PostMortemActions"),
            ),
        ),
        answer="IncidentFile",
        id=ID,
        problems=(404, 409),
    ),
    _of_ticket(
        "incident",
        join_incident,
        "IncidentJoining",
        Word("incident", INCIDENT, "the id of an incident"),
        OptionalText("reason", REASON_LIMIT),
    ),
    _of_ticket("leave-incident", leave_incident, "IncidentLeaving", REASON),
)
