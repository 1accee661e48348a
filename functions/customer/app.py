"""The customer's web pages, and the routes of the JSON API that a customer calls.

Everything that shows or changes a ticket needs a signed link. Every button is an HTML form that
sends a POST, so a mail scanner that follows links with GET cannot answer on the customer's behalf.
The pages need no JavaScript and load no remote content.
"""

from __future__ import annotations

import hashlib
import mimetypes
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

import msgspec
from aws_lambda_powertools import Logger
from pages import pages

from redress.base import catalogue, observe
from redress.base.errors import (
    Fault,
    InvalidInput,
    KeyReused,
    NotAllowedNow,
    NotFound,
    RedressError,
)
from redress.base.phrases import moment
from redress.edge.http import (
    SECURITY,
    Answer,
    Refused,
    answer,
    base_address,
    body_of,
    header,
    json_body,
    problem,
    route_of,
)
from redress.edge.problems import plain, problem_for
from redress.plans.rules.plan import KINDS, LANGUAGES
from redress.tickets.rules.ticket import EventType, State
from redress.wiring import customer as wiring

if TYPE_CHECKING:  # importing them loads PynamoDB, which would slow the form's cold start
    from redress.mail.outgoing.cases.unsubscribing import Surveys
    from redress.tickets.cases.customer import StatusView

HERE = Path(__file__).parent
BODY_LIMIT = 256 * 1024
FIELD_LIMIT = 50
logger = Logger(service="customer")

PAGE_SECURITY = SECURITY | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request from API Gateway, which has already matched the route and parsed the path."""

    event: dict[str, Any]

    @property
    def base(self) -> str:
        """The base URL of the pages and the API."""
        return base_address(self.event)

    @property
    def method(self) -> str:
        method: str = self.event["requestContext"]["http"]["method"]
        return method

    @property
    def path(self) -> dict[str, str]:
        """Path parameters by their names in the route."""
        return self.event.get("pathParameters") or {}

    @property
    def token(self) -> str:
        """The signed token in the path."""
        return self.path["token"]

    def query(self, name: str) -> str:
        """A query parameter; '' if it is absent."""
        value: str = (self.event.get("queryStringParameters") or {}).get(name) or ""
        return value

    def header(self, name: str) -> str:
        return header(self.event, name)


class TooLarge(Exception):
    """The body is longer than BODY_LIMIT, and so longer than any real form."""


class NoForm(Exception):
    """The body cannot be parsed as a posted form."""


class Blank(dict[str, str]):
    """Texts by field name; a missing field reads as ''."""

    def __missing__(self, field: str) -> str:
        return ""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a request to the HTTP API with a page or with JSON."""
    if event.get("warm"):
        wiring.intake()
        wiring.customer_cases()
        pages()
        return {"warm": True}
    request = Request(event)
    route = ROUTES.get(route_of(event))
    return route(request) if route else not_found(request)


