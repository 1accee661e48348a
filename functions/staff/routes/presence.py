"""Whether a member of staff is here, and who left."""

from __future__ import annotations

import presenting
from route import LEADERS, STAFF, Request, Route

from redress.edge.bodies import Body, OneOf
from redress.edge.http import Answer, answer
from redress.staff.rules import Presence
from redress.wiring import staff as wiring


def set_presence(request: Request) -> Answer:
    presence = Presence(request.body["presence"])
    availability = wiring.presence().set_presence(request.member, presence)
    return answer(200, presenting.availability(availability))


def record_departure(request: Request) -> Answer:
    agent = request.path["agent"]
    queued = wiring.presence().depart(request.member, agent)
    return answer(200, {"agent": agent, "queued": queued})


ROUTES = (
    Route(
        "PUT",
        "/staff/presence",
        STAFF,
        set_presence,
        body=Body("Presence", (OneOf("presence", tuple(Presence)),)),
        answer="Duty",
    ),
    Route(
        "POST",
        "/staff/members/{agent}/departure",
        LEADERS,
        record_departure,
        answer="Departure",
        problems=(404,),
    ),
)
