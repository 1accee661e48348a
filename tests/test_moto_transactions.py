"""A transaction that fails in moto leaves no trace (tests/moto_transactions.py)."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.wired import TABLE
from tests.world import KEEP_SESSION, aws, table_as_deployed


def put(sk: str, value: str, *, new: bool = False) -> dict[str, Any]:
    row = {"pk": {"S": "A"}, "sk": {"S": sk}, "doc": {"S": value}}
    condition = {"ConditionExpression": "attribute_not_exists(pk)"} if new else {}
    return {"Put": {"TableName": TABLE, "Item": row, **condition}}


def update(sk: str, value: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": TABLE,
            "Key": {"pk": {"S": "A"}, "sk": {"S": sk}},
            "UpdateExpression": "SET doc = :doc",
            "ExpressionAttributeValues": {":doc": {"S": value}},
        }
    }


def delete(sk: str) -> dict[str, Any]:
    return {"Delete": {"TableName": TABLE, "Key": {"pk": {"S": "A"}, "sk": {"S": sk}}}}


def stored() -> dict[str, str]:
    found = aws("dynamodb").scan(TableName=TABLE)["Items"]
    return {item["sk"]["S"]: item["doc"]["S"] for item in found}


def test_failed_transaction_undoes_what_it_wrote_before_the_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(config=KEEP_SESSION):
        db = aws("dynamodb")
        db.create_table(**table_as_deployed())
        db.transact_write_items(TransactItems=[put("1", "a"), put("2", "b"), put("3", "c")])
        before = stored()
        assert before == {"1": "a", "2": "b", "3": "c"}
        with pytest.raises(ClientError) as failed:
            db.transact_write_items(
                TransactItems=[
                    *(put("4", "new"), put("1", "other"), update("2", "other"), delete("3")),
                    put("1.5", "new"),
                    put("5", "d", new=True),
                    {
                        "ConditionCheck": {
                            "TableName": TABLE,
                            "Key": {"pk": {"S": "A"}, "sk": {"S": "9"}},
                            "ConditionExpression": "attribute_exists(pk)",
                        }
                    },
                ]
            )
        assert failed.value.response["Error"]["Code"] == "TransactionCanceledException"
        assert stored() == before
        db.transact_write_items(TransactItems=[update("2", "other"), delete("3")])
        assert stored() == {"1": "a", "2": "other"}
