"""The table's stream: what a record reports, and how a reader processes a batch of records.

The stream has two readers, and DynamoDB allows no third one: the relay sends signals to workflows,
the follower sends the messages that follow from events. Each has its own position in the stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from redress.base import observe
from redress.base.errors import NotFound, Unavailable
from redress.db import keys, retry
from redress.tickets.rules import feed

Record = dict[str, Any]
"""A stream record, in the shape of a Lambda event's `Records`."""


@dataclass(frozen=True, slots=True)
class TimerChanged:
    """The TIMER of a ticket changed: its workflow must be started or woken."""

    number: str


@dataclass(frozen=True, slots=True)
class EventAdded:
    """An event was added to a ticket: mails may follow, or an agent must be found."""

    number: str
    doc: str
    """The event as stored."""


@dataclass(frozen=True, slots=True)
class CapacityFreed:
    """An agent of this team became available or got room, so the team's queue can be drained."""

    team: str
    agent: str


@dataclass(frozen=True, slots=True)
class TicketChanged:
    """A ticket has a new version. Those who follow the feed of changes must learn it."""

    change: feed.Change


StreamChange = TimerChanged | EventAdded | CapacityFreed | TicketChanged


class _Snapshot(Struct):
    """The part of a snapshot's document that the feed needs."""

    team: str


_SNAPSHOT = msgspec.json.Decoder(_Snapshot)


def stream_change_of(record: dict[str, Any]) -> StreamChange | None:
    """The change that a stream record reports, or None if nothing follows from it.

    Raises KeyError or ValueError for a record that cannot come from this table.
    """
    image = record["dynamodb"].get("NewImage")
    sk = record["dynamodb"]["Keys"]["sk"]["S"]
    pk = record["dynamodb"]["Keys"]["pk"]["S"]
    if image is None:
        return None
    if sk == keys.TIMER:
        return TimerChanged(keys.number_of(pk)) if "awake" in image else None
    if sk.startswith(keys.EVENT_PREFIX):
        if record["eventName"] != "INSERT":
            return None
        return EventAdded(keys.number_of(pk), image["doc"]["S"])
    if sk == keys.AVAILABILITY:
        return _capacity_freed(image, record["dynamodb"].get("OldImage"))
    if sk == keys.TICKET:
        return _ticket_changed(keys.number_of(pk), image, record["dynamodb"].get("OldImage"))
    return None


def _ticket_changed(
    number: str, new: dict[str, Any], old: dict[str, Any] | None
) -> TicketChanged | None:
    """TicketChanged if the snapshot has another version than before."""
    version = int(new["version"]["N"])
    if old and int(old["version"]["N"]) == version:
        return None
    team = _team(new)
    before = _team(old) if old else team
    return TicketChanged(feed.Change(number, version, team, before if before != team else None))


def _team(image: dict[str, Any]) -> str:
    """The team in a snapshot. Raises ValueError if the document cannot be read."""
    try:
        return _SNAPSHOT.decode(image["doc"]["S"]).team
    except msgspec.MsgspecError as error:
        raise ValueError("the document of a snapshot cannot be read") from error


def _capacity_freed(new: dict[str, Any], old: dict[str, Any] | None) -> CapacityFreed | None:
    """CapacityFreed if the agent has more room than before, or less of a live conversation.

    An agent who is away has no room.
    """
    if not _is_present(new):
        return None
    room, live = _room(new), _number(new, "live")
    before, lived = (_room(old), _number(old, "live")) if old and _is_present(old) else (0, live)
    if room <= 0 or (room <= max(before, 0) and live >= lived):
        return None
    return CapacityFreed(new["team"]["S"], keys.agent_of(new["pk"]["S"]))


def _is_present(image: dict[str, Any]) -> bool:
    """Whether routing finds the agent, or finds them again when they have room."""
    return "duty_pk" in image or "withdrawn" in image


def _room(image: dict[str, Any]) -> int:
    return int(image["capacity"]["N"]) - int(image["load"]["N"])


def _number(image: dict[str, Any], name: str) -> int:
    return int(image[name]["N"]) if name in image else 0


# ------------------------------------------------------------------------------ reading


class NotTaken(Exception):
    """A queue rejected some messages of a batch.

    All messages of the batch are sent again later. Repeated messages do no harm.
    """


