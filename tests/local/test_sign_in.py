"""Staff sign in at the deployed stack as docs/sign-in.md says: from no user to the first call."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlparse

import pytest

from local.endpoints import Answer, call
from local.operations.sign_in import Door
from local.process import ROOT
from local.stack import ORIGINS, SIGN_IN_PREFIX, Outputs, sign_in
from tests.local.aws_cli import AwsCli
from tests.test_runbooks import EVERY

Aws = Callable[[str], Any]
PASSWORD = "Chosen-by-herself-1"
CALLBACK = f"{ORIGINS[-1]}/"


class Person:
    """A new member of staff, created as docs/sign-in.md says, with a temporary password."""

    def __init__(self, outputs: Outputs, users: Any, email: str) -> None:
        self.outputs, self.users, self.email = outputs, users, email
        self.pool = outputs.stack["UserPoolId"]
        self.temporary = f"Temporary-{secrets.token_hex(4)}"
        attributes = {
            "email": email,
            "email_verified": "true",
            "name": "Li Jing",
            "custom:team": "complaints",
            "custom:languages": "zh-CN,en",
        }
        users.admin_create_user(
            UserPoolId=self.pool,
            Username=email,
            TemporaryPassword=self.temporary,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": v} for name, v in attributes.items()],
        )
        users.admin_add_user_to_group(UserPoolId=self.pool, Username=email, GroupName="agent")

    def enter(self, *typed: str, as_: str = "") -> tuple[dict[str, Any], list[str]]:
        """The tokens of a sign-in at which they type these texts, and what they are told."""
        answers, told = iter(typed), list[str]()
        entrance = Door(
            self.users,
            self.pool,
            self.outputs.stack["UserPoolClientId"],
            lambda _: next(answers),
            told.append,
        )
        return entrance.signed_in(as_ or self.email), told


@pytest.fixture
def person(deployed: Outputs, aws: Aws) -> Person:
    return Person(deployed, aws("cognito-idp"), f"li-{secrets.token_hex(4)}@example.org")


def work(outputs: Outputs, token: str, **headers: str) -> Answer:
    sent = {"Authorization": f"Bearer {token}"} | headers
    return call("GET", f"{outputs.base_url}/staff/work", headers=sent)


def test_new_member_chooses_a_password_and_reads_their_work(
    deployed: Outputs, person: Person
) -> None:
    tokens, _ = person.enter(person.temporary, PASSWORD, PASSWORD)
    assert work(deployed, tokens["IdToken"]).json()["items"] == []
    refused = work(deployed, tokens["AccessToken"])
    assert (refused.status, refused.json()["detail"]) == (403, "send the ID token, not another one")

    again, _ = person.enter(PASSWORD)
    assert work(deployed, again["IdToken"]).status == 200
    with pytest.raises(person.users.exceptions.NotAuthorizedException):
        person.enter(person.temporary)


def test_address_may_be_typed_in_capitals(deployed: Outputs, person: Person) -> None:
    person.enter(person.temporary, PASSWORD, PASSWORD)
    tokens, _ = person.enter(PASSWORD, as_=person.email.upper())
    assert work(deployed, tokens["IdToken"]).status == 200


def test_refresh_token_gives_a_new_id_token_until_it_is_revoked(
    deployed: Outputs, person: Person
) -> None:
    tokens, _ = person.enter(person.temporary, PASSWORD, PASSWORD)
    client = deployed.stack["UserPoolClientId"]
    request = {
        "ClientId": client,
        "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {"REFRESH_TOKEN": tokens["RefreshToken"]},
    }
    fresh = person.users.initiate_auth(**request)["AuthenticationResult"]
    assert work(deployed, fresh["IdToken"]).status == 200
    person.users.revoke_token(ClientId=client, Token=tokens["RefreshToken"])
    with pytest.raises(person.users.exceptions.NotAuthorizedException):
        person.users.initiate_auth(**request)


def test_member_who_lacks_attributes_is_told_all_of_them(deployed: Outputs, person: Person) -> None:
    tokens, _ = person.enter(person.temporary, PASSWORD, PASSWORD)
    person.users.admin_update_user_attributes(
        UserPoolId=person.pool,
        Username=person.email,
        UserAttributes=[
            {"Name": name, "Value": ""} for name in ("custom:team", "custom:languages")
        ],
    )
    person.users.admin_remove_user_from_group(
        UserPoolId=person.pool, Username=person.email, GroupName="agent"
    )
    tokens, _ = person.enter(PASSWORD)
    found = work(deployed, tokens["IdToken"])
    assert found.status == 403
    assert "'cognito:groups', 'custom:team', 'custom:languages' are missing" in found.text


def test_removed_member_cannot_sign_in_again(person: Person) -> None:
    person.enter(person.temporary, PASSWORD, PASSWORD)
    person.users.admin_disable_user(UserPoolId=person.pool, Username=person.email)
    person.users.admin_user_global_sign_out(UserPoolId=person.pool, Username=person.email)
    with pytest.raises(person.users.exceptions.NotAuthorizedException):
        person.enter(PASSWORD)


def test_command_prints_an_id_token_and_nothing_else(deployed: Outputs, person: Person) -> None:
    typed = f"{person.temporary}\n{PASSWORD}\n{PASSWORD}\n"
    done = signed_in_by_command(deployed, person.email, typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert work(deployed, done.stdout.strip()).status == 200

    wrong = signed_in_by_command(deployed, person.email, "wrong\n")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == "refused: Incorrect username or password.\n"


def signed_in_by_command(
    outputs: Outputs, email: str, typed: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.operations.sign_in", "--email", email]
    return subprocess.run(
        [*command, "--directory", str(outputs.directory)],
        cwd=ROOT,
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# ------------------------------------------------------------------ the commands of the guide

NOT_RUN = {
    "SignInDomainPrefix=": "each deployment takes a minute; test_other_issuer.py makes some",
    "AllowedOrigins=": "as above",
    "StaffIssuer=": "as above",
    "APP=1": "the pool of this stack has no second factor; test_other_issuer.py sets one up",
    "admin-set-user-mfa-preference": "as above",
    "$SIGN_IN/oauth2/token": "the local cloud has its pages at another address; see below",
}
"""A part of a block of docs/sign-in.md, and the reason why the block does not run."""


def test_commands_of_the_guide_lead_from_no_user_to_a_departure(
    deployed: Outputs, aws: Aws, tmp_path: Path
) -> None:
    """The temporary password is known from a mail there, and set here.

    `make` and the address of the API are those of AWS in the guide. So a program takes the place of
    `make`, and the script sets the address.
    """
    blocks = [block for path, block in EVERY if path.stem == "sign-in"]
    for part in NOT_RUN:
        [left_out] = [block for block in blocks if part in block]
        blocks.remove(left_out)
    leader = next(email for email, who in deployed.staff.items() if who["groups"] == ["manager"])
    # Before the block that contains the text: what the guide leaves to people.
    manages = f'API="{deployed.base_url}"\nID_TOKEN="{sign_in(deployed, leader)}"'
    between = {
        "wu@example.org": manages,
        "PUT": 'test -n "$ID_TOKEN"',
        "make -s sign-in": (
            'aws cognito-idp admin-set-user-password --user-pool-id "$POOL" '
            f'--username li@example.org --password "{TEMPORARY}" --no-permanent'
        ),
        "REFRESH_TOKEN_AUTH": (
            f'REFRESH_TOKEN="$({COMMAND} --json {WHERE} <<<"{PASSWORD}" | {READ})"'
        ),
        "departure": manages,
    }
    script = ['curl() { command curl -sS --fail-with-body "$@"; echo; }']
    for block in blocks:
        script += [lines for part, lines in between.items() if part in block] + [block]
    with AwsCli(aws, tmp_path).program() as folder:
        make = folder / "make"
        make.write_text(
            f"#!/bin/sh\ncd {ROOT}\n{COMMAND} {WHERE} <<EOF\n"
            f"{TEMPORARY}\n{PASSWORD}\n{PASSWORD}\nEOF\n"
        )
        make.chmod(0o755)
        directory = str(deployed.directory)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(script)],
            env=os.environ
            | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "DIRECTORY": directory}
            | {"PYTHON": sys.executable},
            cwd=ROOT,
            text=True,
            capture_output=True,
            check=False,
            timeout=240,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert '"presence":"available"' in done.stdout
    users, pool = aws("cognito-idp"), deployed.stack["UserPoolId"]
    invited = users.admin_get_user(UserPoolId=pool, Username="wu@example.org")
    assert {"Name": "custom:team", "Value": "service"} in invited["UserAttributes"]
    user = users.admin_get_user(UserPoolId=pool, Username="li@example.org")
    assert user["Enabled"] is False
    assert {"Name": "custom:team", "Value": "service"} in user["UserAttributes"]
    assert {"Name": "custom:languages", "Value": "zh-CN,en"} in user["UserAttributes"]


TEMPORARY = "Temporary-12345"
READ = """"$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["RefreshToken"])'"""
COMMAND = '"$PYTHON" -m local.operations.sign_in'
WHERE = '--email li@example.org --directory "$DIRECTORY"'


