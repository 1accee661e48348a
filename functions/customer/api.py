"""The customer's side of the JSON API, behind a signed link."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from web_request import WebRequest, log_refusal

from redress.base import instants, texts
from redress.base.errors import (
    Fault,
    InvalidInput,
    NotFound,
    pointer,
)
from redress.base.numbers import whole
from redress.base.people import Role
from redress.edge.http import (
    Answer,
    Refused,
    answer,
    json_body,
    problem,
)
from redress.edge.problems import plain, problem_for
from redress.tickets.rules.promise_view import promise_fields
from redress.wiring import customer as wiring

if TYPE_CHECKING:  # importing them loads PynamoDB, which would slow the form's cold start
    from redress.files.cases.reading import FilesView
    from redress.tickets.cases.customer import StatusView
    from redress.tickets.rules.attached import Attached

NAME_LIMIT = 1_000
"""The most characters of a file's name in a request. A longer one is shortened anyway."""

_ID = re.compile("[0-9a-f]{16}")


def api(request: WebRequest, do: Callable[[str], StatusView]) -> Answer:
    """Answer one call of the JSON API with the ticket that `do` returns."""
    return guarded_api(request, lambda token: answer(200, present(do(token))))


def guarded_api(request: WebRequest, do: Callable[[str], Answer]) -> Answer:
    """Answer one call of the JSON API. The token must belong to the ticket in the path.

    `do` gets the token. It reads the body, so a request without a valid link learns nothing from
    the faults of its body (docs/decisions/025-order-of-refusals.md).
    """
    try:
        given = request.header("authorization").removeprefix("Bearer ").strip()
        token = given or request.query("token")
        if wiring.customer_cases().number_of(token) != request.path["number"]:
            return problem(plain(404, "not-found", "There is nothing here", "unknown link"))
        return do(token)
    except Refused as error:
        return problem(error.problem)
    except Exception as error:
        found = problem_for(error)
        log_refusal(error, found.status, request.event["routeKey"])
        return problem(found)


def present(view: StatusView) -> dict[str, Any]:
    """Return a view in the shape of `Status` in openapi-public.json."""
    found: dict[str, Any] = msgspec.to_builtins(view)
    lines = zip(found["timeline"], view.timeline, strict=True)
    return found | {
        "created_at": instants.written(view.created_at),
        "urged_at": instants.written(view.urged_at) if view.urged_at else None,
        "asked": [
            {"department": dict(one.department), "since": instants.written(one.since)}
            for one in view.asked
        ],
        "checklist": [
            one | {"text": dict(line.text)}
            for one, line in zip(found["checklist"], view.checklist, strict=True)
        ],
        "promises": [promise_fields(promise) for promise in view.promises],
        "cause": dict(view.cause) if view.cause else None,
        "remedies": [
            given
            | {
                "due_at": instants.written(one.due_at),
                "done_at": instants.written(one.done_at) if one.done_at else None,
            }
            for given, one in zip(found["remedies"], view.remedies, strict=True)
        ],
        "timeline": [given | {"at": instants.written(line.at)} for given, line in lines],
        "can": sorted(view.can),
    }


def json_object(request: WebRequest) -> dict[str, Any]:
    """Return the body as a JSON object, or {} if there is no body. Raises Refused."""
    if not request.event.get("body"):
        return {}
    body = json_body(request.event)
    if not isinstance(body, dict):
        raise Refused(plain(400, "not-json", "Not an object", "the body is a JSON object"))
    return body


def json_text(request: WebRequest, *, required: bool = True) -> str:
    """Return `text` from a body that may hold no other field.

    Raises InvalidInput that names every wrong field.
    """
    body = json_object(request)
    faults = [Fault(f"/{name}", "unknown", "unknown field") for name in body if name != "text"]
    text = body.get("text")
    if text is None and required:
        faults.append(Fault("/text", "required", "this field is required"))
    elif text is not None and not isinstance(text, str):
        faults.append(Fault("/text", "text_expected", "a text is expected here"))
    if faults:
        raise InvalidInput(faults)
    return text or ""


def _of_files(request: WebRequest, status: int, do: Callable[[str], Any]) -> Answer:
    """Answer a call about files of a ticket. `do` gets the number and returns the answer's body."""
    return guarded_api(request, lambda token: answer(status, do(request.path["number"])))


