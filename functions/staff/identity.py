"""Who calls, from the claims of the token that the authorizer has checked.

API Gateway has verified signature, issuer, audience and expiry of the token. Three things are
checked here. The token names its audience, because API Gateway also accepts a token without `aud`
whose `client_id` is the audience, such as an access token of a user pool. A token of a user pool is
an ID token. And it describes a person: `sub`, `name` and `email`.

Role, team, languages and capacity in the token count only for a person who has no item in the table
yet (`redress.staff.cases.signing_in`).

An HTTP API passes each claim as a text, and a list as the text `[a b]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from redress.base import addresses, texts
from redress.base.errors import Forbidden
from redress.base.languages import LANGUAGES
from redress.base.people import MOST_CAPACITY, SUBJECT_LIMIT, Role, is_subject, is_team
from redress.staff.rules.members import RANK, Claimed, SignedIn

DEFAULT_CAPACITY = 5
_CAPACITY = re.compile(r"[0-9]{1,3}")
_ROLE = re.compile(r"/?(?:redress[-._:/])?(manager|supervisor|agent)")
"""A role, with what may precede it: `/manager` and `/redress/manager` are paths of groups in
Keycloak, and `redress-manager` is a name among groups of other products. Nothing else is ignored:
`former-manager` is no role."""


class Claims(Struct, frozen=True):
    """Where the claims of a token are that issuers name differently.

    `audience` is empty if the stack's own user pool is the issuer. Then API Gateway knows the
    client, and the token must be an ID token.
    """

    audience: str = ""
    role: str = "cognito:groups"
    team: str = "custom:team"
    languages: str = "custom:languages"
    capacity: str = "custom:capacity"


def identify(event: dict[str, Any], names: Claims) -> SignedIn:
    """Who has signed in, and what the token says about their role.

    Raises Forbidden if the token is another one, or does not describe a person; the answer names
    every claim that is missing or malformed.
    """
    context = event.get("requestContext")
    authorizer = context.get("authorizer") if isinstance(context, dict) else None
    read = authorizer.get("jwt") if isinstance(authorizer, dict) else None
    claims = read.get("claims") if isinstance(read, dict) else None
    if not isinstance(claims, dict):
        raise Forbidden("sign in first: there are no claims")
    _require_right_token(claims, names.audience)
    id_ = _matching(claims.get("sub"), is_subject)
    name = _name(claims.get("name"))
    email = _email(claims.get("email"))
    role = _role(claims.get(names.role))
    team = _team(claims.get(names.team))
    languages = _languages(claims.get(names.languages))
    capacity = _capacity(claims.get(names.capacity))
    about = (
        (names.role, role),
        (names.team, team),
        (names.languages, languages),
        (names.capacity, capacity),
    )
    found = (("sub", id_), ("name", name), ("email", email), *about)
    complaint = _complaint([claim for claim, value in found if value is None], claims)
    if id_ is None or name is None or email is None:
        raise Forbidden(f"{complaint}: ask your administrator")
    claimed = None
    if role is not None and team is not None and languages is not None and capacity is not None:
        claimed = Claimed(role, team, languages, capacity)
    return SignedIn(id_, name, email, _yes_or_no(claims.get("email_verified")), claimed, complaint)


def _require_right_token(claims: dict[str, Any], audience: str) -> None:
    """Raise Forbidden for a token that was not made for this API.

    `token_use` is Cognito's own claim. Another issuer has no mark of an ID token, so what counts is
    that the token was made for this audience. Its claims must still describe a person.
    """
    use = claims.get("token_use")
    if use != "id" and (use is not None or not audience):
        raise Forbidden("send the ID token, not another one")
    if audience and audience not in _listed(claims.get("aud")):
        raise Forbidden("the claim 'aud' does not name this API: send the ID token")


def _complaint(claimed: list[str], claims: dict[str, Any]) -> str:
    """Name the claims that are missing or malformed; "" if there are none."""
    faulty = list(dict.fromkeys(claimed))
    if not faulty:
        return ""
    names = ", ".join(f"'{name}'" for name in faulty)
    what = f"the claims {names} are" if len(faulty) > 1 else f"the claim {names} is"
    about = ""
    if "sub" in faulty and claims.get("sub"):
        about = f" ('sub' has at most {SUBJECT_LIMIT} letters, digits and -._~@|:+=)"
    return f"{what} missing or malformed{about}"


def _listed(value: Any) -> list[str]:
    """The texts of a claim that is one text or a list of them."""
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    if not isinstance(value, str):
        return []
    text = value.strip()
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1].split()
    return [text] if text else []


def _matching(value: Any, has_form: Callable[[str], bool]) -> str | None:
    return value.strip() if isinstance(value, str) and has_form(value.strip()) else None


def _team(value: Any) -> str | None:
    """The team. Some issuers write every attribute as a list, here with one entry."""
    named = _listed(value)
    return named[0] if len(named) == 1 and is_team(named[0]) else None


def _email(value: Any) -> str | None:
    """The email address as it was typed. Mail must reach it, to report breaches."""
    if not isinstance(value, str) or not addresses.is_address(value):
        return None
    return addresses.cleaned(value)


def _name(value: Any) -> str | None:
    name = texts.cleaned_line(value) if isinstance(value, str) else ""
    return name if 1 <= len(name) <= 100 and not texts.fault_of(name) else None


def _yes_or_no(value: Any) -> bool | None:
    """A claim that is true or false, as an HTTP API passes it; None if it is neither."""
    return {"true": True, "false": False}.get(str(value).lower())


def _role(value: Any) -> Role | None:
    """The highest role among those that are named."""
    named = {found[1] for one in _listed(value) if (found := _ROLE.fullmatch(one))}
    return next((role for role in RANK if role.value in named), None)


def _languages(value: Any) -> tuple[str, ...] | None:
    given = [part.strip() for one in _listed(value) for part in one.split(",")]
    if not given or any(language not in LANGUAGES for language in given):
        return None
    return tuple(dict.fromkeys(given))


def _capacity(value: Any) -> int | None:
    if value is None:
        return DEFAULT_CAPACITY
    named = _listed(value)
    text = named[0] if len(named) == 1 else ""
    return int(text) if _CAPACITY.fullmatch(text) and int(text) <= MOST_CAPACITY else None