# ------------------------------------------------------------------ sign-in pages


def test_sign_in_pages_give_a_code_that_only_the_holder_of_the_verifier_can_use(
    deployed: Outputs, person: Person, aws: Aws
) -> None:
    """The local cloud has the pages of Cognito without their style, at its own address."""
    person.enter(person.temporary, PASSWORD, PASSWORD)
    assert deployed.stack["SignInAddress"] == (
        f"https://{SIGN_IN_PREFIX}.auth.us-east-1.amazoncognito.com"
    )
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    request = {
        "response_type": "code",
        "client_id": deployed.stack["UserPoolClientId"],
        "redirect_uri": CALLBACK,
        "scope": "openid email profile",
        "state": "s1",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    page = call("GET", f"{deployed.endpoint_url}/oauth2/authorize?{urlencode(request)}")
    while page.status in (302, 303):
        page = call("GET", absolute(deployed, page.headers["Location"]))
    assert page.status == 200
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
    fields |= {"username": person.email, "password": PASSWORD}
    [action] = re.findall(r'<form[^>]*action="([^"]*)"', page.text)
    left = call("POST", absolute(deployed, action.replace("&amp;", "&")), form=fields)
    assert left.headers["Location"].startswith(CALLBACK)
    answer = parse_qs(urlparse(left.headers["Location"]).query)
    assert answer["state"] == ["s1"]

    form = {
        "grant_type": "authorization_code",
        "client_id": deployed.stack["UserPoolClientId"],
        "redirect_uri": CALLBACK,
        "code": answer["code"][0],
    }
    tokens = call(
        "POST", f"{deployed.endpoint_url}/oauth2/token", form=form | {"code_verifier": verifier}
    )
    assert tokens.status == 200, tokens.text
    assert work(deployed, tokens.json()["id_token"]).status == 200


def absolute(outputs: Outputs, address: str) -> str:
    """A location on the sign-in pages, at the address where the local cloud serves them."""
    parts = urlparse(address)
    return f"{outputs.endpoint_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")


