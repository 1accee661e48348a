"""Contract of opening tickets: completely or not at all, by both stores, once per key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from redress.base.errors import NotFound, RedressError, Unavailable, Unreadable
from redress.db import encoding, keys
from redress.tickets.rules.change import Change
from redress.tickets.store.submission_store import KeyTaken, NumberTaken
from tests.builders import BY_MAIL, BY_PHONE, START, Clock, Life
from tests.contract.conftest import Faults, Shop


def a_change(number: str = "R-00000-00001", **fields: Any) -> Change:
    return Life(Clock()).open(number=number, **fields).last


def submit(shop: Shop, change: Change | None = None, key: str = "a key") -> None:
    """Open a ticket as the web form and the JSON API do."""
    shop.intake_store.open(change or a_change(), key, "a print", "the answer")


def key_record(key: str) -> tuple[str, str]:
    """The table key of an idempotency record."""
    return keys.idempotency_pk(encoding.key_digest(key)), keys.KEY


def test_opening_a_ticket_writes_all_its_items(shop: Shop) -> None:
    change = a_change()
    submit(shop, change)
    number = change.after.number
    assert shop.tickets.get(number) == change.after
    assert shop.tickets.history(number) == list(change.events)
    assert shop.timers.get(number).seq == 1
    assert set(shop.items()) == {
        (keys.ticket_pk(number), keys.TICKET),
        (keys.ticket_pk(number), keys.TIMER),
        (keys.ticket_pk(number), keys.event_sk(1)),
        key_record("a key"),
    }


@pytest.mark.parametrize(("contact", "items"), [(BY_MAIL, 3), (BY_PHONE, 4)])
def test_both_stores_write_the_same_items(shop: Shop, contact: dict[str, str], items: int) -> None:
    """The intake's store and `TicketStore` write the same items, apart from the key's record."""
    change = a_change(contact=contact, subject="水壶漏水 💧 \"'&<", order="SO-2026-118")
    submit(shop, change)
    submitted = shop.items()
    for pk, sk in submitted:
        shop.client.delete_item(TableName=shop.table, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    del submitted[key_record("a key")]
    shop.tickets.open(change, change.after.created_at)
    assert shop.items() == submitted
    assert len(submitted) == items


def test_a_ticket_is_found_by_its_order_number_in_one_query(shop: Shop) -> None:
    first = a_change("R-00000-00001", order="SO-2026/118")
    second = Life(Clock(START + timedelta(days=40))).open(
        number="R-00000-00002", order="so 2026118"
    )
    submit(shop, first, "one")
    shop.tickets.open(second.last, second.last.after.created_at)
    submit(shop, a_change("R-00000-00003", order="SO-2026-119"), "three")
    submit(shop, a_change("R-00000-00004"), "four")
    found = shop.lists.of_order("#so2026-118", 1)
    assert found.numbers == ["R-00000-00001"]
    more = shop.lists.of_order("SO2026118", 1, found.cursor)
    assert more.numbers == ["R-00000-00002"]
    assert shop.lists.of_order("SO2026118", 5).cursor is None
    assert shop.lists.of_order("-", 5).numbers == []


def test_a_ticket_without_an_order_is_in_no_list_of_orders(shop: Shop) -> None:
    for order in (None, "#"):
        submit(shop, a_change(f"R-00000-0000{order}", order=order), f"key {order}")
        event = shop.item(keys.ticket_pk(f"R-00000-0000{order}"), keys.event_sk(1))
        assert {"owner_pk", "owner_sk"} & event.keys() == set()


def test_a_used_key_opens_no_second_ticket_and_returns_the_first_answer(shop: Shop) -> None:
    submit(shop)
    before = shop.items()
    with pytest.raises(KeyTaken) as taken:
        shop.intake_store.open(
            a_change("R-00000-00002"), "a key", "another print", "another answer"
        )
    assert shop.items() == before
    assert (taken.value.fingerprint, taken.value.answer) == ("a print", "the answer")


def test_a_key_record_without_an_answer_is_refused(shop: Shop) -> None:
    submit(shop)
    pk, sk = key_record("a key")
    shop.client.update_item(
        TableName=shop.table,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="REMOVE answer",
    )
    before = shop.items()
    with pytest.raises(Unreadable):
        submit(shop, a_change("R-00000-00002"))
    assert shop.items() == before


def test_an_existing_number_is_refused_and_nothing_is_written(shop: Shop) -> None:
    submit(shop)
    before = shop.items()
    with pytest.raises(NumberTaken):
        submit(shop, key="another key")
    with pytest.raises(NumberTaken):
        shop.tickets.open(a_change(), shop.clock.now())
    assert shop.items() == before


def test_a_repeat_is_recognized_by_its_key_even_if_the_number_exists_too(
    shop: Shop,
) -> None:
    submit(shop)
    with pytest.raises(KeyTaken):
        submit(shop)


def test_an_unknown_number_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.tickets.get("R-00000-00009")


def test_a_ticket_is_not_opened_over_an_existing_timer(shop: Shop) -> None:
    stray = {"pk": {"S": keys.ticket_pk("R-00000-00001")}, "sk": {"S": keys.TIMER}}
    shop.client.put_item(TableName=shop.table, Item=stray)
    with pytest.raises(NumberTaken):
        submit(shop)
    assert list(shop.items().values()) == [stray]


# -------------------------------------------------------------------------------- faults

CONFLICT: list[str | None] = [None, "TransactionConflict", None, None]
URL = "http://127.0.0.1"


def test_a_conflict_with_another_writer_is_retried(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    faults = failing(shop.intake_client, "TransactWriteItems", CONFLICT, CONFLICT)
    submit(shop)
    assert faults.calls == 3
    assert len(shop.items()) == 4


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
def test_a_busy_or_unreachable_store_is_retried(
    shop: Shop, fault: Any, failing: Callable[..., Faults]
) -> None:
    faults = failing(shop.intake_client, "TransactWriteItems", fault)
    submit(shop)
    assert faults.calls == 2
    assert len(shop.items()) == 4


@pytest.mark.parametrize(
    "fault", ["ThrottlingException", CONFLICT, EndpointConnectionError(endpoint_url=URL)], ids=str
)
def test_a_store_that_stays_busy_is_unavailable_and_nothing_is_written(
    shop: Shop, fault: Any, failing: Callable[..., Faults]
) -> None:
    failing(shop.intake_client, "TransactWriteItems", *[fault] * 20)
    with pytest.raises(Unavailable) as refused:
        submit(shop)
    assert refused.value.retry_after_s >= 1
    assert shop.items() == {}


def test_a_failed_condition_together_with_a_conflict_is_not_retried(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    reasons = ["TransactionConflict", "ConditionalCheckFailed", None, None]
    faults = failing(shop.intake_client, "TransactWriteItems", reasons)
    with pytest.raises(NumberTaken):
        submit(shop)
    assert faults.calls == 1


@pytest.mark.parametrize(
    "fault", ["AccessDeniedException", "ValidationException", ["ValidationError", None, None, None]]
)
def test_programming_and_permission_errors_are_not_reported_as_unavailable(
    shop: Shop, fault: Any, failing: Callable[..., Faults]
) -> None:
    faults = failing(shop.intake_client, "TransactWriteItems", fault)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each client's own error
        submit(shop)
    assert not isinstance(raised.value, RedressError)
    assert faults.calls == 1


def test_a_submission_whose_response_is_lost_opens_one_ticket(
    amazons: Shop, losing_the_answer: Callable[[Any, str, Exception], None]
) -> None:
    """The second attempt has the same request token, so the store accepts it without effect."""
    lost = ReadTimeoutError(endpoint_url=URL)
    losing_the_answer(amazons.intake_client, "TransactWriteItems", lost)
    submit(amazons)
    assert len(amazons.items()) == 4


# -------------------------------------------------------------------------------- concurrency


def test_simultaneous_repeats_of_a_submission_open_one_ticket(amazons: Shop) -> None:
    results: list[str] = []

    def attempt(index: int) -> None:
        try:
            submit(amazons, a_change(f"R-00000-0000{index}"))
            results.append("opened")
        except KeyTaken:
            results.append("taken")

    threads = [threading.Thread(target=attempt, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["opened"] + ["taken"] * 5
    assert len(amazons.items()) == 4


# -------------------------------------------------------------------------------- records


def test_a_key_is_stored_as_a_hash_for_as_long_as_the_plan_says(shop: Shop) -> None:
    change = a_change()
    submit(shop, change, "secret@example.com")
    record = shop.item(*key_record("secret@example.com"))
    assert "secret" not in str(record)
    kept_s = int(record["expires"]["N"]) - change.after.created_at.timestamp()
    assert kept_s == 35 * 86_400


def test_the_fingerprint_of_a_body_does_not_depend_on_the_order_of_its_fields() -> None:
    one = {"subject": "a", "contact": {"name": "b", "email": "c"}}
    other = {"contact": {"email": "c", "name": "b"}, "subject": "a"}
    assert encoding.fingerprint(one) == encoding.fingerprint(other)
    assert encoding.fingerprint(one) != encoding.fingerprint({**one, "subject": "d"})
