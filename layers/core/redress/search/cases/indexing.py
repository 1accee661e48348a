"""Put tickets into the index.

A ticket is indexed as it is when its message is read, with all its texts. So late, repeated and
reordered messages do no harm: the newest version of a ticket is the right one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from redress.base.errors import NotFound, Unavailable, Unreadable
from redress.db import keys
from redress.search import messages
from redress.search.messages import IndexMonth, IndexTicket, SearchMessage
from redress.search.rules.contents import words_of_ticket
from redress.search.rules.manifest import Manifest, SegmentEntry
from redress.search.store import segments
from redress.search.store.bucket import LostRace, SearchBucket
from redress.search.store.segments import Document
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

ATTEMPTS = 20
"""How often a change of the manifest is tried. Each lost race means that another writer won."""
PAGE = 200
"""How many tickets one message IndexMonth reads."""
BATCH = 10
"""The most messages of one SendMessageBatch, from the API reference."""


class Contended(Exception):
    """Other writers changed the manifest in every attempt. The messages are delivered again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message, and when it was sent."""

    message: SearchMessage
    sent: datetime


class IndexingCase:
    """Writes segments for the messages of a batch.

    `queue` is the SQS client and the URL of the search queue.
    """

    def __init__(
        self,
        tickets: TicketStore,
        lists: TicketLists,
        bucket: SearchBucket,
        queue: tuple[Any, str],
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._lists, self._bucket = tickets, lists, bucket
        self._sqs, self._queue_url = queue
        self._now = now

    def index(self, batch: Sequence[Asked]) -> set[SearchMessage]:
        """Index the tickets of a batch as one segment. Return the messages to deliver again.

        A ticket that does not exist or cannot be read is left out; the latter was reported. Raises
        Contended, or the error of S3, if the segment could not be added to the index.
        """
        failed: set[SearchMessage] = set()
        documents: dict[str, Document] = {}
        is_building = False
        for asked in batch:
            try:
                match asked.message:
                    case IndexTicket(number):
                        if number not in documents:
                            documents[number] = self._document(number)
                    case IndexMonth() as month:
                        self._queue_page(month)
                        is_building = True
            except (NotFound, Unreadable):
                continue
            except (ClientError, BotoCoreError, Unavailable):
                failed.add(asked.message)
        done = [asked.sent for asked in batch if asked.message not in failed]
        if done:
            self._add(list(documents.values()), min(done), is_building)
        return failed

    def _add(self, documents: list[Document], until: datetime, is_building: bool) -> None:
        """Add tickets to the index. Texts are in it that were written before `until`."""
        entries: list[SegmentEntry] = []
        if documents:
            content = segments.build(documents)
            entries.append(self._bucket.put(content, len(documents), self._now()))

        def added(known: Manifest) -> Manifest:
            return replace(
                known.complete(until),
                segments=(*known.segments, *entries),
                building=known.building or is_building,
            )

        change_manifest(self._bucket, added)

    def _document(self, number: str) -> Document:
        file = self._tickets.file(number)
        ticket = file.ticket
        place = segments.place_of(ticket.created_at, number)
        return Document(number, place, ticket.version, words_of_ticket(ticket, file.history))

    def _queue_page(self, asked: IndexMonth) -> None:
        """Send a message for each ticket of a page, and one for the next page if there is one."""
        start = datetime.strptime(asked.month, "%Y-%m").replace(tzinfo=UTC)
        end = _next_month(start)
        page = self._lists.opened_page(start, end, asked.shard, PAGE, asked.cursor or None)
        following: list[SearchMessage] = [IndexTicket(number) for number in page.numbers]
        if page.cursor is not None:
            following.append(IndexMonth(asked.month, asked.shard, page.cursor))
        elif asked.shard + 1 < keys.SHARDS:
            following.append(IndexMonth(asked.month, asked.shard + 1))
        elif end <= self._now():
            following.append(IndexMonth(f"{end:%Y-%m}"))
        for some in itertools.batched(following, BATCH, strict=False):
            entries = [
                {"Id": str(at), "MessageBody": messages.encode(one)} for at, one in enumerate(some)
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if answer.get("Failed"):
                raise Unavailable("the queue rejected some messages")


def change_manifest(bucket: SearchBucket, decide: Callable[[Manifest], Manifest | None]) -> bool:
    """Change the manifest, again after each lost race. False if `decide` changes nothing.

    Raises Contended, or the error of S3.
    """
    for _ in range(ATTEMPTS):
        read = bucket.manifest()
        after = decide(read.manifest)
        if after is None or after == read.manifest:
            return False
        try:
            bucket.replace(read, after)
        except LostRace:
            continue
        return True
    raise Contended


def _next_month(start: datetime) -> datetime:
    return (start + timedelta(days=32)).replace(day=1)
