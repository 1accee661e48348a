"""Lists of tickets: work lists, queues, open tickets of a team, tickets of a month.

Each list is one or more partitions of a sparse index that contains keys only, so no list needs a
scan. An index may be a moment behind the table. Callers must read a ticket before they act on it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.db import keys, retry
from redress.db.rows import Models


@dataclass(frozen=True, slots=True)
class Page:
    """Ticket numbers in the order of an index. `cursor` continues after them; None at the end."""

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

    def queued(self, team: str, limit: int = 25) -> list[str]:
        """Unassigned tickets of a team from all shards, next due first."""
        model = self._models.snapshot
        return self._merged(
            (model.owner_index, keys.queue_pk(team, shard), "owner_sk")
            for shard in range(keys.SHARDS)
        )[:limit]

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
        """How many tickets all pages of `open_in_shard` list."""
        index, pk = self._models.snapshot.open_index, keys.open_pk(team, shard)
        found: int = retry.call(lambda: index.count(pk))
        return found

    def opened_page(
        self, start: datetime, end: datetime, shard: int, limit: int, cursor: str | None
    ) -> Page:
        """One page of the tickets of a shard that were opened from `start` until before `end`.

        They are in the order of their opening, and include closed tickets. Both times must be in
        the same month of UTC, but `end` may be the first instant of the next month.
        """
        model, pk = self._models.event, keys.opened_pk(start, shard)
        return self._page(
            model.open_index,
            pk,
            limit,
            cursor,
            ("open_pk", "open_sk"),
            among=_opened_between(model, start, end),
            sk=keys.event_sk(1),
        )

    def count_opened(self, start: datetime, end: datetime, shard: int) -> int:
        """How many tickets all pages of `opened_page` list."""
        model, pk = self._models.event, keys.opened_pk(start, shard)
        among = _opened_between(model, start, end)
        found: int = retry.call(lambda: model.open_index.count(pk, among))
        return found

    def _merged(self, parts: Iterable[tuple[Any, str, str]], limit: int = 100) -> list[str]:
        """The first `limit` entries of each partition of an index, merged by their sort keys."""
        entries: list[tuple[str, str]] = []
        for index, pk, sort in parts:
            rows = retry.call(functools.partial(_query, index, pk, limit=limit))
            entries += [(getattr(row, sort), row.pk) for row in rows]
        return [keys.number_of(pk) for _, pk in sorted(entries)]

    def _page(
        self,
        index: Any,
        pk: str,
        limit: int,
        cursor: str | None,
        names: tuple[str, str],
        *,
        among: Any = None,
        sk: str = keys.TICKET,
    ) -> Page:
        """One page of a partition of an index.

        `names` are the index's key attributes. `among` is a condition on the sort key. `sk` is the
        table's sort key of the items that the index lists.
        """
        start = None
        if cursor:
            number = cursor.rpartition("#")[2]
            start = {
                names[0]: {"S": pk},
                names[1]: {"S": cursor},
                "pk": {"S": keys.ticket_pk(number)},
                "sk": {"S": sk},
            }

        def read() -> tuple[list[Any], Any]:
            result = index.query(pk, among, limit=limit, page_size=limit, last_evaluated_key=start)
            rows = list(itertools.islice(result, limit))
            return rows, result.last_evaluated_key

        rows, last = retry.call(read)
        return Page(
            numbers=[keys.number_of(row.pk) for row in rows],
            cursor=last[names[1]]["S"] if last and rows else None,
        )


def _opened_between(model: Any, start: datetime, end: datetime) -> Any:
    """A condition that excludes `end`, although DynamoDB's BETWEEN includes its upper bound.

    The sort key of an entry is its instant followed by the ticket number, so no entry equals the
    bound.
    """
    return model.open_sk.between(keys.opened_sk(start), keys.opened_sk(end))


def _query(index: Any, *arguments: Any, **options: Any) -> list[Any]:
    return list(index.query(*arguments, **options))
