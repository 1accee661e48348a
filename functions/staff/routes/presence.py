"""Presence of members of staff."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from route import STAFF, Request, Route, iso

from redress.edge.bodies import Body, OneOf
from redress.edge.http import Answer, answer
from redress.staff.rules.availability import Availability, Presence
from redress.wiring import staff as wiring


def set_presence(request: Request) -> Answer:
    presence = Presence(request.content().body["presence"])
    availability = wiring.presence().set_presence(request.member, presence)
    return answer(200, availability_view(availability))


def beat(request: Request) -> Answer:
    found = wiring.presence().beat(request.member)
    seen = found.availability
    view = {
        "presence": found.presence.value,
        "since": iso(datetime.fromisoformat(seen.since)) if seen is not None else None,
        "again_within_s": found.again_within_s,
    }
    return answer(200, view)


# -------------------------------------------------------------------- views


def availability_view(found: Availability) -> dict[str, Any]:
    """`Duty`: presence and load of one member of staff."""
    return {
        "agent": found.agent,
        "team": found.team,
        "languages": list(found.languages),
        "presence": found.presence.value,
        "since": iso(datetime.fromisoformat(found.since)),
        "capacity": found.capacity,
        "load": found.load,
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "PUT",
        "/staff/presence",
        STAFF,
        set_presence,
        body=Body("Presence", (OneOf("presence", tuple(Presence)),)),
        answer="Duty",
    ),
    Route("POST", "/staff/presence/beat", STAFF, beat, answer="Beat"),
)
