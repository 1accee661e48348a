"""Daily inspection lists: what was drawn, what leaders find, and who signs it."""

from __future__ import annotations

from typing import Any

from route import LEADERS, REASON_LIMIT, Request, Route, iso

from redress.edge.bodies import Body, OneOf, OptionalText, Whole
from redress.edge.http import Answer, answer
from redress.inspections.cases import Channel, Inspection, Line
from redress.inspections.rules import Verdict
from redress.wiring import staff as wiring
from routes.lists import work_item_view


def read_inspection(request: Request) -> Answer:
    found = wiring.inspections().read(request.member, _team(request), request.path["date"])
    return answer(200, inspection_view(found))


def inspect(request: Request) -> Answer:
    def content() -> tuple[Verdict, str, int]:
        given = request.content().body
        return Verdict(given["verdict"]), given["note"] or "", given["revision"]

    path = request.path
    found = wiring.inspections().check(
        request.member,
        _team(request),
        path["date"],
        path["channel"],
        path["entry"],
        content,
        request.source,
    )
    return answer(200, inspection_view(found))


def sign_off(request: Request) -> Answer:
    found = wiring.inspections().sign_off(
        request.member,
        _team(request),
        request.path["date"],
        request.path["channel"],
        request.source,
    )
    return answer(200, inspection_view(found))


def _team(request: Request) -> str:
    return request.query.get("team") or request.member.team


# -------------------------------------------------------------------- views


def inspection_view(found: Inspection) -> dict[str, Any]:
    """`Inspection`: the list as the caller may see it, and its trail."""
    drawn = found.drawn
    return {
        "team": drawn.team,
        "date": drawn.day.isoformat(),
        "drawn_at": iso(drawn.at),
        "drawn_by": drawn.by,
        "plan_version": drawn.plan_version,
        "each_channel": drawn.each_channel,
        "complete": drawn.complete,
        "channels": [_channel(one) for one in found.channels],
        "changes": [
            {
                "channel": one.channel,
                "at": iso(one.at),
                "by": one.by,
                "number": one.number,
                "verdict": one.verdict,
                "note": one.note or None,
                "source": one.source or None,
            }
            for one in found.changes
        ],
    }


def _channel(found: Channel) -> dict[str, Any]:
    return {
        "channel": found.name,
        "tickets": [_line(line) for line in found.lines],
        "signed_by": found.signed_by,
        "signed_at": iso(found.signed_at),
    }


def _line(line: Line) -> dict[str, Any]:
    check = line.check
    return {
        **work_item_view(line.item),
        "verdict": check.verdict if check else None,
        "note": (check.note or None) if check else None,
        "checked_by": check.by if check else None,
        "checked_at": iso(check.at) if check else None,
        "revision": check.revision if check else 0,
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "GET",
        "/staff/inspections/{date}",
        LEADERS,
        read_inspection,
        query=("team",),
        answer="Inspection",
        problems=(404, 422),
    ),
    Route(
        "PUT",
        "/staff/inspections/{date}/{channel}/entries/{entry}",
        LEADERS,
        inspect,
        query=("team",),
        body=Body(
            "InspectionCheck",
            (
                OneOf("verdict", tuple(Verdict)),
                OptionalText("note", REASON_LIMIT),
                Whole("revision", least=0),
            ),
        ),
        answer="Inspection",
        problems=(404, 409),
    ),
    Route(
        "POST",
        "/staff/inspections/{date}/{channel}/sign-off",
        LEADERS,
        sign_off,
        query=("team",),
        answer="Inspection",
        problems=(404, 409, 422),
    ),
)
