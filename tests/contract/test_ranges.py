"""Lists of tickets and claims, on moto and on Amazon's engine, through the small client."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from redress.base.people import Member
from redress.db import encoding, keys
from redress.staff.cases.claiming import Claimed, ClaimingCase, NoTicket
from redress.tickets.store import items, ranges
from redress.tickets.store.ranges import Range, TicketRanges
from tests.builders import Life
from tests.contract.conftest import Shop


def reader(shop: Shop) -> TicketRanges:
    return TicketRanges(shop.intake_client, shop.table)


def walk(shop: Shop, of: Range, most: int) -> list[str]:
    """The numbers of all entries of a range, read in pages of `most`."""
    found: list[str] = []
    after, more = None, True
    while more:
        entries, more = reader(shop).entries(of, after, most)
        found += [entry.number for entry in entries]
        after = entries[-1].key if entries else None
        assert entries or not more, "a page without entries is the last one"
    return found


def closed(shop: Shop, life: Life) -> Life:
    return shop.commit(life.withdraw())


def test_range_over_all_shards_is_read_in_one_order(shop: Shop) -> None:
    lives = []
    for minute in range(9):
        shop.clock.advance(minutes=minute % 3)
        lives.append(shop.open())
    assert len({keys.shard(life.ticket.number) for life in lives}) > 1
    listed = walk(shop, ranges.opened("complaints"), 2)
    assert sorted(listed) == sorted(life.ticket.number for life in lives)
    due = {life.ticket.number: life.ticket.created_at for life in lives}
    assert [due[number] for number in listed] == sorted(due.values())


def test_closed_tickets_are_read_newest_first(shop: Shop) -> None:
    numbers: list[str] = []
    for _ in range(7):
        shop.clock.advance(minutes=1)
        numbers.insert(0, closed(shop, shop.open()).ticket.number)
    of = ranges.closed("complaints", "2026-11")
    assert walk(shop, of, 2) == walk(shop, of, 100) == numbers
    assert walk(shop, ranges.closed("complaints", "2026-12"), 2) == []


def test_limits_of_due_time_are_limits_of_what_is_counted(shop: Shop) -> None:
    early = shop.open()
    shop.clock.advance(hours=3)
    late = shop.open()
    limit = late.ticket.created_at + timedelta(minutes=5)
    before = ranges.opened("complaints", due_before=limit)
    after = ranges.opened("complaints", due_from=limit)
    assert walk(shop, before, 10) == [early.ticket.number]
    assert walk(shop, after, 10) == [late.ticket.number]
    both = ranges.opened("complaints")
    assert reader(shop).counts([(before, 9), (after, 9), (both, 9), (both, 1)]) == [1, 1, 2, 1]


def test_number_is_exact_up_to_its_limit_however_unequal_the_shards_are(shop: Shop) -> None:
    """All tickets are in one shard. Its share of the limit is less than their number."""
    for number in range(9):
        life = shop.open()
        item = items.snapshot_item(life.ticket) | {
            "open_pk": keys.open_pk("elsewhere", 2),
            "open_sk": keys.opened_sk(life.ticket.created_at, f"R-{number}"),
        }
        shop.client.put_item(TableName=shop.table, Item=encoding.item_to_dynamodb(item))
    of = ranges.opened("elsewhere")
    assert reader(shop).counts([(of, 8), (of, 9), (of, 10), (of, 100)]) == [8, 9, 9, 9]


def test_ranges_of_one_partition_are_counted_by_one_query_and_their_rests(shop: Shop) -> None:
    """All entries are in one shard. With a small limit, the first query ends within the ranges."""
    life = shop.open()
    moments = [life.ticket.created_at + timedelta(minutes=number) for number in range(9)]
    for number, at in enumerate(moments):
        item = items.snapshot_item(life.ticket) | {
            "open_pk": keys.open_pk("elsewhere", 2),
            "open_sk": keys.opened_sk(at, f"R-{number}"),
        }
        pk = {"pk": keys.ticket_pk(f"R-{number}")}
        shop.client.put_item(TableName=shop.table, Item=encoding.item_to_dynamodb(item | pk))
    calls: list[str] = []

    class Counted:
        def query(self, **given: Any) -> Any:
            calls.append(given["ExpressionAttributeValues"][":pk"]["S"])
            return shop.intake_client.query(**given)

    for begin, end in itertools.product((0, 3, 8), (1, 5, 9)):
        before = ranges.opened("elsewhere", due_before=moments[end - 1])
        between = ranges.opened("elsewhere", due_from=moments[begin], due_before=moments[end - 1])
        after = ranges.opened("elsewhere", due_from=moments[begin])
        for most in (4, 9, 100):
            counts = TicketRanges(Counted(), shop.table).counts(
                [(before, most), (between, most), (after, most), (ranges.opened("elsewhere"), most)]
            )
            exact = [end - 1, max(0, end - 1 - begin), 9 - begin, 9]
            assert counts == [min(most, number) for number in exact], (begin, end, most)
    calls.clear()
    both, early = ranges.opened("elsewhere"), ranges.opened("elsewhere", due_before=moments[4])
    assert TicketRanges(Counted(), shop.table).counts([(early, 100), (both, 100)]) == [4, 9]
    assert sorted(calls) == list(both.partitions)


def test_entry_that_is_of_no_ticket_is_reported_and_left_out(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    life = shop.open()
    item = items.snapshot_item(life.ticket) | {"pk": "PICKET#R-1"}
    shop.client.put_item(TableName=shop.table, Item=encoding.item_to_dynamodb(item))
    assert walk(shop, ranges.opened("complaints"), 10) == [life.ticket.number]
    assert "PICKET#R-1" in capsys.readouterr().out


def test_tickets_of_more_than_one_batch_are_read_in_the_order_of_the_entries(shop: Shop) -> None:
    life = shop.open()
    numbers = [f"R-{number:05d}-00000" for number in range(230)]
    places = [ranges.Entry("", number) for number in [*numbers, life.ticket.number]]
    found = reader(shop).snapshots(places)
    assert [snapshot.entry.number for snapshot in found] == [*numbers, life.ticket.number]
    assert [snapshot.ticket() for snapshot in found if snapshot.item] == [life.ticket]


def test_keys_that_dynamodb_left_out_are_asked_for_again(shop: Shop) -> None:
    lives = [shop.open() for _ in range(3)]

    class Sparse:
        """A client that answers one key of each batch, as DynamoDB may when it throttles."""

        def batch_get_item(self, RequestItems: dict[str, dict[str, list[object]]]) -> object:
            ((table, asked),) = RequestItems.items()
            first = {table: {**asked, "Keys": asked["Keys"][:1]}}
            answer = shop.client.batch_get_item(RequestItems=first)
            if rest := asked["Keys"][1:]:
                answer["UnprocessedKeys"] = {table: {**asked, "Keys": rest}}
            return answer

    places = [ranges.Entry("", life.ticket.number) for life in lives]
    found = TicketRanges(Sparse(), shop.table).snapshots(places)
    assert [snapshot.ticket() for snapshot in found] == [life.ticket for life in lives]


def claiming(shop: Shop) -> ClaimingCase:
    return ClaimingCase(
        shop.assigner(), reader(shop), shop.tickets, shop.staff, shop.plans, shop.clock.now
    )


def test_concurrent_callers_never_get_the_same_ticket(amazons: Shop) -> None:
    shop = amazons
    opened = sorted(shop.open().ticket.number for _ in range(6))
    members = [shop.member(f"a-{number}", capacity=2) for number in range(4)]
    shop.tickets.get(opened[0])  # msgspec crashes if two threads decode a type for the first time
    case = claiming(shop)
    ready = threading.Barrier(len(members))

    def work(member: Member) -> list[Claimed]:
        ready.wait()
        return [case.next(member, "") for _ in range(2)]

    with ThreadPoolExecutor(len(members)) as pool:
        got = [one for answers in pool.map(work, members) for one in answers]
    assert sorted(one.ticket.number for one in got if one.ticket is not None) == opened
    assert [one.reason for one in got if one.ticket is None] == [NoTicket.QUEUE_EMPTY] * 2
    loads = [shop.staff.availability(member.id).load for member in members]
    assert sum(loads) == 6
    assert max(loads) <= 2


def test_same_key_at_the_same_time_claims_one_ticket(amazons: Shop) -> None:
    shop = amazons
    for _ in range(4):
        shop.tickets.get(shop.open().ticket.number)  # decodes once before there are threads
    member = shop.member(capacity=5)
    case = claiming(shop)
    ready = threading.Barrier(3)

    def work(_: int) -> str | None:
        ready.wait()
        found = case.next(member, "a key").ticket
        return found.number if found else None

    with ThreadPoolExecutor(3) as pool:
        got = set(pool.map(work, range(3)))
    assert len(got) == 1
    assert None not in got
    assert shop.staff.availability(member.id).load == 1
