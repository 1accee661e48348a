"""Members of staff: oneself, colleagues, and what those who lead them change."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from route import LEADERS, REASON, STAFF, PathPart, Request, Route, hexadecimal, iso

from redress.base.errors import Fault, InvalidInput
from redress.base.languages import LANGUAGES
from redress.base.people import MOST_CAPACITY, TEAM, Position, Role, is_subject, is_team
from redress.db.keys import invitation_digest
from redress.edge import cursors
from redress.edge.bodies import (
    Address,
    Body,
    Field,
    Flag,
    Levels,
    OneOf,
    OptionalOneOf,
    SomeOf,
    Text,
    Whole,
    Word,
)
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.staff.cases.directory import PAGE_LIMIT, Known, KnownPage
from redress.staff.cases.members import Led
from redress.staff.rules.availability import Availability, Presence
from redress.staff.rules.members import LEVELS, SKILL_LIMIT, Invitation, MemberChange, Profile
from redress.wiring import staff as wiring

if TYPE_CHECKING:  # only managers' requests about connectors load it
    from redress.connectors.rules.connector import ConnectorChange

ROLES = (Role.AGENT, Role.SUPERVISOR, Role.MANAGER)
MEMBER_NAME_LIMIT = 100


def show_me(request: Request) -> Answer:
    found = wiring.directory().me(request.member)
    may = sorted(
        route.run.__name__
        for route in request.routes.values()
        if request.member.role in route.roles or not route.roles
    )
    return answer(200, known_view(found) | {"may": may})


def list_members(request: Request) -> Answer:
    reader = request.member
    everybody = reader.role is Role.MANAGER
    team = request.query.get("team", None if everybody else reader.team)
    page = wiring.directory().page(reader, team, lambda: _wanted(request.query))
    return answer(200, members_view(page))


def show_member(request: Request) -> Answer:
    found = wiring.directory().member(request.member, request.path["agent"])
    changes = [change_view(one) for one in found.changes]
    return answer(200, known_view(found) | {"changes": changes})


def invite_member(request: Request) -> Answer:
    body = request.content().body
    invitation = wiring.members().invite(
        request.member, body["email"], _profile(body), request.source
    )
    return answer(201, invitation_view(invitation))


def list_invitations(request: Request) -> Answer:
    leader = request.member
    team = TEAM if leader.role is Role.MANAGER else re.escape(leader.team)

    def is_key(key: str) -> bool:
        return re.fullmatch(f"{team}#[0-9a-f]{{40}}", key) is not None

    limit, after = cursors.page(request.query, PAGE_LIMIT, is_key)
    found, more = wiring.members().open_invitations(leader, limit, after)
    items = [invitation_view(one) for one in found]
    return answer(200, {"items": items, "next": to_cursor(more)})


def withdraw_invitation(request: Request) -> Answer:
    found = wiring.members().withdraw(request.member, request.path["id"])
    return answer(200, invitation_view(found))


def change_member(request: Request) -> Answer:
    def content() -> tuple[int, Profile, str]:
        body = request.content().body
        return body["revision"], _profile(body), body["reason"]

    led = wiring.members().change(request.member, request.path["agent"], content, request.source)
    return _led(request, led)


def suspend(request: Request) -> Answer:
    led = wiring.members().suspend(
        request.member, request.path["agent"], lambda: _reason(request), request.source
    )
    return _led(request, led)


def reinstate(request: Request) -> Answer:
    led = wiring.members().reinstate(
        request.member, request.path["agent"], lambda: _reason(request), request.source
    )
    return _led(request, led)


def record_departure(request: Request) -> Answer:
    agent: str = request.path["agent"]
    led = wiring.members().depart(request.member, agent, request.source)
    return answer(200, {"agent": agent, "queued": led.queued, "taken_over": led.taken_over})


def _reason(request: Request) -> str:
    reason: str = request.content().body["reason"]
    return reason


def _profile(body: dict[str, Any]) -> Profile:
    return Profile(
        body["name"],
        Role(body["role"]),
        body["team"],
        body["languages"],
        body["capacity"],
        body["position"],
        body["skills"],
        body["reserve"],
    )


def _wanted(query: dict[str, str]) -> tuple[int, str | None]:
    """The limit and the cursor of the query. Raises InvalidInput that names every fault."""
    faults, limit, cursor = list[Fault](), PAGE_LIMIT, None
    try:
        limit, cursor = cursors.page(query, PAGE_LIMIT, is_subject)
    except InvalidInput as invalid:
        faults += invalid.faults
    if "team" in query and not is_team(query["team"]):
        faults.append(Fault("/team", "unknown_team", "there is no such team"))
    if faults:
        raise InvalidInput(faults)
    return limit, cursor


def _led(request: Request, led: Led) -> Answer:
    # Not `member`: somebody may have moved them to another team since, but the change was made.
    found = wiring.directory().file(request.member, led.member)
    changes = [change_view(one) for one in found.changes]
    member = known_view(found) | {"changes": changes}
    return answer(200, {"member": member, "queued": led.queued, "taken_over": led.taken_over})


# -------------------------------------------------------------------- views


def known_view(found: Known) -> dict[str, Any]:
    """`Member`: a member of staff as the caller may know them."""
    member, seen = found.member, found.availability
    return {
        "id": member.id,
        "name": member.name,
        "email": found.email,
        "role": member.role.value,
        "team": member.team,
        "languages": list(member.languages),
        "capacity": member.capacity,
        "position": member.position,
        "skills": member.skills,
        "reserve": member.reserve,
        "state": member.state,
        "revision": member.revision,
        **_presence(seen),
        "can": found.can,
    }


def _presence(seen: Availability | None) -> dict[str, Any]:
    if seen is None:
        return {"presence": Presence.AWAY.value, "since": None, "load": 0}
    since = iso(datetime.fromisoformat(seen.since))
    return {"presence": seen.presence.value, "since": since, "load": seen.load}


def members_view(page: KnownPage) -> dict[str, Any]:
    """`Members`: `next` is the cursor of the next page, null on the last one."""
    return {"items": [known_view(one) for one in page.members], "next": to_cursor(page.next)}


def change_view(entry: MemberChange | ConnectorChange) -> dict[str, Any]:
    """`MemberChange` or `ConnectorChange`: one entry of the trail."""
    return {
        "revision": entry.revision,
        "kind": entry.kind.value,
        "at": iso(entry.at),
        "by": entry.by,
        "what": [
            {"field": name, "old": old, "new": new} for name, (old, new) in entry.what.items()
        ],
        "why": entry.why or None,
        "source": entry.source or None,
    }


def invitation_view(found: Invitation) -> dict[str, Any]:
    """`Invitation`: `member` is the member that it has made.

    With another issuer it is null until the person signs in, and `issuer` says what to do there.
    """
    issuer, waits = None, found.agent is None and found.withdrawn_at is None
    if waits and not wiring.settings().user_pool_id:
        issuer = {
            "address": wiring.settings().staff_issuer,
            "claims": [
                {"name": name, "value": value} for name, value in wiring.claims_of(found).items()
            ],
        }
    return {
        "id": invitation_digest(found.email),
        "email": found.email,
        "name": found.profile.name,
        "role": found.profile.role.value,
        "team": found.profile.team,
        "invited_by": found.by,
        "invited_at": iso(found.at),
        "expires_at": iso(found.expires_at),
        "member": found.agent,
        "withdrawn_by": found.withdrawn_by,
        "withdrawn_at": iso(found.withdrawn_at),
        "issuer": issuer,
    }


# -------------------------------------------------------------------- declarations

PROFILE: tuple[Field, ...] = (
    Text("name", MEMBER_NAME_LIMIT),
    OneOf("role", ROLES),
    Word("team", TEAM, "1 to 40 small letters, digits, - and _"),
    SomeOf("languages", LANGUAGES),
    Whole("capacity", least=0, most=MOST_CAPACITY),
    OptionalOneOf("position", tuple(Position)),
    Levels(
        "skills", TEAM, "1 to 40 small letters, digits, - and _", LEVELS[0], LEVELS[1], SKILL_LIMIT
    ),
    Flag("reserve"),
)
"""What a leader decides about a member."""

ROUTES = (
    Route("GET", "/staff/me", STAFF, show_me, answer="Me"),
    Route(
        "GET",
        "/staff/members",
        STAFF,
        list_members,
        query=("team", "limit", "cursor"),
        answer="Members",
        problems=(422,),
    ),
    Route(
        "POST",
        "/staff/members",
        LEADERS,
        invite_member,
        body=Body("InvitationBody", (Address("email"), *PROFILE)),
        answer="Invitation",
        status=201,
        problems=(409,),
    ),
    Route(
        "GET",
        "/staff/invitations",
        LEADERS,
        list_invitations,
        query=("limit", "cursor"),
        answer="Invitations",
        problems=(422,),
    ),
    Route(
        "POST",
        "/staff/invitations/{id}/withdrawal",
        LEADERS,
        withdraw_invitation,
        id=PathPart(hexadecimal(40), "there is no such invitation"),
        answer="Invitation",
        problems=(404, 409),
    ),
    Route(
        "GET", "/staff/members/{agent}", STAFF, show_member, answer="MemberFile", problems=(404,)
    ),
    Route(
        "PUT",
        "/staff/members/{agent}",
        LEADERS,
        change_member,
        body=Body("MemberBody", (Whole("revision", least=0), *PROFILE, REASON)),
        answer="MemberChanged",
        problems=(404, 409),
    ),
    Route(
        "POST",
        "/staff/members/{agent}/suspension",
        LEADERS,
        suspend,
        body=Body("Suspension", (REASON,)),
        answer="MemberChanged",
        problems=(404, 409),
    ),
    Route(
        "POST",
        "/staff/members/{agent}/reinstatement",
        LEADERS,
        reinstate,
        body=Body("Reinstatement", (REASON,)),
        answer="MemberChanged",
        problems=(404, 409),
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