class NotTried(Exception):
    """Too little time was left for a change. Its record is delivered again."""


_TEMPORARY = (ClientError, BotoCoreError, Unavailable, NotTaken, NotTried)
"""After these errors, unless the request itself is wrong, the record is retried for almost a day.
That is time enough to restore a missing permission or a deleted queue."""


RESERVE_S = 20.0
"""A reader begins no change if fewer seconds are left. These are four calls of a service, each
without a retry: the change reads a TIMER, sends a signal and writes the TIMER, and its record may
have to be set aside. If the first two calls are slow, the write of the TIMER is left out and the
record is repeated. `tests/template` compares the value with the timeouts of calls and functions."""

LATE = timedelta(minutes=3)
"""A reader reports a change that it reads this long after it was written. Usually this takes less
than a second. A record whose first attempts failed is not late yet."""

AFTER_TABLE_S = 15.0
"""The last attempt to read the TIMER begins with this many seconds left, which are three calls."""

DELIVERY_S = 10.0
"""A delivery begins a call only if at least so many seconds are left. They are for this call and
for setting aside what the receiver did not take. So even if none of the four receivers answers,
there is time to set the records aside."""

ASIDE_S = 5.0
"""A record is set aside only if at least so many seconds are left: the time of one call."""

FEED_S = 10.0
"""A reader that also writes the feed needs this many seconds more: the time of two calls."""

LAST_CALL_S = 5.0
"""The last attempt to write the feed begins with this many seconds left, which are one call."""


