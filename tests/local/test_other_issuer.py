"""A stack gets a second factor, then another issuer; it refuses parameters that fit no issuer.

The tests run in this order on one stack, because each begins where the one before ended.
"""

from __future__ import annotations

import base64
import hmac
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import process, stack
from local.endpoints import Answer, call
from local.operations.sign_in import Door
from local.process import Cloud
from local.stack import StackError
from tests.local.issuer import Issuer, running

AUDIENCE = "redress-desk"
SUBJECT = "auth0|5fe435b5cbbc85006b071eba"
EMAIL, TEMPORARY, PASSWORD = "li@example.org", "Temporary-12345", "Chosen-by-herself-1"


class Stack:
    """A stack on a cloud of its own, with the parameters of the last deployment."""

    def __init__(self, cloud: Cloud, built: Path) -> None:
        self.cloud, self._built = cloud, built
        self.outputs: dict[str, str] = {}

    def deploy(self, **parameters: str) -> None:
        self.outputs = stack.deploy(self.cloud, self._built, parameters)

    def client(self, service: str) -> Any:
        return stack.client(self.cloud, service)

    def call(self, method: str, path: str, token: str, body: Any = None) -> Answer:
        address = stack.address_of(self.cloud, self.outputs)
        return call(method, f"{address}{path}", body, headers={"Authorization": token})

    def resources(self, kind: str) -> list[str]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return [
            one["LogicalResourceId"]
            for page in pages.paginate(StackName=stack.NAME)
            for one in page["StackResourceSummaries"]
            if one["ResourceType"].startswith(kind) and "DELETE" not in one["ResourceStatus"]
        ]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose user pool asks for a second factor from those who have set one up."""
    built = stack.build()
    cloud = process.start(tmp_path_factory.mktemp("cloud"), process.free_port())
    try:
        found = Stack(cloud, built)
        found.deploy(SecondFactor="OPTIONAL")
        yield found
    finally:
        process.stop(cloud)


def code_of(key: str) -> str:
    """The code that an authenticator app shows for a key now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(key), counter, "sha1")
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


class App:
    """Types what is asked for, and the codes of an authenticator app once it has its key."""

    def __init__(self, *passwords: str) -> None:
        self._passwords = list(passwords)
        self.key = ""

    def tell(self, text: str) -> None:
        if "key to your authenticator app" in text:
            self.key = text.rpartition(" ")[2]

    def ask(self, what: str) -> str:
        return code_of(self.key) if what == "code of the app" else self._passwords.pop(0)


def test_second_factor_that_somebody_has_set_up_is_asked_for_at_the_next_sign_in(
    strict: Stack,
) -> None:
    users, pool = strict.client("cognito-idp"), strict.outputs["UserPoolId"]
    attributes = {"email": EMAIL, "name": "Li Jing", "custom:team": "complaints"} | {
        "custom:languages": "en",
        "email_verified": "true",
    }
    users.admin_create_user(
        UserPoolId=pool,
        Username=EMAIL,
        TemporaryPassword=TEMPORARY,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
    )
    users.admin_add_user_to_group(UserPoolId=pool, Username=EMAIL, GroupName="manager")
    app = App(TEMPORARY, PASSWORD, PASSWORD, PASSWORD)
    entrance = Door(users, pool, strict.outputs["UserPoolClientId"], app.ask, app.tell)

    entrance.add_app(EMAIL, entrance.signed_in(EMAIL)["AccessToken"])
    assert app.key
    assert strict.call("GET", "/staff/work", entrance.signed_in(EMAIL)["IdToken"]).status == 200

    guess = App(PASSWORD)
    guess.key = base64.b32encode(b"the key of another app").decode()
    entrance = Door(users, pool, strict.outputs["UserPoolClientId"], guess.ask, guess.tell)
    with pytest.raises(users.exceptions.CodeMismatchException):
        entrance.signed_in(EMAIL)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"StaffIssuer": "https://id.example.org"}, "Give StaffAudience"),
        ({"StaffAudience": AUDIENCE}, "Give StaffIssuer"),
        ({"SignInCallbackAddresses": ""}, "SignInDomainPrefix and SignInCallbackAddresses"),
        ({"AllowedOrigins": "https://desk.example.org/"}, "without a slash at the end"),
        ({"AllowedOrigins": "*"}, "no wildcard"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_before_anything_changes(
    strict: Stack, parameters: dict[str, str], said: str
) -> None:
    before = strict.outputs
    with pytest.raises(StackError, match=said):
        strict.deploy(**parameters)
    assert strict.outputs == before


def test_stack_that_changes_to_another_issuer_leaves_its_pool_behind(
    strict: Stack, issuer: Issuer
) -> None:
    pool = strict.outputs["UserPoolId"]
    strict.deploy(
        StaffIssuer=issuer.address,
        StaffAudience=AUDIENCE,
        RoleClaim="https://desk.example.org/role",
        TeamClaim="team",
        LanguagesClaim="languages",
        CapacityClaim="capacity",
        SecondFactor="OFF",
        SignInDomainPrefix="",
        SignInCallbackAddresses="",
    )
    assert strict.resources("AWS::Cognito::") == []
    assert "UserPoolId" not in strict.outputs
    assert strict.outputs["StaffIssuer"] == issuer.address
    users = strict.client("cognito-idp")
    assert users.admin_get_user(UserPoolId=pool, Username=EMAIL)["Enabled"] is True


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of an ID token for a manager; None leaves one out."""
    usual = {
        "aud": AUDIENCE,
        "sub": SUBJECT,
        "name": "Garcia",
        "email": "garcia@example.org",
        "https://desk.example.org/role": ["other", "redress-manager"],
        "team": "complaints",
        "languages": ["en", "zh-CN"],
        "capacity": 7,
    }
    return {name: value for name, value in (usual | changed).items() if value is not None}


def test_token_of_the_issuer_opens_the_api(strict: Stack, issuer: Issuer) -> None:
    token = issuer.token(**claims())
    presence = strict.call("PUT", "/staff/presence", token, {"presence": "available"})
    assert (presence.status, presence.json()["agent"]) == (200, SUBJECT)
    assert presence.json()["capacity"] == 7
    assert strict.call("GET", "/staff/reconciliations", token).status == 200


def test_member_with_a_bar_in_their_identity_is_named_in_a_path(
    strict: Stack, issuer: Issuer
) -> None:
    agent = issuer.token(**claims(sub="auth0|leaver", **{"https://desk.example.org/role": "agent"}))
    assert strict.call("PUT", "/staff/presence", agent, {"presence": "away"}).status == 200
    gone = strict.call("POST", "/staff/members/auth0%7Cleaver/departure", issuer.token(**claims()))
    assert gone.status in (200, 202), gone.text


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"aud": "another-client"}, 401),
        ({"aud": None, "client_id": AUDIENCE}, 403),
        ({"aud": None}, 401),
        ({"exp": 1}, 401),
        ({"iss": "http://localhost:1"}, 401),
        ({"sub": "auth0|new", "https://desk.example.org/role": ["former-manager"]}, 403),
        ({"sub": "a/b"}, 403),
        ({"name": None, "email": None}, 403),
    ],
)
def test_token_that_was_not_made_for_this_api_is_refused(
    strict: Stack, issuer: Issuer, changed: dict[str, Any], status: int
) -> None:
    assert strict.call("GET", "/staff/work", issuer.token(**claims(**changed))).status == status


def test_token_that_somebody_else_signed_is_refused(strict: Stack, issuer: Issuer) -> None:
    with running() as other:
        forged = other.token(**claims(iss=issuer.address))
    assert strict.call("GET", "/staff/work", forged).status == 401
