"""What follows an event, without a cloud: the stream, the follower, the mail queue, the mailer.

The built functions do the work. This module does what Lambda does for them on AWS: it reads the
stream, passes the records that the template's filters accept to relay and follower in batches, and
passes the mail queue's messages to the mailer one by one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.engine import STREAM_API, Engine
from bench.services import Services, Tally
from bench.serving import Function
from local import stack
from local.filters import reaches

BATCH = 100
"""Changes that a reader gets at once, as in the template. The mailer gets one mail at a time."""
POLL_S = 0.05


class FollowingError(RuntimeError):
    """A function failed on its input, or did not finish in time."""


class Changes:
    """Reads the records that this table's stream gets from now on."""

    def __init__(self, engine: str, table: str) -> None:
        # Plain requests: on AWS Lambda reads the stream, so here reading should cost little.
        self._engine = Engine(engine, stack.REGION, STREAM_API)
        stream = self._engine.call("ListStreams", TableName=table)["Streams"][0]["StreamArn"]
        described = self._engine.call("DescribeStream", StreamArn=stream)["StreamDescription"]
        found = self._engine.call(
            "GetShardIterator",
            StreamArn=stream,
            ShardId=described["Shards"][-1]["ShardId"],
            ShardIteratorType="LATEST",
        )
        self._iterator: str = found["ShardIterator"]

    def read(self) -> list[dict[str, Any]]:
        """The records since the last call."""
        found = self._engine.call("GetRecords", ShardIterator=self._iterator, Limit=1000)
        self._iterator = found["NextShardIterator"]
        records: list[dict[str, Any]] = found["Records"]
        return records

    def close(self) -> None:
        self._engine.close()


@contextlib.contextmanager
def following(
    changes: Changes,
    services: Services,
    readers: Mapping[str, Function],
    mailers: Sequence[Function],
    behind: int = 0,
) -> Iterator[Callable[[int, float], None]]:
    """Runs the stream's readers and the mailers on the table's changes until the block ends.

    Yields a function `wait(count, seconds)` that waits until `count` mails are sent, and raises
    FollowingError after `seconds`. `behind` lowers the priority of the threads that pass on the
    work (`nice`, which on Linux applies to a thread).
    """
    over = threading.Event()
    done = Tally()
    with ThreadPoolExecutor(1 + len(mailers), initializer=os.nice, initargs=(behind,)) as pool:
        working = [pool.submit(_read, changes, readers, over)]
        working += [pool.submit(_mail, services.jobs, mailer, done, over) for mailer in mailers]

        def wait(count: int, seconds: float) -> None:
            deadline = time.monotonic() + seconds
            while done.count < count:
                for one in working:
                    if one.done():
                        one.result()
                if time.monotonic() > deadline:
                    raise FollowingError(f"{done.count} of {count} mails in {seconds:.0f} s")
                time.sleep(0.005)

        try:
            yield wait
        finally:
            over.set()
    for one in working:
        one.result()


def _read(changes: Changes, readers: Mapping[str, Function], over: threading.Event) -> None:
    while not over.is_set():
        records = changes.read()
        for name, reader in readers.items():
            wanted = [record for record in records if reaches(name, record)]
            for batch in itertools.batched(wanted, BATCH, strict=False):
                if reader.invoke({"Records": batch})["batchItemFailures"]:
                    raise FollowingError(f"the {name} reported failures in a batch")
        if not records:
            time.sleep(POLL_S)


def _mail(
    jobs: queue.SimpleQueue[str], mailer: Function, done: Tally, over: threading.Event
) -> None:
    while not over.is_set():
        try:
            body = jobs.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if mailer.invoke({"Records": [_message(body)]})["batchItemFailures"]:
            raise FollowingError("a mail was not sent")
        done.add(1)


def _message(body: str) -> dict[str, Any]:
    return {
        "messageId": "1",
        "receiptHandle": "1",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
    }
