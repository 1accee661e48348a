"""The form for a submission, and its receipt."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from rendering import FORM_FIELDS, ShownFault, by_field_of, guarded, page, shown
from web_request import WebRequest, asked_language, language_of, logger, posted

from redress.base import catalogue
from redress.base.errors import (
    InvalidInput,
    KeyReused,
    Unavailable,
    Unreadable,
)
from redress.base.languages import LANGUAGES
from redress.edge.http import (
    Answer,
)
from redress.plans.rules.categories import choices
from redress.plans.rules.plan import KINDS
from redress.plans.rules.reader import NAME
from redress.tickets.cases.intake import Offer, Receipt
from redress.wiring import customer as wiring

OWN = "field_"
"""Begins the names of inputs for fields of the plan. A plan names no other input of the form."""


def form_page(
    request: WebRequest,
    status: int,
    language: str,
    values: Mapping[str, str],
    nonce: str,
    faults: list[ShownFault],
    notice: str = "",
) -> Answer:
    base = request.base
    kind = values.get("kind", "")
    offer = offer_of(kind if kind in KINDS else None, values.get("category") or None)
    asked = f"&kind={kind}" if kind in KINDS else ""
    return page(
        request,
        status,
        "form.html",
        language,
        values={name: values.get(name, "") for name in FORM_FIELDS},
        nonce=nonce,
        kinds=KINDS,
        categories=list(choices(offer.categories, language)),
        fields=offer.fields,
        own=[
            (f"{OWN}{field['name']}", field, values.get(f"{OWN}{field['name']}", ""))
            for field in offer.own
        ],
        faults=faults,
        by_field=by_field_of(faults),
        notice=notice,
        incidents=known_incidents(language),
        switch=[(code, f"{base}/?lang={code}{asked}") for code in LANGUAGES],
    )


def offer_of(kind: str | None, category: str | None) -> Offer:
    """Return the categories and the optional fields that the plan offers.

    Fields that are only for another kind or category than the chosen one are left out.
    If the plan cannot be read, the form has none of them: a customer can submit without them.
    """
    try:
        return wiring.intake().offer(kind, category)
    except (Unavailable, Unreadable) as error:
        logger.warning("the form has no categories", extra={"fault": type(error).__name__})
        return Offer()


def known_incidents(language: str) -> list[str]:
    """Return what the form says about open incidents.

    If that cannot be read, the form says nothing of them: customers can submit all the same.
    """
    try:
        return wiring.notices().in_language(language)
    except Exception as error:
        # Imported late: it loads botocore, which a request without an error may not need.
        from redress.db.retry import is_outage

        if not (isinstance(error, Unavailable | Unreadable) or is_outage(error)):
            raise
        logger.warning("the form has no notices", extra={"fault": type(error).__name__})
        return []


def nonce_of() -> str:
    """Return a nonce for a new form.

    It is the submission's idempotency key: after a reload or a second click, the same form still
    counts as one submission.
    """
    return secrets.token_urlsafe(18)


def form(request: WebRequest) -> Answer:
    """Show the web form; `?kind=complaint` opens it as the complaint form."""

    def render() -> Answer:
        kind = request.query("kind")
        values = {"kind": kind if kind in KINDS else ""}
        return form_page(request, 200, language_of(request), values, nonce_of(), [])

    return guarded(request, render)


def submit_form(request: WebRequest) -> Answer:
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
        for name in ("kind", "category", "wished_remedy", "order", "about"):
            if fields.get(name):
                body[name] = fields[name]
        own = {
            name.removeprefix(OWN): text
            for name, text in fields.items()
            if name.startswith(OWN) and text and NAME.fullmatch(name.removeprefix(OWN))
        }
        if own:
            body["fields"] = own
        # Not an empty one: a form without the field is repeated with the same body as before.
        if fields.get("company"):
            body["contact"]["company"] = fields["company"]
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
                return form_page(request, 422, language, fields, nonce_of(), faults, text)
            return form_page(request, 422, language, fields, nonce, faults)
        except KeyReused:
            # The customer sent this form, went back and changed it. The new nonce makes the next
            # press of the button a second submission.
            text = catalogue.text(language, "fault.key_reused")
            return form_page(request, 409, language, fields, nonce_of(), [], text)
        # A repeated request is logged at debug level only: it brings nothing new.
        log = logger.debug if receipt.replayed else logger.info
        log("submission accepted", extra={"ticket": receipt.number, "replayed": receipt.replayed})
        return receipt_page(request, base, 201, language, receipt)

    return guarded(request, render)


def receipt(request: WebRequest) -> Answer:
    """Show the receipt again, with the promises as they are now.

    The receipt that a submission gets links to it in the other languages. So the choice of another
    language submits nothing.
    """

    def render() -> Answer:
        found = wiring.customer_cases().receipt(request.token)
        language = asked_language(request) or found.language
        return receipt_page(request, request.base, 200, language, found)

    return guarded(request, render)


def receipt_page(
    request: WebRequest, base: str, status: int, language: str, found: Receipt
) -> Answer:
    link = f"{base}/t/{found.status_token}"
    return page(
        request,
        status,
        "receipt.html",
        language,
        receipt=found,
        link=link,
        zone=found.zone,
        takes_files=wiring.files_are_on(),
        switch=[(code, f"{base}/r/{found.status_token}?lang={code}") for code in LANGUAGES],
    )