def file_view(file: Attached) -> dict[str, Any]:
    """Return a file in the shape of `File` in openapi-public.json."""
    own = file.by.role is Role.CUSTOMER
    return {
        "id": file.id,
        "name": file.name,
        "type": file.type,
        "size": file.size,
        "state": file.state.value,
        "reason": file.reason if file.state == "refused" else None,
        "by": "customer" if own else "staff",
        "at": instants.written(file.at),
    }


def files_view(found: FilesView) -> dict[str, Any]:
    """Return the files of a ticket in the shape of `Files` in openapi-public.json."""
    return {
        "files": [file_view(file) for file in found.files],
        "takes_files": found.takes_files,
        "limits": msgspec.to_builtins(found.limits),
    }


def list_files(request: WebRequest) -> Answer:
    return _of_files(request, 200, lambda number: files_view(wiring.files().view(number)))


def offer_upload(request: WebRequest) -> Answer:
    def offer(number: str) -> dict[str, Any]:
        name, size, item = new_file(request)
        made = wiring.files().offer(number, name, size, item=item)
        return {
            "id": made.id,
            "upload": {"url": made.url, "fields": made.fields},
            "expires_at": instants.written(made.expires_at),
        }

    return _of_files(request, 201, offer)


def new_file(request: WebRequest) -> tuple[str, int, str | None]:
    """Return `name`, `size` and `item` from a body that may hold no other field.

    `item` is the id of the item of the checklist for which the file is; None if it is for none.

    Raises InvalidInput that names every wrong field.
    """
    body = json_object(request)
    faults = [
        Fault(pointer(name), "unknown", "unknown field")
        for name in body
        if name not in ("name", "size", "item")
    ]
    name, size, item = body.get("name"), whole(body.get("size")), body.get("item")
    if name is None:
        faults.append(Fault("/name", "required", "this field is required"))
    elif not isinstance(name, str):
        faults.append(Fault("/name", "text_expected", "a text is expected here"))
    elif fault := texts.fault_of(name):
        faults.append(Fault("/name", *fault))
    elif texts.is_empty(name):
        faults.append(Fault("/name", "required", "this field is required"))
    elif len(name) > NAME_LIMIT:
        faults.append(Fault("/name", "too_long", f"at most {NAME_LIMIT} characters"))
    if body.get("size") is None:
        faults.append(Fault("/size", "required", "this field is required"))
    elif size is None:
        detail = "a whole number is expected here"
        faults.append(Fault("/size", "whole_number_expected", detail))
    if item is not None and not isinstance(item, str):
        faults.append(Fault("/item", "text_expected", "a text is expected here"))
    if faults:
        raise InvalidInput(faults)
    assert isinstance(name, str)
    assert size is not None
    return name, size, item


def open_file(request: WebRequest) -> Answer:
    def link(number: str) -> dict[str, Any]:
        from redress.files.store.bucket import LINK_S

        url = wiring.files().open(number, _file(request))
        return {"url": url, "expires_in_s": LINK_S}

    return _of_files(request, 200, link)


def withdraw_file(request: WebRequest) -> Answer:
    return _of_files(
        request,
        200,
        lambda number: files_view(wiring.files().withdraw(number, _file(request))),
    )


def _file(request: WebRequest) -> str:
    """The id of the file in the path. Raises NotFound for a text of another form."""
    file: str = request.path["file"]
    if _ID.fullmatch(file) is None:
        raise NotFound("there is no such file")
    return file


def read_ticket(request: WebRequest) -> Answer:
    return api(request, lambda token: wiring.customer_cases().status(token))


def write_message(request: WebRequest) -> Answer:
    return api(request, lambda token: wiring.customer_cases().write(token, json_text(request)))


def confirm(request: WebRequest) -> Answer:
    return api(request, lambda token: wiring.customer_cases().confirm(token))


def dispute(request: WebRequest) -> Answer:
    return api(request, lambda token: wiring.customer_cases().dispute(token, json_text(request)))


def withdraw(request: WebRequest) -> Answer:
    return api(
        request,
        lambda token: wiring.customer_cases().withdraw(token, json_text(request, required=False)),
    )


def urge(request: WebRequest) -> Answer:
    return api(request, lambda token: wiring.customer_cases().urge(token))


def answer_item(request: WebRequest) -> Answer:
    def answered(token: str) -> StatusView:
        text = json_text(request, required=False)
        return wiring.customer_cases().answer_item(token, request.path["item"], text)

    return api(request, answered)


def questionnaire(request: WebRequest) -> Answer:
    return api(request, lambda token: wiring.customer_cases().survey(token, json_object(request)))