# ------------------------------------------------------------------ pages on other origins

ALLOWED, OTHER = "https://desk.example.org", "https://other.example"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/staff/work"),
        ("PUT", "/staff/presence"),
        ("POST", "/staff/tickets/R-7K3M9-QW0X2/notes"),
        ("POST", "/tickets"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
    ],
)
@pytest.mark.parametrize("origin", ORIGINS)
def test_preflight_of_a_listed_origin_succeeds(
    deployed: Outputs, origin: str, method: str, path: str
) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    found = call("OPTIONS", deployed.base_url + path, headers=asked)
    assert (found.status, found.text) == (204, "")
    assert found.headers["access-control-allow-origin"] == origin
    assert method in found.headers["access-control-allow-methods"].split(",")
    named = set(found.headers["access-control-allow-headers"].split(","))
    assert {"authorization", "content-type", "idempotency-key"} <= named
    assert "access-control-allow-credentials" not in found.headers


def test_answers_to_a_listed_origin_can_be_read_also_if_they_are_refusals(
    deployed: Outputs, person: Person
) -> None:
    tokens, _ = person.enter(person.temporary, PASSWORD, PASSWORD)
    token = tokens["IdToken"]
    base, bearer = deployed.base_url, {"Authorization": f"Bearer {token}"}
    calls = [
        (200, "GET", "/staff/work", bearer),
        (403, "GET", "/staff/board", bearer),
        (404, "GET", "/staff/tickets/R-7K3M9-QW0X2", bearer),
        (405, "POST", "/staff/work", bearer),
        (401, "GET", "/staff/work", {}),
        (401, "GET", "/staff/work", {"Authorization": "Bearer a.b.c"}),
        (415, "POST", "/tickets", {}),
        (404, "GET", "/nothing", {}),
        (200, "GET", "/staff/openapi.json", {}),
    ]
    for status, method, path, headers in calls:
        for origin, allowed in ((ALLOWED, ALLOWED), (OTHER, None)):
            found = call(method, base + path, headers={"Origin": origin, **headers})
            assert found.status == status, path
            assert found.headers.get("access-control-allow-origin") == allowed, path


def test_preflight_of_another_origin_gets_no_permission(deployed: Outputs) -> None:
    asked = {"Origin": OTHER, "Access-Control-Request-Method": "GET"}
    found = call("OPTIONS", f"{deployed.base_url}/staff/work", headers=asked)
    assert not [name for name in found.headers if name.lower().startswith("access-control")]
