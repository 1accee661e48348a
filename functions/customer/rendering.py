"""Render pages in the reader's language, with their security headers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from pages import pages
from web_request import (
    Blank,
    NoForm,
    TooLarge,
    WebRequest,
    language_of,
    log_refusal,
    logger,
    posted,
)

from redress.base import catalogue, instants, observe, texts
from redress.base.errors import Fault
from redress.base.phrases import moment, size
from redress.edge.http import (
    SECURITY,
    Answer,
    Refused,
)
from redress.edge.problems import problem_for
from redress.wiring import customer as wiring

if TYPE_CHECKING:  # only a house that has settings of its own loads it
    from redress.base.house import House

HERE = Path(__file__).parent


TEXT_FIELDS = {"write": "words", "dispute": "text", "withdraw": "reason", "answer": "answer"}
"""The name of the field in which the customer writes, for each action that has one."""
_ANOTHER = ("subject", "description")
"""The fields in which the customer tells us something else."""


PAGE_SECURITY = SECURITY | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}


STYLE, LOGO, SCRIPT = "style.css", "logo.png", "files.js"


def house() -> House | None:
    """Return the operator's house; None if no setting describes it.

    A page without name and colours is better than no page, so settings that cannot be read count as
    absent here.
    """
    try:
        return wiring.house()
    except Exception as error:
        logger.error("no settings of the house", extra=observe.fault_of(error))
        return None


class File(msgspec.Struct, frozen=True):
    """The content of a file that pages refer to, and its digest.

    Pages put the digest into the file's URL. A browser can then cache the file for good: new
    content gets a new URL.
    """

    content: bytes
    digest: str


@cache
def style(own: House | None) -> File:
    """Return the style sheet, which ends with the colours of the house if it has its own."""
    content = (HERE / "assets" / STYLE).read_bytes()
    if own is not None:
        from redress.base.house import style_of

        content += style_of(own).encode()
    return File(content, digest_of(content))


@cache
def script() -> File:
    """Return the script of the page of files."""
    content = (HERE / "assets" / SCRIPT).read_bytes()
    return File(content, digest_of(content))


def logo(own: House | None) -> File | None:
    """Return the picture that the operator put into the folder of assets, or None."""
    return _picture(HERE / "assets" / LOGO) if own is not None and own.has_logo else None


@cache
def _picture(path: Path) -> File | None:
    if not path.is_file():
        return None
    content = path.read_bytes()
    return File(content, digest_of(content))


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def respond(status: int, media: str, body: str, headers: Mapping[str, str]) -> Answer:
    """Build a response in the shape that API Gateway expects."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": media, **headers},
        "body": body,
    }


def page(
    request: WebRequest,
    status: int,
    template: str,
    language: str,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Answer:
    """Render one page in one language."""
    values = {"base": request.base, **values}
    return rendered(status, template, language, headers or {}, values)


def rendered(
    status: int,
    template: str,
    language: str,
    headers: Mapping[str, str],
    values: Mapping[str, Any],
) -> Answer:
    found, own = pages().get_template(template), house()
    picture = logo(own)
    body = found.render(
        language=language,
        house=own.name if own else "",
        logo_version=picture.digest if picture else "",
        style_version=style(own).digest,
        t=lambda key, **given: catalogue.text(language, key, **given),
        name_of=lambda code: catalogue.text(code, "language.name"),
        written=instants.written,
        size=size,
        moment=lambda at: moment(at, values["zone"], language),
        **values,
    )
    headers = {**PAGE_SECURITY, "Content-Language": language, **headers}
    return respond(status, "text/html; charset=utf-8", body, headers)


def guarded(request: WebRequest, render: Callable[[], Answer], token: str = "") -> Answer:
    """Return the rendered page, or an error page in the reader's language if rendering fails.

    If a POST fails with 500 or 503, the error page carries the posted fields and a button that
    sends them again. Going back in the browser could show an empty form with a new nonce instead.
    If the action is no longer possible (409), the error page shows the words that were not sent.
    `token` is the token of a status page, to which that error page links.
    """
    headers: Mapping[str, str] = {}
    try:
        return render()
    except TooLarge:
        status = 413
    except NoForm:
        status = 400
    except Refused as refused:
        status, headers = refused.problem.status, refused.problem.headers
    except Exception as error:
        found = problem_for(error)
        status, headers = found.status, found.headers
        log_refusal(error, status, request.event["routeKey"])
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
        "unsent": _words_of(request) if known == 409 else [],
        "back": f"{base}/t/{token}" if base and token and known == 409 else "",
    }
    return rendered(known, "problem.html", language_of(request), headers, values)


def _words_of(request: WebRequest) -> list[str]:
    """Return what the customer wrote: the text of a status or survey page, or something else."""
    fields = posted(request)
    typed = [fields.get(name, "") for name in (*TEXT_FIELDS.values(), *_ANOTHER)]
    return [text for text in typed if not texts.is_empty(text)]


def see_other(url: str) -> Answer:
    return respond(303, "text/plain", "", {**PAGE_SECURITY, "Location": url})


class ShownFault(msgspec.Struct, frozen=True):
    """A fault as the page shows it: next to its field, and in the summary at the top."""

    field: str
    label: str
    text: str


_LABELS = {
    "consent": "form.consent_label",
    "language": "language.switch",
    "text": "act.dispute_label",
}


FORM_FIELDS = (
    "kind",
    "category",
    "subject",
    "description",
    "wished_remedy",
    "order",
    "about",
    "name",
    "company",
    "email",
    "phone",
    "consent",
)


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
    order = {field: place for place, field in enumerate(FORM_FIELDS)}
    return sorted(found.values(), key=lambda fault: order.get(fault.field, len(order)))


def by_field_of(faults: list[ShownFault]) -> Blank:
    return Blank({fault.field: fault.text for fault in faults})
