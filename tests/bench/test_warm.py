"""What a warm request is billed for: the counting proxy reads each call of the table."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from bench import engine, warm
from bench.engine import TABLE_API, Engine, RefusedError
from bench.warm import Cost
from local.meter import Item

INDEX = {
    "KeySchema": [{"AttributeName": "open_pk"}, {"AttributeName": "open_sk"}],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


class FakeEngine(Engine):
    """The operations that the tests need, in memory. A put of an existing item is refused."""

    def __init__(self, *items: Item) -> None:
        super().__init__("http://127.0.0.1:9", "us-east-1")  # connects only on the first request
        self.items = {self._place(item): item for item in items}

    @staticmethod
    def _place(named: Item) -> str:
        return f"{named['pk']['S']} / {named['sk']['S']}"

    def send(self, target: str, content: bytes) -> tuple[int, bytes]:
        status, answer = self._answer(target.rpartition(".")[2], json.loads(content))
        return status, json.dumps(answer).encode()

    def _answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match operation:
            case "GetItem":
                found = self.items.get(self._place(request["Key"]))
                return 200, {"Item": found} if found else {}
            case "Query":
                return 200, {"Items": list(self.items.values())}
            case "TransactWriteItems":
                puts = [entry["Put"]["Item"] for entry in request["TransactItems"]]
                if any(self._place(item) in self.items for item in puts):
                    return 400, {"__type": "TransactionCanceledException"}
                self.items |= {self._place(item): item for item in puts}
                return 200, {}
            case "DeleteItem":
                self.items.pop(self._place(request["Key"]), None)
                return 200, {}
        return 200, {}


def item(pk: str, text: str = "", **more: str) -> Item:
    return {name: {"S": value} for name, value in {"pk": pk, "sk": "x", "t": text, **more}.items()}


def key(pk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": "x"}}


def cost(kept: FakeEngine, operation: str, **request: Any) -> Cost:
    call, _ = engine.seen(kept, f"{TABLE_API}.{operation}", json.dumps(request).encode())
    return warm.billed([call], [INDEX])


def puts(*items: Item) -> dict[str, Any]:
    return {"TransactItems": [{"Put": {"TableName": "t", "Item": one}} for one in items]}


def test_transaction_is_billed_twice_and_its_index_once() -> None:
    listed = item("b", open_pk="o", open_sk="1")
    assert cost(FakeEngine(), "TransactWriteItems", **puts(item("a"), listed)) == Cost(
        1, 0, 2 + 2 + 1
    )


def test_refused_transaction_is_billed_by_the_existing_items() -> None:
    kept = FakeEngine(item("a", "x" * 1500))
    assert cost(kept, "TransactWriteItems", **puts(item("a"), item("b"))) == Cost(1, 0, 4 + 2)
    assert list(kept.items) == ["a / x"]


def test_delete_is_billed_by_the_deleted_item() -> None:
    kept = FakeEngine(item("a", "x" * 1500, open_pk="o", open_sk="1"))
    assert cost(kept, "DeleteItem", TableName="t", Key=key("a")) == Cost(1, 0, 2 + 1)


@pytest.mark.parametrize(("consistent", "units"), [(True, 1), (False, 0.5)])
def test_read_is_billed_even_if_nothing_is_found(consistent: bool, units: float) -> None:
    asked = {"TableName": "t", "Key": key("none"), "ConsistentRead": consistent}
    assert cost(FakeEngine(), "GetItem", **asked) == Cost(1, units, 0)


def test_batch_is_billed_per_item_and_query_by_the_sum() -> None:
    kept = FakeEngine(item("a", "x" * 5000), item("b"))
    wanted = {"Keys": [key("a"), key("b"), key("none")], "ConsistentRead": True}
    assert cost(kept, "BatchGetItem", RequestItems={"t": wanted}) == Cost(1, 2 + 1 + 1, 0)
    assert cost(kept, "Query", TableName="t", ConsistentRead=True) == Cost(1, 2, 0)


def test_proxy_passes_on_what_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = FakeEngine(item("a"))
    monkeypatch.setattr(warm, "Engine", lambda address, region: kept)
    with (
        warm.counting("http://127.0.0.1:1") as proxy,
        contextlib.closing(Engine(proxy.address, "us-east-1")) as asking,
    ):
        assert asking.item("t", key("a")) == item("a")
        assert asking.item("t", key("b")) is None
        with pytest.raises(RefusedError, match="TransactionCanceled"):
            asking.call("TransactWriteItems", **puts(item("a")))
        assert warm.billed(proxy.passed, [INDEX]) == Cost(3, 2, 2)


def test_intake_must_write_what_the_bare_transaction_does() -> None:
    def met(writes: int) -> bool | None:
        costs = {warm.BARE: Cost(1, 0, 12), warm.FIRST: Cost(1, 0, writes)}
        found = {one.name: one.met for one in warm.cost_figures(costs)}
        assert found["bare transaction: write units"] is None
        return found["intake: write units"]

    assert met(12) is True
    assert met(13) is False


def test_repeated_submission_must_cost_no_more_than_a_first() -> None:
    def met(again: Cost) -> list[bool | None]:
        costs = {warm.BARE: Cost(1, 0, 12), warm.FIRST: Cost(1, 0, 12), warm.REPEATED: again}
        found = warm.cost_figures(costs)
        return [one.met for one in found if one.name.startswith(warm.REPEATED)]

    assert met(Cost(1, 0, 8)) == [True, True, True]
    assert met(Cost(2, 1, 13)) == [False, False, False]
