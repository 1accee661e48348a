"""Ranges of the indexes: what each list of tickets reads, and what each number of tickets counts.

A range is one or more partitions of an index and limits of their sort key. A list and the number of
its tickets use the same range, so they agree. No range needs a scan.

Ranges are read through the small client (`db/aws_json.py`), because one page reads up to 200
tickets. PynamoDB needs eight times as long to decode them (docs/decisions/041-lists.md). Indexes
and tickets are read without strong consistency: an entry can be a moment older than its ticket. The
feed of changes reads its tickets consistently.
"""

from __future__ import annotations

import contextvars
import itertools
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec

from redress.base.errors import Unavailable, Unreadable
from redress.clocks.rules.periods import period_bounds
from redress.db import encoding, keys, retry
from redress.tickets.rules.listing import Facets, Filters
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items

AT_ONCE = 4
"""Calls that run at the same time: one for each shard of an index, or for each 100 tickets."""
BATCH = 100
"""The limit of BatchGetItem."""
SLACK = 25
"""How many more entries than its share are read of each shard. Shards are never quite equal, and
entries behind the end of the shortest one are of no use yet."""

_KEYS = {
    keys.OWNER_INDEX: ("owner_pk", "owner_sk"),
    keys.OPEN_INDEX: ("open_pk", "open_sk"),
    keys.PRESENT_INDEX: ("duty_pk", "duty_sk"),
}
"""Index -> its partition key and its sort key."""
_FIRST, _LAST = keys.NEVER, "~"
"""These sort before and after the sort key of every ticket."""
_FACETS = msgspec.json.Decoder(Facets)


class Entry(NamedTuple):
    """One ticket in an index: its sort key there, and its number."""

    key: str
    number: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One entry, and the item of its ticket as it was read; None if there is no such item."""

    entry: Entry
    item: Any

    def ticket(self, filters: Filters | None = None) -> Ticket | None:
        """Decode the ticket.

        None if the filters do not accept it, if there is no item, or if it cannot be read, which is
        reported.
        """
        return None if self.item is None else _accepted(self.item, filters)


@dataclass(frozen=True, slots=True)
class Range:
    """The entries of these partitions whose sort key is from `low` to `high`.

    With `newest_first` they are read from the end. `moves` tells whether an entry belongs to the
    ticket's snapshot and moves or disappears with its changes. The other entries stay.
    """

    index: str
    partitions: tuple[str, ...]
    low: str = _FIRST
    high: str = _LAST
    newest_first: bool = False
    moves: bool = True

    def has(self, ticket: Ticket) -> bool:
        """Whether the ticket, as it is now, has an entry here. Only if the entries move."""
        pk, sk = _KEYS[self.index]
        found = items.index_attributes(ticket)
        return self.covers(found[pk], found[sk])

    def covers(self, pk: str | None, sk: str | None) -> bool:
        """Whether an entry with these keys of the index lies in the range."""
        return pk in self.partitions and sk is not None and self.low <= sk <= self.high


def queue(team: str, due_from: datetime | None = None, due_before: datetime | None = None) -> Range:
    """The unassigned tickets of a team, next due first."""
    return Range(keys.OWNER_INDEX, _shards(keys.queue_pk, team), *_due(due_from, due_before))


def opened(
    team: str, due_from: datetime | None = None, due_before: datetime | None = None
) -> Range:
    """The tickets of a team that are not closed, or on which something is still owed, next due
    first."""
    return Range(keys.OPEN_INDEX, _shards(keys.open_pk, team), *_due(due_from, due_before))


def on_hold(
    team: str, due_from: datetime | None = None, due_before: datetime | None = None
) -> Range:
    """The tickets of a team that are on hold, next due first."""
    return Range(keys.PRESENT_INDEX, (keys.hold_pk(team),), *_due(due_from, due_before))


def post_mortems(
    team: str, due_from: datetime | None = None, due_before: datetime | None = None
) -> Range:
    """The closed tickets of a team whose post-mortem is not written, next due first."""
    return Range(keys.PRESENT_INDEX, (keys.post_mortems_pk(team),), *_due(due_from, due_before))


def work(agent: str, due_from: datetime | None = None, due_before: datetime | None = None) -> Range:
    """The open work of an agent, next due first."""
    return Range(keys.OWNER_INDEX, (keys.agent_pk(agent),), *_due(due_from, due_before))


def closed(team: str, month: str) -> Range:
    """The tickets of a team that were closed in a month of the plan's time zone, newest first."""
    partitions = _shards(partial(keys.closed_pk, team), month)
    return Range(keys.OPEN_INDEX, partitions, newest_first=True, moves=False)


def opened_between(begin: datetime, end: datetime, *, newest_first: bool = False) -> Range:
    """All tickets that were opened at or after `begin` and before `end`, the first opened first.

    They are at most a month apart. No entry equals the upper limit, because the limit is only an
    instant.
    """
    pks = {keys.opened_pk(at, shard) for at in (begin, end) for shard in range(keys.SHARDS)}
    low, high = keys.opened_sk(begin), keys.opened_sk(end)
    return Range(keys.OPEN_INDEX, tuple(sorted(pks)), low, high, newest_first, moves=False)


