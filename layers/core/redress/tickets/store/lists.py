"""Lists of tickets: work lists, queues, open tickets of a team, tickets of a month or an order.

A list is read from one or more partitions of a sparse index. No list needs a scan. The index
contains only keys, and it may be a moment behind the table. Callers must read a ticket from the
table before they act on it.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redress.db import encoding, keys, retry
from redress.db.rows import Models


@dataclass(frozen=True, slots=True)
class Page:
    """Ticket numbers in the order of an index. `cursor` is for the next page; None on the last."""

    numbers: list[str]
    cursor: str | None


class TicketLists:
    def __init__(self, models: Models) -> None:
        self._models = models

    def owned_by(self, agent: str, limit: int, cursor: str | None = None) -> Page:
        """One page of an agent's work list, next due first."""
        model = self._models.snapshot
        return self._page(
            model.owner_index, keys.agent_pk(agent), limit, cursor, ("owner_pk", "owner_sk")
        )

    def work_entries(
        self, agent: str, limit: int, cursor: str | None = None
    ) -> tuple[list[tuple[str, str]], str | None]:
        """One page of an agent's work list as places in the index with their ticket numbers.

        Also returns the place after which the next page begins; None on the last page. Each place
        is such a cursor, too.
        """
        model, names = self._models.snapshot, ("owner_pk", "owner_sk")
        rows, after = self._rows(model.owner_index, keys.agent_pk(agent), limit, cursor, names)
        return list(encoding.readable(rows, functools.partial(_entry, "owner_sk"))), after

    def queued(self, team: str, limit: int = 25) -> list[str]:
        """The unassigned tickets of a team from all shards, next due first."""
        model = self._models.snapshot
        return self._merged(
            (
                (model.owner_index, keys.queue_pk(team, shard), "owner_sk")
                for shard in range(keys.SHARDS)
            ),
            limit,
        )[:limit]

    def queue_pages(self, team: str) -> Iterator[list[str]]:
        """All unassigned tickets of a team, next due first, in pages of 100.

        They are read as far as they are asked for.
        """
        partitions = (keys.queue_pk(team, shard) for shard in range(keys.SHARDS))
        entries = heapq.merge(*map(self._queue_entries, partitions))
        for page in itertools.batched(entries, 100, strict=False):
            yield [number for _, number in page]

    def _queue_entries(self, pk: str) -> Iterator[tuple[str, str]]:
        """The places in a shard of a queue, and the numbers of their tickets."""
        index, after = self._models.snapshot.owner_index, None
        while True:

            def read(after: Any = after) -> tuple[list[Any], Any]:
                result = index.query(pk, limit=100, page_size=100, last_evaluated_key=after)
                return list(result), result.last_evaluated_key

            rows, after = retry.call(read)
            yield from encoding.readable(rows, functools.partial(_entry, "owner_sk"))
            if after is None:
                return

    def count_queued(self, team: str, most: int) -> int:
        """The number of unassigned tickets of a team, at most `most`."""
        found = 0
        for shard in range(keys.SHARDS):
            found += self.count_queued_up_to(most - found, team, shard)
        return found

    def open_in_team(self, team: str, limit: int = 25) -> list[str]:
        """Tickets of a team that are not closed, from all shards, next due first."""
        model = self._models.snapshot
        found = self._merged(
            ((model.open_index, keys.open_pk(team, s), "open_sk") for s in range(keys.SHARDS)),
            limit,
        )
        return found[:limit]

    def open_in_shard(
        self, team: str, shard: int, cursor: str | None = None, limit: int = 100
    ) -> Page:
        """One page of a team's open tickets in one shard, next due first."""
        return self._page(
            self._models.snapshot.open_index,
            keys.open_pk(team, shard),
            limit,
            cursor,
            ("open_pk", "open_sk"),
        )

    def count_open(self, team: str, shard: int) -> int:
        """The number of tickets on all pages of `open_in_shard` together."""
        index, pk = self._models.snapshot.open_index, keys.open_pk(team, shard)
        found: int = retry.call(lambda: index.count(pk))
        return found

    def count_open_up_to(
        self, most: int, team: str, shard: int, due_before: datetime | None = None
    ) -> int:
        """The number of a team's open tickets in one shard, at most `most`.

        With `due_before`, only tickets count whose next promise is due before that time.
        """
        model, pk = self._models.snapshot, keys.open_pk(team, shard)
        condition = (
            model.open_sk < due_before.astimezone(UTC).isoformat(timespec="milliseconds")
            if due_before is not None
            else None
        )
        return self._count_up_to(most, keys.OPEN_INDEX, pk, condition)

    def count_queued_up_to(self, most: int, team: str, shard: int) -> int:
        """The number of a team's unassigned tickets in one shard, at most `most`."""
        return self._count_up_to(most, keys.OWNER_INDEX, keys.queue_pk(team, shard), None)

    def _count_up_to(self, most: int, index: str, pk: str, condition: Any) -> int:
        """The number of entries of a partition of an index, at most `most`.

        PynamoDB's own `count` has no such limit. A query reads up to 1 MB of the index, which is
        some thousand entries.
        """
        table, connection = self._models.snapshot.Meta.table_name, self._models.connection
        found, after = 0, None
        while found < most:
            query = functools.partial(
                connection.query,
                table,
                pk,
                range_key_condition=condition,
                index_name=index,
                limit=most - found,
                select="COUNT",
                exclusive_start_key=after,
            )
            page = retry.call(query)
            found += page["Count"]
            if (after := page.get("LastEvaluatedKey")) is None:
                break
        return found

    def opened_page(
        self, start: datetime, end: datetime, shard: int, limit: int, cursor: str | None
    ) -> Page:
        """One page of the tickets of a shard that were opened at or after `start` and before `end`.

        The tickets are in the order in which they were opened. Closed tickets are included. Both
        times must be in the same month in UTC, but `end` may be the first instant of the next
        month.
        """
        model, pk = self._models.event, keys.opened_pk(start, shard)
        return self._page(
            model.open_index,
            pk,
            limit,
            cursor,
            ("open_pk", "open_sk"),
            condition=_opened_between(model, start, end),
            table_sk=keys.event_sk(1),
        )

    def count_opened(self, start: datetime, end: datetime, shard: int) -> int:
        """The number of tickets on all pages of `opened_page` together."""
        model, pk = self._models.event, keys.opened_pk(start, shard)
        condition = _opened_between(model, start, end)
        found: int = retry.call(lambda: model.open_index.count(pk, condition))
        return found

    def of_order(self, order: str, limit: int, cursor: str | None = None) -> Page:
        """One page of the tickets about an order, the first opened first, open or not.

        The order number may be written in another way than the customer wrote it
        (`keys.folded_order`). The list of a number without letters and digits is empty.
        """
        pk = keys.order_pk(order)
        if pk is None:
            return Page([], None)
        return self._page(
            self._models.event.owner_index,
            pk,
            limit,
            cursor,
            ("owner_pk", "owner_sk"),
            table_sk=keys.event_sk(1),
        )

    def of_customer(self, profiles: Iterable[str], most: int) -> list[str]:
        """The tickets that were matched with one of these profiles, at most `most` of each.

        Those of each profile come with the last opened first, open or not.
        """
        index = self._models.event.owner_index

        def of(profile: str) -> list[Any]:
            pk = keys.customer_pk(profile)
            query = index.query(pk, scan_index_forward=False, limit=most)
            rows: list[Any] = retry.call(lambda: list(query))
            return rows

        found = [row for profile in profiles for row in of(profile)]
        return list(dict.fromkeys(keys.number_of(row.pk) for row in found))

    def closed_since(self, since: datetime, now: datetime) -> Iterator[list[str]]:
        """Yield the closed tickets that were changed at or after `since`, those of each query.

        Each day and shard is one query, or one for each 100 tickets. An entry that moves meanwhile
        is in a later day.
        """
        model = self._models.snapshot
        days = (now.astimezone(UTC).date() - since.astimezone(UTC).date()).days
        for day in range(days + 1):
            for shard in range(keys.SHARDS):
                pk = keys.changed_pk(since + timedelta(days=day), shard)
                cursor: str | None = None
                while True:
                    page = self._page(
                        model.open_index,
                        pk,
                        100,
                        cursor,
                        ("open_pk", "open_sk"),
                        condition=model.open_sk >= keys.opened_sk(since),
                    )
                    yield page.numbers
                    if (cursor := page.cursor) is None:
                        break

    def _merged(self, parts: Iterable[tuple[Any, str, str]], limit: int = 100) -> list[str]:
        """Read up to `limit` entries of each partition, and return all their ticket numbers.

        A part is an index, a partition key and the name of the index's sort key. The numbers are in
        the order of the sort keys.
        """
        entries: list[tuple[str, str]] = []
        for index, pk, sort_key in parts:
            rows = retry.call(functools.partial(_query, index, pk, limit=limit))
            entries += encoding.readable(rows, functools.partial(_entry, sort_key))
        return [number for _, number in sorted(entries)]

    def _page(
        self,
        index: Any,
        pk: str,
        limit: int,
        cursor: str | None,
        key_names: tuple[str, str],
        *,
        condition: Any = None,
        table_sk: str = keys.TICKET,
    ) -> Page:
        """One page of a partition of an index, as numbers of tickets."""
        rows, after = self._rows(
            index, pk, limit, cursor, key_names, condition=condition, table_sk=table_sk
        )
        return Page(list(encoding.readable(rows, lambda row: keys.number_of(row.pk))), after)

    def _rows(
        self,
        index: Any,
        pk: str,
        limit: int,
        cursor: str | None,
        key_names: tuple[str, str],
        *,
        condition: Any = None,
        table_sk: str = keys.TICKET,
    ) -> tuple[list[Any], str | None]:
        """The rows of one page of a partition of an index, and the cursor of the next page.

        `key_names` are the partition key and the sort key of the index. `condition` limits the
        index's sort key. `table_sk` is the sort key that the listed items have in the table.
        """
        last_read = None
        if cursor:
            number = cursor.rpartition("#")[2]
            last_read = {
                key_names[0]: {"S": pk},
                key_names[1]: {"S": cursor},
                "pk": {"S": keys.ticket_pk(number)},
                "sk": {"S": table_sk},
            }

        def read() -> tuple[list[Any], Any]:
            result = index.query(
                pk, condition, limit=limit, page_size=limit, last_evaluated_key=last_read
            )
            rows = list(itertools.islice(result, limit))
            return rows, result.last_evaluated_key

        rows, last = retry.call(read)
        return rows, last[key_names[1]]["S"] if last and rows else None


def _opened_between(model: Any, start: datetime, end: datetime) -> Any:
    """Return the condition that a ticket was opened at or after `start` and before `end`.

    DynamoDB's BETWEEN includes its upper bound. No entry equals that bound, because the bound is
    only an instant, and the sort key of an entry is an instant and a ticket number.
    """
    return model.open_sk.between(keys.opened_sk(start), keys.opened_sk(end))


def _entry(sort_key: str, row: Any) -> tuple[str, str]:
    """The place of an entry in the index, and the number of its ticket."""
    return getattr(row, sort_key), keys.number_of(row.pk)


def _query(index: Any, *arguments: Any, **options: Any) -> list[Any]:
    return list(index.query(*arguments, **options))
