"""Mails in quarantine, and mails that a ticket has."""

from __future__ import annotations

import re

import presenting
from route import LEADERS, STAFF, Request, Route

from redress.base.errors import NotFound
from redress.edge import cursors
from redress.edge.http import Answer, answer
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.wiring import staff as wiring


def open_mail(request: Request) -> Answer:
    event = request.path["event"]
    if not re.fullmatch(r"[1-9][0-9]{0,4}", event, re.ASCII):
        raise NotFound("there is no such event")
    found = wiring.quarantine().mail_of(request.member, request.number, int(event))
    return answer(200, presenting.opened(found))


def list_quarantine(request: Request) -> Answer:
    limit, cursor = cursors.page(request.query, PAGE_LIMIT, is_quarantine_key)
    return answer(200, presenting.held_page(wiring.quarantine().held(limit, cursor)))


def read_held_mail(request: Request) -> Answer:
    return answer(200, presenting.held_mail(wiring.quarantine().read(_identity(request))))


def release_mail(request: Request) -> Answer:
    record = wiring.quarantine().release(request.member, _identity(request))
    return answer(202, presenting.held(record))


def _identity(request: Request) -> str:
    """The identity of a mail in the path; raises NotFound for what cannot be one."""
    if not re.fullmatch(r"[0-9a-f]{40}", request.path["id"]):
        raise NotFound("there is no such mail in quarantine")
    return request.path["id"]


def is_quarantine_key(key: str) -> bool:
    """Whether this is a place in the list of the quarantine (`keys.held_sk`)."""
    return re.fullmatch(r"[0-9T:.+-]{20,40}#[0-9a-f]{40}", key) is not None


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
        query=("limit", "cursor"),
        answer="Quarantine",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/quarantine/{id}",
        LEADERS,
        read_held_mail,
        answer="HeldMail",
        problems=(404,),
    ),
    Route(
        "POST",
        "/staff/quarantine/{id}/release",
        LEADERS,
        release_mail,
        answer="HeldMail",
        status=202,
        problems=(404, 409),
    ),
)
