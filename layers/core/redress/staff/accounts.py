"""The accounts of staff in the user pool of the stack.

An account lets a person sign in. What they may do is in their item. Group and attributes are set
too, so that a token of the pool describes the person as it did before members had items.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from redress.base.errors import Fault, InvalidInput, Unavailable
from redress.base.people import Role
from redress.db import retry
from redress.staff.rules.members import RANK, Profile

_LIMITS = ("LimitExceededException", "CodeDeliveryFailureException")
"""Cognito refuses at the moment: too many mails or requests today, or a mail could not be sent."""


class Account(Struct, frozen=True):
    """An account that is in the pool. `role` and `team` are its group and attribute, if any."""

    id: str
    role: Role | None
    team: str
    enabled: bool


class UserPool:
    """Makes and changes accounts. Each method can be repeated.

    `client` makes the client of Cognito at the first call, because most requests need none. All
    methods raise Unavailable if Cognito does not answer or refuses at the moment.
    """

    def __init__(self, client: Callable[[], Any], pool: str) -> None:
        self._client, self._pool = client, pool

    def find(self, user: str) -> Account | None:
        """The account with this address or `sub`, or None."""
        found = self._ask("admin_get_user", user)
        if found is None:
            return None
        attributes = {one["Name"]: one["Value"] for one in found["UserAttributes"]}
        groups = self._groups(user)
        role = next((role for role in RANK if role.value in groups), None)
        return Account(
            attributes["sub"], role, attributes.get("custom:team", ""), bool(found["Enabled"])
        )

    def create(self, email: str, profile: Profile) -> str | None:
        """Make an account, and return its `sub`. Cognito mails a temporary password to the person.

        Returns None if another request has made the account meanwhile. Raises InvalidInput if
        Cognito does not accept the address.
        """
        attributes = [
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
            *_attributes(profile),
        ]
        try:
            made = self._ask(
                "admin_create_user",
                email,
                UserAttributes=attributes,
                DesiredDeliveryMediums=["EMAIL"],
            )
        except Exception as error:
            if _code(error) == "UsernameExistsException":
                return None
            if _code(error) == "InvalidParameterException":
                detail = "the user pool does not accept this address"
                raise InvalidInput([Fault("/email", "email_undeliverable", detail)]) from error
            raise
        assert made is not None, "only a missing user gives None"
        sub = next(one["Value"] for one in made["User"]["Attributes"] if one["Name"] == "sub")
        return str(sub)

    def describe(self, user: str, profile: Profile) -> None:
        """Set attributes and group of an account. Does nothing if the pool does not have it."""
        attributes = _attributes(profile)
        if self._ask("admin_update_user_attributes", user, UserAttributes=attributes) is None:
            return
        groups = self._groups(user)
        if profile.role.value not in groups:
            self._ask("admin_add_user_to_group", user, GroupName=profile.role.value)
        for role in RANK:
            if role.value in groups and role is not profile.role:
                self._ask("admin_remove_user_from_group", user, GroupName=role.value)

    def disable(self, user: str) -> None:
        """End the sign-in of an account and all its sessions, if the pool has it."""
        if self._ask("admin_disable_user", user) is not None:
            self._ask("admin_user_global_sign_out", user)

    def enable(self, user: str) -> None:
        """Let a person sign in again, if the pool has their account."""
        self._ask("admin_enable_user", user)

    def _groups(self, user: str) -> set[str]:
        found = self._ask("admin_list_groups_for_user", user)
        return {one["GroupName"] for one in found["Groups"]} if found is not None else set()

    def _ask(self, operation: str, user: str, **given: Any) -> dict[str, Any] | None:
        """Call Cognito. Returns None if the pool has no such user."""
        request = getattr(self._client(), operation)
        try:
            answer: dict[str, Any] = retry.call(
                lambda: request(UserPoolId=self._pool, Username=user, **given)
            )
        except Exception as error:
            if _code(error) == "UserNotFoundException":
                return None
            if _code(error) in _LIMITS or retry.is_outage(error):
                raise Unavailable("the user pool refuses at the moment") from error
            raise
        return answer


def _code(error: Exception) -> str:
    cause = retry.client_error(error)
    return cause.response.get("Error", {}).get("Code", "") if cause is not None else ""


def _attributes(profile: Profile) -> list[dict[str, str]]:
    values = {
        "name": profile.name,
        "custom:team": profile.team,
        "custom:languages": ",".join(profile.languages),
        "custom:capacity": str(profile.capacity),
    }
    return [{"Name": name, "Value": value} for name, value in values.items()]
