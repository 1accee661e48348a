"""Lists of tickets: work lists, queues, open tickets of a team, tickets of a month.

Each list is a partition of a sparse index with keys only, so none of them scans. An index may be a
moment behind the table: read the tickets before acting on them.
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
    """Ticket numbers in the order of an index, and where to go on (None at the end)."""

    numbers: list[str]
    cursor: str | None


class TicketLists:
    def __init__(self, models: Models) -> None:
        self._models = models

    def owned_by(self, agent: str, limit: int, cursor: str | None = None) -> Page:
        """An agent's work list by what is due next."""
        model = self._models.snapshot
        return self._page(
            model.owner_index, keys.agent_pk(agent), limit, cursor, ("owner_pk", "owner_sk")
        )

    def queued(self, team: str, limit: int = 25) -> list[str]:
        """Unassigned tickets of a team, by what is due next, from all shards."""
        model = self._models.snapshot
        return self._merged(
            (model.owner_index, keys.queue_pk(team, shard), "owner_sk")
            for shard in range(keys.SHARDS)
        )[:limit]

    def open_in_team(self, team: str, limit: int = 25) -> list[str]:
        """Tickets of a team that are not closed, by what is due next, from all shards."""
        model = self._models.snapshot
        found = self._merged(
            ((model.open_index, keys.open_pk(team, s), "open_sk") for s in range(keys.SHARDS)),
            limit,
        )
        return found[:limit]

    def open_in_shard(
        self, team: str, shard: int, cursor: str | None = None, limit: int = 100
    ) -> Page:
        """One page of one partition of the index of open tickets."""
        return self._page(
            self._models.snapshot.open_index,
            keys.open_pk(team, shard),
            limit,
            cursor,
            ("open_pk", "open_sk"),
        )

    def count_open(self, team: str, shard: int) -> int:
        """How many tickets `open_in_shard` goes through."""
        index, pk = self._models.snapshot.open_index, keys.open_pk(team, shard)
        found: int = retry.call(lambda: index.count(pk))
        return found

    def opened_page(
        self, start: datetime, end: datetime, shard: int, limit: int, cursor: str | None
    ) -> Page:
        """One shard of all tickets opened from `start` until before `end`, open or not, in order.

        Both lie in one month of UTC, the first instant after it included as `end`.
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
        """How many tickets `opened_page` goes through."""
        model, pk = self._models.event, keys.opened_pk(start, shard)
        among = _opened_between(model, start, end)
        found: int = retry.call(lambda: model.open_index.count(pk, among))
        return found

    def _merged(self, parts: Iterable[tuple[Any, str, str]], limit: int = 100) -> list[str]:
        """The first entries of several partitions of an index, merged by their sort keys."""
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
        """`among` narrows the range; `sk` is that of the items which the index lists."""
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
    """An entry of the index is its instant and a number, and so is never `end` itself."""
    return model.open_sk.between(keys.opened_sk(start), keys.opened_sk(end))


def _query(index: Any, *arguments: Any, **options: Any) -> list[Any]:
    return list(index.query(*arguments, **options))