class StreamReader[Change: StreamChange]:
    """Processes batches of stream records for one reader.

    name          the function, for reports
    logger        the logger of the function
    kinds         the changes that this reader follows; it ignores all others
    follow        follows one change; it may be repeated, and it raises the error of a service
    letters       the SQS client and the URL of the dead-letter queue of this reader
    seconds_left  returns the seconds until the function's timeout
    now           returns the time
    append        writes the changed tickets of a batch; None if this reader does not
    deliver       sends what `follow` has collected, as long as its argument says that there is time
                  for one more call, beside so many seconds; returns the changes that were not
                  followed, with the errors. None if `follow` has sent everything
    """

    def __init__(
        self,
        name: str,
        logger: Any,
        kinds: tuple[type[Change], ...],
        follow: Callable[[Change], None],
        letters: tuple[Any, str],
        seconds_left: Callable[[], float],
        now: Callable[[], datetime],
        append: Callable[[list[feed.Change]], None] | None = None,
        deliver: Callable[[Callable[[float], bool]], Mapping[Change, Exception]] | None = None,
    ) -> None:
        self._name, self._logger, self._kinds, self._follow = name, logger, kinds, follow
        self._sqs, self._queue_url = letters
        self._seconds_left, self._now, self._append = seconds_left, now, append
        self._deliver = deliver
        self._feed_s = 0.0 if append is None else FEED_S

    def read(self, records: Iterable[Record]) -> dict[str, Any]:
        """Follow each record of a batch. Return the first record to deliver again, if any.

        The answer has the shape of Lambda's partial batch response. It is a checkpoint: Lambda
        delivers the reported record and all records after it again, and later batches wait. So
        every record of the batch is tried before the answer, as long as RESERVE_S are left, and
        what was collected is delivered as long as DELIVERY_S are left. The
        first change is always tried. A record that no retry can process goes to the dead-letter
        queue, and the other records are processed. At the end, the feed gets all changed tickets
        of the batch at once. If that fails, the records of all these tickets are repeated.
        """
        failed: list[str] = []
        changed: dict[feed.Change, Record] = {}
        seen: dict[Change, Record] = {}
        undone: set[Change] = set()
        ages: list[timedelta] = []
        for record in records:
            try:
                change = stream_change_of(record)
            except (KeyError, ValueError, TypeError) as error:
                if not self._is_set_aside(record, error):
                    failed.append(record["dynamodb"]["SequenceNumber"])
                continue
            if isinstance(change, TicketChanged) and self._append is not None:
                changed.setdefault(change.change, record)
                ages.append(self._age(record))
                continue
            if not isinstance(change, self._kinds) or change in seen:
                continue
            if seen and not self._has(RESERVE_S):
                # Without an answer Lambda would repeat the whole batch.
                self._logger.warning("too little time is left for the rest of the batch")
                failed.append(record["dynamodb"]["SequenceNumber"])
                break
            seen[change] = record
            ages.append(self._age(record))
            try:
                with retry.within(self._seconds_left() - AFTER_TABLE_S):
                    self._follow(change)
            except Exception as error:
                undone.add(change)
                if not self._is_done_with(record, error):
                    failed.append(record["dynamodb"]["SequenceNumber"])
        if self._deliver is not None:
            faults: Mapping[Change, Exception]
            try:
                with retry.within(self._seconds_left() - AFTER_TABLE_S):
                    faults = self._deliver(lambda kept: self._has(DELIVERY_S + kept))
            except Exception as error:
                faults = dict.fromkeys((one for one in seen if one not in undone), error)
            for followed, fault in faults.items():
                if not self._has(ASIDE_S) or not self._is_done_with(seen[followed], fault):
                    failed.append(seen[followed]["dynamodb"]["SequenceNumber"])
        if changed and not self._is_fed(changed):
            failed += [record["dynamodb"]["SequenceNumber"] for record in changed.values()]
        if ages and max(ages) > LATE:
            late = {"reader": self._name, "seconds_late": round(max(ages).total_seconds())}
            observe.report(observe.Alarm.WORKFLOWS_REPAIRED, "changes are read late", late)
        first = [{"itemIdentifier": min(failed, key=_order)}] if failed else []
        return {"batchItemFailures": first}

    def _has(self, seconds: float) -> bool:
        """Whether so many seconds are left beside those for the feed."""
        return self._seconds_left() >= seconds + self._feed_s

    def _is_done_with(self, record: Record, error: Exception) -> bool:
        """Whether a record that could not be followed need not be delivered again.

        A record that no retry can process is set aside.
        """
        if isinstance(error, NotFound):
            self._logger.info("there is no such ticket", extra=_named(record))
            return True
        if not _is_temporary(error) and self._is_set_aside(record, error):
            return True
        self._logger.warning(
            "a record will be delivered again", extra=_named(record) | observe.fault_of(error)
        )
        return False

    def _is_fed(self, changed: Mapping[feed.Change, Record]) -> bool:
        """Write the feed. Returns False after any error, because no change may be left out."""
        assert self._append is not None
        try:
            with retry.within(self._seconds_left() - LAST_CALL_S):
                self._append(list(changed))
        except Exception as error:
            about = {"changes": len(changed)} | observe.fault_of(error)
            self._logger.warning("the feed of changes will be written again", extra=about)
            return False
        return True

    def _age(self, record: Record) -> timedelta:
        """How long ago the change of a record was written."""
        written = record["dynamodb"].get("ApproximateCreationDateTime")
        if written is None:
            return timedelta(0)
        return self._now() - datetime.fromtimestamp(written, UTC)

    def _is_set_aside(self, record: Record, error: Exception) -> bool:
        """Report a record that no retry can process to the dead-letter queue.

        The message has the keys, the sequence number and the fault, but not the record's content.
        Returns False if the queue refused the message.
        """
        body = {
            "keys": record.get("dynamodb", {}).get("Keys"),
            "sequence": record.get("dynamodb", {}).get("SequenceNumber"),
            "fault": type(error).__name__,
        }
        try:
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(body))
        except (ClientError, BotoCoreError) as refusal:
            about = _named(record) | observe.fault_of(refusal)
            self._logger.warning("a record could not be set aside", extra=about)
            return False
        about = {"reader": self._name} | _named(record) | observe.fault_of(error)
        observe.report(observe.Alarm.DEAD_LETTERS, "a record was set aside", about)
        return True


def _is_temporary(error: Exception) -> bool:
    """Whether the same record may succeed later, because a service failed for the moment."""
    return isinstance(error, _TEMPORARY) and not retry.is_wrong_request(error)


def _order(sequence: str) -> tuple[int, str]:
    """The sort key of a sequence number, which is a decimal number of any length."""
    return len(sequence), sequence


def _named(record: Record) -> dict[str, str]:
    """The key of a record's item, for the log. It contains the number of the ticket."""
    pk = record.get("dynamodb", {}).get("Keys", {}).get("pk", {})
    return {"pk": str(pk.get("S", ""))} if isinstance(pk, dict) else {}
