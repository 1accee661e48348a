"""The stored reports of the reconciliation, one for each run, and the progress of the catch-ups."""

from __future__ import annotations

from copy import replace
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from redress.db import encoding, keys, retry
from redress.db.rows import Models


@dataclass(frozen=True, slots=True)
class MailComparison:
    """What one run compared: events from `since` until `until`, with the records of their mails.

    `tickets` counts the tickets that were changed since, closed ones included. Finding and reading
    them took `read_units` of the table and its index, which cost `dollars` at the list price.
    """

    since: datetime
    until: datetime
    tickets: int
    read_units: float
    dollars: float


@dataclass(frozen=True, slots=True)
class MailsToCompare:
    """What the next run compares: the events since `since`, with the records of their mails.

    `left` has tickets of which a mail was undecided: the next run compares their events since the
    time that is given there.
    """

    since: datetime
    left: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """The report of one run: ids and numbers only, never personal data.

    It is stored when the run begins and again when the run ends or fails. Until then `ended_at` is
    None.
    """

    began_at: datetime
    definition: str
    """Fingerprint of the definition and role with which the ticket machine was deployed."""
    definition_since: datetime
    """Since when new executions have had this definition. Earlier ones may have an older one. In
    reports of version 1 it is when a run first saw the definition."""
    teams: tuple[str, ...]
    """All teams known to this run or an earlier one. Their partitions of `open` are compared."""
    ended_at: datetime | None = None
    running: int = 0
    """Executions that ran when the run began."""
    open: int = 0
    """Open tickets that were compared with their workflows."""
    items_read: int = 0
    """Items of the table and entries of its index that were read. They determine the cost."""
    found: dict[str, int] = field(default_factory=dict)
    """How many tickets or executions had each finding (`reconciliation.Finding`)."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Ticket numbers or names of executions for each finding, up to a limit."""
    left: int = 0
    """How many workflows are left for the next run, because the number of repairs is limited."""
    stopped_at: str | None = None
    """Where an incomplete run stopped: `team/shard` or a step. None if the run is complete."""
    mails: MailComparison | None = None
    """The comparison of events with mail records. None if it is not complete, or if an earlier
    version made the report."""
    mails_next: MailsToCompare | None = None
    """What the next run compares. It is the same as for this run, until this run's comparison is
    complete. None if an earlier version made the report."""


_REPORT = msgspec.json.Decoder(ReconciliationReport)


class ReportStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def save(self, report: ReconciliationReport) -> None:
        """Store the report of a run. It replaces an earlier report of the same run."""
        row = self._models.doc(
            keys.RECONCILIATION, keys.run_sk(report.began_at), doc=encoding.encode(report)
        )
        retry.call(row.save)

    def latest(self, limit: int = 1, before: str | None = None) -> list[ReconciliationReport]:
        """The last `limit` reports, newest first. Empty before the first run.

        `before` is a sort key (`keys.run_sk`): only runs that began earlier are returned. A report
        that cannot be read is reported to operations, and an earlier one takes its place.
        """
        model = self._models.doc
        rows = retry.call(
            lambda: list(
                model.query(
                    keys.RECONCILIATION,
                    model.sk < before if before is not None else None,
                    scan_index_forward=False,
                    limit=limit,
                    consistent_read=True,
                )
            )
        )
        found = list(encoding.readable(rows, lambda row: _REPORT.decode(row.doc)))
        missing = len(rows) - len(found)
        return [*found, *self.latest(missing, rows[-1].sk)] if missing else found


@dataclass(frozen=True, slots=True)
class CatchUp:
    """How far the catch-up of the version before has come (`cases/catching_up.py`).

    It mends tickets that were opened before `until`. `month`, `shard` and `cursor` say where the
    next page begins. `tickets` were read, of which `listed` got index keys, `matched` got a
    profile, and `left` could not be mended.
    """

    until: datetime
    month: str
    shard: int = 0
    cursor: str | None = None
    tickets: int = 0
    listed: int = 0
    matched: int = 0
    left: int = 0
    ended_at: datetime | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class MembersCatchUp:
    """How far the catch-up of members of the version before has come (`cases/catching_up.py`).

    It begins at `begin`. `after` is the id of the last member of the page before. Of `members` that
    were listed, `mended` were written, and `left` could not be read.
    """

    begin: datetime
    after: str | None = None
    members: int = 0
    mended: int = 0
    left: int = 0
    ended_at: datetime | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class CallsPlanned:
    """How far the sweep has come in planning calls by a new version of the plan.

    `cases/relationship.py` does it in several runs, because there may be many customers.

    `place` counts the customer types of the plan that are done, and `cursor` says where the next
    page of the next type begins. After the last type the planned calls themselves are walked. Of
    `customers` that were listed, `planned` were changed, and `left` could not be.
    """

    plan_version: int
    place: int = 0
    cursor: str | None = None
    customers: int = 0
    planned: int = 0
    left: int = 0
    ended_at: datetime | None = None
    revision: int = 0


class ProgressStore[Progress: (CatchUp, MembersCatchUp, CallsPlanned)]:
    """The progress of a job in the partition CATCH_UP."""

    def __init__(self, models: Models, sort_key: str, kind: type[Progress]) -> None:
        self._models, self._sort_key = models, sort_key
        self._decoder: msgspec.json.Decoder[Progress] = msgspec.json.Decoder(kind)

    def progress(self) -> Progress | None:
        """The stored progress; None before the first sweep. Raises Unreadable."""
        model = self._models.doc
        rows = retry.call(
            lambda: list(
                model.query(keys.CATCH_UP, model.sk == self._sort_key, consistent_read=True)
            )
        )
        return (
            encoding.decoded(rows[0], lambda row: self._decoder.decode(row.doc)) if rows else None
        )

    def save(self, progress: Progress) -> Progress | None:
        """Store the progress after that with its revision. Return it with the next revision.

        Returns None, and stores nothing, if another run has stored its progress meanwhile.
        """
        model = self._models.doc
        following = replace(progress, revision=progress.revision + 1)
        row = model(
            keys.CATCH_UP,
            self._sort_key,
            doc=encoding.encode(following),
            revision=following.revision,
        )
        unchanged = (
            model.revision == progress.revision if progress.revision else model.pk.does_not_exist()
        )
        try:
            retry.call(lambda: row.save(condition=unchanged), ["progress"])
        except retry.ConditionFailed:
            return None
        return following


class CatchUpStore(ProgressStore[CatchUp]):
    def __init__(self, models: Models) -> None:
        super().__init__(models, keys.CATCH_UP, CatchUp)


class MembersCatchUpStore(ProgressStore[MembersCatchUp]):
    def __init__(self, models: Models) -> None:
        super().__init__(models, keys.MEMBERS_CATCH_UP, MembersCatchUp)


class CallsPlannedStore(ProgressStore[CallsPlanned]):
    def __init__(self, models: Models) -> None:
        super().__init__(models, keys.RELATIONSHIP_CALLS, CallsPlanned)
