"""Members of staff on the deployed stack: invited, at work, suspended, reinstated."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from local.endpoints import Answer, call
from local.operations.sign_in import Door
from local.stack import Outputs, sign_in

Aws = Callable[[str], Any]
PASSWORD = "A-new-password-1"


def ask(
    outputs: Outputs, method: str, path: str, token: str, body: dict[str, Any] | None = None
) -> Answer:
    headers = {"Authorization": f"Bearer {token}"}
    return call(method, f"{outputs.base_url}/staff{path}", body, headers=headers)


def test_member_is_invited_signs_in_is_suspended_at_once_and_reinstated(
    deployed: Outputs, aws: Aws
) -> None:
    """The temporary password is known from a mail there, and set here."""
    users, pool = aws("cognito-idp"), deployed.stack["UserPoolId"]
    email = f"wu-{secrets.token_hex(4)}@example.org"
    boss = next(one for one, who in deployed.staff.items() if who["groups"] == ["manager"])
    manager = sign_in(deployed, boss)
    body = {
        "email": email,
        "name": "Wu Min",
        "role": "agent",
        "team": "complaints",
        "languages": ["zh-CN"],
        "capacity": 0,
    }
    invited = ask(deployed, "POST", "/members", manager, body)
    assert invited.status == 201, invited.text
    agent = invited.json()["member"]
    assert ask(deployed, "POST", "/members", manager, body).json() == invited.json()

    temporary = f"Temporary-{secrets.token_hex(4)}"
    users.admin_set_user_password(
        UserPoolId=pool, Username=email, Password=temporary, Permanent=False
    )
    typed = iter([temporary, PASSWORD, PASSWORD, PASSWORD])
    client = deployed.stack["UserPoolClientId"]
    entrance = Door(users, pool, client, lambda _: next(typed), print)
    token = entrance.signed_in(email)["IdToken"]
    me = ask(deployed, "GET", "/me", token)
    assert (me.status, me.json()["id"], me.json()["role"]) == (200, agent, "agent")

    reason = {"reason": "an investigation"}
    assert ask(deployed, "POST", f"/members/{agent}/suspension", manager, reason).status == 200
    refused = ask(deployed, "GET", "/me", token)
    assert (refused.status, "suspended" in refused.text) == (403, True)
    with pytest.raises(users.exceptions.NotAuthorizedException):
        Door(users, pool, client, lambda _: PASSWORD, print).signed_in(email)

    assert ask(deployed, "POST", f"/members/{agent}/reinstatement", manager, reason).status == 200
    assert ask(deployed, "GET", "/me", entrance.signed_in(email)["IdToken"]).status == 200
    colleagues = ask(deployed, "GET", "/members?team=complaints", token).json()
    assert agent in [one["id"] for one in colleagues["items"]]
    gone = ask(deployed, "POST", f"/members/{agent}/departure", manager)
    assert gone.status == 200, gone.text
