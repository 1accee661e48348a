"""The member of staff who calls, from the claims of the token that the authorizer has checked.

API Gateway has verified signature, issuer, client and expiry of the token. Two things are checked
here: the token is an ID token (API Gateway also accepts an access token of the same client), and
the user pool's administrator has filled in every attribute.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from redress.base import addresses, texts
from redress.base.errors import Forbidden
from redress.base.languages import LANGUAGES
from redress.base.people import Member, Role, is_subject, is_team

DEFAULT_CAPACITY = 5
MOST_CAPACITY = 100
_RANK = (Role.MANAGER, Role.SUPERVISOR, Role.AGENT)
_CAPACITY = re.compile(r"[0-9]{1,3}")


def identify(event: dict[str, Any]) -> Member:
    """The caller of a request. Raises Forbidden with the claim that is missing or malformed."""
    context = event.get("requestContext")
    authorizer = context.get("authorizer") if isinstance(context, dict) else None
    read = authorizer.get("jwt") if isinstance(authorizer, dict) else None
    claims = read.get("claims") if isinstance(read, dict) else None
    if not isinstance(claims, dict):
        raise Forbidden("sign in first: there are no claims")
    if claims.get("token_use") != "id":
        raise Forbidden("send the ID token, not another one")
    return Member(
        id=_matching(claims, "sub", is_subject),
        name=_name(claims),
        email=_email(claims),
        role=_role(claims.get("cognito:groups")),
        team=_matching(claims, "custom:team", is_team),
        languages=_languages(claims),
        capacity=_capacity(claims),
    )


def _matching(claims: dict[str, Any], name: str, has_form: Callable[[str], bool]) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not has_form(value.strip()):
        raise _malformed(name)
    return value.strip()


def _email(claims: dict[str, Any]) -> str:
    """Return the email address as it was typed. Mail must reach it, to report breaches."""
    value = claims.get("email")
    if not isinstance(value, str) or not addresses.is_address(value):
        raise _malformed("email")
    return addresses.cleaned(value)


def _name(claims: dict[str, Any]) -> str:
    value = claims.get("name")
    name = texts.cleaned_line(value) if isinstance(value, str) else ""
    if not 1 <= len(name) <= 100 or texts.fault_of(name):
        raise _malformed("name")
    return name


def _role(groups: Any) -> Role:
    """The highest role among the groups.

    An HTTP API passes a list as the string `[a b]`.
    """
    if isinstance(groups, str):
        named = groups.removeprefix("[").removesuffix("]").split()
        for role in _RANK:
            if role.value in named:
                return role
    raise _malformed("cognito:groups")


def _languages(claims: dict[str, Any]) -> tuple[str, ...]:
    value = claims.get("custom:languages")
    given = [part.strip() for part in value.split(",")] if isinstance(value, str) else []
    if not given or any(language not in LANGUAGES for language in given):
        raise _malformed("custom:languages")
    return tuple(dict.fromkeys(given))


def _capacity(claims: dict[str, Any]) -> int:
    value = claims.get("custom:capacity")
    if value is None:
        return DEFAULT_CAPACITY
    text = str(value).strip()
    if not _CAPACITY.fullmatch(text) or int(text) > MOST_CAPACITY:
        raise _malformed("custom:capacity")
    return int(text)


def _malformed(name: str) -> Forbidden:
    return Forbidden(f"the claim '{name}' is missing or malformed: ask your administrator")
