"""Let a function do with the table, in a test, only what its role allows it in AWS.

moto allows everything. So a call that the policy of the function in the template does not name
works in each test, and fails only after the deployment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.template.documents import functions, refers_to, statements

_IN_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def needed(operation: str, given: dict[str, Any]) -> set[str]:
    """The actions of IAM that a call of DynamoDB needs (Developer Guide, "Using IAM with
    transactions")."""
    if operation == "TransactWriteItems":
        kinds = {kind for item in given["TransactItems"] for kind in item}
        return {f"dynamodb:{_IN_TRANSACTION[kind]}" for kind in kinds}
    return {"dynamodb:GetItem" if operation == "TransactGetItems" else f"dynamodb:{operation}"}


@contextmanager
def of(logical_id: str) -> Iterator[None]:
    """In this block, refuse each call of DynamoDB that the role of a function does not allow."""
    role = refers_to(functions()[logical_id]["Role"])
    allowed = {action for one in statements() if one.role == role for action in one.actions}
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, given: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name == "dynamodb":
            for action in sorted(needed(operation, given) - allowed):
                detail = f"{role} is not authorized to perform: {action}"
                answer = {"Error": {"Code": "AccessDeniedException", "Message": detail}}
                raise ClientError(answer, operation)  # type: ignore[arg-type]
        return original(client, operation, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        yield