def closed_by(agent: str, month: str | None, zone: str) -> Range:
    """The closed tickets of an agent, newest first: all, or those of a month of this zone."""
    low, high = _FIRST, _LAST
    if month is not None:
        low, high = (keys.opened_sk(bound) for bound in period_bounds(month, zone))
    partition = (keys.closed_by_pk(agent),)
    return Range(keys.OWNER_INDEX, partition, low, high, newest_first=True, moves=False)


def of_customer(profiles: Sequence[str]) -> Range:
    """The tickets that were matched with one of these profiles, the last opened first.

    They are open and closed ones. A ticket whose match was corrected since still has an entry.
    """
    partitions = tuple(keys.customer_pk(profile) for profile in profiles)
    return Range(keys.OWNER_INDEX, partitions, newest_first=True, moves=False)


def _shards(partition: Callable[[str, int], str], name: str) -> tuple[str, ...]:
    return tuple(partition(name, shard) for shard in range(keys.SHARDS))


def _due(due_from: datetime | None, due_before: datetime | None) -> tuple[str, str]:
    """The limits of the sort key. With a limit, tickets without a due time are left out.

    No entry equals the upper limit, because the limit is only an instant.
    """
    low = keys.opened_sk(due_from) if due_from is not None else _FIRST
    if due_before is not None:
        return low, keys.opened_sk(due_before)
    return low, keys.UNDUE if due_from is not None else _LAST


