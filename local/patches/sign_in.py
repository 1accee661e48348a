"""Cognito's user pools: the user names of a pool that ignores capitals."""

from __future__ import annotations

from typing import Any

from ministack.services import cognito

from local.patches.checking import expect


def ignore_capitals_of_user_names() -> None:
    """Whoever types a user name in other capitals is found, if the pool ignores them.

    AWS: a pool with UsernameConfiguration CaseSensitive false finds users and addresses in any
    capitals. Any other pool finds them only as they were written.
    Emulator: keeps the setting and always compares as written.
    Patch: looks for the user once more, under the user name as it was written.
    """
    original = cognito._resolve_user
    expect(original.__code__.co_varnames[:2] == ("pool", "username"), "_resolve_user")
    expect("_resolve_user" in cognito._initiate_user_srp_auth.__code__.co_names, "sign-in uses it")

    def resolved(pool: dict[str, Any], username: str | None) -> Any:
        found, error = original(pool, username)
        configured = pool.get("UsernameConfiguration") or {}
        if found is not None or username is None or configured.get("CaseSensitive", True):
            return found, error
        for name, user in pool["_users"].items():
            email = cognito._attr_list_to_dict(user.get("Attributes", [])).get("email", "")
            if username.lower() in (name.lower(), email.lower()):
                return original(pool, name)
        return found, error

    cognito._resolve_user = resolved
