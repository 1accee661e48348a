"""The customer's pages, and the customer's side of the JSON API behind a signed link.

A page's button is a form that posts: what scans mails and follows links by GET answers nothing.
No script is needed and no remote content is loaded.
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
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from redress import texts, wiring
from redress.cases.customer import StatusView
from redress.edge.http import SECURITY, body_of, header
from redress.edge.problems import CONTENT_TYPE, Problem, plain, problem_for, to_json
from redress.mail import moment
from redress.rules.errors import Fault, InvalidInput, KeyReused, NotAllowedNow, RedressError
from redress.rules.plan import KINDS, LANGUAGES
from redress.rules.ticket import EventType, State

HERE = Path(__file__).parent
BODY_LIMIT = 256 * 1024
JSON_LIMIT = 64 * 1024
logger = Logger(service="customer")
app = APIGatewayRestResolver()

PAGE_SECURITY = SECURITY | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}


class TooLarge(Exception):  # noqa: N818 - a limit of HTTP, not of the domain
    """The body is longer than any honest form."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A proxy event of REST API -> a page or JSON."""
    if event.get("warm"):
        wiring.customer_app()
        pages()
        return {"warm": True}
    return app.resolve(event, context)


@cache
def pages() -> Environment:
    """The templates; everything that goes into them is escaped, an unknown name is an error."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(
    status: int,
    template: str,
    language: str,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response[str]:
    """One page in one language."""
    zone = wiring.customer_app().plan_zone
    body = pages().get_template(template).render(
        language=language,
        base=wiring.customer_app().base_url(),
        t=lambda key, **given: texts.text(language, key, **given),
        name_of=lambda code: texts.text(code, "language.name"),
        moment=lambda at: moment(at, zone(), language),
        **values,
    )
    return Response(
        status_code=status,
        content_type="text/html; charset=utf-8",
        body=body,
        headers={**PAGE_SECURITY, "Content-Language": language, **(headers or {})},
    )


def language_of_request() -> str:
    """`?lang=`, else what the browser asks for."""
    asked = app.current_event.query_string_parameters.get("lang", "")
    return asked if asked in LANGUAGES else texts.preferred(_header("accept-language"))


def _header(name: str) -> str:
    return header(app.current_event.raw_event, name)


def posted() -> dict[str, str]:
    """The fields of a posted form; raises TooLarge."""
    raw = body_of(app.current_event.raw_event)
    if len(raw) > BODY_LIMIT:
        raise TooLarge
    pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    # Browsers send line ends as CR LF, whatever was typed.
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def guarded(render: Callable[[], Response[str]], back: str | None = None) -> Response[str]:
    """A page, or the friendly page of what went wrong, in the reader's language."""
    headers: Mapping[str, str] = {}
    try:
        return render()
    except TooLarge:
        status = 413
    except ValueError:
        status = 400
    except RedressError as error:
        found = problem_for(error)
        status, headers = found.status, found.headers
        logger.info("refused", extra={"fault": type(error).__name__})
    except Exception:
        logger.exception("page failed")
        status = 500
    known = status if texts.has("en", f"problem.{status}.title") else 500
    link = back if status in (409, 422) else None
    return page(
        known, "problem.html", language_of_request(), headers, code=known, back=link
    )


# ---------------------------------------------------------------- the form


@dataclass(frozen=True)
class Shown:
    """A fault as the page shows it: beside its field and in the summary on top."""

    field: str
    label: str
    text: str


_LABELS = {
    "consent": "form.contact",
    "nonce": "form.title",
    "language": "language.switch",
    "sure": "act.withdraw",
}


def shown(language: str, faults: list[Fault], prefix: str = "form") -> list[Shown]:
    """Faults in the words of a language; a field that has two shows the first."""
    found: dict[str, Shown] = {}
    for fault in faults:
        field = "nonce" if fault.pointer.startswith("#") else fault.pointer.rpartition("/")[2]
        field = {"contact": "name", "": "subject"}.get(field, field)
        code = "consent" if field == "consent" else fault.code
        label = _LABELS.get(field, f"{prefix}.{field}")
        found.setdefault(
            field,
            Shown(
                field,
                texts.text(language, label if texts.has(language, label) else "form.title"),
                texts.text(language, f"fault.{code}"),
            ),
        )
    return list(found.values())


