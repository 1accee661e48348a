"""Staff whose tokens come from another issuer than the stack's user pool.

The claims are in the form in which an HTTP API passes them: each as a text, and a list as `[a b]`.
Sources: the token references of Keycloak (protocol mappers), Microsoft Entra ID (ID tokens, app
roles), Auth0 (custom claims have a name that is an address) and Amazon Cognito.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from redress.base.people import SUBJECT_LIMIT
from redress.wiring import staff as wiring
from tests.functions.staff.api import Api, Reply
from tests.world import Opener, Stores

AUDIENCE = "redress-desk"

KEYCLOAK = {
    "iss": "https://id.example.org/realms/service",
    "aud": AUDIENCE,
    "typ": "ID",
    "azp": AUDIENCE,
    "sub": "f:1b2c3d4e-0000-4000-8000-5a6b7c8d9e0f:li",
    "name": "Li Jing",
    "email": "li@example.org",
    "email_verified": "true",
    "groups": "[/redress/agent /everybody]",
    "team": "complaints",
    "languages": "[zh-CN en]",
    "capacity": "7",
    "realm_access": "map[roles:[offline_access manager]]",
}
ENTRA = {
    "iss": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
    "aud": AUDIENCE,
    "ver": "2.0",
    "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
    "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ_x-Y",
    "name": "Li Jing",
    "email": "li@example.org",
    "roles": "[agent]",
    "extn.team": "[complaints]",
    "extn.languages": "[zh-CN,en]",
    "extn.capacity": "[7]",
}
AUTH0 = {
    "iss": "https://example.eu.auth0.com/",
    "aud": f"[{AUDIENCE} https://example.eu.auth0.com/userinfo]",
    "sub": "auth0|5fe435b5cbbc85006b071eba",
    "name": "Li Jing",
    "email": "li@example.org",
    "https://desk.example.org/role": "agent",
    "https://desk.example.org/team": "complaints",
    "https://desk.example.org/languages": "zh-CN, en",
    "https://desk.example.org/capacity": "7",
}
COGNITO = {
    "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example00",
    "aud": AUDIENCE,
    "token_use": "id",
    "sub": "0b7e4c52-1f0a-4c1e-9d0c-0a7f7f3b9d10",
    "name": "Li Jing",
    "email": "li@example.org",
    "cognito:groups": "[agent]",
    "custom:team": "complaints",
    "custom:languages": "zh-CN,en",
    "custom:capacity": "7",
}
ISSUERS: dict[str, tuple[dict[str, str], str]] = {
    "keycloak": (KEYCLOAK, "groups team languages capacity"),
    "entra": (ENTRA, "roles extn.team extn.languages extn.capacity"),
    "auth0": (
        AUTH0,
        " ".join(
            f"https://desk.example.org/{n}" for n in ("role", "team", "languages", "capacity")
        ),
    ),
    "cognito": (COGNITO, "cognito:groups custom:team custom:languages custom:capacity"),
}
VARIABLES = ("ROLE_CLAIM", "TEAM_CLAIM", "LANGUAGES_CLAIM", "CAPACITY_CLAIM")


@pytest.fixture(params=ISSUERS)
def issuer(
    request: pytest.FixtureRequest, api: Api, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A stack that is deployed for this issuer."""
    _, names = ISSUERS[request.param]
    monkeypatch.setenv("STAFF_AUDIENCE", AUDIENCE)
    for variable, name in zip(VARIABLES, names.split(), strict=True):
        monkeypatch.setenv(variable, name)
    forget(api)
    yield request.param
    monkeypatch.undo()
    forget(api)


def forget(api: Api) -> None:
    """Make the function read its environment again, as at a cold start."""
    wiring.settings.cache_clear()
    api.module._claims.cache_clear()


def asked(api: Api, claims: dict[str, str], route: str = "presence") -> Reply:
    event = api.event(route)
    event["requestContext"]["authorizer"]["jwt"]["claims"] = claims
    return api.send(event)


def test_member_is_known_by_the_claims_of_their_token(
    api: Api, issuer: str, stores: Stores
) -> None:
    claims, _ = ISSUERS[issuer]
    assert asked(api, claims).status == 200
    member = stores.staff.member(claims["sub"])
    assert (member.id, member.name, member.email) == (claims["sub"], "Li Jing", "li@example.org")
    assert (member.role, member.team, member.capacity) == ("agent", "complaints", 7)
    assert member.languages == ("zh-CN", "en")


def test_member_gets_tickets_and_finds_them_in_the_work_list(
    api: Api, issuer: str, open_ticket: Opener
) -> None:
    claims, _ = ISSUERS[issuer]
    asked(api, claims)
    number = open_ticket(agent=claims["sub"]).number
    found = asked(api, claims, "work")
    assert [item["number"] for item in found.body["items"]] == [number]


