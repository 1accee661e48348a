"""The status page of a ticket, and its buttons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from rendering import TEXT_FIELDS, ShownFault, by_field_of, guarded, page, see_other, shown
from surveys import answers_of, is_rated_low
from web_request import Blank, WebRequest, asked_language, posted

from redress.base import catalogue
from redress.base.errors import (
    Fault,
    InvalidInput,
    NotFound,
)
from redress.base.languages import LANGUAGES
from redress.clocks.rules.clocks import ClockName
from redress.edge.http import (
    Answer,
)
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import EventType, State
from redress.wiring import customer as wiring

if TYPE_CHECKING:  # importing them loads PynamoDB, which would slow the form's cold start
    from redress.tickets.cases.customer import Line, StatusView


def steps_of(view: StatusView) -> list[tuple[str, bool]]:
    """Return the steps of the progress line and whether each is done.

    A reopened ticket counts as not resolved.
    """
    happened = {line.type for line in view.timeline}
    resolved = view.state in (State.RESOLVED, State.CONFIRMED) or (
        view.state == State.CLOSED and EventType.RESOLVED in happened
    )
    return [
        ("received", True),
        ("answered", bool(happened & {EventType.REPLIED, EventType.RESOLVED})),
        ("resolved", resolved),
        ("confirmed", view.state == State.CONFIRMED or view.closure == "confirmed"),
    ]


class Segment(msgspec.Struct, frozen=True):
    """A piece of a line's text, as the page shows it.

    kind    what the piece is if it is a marked part of a mail; "" for the writer's own words
    folded  whether the page hides the piece until the reader opens it
    length  how many characters the part has. `text` is shorter if the event keeps only the
            beginning of the part
    """

    text: str
    kind: str = ""
    folded: bool = False
    length: int = 0


def segments_of(line: Line) -> list[Segment]:
    """Return the pieces of a line's text in order: the writer's own words and marked parts."""
    text, position = line.text or "", 0
    found: list[Segment] = []

    def own(end: int) -> None:
        if words := text[position:end].strip("\n"):
            found.append(Segment(words))

    for part in line.parts:
        own(part.at)
        position = max(position, part.at)
        if part.folded is not None:
            found.append(Segment(part.folded, part.kind, folded=True, length=part.length))
            continue
        end = min(part.at + part.length, len(text))
        shown = text[position:end].strip("\n")
        found.append(Segment(shown, part.kind, length=len(shown)))
        position = end
    own(len(text))
    return found


def status_url(request: WebRequest, language: str, own: str) -> str:
    """Return the status page's URL. `?lang=` is added if `language` is not the ticket's `own`."""
    asked = "" if language == own else f"?lang={language}"
    return f"{request.base}/t/{request.token}{asked}"


def status_page(
    request: WebRequest,
    status: int,
    view: StatusView,
    faults: list[ShownFault] | None = None,
    by_field: Blank | None = None,
    typed: Mapping[str, str] | None = None,
) -> Answer:
    return page(
        request,
        status,
        "status.html",
        asked_language(request) or view.language,
        view=view,
        zone=view.zone,
        takes_files=wiring.files_are_on(),
        steps=steps_of(view),
        segments=segments_of,
        is_rated_low=is_rated_low(view),
        waits=waits_for_items(view),
        is_over=view.state not in STEPS[Step.GIVE_ITEM],
        action=status_url(request, view.language, view.language),
        faults=faults or [],
        by_field=by_field or Blank(),
        typed=Blank(typed or {}),
        switch=[(code, status_url(request, code, view.language)) for code in LANGUAGES],
    )


def waits_for_items(view: StatusView) -> bool:
    """Whether the promise of a solution stands still and the customer has something to send."""
    is_paused = any(
        one.clock == ClockName.RESOLUTION and one.waits_for == "customer" for one in view.promises
    )
    missing = (item.required and item.can and item.state != "given" for item in view.checklist)
    return is_paused and any(missing)


def status(request: WebRequest) -> Answer:
    """Show the status page that a signed link opens."""
    return guarded(
        request,
        lambda: status_page(request, 200, wiring.customer_cases().status(request.token)),
    )


_BUTTONS = ("write", "confirm", "dispute", "urge", "answer", "withdraw", "survey")


def act(request: WebRequest) -> Answer:
    """Carry out a button of the status page, then redirect back to the page (303)."""
    token, action = request.token, request.path["action"]

    def render() -> Answer:
        cases = wiring.customer_cases()
        cases.number_of(token)  # the link is checked before the form is read
        if action not in _BUTTONS:
            raise NotFound("there is no such button")
        fields = posted(request)
        text = fields.get(TEXT_FIELDS.get(action, ""), "")
        try:
            match action:
                case "write":
                    view = cases.write(token, text)
                case "confirm":
                    view = cases.confirm(token)
                case "dispute":
                    view = cases.dispute(token, text)
                case "urge":
                    view = cases.urge(token)
                case "answer":
                    view = cases.answer_item(token, fields.get("item", ""), text)
                case "withdraw":
                    if not fields.get("sure"):
                        raise InvalidInput([Fault("/sure", "sure", "say that you are sure")])
                    view = cases.withdraw(token, text)
                case _:
                    view = cases.survey(token, answers_of(fields))
        except InvalidInput as error:
            return _again(request, action, fields, error)
        language = asked_language(request) or view.language
        return see_other(status_url(request, language, view.language))

    return guarded(request, render, token)


def _again(
    request: WebRequest, action: str, fields: Mapping[str, str], error: InvalidInput
) -> Answer:
    """Show the status page again with the input that the customer typed and its faults."""
    view = wiring.customer_cases().status(request.token)
    language = asked_language(request) or view.language
    faults = shown(language, error.faults, "survey")
    if action == "survey":
        return status_page(request, 422, view, faults, by_field_of(faults), fields)
    if action == "answer":
        return _answer_again(request, view, language, fields, faults)
    place = "sure" if any(fault.field == "sure" for fault in faults) else TEXT_FIELDS[action]
    label = catalogue.text(language, f"act.{action}")
    named = [ShownFault(place, label, fault.text) for fault in faults]
    typed = {action: fields.get(TEXT_FIELDS[action], "")}
    return status_page(request, 422, view, named, by_field_of(named), typed)


def _answer_again(
    request: WebRequest,
    view: StatusView,
    language: str,
    fields: Mapping[str, str],
    faults: list[ShownFault],
) -> Answer:
    """Show the page again with an answer to an item of the checklist. Its field has its own id."""
    item = next((one for one in view.checklist if one.id == fields.get("item")), None)
    label = item.text[language] if item is not None else catalogue.text(language, "act.answer")
    place = f"answer-{fields.get('item', '')}"
    named = [ShownFault(place, label, fault.text) for fault in faults]
    typed = {place: fields.get(TEXT_FIELDS["answer"], "")}
    return status_page(request, 422, view, named, by_field_of(named), typed)
