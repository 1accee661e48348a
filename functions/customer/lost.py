"""The page, and the route of the JSON API, for a customer who has lost the link to a ticket.

The answer is the same for every address, whether or not it belongs to a customer.
"""

from __future__ import annotations

from api import json_object
from rendering import ShownFault, by_field_of, guarded, page, shown
from web_request import WebRequest, language_of, log_refusal, posted

from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.edge.http import Answer, Refused, answer, problem
from redress.edge.problems import problem_for
from redress.wiring import customer as wiring


def lost(request: WebRequest) -> Answer:
    """Show the page on which a customer asks for the links of their open tickets."""
    return guarded(request, lambda: _page(request, 200))


def ask_on_page(request: WebRequest) -> Answer:
    """Take the address, and say what will happen. Mail must be possible to it (422)."""

    def render() -> Answer:
        email = posted(request).get("email", "")
        try:
            asked = wiring.asking().ask_for_links({"email": email})
        except InvalidInput as error:
            faults = shown(language_of(request), error.faults)
            return _page(request, 422, email, faults=faults)
        return _page(request, 200, asked=asked)

    return guarded(request, render)


def _page(
    request: WebRequest,
    status: int,
    email: str = "",
    asked: str = "",
    faults: list[ShownFault] | None = None,
) -> Answer:
    address = f"{request.base}/lost"
    return page(
        request,
        status,
        "lost.html",
        language_of(request),
        action=address,
        email=email,
        asked=asked,
        faults=faults or [],
        by_field=by_field_of(faults or []),
        switch=[(code, f"{address}?lang={code}") for code in LANGUAGES],
    )


def ask_for_links(request: WebRequest) -> Answer:
    """Take the address in a JSON body. Answers 202, because the mail follows later, if at all."""
    try:
        wiring.asking().ask_for_links(json_object(request))
        return answer(202, {"detail": WHAT_FOLLOWS})
    except Refused as error:
        return problem(error.problem)
    except Exception as error:
        found = problem_for(error)
        log_refusal(error, found.status, request.event["routeKey"])
        return problem(found)


WHAT_FOLLOWS = "if open tickets have this address, a mail with their links goes to it in a moment"
