"""Compare the benchmarks' rules for read and write units with what DynamoDB Local reports.

Transactions are left out, because DynamoDB Local reports twice the units that the DynamoDB
documentation states for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from bench import units
from local.template import table_definition

_names = itertools.count(1)
KEY = {"pk": {"S": "TICKET#R-1"}, "sk": {"S": "TICKET"}}
HERE = {"open_pk": {"S": "OPEN#complaints#1"}, "open_sk": {"S": "2026-11-23"}}
THERE = {"open_pk": {"S": "OPEN#complaints#1"}, "open_sk": {"S": "2026-11-24"}}
MIXED = {
    "n": {"N": "-12.50"},
    "big": {"N": "1795470881907"},
    "list": {"L": [{"S": "zh-CN"}, {"S": "en"}]},
    "armed": {"M": {"token": {"S": "x" * 300}, "seq": {"N": "7"}}},
}


@pytest.fixture
def table(engine_address: str) -> Iterator[Any]:
    name = f"units-{next(_names)}"
    client: Any = boto3.client(
        "dynamodb",
        endpoint_url=engine_address,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    definition = table_definition(name)
    client.create_table(**definition)

    def ask(operation: str, **request: Any) -> float:
        answer = getattr(client, operation)(
            TableName=name, ReturnConsumedCapacity="INDEXES", **request
        )
        return float(answer["ConsumedCapacity"]["CapacityUnits"])

    yield ask
    client.delete_table(TableName=name)


def indexes() -> list[Any]:
    found: list[Any] = table_definition("units")["GlobalSecondaryIndexes"]
    return found


@pytest.mark.parametrize("size", [10, 800, 1100, 4000, 5000])
@pytest.mark.parametrize("before", [None, {}, HERE, MIXED])
@pytest.mark.parametrize("after", [{}, HERE, THERE, MIXED | THERE])
def test_write_units_match_what_the_engine_reports(
    table: Any, size: int, before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    old = None if before is None else KEY | before | {"doc": {"S": "x" * (size // 2)}}
    new = KEY | after | {"doc": {"S": "投" * (size // 3)}}
    if old is not None:
        table("put_item", Item=old)
    consumed = table("put_item", Item=new)
    assert consumed == units.write_units(old, new, indexes(), transaction=False)


@pytest.mark.parametrize("size", [10, 4000, 4090, 9000])
@pytest.mark.parametrize("consistent", [True, False])
def test_read_units_match_what_the_engine_reports(table: Any, size: int, consistent: bool) -> None:
    items = [KEY | {"sk": {"S": f"EVENT#{n}"}, "doc": {"S": "x" * size}} for n in range(3)]
    for item in items:
        table("put_item", Item=item)

    def asked(*read: Any, together: bool) -> float:
        return units.read_units(read, consistent=consistent, together=together)

    one = {"Key": {"pk": KEY["pk"], "sk": {"S": "EVENT#1"}}, "ConsistentRead": consistent}
    none = {"Key": {"pk": KEY["pk"], "sk": {"S": "EVENT#9"}}, "ConsistentRead": consistent}
    assert table("get_item", **one) == asked(items[1], together=False)
    assert table("get_item", **none) == asked(None, together=False)
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": KEY["pk"]}}
    assert table("query", ConsistentRead=consistent, **query) == asked(*items, together=True)
