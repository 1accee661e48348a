"""The store of jobs: rehearsals of plans, and moves of open tickets to a plan.

All items of a job are under `REHEARSAL#{job}`: the job with its progress, the draft, one item for
each part, and the final counts. Saving a part and adding to the job's progress is one transaction.
It fails if another invocation has saved the part meanwhile. So if two invocations do the same work,
it is counted once.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from redress.base.errors import NotFound
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.rehearsals.rules.counting import Counts


class JobKind(StrEnum):
    REHEARSAL = "rehearsal"
    MOVE = "move"


class JobState(StrEnum):
    """The state of a job.

    waiting  the tickets and parts of the job are not listed yet
    running  parts are processed, or their counts are being added up
    done     the final counts are stored
    failed   the job ended without a result
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RehearsalJob:
    """What a job was asked to do. It never changes.

    by, role      the id and role of the manager who began the job
    begun_at      a rehearsal ignores events after this time
    fingerprint   a digest of the request; it shows that a repeated request is the same
    plan_version  the version of the draft, or the version to which tickets move
    """

    id: str
    kind: JobKind
    by: str
    role: str
    begun_at: datetime
    fingerprint: str
    plan_version: int
    period: tuple[str, str] | None = None
    """First and last month of a rehearsal."""
    start: datetime | None = None
    end: datetime | None = None
    apply: bool = False
    dry_run: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a job: of `listed` tickets, `done` are processed.

    `parts` is the number of parts. `fault` says why the job failed.
    """

    state: JobState
    parts: int
    listed: int
    done: int
    updated_at: datetime
    fault: str | None


class JobPart(msgspec.Struct, rename={"counts": "tally"}):
    """The progress and counts of one part.

    `revision` is the revision of the stored item, or 0 if none is stored yet.
    """

    cursor: str | None = None
    finished: bool = False
    rounds: int = 0
    """How many times all tickets of the part were processed."""
    acted: int = 0
    """How many tickets the current round has moved."""
    counts: Counts = msgspec.field(default_factory=Counts)
    revision: int = 0


class PartRaced(Exception):
    """Another invocation has saved the same part since it was read. Nothing was written."""


_JOB = msgspec.json.Decoder(RehearsalJob)
_PART = msgspec.json.Decoder(JobPart)
_COUNTS = msgspec.json.Decoder(Counts)


class RehearsalStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    # ---------------------------------------------------------------- jobs

    def begin(self, job: RehearsalJob, draft: dict[str, Any] | None, now: datetime) -> bool:
        """Store a new job and its draft. Returns False if a job with this id already exists."""
        pk = keys.rehearsal_pk(job.id)
        row = self._models.job(
            pk,
            keys.JOB,
            doc=encoding.encode(job),
            state=JobState.WAITING.value,
            parts=0,
            listed=0,
            done=0,
            updated=now.isoformat(),
        )
        drafted = self._models.doc(pk, keys.DRAFT, doc=encoding.encode(draft))
        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.save(row, condition=self._models.job.pk.does_not_exist())
                transaction.save(drafted, condition=self._models.doc.pk.does_not_exist())

        try:
            retry.call(write, ("job", "draft"))
        except retry.ConditionFailed:
            return False
        return True

    def job(self, job: str) -> tuple[RehearsalJob, Progress]:
        """Return a job and its progress. Raises NotFound or Unreadable."""
        try:
            row = retry.call(
                lambda: self._models.job.get(keys.rehearsal_pk(job), keys.JOB, consistent_read=True)
            )
        except DoesNotExist as error:
            raise NotFound("there is no such rehearsal") from error
        return encoding.decoded(row, _job_of)

    def draft(self, job: str) -> dict[str, Any]:
        """Return the draft's document as it was submitted. Raises NotFound."""
        row = self._get(job, keys.DRAFT)
        if row is None:
            raise NotFound("there is no such rehearsal")
        return encoding.decoded(row, lambda one: msgspec.json.decode(one.doc, type=dict[str, Any]))

    def listed(self, job: str, parts: int, tickets: int, now: datetime) -> None:
        """Record the number of parts and tickets, and start a waiting job.

        A job in any other state is not changed.
        """
        model = self._models.job
        self._update(
            job,
            [
                model.state.set(JobState.RUNNING.value),
                model.parts.set(parts),
                model.listed.set(tickets),
                model.updated.set(now.isoformat()),
            ],
            model.state == JobState.WAITING.value,
        )

    def conclude(self, job: str, counts: Counts, now: datetime) -> None:
        """Store the result, then mark the job as done. So every job that is done has a result."""
        row = self._models.doc(keys.rehearsal_pk(job), keys.REPORT, doc=_compressed(counts))
        retry.call(row.save)
        model = self._models.job
        self._update(
            job,
            [
                model.state.set(JobState.DONE.value),
                model.updated.set(now.isoformat()),
                model.fault.remove(),
            ],
            model.pk.exists(),
        )

    def fail(self, job: str, fault: str, now: datetime) -> bool:
        """Mark a job as failed. Returns False if the job has already ended or does not exist."""
        model = self._models.job
        return self._update(
            job,
            [
                model.state.set(JobState.FAILED.value),
                model.updated.set(now.isoformat()),
                model.fault.set(fault),
            ],
            model.state.is_in(JobState.WAITING.value, JobState.RUNNING.value),
        )

    def abandon(self, job: str, fault: str, now: datetime) -> bool:
        """Mark a job that waits as failed. Returns False if it has begun to run, or is over."""
        model = self._models.job
        return self._update(
            job,
            [
                model.state.set(JobState.FAILED.value),
                model.updated.set(now.isoformat()),
                model.fault.set(fault),
            ],
            model.state == JobState.WAITING.value,
        )

    def result(self, job: str) -> Counts:
        """Return the final counts. Raises NotFound if they are not stored yet."""
        row = self._get(job, keys.REPORT)
        if row is None:
            raise NotFound("there is no report yet")
        return encoding.decoded(row, lambda one: _COUNTS.decode(_decompressed(one.doc)))

    # ---------------------------------------------------------------- parts

    def part(self, job: str, name: str) -> JobPart:
        """Return the progress of a part. If none is stored yet, it is an empty `JobPart`."""
        row = self._get(job, keys.part_sk(name))
        return encoding.decoded(row, _part_of) if row is not None else JobPart()

    def parts(self, job: str) -> Iterator[JobPart]:
        """Yield all parts that have begun."""
        model = self._models.doc
        among = model.sk.startswith(keys.PART_PREFIX)
        rows = model.query(keys.rehearsal_pk(job), among, page_size=50, consistent_read=True)
        while (row := retry.call(lambda: next(rows, None))) is not None:
            yield encoding.decoded(row, _part_of)

    def save_part(self, job: str, name: str, part: JobPart, done: int, now: datetime) -> None:
        """Replace the stored part, and add `done` tickets to the job's progress.

        Raises PartRaced if another invocation has saved the part since it was read.
        """
        pk, model, jobs = keys.rehearsal_pk(job), self._models.doc, self._models.job
        row = model(pk, keys.part_sk(name), doc=_compressed(part), revision=part.revision + 1)
        unchanged = model.revision == part.revision if part.revision else model.pk.does_not_exist()
        add_done: list[UpdateAction] = [
            jobs.done.set(jobs.done + done),
            jobs.updated.set(now.isoformat()),
        ]
        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.save(row, condition=unchanged)
                transaction.update(jobs(pk, keys.JOB), actions=add_done, condition=jobs.pk.exists())

        try:
            retry.call(write, ("part", "job"))
        except retry.ConditionFailed as lost:
            raise PartRaced(name) from lost
        part.revision += 1

    # ---------------------------------------------------------------- helpers

    def _get(self, job: str, sk: str) -> Any:
        pk = keys.rehearsal_pk(job)
        try:
            return retry.call(lambda: self._models.doc.get(pk, sk, consistent_read=True))
        except DoesNotExist:
            return None

    def _update(self, job: str, actions: list[UpdateAction], condition: Any) -> bool:
        row = self._models.job(keys.rehearsal_pk(job), keys.JOB)
        try:
            retry.call(lambda: row.update(actions=actions, condition=condition), ("job",))
        except retry.ConditionFailed:
            return False
        return True


def _job_of(row: Any) -> tuple[RehearsalJob, Progress]:
    progress = Progress(
        JobState(row.state),
        int(row.parts or 0),
        int(row.listed or 0),
        int(row.done or 0),
        datetime.fromisoformat(row.updated),
        row.fault,
    )
    return _JOB.decode(row.doc), progress


def _part_of(row: Any) -> JobPart:
    part = _PART.decode(_decompressed(row.doc))
    part.revision = int(row.revision)
    return part


def _compressed(value: Any) -> str:
    """Encode and compress a value.

    Counts repeat the same keys, so they compress well. An item can hold 400 KB.
    """
    return base64.b85encode(zlib.compress(msgspec.json.encode(value))).decode("ascii")


def _decompressed(doc: str) -> bytes:
    return zlib.decompress(base64.b85decode(doc))
