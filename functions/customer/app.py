"""The customer's web pages, and the routes of the JSON API that a customer calls.

Everything that shows or changes a ticket needs a signed link. Every button is an HTML form that
sends a POST, so a mail scanner that follows links with GET cannot answer on the customer's behalf.
The pages need no JavaScript and load no remote content. One page has a script, which only adds
comfort: several files at once, with progress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from another import another, submit_another
from api import (
    answer_item,
    confirm,
    dispute,
    list_files,
    offer_upload,
    open_file,
    questionnaire,
    read_ticket,
    urge,
    withdraw,
    withdraw_file,
    write_message,
)
from assets import asset, document, without_route
from files import came_back, download, files, withdraw_on_page
from form import form, receipt, submit_form
from lost import ask_for_links, ask_on_page, lost
from pages import pages
from status import act, status
from surveys import answer_survey, set_surveys, survey, surveys
from web_request import WebRequest, logger

from redress.edge.compression import compressed
from redress.edge.http import Answer, route_of
from redress.wiring import customer as wiring


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a request to the HTTP API with a page or with JSON."""
    if event.get("warm"):
        wiring.intake()
        wiring.customer_cases()
        pages()
        return {"warm": True}
    request = WebRequest(event)
    route = ROUTES.get(route_of(event))
    if route is None:
        return without_route(request)
    found = route(request)
    return compressed(event, found) if route in WITHOUT_TOKENS else found


ROUTES: Mapping[tuple[str, str], Callable[[WebRequest], Answer]] = {
    ("GET", "/"): form,
    ("POST", "/form"): submit_form,
    ("GET", "/t/{token}"): status,
    ("GET", "/r/{token}"): receipt,
    ("POST", "/t/{token}/{action}"): act,
    ("GET", "/t/{token}/another"): another,
    ("POST", "/t/{token}/another"): submit_another,
    ("GET", "/t/{token}/files"): files,
    ("GET", "/t/{token}/files/{file}"): download,
    ("POST", "/t/{token}/files/{file}/withdrawal"): withdraw_on_page,
    ("GET", "/f/{token}"): came_back,
    ("GET", "/s/{token}"): survey,
    ("POST", "/s/{token}"): answer_survey,
    ("GET", "/u/{token}"): surveys,
    ("POST", "/u/{token}"): set_surveys,
    ("GET", "/lost"): lost,
    ("POST", "/lost"): ask_on_page,
    ("GET", "/assets/{name}"): asset,
    ("GET", "/openapi.json"): document,
    ("POST", "/links"): ask_for_links,
    ("GET", "/tickets/{number}"): read_ticket,
    ("POST", "/tickets/{number}/messages"): write_message,
    ("POST", "/tickets/{number}/confirmation"): confirm,
    ("POST", "/tickets/{number}/dispute"): dispute,
    ("POST", "/tickets/{number}/withdrawal"): withdraw,
    ("POST", "/tickets/{number}/urge"): urge,
    ("POST", "/tickets/{number}/checklist/{item}"): answer_item,
    ("POST", "/tickets/{number}/survey"): questionnaire,
    ("GET", "/tickets/{number}/files"): list_files,
    ("POST", "/tickets/{number}/files"): offer_upload,
    ("GET", "/tickets/{number}/files/{file}"): open_file,
    ("POST", "/tickets/{number}/files/{file}/withdrawal"): withdraw_file,
}
"""The handler of each route, by method and path as in template.yaml.

API Gateway has already matched the path and parsed its parameters. A router here would repeat that
work and slow every cold start. Requests that match no route reach this function too (template.yaml,
`$default`).
"""

WITHOUT_TOKENS = (form, asset, document)
"""The handlers whose answers contain no token of a link, so that they may be compressed."""
