"""The survey questionnaire, and the page on which customers stop surveys to their address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rendering import ShownFault, by_field_of, guarded, page, shown
from web_request import Blank, WebRequest, asked_language, posted

from redress.base import texts
from redress.base.errors import (
    InvalidInput,
    NotAllowedNow,
)
from redress.base.languages import LANGUAGES
from redress.edge.http import (
    Answer,
)
from redress.tickets.rules.ticket import EventType, State
from redress.wiring import customer as wiring

if TYPE_CHECKING:  # importing them loads PynamoDB, which would slow the form's cold start
    from redress.mail.outgoing.cases.unsubscribing import Surveys
    from redress.tickets.cases.customer import CustomerCases, StatusView


RESOLVED, SURVEYED = EventType.RESOLVED.value, EventType.SURVEYED.value


def answers_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Convert the fields of a posted questionnaire to answers.

    A value of up to three digits becomes a number, other values remain texts. Empty fields and the
    field `language` are left out.
    """
    return {
        name: int(value) if value.isascii() and value.isdigit() and len(value) < 4 else value
        for name, value in fields.items()
        if not texts.is_empty(value) and name != "language"
    }


def is_rated_low(view: StatusView) -> bool:
    """Return whether the customer rated the resolution low and can still dispute it.

    A survey that leaves the ticket resolved had a low score.
    """
    if view.state != State.RESOLVED:
        return False
    rated = [line.type for line in view.timeline if line.type in (RESOLVED, SURVEYED)]
    return rated[-1] == SURVEYED


def survey(request: WebRequest) -> Answer:
    """Show the questionnaire. The customer opens it by a signed link that expires."""

    def render() -> Answer:
        view = wiring.customer_cases().survey_status(request.token)
        return _survey_page(request, 200, view)

    return guarded(request, render)


def answer_survey(request: WebRequest) -> Answer:
    """Save the answers and thank the customer.

    If an answer is invalid, show the questionnaire again with the errors. After a low score the
    page offers to say that the problem is not solved. The customer sends that as the field `text`.
    If the ticket was closed meanwhile, this is refused (409), and the error page shows the words.
    """
    token = request.token

    def render() -> Answer:
        cases = wiring.customer_cases()
        cases.survey_number_of(token)  # the link is checked before the form is read
        fields = posted(request)
        disputed = "text" in fields
        view: StatusView | None
        try:
            if disputed:
                view = cases.dispute(token, fields["text"])
            else:
                view = _surveyed(cases, token, fields)
        except InvalidInput as error:
            view = cases.survey_status(token)
            language = asked_language(request) or view.language
            faults = shown(language, error.faults, "survey")
            return _survey_page(request, 422, view, faults, fields)
        thanks = not disputed and view is not None
        view = view or cases.survey_status(token)
        return _survey_page(request, 200, view, thanks=thanks, disputed=disputed)

    return guarded(request, render)


def _surveyed(cases: CustomerCases, token: str, fields: Mapping[str, str]) -> StatusView | None:
    """Save the answers; return None if the survey was answered before.

    That happens by a double click or on another device. The customer made no mistake, so the page
    shows no error.
    """
    try:
        return cases.survey(token, answers_of(fields))
    except NotAllowedNow:
        return None


def _survey_page(
    request: WebRequest,
    status: int,
    view: StatusView,
    faults: list[ShownFault] | None = None,
    typed: Mapping[str, str] | None = None,
    *,
    thanks: bool = False,
    disputed: bool = False,
) -> Answer:
    action = f"{request.base}/s/{request.token}"
    return page(
        request,
        status,
        "survey.html",
        asked_language(request) or view.language,
        view=view,
        zone=view.zone,
        action=action,
        faults=faults or [],
        by_field=by_field_of(faults or []),
        typed=Blank(typed or {}),
        thanks=thanks,
        disputed=disputed,
        is_rated_low=is_rated_low(view),
        switch=[(code, f"{action}?lang={code}") for code in LANGUAGES],
    )


def surveys(request: WebRequest) -> Answer:
    """Show the page that asks whether to stop surveys. Opening the page changes nothing."""
    return guarded(
        request, lambda: _surveys_page(request, wiring.unsubscribing().surveys(request.token))
    )


def set_surveys(request: WebRequest) -> Answer:
    """Stop surveys to an address at once, or allow them again if the field `again` is posted.

    The POST comes from the page, or from a mail program when its user unsubscribes (RFC 8058). A
    mail program does not follow redirects and posts none of the fields of this page.
    """

    def render() -> Answer:
        wiring.links().read_unsubscribe(request.token)  # checked before the form is read
        refused = "again" not in posted(request)
        found = wiring.unsubscribing().set_surveys(request.token, refused=refused)
        return _surveys_page(request, found)

    return guarded(request, render)


def _surveys_page(request: WebRequest, found: Surveys) -> Answer:
    action = f"{request.base}/u/{request.token}"
    return page(
        request,
        200,
        "surveys.html",
        asked_language(request) or found.language,
        found=found,
        action=action,
        switch=[(code, f"{action}?lang={code}") for code in LANGUAGES],
    )
