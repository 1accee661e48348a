"""Members of staff are invited, changed, suspended and reinstated by those who lead them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import replace
from datetime import datetime, timedelta
from itertools import product
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from redress.base.instants import written
from redress.base.people import Role
from redress.db.keys import invitation_digest
from redress.mail.outgoing.cases.posting import leaders
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer, by_departments, by_staff
from redress.tickets.rules.steps.by_departments import NewTask
from redress.tickets.rules.ticket import Ticket
from redress.wiring import clients
from redress.wiring import repair as repair_wiring
from redress.wiring import staff as wiring
from redress.wiring import stores as wired_stores
from tests.builders import BY_PHONE, MEI, Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply, claims_of, with_remedy
from tests.functions.staff.test_members import NOBODY, manage, trail
from tests.world import Opener, Stores, aws

LI: dict[str, Any] = {
    "email": "li@example.org",
    "name": "Li Jing",
    "role": "agent",
    "team": "complaints",
    "languages": ["zh-CN", "en"],
    "capacity": 5,
    "position": "after_sales",
    "skills": {"kettles": 4},
    "reserve": False,
}


PATIENCE_S = 30
"""How long one thread waits for another one."""


@pytest.fixture
def pool(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The user pool of the stack, with its groups. Gives its id."""
    users = aws("cognito-idp")
    made = users.create_user_pool(
        PoolName="redress-staff",
        UsernameAttributes=["email"],
        Schema=[
            {"Name": name, "AttributeDataType": "String", "Mutable": True}
            for name in ("team", "languages", "capacity")
        ],
    )["UserPool"]["Id"]
    for group in ("agent", "supervisor", "manager"):
        users.create_group(UserPoolId=made, GroupName=group)
    monkeypatch.setenv("USER_POOL_ID", made)
    monkeypatch.setattr(clients, "client", lambda service, **_: aws(service))
    wiring.settings.cache_clear()
    wiring.members.cache_clear()
    yield made
    monkeypatch.undo()
    wiring.settings.cache_clear()
    wiring.members.cache_clear()


def account(pool: str, user: str = "li@example.org") -> dict[str, Any]:
    """Attributes, groups and state of an account."""
    found = aws("cognito-idp").admin_get_user(UserPoolId=pool, Username=user)
    groups = aws("cognito-idp").admin_list_groups_for_user(UserPoolId=pool, Username=user)
    return {one["Name"]: one["Value"] for one in found["UserAttributes"]} | {
        "groups": [one["GroupName"] for one in groups["Groups"]],
        "enabled": found["Enabled"],
    }


def accounts(pool: str) -> int:
    return len(aws("cognito-idp").list_users(UserPoolId=pool)["Users"])


def invite(api: Api, by: str = "lin", **fields: Any) -> Reply:
    return api("invitation", by, body=LI | fields)


def change(api: Api, stores: Stores, by: str, agent: str, **fields: Any) -> Reply:
    """Change a member. Fields that are not given keep their values."""
    member = stores.staff.member(agent)
    body = {
        "revision": member.revision,
        "name": member.name,
        "role": member.role,
        "team": member.team,
        "languages": list(member.languages),
        "capacity": member.capacity,
        "position": member.position,
        "skills": member.skills,
        "reserve": member.reserve,
        "reason": "it is better so",
    }
    return api("member-change", by, agent=agent, body=body | fields)


# ------------------------------------------------------------------ invitations


def test_invited_person_has_an_account_and_works_at_their_first_request(
    api: Api, stores: Stores, pool: str, clock: Clock
) -> None:
    found = invite(api)
    assert found.status == 201
    made = account(pool)
    assert found.body == {
        "email": "li@example.org",
        "name": "Li Jing",
        "role": "agent",
        "team": "complaints",
        "invited_by": "s-lin",
        "invited_at": written(clock.now()),
        "expires_at": written(clock.now() + timedelta(days=30)),
        "id": invitation_digest("li@example.org"),
        "member": made["sub"],
        "withdrawn_by": None,
        "withdrawn_at": None,
        "issuer": None,
    }
    assert (made["email_verified"], made["groups"], made["enabled"]) == ("true", ["agent"], True)
    assert (made["custom:team"], made["custom:languages"]) == ("complaints", "zh-CN,en")
    member = stores.staff.member(made["sub"])
    assert (member.position, member.skills, member.managed) == ("after_sales", {"kettles": 4}, True)
    [invited] = trail(made["sub"])
    assert (invited.kind, invited.by, invited.source) == ("invited", "s-lin", "203.0.113.7")
    token = {"sub": made["sub"], "name": "Li Jing", "email": "li@example.org"} | NOBODY
    assert api("work", claims=token).status == 200
    assert stores.staff.member(made["sub"]) == member


@pytest.mark.parametrize("has_pool", [True, False])
def test_second_invitation_is_told_who_invited_and_when(
    api: Api, clock: Clock, request: pytest.FixtureRequest, has_pool: bool
) -> None:
    pool = request.getfixturevalue("pool") if has_pool else None
    first = invite(api)
    clock.advance(minutes=5)
    second = invite(api, "wei", email="LI@example.org", team="service")
    assert (second.status, second.body["type"]) == (409, "urn:redress:problem:already-done")
    assert f"invited by lin (s-lin) at {first.body['invited_at']}" in second.body["detail"]
    again = invite(api)
    assert (again.status, again.body) == (201, first.body)
    assert pool is None or accounts(pool) == 1


