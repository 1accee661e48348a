"""Mails in quarantine, and the mails of a ticket."""

from __future__ import annotations

import re
from typing import Any

from route import LEADERS, STAFF, PathPart, Request, Route, hexadecimal, iso

from redress.base.errors import Fault, InvalidInput
from redress.base.people import is_team
from redress.edge import cursors
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.mail.incoming.bucket import LINK_S
from redress.mail.incoming.cases.quarantine import HeldPage, Opened, QuarantinedMail, Wanted
from redress.mail.incoming.rules.decision import Reason
from redress.mail.incoming.store import IncomingRecord
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.wiring import staff as wiring


def open_mail(request: Request) -> Answer:
    found = wiring.quarantine().mail_of(
        request.member, request.path["number"], request.path["event"]
    )
    return answer(200, links_view(found))


def list_quarantine(request: Request) -> Answer:
    def content() -> Wanted:
        return _wanted(request.query)

    page = wiring.quarantine().held(request.member, request.query.get("team"), content)
    return answer(200, quarantine_view(page))


def read_held_mail(request: Request) -> Answer:
    found = wiring.quarantine().read(request.member, request.path["id"])
    return answer(200, held_mail_view(found))


def release_mail(request: Request) -> Answer:
    record = wiring.quarantine().release(request.member, request.path["id"])
    return answer(202, mail_view(record))


def _wanted(query: dict[str, str]) -> Wanted:
    """The part of the list that the query asks for. Raises InvalidInput that names every fault."""
    faults, limit, cursor = list[Fault](), PAGE_LIMIT, None
    try:
        limit, cursor = cursors.page(query, PAGE_LIMIT, is_quarantine_key)
    except InvalidInput as invalid:
        faults += invalid.faults
    team, reason, unseen = (query.get(name) for name in ("team", "reason", "unseen"))
    if team is not None and not is_team(team):
        faults.append(Fault("/team", "unknown_team", "there is no such team"))
    if reason is not None and reason not in tuple(Reason):
        faults.append(Fault("/reason", "unknown", f"one of {', '.join(Reason)}"))
    if unseen not in (None, "true", "false"):
        faults.append(Fault("/unseen", "yes_or_no_expected", "true or false is expected here"))
    if faults:
        raise InvalidInput(faults)
    return Wanted(
        limit,
        cursor,
        reason=Reason(reason) if reason is not None else None,
        unseen=unseen == "true" if unseen is not None else None,
    )


def is_quarantine_key(key: str) -> bool:
    """Whether a text has the form of a key of the quarantine's index (`keys.held_sk`)."""
    return re.fullmatch(r"[0-9T:.+-]{20,40}#[0-9a-f]{40}", key) is not None


# -------------------------------------------------------------------- views


def quarantine_view(page: HeldPage) -> dict[str, Any]:
    return {
        "items": [mail_view(record) for record in page.records],
        "next": to_cursor(page.cursor),
    }


def mail_view(record: IncomingRecord) -> dict[str, Any]:
    """`HeldMail`: a mail in quarantine. `ticket` is the ticket that it names or has become."""
    requested, refused = record.requested, record.refused
    return {
        "id": record.identity,
        "state": record.state.value,
        "team": record.team,
        "reason": record.reason,
        "because": list(record.because),
        "flags": list(record.flags),
        "received_at": iso(record.received_at),
        "from": {"name": record.sender_name or None, "email": record.sender or None},
        "to": list(record.recipients),
        "subject": record.subject,
        "excerpt": record.excerpt,
        "ticket": record.number,
        "released_by": record.released_by,
        "seen_at": iso(record.seen_at),
        "seen_by": record.seen_by,
        "requested": {"at": iso(requested.at), "by": requested.by} if requested else None,
        "refused": {
            "reason": refused.reason,
            "at": iso(refused.at),
            "by": refused.by,
            "because": refused.because,
        }
        if refused
        else None,
    }


def held_mail_view(found: QuarantinedMail) -> dict[str, Any]:
    return mail_view(found.record) | {"links": links_view(found.opened)}


def links_view(found: Opened) -> dict[str, Any]:
    """`OpenedMail`: links to a mail, valid for `expires_in_s`."""
    return {
        "original": found.original,
        "read": found.read,
        "attachments": found.attachments,
        "expires_in_s": LINK_S,
    }


# -------------------------------------------------------------------- declarations

MAIL = PathPart(hexadecimal(40), "there is no such mail in quarantine")

ROUTES = (
    Route(
        "GET",
        "/staff/tickets/{number}/mails/{event}",
        STAFF,
        open_mail,
        answer="OpenedMail",
        problems=(404,),
    ),
    Route(
        "GET",
        "/staff/quarantine",
        LEADERS,
        list_quarantine,
        query=("limit", "cursor", "team", "reason", "unseen"),
        answer="Quarantine",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/quarantine/{id}",
        LEADERS,
        read_held_mail,
        id=MAIL,
        answer="HeldMail",
        problems=(404,),
    ),
    Route(
        "POST",
        "/staff/quarantine/{id}/release",
        LEADERS,
        release_mail,
        id=MAIL,
        answer="HeldMail",
        status=202,
        problems=(404, 409),
    ),
)
