"""Protection against deletion: of the stack, of its table and of its user pool.

The template has none of it, because a protected resource cannot be deleted when the creation of a
stack fails and rolls back. `make deploy` protects after each deployment that succeeded.
"""

from __future__ import annotations

from typing import Any

from botocore.session import get_session

from local.operations.stacks import Stack


def protect(stack: Stack) -> list[str]:
    """Protect the stack, its table and its user pool. Return what was not protected before."""
    changed = []
    if _protect_table(stack.client("dynamodb"), stack.outputs["TableName"]):
        changed.append(f"the table {stack.outputs['TableName']}")
    pool = stack.outputs.get("UserPoolId")
    if pool and _protect_pool(stack.client("cognito-idp"), pool):
        changed.append(f"the user pool {pool}")
    if _protect_stack(stack.client("cloudformation"), stack.name):
        changed.append(f"the stack {stack.name}")
    return changed


def _protect_table(tables: Any, name: str) -> bool:
    known = tables.describe_table(TableName=name)["Table"]
    if known.get("DeletionProtectionEnabled"):
        return False
    tables.update_table(TableName=name, DeletionProtectionEnabled=True)
    return True


def _protect_pool(pools: Any, pool: str) -> bool:
    """Protect a user pool, and keep all its other settings.

    UpdateUserPool may reset what a request leaves out, so the request repeats what the pool has.
    """
    known = pools.describe_user_pool(UserPoolId=pool)["UserPool"]
    if known.get("DeletionProtection") == "ACTIVE":
        return False
    pools.update_user_pool(
        **settings_of(known) | {"UserPoolId": pool, "DeletionProtection": "ACTIVE"}
    )
    return True


def settings_of(pool: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a user pool as UpdateUserPool takes them."""
    model = get_session().get_service_model("cognito-idp").operation_model("UpdateUserPool")
    known: Any = model.input_shape
    found = _without_empty({n: value for n, value in pool.items() if n in known.members})
    if "Name" in pool:
        found["PoolName"] = pool["Name"]
    creation = dict(found.get("AdminCreateUserConfig", {}))
    # The password policy says the same, and UpdateUserPool refuses to be told twice.
    creation.pop("UnusedAccountValidityDays", None)
    if creation:
        found["AdminCreateUserConfig"] = creation
    return found


def _without_empty(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out empty texts: a text that is not set may be shown as one, and is refused as one."""
    return {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if value != ""
    }


def _protect_stack(stacks: Any, name: str) -> bool:
    [known] = stacks.describe_stacks(StackName=name)["Stacks"]
    if known.get("EnableTerminationProtection"):
        return False
    stacks.update_termination_protection(StackName=name, EnableTerminationProtection=True)
    return True