class TicketRanges:
    def __init__(self, client: Any, table: str) -> None:
        """`client` has `query` and `batch_get_item`, as `db.aws_json.DynamoDB` does."""
        self._client, self._table = client, table
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def entries(self, of: Range, after: str | None, most: int) -> tuple[list[Entry], bool]:
        """At most `most` entries of a range, in its order, from behind the key `after`.

        Also returns whether there are more. A ticket with several entries appears once.
        """
        each = most // len(of.partitions) + SLACK
        pages = self._at_once(partial(self._page, of, after, each), of.partitions)
        ends = [end for _, end in pages if end is not None]
        found = {entry for page, _ in pages for entry in page}
        ordered = sorted(found, reverse=of.newest_first)
        if ends:
            # Behind the end of a page that is not the last, entries of its shard are still unread.
            end = max(ends) if of.newest_first else min(ends)
            ordered = [e for e in ordered if (e.key >= end if of.newest_first else e.key <= end)]
        return ordered[:most], bool(ends) or len(ordered) > most

    def counts(self, wanted: Sequence[tuple[Range, int]]) -> list[int]:
        """The numbers of entries in these ranges, each counted up to the given limit.

        Ranges that share a partition are in ascending order. They are counted by one query for each
        partition, if they are not far apart.
        """
        by_partition: dict[tuple[str, str], list[tuple[Range, int]]] = {}
        for of, most in wanted:
            for pk in of.partitions:
                by_partition.setdefault((of.index, pk), []).append((of, _share(of, most)))
        tasks = [(pk, shares) for (_, pk), shares in by_partition.items()]
        counted = self._at_once(lambda task: self._counts_of(*task), tasks)
        found = dict(zip(by_partition, map(iter, counted), strict=True))
        return [
            self._completed(of, most, [next(found[of.index, pk]) for pk in of.partitions])
            for of, most in wanted
        ]

    def _counts_of(self, pk: str, shares: Sequence[tuple[Range, int]]) -> list[int]:
        """The numbers of entries of ranges in one partition, each counted up to its share.

        If there are several ranges, the first sort keys of all of them are read once. Only the part
        of a range that lies behind these keys is counted by a query of its own.
        """
        if len(shares) == 1:
            return [self._count(*shares[0], pk)]
        ranges = [of for of, _ in shares]
        whole = replace(
            ranges[0], low=min(of.low for of in ranges), high=max(of.high for of in ranges)
        )
        found, end = self._page(whole, None, max(share for _, share in shares), pk)
        numbers = []
        for of, share in shares:
            number = min(share, sum(of.covers(pk, entry.key) for entry in found))
            if end is not None and end < of.high and number < share:
                rest = replace(of, low=max(of.low, keys.just_after(end)))
                number += self._count(rest, share - number, pk)
            numbers.append(number)
        return numbers

    def _completed(self, of: Range, most: int, counts: list[int]) -> int:
        """The number of entries of a range, at most `most`.

        `counts` are those of its partitions, each counted up to its share of the limit. Most ranges
        have few entries or more than the limit, and then no partition is counted further.
        """
        total, share = sum(counts), _share(of, most)
        if total < most:
            full = [pk for pk, count in zip(of.partitions, counts, strict=True) if count == share]
            total += sum(self._at_once(partial(self._count, of, most), full)) - share * len(full)
        return min(most, total)

    def snapshots(self, entries: Sequence[Entry]) -> list[Snapshot]:
        """Read the ticket of each entry. No ticket is decoded yet."""
        batches = itertools.batched((entry.number for entry in entries), BATCH, strict=False)
        found: dict[str, Any] = {}
        for read in self._at_once(self._snapshots, list(batches)):
            found |= read
        return [Snapshot(entry, found.get(keys.ticket_pk(entry.number))) for entry in entries]

    def current(self, numbers: Sequence[str]) -> list[Ticket]:
        """These tickets, at most BATCH, in their order. None is older than this call.

        A ticket that does not exist is left out, and also one that cannot be read, which is
        reported.
        """
        found = self._snapshots(numbers, consistent=True) if numbers else {}
        kept = (found.get(keys.ticket_pk(number)) for number in numbers)
        tickets = (_accepted(item, None) for item in kept if item is not None)
        return [ticket for ticket in tickets if ticket is not None]

    def _query(self, of: Range, pk: str, after: str | None, **given: Any) -> Any:
        low, high = of.low, of.high
        if after is not None and of.newest_first:
            high = keys.just_before(after)
        elif after is not None:
            low = keys.just_after(after)
        names = dict(zip(("#pk", "#sk"), _KEYS[of.index], strict=True))
        values = {":pk": {"S": pk}, ":low": {"S": low}, ":high": {"S": high}}
        if low > high:
            return {"Items": [], "Count": 0}
        return retry.call(
            lambda: self._client.query(
                TableName=self._table,
                IndexName=of.index,
                KeyConditionExpression="#pk = :pk AND #sk BETWEEN :low AND :high",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ScanIndexForward=not of.newest_first,
                **given,
            )
        )

    def _page(
        self, of: Range, after: str | None, limit: int, pk: str
    ) -> tuple[list[Entry], str | None]:
        """The next entries of one partition, and the key of the last one unless all were read."""
        answer = self._query(of, pk, after, Limit=limit)
        name = _KEYS[of.index][1]
        last = answer.get("LastEvaluatedKey")

        def entry(item: Any) -> Entry:
            return Entry(item[name]["S"], keys.number_of(item["pk"]["S"]))

        try:
            found = [entry(item) for item in answer["Items"]]
        except ValueError:
            # Only now each one is read by itself: for hundreds of entries that takes milliseconds.
            found = []
            for item in answer["Items"]:
                with suppress(Unreadable), encoding.reading(item["pk"]["S"], item["sk"]["S"]):
                    found.append(entry(item))
        return found, last[name]["S"] if last else None

    def _count(self, of: Range, most: int, pk: str) -> int:
        found, after = 0, None
        while found < most:
            more: dict[str, Any] = {"ExclusiveStartKey": after} if after else {}
            answer = self._query(of, pk, None, Select="COUNT", Limit=most - found, **more)
            found += answer["Count"]
            if (after := answer.get("LastEvaluatedKey")) is None:
                break
        return found

    def _snapshots(self, numbers: Iterable[str], *, consistent: bool = False) -> dict[str, Any]:
        """The items of these tickets' snapshots by their partition key, with `doc` only."""
        wanted = [{"pk": {"S": keys.ticket_pk(n)}, "sk": {"S": keys.TICKET}} for n in numbers]
        asked = {"Keys": wanted, "ProjectionExpression": "pk, doc", "ConsistentRead": consistent}
        left: Any = {self._table: asked}
        found: dict[str, Any] = {}
        for attempt in range(retry.ATTEMPTS):
            answer = retry.call(partial(self._client.batch_get_item, RequestItems=left))
            found |= {item["pk"]["S"]: item for item in answer["Responses"].get(self._table, [])}
            if not (left := answer.get("UnprocessedKeys")):
                return found
            # DynamoDB returns fewer items than asked for when it throttles (BatchGetItem, API).
            time.sleep(random.uniform(0, 0.025 * 2**attempt))
        raise Unavailable()

    def _at_once[A, B](self, run: Callable[[A], B], arguments: Sequence[A]) -> list[B]:
        if len(arguments) == 1:
            return [run(arguments[0])]
        # Each task gets the limits of `retry.within` that hold here.
        tasks = [
            self._pool.submit(contextvars.copy_context().run, run, argument)
            for argument in arguments
        ]
        return [task.result() for task in tasks]


def _share(of: Range, most: int) -> int:
    """How far each partition of a range is counted first, of a limit for all of them."""
    return most // len(of.partitions) + 1


def _accepted(item: Any, filters: Filters | None) -> Ticket | None:
    """The ticket of an item. None if the filters do not accept it, or if it cannot be read."""
    try:
        with encoding.reading(item["pk"]["S"], keys.TICKET):
            doc = item["doc"]["S"]
            if filters is not None and filters.any and not filters.accept(_FACETS.decode(doc)):
                return None
            return items.ticket_of(doc)
    except Unreadable:
        return None
