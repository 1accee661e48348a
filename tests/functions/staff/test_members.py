"""Members of staff: their item decides their role, team and suspension; the token says who."""

from __future__ import annotations

from copy import replace
from typing import Any

import msgspec
import pytest

from redress.base.errors import NotFound
from redress.base.people import Member, Role
from redress.db import keys
from redress.staff.rules.availability import Presence
from redress.staff.rules.members import MemberChange
from redress.wiring import clients
from redress.wiring import stores as wired_stores
from tests.builders import Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api
from tests.world import Stores

NOBODY = {"cognito:groups": None, "custom:team": None, "custom:languages": None}
"""A token without the claims of the staff."""


def trail(agent: str) -> list[MemberChange]:
    """The changes of a member, oldest first."""
    model = wired_stores.models().doc
    rows = model.query(keys.agent_pk(agent), model.sk.startswith(keys.CHANGE_PREFIX))
    return [msgspec.json.decode(row.doc, type=MemberChange) for row in rows]


def manage(stores: Stores, name: str, **fields: Any) -> Member:
    """Make the item of a member decide, with these fields changed."""
    member = replace(MEMBERS[name], managed=True, revision=1, **fields)
    stores.staff.record(member, Presence.AVAILABLE, clients.now())
    return member


# ------------------------------------------------------------------ who a caller is


def test_first_call_of_a_person_makes_their_item_from_the_claims(
    api: Api, stores: Stores, clock: Clock
) -> None:
    assert api("work", claims={"sub": "a-new"}).status == 200
    member = stores.staff.member("a-new")
    assert (member.role, member.team, member.capacity) == (Role.AGENT, "complaints", 2)
    assert (member.managed, member.revision) == (True, 1)
    [began] = trail("a-new")
    assert (began.kind, began.by, began.at) == ("began", "a-new", clock.now())
    assert began.source == "203.0.113.7"
    assert began.what["team"] == [None, "complaints"]


def test_item_of_an_earlier_version_takes_over_the_claims_once_and_then_decides(
    api: Api, stores: Stores
) -> None:
    assert not stores.staff.member("a-mei").managed
    assert api("work", claims={"custom:team": "service"}).status == 200
    member = stores.staff.member("a-mei")
    assert (member.team, member.managed, member.revision) == ("service", True, 1)
    assert [entry.kind for entry in trail("a-mei")] == ["taken_over"]
    api("work", claims={"custom:team": "returns"})
    assert stores.staff.member("a-mei") == member
    assert len(trail("a-mei")) == 1


@pytest.mark.parametrize("groups", ["[manager]", None, "[]"])
def test_changed_group_in_the_pool_changes_nothing(
    api: Api, stores: Stores, groups: str | None
) -> None:
    manage(stores, "mei")
    claims = {"cognito:groups": groups, "custom:team": "service"}
    assert api("board", "mei", claims=claims).status == 403
    assert api("presence", "mei", claims=claims).body["team"] == "complaints"


def test_changed_item_counts_at_the_next_request(api: Api, stores: Stores) -> None:
    manage(stores, "mei")
    assert api("board", "mei").status == 403
    manage(stores, "mei", role=Role.SUPERVISOR)
    assert api("board", "mei").status == 200


def test_person_without_claims_and_without_invitation_is_told_who_must_invite_them(
    api: Api, stores: Stores
) -> None:
    found = api("work", claims={"sub": "a-new"} | NOBODY)
    assert (found.status, found.body["detail"]) == (
        403,
        "nobody has invited you, and the claims 'cognito:groups', 'custom:team', 'custom:languages'"
        " are missing or malformed: ask your supervisor or a manager to invite you",
    )
    with pytest.raises(NotFound):
        stores.staff.member("a-new")


