"""The page on which a customer whose matter is done tells us something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from form import nonce_of, offer_of, receipt_page
from rendering import ShownFault, by_field_of, guarded, page, shown
from web_request import WebRequest, asked_language, logger, posted

from redress.base import catalogue
from redress.base.errors import InvalidInput, KeyReused
from redress.base.languages import LANGUAGES
from redress.edge.http import Answer
from redress.plans.rules.categories import choices
from redress.plans.rules.plan import KINDS
from redress.wiring import customer as wiring

NAMES = ("kind", "category", "subject", "description")


def another_page(
    request: WebRequest,
    status: int,
    values: Mapping[str, str],
    nonce: str,
    faults: list[ShownFault],
    notice: str = "",
) -> Answer:
    """Show the form. Contact and language of the old ticket are used, and not shown."""
    old = wiring.following().require_possible(request.token)
    language = asked_language(request) or old.language
    kind = values.get("kind", "")
    offer = offer_of(kind if kind in KINDS else None, values.get("category") or None)
    action = f"{request.base}/t/{request.token}/another"
    return page(
        request,
        status,
        "another.html",
        language,
        number=old.number,
        values={name: values.get(name, "") for name in (*NAMES, "consent")},
        nonce=nonce,
        kinds=KINDS,
        categories=list(choices(offer.categories, language)),
        faults=faults,
        by_field=by_field_of(faults),
        notice=notice,
        action=action,
        status_page=f"{request.base}/t/{request.token}",
        switch=[(code, f"{action}?lang={code}") for code in LANGUAGES],
    )


def _language_of(request: WebRequest) -> str:
    """The language of the page: the one that the reader chose, otherwise that of the old ticket."""
    return asked_language(request) or wiring.following().require_possible(request.token).language


def another(request: WebRequest) -> Answer:
    """Show an empty form. A GET writes nothing, so a scanner that follows links opens no ticket."""
    return guarded(request, lambda: another_page(request, 200, {}, nonce_of(), []), request.token)


def submit_another(request: WebRequest) -> Answer:
    """Open the new ticket.

    Answers 201 with its receipt, or 422 with the form, the faults and everything that was typed.
    Answers 409 if this form was sent before with other content, or the old ticket was reopened.
    """

    def render() -> Answer:
        fields, base = posted(request), request.base
        wiring.customer_cases().number_of(request.token)  # the link is checked before the form
        body: dict[str, Any] = {
            "subject": fields.get("subject", ""),
            "description": fields.get("description", ""),
            "consent": bool(fields.get("consent")),
        }
        body |= {name: fields[name] for name in ("kind", "category") if fields.get(name)}
        nonce = fields.get("nonce", "")
        try:
            receipt = wiring.following().submit(request.token, body, nonce)
        except InvalidInput as error:
            language = _language_of(request)
            faults = shown(language, error.faults)
            if any(fault.pointer.startswith("#") for fault in error.faults):
                text = catalogue.text(language, "fault.key_expected")
                return another_page(request, 422, fields, nonce_of(), faults, text)
            return another_page(request, 422, fields, nonce, faults)
        except KeyReused:
            text = catalogue.text(_language_of(request), "fault.key_reused")
            return another_page(request, 409, fields, nonce_of(), [], text)
        log = logger.debug if receipt.replayed else logger.info
        log("submission accepted", extra={"ticket": receipt.number, "replayed": receipt.replayed})
        language = asked_language(request) or receipt.language
        return receipt_page(request, base, 201, language, receipt)

    return guarded(request, render, request.token)