_TYPED = ("kind", "subject", "description", "wished_remedy", "name", "email", "phone", "consent")


def form_page(
    status: int, language: str, values: Mapping[str, str], nonce: str, faults: list[Shown]
) -> Response[str]:
    base = wiring.customer_app().base_url()
    kind = values.get("kind", "")
    asked = f"&kind={kind}" if kind in KINDS else ""
    return page(
        status,
        "form.html",
        language,
        values={name: values.get(name, "") for name in _TYPED},
        nonce=nonce,
        kinds=KINDS,
        faults=faults,
        by_field=_by_field(faults),
        switch=[(code, f"{base}/?lang={code}{asked}") for code in LANGUAGES],
    )


class _Faults(dict[str, str]):
    """Faults by field; '' for a field that is right."""

    def __missing__(self, field: str) -> str:
        return ""


def _by_field(faults: list[Shown]) -> _Faults:
    return _Faults({fault.field: fault.text for fault in faults})


@app.get("/")
def form() -> Response[str]:
    """The form; `?kind=complaint` is the complaint door."""

    def render() -> Response[str]:
        kind = app.current_event.query_string_parameters.get("kind", "")
        values = {"kind": kind if kind in KINDS else ""}
        return form_page(200, language_of_request(), values, secrets.token_urlsafe(18), [])

    return guarded(render)


@app.post("/form")
def submit_form() -> Response[str]:
    """Submit the form: 201 and the receipt, or 422 and the form with everything that was typed."""

    def render() -> Response[str]:
        fields = posted()
        language = fields.get("language", "")
        if language not in LANGUAGES:
            language = language_of_request()
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
        try:
            receipt = wiring.customer_app().cases.submit(body, nonce, "web")
        except InvalidInput as error:
            faults = shown(language, error.faults)
            return form_page(422, language, fields, nonce or secrets.token_urlsafe(18), faults)
        except KeyReused:
            text = texts.text(language, "fault.key_reused")
            faults = [Shown("subject", texts.text(language, "form.title"), text)]
            return form_page(409, language, fields, secrets.token_urlsafe(18), faults)
        logger.info("taken", extra={"ticket": receipt.number, "replayed": receipt.replayed})
        return page(201, "receipt.html", language, receipt=receipt)

    return guarded(render)


# ---------------------------------------------------------------- the status page


def steps_of(view: StatusView) -> list[tuple[str, bool]]:
    """The progress line: what has been reached (a reopened ticket has not been resolved)."""
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


