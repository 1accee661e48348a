"""Tasks for other departments. Their people see a task and what it shares, and not the ticket."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from route import (
    LEADERS,
    NAME_LIMIT,
    REASON,
    REASON_LIMIT,
    STAFF,
    PathPart,
    Request,
    Route,
    asked_list,
)
from task_view import task_file_view, task_page_view
from ticket_view import ticket_view

from redress.base.errors import Fault, InvalidInput
from redress.base.people import SUBJECT_LIMIT, Role
from redress.edge import cursors
from redress.edge.bodies import (
    Body,
    Field,
    Flag,
    Instant,
    OneOf,
    OptionalInstant,
    OptionalSomeOf,
    OptionalText,
    OptionalWhole,
    Text,
    TextOrNull,
    Whole,
)
from redress.edge.http import Answer, answer
from redress.staff.cases.tasks import PAGE, Decision, TaskStep, Which
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.steps import by_departments
from redress.tickets.rules.steps.by_departments import NewTask, Word
from redress.tickets.rules.steps.table import TEXT_LIMIT
from redress.tickets.rules.tasks import MOST_TASKS, TITLE_LIMIT, Share
from redress.wiring import staff as wiring

Given = dict[str, Any]

TEXT = Text("text", TEXT_LIMIT)
REVISION = Whole("revision", least=1)
"""The revision of the task that the caller has read."""


def _task_id(text: str) -> str | None:
    return text if re.fullmatch("[1-9][0-9]?", text) and int(text) <= MOST_TASKS else None


TASK = PathPart(_task_id, "there is no such task")


# -------------------------------------------------------------------- the ticket's side


def open_task(request: Request) -> Answer:
    def content() -> tuple[int, StaffStep]:
        given: Given = request.content().body
        new = NewTask(
            team=given["team"],
            title=given["title"],
            text=given["text"],
            required=not given["optional"],
            due=given["due_at"],
            shares=tuple(map(Share, given["shares"])),
            owner=given["owner"],
        )
        return given["version"], wiring.tasks().opening(new)

    number = request.path["number"]
    ticket = wiring.staff_cases().act(request.member, number, "open_task", content)
    shown = ticket_view(ticket, request.member, wiring.plan_of(ticket), wiring.now())
    return answer(200, shown)


# -------------------------------------------------------------------- lists and one task


def list_tasks(request: Request) -> Answer:
    def content() -> tuple[int, str | None]:
        return cursors.page(request.query, PAGE, is_task_place)

    which, team = asked_list(request.query, tuple(Which), Which.MINE, content)
    page = wiring.tasks().page(request.member, Which(which), team, content)
    return answer(200, task_page_view(page, wiring.now()))


def is_task_place(key: str) -> bool:
    """Return whether a text has the form of a `keys.task_place`."""
    found = re.fullmatch(r"[0-9T:.+-]{29}#([^#]+)#([0-9]{1,2})", key, re.ASCII)
    return found is not None and normalised(found[1]) == found[1]


def read_task(request: Request) -> Answer:
    number, task = request.path["number"], request.path["id"]
    found = wiring.tasks().read(request.member, number, task)
    return answer(200, task_file_view(found, wiring.now()))


# -------------------------------------------------------------------- acts on a task


def _acting(act: str, step_of: Callable[[Given], TaskStep]) -> Callable[[Request], Answer]:
    """The route that makes the step that `step_of` returns for a body, as `act`."""

    def run(request: Request) -> Answer:
        def content() -> tuple[int | None, TaskStep]:
            given: Given = request.content().body
            return given.get("revision"), step_of(given)

        number, task = request.path["number"], request.path["id"]
        found = wiring.tasks().act(request.member, number, task, act, content)
        return answer(200, task_file_view(found, wiring.now()))

    run.__name__ = run.__qualname__ = act
    return run


assign_task = _acting(
    "assign_task",
    lambda given: wiring.tasks().assigning(given["owner"], given["reason"] or ""),
)
finish_task = _acting(
    "finish_task", lambda given: partial(by_departments.finish, text=given["text"])
)
return_task = _acting(
    "return_task", lambda given: partial(by_departments.send_back, why=given["text"])
)
cancel_task = _acting(
    "cancel_task", lambda given: partial(by_departments.cancel, why=given["reason"])
)
ask_extension = _acting(
    "ask_extension",
    lambda given: partial(by_departments.ask_extension, until=given["until"], text=given["text"]),
)


def _decided(given: Given) -> TaskStep:
    """Raises InvalidInput if the new word to the customer has a text and no time, or no text."""
    text, answer_by, version = given["text"], given["answer_by"], given["version"]
    parts = {"/text": text, "/answer_by": answer_by, "/version": version}
    missing = [name for name, value in parts.items() if value is None]
    if missing and len(missing) < len(parts) and (text or answer_by):
        detail = "a word to the customer has a text, a time and the ticket's version"
        raise InvalidInput([Fault(name, "required", detail) for name in missing])
    word = Word(text, answer_by) if text and answer_by else None
    decision = Decision(given["decision"] == "granted", given["reason"] or "", version or 0, word)
    return wiring.tasks().deciding(decision)


decide_extension = _acting("decide_extension", _decided)
press_task = _acting("press_task", lambda given: partial(by_departments.press, text=given["text"]))


# -------------------------------------------------------------------- declarations


def _act(
    path: str,
    run: Callable[[Request], Answer],
    schema: str,
    *fields: Field,
    roles: frozenset[Role] = STAFF,
) -> Route:
    """A route that changes a task and answers with the changed task."""
    return Route(
        "POST",
        f"/staff/tasks/{{number}}/{{id}}/{path}",
        roles,
        run,
        body=Body(schema, fields),
        answer="TaskFile",
        id=TASK,
        problems=(404, 409),
    )


ROUTES = (
    Route(
        "POST",
        "/staff/tickets/{number}/tasks",
        STAFF,
        open_task,
        body=Body(
            "NewTask",
            (
                Whole("version", least=1),
                Text("team", NAME_LIMIT),
                Text("title", TITLE_LIMIT),
                TEXT,
                Flag("optional"),
                OptionalInstant("due_at"),
                OptionalSomeOf("shares", tuple(Share)),
                OptionalText("owner", SUBJECT_LIMIT),
            ),
        ),
        answer="Ticket",
        problems=(404, 409),
    ),
    Route(
        "GET",
        "/staff/tasks",
        STAFF,
        list_tasks,
        query=("list", "team", "limit", "cursor"),
        answer="TaskPage",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/tasks/{number}/{id}",
        STAFF,
        read_task,
        answer="TaskFile",
        id=TASK,
        problems=(404,),
    ),
    _act(
        "assignment",
        assign_task,
        "TaskAssignment",
        REVISION,
        TextOrNull("owner", SUBJECT_LIMIT),
        OptionalText("reason", REASON_LIMIT),
    ),
    _act("result", finish_task, "TaskResult", REVISION, TEXT),
    _act("return", return_task, "TaskReturn", REVISION, TEXT),
    _act("cancellation", cancel_task, "TaskCancellation", REVISION, REASON),
    _act("extension", ask_extension, "TaskExtension", REVISION, Instant("until"), TEXT),
    _act(
        "extension-decision",
        decide_extension,
        "ExtensionDecision",
        REVISION,
        OneOf("decision", ("granted", "refused")),
        OptionalText("reason", REASON_LIMIT),
        OptionalText("text", TEXT_LIMIT),
        OptionalInstant("answer_by"),
        OptionalWhole("version", least=1),
        roles=LEADERS,
    ),
    _act("press", press_task, "TaskPress", TEXT, roles=LEADERS),
)
