"""Lists and numbers of tickets, the work list of a member of staff, and the board of a team."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from route import AGENTS, IDEMPOTENCY_KEY, LEADERS, STAFF, Request, Route, iso
from ticket_view import ticket_view

from redress.base.errors import Fault, InvalidInput
from redress.edge import cursors
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.mail.incoming.cases.watching import HeldWork
from redress.staff.cases.board import Board, OnTeam
from redress.staff.cases.claiming import IN_WORDS
from redress.staff.cases.mentions import MentionPage
from redress.staff.rules.availability import Presence
from redress.tickets.cases.listing import Line, ListPage, Numbers, must_list
from redress.tickets.cases.staff import PAGE_LIMIT, WorkItem, WorkPage
from redress.tickets.rules import listing
from redress.tickets.rules.listing import LINES, MOST_LINES, PARAMETERS
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.ticket import post_mortem_due
from redress.wiring import staff as wiring
from routes.presence import availability_view


def list_work(request: Request) -> Answer:
    limit, cursor = cursors.page(request.query, PAGE_LIMIT, is_due_key)
    page = wiring.staff_cases().work(request.member, limit, cursor)
    return answer(200, work_page_view(page))


def list_tickets(request: Request) -> Answer:
    query = request.query
    must_list(request.member, query.get("team") or None, query.get("agent"))
    faults: list[Fault] = []
    wanted = None
    try:
        wanted = listing.parse(query, request.member.team)
    except InvalidInput as invalid:
        faults += invalid.faults

    def is_place(cursor: str) -> bool:
        return wanted is None or wanted.place(cursor) is not None

    limit, cursor = LINES, None
    try:
        limit, cursor = cursors.page(query, MOST_LINES, is_place, LINES)
    except InvalidInput as invalid:
        faults += invalid.faults
    if wanted is None or faults:
        raise InvalidInput(faults)
    place = wanted.place(cursor) if cursor is not None else None
    page = wiring.list_cases().page(request.member, wanted, limit, place)
    return answer(200, list_page_view(page))


def show_counts(request: Request) -> Answer:
    team = request.query.get("team") or request.member.team
    return answer(200, numbers_view(wiring.list_cases().numbers(request.member, team)))


def list_mentions(request: Request) -> Answer:
    limit, cursor = cursors.page(request.query, PAGE_LIMIT, is_due_key)
    page = wiring.mentions().page(request.member, limit, cursor)
    return answer(200, mention_page_view(page))


def claim_next(request: Request) -> Answer:
    member = request.member
    claimed = wiring.claiming().next(member, request.content().key)
    ticket, reason = claimed.ticket, claimed.reason
    shown = None
    if ticket is not None:
        shown = ticket_view(ticket, member, wiring.plan_of(ticket), wiring.now())
    why = {"code": reason.value, "detail": IN_WORDS[reason]} if reason is not None else None
    return answer(200, {"ticket": shown, "reason": why})


def show_board(request: Request) -> Answer:
    team = request.query.get("team") or request.member.team
    found = wiring.board().board(request.member, team)
    held = wiring.held_work().of_team(found.team, found.hidden)
    return answer(200, board_view(found, held, wiring.incidents().count_open()))


def is_due_key(key: str) -> bool:
    """Whether a text has the form of a key of the index of open work (`keys.due_sk`)."""
    due, _, number = key.rpartition("#")
    return bool(
        re.fullmatch(r"9999|[0-9T:.+-]{29}", due, re.ASCII) and normalised(number) == number
    )


# -------------------------------------------------------------------- views


def work_item_view(item: WorkItem) -> dict[str, Any]:
    """`WorkItem`: one line of a list."""
    return {
        "number": item.number,
        "version": item.version,
        "state": item.state,
        "kind": item.kind,
        "category": item.category,
        "tags": list(item.tags),
        "priority": item.priority,
        "language": item.language,
        "subject": item.subject,
        "assignee": item.assignee,
        "due_at": iso(item.due_at),
        "can": item.can,
    }


def work_page_view(page: WorkPage) -> dict[str, Any]:
    """`WorkPage`: `next` is the cursor of the next page, null on the last one."""
    return {"items": [work_item_view(item) for item in page.items], "next": to_cursor(page.next)}


def mention_page_view(page: MentionPage) -> dict[str, Any]:
    """`MentionPage`: `note` is the number of the note that mentions the caller last."""
    items = [
        {**work_item_view(line.item), "note": line.event, "mentioned_at": iso(line.at)}
        for line in page.lines
    ]
    return {"items": items, "next": to_cursor(page.next)}


def line_view(line: Line) -> dict[str, Any]:
    """`TicketLine`: one line of a list of tickets."""
    found = line.ticket
    return {
        **work_item_view(line.item),
        "team": found.team,
        "on_hold": found.on_hold,
        "created_at": iso(found.created_at),
        "closed_at": iso(found.closed_at),
        "customer": found.customer,
        "satisfaction": found.satisfaction,
        "about_unclear": found.about_unclear is not None,
        "post_mortem_due_at": iso(post_mortem_due(found)),
    }


def list_page_view(page: ListPage) -> dict[str, Any]:
    """`TicketPage`: `next` is the cursor of the next page, null on the last one."""
    return {"items": [line_view(line) for line in page.lines], "next": to_cursor(page.next)}


def numbers_view(found: Numbers) -> dict[str, Any]:
    """`TicketCounts`: each number, and whether there are more."""
    numbers = {
        name: {"count": number.count, "more": number.more} for name, number in found.found.items()
    }
    return {"team": found.team, "at": iso(found.at), "month": found.month, **numbers}


def on_team_view(found: OnTeam) -> dict[str, Any]:
    """`OnTeam`: one agent of the team, also one who is not present."""
    member, seen = found.member, found.availability
    since = datetime.fromisoformat(seen.since) if seen else None
    return {
        "agent": member.id,
        "name": member.name,
        "presence": (seen.presence if seen else Presence.AWAY).value,
        "since": iso(since),
        "capacity": member.capacity,
        "load": seen.load if seen else 0,
        "live": seen.live if seen else 0,
        "unaccepted": found.unaccepted,
        "online_s": found.online_s,
        "shift_s": found.shift_s,
    }


def board_view(found: Board, held: HeldWork, incidents: int) -> dict[str, Any]:
    """`Board`: the present agents, the queue, the promises near their limit, and held mail.

    `incidents` is the number of open incidents of all teams.
    """
    return {
        "team": found.team,
        "present": [
            {"name": member.name, **availability_view(on_duty)} for member, on_duty in found.present
        ],
        "members": [on_team_view(one) for one in found.members],
        "more_members": found.more_members,
        "queued": found.queued,
        "queued_since": iso(found.queued_since),
        "open": found.open,
        "open_incidents": incidents,
        "unaccepted": [
            {**work_item_view(item), "unaccepted_since": iso(since)}
            for item, since in found.unaccepted
        ],
        "post_mortems": [
            {**work_item_view(item), "post_mortem_due_at": iso(due)}
            for item, due in found.post_mortems
        ],
        "first_responses_today": {
            "answered": found.today.answered,
            "median_s": found.today.median_s,
            "ninety_s": found.today.ninety_s,
            "waiting": found.today.waiting,
            "waiting_since": iso(found.today.waiting_since),
            "complete": found.today.complete,
        },
        "talks_today": {
            "calls": found.talks.calls,
            "median_s": found.talks.median_s,
            "over_target": found.talks.over_target,
        },
        "near_limit": [
            {
                **work_item_view(line.item),
                "clock": line.clock,
                "due_at": iso(line.due_at),
                "overdue": line.overdue,
            }
            for line in found.near
        ],
        "held_mail": {
            "unseen": held.unseen,
            "promised": held.promised,
            "oldest_at": iso(held.oldest_at),
            "due_at": iso(held.due_at),
            "overdue": held.overdue,
        },
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "GET",
        "/staff/work",
        STAFF,
        list_work,
        query=("limit", "cursor"),
        answer="WorkPage",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/mentions",
        STAFF,
        list_mentions,
        query=("limit", "cursor"),
        answer="MentionPage",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/tickets",
        STAFF,
        list_tickets,
        query=PARAMETERS,
        answer="TicketPage",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/counts",
        STAFF,
        show_counts,
        query=("team",),
        answer="TicketCounts",
        problems=(422,),
    ),
    Route(
        "POST",
        "/staff/next",
        AGENTS,
        claim_next,
        headers=(IDEMPOTENCY_KEY,),
        answer="NextTicket",
        problems=(404, 409, 422),
    ),
    Route(
        "GET", "/staff/board", LEADERS, show_board, query=("team",), answer="Board", problems=(422,)
    ),
)
