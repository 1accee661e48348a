"""Writes give with tests/moto_expressions.py what they give with moto's own reading."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import responses_mock
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

from tests import moto_expressions
from tests.moto_expressions import DepthFirstTraverser, UpdateExpressionParser
from tests.wired import REGION, TABLE
from tests.world import KEEP_SESSION, table_as_deployed

KEY = {"pk": {"S": "A"}, "sk": {"S": "1"}}
ROW = KEY | {
    "count": {"N": "3"},
    "gone": {"S": "x"},
    "words": {"SS": ["a", "b"]},
    "list": {"L": [{"S": "x"}, {"M": {"deep": {"N": "2"}}}, {"S": "z"}]},
    "map": {"M": {"inner": {"M": {"n": {"N": "1"}}}, "other": {"S": "o"}}},
}
NAMES = {"#c": "count", "#m": "map", "#i": "inner", "#p": "pk"}
VALUES = {":s": {"S": "new"}, ":n": {"N": "2"}, ":w": {"SS": ["b", "c"]}, ":l": {"L": [{"S": "y"}]}}

EXPRESSIONS = (
    "SET subject = :s",
    "SET subject = :s, again = :s, #c = #c + :n, other = #c - :n",
    "SET #m.#i.n = :n, list[1].deep = :n, list[7] = :s",
    "SET #m.again = if_not_exists(#m.again, :s), gone = if_not_exists(gone, :s)",
    "SET list = list_append(list, :l), fresh = list_append(:l, if_not_exists(fresh, :l))",
    "SET a = list, b = #m.#i, c = list[0]",
    "REMOVE gone, list[0], list[2], #m.other",
    "ADD #c :n, words :w, fresh :n",
    "DELETE words :w",
    "SET a = :s REMOVE gone ADD #c :n DELETE words :w",
    # Errors.
    "SET a = :s SET b = :s",
    "SET a = :s REMOVE gone REMOVE list",
    "ADD #c :n ADD fresh :n",
    "SET a = :s, a = :n",
    "SET #c = :n ADD #c :n",
    "SET x.y = :s, list[0] = :s, list[0] = :n, list = :l",
    "SET #m = :s, #m.#i = :s, #m.#i.n = :n",
    "SET a = :s, b = :s, b = :n REMOVE a",
    "SET #p = :s",
    "REMOVE pk",
    "SET a = missing",
    "SET none.deep = :s",
    "SET a = :unknown",
    "SET #unknown = :s",
    "SET gone = gone + :n",
    "ADD gone :n",
    "DELETE #c :w",
    "SET a = list_append(gone, :l)",
    "SET a == :s",
    "SET a = :s,",
    "SOMETHING a = :s",
    "",
)


CONDITIONS = (
    "attribute_exists(pk)",
    "attribute_not_exists(#m.#i) OR gone = :s",
    "#c >= :n AND NOT (gone <> :s) AND size(words) > :n",
    "#c BETWEEN :n AND :n",
    "begins_with(gone, :s) OR contains(words, :s) OR gone IN (:s, :s)",
    "list[0] = :s",
    "count = :n",
    "#c ** :n",
    "#c = :unknown",
    "(#c = :n",
)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def played(expression: str, condition: str | None = None) -> Iterator[Any]:
    """What an update gives and leaves: alone, repeated, on no item, and in a transaction."""
    text = f"{expression} {condition}"
    used = {name: value for name, value in NAMES.items() if name in text}
    values = {name: value for name, value in VALUES.items() if name in text}
    asked: dict[str, Any] = {"TableName": TABLE, "Key": KEY, "UpdateExpression": expression}
    asked |= {"ConditionExpression": condition} if condition else {}
    asked |= {"ExpressionAttributeNames": used} if used else {}
    asked |= {"ExpressionAttributeValues": values} if values else {}
    with mock_aws(config=KEEP_SESSION):
        client: Any = boto3.client("dynamodb", region_name=REGION)
        client.create_table(**table_as_deployed())
        yield result(client.update_item, asked | {"ReturnValues": "ALL_NEW"})
        client.put_item(TableName=TABLE, Item=ROW)
        for _ in range(2):
            yield result(client.update_item, asked | {"ReturnValues": "ALL_NEW"})
        yield result(client.transact_write_items, {"TransactItems": [{"Update": asked}]})
        yield client.scan(TableName=TABLE)["Items"]


def result(call: Any, asked: dict[str, Any]) -> Any:
    try:
        answer = call(**asked)
    except ClientError as error:
        answer = error.response
    except Exception as error:  # moto has faults of its own, which must stay the same
        return repr(error)
    answer.pop("ResponseMetadata")
    return answer


def moto_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put moto's own reading of expressions back."""
    monkeypatch.setattr(UpdateExpressionParser, "make", UpdateExpressionParser.make.__wrapped__)
    monkeypatch.setattr(validators, "deepcopy", copy.deepcopy)

    def traverse(self: Any, node: Any) -> Any:
        return self.traverse_node_recursively(node)

    conditions: Any = ConditionExpressionParser
    lex = conditions._lex_condition_expression.__wrapped__
    monkeypatch.setattr(conditions, "_lex_condition_expression", lex)
    for kind in (DepthFirstTraverser, ActionCountValidator, OverlappingPathsValidator):
        monkeypatch.setattr(kind, "traverse", traverse)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_update_gives_and_leaves_what_it_does_with_moto_alone(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(played(expression))
    moto_alone(monkeypatch)
    assert list(played(expression)) == found


@pytest.mark.parametrize("condition", CONDITIONS)
def test_condition_holds_or_fails_as_it_does_with_moto_alone(
    condition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(played("SET subject = :s", condition))
    moto_alone(monkeypatch)
    assert list(played("SET subject = :s", condition)) == found


def test_every_address_is_answered_by_the_same_patterns_in_a_second_mock() -> None:
    def patterns() -> dict[str, list[Any]]:
        registry: Any = responses_mock._registry
        return {
            method: [(one.url, one.callback) for one in kept]
            for method, kept in registry._registered.items()
        }

    own = moto_expressions._patterns.copy()
    moto_expressions._patterns.clear()
    try:
        with mock_aws():
            first = patterns()
        with mock_aws():
            assert patterns() == first
    finally:
        moto_expressions._patterns.update(own)
    assert len(first["POST"]) > 100
