"""Search: how long finding tickets by words takes, and what the index of 100,000 tickets needs.

The index is made by the product's own writer, from texts that are put together from sentences in
simplified Chinese, traditional Chinese and English. Its segments are those that merging leaves:
large ones, and small ones of the last minutes. The bucket is a dictionary in memory. In S3, there
is one request for the manifest in a second, and one for each new segment. The tickets are read from
Amazon's own DynamoDB engine on this machine. Three of five tickets belong to the agent's team.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from copy import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.exceptions import ClientError
from rich.console import Console
from rich.progress import track

from bench.engine import Engine
from bench.growth import BY_MAIL, open_ticket
from bench.report import Figure, Machine, at_most, compared, percentile
from local import dynamodb_local
from local.template import table_definition
from redress.base.people import Member, Role
from redress.customers.store import CustomerStore
from redress.db import encoding
from redress.db.rows import Models
from redress.plans.rules.document import parse
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import Plans, shipped_document
from redress.search.cases.searching import PAGE_LIMIT, IndexState, SearchCase, WordIndex
from redress.search.rules.manifest import MOST_TICKETS, Manifest
from redress.search.rules.words import words_of
from redress.search.store import segments
from redress.search.store.bucket import SearchBucket
from redress.search.store.files import SegmentFiles
from redress.search.store.segments import Document, place_of
from redress.tickets.rules.numbers import ALPHABET
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

ABOUT = "finding tickets by words among 100,000, and the size of the index"
LIMIT_S = 170
LARGEST = 100_000
SMALL = (6, 6, 6, 6, 6, 40, 40, 40, 200, 200, 200, 1_300, 1_300)
"""The tickets of the segments that are not merged yet."""
ROUNDS = 20
WARM_UP = 2
P95_MS = 50.0
"""The goal of every list and search of staff."""
BLOCK = 2_000
BATCH = 25
TABLE = "redress-bench"
MEMBER = Member("a-mei", "Mei", "mei@example.org", Role.AGENT, "complaints", ("zh-CN",), 5)
TEAMS = ("complaints", "complaints", "complaints", "service", "support")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
GAP = timedelta(minutes=5)

THINGS = (
    ("水壶", "水壺", "kettle"),
    ("打印机", "打印機", "printer"),
    ("耳机", "耳機", "headphones"),
    ("发票", "發票", "invoice"),
    ("快递", "快遞", "parcel"),
    ("账号", "帳號", "account"),
    ("充电器", "充電器", "charger"),
    ("洗衣机", "洗衣機", "washing machine"),
)
SENTENCES = (
    (
        "我上周买的{}坏了，要求退款",
        "我上週買的{}壞了，要求退款",
        "The {} that I bought is broken, I want a refund",
    ),
    (
        "{}一直没有收到，请尽快处理",
        "{}一直沒有收到，請儘快處理",
        "The {} never arrived, please look into it",
    ),
    (
        "客服说{}已经寄出，但是没有记录",
        "客服說{}已經寄出，但是沒有記錄",
        "I was told that the {} was sent, but nothing shows it",
    ),
    ("{}和页面上写的不一样", "{}和頁面上寫的不一樣", "The {} differs from its description"),
    ("请问{}的保修期是多长时间", "請問{}的保固期是多長時間", "How long is the warranty of the {}"),
    (
        "安装师傅把{}弄坏了还不承认",
        "安裝師傅把{}弄壞了還不承認",
        "The fitter damaged the {} and denies it",
    ),
)
QUERIES = (
    "退款",
    "發票",
    "打印机 退款",
    "保固期",
    "师傅 耳机",
    "退",
    "kettle refund",
    "warran",
    "order 12345",
    "SO-77777",
    "没有这个词的查询",
    "张伟",
)


def texts(random: Random) -> list[str]:
    """The texts of one ticket: what the customer and the agents wrote, and an order number."""
    script = random.randrange(3)
    thing = random.choice(THINGS)[script]
    found = [random.choice(SENTENCES)[script].format(thing) for _ in range(random.randint(2, 6))]
    # Names and details: words that few other tickets have.
    found += ["".join(chr(random.randint(0x4E00, 0x7FFF)) for _ in range(12)) for _ in range(4)]
    return [
        *found,
        f"SO-{random.randrange(100_000):05d}",
        random.choice(("张伟", "Li Na", "陳雅婷")),
    ]


def number_of(at: int) -> str:
    """The number of the ticket that was opened as this one, from 0."""
    digits = []
    for _ in range(10):
        at, digit = divmod(at, len(ALPHABET))
        digits.append(ALPHABET[digit])
    code = "".join(reversed(digits))
    return f"R-{code[:5]}-{code[5:]}"


def documents(start: int, end: int) -> Iterator[Document]:
    for at in range(start, end):
        words = set[str]().union(*map(words_of, texts(Random(at))))
        number = number_of(at)
        yield Document(number, place_of(BEGAN + GAP * at, number), 4, words)


def built(limits: tuple[int, int]) -> bytes:
    """The segment of the tickets from a first one to before a last one."""
    return segments.build(documents(*limits))


def limits_of(tickets: int) -> list[tuple[int, int]]:
    """The tickets of each segment: large ones, then the small ones of the last minutes."""
    small = [size for size in SMALL if size * 20 < tickets]
    large = tickets - sum(small)
    ends = [*range(MOST_TICKETS, large, MOST_TICKETS), large]
    ends += list(itertools.accumulate(small, initial=large))[1:]
    return list(itertools.pairwise([0, *ends]))


class MemoryBucket:
    """The operations of S3 that the index uses, in memory."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put_object(self, Key: str, Body: bytes, **_: Any) -> None:
        self._objects[Key] = Body

    def get_object(self, Key: str, IfNoneMatch: str = "", **_: Any) -> dict[str, Any]:
        if (content := self._objects.get(Key)) is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
        etag = f'"{hash(content)}"'
        if etag == IfNoneMatch:
            raise ClientError({"Error": {"Code": "304", "Message": ""}}, "GetObject")
        return {"Body": SimpleNamespace(read=lambda: content), "ETag": etag}