@pytest.mark.parametrize("audience", [None, "another-client", "[a b]", f"{AUDIENCE}-test", ""])
def test_token_for_another_audience_is_refused(api: Api, issuer: str, audience: str | None) -> None:
    """API Gateway accepts a token without `aud` if its `client_id` is the audience."""
    claims, _ = ISSUERS[issuer]
    changed = {name: value for name, value in claims.items() if name != "aud"}
    changed |= {"client_id": AUDIENCE} | ({} if audience is None else {"aud": audience})
    found = asked(api, changed)
    assert found.status == 403
    assert "'aud'" in found.body["detail"]


def test_access_token_of_a_user_pool_is_refused_wherever_the_pool_is(api: Api, issuer: str) -> None:
    claims, _ = ISSUERS[issuer]
    found = asked(api, claims | {"token_use": "access"})
    assert (found.status, found.body["detail"]) == (403, "send the ID token, not another one")


def test_token_of_a_machine_names_what_makes_it_no_person(api: Api, issuer: str) -> None:
    """A token for client credentials has this audience too, but describes no person."""
    claims, names = ISSUERS[issuer]
    machine = {"iss": claims["iss"], "aud": claims["aud"], "sub": "desk@clients", "scope": "all"}
    if "token_use" in claims:
        machine["token_use"] = "id"
    found = asked(api, machine)
    role, team, languages, _ = names.split()
    missing = ", ".join(f"'{name}'" for name in ("name", "email", role, team, languages))
    wanted = f"the claims {missing} are missing or malformed: ask your administrator"
    assert (found.status, found.body["detail"]) == (403, wanted)


@pytest.mark.parametrize("issuer", ["keycloak"], indirect=True)
def test_claim_with_two_meanings_is_named_if_only_one_of_them_fails(
    api: Api, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_CLAIM", "groups")
    forget(api)
    found = asked(api, KEYCLOAK | {"groups": "complaints"})
    assert (found.status, "the claim 'groups' is missing" in found.body["detail"]) == (403, True)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("manager", 200),
        ("[manager]", 200),
        ("[/manager]", 200),
        ("[/redress/manager]", 200),
        ("[redress-manager]", 200),
        ("[redress.manager other]", 200),
        ("redress:manager", 200),
        ("[agent redress_manager]", 200),
        ("[former-manager]", 403),
        ("[/other/manager]", 403),
        ("[managers]", 403),
        ("[Manager]", 403),
        ("[redress-]", 403),
        ("the manager", 403),
        ("agent,manager", 403),
        ("map[roles:[manager]]", 403),
        ("[/redress/redress/manager]", 403),
    ],
)
def test_role_is_named_exactly_or_with_the_name_of_the_product_before_it(
    api: Api, issuer: str, given: str, status: int
) -> None:
    claims, names = ISSUERS[issuer]
    changed = claims | {names.split()[0]: given}
    assert asked(api, changed, "reconciliations").status == status


@pytest.mark.parametrize("team", ["[complaints service]", "[]", "Complaints", "a b"])
def test_one_team_is_needed(api: Api, issuer: str, team: str) -> None:
    claims, names = ISSUERS[issuer]
    name = names.split()[1]
    found = asked(api, claims | {name: team})
    assert found.status == 403
    assert f"'{name}'" in found.body["detail"]


def test_member_without_a_capacity_takes_five_tickets(api: Api, issuer: str) -> None:
    claims, names = ISSUERS[issuer]
    name = names.split()[3]
    found = asked(api, {key: value for key, value in claims.items() if key != name})
    assert found.body["capacity"] == 5


@pytest.mark.parametrize("written", ["auth0|5fe4", "auth0%7C5fe4"])
def test_departure_is_reported_at_the_address_of_a_member(
    api: Api, stores: Stores, written: str
) -> None:
    """A client must write `|` as `%7C`. API Gateway may pass either form in `pathParameters`."""
    assert api("presence", claims={"sub": "auth0|5fe4"}).status == 200
    assert api("departure", "lin", agent=written).status in (200, 202)
    assert stores.staff.member("auth0|5fe4").left is True


@pytest.mark.parametrize("sub", ["a" * (SUBJECT_LIMIT + 1), "a b", "a/b", "a#b", "a%7Cb", "a\nb"])
def test_identity_that_cannot_be_part_of_a_key_or_an_address_is_refused_clearly(
    api: Api, sub: str
) -> None:
    found = api("presence", claims={"sub": sub})
    assert found.status == 403
    assert f"'sub' has at most {SUBJECT_LIMIT} letters" in found.body["detail"]


def test_longest_identity_is_accepted_everywhere(api: Api, open_ticket: Opener) -> None:
    longest = "auth0|" + "a" * (SUBJECT_LIMIT - len("auth0|"))
    claims = {"sub": longest}
    assert api("presence", claims=claims).status == 200
    ticket = open_ticket(agent="a-mei")
    body: dict[str, Any] = {"version": ticket.version, "agent": longest, "reason": "knows it"}
    found = api("assignment", "lin", number=ticket.number, raw=json.dumps(body))
    assert (found.status, found.body.get("assignee")) == (200, longest)
