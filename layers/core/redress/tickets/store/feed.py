"""The feed of changes in the table: numbered entries, appended by the second stream reader.

The put of an entry allocates its number: it is a put of number n+1 on condition that there is no
such item. So numbers are dense, and no counter and no clock is needed. Several writers may append
at the same time: one of them gets the number, the others go on with the next one.

The newest entry has no expiry. Each append gives one to the entry before. So the numbering never
begins again, not even in a table that nobody changed for months.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

import msgspec

from redress.base.errors import Unavailable, Unreadable
from redress.db import encoding, keys, retry
from redress.tickets.rules.feed import MOST_CHANGES, Change, Entry, Position

KEPT_DAYS = 35
"""How many days an entry is kept after the next entry was written. DynamoDB's TTL then deletes it,
usually within two more days. No rule depends on the time of the deletion."""

ATTEMPTS = 60
"""How often an append tries to get a number. It tries again if another writer got the number first.
At most 40 writers append at once: ten for each of four shards (`ChangesAtOnce`)."""

_DOC = msgspec.json.Decoder(tuple[Change, ...])


class FeedStore:
    """`client` is a client of DynamoDB, or the minimal one of `redress.db.aws_json`."""

    def __init__(
        self,
        client: Any,
        table: str,
        now: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._table, self._now, self._pause = client, table, now, pause
        self._last: int | None = None
        """The newest number that this process knows; None before it has asked."""

    def append(self, changes: Sequence[Change]) -> None:
        """Write the changes as the next entry, or as several if they are more than MOST_CHANGES.

        If the answer to a put is lost and the put is sent again, the same entry is found and
        nothing is written twice. A caller who repeats the whole call writes the changes twice,
        which does no harm. Raises Unavailable if there is no free number for too long.
        """
        for part in batched(changes, MOST_CHANGES, strict=False):
            self._append(encoding.encode(part))

    def _append(self, doc: str) -> None:
        identity = secrets.token_hex(4)
        for attempt in range(ATTEMPTS):
            before = self._last if self._last is not None else self._newest()
            self._last = None
            if self._is_put(before + 1, identity, doc):
                self._last = before + 1
                self._let_expire(before)
                return
            # The other writers are as many as before, or fewer.
            self._pause(random.uniform(0, 0.01 * min(attempt + 1, 10)))
        raise Unavailable("the feed of changes has too many writers")

    def _newest(self) -> int:
        """The number of the newest entry; 0 if there is none."""
        rows = self._query(Limit=1, ScanIndexForward=False)[0]
        return int(rows[0]["sk"]["S"]) if rows else 0

    def _is_put(self, number: int, identity: str, doc: str) -> bool:
        """Put an entry, unless somebody else's has this number."""
        item: encoding.Item = {
            "pk": keys.FEED,
            "sk": keys.feed_sk(number),
            "id": identity,
            "at_ms": encoding.milliseconds(self._now()),
            "doc": doc,
        }
        try:
            retry.call(
                lambda: self._client.put_item(
                    TableName=self._table,
                    Item=encoding.item_to_dynamodb(item),
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                ),
                ["entry"],
            )
        except retry.ConditionFailed as taken:
            found = taken.items.get("entry", {}).get("id", {})
            return bool(found.get("S") == identity)
        return True

    def _let_expire(self, number: int) -> None:
        """Let DynamoDB delete an entry after KEPT_DAYS. An entry that is gone stays gone."""
        if number == 0:
            return
        expires = int((self._now() + timedelta(days=KEPT_DAYS)).timestamp())
        try:
            retry.call(
                lambda: self._client.update_item(
                    TableName=self._table,
                    Key={"pk": {"S": keys.FEED}, "sk": {"S": keys.feed_sk(number)}},
                    UpdateExpression="SET expires = :expires",
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeValues={":expires": {"N": str(expires)}},
                ),
                ["entry"],
            )
        except retry.ConditionFailed:
            return

    # ---------------------------------------------------------------------- reading

    def since(self, position: Position, most: int) -> tuple[list[Entry], bool]:
        """Up to `most` entries from that of the position on, and whether others follow them.

        The read is consistent, so it finds every entry that was written before. An entry that
        cannot be read is reported and left out, so its number is missing.
        """
        rows, more = self._query(
            "sk >= :from", {":from": {"S": keys.feed_sk(position.number)}}, Limit=most
        )
        return _entries(rows), more

    def latest(self, most: int) -> list[Entry]:
        """Up to `most` entries, the newest first. One that cannot be read is left out."""
        rows, _ = self._query(Limit=most, ScanIndexForward=False)
        return _entries(rows)

    def _query(
        self, condition: str = "", values: dict[str, Any] | None = None, **options: Any
    ) -> tuple[list[dict[str, Any]], bool]:
        answer = retry.call(
            lambda: self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk" + (f" AND {condition}" if condition else ""),
                ExpressionAttributeValues={":pk": {"S": keys.FEED}, **(values or {})},
                ConsistentRead=True,
                **options,
            )
        )
        return answer["Items"], "LastEvaluatedKey" in answer


def _entries(rows: Iterable[dict[str, Any]]) -> list[Entry]:
    """The entries that can be read."""
    found = []
    for row in rows:
        try:
            found.append(_entry(row))
        except Unreadable:
            continue
    return found


def _entry(row: dict[str, Any]) -> Entry:
    sk = row["sk"]["S"]
    with encoding.reading(keys.FEED, sk):
        return Entry(
            number=int(sk),
            id=row["id"]["S"],
            at_ms=int(row["at_ms"]["N"]),
            changes=_DOC.decode(row["doc"]["S"]),
        )