def test_of_two_invitations_at_once_one_is_told_of_the_other(
    api: Api, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = wired_stores.staff(), list[Reply | None]([None])
    put = store.invite

    def raced(*given: Any) -> bool:
        if other == [None]:
            other.clear()
            other.append(invite(api, "wei", team="service"))
        return put(*given)

    monkeypatch.setattr(store, "invite", raced)
    second = invite(api)
    [first] = other
    assert first is not None
    assert (first.status, second.status) == (201, 409)
    assert "invited by wei (m-wei)" in second.body["detail"]
    assert accounts(pool) == 1


class Broken:
    """Cognito, which fails once at one operation: before it, or after it, so its answer is lost."""

    def __init__(self, operation: str, *, after: bool) -> None:
        self._operation, self._after, self._fails = operation, after, True

    def __getattr__(self, name: str) -> Any:
        real = getattr(aws("cognito-idp"), name)

        def call(**given: Any) -> Any:
            if name != self._operation or not self._fails:
                return real(**given)
            self._fails = False
            if self._after:
                real(**given)
            raise ClientError({"Error": {"Code": "LimitExceededException"}}, name)

        return call


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize(
    "operation",
    [
        "admin_create_user",
        "admin_update_user_attributes",
        "admin_list_groups_for_user",
        "admin_add_user_to_group",
    ],
)
def test_invitation_that_the_user_pool_interrupts_is_completed_by_the_same_request(
    api: Api,
    stores: Stores,
    pool: str,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    after: bool,
) -> None:
    broken = Broken(operation, after=after)
    monkeypatch.setattr(clients, "client", lambda service, **_: broken)
    first = invite(api)
    assert (first.status, "same request again" in first.body["detail"]) == (503, True)
    assert invite(api, "wei", team="service").status == 409
    second = invite(api)
    assert second.status == 201
    made = account(pool)
    assert (second.body["member"], made["groups"]) == (made["sub"], ["agent"])
    assert stores.staff.member(made["sub"]).team == "complaints"
    assert accounts(pool) == 1


def test_invitation_whose_last_write_fails_is_completed_by_the_same_request(
    api: Api, stores: Stores, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = wired_stores.staff()
    write, fails = store.write, [True]

    def lost(*given: Any, **named: Any) -> None:
        if len(given) == 5 and fails and fails.pop():  # with a leader and an invitation
            raise EndpointConnectionError(endpoint_url="https://dynamodb.example")
        write(*given, **named)

    monkeypatch.setattr(store, "write", lost)
    assert invite(api).status == 503
    found = invite(api)
    assert (found.status, accounts(pool)) == (201, 1)
    assert stores.staff.member(found.body["member"]).is_active


def test_person_who_signs_in_before_the_invitation_is_complete_is_a_member_by_it(
    api: Api, stores: Stores, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = wired_stores.staff()
    write, first = store.write, [True]

    def raced(*given: Any, **named: Any) -> None:
        if first and first.pop():
            token = {"sub": account(pool)["sub"], "email": "li@example.org", **NOBODY}
            assert api("work", claims=token | {"email_verified": "true"}).status == 200
        write(*given, **named)

    lin = manage(stores, "lin")
    monkeypatch.setattr(store, "write", raced)
    found = invite(api, lin.name)
    assert found.status == 201
    assert found.body["member"] == account(pool)["sub"]
    assert [entry.kind for entry in trail(found.body["member"])] == ["joined"]


def existing(pool: str, group: str | None, team: str = "complaints") -> str:
    """Make an account by hand. Returns its `sub`."""
    users, attributes = aws("cognito-idp"), {"email": "li@example.org", "custom:team": team}
    made = users.admin_create_user(
        UserPoolId=pool,
        Username="li@example.org",
        UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
    )
    if group is not None:
        users.admin_add_user_to_group(UserPoolId=pool, Username="li@example.org", GroupName=group)
    return str(next(one["Value"] for one in made["User"]["Attributes"] if one["Name"] == "sub"))


@pytest.mark.parametrize("group", ["agent", None])
def test_account_that_exists_is_taken_over(api: Api, pool: str, group: str | None) -> None:
    sub = existing(pool, group)
    aws("cognito-idp").admin_disable_user(UserPoolId=pool, Username=sub)
    found = invite(api, languages=["en"])
    assert (found.status, found.body["member"]) == (201, sub)
    made = account(pool)
    assert (made["groups"], made["enabled"], made["custom:languages"]) == (["agent"], True, "en")


@pytest.mark.parametrize(
    ("group", "team"), [("manager", "complaints"), ("supervisor", "complaints"), ("agent", "moon")]
)
def test_account_of_somebody_whom_the_leader_does_not_lead_is_not_taken_over(
    api: Api, stores: Stores, pool: str, group: str, team: str
) -> None:
    sub = existing(pool, group, team)
    assert invite(api).status == 403
    assert account(pool)["groups"] == [group]
    assert wired_stores.staff().invitation("li@example.org") is None
    found = invite(api, "wei", role="supervisor")
    assert (found.status, account(pool)["groups"]) == (201, ["supervisor"])
    assert stores.staff.member(sub).role is Role.SUPERVISOR


def test_member_is_not_invited_again(api: Api, stores: Stores) -> None:
    found = invite(api, email="Mei@Example.com")
    assert (found.status, found.body["detail"]) == (409, "mei (a-mei) is a member of the staff")
    stores.staff.depart(MEMBERS["mei"], clients.now())
    found = invite(api, email="mei@example.com")
    assert "has left: reinstate them" in found.body["detail"]


def test_account_of_a_member_with_another_address_is_not_invited(
    api: Api, stores: Stores, pool: str
) -> None:
    sub = existing(pool, "agent")
    assert api("work", "mei", claims={"sub": sub}).status == 200
    assert invite(api).status == 409
    assert wired_stores.staff().invitation("li@example.org") is None


def test_leader_who_is_suspended_while_inviting_brings_nobody_onto_the_staff(
    api: Api, stores: Stores, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suspension comes between the account and the member's item."""
    users = aws("cognito-idp")
    create, other = users.admin_create_user, [True]

    def late(**given: Any) -> Any:
        if other and other.pop():
            assert api("suspension", "wei", agent="s-lin").status == 200
        return create(**given)

    monkeypatch.setattr(users, "admin_create_user", late)
    assert invite(api).status == 403
    made = account(pool)
    assert made["enabled"] is False
    assert stores.staff.named([made["sub"]]) == {}
    found = invite(api, "wei", team="service")
    assert (found.status, found.body["member"]) == (201, made["sub"])
    assert (account(pool)["enabled"], account(pool)["custom:team"]) == (True, "service")


def test_open_invitation_of_somebody_who_left_is_replaced(api: Api) -> None:
    assert invite(api).status == 201
    assert invite(api, "wei", team="service").status == 409
    assert api("departure", "wei", agent="s-lin").status == 200
    assert invite(api, "wei", team="service").body["team"] == "service"


@pytest.mark.parametrize(
    ("by", "role", "team", "status"),
    [
        ("lin", "agent", "complaints", 201),
        ("lin", "agent", "service", 403),
        ("lin", "supervisor", "complaints", 403),
        ("lin", "manager", "complaints", 403),
        ("wei", "agent", "service", 201),
        ("wei", "supervisor", "service", 201),
        ("wei", "manager", "complaints", 201),
        ("mei", "agent", "complaints", 403),
    ],
)
def test_supervisor_invites_agents_of_their_team_and_a_manager_everybody(
    api: Api, by: str, role: str, team: str, status: int
) -> None:
    assert invite(api, by, role=role, team=team).status == status


def test_all_faults_of_an_invitation_are_named(api: Api) -> None:
    found = invite(
        api,
        email="nobody",
        name=" ",
        role="owner",
        team="A b",
        languages=["en", "xx", "en"],
        capacity=101,
        position="chief",
        skills={"Big": 1, "tea": 6},
    )
    assert (found.status, found.codes) == (
        422,
        {
            "/email": "email_expected",
            "/name": "required",
            "/role": "unknown_value",
            "/team": "unknown_value",
            "/languages/1": "unknown_value",
            "/languages/2": "repeated",
            "/capacity": "out_of_range",
            "/position": "unknown_value",
            "/skills/Big": "unknown_value",
            "/skills/tea": "out_of_range",
        },
    )


# ------------------------------------------------------------------ another issuer


def joined(api: Api, **claims: str | None) -> Reply:
    token = {"sub": "auth0|li", "name": "L. Jing", "email": "Li@example.org"} | NOBODY
    return api("me", claims=token | claims)


def test_invitation_says_what_another_issuer_must_put_into_the_token(api: Api) -> None:
    found = invite(api).body
    assert found["member"] is None
    assert {one["name"]: one["value"] for one in found["issuer"]["claims"]} == {
        "email": "li@example.org",
        "email_verified": "true",
        "name": "Li Jing",
        "cognito:groups": "agent",
        "custom:team": "complaints",
        "custom:languages": "zh-CN,en",
        "custom:capacity": "5",
    }


def test_person_with_the_verified_address_of_an_invitation_becomes_a_member(
    api: Api, stores: Stores
) -> None:
    invite(api)
    found = joined(api, email_verified="true")
    assert (found.status, found.body["name"], found.body["position"]) == (
        200,
        "Li Jing",
        "after_sales",
    )
    member = stores.staff.member("auth0|li")
    assert (member.role, member.team, member.revision) == (Role.AGENT, "complaints", 1)
    [entry] = trail("auth0|li")
    assert (entry.kind, entry.why) == ("joined", "invited by s-lin")


@pytest.mark.parametrize("verified", ["false", None, "yes"])
def test_address_that_is_not_verified_accepts_no_invitation(api: Api, verified: str | None) -> None:
    invite(api)
    found = joined(api, email_verified=verified)
    assert (found.status, "nobody has invited you" in found.body["detail"]) == (403, True)


def test_invitation_makes_one_member_and_only_for_thirty_days(api: Api, clock: Clock) -> None:
    invite(api)
    assert joined(api, email_verified="true").status == 200
    assert joined(api, sub="auth0|other", email_verified="true").status == 403
    invite(api, email="wu@example.org")
    clock.advance(days=30)
    late = {"sub": "auth0|wu", "email": "wu@example.org", "email_verified": "true"}
    assert joined(api, **late).status == 403
    assert invite(api, "wei", email="wu@example.org").status == 201
    assert joined(api, **late).status == 200


@pytest.mark.parametrize("how", ["suspended", "demoted", "moved"])
def test_invitation_of_somebody_who_may_no_longer_invite_makes_no_member(
    api: Api, stores: Stores, how: str
) -> None:
    invite(api)
    if how == "suspended":
        found = api("suspension", "wei", agent="s-lin")
    elif how == "demoted":
        found = change(api, stores, "wei", "s-lin", role="agent")
    else:
        found = change(api, stores, "wei", "s-lin", team="service")
    assert found.status == 200
    assert joined(api, email_verified="true").status == 403
    assert invite(api, "wei").status == 201
    assert joined(api, email_verified="true").status == 200


def test_invitation_by_a_supervisor_takes_no_higher_role_away(api: Api, stores: Stores) -> None:
    invite(api)
    token = claims_of(replace(MEMBERS["wei"], id="auth0|li", email="li@example.org"))
    assert joined(api, **token | {"email_verified": "true"}).status == 200
    assert stores.staff.member("auth0|li").role is Role.MANAGER


def open_invitations(api: Api, by: str, **query: str) -> list[str]:
    """The addresses in one page of the open invitations."""
    found = api("invitations", by, query=query)
    assert found.status == 200
    return [one["email"] for one in found.body["items"]]


def test_leaders_list_the_open_invitations_that_they_could_make(api: Api, clock: Clock) -> None:
    made = invite(api).body
    invite(api, "wei", email="wu@example.org", role="supervisor")
    invite(api, "wei", email="xu@example.org", team="service")
    [listed] = api("invitations", "lin", query={}).body["items"]
    assert listed == made
    assert open_invitations(api, "hua") == ["xu@example.org"]
    assert sorted(open_invitations(api, "wei")) == [
        "li@example.org",
        "wu@example.org",
        "xu@example.org",
    ]
    joined(api, email_verified="true")
    assert open_invitations(api, "lin") == []
    clock.advance(days=30)
    assert open_invitations(api, "wei") == []


def test_pages_of_invitations_have_each_of_them_once(api: Api) -> None:
    for number, team in product(range(3), ("complaints", "service")):
        invite(api, "wei", email=f"p{number}@{team}.example.org", team=team)
    for by, wanted in (("wei", 6), ("lin", 3)):
        seen, query = list[str](), {"limit": "2"}
        while True:
            seen += open_invitations(api, by, **query)
            cursor = api("invitations", by, query=query).body["next"]
            if cursor is None:
                break
            query["cursor"] = cursor
        assert (len(seen), len(set(seen))) == (wanted, wanted)
    of_service = api("invitations", "hua", query={"limit": "1"}).body["next"]
    found = api("invitations", "lin", query={"cursor": of_service, "limit": "0"})
    assert (found.status, found.pointers) == (422, {"/cursor", "/limit"})


def withdraw(api: Api, by: str, invitation: Reply) -> Reply:
    return api("invitation-withdrawal", by, id=invitation.body["id"])


def test_withdrawn_invitation_makes_no_member(api: Api, clock: Clock) -> None:
    made = invite(api)
    assert withdraw(api, "hua", made).status == 404
    found = withdraw(api, "wei", made)
    assert (found.status, found.body["withdrawn_by"]) == (200, "m-wei")
    assert found.body["withdrawn_at"] == written(clock.now())
    clock.advance(minutes=5)
    assert withdraw(api, "lin", made).body == found.body
    assert open_invitations(api, "wei") == []
    assert joined(api, email_verified="true").status == 403
    assert invite(api, "wei", team="service").status == 201
    assert joined(api, email_verified="true").body["team"] == "service"


def test_invitation_that_is_over_is_not_withdrawn(api: Api, clock: Clock) -> None:
    made = invite(api)
    joined(api, email_verified="true")
    found = withdraw(api, "lin", made)
    assert (found.status, "suspend them" in found.body["detail"]) == (409, True)
    other = invite(api, email="wu@example.org")
    clock.advance(days=30)
    found = withdraw(api, "lin", other)
    assert (found.status, "has expired" in found.body["detail"]) == (409, True)
    assert api("invitation-withdrawal", "lin", id="0" * 40).status == 404


def test_of_a_withdrawal_and_a_first_request_at_once_one_wins(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    manage(stores, "lin")
    made = invite(api)
    write, put, other = stores.staff.write, stores.staff.invite, list[Reply]()

    def joins_late(self: Any, *given: Any, **named: Any) -> None:
        if not other:
            other.append(withdraw(api, "lin", made))
        write(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr("redress.staff.store.StaffStore.write", joins_late)
        assert joined(api, email_verified="true").status == 403
    assert other[0].status == 200
    assert stores.staff.named(["auth0|li"]) == {}

    made = invite(api)
    other.clear()

    def withdraws_late(self: Any, *given: Any) -> bool:
        if not other:
            other.append(joined(api, email_verified="true"))
        return put(*given)

    monkeypatch.setattr("redress.staff.store.StaffStore.invite", withdraws_late)
    found = withdraw(api, "lin", made)
    assert (other[0].status, found.status) == (200, 409)
    assert stores.staff.member("auth0|li").is_active


def test_withdrawal_disables_the_account_of_an_unfinished_invitation(
    api: Api, stores: Stores, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken("admin_add_user_to_group", after=True)
    monkeypatch.setattr(clients, "client", lambda service, **_: broken)
    assert invite(api).status == 503
    [listed] = api("invitations", "lin", query={}).body["items"]
    assert listed["issuer"] is None
    assert api("invitation-withdrawal", "lin", id=listed["id"]).status == 200
    assert account(pool)["enabled"] is False
    assert stores.staff.named([account(pool)["sub"]]) == {}


def test_invitation_that_is_withdrawn_while_the_account_is_made_disables_it(
    api: Api, stores: Stores, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = aws("cognito-idp")
    create, other = users.admin_create_user, list[Reply]()

    def late(**given: Any) -> Any:
        if not other:
            [listed] = api("invitations", "wei", query={}).body["items"]
            other.append(api("invitation-withdrawal", "wei", id=listed["id"]))
        return create(**given)

    monkeypatch.setattr(users, "admin_create_user", late)
    found = invite(api)
    assert (other[0].status, found.status) == (200, 409)
    assert "withdrawn" in found.body["detail"]
    assert account(pool)["enabled"] is False
    assert stores.staff.named([account(pool)["sub"]]) == {}


# ------------------------------------------------------------------ changes


@pytest.mark.parametrize(
    ("by", "agent"), list(product(("lin", "hua", "wei"), ("a-mei", "a-tao", "s-lin", "m-wei")))
)
def test_supervisor_decides_about_agents_of_their_team_and_a_manager_about_everybody_else(
    api: Api, stores: Stores, by: str, agent: str
) -> None:
    leads = {"lin": {"a-mei"}, "hua": {"a-tao"}, "wei": {"a-mei", "a-tao", "s-lin"}}[by]
    before = stores.staff.member(agent)
    told = {
        change(api, stores, by, agent, capacity=9).status,
        api("suspension", by, agent=agent).status,
        api("reinstatement", by, agent=agent).status,
    }
    assert told == ({200} if agent in leads else {403})
    after = stores.staff.member(agent)
    assert after.is_active
    assert after.capacity == (9 if agent in leads else before.capacity)


@pytest.mark.parametrize(
    "fields", [{"role": "supervisor"}, {"role": "manager"}, {"team": "service"}]
)
def test_supervisor_neither_promotes_nor_moves_an_agent(
    api: Api, stores: Stores, fields: dict[str, str]
) -> None:
    before = stores.staff.member("a-mei")
    assert change(api, stores, "lin", "a-mei", **fields).status == 403
    assert stores.staff.member("a-mei") == before
    assert change(api, stores, "wei", "a-mei", **fields).status == 200


def test_change_is_in_the_trail_with_reason_and_source(
    api: Api, stores: Stores, clock: Clock
) -> None:
    manage(stores, "mei")
    found = change(api, stores, "lin", "a-mei", capacity=7, skills={"tea": 3}).body["member"]
    assert (found["capacity"], found["skills"], found["revision"]) == (7, {"tea": 3}, 2)
    assert found["changes"] == [
        {
            "revision": 2,
            "kind": "changed",
            "at": written(clock.now()),
            "by": "s-lin",
            "what": [
                {"field": "capacity", "old": 2, "new": 7},
                {"field": "skills", "old": {}, "new": {"tea": 3}},
            ],
            "why": "it is better so",
            "source": "203.0.113.7",
        }
    ]
    assert stores.staff.availability("a-mei").capacity == 7


def test_change_of_an_old_revision_is_refused_with_the_current_one(
    api: Api, stores: Stores
) -> None:
    manage(stores, "mei")
    assert change(api, stores, "lin", "a-mei", capacity=7).status == 200
    late = change(api, stores, "wei", "a-mei", revision=1, capacity=9)
    assert (late.status, late.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert late.body["current_version"] == 2
    assert late.body["can"] == ["change_member", "record_departure", "suspend"]
    future = change(api, stores, "wei", "a-mei", revision=9, capacity=9)
    assert (future.status, future.codes) == (422, {"/revision": "unknown_revision"})
    assert stores.staff.member("a-mei").capacity == 7


def test_change_of_team_returns_tickets_to_the_old_team_and_keeps_the_presence(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    held = open_ticket(agent="a-mei")
    found = change(api, stores, "wei", "a-mei", team="service")
    assert (found.status, found.body["queued"]) == (200, [held.number])
    ticket = stores.tickets.get(held.number)
    assert (ticket.assignee, ticket.team) == (None, "complaints")
    assert [one.agent for one in stores.staff.present("complaints", 100)] == ["a-jun"]
    assert "a-mei" in [one.agent for one in stores.staff.present("service", 100)]
    assert api("ticket", "mei", number=held.number).status == 404


def test_agent_who_is_moved_meanwhile_gets_no_ticket_of_the_old_team(
    api: Api, stores: Stores, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The move comes between the read of the agent and the write of the assignment."""
    ticket = open_ticket()
    commit, moved = stores.tickets.commit, list[Reply]()

    def late(self: Any, *given: Any) -> Any:
        if not moved:
            moved.append(Reply(0, {}, {}))
            moved[0] = change(api, stores, "wei", "a-mei", team="service")
        return commit(*given)

    monkeypatch.setattr("redress.tickets.store.tickets.TicketStore.commit", late)
    body = {"version": ticket.version, "agent": "a-mei", "reason": "knows it"}
    found = api("assignment", "lin", number=ticket.number, body=body)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:agent-not-free")
    moved.clear()
    change(api, stores, "wei", "a-mei", team="complaints")
    found = api("next", "mei", headers={"Idempotency-Key": ""})
    assert (found.status, found.body["ticket"]) == (200, None)
    assert (moved[0].status, found.body["reason"]["code"]) == (200, "away")
    assert stores.tickets.get(ticket.number).assignee is None
    assert stores.staff.availability("a-mei").load == 0


@pytest.mark.parametrize("how", ["suspension", "move"])
def test_ticket_that_the_index_lists_late_is_returned_too(
    api: Api, stores: Stores, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    held, list_, lags = open_ticket(agent="a-mei"), stores.lists.owned_by, [True]

    def late(self: Any, *given: Any) -> Any:
        page = list_(*given)
        return replace(page, numbers=[]) if lags and lags.pop() else page

    monkeypatch.setattr("redress.tickets.store.lists.TicketLists.owned_by", late)
    if how == "suspension":
        found = api("suspension", "wei", agent="a-mei")
    else:
        found = change(api, stores, "wei", "a-mei", team="service")
    assert (found.status, found.body["queued"]) == (200, [held.number])
    assert stores.tickets.get(held.number).assignee is None


def test_change_that_ends_before_the_tickets_are_returned_is_completed_by_the_same_request(
    api: Api, stores: Stores, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [open_ticket(agent="a-mei").number for _ in range(2)]
    member, real, number = stores.staff.member("a-mei"), TicketChanges.change, [0]

    def dies(self: TicketChanges, *given: Any, **named: Any) -> Any:
        number[0] += 1
        if number[0] == 2:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.example")
        return real(self, *given, **named)

    monkeypatch.setattr(TicketChanges, "change", dies)
    assert change(api, stores, "wei", "a-mei", team="service").status == 503
    assert stores.staff.availability("a-mei").load == 1
    again = change(api, stores, "wei", "a-mei", team="service", revision=member.revision)
    assert (again.status, len(again.body["queued"])) == (200, 1)
    assert {stores.tickets.get(one).assignee for one in held} == {None}
    assert [entry.kind for entry in trail("a-mei")] == ["changed"]


def test_account_follows_a_change(api: Api, stores: Stores, pool: str) -> None:
    agent = invite(api).body["member"]
    change(api, stores, "wei", agent, role="supervisor", team="service", name="Li J.")
    made = account(pool)
    assert (made["groups"], made["custom:team"], made["name"]) == (
        ["supervisor"],
        "service",
        "Li J.",
    )


# ------------------------------------------------------------------ suspension


def test_suspension_counts_at_once_and_returns_tickets(
    api: Api, stores: Stores, open_ticket: Opener, pool: str
) -> None:
    agent = invite(api).body["member"]
    member = stores.staff.member(agent)
    api("presence", claims=claims_of(member), body={"presence": "available"})
    held = open_ticket(agent=agent)
    found = api("suspension", "lin", agent=agent)
    assert (found.status, found.body["queued"]) == (200, [held.number])
    assert found.body["member"]["state"] == "suspended"
    assert found.body["member"]["can"] == ["change_member", "record_departure", "reinstate"]
    assert api("work", claims=claims_of(member)).status == 403
    assert account(pool)["enabled"] is False
    assert agent not in [one.agent for one in stores.staff.present("complaints", 100)]
    assert api("suspension", "lin", agent=agent).body["queued"] == []
    assert [entry.kind for entry in trail(agent)] == ["suspended", "invited"][::-1]

    back = api("reinstatement", "lin", agent=agent).body["member"]
    assert (back["state"], back["presence"]) == ("active", "away")
    assert account(pool)["enabled"] is True
    assert api("work", claims=claims_of(member)).status == 200


def owing(stores: Stores, open_ticket: Opener) -> tuple[Ticket, Ticket, Ticket]:
    """Tickets of mei that need no agent any more: a callback by phone, a remedy, a post-mortem."""

    def resolved(**fields: Any) -> Ticket:
        opened = open_ticket(agent="a-mei", **fields)
        with_remedy(stores, opened, 100)
        done = ("Replaced", "upheld", "a new one", "a bad batch")
        return stores.changes.change(
            opened.number, lambda t, p, at: by_staff.resolve(t, p, MEI, *done, at)
        )

    def withdrawn(ticket: Ticket) -> Ticket:
        return stores.changes.change(
            ticket.number, lambda t, p, at: by_customer.withdraw(t, p, "", at)
        )

    called = resolved(contact=BY_PHONE)
    return called, withdrawn(resolved()), withdrawn(open_ticket("urgent", agent="a-mei"))


@pytest.mark.parametrize("how", ["suspension", "departure", "move"])
def test_what_an_agent_who_is_gone_still_owes_comes_to_the_work_list_of_the_leader(
    api: Api, stores: Stores, open_ticket: Opener, how: str
) -> None:
    """It was in the list of the agent alone, and no queue has it."""
    tickets = owing(stores, open_ticket)
    numbers = {ticket.number for ticket in tickets}
    assert {one["number"] for one in api("work", "mei", query={}).body["items"]} == numbers
    if how == "move":
        found = change(api, stores, "wei", "a-mei", team="service")
    else:
        found = api(how, "wei", agent="a-mei")
    assert (found.status, found.body["queued"]) == (200, [])
    assert set(found.body["taken_over"]) == numbers
    listed = api("work", "wei", query={}).body["items"]
    assert {one["number"] for one in listed} == numbers
    assert all("reassign" in one["can"] for one in listed)
    last = stores.tickets.history(tickets[1].number)[-1]
    assert (last.type, last.data["from"], last.by.id) == ("assigned", "a-mei", "m-wei")
    assert last.data["why"] in ("the agent is suspended", "the agent left", MOVED)
    assert stores.staff.availability("a-mei").load == 0
    again = api("suspension", "wei", agent="a-mei") if how != "departure" else None
    assert again is None or again.body["taken_over"] == []

    number = tickets[1].number
    version = stores.tickets.get(number).version
    body = {"version": version, "agent": None, "reason": "theirs"}
    nobody = api("assignment", "wei", number=number, body=body)
    assert (nobody.status, nobody.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert "name the agent" in nobody.body["detail"]
    given = api("assignment", "wei", number=number, body=body | {"agent": "a-jun"})
    assert (given.status, given.body["assignee"], given.body["state"]) == (200, "a-jun", "closed")
    assert [one["number"] for one in api("work", "jun", query={}).body["items"]] == [number]
    assert stores.staff.availability("a-jun").load == 0, "it takes no capacity"


def ask_tao(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    """The agent asks a member of another department for something."""
    new = NewTask("service", "A seal?", "Is there one?", owner="a-tao")
    return by_departments.open_task(ticket, plan, MEMBERS["mei"].actor, new, at, MEMBERS["tao"])


@pytest.mark.parametrize("how", ["suspension", "departure", "move"])
def test_tasks_of_a_member_who_is_gone_are_in_the_queue_of_their_department_again(
    api: Api, stores: Stores, open_ticket: Opener, how: str
) -> None:
    """They were in no queue, and who had them could not open them any more."""
    tickets = [open_ticket("complaint", agent="a-mei") for _ in range(2)]
    for ticket in tickets:
        stores.changes.change(ticket.number, ask_tao)
    if how == "move":
        found = change(api, stores, "wei", "a-tao", team="complaints")
    else:
        found = api(how, "wei", agent="a-tao")
    assert found.status == 200, found.body
    queue = api("tasks", "hua", query={"list": "queue"}).body["items"]
    assert {one["number"] for one in queue} == {ticket.number for ticket in tickets}
    last = stores.tickets.history(tickets[0].number)[-1]
    assert (last.type, last.data["owner"], last.data["from"]) == ("task_assigned", None, "a-tao")
    assert last.data["why"] in ("the agent is suspended", "the agent left", MOVED)
    version = stores.tickets.get(tickets[0].number).version
    again = api("reinstatement" if how == "suspension" else "departure", "wei", agent="a-tao")
    assert again.status == 200
    assert stores.tickets.get(tickets[0].number).version == version, "nothing is put back twice"


def test_tasks_of_a_member_who_stays_in_the_department_stay_with_them(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    stores.changes.change(ticket.number, ask_tao)
    assert change(api, stores, "wei", "a-tao", capacity=1).status == 200
    assert stores.tickets.get(ticket.number).tasks[0].owner == "a-tao"


MOVED = "the agent is in another team now"


def test_leader_takes_over_nothing_from_which_a_conflict_of_interest_keeps_them(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    _, refund, _ = owing(stores, open_ticket)
    wei = MEMBERS["wei"].actor
    stores.changes.change(
        refund.number, lambda t, p, at: by_staff.set_about(t, p, wei, ["s-lin"], "named", at)
    )
    found = api("suspension", "lin", agent="a-mei")
    assert refund.number not in found.body["taken_over"]
    assert len(found.body["taken_over"]) == 2
    assert stores.tickets.get(refund.number).assignee == "a-mei"


def test_ticket_on_which_nothing_is_owed_is_given_to_nobody(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    stores.changes.change(ticket.number, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    body = {"version": 3, "agent": "a-jun", "reason": "hers"}
    found = api("assignment", "wei", number=ticket.number, body=body)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert "reassign" not in found.body["can"]


def test_suspended_member_gets_no_work_and_no_mail(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    ticket = open_ticket()
    assert api("suspension", "wei", agent="s-lin").status == 200
    assert api("suspension", "lin", agent="a-mei").status == 403
    assert api("suspension", "wei", agent="a-mei").status == 200
    body = {"version": ticket.version, "agent": "a-mei", "reason": "r"}
    found = api("assignment", "wei", number=ticket.number, body=body)
    assert (found.status, found.codes) == (422, {"/agent": "unknown_agent"})
    told = leaders(stores.staff.members(), Role.SUPERVISOR, "complaints", "")
    assert [one.address for one in told] == ["hua@example.com"]


def test_member_who_left_is_reinstated_and_not_suspended(api: Api, stores: Stores) -> None:
    api("departure", "lin", agent="a-mei")
    assert api("suspension", "lin", agent="a-mei").status == 409
    assert api("reinstatement", "lin", agent="a-mei").status == 200
    assert api("presence", "mei").status == 200
    assert stores.staff.member("a-mei").is_active


def replied_and_queued(stores: Stores, number: str) -> list[str]:
    """The replies to the customer and returns to the queue in the history of a ticket."""
    kinds = [event.type.value for event in stores.tickets.history(number)]
    return [kind for kind in kinds if kind in ("replied", "queued")]


def test_reply_whose_ticket_is_returned_before_it_is_written_is_refused(
    api: Api, stores: Stores, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole suspension comes between the check of the member and the write of the reply."""
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "We are on it."}
    commit, suspended = stores.tickets.commit, list[Reply]()

    def late(self: Any, *given: Any) -> Any:
        if not suspended:
            suspended.append(Reply(0, {}, {}))
            suspended[0] = api("suspension", "lin", agent="a-mei")
        return commit(*given)

    monkeypatch.setattr("redress.tickets.store.tickets.TicketStore.commit", late)
    before = replied_and_queued(stores, ticket.number)
    found = api("reply", "mei", number=ticket.number, body=body)
    assert suspended[0].body["queued"] == [ticket.number]
    # The return of the ticket was written first. So the reply is decided again and refused.
    assert (found.status, found.body["type"]) == (403, "urn:redress:problem:forbidden")
    after = stores.tickets.get(ticket.number)
    assert (after.assignee, stores.staff.availability("a-mei").load) == (None, 0)
    assert replied_and_queued(stores, ticket.number) == [*before, "queued"]
    assert api("reply", "mei", number=ticket.number, body=body).status == 403


def test_reply_whose_check_came_before_the_suspension_stays_if_it_is_written_first(
    api: Api, stores: Stores, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The member is checked, then suspended, then replies, and then the ticket is returned."""
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "We are on it."}
    api("work", "mei")
    api("work", "lin")
    commit, list_ = stores.tickets.commit, stores.lists.owned_by
    is_checked, is_suspended = Event(), Event()

    def waiting(self: Any, *given: Any) -> Any:
        if not is_checked.is_set():
            is_checked.set()
            assert is_suspended.wait(PATIENCE_S)
        return commit(*given)

    def listing(self: Any, *given: Any) -> Any:
        if not is_suspended.is_set():
            assert stores.staff.member("a-mei").suspended
            is_suspended.set()
            reply.result(PATIENCE_S)
        return list_(*given)

    monkeypatch.setattr("redress.tickets.store.tickets.TicketStore.commit", waiting)
    monkeypatch.setattr("redress.tickets.store.lists.TicketLists.owned_by", listing)
    before = replied_and_queued(stores, ticket.number)
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(api, "reply", "mei", number=ticket.number, body=body)
        assert is_checked.wait(PATIENCE_S)
        found = api("suspension", "lin", agent="a-mei")
    assert (reply.result().status, found.status) == (200, 200)
    assert found.body["queued"] == [ticket.number]
    assert replied_and_queued(stores, ticket.number) == [*before, "replied", "queued"]
    assert api("reply", "mei", number=ticket.number, body=body).status == 403


def test_suspension_is_told_even_if_the_member_is_moved_out_of_sight_meanwhile(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_, moved = stores.lists.owned_by, list[Reply]()

    def late(self: Any, *given: Any) -> Any:
        if not moved:
            moved.append(Reply(0, {}, {}))
            moved[0] = change(api, stores, "wei", "a-mei", team="service")
        return list_(*given)

    monkeypatch.setattr("redress.tickets.store.lists.TicketLists.owned_by", late)
    found = api("suspension", "lin", agent="a-mei")
    assert (moved[0].status, found.status) == (200, 200)
    assert found.body["member"]["state"] == "suspended"
    member = stores.staff.member("a-mei")
    assert (member.suspended, member.team) == (True, "service")
    assert api("member", "lin", agent="a-mei").status == 404


@pytest.mark.parametrize(
    ("act", "reason"), [("suspension", "you are suspended"), ("departure", "left the staff")]
)
def test_of_two_managers_who_take_each_other_off_one_stays(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch, act: str, reason: str
) -> None:
    manage(stores, "wei")
    manage(stores, "lin", role=Role.MANAGER)
    write, other = stores.staff.write, [True]

    def raced(self: Any, *given: Any) -> None:
        if other and other.pop():
            assert api(act, "lin", agent="m-wei").status == 200
        write(*given)

    monkeypatch.setattr("redress.staff.store.StaffStore.write", raced)
    found = api(act, "wei", agent="s-lin")
    assert (found.status, reason in found.body["detail"]) == (403, True)
    active = [one.id for one in stores.staff.members() if one.is_active]
    assert "s-lin" in active
    assert "m-wei" not in active


def test_suspension_that_the_user_pool_interrupts_counts_and_is_completed(
    api: Api, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = invite(api).body["member"]
    broken = Broken("admin_disable_user", after=False)
    monkeypatch.setattr(clients, "client", lambda service, **_: broken)
    first = api("suspension", "lin", agent=agent)
    assert (first.status, "same request again" in first.body["detail"]) == (503, True)
    assert api("work", claims={"sub": agent}).status == 403
    assert account(pool)["enabled"] is True
    assert api("suspension", "lin", agent=agent).status == 200
    assert account(pool)["enabled"] is False


def test_account_is_as_the_later_of_two_requests_that_contradict_each_other(
    api: Api, stores: Stores, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = invite(api).body["member"]
    users = aws("cognito-idp")
    real, other = users.admin_disable_user, [True]

    def late(**given: Any) -> Any:
        if other and other.pop():
            assert api("reinstatement", "wei", agent=agent).status == 200
        return real(**given)

    monkeypatch.setattr(users, "admin_disable_user", late)
    assert api("suspension", "lin", agent=agent).status == 200
    assert stores.staff.member(agent).is_active
    assert account(pool)["enabled"] is True


def test_member_without_an_account_in_the_pool_is_led_too(
    api: Api, stores: Stores, pool: str
) -> None:
    for name in ("suspension", "reinstatement", "departure"):
        assert api(name, "lin", agent="a-mei").status == 200
    assert change(api, stores, "lin", "a-mei", capacity=9).status == 200
    assert accounts(pool) == 0


# ------------------------------------------------------------------ who is on the staff


def test_me_says_who_i_am_and_what_i_may_do(api: Api, stores: Stores) -> None:
    found = api("me", "mei").body
    assert (found["id"], found["role"], found["team"]) == ("a-mei", "agent", "complaints")
    assert (found["email"], found["presence"], found["load"]) == ("mei@example.com", "available", 0)
    assert "reply" in found["may"]
    assert "invite_member" not in found["may"]
    assert "invite_member" in api("me", "lin").body["may"]
    assert "publish_plan" in api("me", "wei").body["may"]


def colleagues(found: Reply) -> list[str]:
    return [one["id"] for one in found.body["items"]]


def test_agent_sees_colleagues_of_the_team_without_their_addresses(
    api: Api, stores: Stores
) -> None:
    for name in MEMBERS:
        manage(stores, name)
    found = api("members", "mei", query={})
    assert colleagues(found) == ["a-jun", "a-mei", "m-wei", "s-lin"]
    emails = {one["id"]: one["email"] for one in found.body["items"]}
    assert emails == {"a-jun": None, "a-mei": "mei@example.com", "m-wei": None, "s-lin": None}
    assert {one["name"] for one in found.body["items"]} == {"jun", "mei", "wei", "lin"}
    assert api("members", "mei", query={"team": "service"}).status == 403
    assert api("member", "mei", agent="a-jun").body["changes"] == []
    assert api("member", "mei", agent="a-tao").status == 404


def test_leaders_see_addresses_and_a_manager_every_team(api: Api, stores: Stores) -> None:
    for name in MEMBERS:
        manage(stores, name)
    found = api("members", "lin", query={})
    assert all(one["email"] for one in found.body["items"])
    can = {one["id"]: one["can"] for one in found.body["items"]}
    assert can["a-mei"] == ["change_member", "record_departure", "suspend"]
    assert can["m-wei"] == []
    assert api("members", "lin", query={"team": "service"}).status == 403
    assert colleagues(api("members", "wei", query={"team": "service"})) == ["a-tao", "s-hua"]
    assert colleagues(api("members", "wei", query={})) == sorted(m.id for m in MEMBERS.values())


@pytest.mark.parametrize("team", ["complaints", None])
def test_pages_of_members_have_each_of_them_once(
    api: Api, stores: Stores, team: str | None
) -> None:
    for name in MEMBERS:
        manage(stores, name)
    seen: list[str] = []
    query = {"limit": "2"} | ({"team": team} if team else {})
    while True:
        found = api("members", "wei", query=query)
        assert found.status == 200
        seen += colleagues(found)
        if found.body["next"] is None:
            break
        query["cursor"] = found.body["next"]
    wanted = [one.id for one in MEMBERS.values() if team in (None, one.team)]
    assert seen == sorted(wanted)
    wrong = api("members", "wei", query={"cursor": "?", "limit": "0", "team": "A b"})
    assert wrong.pointers == {"/cursor", "/limit", "/team"}


def test_sweep_lists_members_of_an_earlier_version_under_their_team(
    api: Api, stores: Stores
) -> None:
    assert colleagues(api("members", "lin", query={})) == ["s-lin"]
    repair_wiring.repair().drain_queues()
    assert colleagues(api("members", "lin", query={})) == ["a-jun", "a-mei", "m-wei", "s-lin"]
    assert not stores.staff.member("a-jun").managed


def test_ticket_names_the_people_of_its_timeline_also_after_they_left(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "agent": "a-jun", "reason": "knows it"}
    assert api("assignment", "lin", number=ticket.number, body=body).status == 200
    assert api("departure", "lin", agent="a-mei").status == 200
    found = api("ticket", "wei", number=ticket.number).body
    assert found["people"] == {
        "a-jun": {"name": "jun", "role": "agent"},
        "a-mei": {"name": "mei", "role": "agent"},
        "s-lin": {"name": "lin", "role": "supervisor"},
    }
