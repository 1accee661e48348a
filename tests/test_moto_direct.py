"""moto answers directly what it would answer over HTTP (tests/moto_direct.py)."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests import moto_direct
from tests.wired import REGION, TABLE
from tests.world import KEEP_SESSION, table_as_deployed

ROW = {
    "pk": {"S": "A"},
    "sk": {"S": "1"},
    "subject": {"S": "退款"},
    "count": {"N": "1.50"},
    "bytes": {"B": b"\x00\xff"},
    "flag": {"BOOL": False},
    "nothing": {"NULL": True},
    "words": {"SS": ["a", "b"]},
    "list": {"L": [{"S": "x"}, {"M": {"deep": {"N": "2"}, "raw": {"B": b"\x01"}}}]},
    "map": {"M": {"inner": {"L": []}, "blob": {"B": b""}}},
    "empty": {"S": ""},
}
KEY = {"pk": ROW["pk"], "sk": ROW["sk"]}
OTHER = {"pk": {"S": "A"}, "sk": {"S": "2"}, "doc": {"S": "x"}}
COUNTED = {"ReturnConsumedCapacity": "TOTAL"}
ONE: dict[str, Any] = {"TableName": TABLE}
VALUES = {":pk": {"S": "A"}}
NEW = {"ConditionExpression": "attribute_not_exists(pk)"}

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("put_item", ONE | {"Item": ROW} | COUNTED),
    ("put_item", ONE | {"Item": ROW} | NEW),
    ("put_item", ONE | {"Item": ROW, "ReturnValues": "ALL_OLD"}),
    ("get_item", ONE | {"Key": KEY} | COUNTED),
    ("get_item", ONE | {"Key": KEY, "ProjectionExpression": "#map.inner, list[1]"}
     | {"ExpressionAttributeNames": {"#map": "map"}}),
    ("get_item", ONE | {"Key": {"pk": {"S": "A"}, "sk": {"S": "none"}}}),
    ("get_item", ONE | {"Key": {"pk": {"S": "A"}}}),
    ("get_item", {"TableName": "none", "Key": KEY}),
    ("update_item", ONE | {"Key": KEY, "UpdateExpression": "SET subject = :t ADD #c :n REMOVE flag"}
     | {"ExpressionAttributeNames": {"#c": "count"}, "ReturnValues": "ALL_NEW"}
     | {"ExpressionAttributeValues": {":t": {"S": "b"}, ":n": {"N": "1"}}}),
    ("update_item", ONE | {"Key": KEY, "UpdateExpression": "SET subject = :t SET again = :t"}
     | {"ExpressionAttributeValues": {":t": {"S": "b"}}}),
    ("update_item", ONE | {"Key": KEY, "UpdateExpression": "SET subject = :t"} | NEW
     | {"ExpressionAttributeValues": {":t": {"S": "b"}}}
     | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}),
    ("transact_write_items", {"TransactItems": [{"Put": ONE | {"Item": OTHER} | NEW}]} | COUNTED),
    ("transact_write_items", {"TransactItems": [
        {"Delete": ONE | {"Key": KEY}},
        {"Put": ONE | {"Item": OTHER} | NEW | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
    ]}),
    ("transact_get_items", {"TransactItems": [{"Get": ONE | {"Key": KEY}}] * 2}),
    ("batch_write_item", {"RequestItems": {TABLE: [
        {"PutRequest": {"Item": {"pk": {"S": "A"}, "sk": {"S": f"3{n}"}}}} for n in range(5)
    ]}}),
    ("batch_get_item", {"RequestItems": {TABLE: {"Keys": [KEY, KEY | {"sk": {"S": "9"}}]}}}),
    ("query", ONE | {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": VALUES}),
    ("query", ONE | {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": VALUES,
                     "Limit": 2, "ScanIndexForward": False} | COUNTED),
    ("query", ONE | {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": VALUES,
                     "Select": "COUNT"}),
    ("query", ONE | {"KeyConditionExpression": "sk = :pk", "ExpressionAttributeValues": VALUES}),
    ("scan", ONE | {"Limit": 1}),
    ("scan", ONE),
    ("delete_item", ONE | {"Key": KEY, "ReturnValues": "ALL_OLD"}),
    ("delete_item", ONE | {"Key": KEY, "ConditionExpression": "attribute_exists(pk)"}),
]  # fmt: skip
"""Calls in their order, with answers and with errors of every kind that the product reads."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that moto's handler has answered directly."""
    seen: list[str] = []
    shaped = moto_direct.shaped

    def noted(value: Any, shape: Any) -> Any:
        if shape is not None and shape.name.endswith("Output"):
            seen.append(shape.name.removesuffix("Output"))
        return shaped(value, shape)

    monkeypatch.setattr(moto_direct, "shaped", noted)
    return seen


def played(*, direct: bool) -> list[Any]:
    """What each call of CALLS gives: the answer without its metadata, or the error."""
    with mock_aws(config=KEEP_SESSION):
        client: Any = boto3.client("dynamodb", region_name=REGION)
        if not direct:
            client.meta.events.unregister(*moto_direct.HOOK)
        _, made = result(client.create_table, table_as_deployed())
        about = made["TableDescription"]
        # The moment is in these.
        assert about.pop("CreationDateTime").tzinfo is not None
        assert about.pop("LatestStreamArn").endswith(about.pop("LatestStreamLabel"))
        return [made, *(result(getattr(client, name), asked) for name, asked in CALLS)]


def result(call: Any, asked: dict[str, Any]) -> Any:
    try:
        answer = call(**asked)
    except ClientError as error:
        answer = error.response
    status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
    return status, answer


def test_direct_answers_and_errors_are_those_that_come_over_http(reached: list[str]) -> None:
    usual = played(direct=False)
    assert reached == []
    assert played(direct=True) == usual
    assert set(reached) == set(moto_direct.OPERATIONS)
    assert {status for status, _ in usual[1:]} == {200, 400}


def test_client_of_another_endpoint_is_left_alone(reached: list[str]) -> None:
    with mock_aws(config=KEEP_SESSION):
        elsewhere: Any = boto3.client(
            "dynamodb", region_name=REGION, endpoint_url="http://127.0.0.1:9", config=None
        )
        asked = {"url": elsewhere.meta.endpoint_url, "body": b"{}"}
        model = elsewhere.meta.service_model.operation_model("GetItem")
        assert moto_direct.answered(model, asked, {"client_region": REGION}) is None
    assert reached == []