@pytest.mark.parametrize(
    ("state", "said"),
    [({"left": True}, "you have left the staff"), ({"suspended": True}, "you are suspended")],
)
@pytest.mark.parametrize("managed", [True, False])
def test_member_who_left_or_is_suspended_is_refused_with_the_reason(
    api: Api, stores: Stores, state: dict[str, Any], said: str, managed: bool
) -> None:
    member = replace(MEMBERS["mei"], managed=managed, revision=int(managed), **state)
    stores.staff.record(member, Presence.AWAY, clients.now())
    for name in ("work", "presence", "ticket"):
        found = api(name, "mei")
        assert found.status == 403
        assert said in found.body["detail"]
    assert stores.staff.member("a-mei") == member
    assert stores.staff.availability("a-mei").presence is Presence.AWAY


def test_address_of_the_token_is_followed_unless_it_is_unverified(api: Api, stores: Stores) -> None:
    manage(stores, "mei")
    moved = {"email": "mei@office.example.com"}
    api("work", "mei", claims=moved | {"email_verified": "false"})
    assert stores.staff.member("a-mei").email == "mei@example.com"
    api("work", "mei", claims=moved)
    member = stores.staff.member("a-mei")
    assert (member.email, member.revision) == ("mei@office.example.com", 2)
    assert [(entry.kind, entry.what) for entry in trail("a-mei")] == [
        ("address", {"email": ["mei@example.com", "mei@office.example.com"]})
    ]


def test_request_of_a_known_member_reads_one_item_and_writes_none(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    manage(stores, "mei")
    calls: list[tuple[str, Any]] = []
    client = wired_stores.models().connection.client
    original = client._make_api_call

    def counted(name: str, given: Any) -> Any:
        calls.append((name, given.get("ConsistentRead")))
        return original(name, given)

    monkeypatch.setattr(client, "_make_api_call", counted)
    assert api("plan", "mei").status == 200
    assert calls[0] == ("GetItem", True)
    assert {name for name, _ in calls} <= {"GetItem"}


def test_two_first_requests_at_once_make_one_item(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, again = stores.staff.write, [True]

    def raced(self: Any, *given: Any, **named: Any) -> None:
        if again and again.pop():
            assert api("work", claims={"sub": "a-new"}).status == 200
        write(*given, **named)

    monkeypatch.setattr("redress.staff.store.StaffStore.write", raced)
    assert api("work", claims={"sub": "a-new", "custom:team": "service"}).status == 200
    assert stores.staff.member("a-new").team == "complaints"
    assert len(trail("a-new")) == 1


# ------------------------------------------------------------------ presence and departure


def test_presence_that_began_before_a_suspension_is_refused(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = manage(stores, "mei")
    set_presence = stores.staff.set_presence
    later = [replace(member, suspended=True, revision=2)]

    def raced(self: Any, *given: Any) -> Any:
        if later:
            stores.staff.record(later.pop(), Presence.AWAY, clients.now())
        return set_presence(*given)

    monkeypatch.setattr("redress.staff.store.StaffStore.set_presence", raced)
    found = api("presence", "mei", body={"presence": "available"})
    assert (found.status, "suspended" in found.body["detail"]) == (403, True)
    assert stores.staff.availability("a-mei").presence is Presence.AWAY


def test_departure_is_in_the_members_trail(api: Api, clock: Clock) -> None:
    assert api("departure", "lin", agent="a-mei").status == 200
    [left] = trail("a-mei")
    assert (left.kind, left.by, left.at, left.source) == (
        "left",
        "s-lin",
        clock.now(),
        "203.0.113.7",
    )
    assert left.what["left"] == [False, True]


def test_leader_who_is_suspended_meanwhile_records_no_departure(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    lin = manage(stores, "lin")
    write, later = stores.staff.write, [replace(lin, suspended=True, revision=2)]

    def raced(self: Any, *given: Any) -> None:
        if later:
            stores.staff.record(later.pop(), Presence.AWAY, clients.now())
        write(*given)

    monkeypatch.setattr("redress.staff.store.StaffStore.write", raced)
    found = api("departure", "lin", agent="a-mei")
    assert (found.status, "suspended" in found.body["detail"]) == (403, True)
    assert not stores.staff.member("a-mei").left


def test_empty_team_is_no_team(api: Api) -> None:
    refused = api("members", "wei", query={"team": ""})
    assert (refused.status, refused.codes) == (422, {"/team": "unknown_team"})