def status_page(
    status: int,
    token: str,
    view: StatusView,
    faults: list[Shown] | None = None,
    by_field: _Faults | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    base = wiring.customer_app().base_url()
    asked = app.current_event.query_string_parameters.get("lang", "")
    language = asked if asked in LANGUAGES else view.language
    return page(
        status,
        "status.html",
        language,
        view=view,
        steps=steps_of(view),
        action=f"{base}/t/{token}",
        faults=faults or [],
        by_field=by_field or _Faults(),
        typed=_Faults(typed or {}),
        switch=[(code, f"{base}/t/{token}?lang={code}") for code in LANGUAGES],
    )


@app.get("/t/<token>")
def status(token: str) -> Response[str]:
    """The status page behind a signed link."""
    return guarded(lambda: status_page(200, token, wiring.customer_app().cases.status(token)))


_FIELDS = {"write": "words", "dispute": "text", "withdraw": "reason"}


@app.post("/t/<token>/<action>")
def act(token: str, action: str) -> Response[str]:
    """A button of the status page: done, and back to the page (303)."""
    back = f"{wiring.customer_app().base_url()}/t/{token}"

    def render() -> Response[str]:
        cases = wiring.customer_app().cases
        fields = posted()
        text = fields.get(_FIELDS.get(action, ""), "")
        try:
            match action:
                case "write":
                    cases.write(token, text)
                case "confirm":
                    cases.confirm(token)
                case "dispute":
                    cases.dispute(token, text)
                case "withdraw":
                    if not fields.get("sure"):
                        raise InvalidInput([Fault("/sure", "required", "say that you are sure")])
                    cases.withdraw(token, text)
                case "survey":
                    cases.survey(token, answers_of(fields))
                case _:
                    return guarded(_unknown)
        except InvalidInput as error:
            return _again(token, action, text, error)
        return see_other(back)

    return guarded(render, back)


def _unknown() -> Response[str]:
    language = language_of_request()
    return page(404, "problem.html", language, code=404, back=None)


def _again(token: str, action: str, text: str, error: InvalidInput) -> Response[str]:
    """The status page once more, with what was typed and what is wrong with it."""
    view = wiring.customer_app().cases.status(token)
    faults = shown(view.language, error.faults, "survey")
    if action == "survey":
        return status_page(422, token, view, faults, _by_field(faults))
    field = "sure" if action == "withdraw" else _FIELDS[action]
    label = texts.text(view.language, f"act.{action}")
    named = [Shown(field, label, fault.text) for fault in faults]
    by_action = _Faults({action: faults[0].text})
    return status_page(422, token, view, named, by_action, {action: text})


def see_other(url: str) -> Response[str]:
    return Response(
        status_code=303,
        content_type="text/plain",
        body="",
        headers={**PAGE_SECURITY, "Location": url},
    )


# ---------------------------------------------------------------- the survey


def answers_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """A posted questionnaire as the rules take it: digits become numbers, empty fields go."""
    return {
        name: int(value) if value.isascii() and value.isdigit() and len(value) < 4 else value
        for name, value in fields.items()
        if value.strip()
    }


@app.get("/s/<token>")
def survey(token: str) -> Response[str]:
    """The questionnaire behind a signed link that expires."""

    def render() -> Response[str]:
        view = wiring.customer_app().cases.survey_status(token)
        return _survey_page(200, token, view)

    return guarded(render)


@app.post("/s/<token>")
def answer_survey(token: str) -> Response[str]:
    """The answers: thanks, or the questionnaire again with what is wrong."""

    def render() -> Response[str]:
        cases = wiring.customer_app().cases
        try:
            view = cases.survey(token, answers_of(posted()))
        except InvalidInput as error:
            view = cases.survey_status(token)
            return _survey_page(422, token, view, shown(view.language, error.faults, "survey"))
        except NotAllowedNow:
            # Answered before, by a second click or another device: that is no fault of the reader.
            return _survey_page(200, token, cases.survey_status(token))
        return _survey_page(200, token, view, thanks=True)

    return guarded(render)


def _survey_page(
    status: int,
    token: str,
    view: StatusView,
    faults: list[Shown] | None = None,
    *,
    thanks: bool = False,
) -> Response[str]:
    return page(
        status,
        "survey.html",
        view.language,
        view=view,
        action=f"{wiring.customer_app().base_url()}/s/{token}",
        faults=faults or [],
        by_field=_by_field(faults or []),
        thanks=thanks,
    )


# ---------------------------------------------------------------- the same as JSON


def answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response[str]:
    return Response(
        status_code=status,
        content_type="application/json",
        body=msgspec.json.encode(body).decode(),
        headers={**SECURITY, **(headers or {})},
    )


def problem(found: Problem) -> Response[str]:
    return Response(
        status_code=found.status,
        content_type=CONTENT_TYPE,
        body=msgspec.json.encode(to_json(found)).decode(),
        headers={**SECURITY, **found.headers},
    )


def api(number: str, do: Callable[[str], StatusView]) -> Response[str]:
    """One call of the JSON API: the link's token must be of this very ticket."""
    try:
        given = _header("authorization").removeprefix("Bearer ").strip()
        token = given or app.current_event.query_string_parameters.get("token", "")
        if wiring.customer_app().links.read_status(token) != number:
            return problem(plain(404, "not-found", "There is nothing here", "unknown link"))
        return answer(200, present(do(token)))
    except RedressError as error:
        return problem(problem_for(error))
    except TooLarge:
        return problem(plain(413, "too-large", "Too large", f"at most {JSON_LIMIT} bytes"))
    except ValueError:
        return problem(plain(400, "not-json", "Not JSON", "the body is not a JSON object"))
    except Exception as error:
        logger.exception("call failed")
        return problem(problem_for(error))


def present(view: StatusView) -> dict[str, Any]:
    """`Status` of openapi-public.json."""
    found: dict[str, Any] = msgspec.to_builtins(view)
    found["can"] = sorted(view.can)
    return found


def json_body() -> dict[str, Any]:
    """The body as a JSON object; raises ValueError, TooLarge. An empty one is an empty object."""
    raw = body_of(app.current_event.raw_event)
    if len(raw) > JSON_LIMIT:
        raise TooLarge
    try:
        body = msgspec.json.decode(raw) if raw.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(body, dict):
        raise ValueError("not an object")
    return body


def json_text(*, required: bool = True) -> str:
    """The `text` of a body that has nothing else; every wrong field is named."""
    body = json_body()
    faults = [Fault(f"/{name}", "unknown", "unknown field") for name in body if name != "text"]
    text = body.get("text")
    if text is None and required:
        faults.append(Fault("/text", "required", "this field is required"))
    elif text is not None and not isinstance(text, str):
        faults.append(Fault("/text", "text_expected", "a text is expected here"))
    if faults:
        raise InvalidInput(faults)
    return text or ""


@app.get("/tickets/<number>")
def read_ticket(number: str) -> Response[str]:
    return api(number, lambda token: wiring.customer_app().cases.status(token))


@app.post("/tickets/<number>/messages")
def write_message(number: str) -> Response[str]:
    return api(number, lambda token: wiring.customer_app().cases.write(token, json_text()))


@app.post("/tickets/<number>/confirmation")
def confirm(number: str) -> Response[str]:
    return api(number, lambda token: wiring.customer_app().cases.confirm(token))


@app.post("/tickets/<number>/dispute")
def dispute(number: str) -> Response[str]:
    return api(number, lambda token: wiring.customer_app().cases.dispute(token, json_text()))


@app.post("/tickets/<number>/withdrawal")
def withdraw(number: str) -> Response[str]:
    return api(
        number,
        lambda token: wiring.customer_app().cases.withdraw(token, json_text(required=False)),
    )


@app.post("/tickets/<number>/survey")
def questionnaire(number: str) -> Response[str]:
    return api(number, lambda token: wiring.customer_app().cases.survey(token, json_body()))


# ---------------------------------------------------------------- documents and assets


@app.get("/openapi.json")
def document() -> Response[str]:
    """The document of every public route."""
    body = resources.files("redress").joinpath("data/openapi-public.json").read_text("utf-8")
    return Response(200, "application/json", body, {**SECURITY, "Cache-Control": "max-age=300"})


@app.get("/assets/<name>")
def asset(name: str) -> Response[str]:
    """A style sheet; names are looked up in a list, never joined to a path."""
    found = {path.name: path for path in (HERE / "assets").iterdir()}.get(name)
    if found is None:
        return guarded(_unknown)
    text = found.read_text("utf-8")
    media = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    return Response(
        200,
        f"{media}; charset=utf-8",
        text,
        {
            **SECURITY,
            "Cache-Control": "public, max-age=3600",
            "ETag": f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"',
        },
    )


@app.not_found
def not_found(error: NotFoundError) -> Response[str]:
    if "text/html" in _header("accept"):
        return guarded(_unknown)
    return problem(plain(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here", "no route"))
