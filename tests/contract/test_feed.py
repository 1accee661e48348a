"""Contract of the feed of changes: dense numbers, whoever writes at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from redress.base.errors import Unavailable
from redress.db import keys
from redress.tickets.rules import feed
from redress.tickets.rules.feed import MOST_CHANGES, Change, Position
from redress.tickets.store.feed import KEPT_DAYS, FeedStore
from tests.contract.conftest import Faults, Shop


def store(shop: Shop) -> FeedStore:
    """The store of a new process, which does not know the last number."""
    return FeedStore(shop.intake_client, shop.table, shop.clock.now, lambda seconds: None)


def change(number: str, version: int = 1) -> Change:
    return Change(number, version, "complaints")


def numbers(shop: Shop) -> list[int]:
    return [entry.number for entry in store(shop).since(Position(), 10_000)[0]]


def everything(shop: Shop, position: Position | None = None, most: int = 100) -> list[str]:
    """The tickets that a reader gets who follows from a position to the end."""
    found, position = list[str](), position or Position()
    while True:
        entries, more = store(shop).since(position, 50)
        read = feed.batch(position, entries, most, more=more)
        assert read is not None
        found += read.tickets
        position = read.position
        if not read.more:
            return found


def remove(shop: Shop, number: int) -> None:
    key = {"pk": {"S": keys.FEED}, "sk": {"S": keys.feed_sk(number)}}
    shop.client.delete_item(TableName=shop.table, Key=key)


def test_entries_get_dense_numbers_and_keep_their_changes(shop: Shop) -> None:
    assert store(shop).latest(1) == []
    moved = Change("b", 2, "service", "complaints")
    writer = store(shop)
    writer.append([change("a")])
    writer.append([moved, change("c")])
    entries, more = store(shop).since(Position(), 10)
    assert [entry.number for entry in entries] == [1, 2]
    assert [entry.changes for entry in entries] == [(change("a"),), (moved, change("c"))]
    assert (more, store(shop).latest(1)) == (False, entries[1:])
    assert entries[0].id != entries[1].id


def test_two_followers_who_race_for_a_number_get_two(shop: Shop) -> None:
    first, second = store(shop), store(shop)
    first.append([change("a")])
    second.append([change("b")])
    # Each remembers its own number, which the other one has taken meanwhile.
    first.append([change("c")])
    second.append([change("d")])
    first.append([change("e")])
    assert numbers(shop) == [1, 2, 3, 4, 5]
    assert everything(shop) == ["a", "b", "c", "d", "e"]


def test_late_commit_gets_a_later_number_than_what_a_reader_has_read(shop: Shop) -> None:
    early, late = store(shop), store(shop)
    early.append([change("a")])
    late.append([change("b")])
    shop.clock.advance(hours=-1)  # a machine whose clock is slow
    late.append([change("c")])
    entries, _ = store(shop).since(Position(), 10)
    read = feed.batch(Position(), entries, 100, more=False)
    assert read is not None
    early.append([change("older than all of these")])
    assert everything(shop, read.position) == ["older than all of these"]


def test_many_followers_at_once_leave_no_gap_and_lose_nothing(amazons: Shop) -> None:
    def follow(name: str) -> None:
        writer = FeedStore(amazons.intake_client, amazons.table, amazons.clock.now)
        for index in range(12):
            writer.append([change(f"{name}{index}")])

    threads = [threading.Thread(target=follow, args=(name,)) for name in "abcdefgh"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert numbers(amazons) == list(range(1, 97))
    found = everything(amazons, most=7)
    assert sorted(found) == sorted(f"{name}{index}" for name in "abcdefgh" for index in range(12))
    for name in "abcdefgh":
        of_one = [one for one in found if one.startswith(name)]
        assert of_one == [f"{name}{index}" for index in range(12)], "each in its order"


def test_put_whose_answer_is_lost_writes_one_entry(
    shop: Shop, losing_the_answer: Callable[[Any, str, Exception], None]
) -> None:
    writer = store(shop)
    writer.append([change("a")])
    losing_the_answer(shop.intake_client, "PutItem", ReadTimeoutError(endpoint_url="x"))
    writer.append([change("b")])
    assert everything(shop) == ["a", "b"]
    assert numbers(shop) == [1, 2]


def test_follower_that_dies_after_the_put_repeats_the_entry(shop: Shop) -> None:
    """The stream repeats the batch to a new process. Number and version say that it is a repeat."""
    store(shop).append([change("a", 3)])
    store(shop).append([change("a", 3)])
    entries, _ = store(shop).since(Position(), 10)
    assert [entry.changes for entry in entries] == [(change("a", 3),)] * 2


def test_refused_put_raises_and_the_next_append_asks_for_the_number_again(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    writer = store(shop)
    writer.append([change("a")])
    failing(shop.intake_client, "PutItem", "AccessDeniedException")
    with pytest.raises(ClientError):
        writer.append([change("b")])
    store(shop).append([change("c")])
    writer.append([change("b")])
    assert everything(shop) == ["a", "c", "b"]


def test_feed_that_never_has_a_free_number_gives_up(shop: Shop) -> None:
    writer = store(shop)
    writer.append([change("a")])
    writer._newest = lambda: 0  # type: ignore[method-assign]
    writer._last = None
    with pytest.raises(Unavailable):
        writer.append([change("b")])


def test_only_the_newest_entry_has_no_expiry(shop: Shop) -> None:
    writer = store(shop)
    for name in "abc":
        writer.append([change(name)])
    expiries = [
        shop.item(keys.FEED, keys.feed_sk(number)).get("expires", {}).get("N")
        for number in (1, 2, 3)
    ]
    at = int((shop.clock.now() + timedelta(days=KEPT_DAYS)).timestamp())
    assert expiries == [str(at), str(at), None]


def test_numbers_go_on_after_all_older_entries_have_expired(shop: Shop) -> None:
    for name in "abc":
        store(shop).append([change(name)])
    remove(shop, 1)
    remove(shop, 2)
    store(shop).append([change("d")])
    assert numbers(shop) == [3, 4]
    assert "expires" in shop.item(keys.FEED, keys.feed_sk(3))


def test_entry_that_was_deleted_by_hand_does_not_come_back(shop: Shop) -> None:
    writer = store(shop)
    writer.append([change("a")])
    remove(shop, 1)
    writer.append([change("b")])
    assert numbers(shop) == [2]


def test_unreadable_entry_counts_as_missing(shop: Shop) -> None:
    writer = store(shop)
    for name in "abc":
        writer.append([change(name)])
    key = {"pk": {"S": keys.FEED}, "sk": {"S": keys.feed_sk(2)}}
    shop.client.put_item(TableName=shop.table, Item={**key, "doc": {"S": "[broken"}})
    assert numbers(shop) == [1, 3]
    entries, more = store(shop).since(Position(), 10)
    assert feed.batch(Position(), entries, 100, more=more) is None


def test_large_batch_becomes_several_entries(shop: Shop) -> None:
    given = [change(f"R-00000-{index:05d}", 999_999) for index in range(2 * MOST_CHANGES + 1)]
    store(shop).append(given)
    entries, _ = store(shop).since(Position(), 10)
    assert [len(entry.changes) for entry in entries] == [MOST_CHANGES, MOST_CHANGES, 1]
    assert everything(shop) == [one.number for one in given]
    assert max(len(str(item)) for item in shop.items().values()) < 10_000


def test_reader_follows_thousands_of_entries_page_by_page(amazons: Shop) -> None:
    for start in range(0, 3_000, 25):
        requests = [
            {
                "PutRequest": {
                    "Item": {
                        "pk": {"S": keys.FEED},
                        "sk": {"S": keys.feed_sk(start + index + 1)},
                        "id": {"S": "aa"},
                        "at_ms": {"N": "0"},
                        "doc": {"S": f'[["t{start + index}",1,"complaints"]]'},
                    }
                }
            }
            for index in range(25)
        ]
        amazons.client.batch_write_item(RequestItems={amazons.table: requests})
    store(amazons).append([change("the last")])
    found = everything(amazons)
    assert len(found) == len(set(found)) == 3_001
    assert found[-1] == "the last"
