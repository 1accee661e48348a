"""The customer's side of the JSON API, behind a signed link."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from web_request import WebRequest, log_refusal

from redress.base import instants
from redress.base.errors import (
    Fault,
    InvalidInput,
)
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
    from redress.tickets.cases.customer import StatusView


def api(request: WebRequest, do: Callable[[str], StatusView]) -> Answer:
    """Answer one call of the JSON API. The token must belong to the ticket in the path.

    `do` gets the token. It reads the body, so a request without a valid link learns nothing from
    the faults of its body (docs/decisions/025-order-of-refusals.md).
    """
    try:
        given = request.header("authorization").removeprefix("Bearer ").strip()
        token = given or request.query("token")
        if wiring.customer_cases().number_of(token) != request.path["number"]:
            return problem(plain(404, "not-found", "There is nothing here", "unknown link"))
        return answer(200, present(do(token)))
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
        "promises": [promise_fields(promise) for promise in view.promises],
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


def questionnaire(request: WebRequest) -> Answer:
    return api(request, lambda token: wiring.customer_cases().survey(token, json_object(request)))