class Desk:
    """The search over a table and an index of so many tickets."""

    def __init__(self, engine: str, console: Console, region: str, tickets: int) -> None:
        self._engine, self._region, self.tickets = engine, region, tickets
        client: Any = boto3.client("dynamodb", endpoint_url=engine, region_name=region)
        client.create_table(**table_definition(TABLE))
        models = Models(TABLE, region, engine)
        self._plan = parse(shipped_document())
        self._fill(console)
        now = BEGAN + GAP * tickets
        plans = Plans(PlanStore(models), lambda: now, lambda: 0.0)
        plans.get(plans.current().version)
        bucket = SearchBucket(MemoryBucket(), "bench")
        self.size = self._index(console, bucket, now)
        self.case = SearchCase(
            TicketStore(models, (), CustomerStore(models).is_one),
            TicketLists(models),
            CustomerStore(models),
            plans,
            WordIndex(bucket, SegmentFiles(bucket), lambda: now),
        )

    def _fill(self, console: Console) -> None:
        """Write the snapshots. They are in no list, because nothing here lists them."""
        opened = open_ticket("complaint", BY_MAIL, self._plan, BEGAN).after
        blocks = [
            range(start, min(start + BLOCK, self.tickets))
            for start in range(0, self.tickets, BLOCK)
        ]
        with ThreadPoolExecutor(4) as pool:
            done = pool.map(lambda block: self._write(opened, block), blocks)
            for _ in track(done, "tickets", total=len(blocks), console=console):
                pass

    def _write(self, opened: Ticket, block: range) -> None:
        with contextlib.closing(Engine(self._engine, self._region)) as engine:
            for some in itertools.batched(block, BATCH, strict=False):
                requests = []
                for at in some:
                    ticket = replace(
                        opened,
                        number=number_of(at),
                        created_at=BEGAN + GAP * at,
                        team=TEAMS[at % len(TEAMS)],
                    )
                    item = items.snapshot_item(ticket)
                    listed = ("owner_pk", "owner_sk", "open_pk", "open_sk")
                    stored = {name: value for name, value in item.items() if name not in listed}
                    put = {"Item": encoding.item_to_dynamodb(stored)}
                    requests.append({"PutRequest": put})
                answer = engine.call("BatchWriteItem", RequestItems={TABLE: requests})
                assert not answer["UnprocessedItems"], "the engine left items unprocessed"

    def _index(self, console: Console, bucket: SearchBucket, now: datetime) -> int:
        """Write all segments and the manifest. Returns the bytes of the segments."""
        limits = limits_of(self.tickets)
        entries = []
        with ProcessPoolExecutor(2) as pool:
            made = pool.map(built, limits)
            for (start, end), content in track(
                zip(limits, made, strict=True), "segments", total=len(limits), console=console
            ):
                entries.append(bucket.put(content, end - start, now))
        manifest = Manifest(indexed_until=now, segments=tuple(entries))
        bucket.replace(bucket.manifest(), manifest)
        return sum(one.size for one in entries)


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measure. `directory` is unused: nothing is deployed. `scale` changes the largest size."""
    largest = max(2_000, round(LARGEST * scale))
    with dynamodb_local.running(1024) as engine:
        desks = [
            Desk(engine, console, region, size)
            for region, size in (("us-east-1", largest // 100), ("us-east-2", largest))
        ]
        machine.note_load("when the index was made")
        took: dict[int, list[float]] = {desk.tickets: [] for desk in desks}
        slowest: dict[str, float] = {}
        for number in track(range(WARM_UP + ROUNDS), "rounds", console=console):
            for query, desk in itertools.product(QUERIES, desks):
                milliseconds = _search(desk, query)
                if number >= WARM_UP:
                    took[desk.tickets].append(milliseconds)
                    slowest[query] = max(slowest.get(query, 0), milliseconds)
        small, large = desks
        writing = [_timed(partial(built, (at, at + 1))) for at in range(20)]
        return [
            at_most(
                f"search among {large.tickets:,} tickets: p95",
                percentile(took[large.tickets], 0.95),
                "ms",
                P95_MS,
            ),
            compared(
                f"search: median at {large.tickets:,}",
                statistics.median(took[large.tickets]),
                "ms",
                (f"at {small.tickets:,}", statistics.median(took[small.tickets])),
            ),
            Figure(
                "slowest query",
                max(slowest.values()),
                "ms",
                note=max(slowest, key=lambda query: slowest[query]),
            ),
            Figure(f"index of {large.tickets:,} tickets", large.size / 1e6, "MB"),
            Figure("index of one ticket", large.size / large.tickets, "bytes"),
            Figure("segment of one ticket: made in", statistics.median(writing), "ms"),
        ]


def _search(desk: Desk, query: str) -> float:
    """The milliseconds of one page."""

    def searched() -> None:
        found = desk.case.find(MEMBER, query, PAGE_LIMIT, None)
        assert found.index.state is IndexState.COMPLETE

    return _timed(searched)


def _timed(operation: Callable[[], object]) -> float:
    began = time.perf_counter()
    operation()
    return (time.perf_counter() - began) * 1000
