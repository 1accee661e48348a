"""A ticket is opened whole or not at all, by either way to the store, and once per key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from redress.rules.errors import NotFound, RedressError, Unavailable
from redress.rules.lifecycle import Change
from redress.store import codec, keys
from redress.store.lean import LeanStore
from redress.store.opening import KeyTaken, NumberTaken
from redress.store.tickets import TicketStore
from tests.builders import BY_MAIL, BY_PHONE, Clock, Life
from tests.contract.conftest import Faults, Shop

Door = LeanStore | TicketStore
DOORS = pytest.mark.parametrize("way", ["full", "lean"])


def door(shop: Shop, way: str) -> Door:
    return shop.tickets if way == "full" else shop.lean


def a_change(number: str = "R-00000-00001", **fields: Any) -> Change:
    return Life(Clock()).open(number=number, **fields).last


@DOORS
def test_an_opened_ticket_is_there_whole(shop: Shop, way: str) -> None:
    change = a_change()
    door(shop, way).open(change, "a key", "a print")
    number = change.after.number
    assert shop.tickets.get(number) == change.after
    assert shop.tickets.history(number) == list(change.events)
    assert shop.tickets.timer(number).seq == 1
    assert set(shop.items()) == {
        (keys.ticket_pk(number), keys.TICKET),
        (keys.ticket_pk(number), keys.TIMER),
        (keys.ticket_pk(number), keys.event_sk(1)),
        (keys.idempotency_pk(codec.key_digest("a key")), keys.KEY),
    }


@pytest.mark.parametrize("contact", [None, BY_PHONE])
def test_both_ways_write_the_same_items_to_the_last_byte(
    shop: Shop, contact: dict[str, str] | None
) -> None:
    change = a_change(contact=contact or BY_MAIL, subject="水壶漏水 💧 \"'&<")
    written = []
    for way in ("full", "lean"):
        door(shop, way).open(change, "a key", "a print")
        written.append(shop.items())
        for pk, sk in shop.items():
            shop.client.delete_item(TableName=shop.table, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    assert written[0] == written[1]
    assert len(written[0]) == (5 if contact else 4)


@DOORS
def test_a_key_opens_one_ticket_and_says_which(shop: Shop, way: str) -> None:
    door(shop, way).open(a_change(), "a key", "a print", "the answer")
    before = shop.items()
    with pytest.raises(KeyTaken) as taken:
        door(shop, way).open(a_change("R-00000-00002"), "a key", "another print", "another answer")
    assert shop.items() == before
    assert (taken.value.fingerprint, taken.value.answer) == ("a print", "the answer")


@DOORS
def test_a_number_that_exists_is_drawn_again_and_nothing_is_written(shop: Shop, way: str) -> None:
    door(shop, way).open(a_change(), "a key", "a print")
    before = shop.items()
    with pytest.raises(NumberTaken):
        door(shop, way).open(a_change(), "another key", "a print")
    assert shop.items() == before


@DOORS
def test_a_repeated_submission_is_told_by_its_key_even_when_the_number_repeats_too(
    shop: Shop, way: str
) -> None:
    door(shop, way).open(a_change(), "a key", "a print")
    with pytest.raises(KeyTaken):
        door(shop, way).open(a_change(), "a key", "a print")


def test_no_ticket_is_found_under_a_number_that_nobody_has(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.tickets.get("R-00000-00009")


@DOORS
def test_a_ticket_is_not_opened_over_the_timer_of_another(shop: Shop, way: str) -> None:
    stray = {"pk": {"S": keys.ticket_pk("R-00000-00001")}, "sk": {"S": keys.TIMER}}
    shop.client.put_item(TableName=shop.table, Item=stray)
    with pytest.raises(NumberTaken):
        door(shop, way).open(a_change(), "a key", "a print")
    assert list(shop.items().values()) == [stray]


# -------------------------------------------------------------------------------- faults

CONFLICT: list[str | None] = [None, "TransactionConflict", None, None]
URL = "http://127.0.0.1"


@DOORS
def test_another_writer_at_the_same_instant_is_only_waited_for(
    shop: Shop, way: str, failing: Callable[..., Faults]
) -> None:
    faults = failing(shop.clients[way], "TransactWriteItems", CONFLICT, CONFLICT)
    door(shop, way).open(a_change(), "a key", "a print")
    assert faults.calls == 3
    assert len(shop.items()) == 4


@DOORS
@pytest.mark.parametrize(
    "fault",
    [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "InternalServerError",
        "TransactionInProgressException",
        ["ThrottlingError", None, None, None],
        ["ProvisionedThroughputExceeded", None, None, None],
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
    ],
    ids=str,
)
def test_a_store_that_cannot_take_it_now_is_asked_again(
    shop: Shop, way: str, fault: Any, failing: Callable[..., Faults]
) -> None:
    faults = failing(shop.clients[way], "TransactWriteItems", fault)
    door(shop, way).open(a_change(), "a key", "a print")
    assert faults.calls == 2
    assert len(shop.items()) == 4


@DOORS
@pytest.mark.parametrize(
    "fault", ["ThrottlingException", CONFLICT, EndpointConnectionError(endpoint_url=URL)], ids=str
)
def test_a_store_that_takes_nothing_is_unavailable_and_nothing_is_written(
    shop: Shop, way: str, fault: Any, failing: Callable[..., Faults]
) -> None:
    failing(shop.clients[way], "TransactWriteItems", *[fault] * 20)
    with pytest.raises(Unavailable) as refused:
        door(shop, way).open(a_change(), "a key", "a print")
    assert refused.value.retry_after_s >= 1
    assert shop.items() == {}


@DOORS
def test_a_condition_that_is_lost_while_another_writer_is_there_is_an_answer(
    shop: Shop, way: str, failing: Callable[..., Faults]
) -> None:
    reasons = ["TransactionConflict", "ConditionalCheckFailed", None, None]
    faults = failing(shop.clients[way], "TransactWriteItems", reasons)
    with pytest.raises(NumberTaken):
        door(shop, way).open(a_change(), "a key", "a print")
    assert faults.calls == 1


@DOORS
@pytest.mark.parametrize(
    "fault", ["AccessDeniedException", "ValidationException", ["ValidationError", None, None, None]]
)
def test_a_fault_of_ours_is_not_hidden_as_a_busy_store(
    shop: Shop, way: str, fault: Any, failing: Callable[..., Faults]
) -> None:
    faults = failing(shop.clients[way], "TransactWriteItems", fault)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each client's own error
        door(shop, way).open(a_change(), "a key", "a print")
    assert not isinstance(raised.value, RedressError)
    assert faults.calls == 1


@DOORS
def test_a_submission_whose_answer_is_lost_still_makes_one_ticket(
    amazons: Shop, way: str, losing_the_answer: Callable[[Any, str, Exception], None]
) -> None:
    """Written, answer lost, sent again: the store knows the request and says yes once more."""
    lost = ReadTimeoutError(endpoint_url=URL)
    losing_the_answer(amazons.clients[way], "TransactWriteItems", lost)
    door(amazons, way).open(a_change(), "a key", "a print")
    assert len(amazons.items()) == 4


# -------------------------------------------------------------------------------- at once


@DOORS
def test_the_same_submission_sent_at_once_by_many_makes_one_ticket(amazons: Shop, way: str) -> None:
    results: list[str] = []

    def submit(index: int) -> None:
        try:
            door(amazons, way).open(a_change(f"R-00000-0000{index}"), "a key", "a print")
            results.append("opened")
        except KeyTaken:
            results.append("taken")

    threads = [threading.Thread(target=submit, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["opened"] + ["taken"] * 5
    assert len(amazons.items()) == 4


# -------------------------------------------------------------------------------- records


def test_a_key_is_kept_as_long_as_the_plan_says_and_only_as_a_hash(shop: Shop) -> None:
    change = a_change()
    shop.lean.open(change, "secret@example.com", "a print")
    [record] = [item for (pk, _), item in shop.items().items() if pk.startswith("KEY#")]
    assert "secret" not in str(record)
    kept_s = int(record["expires"]["N"]) - change.after.created_at.timestamp()
    assert kept_s == 35 * 86_400


def test_a_body_is_the_same_whatever_the_order_of_its_fields() -> None:
    one = {"subject": "a", "contact": {"name": "b", "email": "c"}}
    other = {"contact": {"email": "c", "name": "b"}, "subject": "a"}
    assert codec.fingerprint(one) == codec.fingerprint(other)
    assert codec.fingerprint(one) != codec.fingerprint({**one, "subject": "d"})
