"""What reconciliations found: one report for each run, kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from redress.db import encoding, keys, retry
from redress.db.rows import Models


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """One run of the reconciliation; ids and numbers only, never personal data.

    It is stored when the run begins (`ended_at` None) and again when it ends, whichever way.
    """

    began_at: datetime
    definition: str
    """Fingerprint of the ticket machine's definition and role, as deployed at the time."""
    definition_since: datetime
    """When a run first saw this definition: executions from before it may have an older one."""
    teams: tuple[str, ...]
    """Every team that any run ever heard of: whose partitions of the open index are walked."""
    ended_at: datetime | None = None
    running: int = 0
    """Executions that ran when the run began."""
    open: int = 0
    """Open tickets that were compared with their workflows."""
    items_read: int = 0
    """Items of the table and entries of its index that were read: the price of the run."""
    found: dict[str, int] = field(default_factory=dict)
    """How many tickets or executions, by what was found (`reconciling.Finding`)."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """The first ticket numbers or names of executions of each finding."""
    left: int = 0
    """What was found and is left to the next run, because one run does so much at most."""
    stopped_at: str | None = None
    """Where the run ended before its end: `team/shard`, or the step; None after a whole one."""


_REPORT = msgspec.json.Decoder(ReconciliationReport)


class ReportStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def save(self, report: ReconciliationReport) -> None:
        """Keep the report of a run, in place of what the same run said before."""
        row = self._models.doc(
            keys.RECONCILIATION, keys.run_sk(report.began_at), doc=encoding.encode(report)
        )
        retry.call(row.save)

    def latest(self, limit: int = 1, before: str | None = None) -> list[ReconciliationReport]:
        """The last reports, newest first; empty before the first run.

        `before` is a sort key (`keys.run_sk`): only runs that began before it.
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
        return [_REPORT.decode(row.doc) for row in rows]