@cache
def style_version() -> str:
    """Return a digest of the style sheet.

    Pages put it into the style sheet's URL. A browser can then cache the file for good: new content
    gets a new URL.
    """
    return _digest((HERE / "assets" / "style.css").read_text("utf-8"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def respond(status: int, media: str, body: str, headers: Mapping[str, str]) -> Answer:
    """Build a response in the shape that API Gateway expects."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": media, **headers},
        "body": body,
    }


def page(
    request: Request,
    status: int,
    template: str,
    language: str,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Answer:
    """Render one page in one language."""
    values = {"base": request.base, **values}
    return _rendered(status, template, language, headers or {}, values)


def _rendered(
    status: int,
    template: str,
    language: str,
    headers: Mapping[str, str],
    values: Mapping[str, Any],
) -> Answer:
    found = pages().get_template(template)
    body = found.render(
        language=language,
        style_version=style_version(),
        t=lambda key, **given: catalogue.text(language, key, **given),
        name_of=lambda code: catalogue.text(code, "language.name"),
        moment=lambda at: moment(at, values["zone"], language),
        **values,
    )
    headers = {**PAGE_SECURITY, "Content-Language": language, **headers}
    return respond(status, "text/html; charset=utf-8", body, headers)


def asked_language(request: Request) -> str:
    """Return the language that the reader chose, or ''.

    It is in `?lang=`, or in the `language` field of a form posted from a page in that language.
    """
    asked = request.query("lang")
    if asked not in LANGUAGES and request.method == "POST":
        try:
            asked = posted(request).get("language", "")
        except (TooLarge, NoForm):
            asked = ""
    return asked if asked in LANGUAGES else ""


def language_of(request: Request) -> str:
    """Return the language that the reader chose; otherwise the one that the browser prefers."""
    return asked_language(request) or catalogue.preferred(request.header("accept-language"))


def posted(request: Request) -> dict[str, str]:
    """Return the fields of a posted form. Raises TooLarge or NoForm."""
    try:
        raw = body_of(request.event)
        if len(raw) > BODY_LIMIT:
            raise TooLarge
        pairs = parse_qsl(
            raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELD_LIMIT
        )
    except ValueError as error:
        raise NoForm from error
    # Browsers send every line break as CR LF, whatever was typed.
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def _log(error: Exception, status: int) -> None:
    if status >= 500:
        logger.error("request failed", extra=observe.fault_of(error))
    else:
        logger.info("request refused", extra={"fault": type(error).__name__})


def guarded(request: Request, render: Callable[[], Answer], token: str = "") -> Answer:
    """Return the rendered page, or an error page in the reader's language if rendering fails.

    If a POST fails with 500 or 503, the error page carries the posted fields and a button that
    sends them again. Going back in the browser could show an empty form with a new nonce instead.
    `token` is the token of a status page: if the action is no longer possible (409), the error page
    links to that status page.
    """
    headers: Mapping[str, str] = {}
    try:
        return render()
    except TooLarge:
        status = 413
    except NoForm:
        status = 400
    except RedressError as error:
        found = problem_for(error)
        status, headers = found.status, found.headers
        _log(error, status)
    except Exception as error:
        status = 500
        _log(error, status)
    known = status if catalogue.has("en", f"problem.{status}.title") else 500
    try:
        base = request.base
    except Exception as error:
        # A page without styles and links is better than no page.
        logger.error("no base address", extra=observe.fault_of(error))
        base = ""
    failed = known in (500, 503) and request.method == "POST"
    values = {
        "base": base,
        "code": known,
        "again": posted(request) if failed else None,
        "back": f"{base}/t/{token}" if base and token and known == 409 else "",
    }
    return _rendered(known, "problem.html", language_of(request), headers, values)


# ---------------------------------------------------------------- the form


@dataclass(frozen=True)
class ShownFault:
    """A fault as the page shows it: next to its field, and in the summary at the top."""

    field: str
    label: str
    text: str


_LABELS = {"consent": "form.consent_label", "language": "language.switch"}
_TYPED = ("kind", "subject", "description", "wished_remedy", "name", "email", "phone", "consent")


def shown(language: str, faults: list[Fault], prefix: str = "form") -> list[ShownFault]:
    """Translate faults for the page and sort them in the order of its fields.

    If a field has several faults, only the first is shown. A fault of the idempotency key (its
    pointer starts with "#") is left out, because the customer cannot correct it: the caller makes a
    new nonce instead.
    """
    found: dict[str, ShownFault] = {}
    for fault in faults:
        if fault.pointer.startswith("#"):
            continue
        field = fault.pointer.rpartition("/")[2]
        field = {"contact": "name", "": "subject"}.get(field, field)
        code = "consent" if field == "consent" else fault.code
        label = _LABELS.get(field, f"{prefix}.{field}")
        if not catalogue.has(language, label):
            label = f"{prefix}.title"
        text = catalogue.text(language, f"fault.{code}")
        found.setdefault(field, ShownFault(field, catalogue.text(language, label), text))
    order = {field: place for place, field in enumerate(_TYPED)}
    return sorted(found.values(), key=lambda fault: order.get(fault.field, len(order)))


def form_page(
    request: Request,
    status: int,
    language: str,
    values: Mapping[str, str],
    nonce: str,
    faults: list[ShownFault],
    notice: str = "",
) -> Answer:
    base = request.base
    kind = values.get("kind", "")
    asked = f"&kind={kind}" if kind in KINDS else ""
    return page(
        request,
        status,
        "form.html",
        language,
        values={name: values.get(name, "") for name in _TYPED},
        nonce=nonce,
        kinds=KINDS,
        faults=faults,
        by_field=_by_field(faults),
        notice=notice,
        switch=[(code, f"{base}/?lang={code}{asked}") for code in LANGUAGES],
    )


def _by_field(faults: list[ShownFault]) -> Blank:
    return Blank({fault.field: fault.text for fault in faults})


def _nonce() -> str:
    """Return a nonce for a new form.

    It is the submission's idempotency key: after a reload or a second click, the same form still
    counts as one submission.
    """
    return secrets.token_urlsafe(18)


def form(request: Request) -> Answer:
    """Show the web form; `?kind=complaint` opens it as the complaint form."""

    def render() -> Answer:
        kind = request.query("kind")
        values = {"kind": kind if kind in KINDS else ""}
        return form_page(request, 200, language_of(request), values, _nonce(), [])

    return guarded(request, render)


def submit_form(request: Request) -> Answer:
    """Submit the form.

    Answers 201 with the receipt, or 422 with the form, the faults and everything that was typed.
    Answers 409 if this form was sent before with other content.
    """

    def render() -> Answer:
        fields = posted(request)
        language = language_of(request)
        body: dict[str, Any] = {
            "subject": fields.get("subject", ""),
            "description": fields.get("description", ""),
            "contact": {name: fields.get(name, "") for name in ("name", "email", "phone")},
            "language": language,
            "consent": bool(fields.get("consent")),
        }
        for name in ("kind", "wished_remedy"):
            if fields.get(name):
                body[name] = fields[name]
        nonce = fields.get("nonce", "")
        # Read the base address before anything is written. Without it the customer could not be
        # given the link to a new ticket.
        base = request.base
        try:
            receipt = wiring.intake().submit(body, nonce, "web")
        except InvalidInput as error:
            faults = shown(language, error.faults)
            if any(fault.pointer.startswith("#") for fault in error.faults):
                text = catalogue.text(language, "fault.key_expected")
                return form_page(request, 422, language, fields, _nonce(), faults, text)
            return form_page(request, 422, language, fields, nonce, faults)
        except KeyReused:
            # The customer sent this form, went back and changed it. The new nonce makes the next
            # press of the button a second submission.
            text = catalogue.text(language, "fault.key_reused")
            return form_page(request, 409, language, fields, _nonce(), [], text)
        # A repeated request is logged at debug level only: it brings nothing new.
        log = logger.debug if receipt.replayed else logger.info
        log("submission accepted", extra={"ticket": receipt.number, "replayed": receipt.replayed})
        link = f"{base}/t/{receipt.status_token}"
        return page(
            request, 201, "receipt.html", language, receipt=receipt, link=link, zone=receipt.zone
        )

    return guarded(request, render)


# ---------------------------------------------------------------- the status page


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


def status_url(request: Request, language: str, own: str) -> str:
    """Return the status page's URL. `?lang=` is added if `language` is not the ticket's `own`."""
    asked = "" if language == own else f"?lang={language}"
    return f"{request.base}/t/{request.token}{asked}"


def status_page(
    request: Request,
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
        steps=steps_of(view),
        action=status_url(request, view.language, view.language),
        faults=faults or [],
        by_field=by_field or Blank(),
        typed=Blank(typed or {}),
        switch=[(code, status_url(request, code, view.language)) for code in LANGUAGES],
    )


def status(request: Request) -> Answer:
    """Show the status page that a signed link opens."""
    return guarded(
        request,
        lambda: status_page(request, 200, wiring.customer_cases().status(request.token)),
    )


_FIELDS = {"write": "words", "dispute": "text", "withdraw": "reason"}


def act(request: Request) -> Answer:
    """Carry out a button of the status page, then redirect back to the page (303)."""
    token, action = request.token, request.path["action"]

    def render() -> Answer:
        cases = wiring.customer_cases()
        fields = posted(request)
        text = fields.get(_FIELDS.get(action, ""), "")
        try:
            match action:
                case "write":
                    view = cases.write(token, text)
                case "confirm":
                    view = cases.confirm(token)
                case "dispute":
                    view = cases.dispute(token, text)
                case "withdraw":
                    if not fields.get("sure"):
                        raise InvalidInput([Fault("/sure", "sure", "say that you are sure")])
                    view = cases.withdraw(token, text)
                case "survey":
                    view = cases.survey(token, answers_of(fields))
                case _:
                    raise NotFound("there is no such button")
        except InvalidInput as error:
            return _again(request, action, fields, error)
        language = asked_language(request) or view.language
        return see_other(status_url(request, language, view.language))

    return guarded(request, render, token)


def _again(request: Request, action: str, fields: Mapping[str, str], error: InvalidInput) -> Answer:
    """Show the status page again with the input that the customer typed and its faults."""
    view = wiring.customer_cases().status(request.token)
    language = asked_language(request) or view.language
    faults = shown(language, error.faults, "survey")
    if action == "survey":
        return status_page(request, 422, view, faults, _by_field(faults), fields)
    place = "sure" if any(fault.field == "sure" for fault in faults) else _FIELDS[action]
    label = catalogue.text(language, f"act.{action}")
    named = [ShownFault(place, label, fault.text) for fault in faults]
    typed = {action: fields.get(_FIELDS[action], "")}
    return status_page(request, 422, view, named, _by_field(named), typed)


def see_other(url: str) -> Answer:
    return respond(303, "text/plain", "", {**PAGE_SECURITY, "Location": url})


# ---------------------------------------------------------------- the survey


def answers_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Convert a posted questionnaire for the rules.

    Digits become numbers. Empty fields and the page's language are dropped.
    """
    return {
        name: int(value) if value.isascii() and value.isdigit() and len(value) < 4 else value
        for name, value in fields.items()
        if value.strip() and name != "language"
    }


def survey(request: Request) -> Answer:
    """Show the questionnaire that a signed, expiring link opens."""

    def render() -> Answer:
        view = wiring.customer_cases().survey_status(request.token)
        return _survey_page(request, 200, view)

    return guarded(request, render)


def answer_survey(request: Request) -> Answer:
    """Save the answers and thank the customer, or show the questionnaire again with its faults."""
    token = request.token

    def render() -> Answer:
        cases = wiring.customer_cases()
        fields = posted(request)
        try:
            view = cases.survey(token, answers_of(fields))
        except InvalidInput as error:
            view = cases.survey_status(token)
            faults = shown(asked_language(request) or view.language, error.faults, "survey")
            return _survey_page(request, 422, view, faults, fields)
        except NotAllowedNow:
            # It was answered before, by a double click or on another device. The reader made no
            # mistake, so this is not shown as an error.
            return _survey_page(request, 200, cases.survey_status(token))
        return _survey_page(request, 200, view, thanks=True)

    return guarded(request, render)


def _survey_page(
    request: Request,
    status: int,
    view: StatusView,
    faults: list[ShownFault] | None = None,
    typed: Mapping[str, str] | None = None,
    *,
    thanks: bool = False,
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
        by_field=_by_field(faults or []),
        typed=Blank(typed or {}),
        thanks=thanks,
        switch=[(code, f"{action}?lang={code}") for code in LANGUAGES],
    )


# ---------------------------------------------------------------- unsubscribing from surveys


def surveys(request: Request) -> Answer:
    """Ask whether to stop surveys to this address. Opening the page changes nothing."""
    return guarded(
        request, lambda: _surveys_page(request, wiring.unsubscribing().surveys(request.token))
    )


def set_surveys(request: Request) -> Answer:
    """Stop surveys to an address at once, or allow them again if the field `again` is posted.

    The POST comes from the page, or from a mail program on the reader's behalf (RFC 8058). A mail
    program follows no redirect and posts none of this form's fields.
    """

    def render() -> Answer:
        refused = "again" not in posted(request)
        found = wiring.unsubscribing().set_surveys(request.token, refused=refused)
        return _surveys_page(request, found)

    return guarded(request, render)


def _surveys_page(request: Request, found: Surveys) -> Answer:
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


# ---------------------------------------------------------------- the JSON API


def api(request: Request, do: Callable[[str], StatusView]) -> Answer:
    """Answer one call of the JSON API. The token must belong to the ticket in the path."""
    try:
        given = request.header("authorization").removeprefix("Bearer ").strip()
        token = given or request.query("token")
        if wiring.links().read_status(token) != request.path["number"]:
            return problem(plain(404, "not-found", "There is nothing here", "unknown link"))
        return answer(200, present(do(token)))
    except Refused as error:
        return problem(error.problem)
    except Exception as error:
        found = problem_for(error)
        _log(error, found.status)
        return problem(found)


def present(view: StatusView) -> dict[str, Any]:
    """Return a view in the shape of `Status` in openapi-public.json."""
    found: dict[str, Any] = msgspec.to_builtins(view)
    found["can"] = sorted(view.can)
    return found


def json_object(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object, or {} if there is no body. Raises Refused."""
    if not request.event.get("body"):
        return {}
    body = json_body(request.event)
    if not isinstance(body, dict):
        raise Refused(plain(400, "not-json", "Not an object", "the body is a JSON object"))
    return body


def json_text(request: Request, *, required: bool = True) -> str:
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


def read_ticket(request: Request) -> Answer:
    return api(request, lambda token: wiring.customer_cases().status(token))


def write_message(request: Request) -> Answer:
    return api(request, lambda token: wiring.customer_cases().write(token, json_text(request)))


def confirm(request: Request) -> Answer:
    return api(request, lambda token: wiring.customer_cases().confirm(token))


def dispute(request: Request) -> Answer:
    return api(request, lambda token: wiring.customer_cases().dispute(token, json_text(request)))


def withdraw(request: Request) -> Answer:
    return api(
        request,
        lambda token: wiring.customer_cases().withdraw(token, json_text(request, required=False)),
    )


def questionnaire(request: Request) -> Answer:
    return api(request, lambda token: wiring.customer_cases().survey(token, json_object(request)))


# ---------------------------------------------------------------- documents and assets


def document(request: Request) -> Answer:
    """Return the OpenAPI document of all public routes."""
    body = resources.files("redress").joinpath("data/openapi-public.json").read_text("utf-8")
    return respond(200, "application/json", body, {**SECURITY, "Cache-Control": "max-age=300"})


def asset(request: Request) -> Answer:
    """Return a style sheet.

    The name is looked up among the files that exist. It is never joined to a path, so it cannot
    lead out of the folder.
    """
    found = {path.name: path for path in (HERE / "assets").iterdir()}.get(request.path["name"])
    if found is None:
        return guarded(request, _no_page)
    text = found.read_text("utf-8")
    media = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    digest = _digest(text)
    # A URL with the right digest always means this content, so browsers may keep it for a year.
    # Any other URL may return new content after the next deployment.
    same = request.query("v") == digest
    kept = "public, max-age=31536000, immutable" if same else "public, max-age=3600"
    headers = {**SECURITY, "Cache-Control": kept, "ETag": f'"{digest}"'}
    return respond(200, f"{media}; charset=utf-8", text, headers)


def not_found(request: Request) -> Answer:
    if "text/html" in request.header("accept"):
        return guarded(request, _no_page)
    return problem(plain(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here", "no route"))


def _no_page() -> NoReturn:
    raise NotFound("there is no such page")


ROUTES: Mapping[tuple[str, str], Callable[[Request], Answer]] = {
    ("GET", "/"): form,
    ("POST", "/form"): submit_form,
    ("GET", "/t/{token}"): status,
    ("POST", "/t/{token}/{action}"): act,
    ("GET", "/s/{token}"): survey,
    ("POST", "/s/{token}"): answer_survey,
    ("GET", "/u/{token}"): surveys,
    ("POST", "/u/{token}"): set_surveys,
    ("GET", "/assets/{name}"): asset,
    ("GET", "/openapi.json"): document,
    ("GET", "/tickets/{number}"): read_ticket,
    ("POST", "/tickets/{number}/messages"): write_message,
    ("POST", "/tickets/{number}/confirmation"): confirm,
    ("POST", "/tickets/{number}/dispute"): dispute,
    ("POST", "/tickets/{number}/withdrawal"): withdraw,
    ("POST", "/tickets/{number}/survey"): questionnaire,
}
"""The handler of each route, by method and path as in template.yaml.

API Gateway has already matched the path and parsed its parameters. A router here would repeat that
work and slow every cold start. Requests that match no route reach this function too (template.yaml,
`Elsewhere`).
"""
